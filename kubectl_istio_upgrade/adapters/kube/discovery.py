"""Which types the API server has: aggregated discovery in two requests, and the old way for servers without it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ...errors import ApiError, ClusterError, ForbiddenError, NotFoundError
from ...models.objects import Body, ResourceType
from ...rules.scope import is_of_mesh
from .request import JSON, Request, get_path, group_path
from .transport import Transport

AGGREGATED = ",".join(
    [f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")] + [JSON]
)
"""Accept: what we would like (1.30), what older servers have (1.26), what every server has."""

MEASUREMENTS: Mapping[str, str] = MappingProxyType(
    {
        "metrics.k8s.io": "CPU and memory of this minute, from metrics-server",
        "custom.metrics.k8s.io": "metrics for autoscalers, from an adapter",
        "external.metrics.k8s.io": "metrics for autoscalers, from an adapter",
    }
)
"""Groups that may be out of order: they hold what was measured, never what anybody configured."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A group of which the API server does not know the types at the moment."""

    group: str
    why: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """All listable types, each at the first version of its group that has it; and the groups that failed."""

    types: tuple[ResourceType, ...]
    failed: tuple[Failure, ...] = ()

    def complete(self, without: Collection[str] = ()) -> tuple[ResourceType, ...]:
        """The types. Raises ClusterError when a group failed that neither measures nor is to be done without.

        An unknown type would make its objects look deleted, so there is no going on without it but on record.
        """
        failures = [failure for failure in self.failed if failure.group not in {*MEASUREMENTS, *without}]
        if failures:
            names = "; ".join(f"{failure.group}: {failure.why}" for failure in failures)
            raise ClusterError(f"the API server cannot tell its types ({names})", hint=_way_round(failures))
        return self.types


def _way_round(failures: Sequence[Failure]) -> str:
    hint = "the server behind an APIService is down; see: kubectl get apiservices"
    if any(is_of_mesh(failure.group) for failure in failures):
        return hint
    options = " ".join(f"--exclude-type '*.{failure.group}'" for failure in failures)
    return f"{hint}\nto do without, on record, pass {options}"


def discover(transport: Transport) -> Discovery:
    """Ask the API server. Raises ClusterError when it does not answer at all."""
    types: dict[tuple[str, str], ResourceType] = {}
    failed: dict[str, Failure] = {}
    for root in ("/api", "/apis"):
        body = transport.send(get_path(root, accept=AGGREGATED)).body
        found = _aggregated(body) if body.get("kind") == "APIGroupDiscoveryList" else _one_by_one(transport, body)
        for item in found:
            if isinstance(item, Failure):
                failed.setdefault(item.group, item)
            else:
                types.setdefault((item.group, item.plural), item)
    listable = sorted((t for t in types.values() if "list" in t.verbs), key=lambda t: (t.group, t.plural))
    return Discovery(tuple(listable), tuple(failed.values()))


def serves(transport: Transport, group: str, version: str, plural: str) -> bool:
    """Ask for one version of one group alone: what is wrong with another group does not matter."""
    try:
        body = transport.send(get_path(group_path(group, version))).body
    except NotFoundError:
        return False
    return any(resource["name"] == plural for resource in body.get("resources") or ())


def unpinned_groups(transport: Transport) -> frozenset[str]:
    """Groups that another server answers for (an APIService with a Service): they count versions on their own.

    Empty when APIServices may not be listed or do not exist: most clusters have none that matter here.
    """
    resource = "apiservices.apiregistration.k8s.io"
    path = f"{group_path('apiregistration.k8s.io', 'v1')}/apiservices"
    try:
        body = transport.send(Request("GET", path, "list", resource)).body
    except (NotFoundError, ForbiddenError):
        return frozenset()
    specs = [item.get("spec") or {} for item in body.get("items") or ()]
    return frozenset(str(spec.get("group", "")) for spec in specs if spec.get("service"))


def _aggregated(body: Body) -> Iterator[ResourceType | Failure]:
    for item in body.get("items") or ():
        group = str((item.get("metadata") or {}).get("name") or "")
        for entry in item.get("versions") or ():
            version = str(entry["version"])
            if entry.get("freshness") == "Stale":
                yield Failure(group, f"version {version} is stale")
            for resource in entry.get("resources") or ():
                yield ResourceType(
                    group=group,
                    version=version,
                    kind=str((resource.get("responseKind") or {}).get("kind") or ""),
                    plural=str(resource["resource"]),
                    namespaced=resource.get("scope") == "Namespaced",
                    verbs=frozenset(resource.get("verbs") or ()),
                    singular=str(resource.get("singularResource") or ""),
                    short_names=tuple(resource.get("shortNames") or ()),
                )


def _one_by_one(transport: Transport, root: Body) -> Iterator[ResourceType | Failure]:
    """One request for each group and version, the preferred version of each group first."""
    for group, version in _versions(root):
        try:
            body = transport.send(get_path(group_path(group, version))).body
        except ApiError as exc:
            yield Failure(group, f"version {version} answers {exc.status}")
            continue
        for resource in body.get("resources") or ():
            if "/" not in resource["name"]:
                yield _plain(group, version, resource)


def _versions(root: Body) -> Iterator[tuple[str, str]]:
    if root.get("kind") == "APIVersions":
        yield from (("", str(version)) for version in root.get("versions") or ())
    for group in root.get("groups") or ():
        preferred = (group.get("preferredVersion") or {}).get("version")
        versions = [entry["version"] for entry in group.get("versions") or ()]
        for version in sorted(versions, key=lambda v: v != preferred):
            yield str(group["name"]), str(version)


def _plain(group: str, version: str, resource: Body) -> ResourceType:
    return ResourceType(
        group=group,
        version=version,
        kind=str(resource["kind"]),
        plural=str(resource["name"]),
        namespaced=bool(resource.get("namespaced")),
        verbs=frozenset(resource.get("verbs") or ()),
        singular=str(resource.get("singularName") or ""),
        short_names=tuple(resource.get("shortNames") or ()),
    )
