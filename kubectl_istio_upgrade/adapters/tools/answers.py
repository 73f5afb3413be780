"""What istioctl prints, read. Its exit codes say nothing: `version` always succeeds, `analyze` fails at a warning."""

from __future__ import annotations

from typing import Any

import orjson

from ...errors import ToolError
from ...models.objects import Body
from ...models.tools import ControlPlaneVersion, Level, MeshVersions, ProxyStatus, ToolMessage
from ..yamlio import YamlError, load_all
from .process import Ran


def versions(ran: Ran) -> MeshVersions:
    """Of `version -o json`. A key that is missing says that nothing could be reached."""
    answer = _json(ran)
    control_plane = tuple(
        ControlPlaneVersion(str(each.get("Component", "")), str(each.get("Revision", "")), str(each["Info"]["version"]))
        for each in answer.get("meshVersion") or ()
    )
    proxies = {str(each["ID"]): str(each["IstioVersion"]) for each in answer.get("dataPlaneVersion") or ()}
    return MeshVersions(str(answer["clientVersion"]["version"]), control_plane, proxies)


def messages(ran: Ran) -> tuple[ToolMessage, ...]:
    """Of `analyze -o json` and `x precheck -o json`. Nothing found is nothing printed, or an empty list."""
    if not ran.out.strip():
        if ran.code and not ran.err.strip():
            raise ToolError(f"istioctl ended with status {ran.code} and said nothing")
        return ()
    return tuple(_message(each) for each in _json(ran) or ())


def objects(ran: Ran) -> tuple[Body, ...]:
    """Of `manifest generate`, and of Helm's like: YAML documents, some of them empty."""
    try:
        return tuple(document for document in load_all(ran.out) if document)
    except YamlError as error:
        raise ToolError(f"what was rendered is not YAML: {error}") from error


def proxies(ran: Ran) -> tuple[ProxyStatus, ...]:
    """Of `proxy-status -o json` (since 1.27; before there was only text)."""
    raise NotImplementedError


def _message(each: Body) -> ToolMessage:
    return ToolMessage(
        code=str(each.get("code", "")),
        level=Level(str(each.get("level", "info")).lower()),
        message=str(each.get("message", "")),
        origin=str(each.get("origin", "")),
        documentation=str(each.get("documentationUrl", "")),
    )


def _json(ran: Ran) -> Any:
    try:
        return orjson.loads(ran.out)
    except orjson.JSONDecodeError:
        words = ran.last_words or f"status {ran.code}"
        raise ToolError(f"istioctl did not answer as it should: {words}") from None
