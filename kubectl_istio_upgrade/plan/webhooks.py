"""Webhook configurations that are created anew need a CA: not the one of long ago, but the one in force."""

from __future__ import annotations

from collections.abc import Iterator

from ..models.objects import Body, Json, Key, State, clone
from ..rules.fields import WEBHOOKS


def with_current_ca(body: Body, live: State) -> Body:
    """The body with each `caBundle` taken from a live webhook that calls the same service.

    istiod would put its own in within seconds, but until then every call would fail, and a webhook that fails closed
    would block what it guards. Where no live webhook calls that service the stored CA stays: it is the best known.
    """
    if not body.get("webhooks"):
        return body
    known = dict(_live_bundles(live))
    result: Body = clone(body)
    for hook in result["webhooks"]:
        service = _service(hook)
        if service in known:
            hook["clientConfig"]["caBundle"] = known[service]
    return result


def _live_bundles(live: State) -> Iterator[tuple[tuple[str, str], str]]:
    keys: list[Key] = [key for key in live.versions if key.resource in WEBHOOKS]
    for obj in live.load(keys).values():
        for hook in obj.body.get("webhooks") or ():
            service, bundle = _service(hook), hook.get("clientConfig", {}).get("caBundle")
            if service and bundle:
                yield service, bundle


def _service(hook: Json) -> tuple[str, str] | None:
    service = hook.get("clientConfig", {}).get("service")
    return (service["namespace"], service["name"]) if service else None
