"""What istioctl prints, read. Its exit codes say little: `version` always succeeds, `precheck` fails at a warning.

Measured with 1.28.3: its log goes to stdout, before the answer; `analyze` logs there whenever it runs.
`proxy-status -o json` prints the table all the same, before 1.30.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from ...errors import ToolError
from ...models.objects import Body
from ...models.releases import Release
from ...models.tools import ControlPlaneVersion, Level, MeshVersions, ProxyStatus, ToolMessage
from ..yamlio import YamlError, load_all
from .process import Ran

OWN_VERSION = "65536.65536.65536"
"""What istioctl calls itself when it asks an istiod, which then counts it among the proxies (pkg/adsc)."""

NOT_SETTLED = ("STALE", "ERROR", "UNKNOWN")
"""How the table calls configuration that a proxy has not, or not yet, accepted."""

NOT_SENT, ALWAYS_SENT = "NOT SENT", ("CDS", "LDS")
UNAMBIGUOUS_SINCE = Release(1, 23)
"""Before that it stood as well for types that a proxy does not subscribe to (istio/istio#51638), such as RDS of a
gateway without routes; every proxy subscribes to those two."""

_log_line = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\t(?:debug|info|warn|error|fatal)\t")
_header = re.compile(r"\S+(?: \S+)*")
_ABOUT_THE_PROXY = ("NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES")


def versions(ran: Ran) -> MeshVersions:
    """Of `version -o json`. A key that is missing says that nothing could be reached."""
    answer = _json(ran)
    control_plane = tuple(
        ControlPlaneVersion(str(each.get("Component", "")), str(each.get("Revision", "")), str(each["Info"]["version"]))
        for each in answer.get("meshVersion") or ()
    )
    proxies = {
        str(each["ID"]): str(each["IstioVersion"])
        for each in answer.get("dataPlaneVersion") or ()
        if each["IstioVersion"] != OWN_VERSION
    }
    unreached = "" if control_plane else ran.last_words
    return MeshVersions(str(answer["clientVersion"]["version"]), control_plane, proxies, unreached)


def messages(ran: Ran) -> tuple[ToolMessage, ...]:
    """Of `analyze -o json` and `x precheck -o json`. Nothing found is nothing printed, or an empty list.

    Both fail without printing anything when they cannot reach the cluster, or may not look.
    """
    if not _said(ran):
        if ran.code:
            raise ToolError(f"istioctl could not look: {ran.last_words or f'it ended with status {ran.code}'}")
        return ()
    return tuple(_message(each) for each in _json(ran) or ())


def objects(ran: Ran) -> tuple[Body, ...]:
    """Of `manifest generate`, and of Helm's like: YAML documents, some of them empty."""
    try:
        return tuple(document for document in load_all(_said(ran)) if document)
    except YamlError as error:
        raise ToolError(f"what was rendered is not YAML: {error}") from error


def proxies(ran: Ran) -> tuple[ProxyStatus, ...]:
    """Of `proxy-status`, the table: its columns begin where their titles do."""
    if ran.code:
        raise ToolError(f"istioctl proxy-status failed: {ran.last_words}")
    lines = _said(ran).splitlines()
    if not lines or not lines[0].startswith("NAME"):
        raise ToolError(f"istioctl proxy-status did not answer with a table: {ran.last_words}")
    rows = (_row(line, [*_header.finditer(lines[0])]) for line in lines[1:] if line.strip())
    return tuple(_proxy(row) for row in rows if row.get("VERSION") != OWN_VERSION)


def _row(line: str, titles: list[re.Match[str]]) -> dict[str, str]:
    ends = [title.start() for title in titles[1:]] + [len(line)]
    return {title[0]: line[title.start() : end].strip() for title, end in zip(titles, ends, strict=True)}


def _proxy(row: dict[str, str]) -> ProxyStatus:
    return ProxyStatus(row["NAME"], row.get("ISTIOD", ""), row.get("VERSION", ""), tuple(_stale(row)))


def _stale(row: dict[str, str]) -> Iterator[str]:
    release = Release.parse(row.get("VERSION", ""))
    unambiguous = release is None or release.rank >= UNAMBIGUOUS_SINCE.rank
    for title, text in row.items():
        unsent = text.startswith(NOT_SENT) and (unambiguous or title in ALWAYS_SENT)
        if title not in _ABOUT_THE_PROXY and (unsent or text.startswith(NOT_SETTLED)):
            yield title


def _message(each: Body) -> ToolMessage:
    return ToolMessage(
        code=str(each.get("code", "")),
        level=Level(str(each.get("level", "info")).lower()),
        message=str(each.get("message", "")),
        origin=str(each.get("origin", "")),
        documentation=str(each.get("documentationUrl", "")),
    )


def _said(ran: Ran) -> str:
    """What it printed, without its log."""
    return "".join(line for line in ran.out.splitlines(keepends=True) if not _log_line.match(line)).strip()


def _json(ran: Ran) -> Any:
    try:
        return orjson.loads(_said(ran))
    except orjson.JSONDecodeError:
        words = ran.last_words or f"status {ran.code}"
        raise ToolError(f"istioctl did not answer as it should: {words}") from None


_STEP_DONE = re.compile(r"\s*[✔❗✘]\s*(?P<text>.*?)[^\w).]*")


def step_of_install(line: str) -> str:
    """A line of `istioctl install`, for people who wait: what is done, or wrong; "" for its ornaments."""
    match = _STEP_DONE.fullmatch(line)
    return f"istioctl: {match['text']}" if match and match["text"] else ""
