"""Workloads that are told a control plane's address themselves, so that nothing but their own template leads them away.

Above all ztunnel, whose XDS_ADDRESS and CA_ADDRESS are an istiod's (manifests/charts/ztunnel/templates/daemonset.yaml):
it is in no namespace that is injected, has no proxy of a revision, and follows no tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..models.objects import Body, MemoryState, MeshObject
from .installation import WORKLOADS, containers_of
from .retiring import DEFAULT, is_istiod, members, revision_of
from .settings.recorded import suffixed

ISTIOD = "istiod"


@dataclass(frozen=True, slots=True)
class Client:
    """A workload that names the Service of a control plane."""

    obj: MeshObject
    service: str
    """With its namespace: `istiod.istio-system.svc`."""
    by: tuple[str, ...]
    """The variables that name it, and `its arguments`."""

    def __str__(self) -> str:
        name = f"{self.obj.kind} {self.obj.key.namespace}/{self.obj.key.name}"
        return f"{name}: led to {self.service} by {', '.join(self.by)}"


def clients(live: MemoryState, revision: str = DEFAULT) -> Iterator[Client]:
    """Those of this revision's istiod, which are no part of its control plane themselves."""
    own = {obj.key for obj in members(live.objects.values(), revision)}
    istiods = (obj for obj in live.objects.values() if is_istiod(obj) and revision_of(obj) == revision)
    roots = {obj.key.namespace for obj in istiods}
    for root in sorted(roots):
        service = f"{suffixed(ISTIOD, revision)}.{root}"
        named = re.compile(rf"(?<![\w.-]){re.escape(service)}(?![\w-])")
        for key in sorted(live.objects.keys() - own):
            obj = live.objects[key]
            if key.resource in WORKLOADS and (by := tuple(dict.fromkeys(_naming(obj, named)))):
                yield Client(obj, f"{service}.svc", by)


def _naming(obj: MeshObject, service: re.Pattern[str]) -> Iterator[str]:
    for container in containers_of(obj):
        variables: list[Body] = container.get("env") or []
        yield from (str(each.get("name")) for each in variables if service.search(str(each.get("value", ""))))
        words = (*(container.get("command") or ()), *(container.get("args") or ()))
        if any(service.search(str(word)) for word in words):
            yield "its arguments"
