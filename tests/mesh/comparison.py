"""All objects of a cluster before and after, compared without any help of the product, which this must not import.

Everything counts, down to the order of lists and who owns which field, but for the rows of `NOISE`: what the API server
and the controllers change by themselves whenever anything happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

Json = Any
Get = Callable[[str], Json]
"""GET of a path at the API server, as JSON."""

Dump = Mapping[str, Json]
"""Every object of a cluster as the API server gives it, by `plural.group namespace/name`."""

WEBHOOKS = "*webhookconfigurations.admissionregistration.k8s.io"


@dataclass(frozen=True)
class Noise:
    """One row: what does not count, and why. Without a path it is whole objects."""

    types: str
    why: str
    names: str = "*"
    path: tuple[str, ...] = ()


NOISE = (
    Noise("events*", "a log, not state"),
    Noise("componentstatuses", "a probe that is made when it is read"),
    Noise("leases.coordination.k8s.io", "heartbeats"),
    Noise("pods", "the controllers make them anew at every rollout"),
    Noise("replicasets.apps", "one for each version of a Deployment, old ones kept"),
    Noise("controllerrevisions.apps", "as replica sets, for DaemonSets and StatefulSets"),
    Noise("endpoints", "follow pods"),
    Noise("endpointslices.discovery.k8s.io", "follow pods"),
    Noise("ipaddresses.networking.k8s.io", "follow Services, whose addresses count; orphans are swept later"),
    Noise("configmaps", "istiod's leader election: the holder and the time of its renewal", names="*/istio-leader"),
    Noise("configmaps", "the same", names="*/istio-*-election"),
    Noise("configmaps", "the same", names="*/istio-ip-autoallocate"),
    Noise("configmaps", "the same", names="*/istio-gateway-deployment*"),
    Noise("*", "counts writes", path=("metadata", "resourceVersion")),
    Noise("*", "counts changes of the spec", path=("metadata", "generation")),
    Noise("*", "compared by itself: it tells what was recreated", path=("metadata", "uid")),
    Noise("*", "follows the UID", path=("metadata", "creationTimestamp")),
    Noise("*", "when it was written, not what", path=("metadata", "managedFields", "*", "time")),
    Noise("*", "what is, not what should be", path=("status",)),
    Noise(WEBHOOKS, "istiod puts its CA in", path=("webhooks", "*", "clientConfig", "caBundle")),
    Noise(f"validating{WEBHOOKS}", "istiod sets Fail when it is up", path=("webhooks", "*", "failurePolicy")),
    Noise(
        "deployments.apps",
        "counts rollouts",
        path=("metadata", "annotations", "deployment.kubernetes.io/revision"),
    ),
    Noise(
        "daemonsets.apps",
        "counts changes of the template; the API server writes it",
        path=("metadata", "annotations", "deprecated.daemonset.template.generation"),
    ),
)


@dataclass(frozen=True)
class Comparison:
    """What became of the objects of one dump in another."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The paths that differ, by object."""
    recreated: tuple[str, ...] = ()
    """Those under the same name with another UID, whatever is in them."""

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Added, removed, changed, recreated."""
        return len(self.added), len(self.removed), len(self.changed), len(self.recreated)


def dump(get: Get) -> Dump:
    """Every object of every type that can be listed, apart from whole objects that are noise."""
    found = {}
    for path, resource in _listable(get):
        if not _is_noise(resource, "*"):
            for item in get(path)["items"]:
                metadata = item["metadata"]
                name = f"{metadata.get('namespace', '')}/{metadata['name']}"
                if not _is_noise(resource, name):
                    found[f"{resource} {name}"] = item
    return found


def compare(before: Dump, after: Dump, *, ownership: bool = True) -> Comparison:
    """Compare two dumps of one cluster, with or without the owners of fields."""
    both = sorted(before.keys() & after.keys())
    changed = {}
    for name in both:
        if repr(before[name]) == repr(after[name]):  # `==` takes 1, 1.0 and True for the same
            continue
        old, new = (_plain(name, side[name], ownership=ownership) for side in (before, after))
        if paths := tuple(_different(old, new, "")):
            changed[name] = paths
    return Comparison(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=changed,
        recreated=recreated(before, after),
    )


def recreated(before: Dump, after: Dump) -> tuple[str, ...]:
    """What is in both under one name, and another object, whatever is in it."""
    both = sorted(before.keys() & after.keys())
    return tuple(name for name in both if _uid(before[name]) != _uid(after[name]))


def managers(objects: Dump) -> set[str]:
    """Whoever owns a field of any of them."""
    return {str(owner["manager"]) for item in objects.values() for owner in item["metadata"].get("managedFields", ())}


def _listable(get: Get) -> Iterator[tuple[str, str]]:
    """Path and `plural.group` of each type, in its group's preferred version if it is there."""
    seen = set()
    for root, suffix in _versions(get):
        for resource in get(root)["resources"]:
            name = resource["name"] + suffix
            if "list" in resource["verbs"] and "/" not in resource["name"] and name not in seen:
                seen.add(name)
                yield f"{root}/{resource['name']}", name


def _versions(get: Get) -> Iterator[tuple[str, str]]:
    """Path and suffix of each version of each group, the preferred one of a group first."""
    yield "/api/v1", ""
    for group in get("/apis")["groups"]:
        for version in (group["preferredVersion"], *group["versions"]):
            yield f"/apis/{version['groupVersion']}", f".{group['name']}"


def _is_noise(resource: str, name: str) -> bool:
    """Whether an object as a whole does not count; a row for every name is asked for with `*`."""
    rows = (row for row in NOISE if not row.path and fnmatchcase(resource, row.types))
    return any(row.names == "*" or fnmatchcase(name, row.names) for row in rows)


def _plain(name: str, item: Json, *, ownership: bool) -> Json:
    """A copy without noise, and with owners in an order that does not depend on time."""
    resource, _, where = name.partition(" ")
    result = _copy(item)
    for row in NOISE:
        if row.path and fnmatchcase(resource, row.types) and fnmatchcase(where, row.names):
            _drop(result, row.path)
    metadata = result["metadata"]
    owners = [owner for owner in metadata.pop("managedFields", ()) if owner.get("subresource") != "status"]
    if ownership:
        metadata["managedFields"] = sorted(owners, key=_who)
    if not metadata.get("annotations", True):
        del metadata["annotations"]
    return result


def _who(owner: Json) -> tuple[str, ...]:
    return tuple(str(owner.get(key)) for key in ("manager", "operation", "apiVersion", "subresource"))


def _copy(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _drop(value: Json, path: tuple[str, ...]) -> None:
    head, rest = path[0], path[1:]
    if head == "*":
        for item in value if isinstance(value, list) else ():
            _drop(item, rest)
    elif isinstance(value, dict) and head in value:
        if rest:
            _drop(value[head], rest)
        else:
            del value[head]


def _different(old: Json, new: Json, path: str) -> Iterator[str]:
    """Paths where they differ; `1` is not `True`, and an empty map is not an absent one."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            here = f"{path}.{name}" if path else name
            if name in old and name in new:
                yield from _different(old[name], new[name], here)
            else:
                yield here
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from _different(first, second, f"{path}[{index}]")
    elif type(old) is not type(new) or old != new:
        yield path


def _uid(item: Json) -> str:
    return str(item["metadata"].get("uid"))
