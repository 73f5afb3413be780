"""Webhook configurations that are created anew need a CA: not the one of long ago, but the one in force."""

from __future__ import annotations

from collections.abc import Iterator

from ..models.objects import Body, Key, State, clone
from ..models.webhooks import ServiceName
from ..rules.fields import WEBHOOKS
from .dead_webhooks import service_of


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
        service = service_of(hook)
        if service in known:
            hook["clientConfig"]["caBundle"] = known[service]
    return result


def _live_bundles(live: State) -> Iterator[tuple[ServiceName, str]]:
    keys: list[Key] = [key for key in live.versions if key.resource in WEBHOOKS]
    for obj in live.load(keys).values():
        for hook in obj.body.get("webhooks") or ():
            service, bundle = service_of(hook), hook.get("clientConfig", {}).get("caBundle")
            if service and bundle:
                yield service, bundle
