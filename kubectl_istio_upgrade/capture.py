"""Reading the mesh from a cluster: every object of the mesh scope, at one resource version.

What cannot be listed fails the capture. A list that failed is never taken for "there are none".
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .errors import ClusterError, ExpiredError, ForbiddenError, NotFoundError, UsageError
from .models.objects import Body, Key, MemoryState, MeshObject, NotCaptured, ResourceType, ScaleTarget
from .models.snapshots import ClusterIdentity, Purpose, SnapshotDraft, SnapshotMeta, WorkloadProxy
from .normalise.authority import ca_fingerprints
from .normalise.inventory import proxies_of
from .normalise.objects import is_being_deleted
from .normalise.sifting import Sifter
from .normalise.view import AUTOSCALER, is_autoscaler, scaled_by
from .ports import ClusterReader, Digester, ListQuery, Progress
from .rules.derived import is_derived_type
from .rules.scope import (
    CRD,
    DEFAULT_ROOT_NAMESPACE,
    SCOPE_VERSION,
    ScopeRule,
    Where,
    excluded_group,
    is_excluded,
    is_of_mesh,
    scope_rules_for,
)

ATTEMPTS = 5
"""How often a capture begins, where its resource version expires under it (a compaction every 5 minutes), or a type
comes or goes."""

INJECTED_PODS = "service.istio.io/canonical-name"
"""A label that the injector gives to every pod with a proxy (pkg/kube/inject)."""

_EXCLUDED = "excluded with --exclude-type"
_CONTROL_PLANE_IMAGE = re.compile(r"(?:/|istio-)(?:pilot|istiod)(?:-[a-z]+)?:(?P<version>[^@]+)")
"""Under whatever registry, and under names that mirrors give it, such as `rancher/mirrored-istio-pilot:1.28.3`."""


@dataclass(frozen=True)
class CaptureOptions:
    """What the user may choose."""

    root_namespace: str = ""
    """Where istiod runs; "" leaves it to whoever captures to find out."""
    exclude: tuple[str, ...] = ()
    """Types to leave out, as `plural.group`, or groups, as `*.group`; recorded, so they never look deleted."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that are left out as a whole: they need not be in order."""
        return tuple(group for name in self.exclude if (group := excluded_group(name)))


@dataclass(frozen=True)
class Capture:
    """The mesh at one moment."""

    cluster: ClusterIdentity
    resource_version: str
    root_namespace: str
    state: MemoryState
    workloads: tuple[WorkloadProxy, ...]
    taken: datetime
    secret_key_id: str
    passed_over: Mapping[Key, MeshObject] = field(default_factory=dict)
    """What was listed and is no state: derived, or being deleted. No snapshot holds it; a plan may meet it."""

    @property
    def going(self) -> tuple[MeshObject, ...]:
        """Those that somebody has deleted and that are still there, by key."""
        return tuple(obj for _, obj in sorted(self.passed_over.items()) if is_being_deleted(obj))

    def draft(self, purpose: Purpose, message: str = "", operation: Body | None = None) -> SnapshotDraft:
        """The capture as a snapshot ready to be stored."""
        objects = self.state.objects
        meta = SnapshotMeta(
            purpose=purpose,
            cluster=self.cluster,
            created=self.taken,
            message=message,
            root_namespace=self.root_namespace,
            resource_version=self.resource_version,
            istio_versions=control_plane_versions(objects.values()),
            types=self.state.types,
            not_captured=self.state.not_captured,
            counts=dict(sorted(Counter(key.resource for key in objects).items())),
            secret_key_id=self.secret_key_id,
            ca_fingerprints=ca_fingerprints(objects.values()),
            scope_version=SCOPE_VERSION,
            operation=operation,
        )
        return SnapshotDraft(meta, objects, self.workloads)


def capture(
    reader: ClusterReader,
    digester: Digester,
    progress: Progress,
    options: CaptureOptions | None = None,
    earlier: Capture | None = None,
) -> Capture:
    """Read the whole mesh scope. What still reads as in an `earlier` capture of the same cluster is taken from there.

    Raises ForbiddenError naming the type that may not be listed, UsageError for an excluded type that does not exist or
    an excluded group that meshes are made of, and any other ClusterError of the reader.
    """
    options = options or CaptureOptions(DEFAULT_ROOT_NAMESPACE)
    known = _objects_of(earlier, options.root_namespace)
    for attempt in range(1, ATTEMPTS + 1):
        sifter = Sifter(digester, options.root_namespace, known)
        scope = _Scope(reader.discover(options.groups), options)
        _check_exclusions(options.exclude, scope.types)
        version = reader.current_version()
        try:
            objects, others = _list(reader, scope, version, sifter, progress)
            _refuse_unlisted(objects.values(), scope.types)
            break
        except (ExpiredError, NotFoundError, _UnlistedError) as error:
            if attempt == ATTEMPTS:
                raise
            progress.note(f"{_STARTING_OVER[type(error)]}; starting over")
    autoscaled = _autoscaled(others[AUTOSCALER], objects)
    return Capture(
        cluster=reader.identity(),
        resource_version=version,
        root_namespace=options.root_namespace,
        state=MemoryState("live", objects, scope.captured_types(), scope.not_captured(), autoscaled=autoscaled),
        workloads=proxies_of(others["pods"]),
        taken=datetime.now(UTC).replace(microsecond=0),
        secret_key_id=digester.key_id,
        passed_over=sifter.passed_over,
    )


def lists_of(types: Sequence[ResourceType], options: CaptureOptions) -> Mapping[ListQuery, str]:
    """Every list that a capture asks for in a cluster of these types, with its reason: what reading takes.

    Raises UsageError for an excluded type that does not exist, or an excluded group that meshes are made of.
    """
    _check_exclusions(options.exclude, types)
    scope = _Scope(types, options)
    lists = {query: rule.why for query, rule in scope.queries().items()}
    lists |= dict.fromkeys(scope.autoscalers(), "the replicas of what any autoscaler targets are its own")
    return lists | dict.fromkeys(scope.pods(), "a record of which workload runs which proxy")


def control_plane_versions(objects: Iterable[MeshObject]) -> tuple[str, ...]:
    """The tags of the istiod images that the mesh's Deployments ask for."""
    found = set()
    for obj in objects:
        if obj.key.resource == "deployments.apps":
            for container in obj.body["spec"]["template"]["spec"].get("containers") or ():
                if match := _CONTROL_PLANE_IMAGE.search(str(container.get("image", ""))):
                    found.add(match["version"])
    return tuple(sorted(found))


@dataclass(frozen=True)
class _Scope:
    """The types to list, and how, from the table of scope rules."""

    types: Sequence[ResourceType]
    options: CaptureOptions

    def rules(self) -> Iterator[tuple[ResourceType, ScopeRule]]:
        for type_ in self.types:
            if not self._is_looked_at(type_):
                continue
            for rule in scope_rules_for(type_.resource, namespaced=type_.namespaced):
                yield type_, rule

    def _is_looked_at(self, type_: ResourceType) -> bool:
        excluded = is_excluded(type_.resource, self.options.exclude)
        return not excluded and not is_derived_type(type_.resource) and _is_writable(type_)

    def queries(self) -> dict[ListQuery, ScopeRule]:
        root = self.options.root_namespace
        return {
            ListQuery(type_, root if rule.where is Where.ROOT else None, selector): rule
            for type_, rule in self.rules()
            for selector in rule.selectors
        }

    def pods(self) -> tuple[ListQuery, ...]:
        pods = (type_ for type_ in self.types if type_.resource == "pods" and "pods" not in self.options.exclude)
        return tuple(ListQuery(type_, None, INJECTED_PODS) for type_ in pods)

    def autoscalers(self) -> tuple[ListQuery, ...]:
        return tuple(ListQuery(type_) for type_ in self.captured_types() if type_.resource == AUTOSCALER)

    def captured_types(self) -> tuple[ResourceType, ...]:
        return tuple(sorted({type_ for type_, _ in self.rules()}, key=lambda type_: type_.resource))

    def not_captured(self) -> tuple[NotCaptured, ...]:
        return tuple(NotCaptured(resource, _EXCLUDED) for resource in sorted(self.options.exclude))


def _is_writable(type_: ResourceType) -> bool:
    """False for views that API servers compute: what cannot be written is no state."""
    return {"create", "delete", "update"} <= type_.verbs


def _list(
    reader: ClusterReader, scope: _Scope, version: str, sifter: Sifter, progress: Progress
) -> tuple[dict[Key, MeshObject], dict[str, list[Body]]]:
    """The objects of the mesh and, by their type, what was listed to be looked at."""
    queries = scope.queries()
    wanted = (*queries, *scope.pods(), *scope.autoscalers())
    objects: dict[Key, MeshObject] = {}
    others: dict[str, list[Body]] = defaultdict(list)
    with progress.phase("reading the mesh", total=len(wanted)) as advance:
        try:
            for query, items in reader.list_all(wanted, version):
                if query in queries:
                    objects.update((obj.key, obj) for obj in sifter.of_mesh(query.type, queries[query], items))
                else:
                    others[query.type.resource].extend(items)
                advance(1)
        except ForbiddenError as error:
            raise _with_exclusion(error) from error
    return objects, others


def _autoscaled(scalers: Iterable[Body], objects: Iterable[Key]) -> frozenset[ScaleTarget]:
    """What those target that are no state."""
    ours = {(key.namespace, key.name) for key in objects if is_autoscaler(key)}
    return frozenset(
        scaled_by(each) for each in scalers if (each["metadata"]["namespace"], each["metadata"]["name"]) not in ours
    )


class _UnlistedError(ClusterError):
    """Types are defined that the API server did not tell of: their objects would be missing, and look deleted."""


_STARTING_OVER = {
    ExpiredError: "the resource version expired while listing",
    NotFoundError: "a type went away while listing",
    _UnlistedError: "a type came while listing",
}


def _refuse_unlisted(objects: Iterable[MeshObject], types: Iterable[ResourceType]) -> None:
    """Raises _UnlistedError where a definition is in force that discovery did not know yet: it lags behind."""
    known = {type_.resource for type_ in types}
    if unlisted := sorted(obj.key.name for obj in objects if _is_served(obj) and obj.key.name not in known):
        message = f"the API server does not tell of types that are defined: {', '.join(unlisted)}"
        raise _UnlistedError(message, hint="it may need a moment; try again")


def _is_served(obj: MeshObject) -> bool:
    """Whether this is a definition whose objects can be there."""
    if obj.key.resource != CRD or is_being_deleted(obj):
        return False
    conditions = (obj.body.get("status") or {}).get("conditions") or ()
    established = any(each.get("type") == "Established" and each.get("status") == "True" for each in conditions)
    return established and any(version.get("served") for version in obj.body["spec"]["versions"])


def _objects_of(earlier: Capture | None, root_namespace: str) -> Mapping[Key, MeshObject]:
    return earlier.state.objects if earlier and earlier.root_namespace == root_namespace else {}


def _with_exclusion(error: ForbiddenError) -> ForbiddenError:
    hint = "a snapshot must be complete; to leave a type out on record, pass --exclude-type TYPE"
    return ForbiddenError(error.message, hint=f"{error.hint}\n{hint}" if error.hint else hint)


def _check_exclusions(exclude: Iterable[str], types: Iterable[ResourceType]) -> None:
    """A group need not be there: whose server is broken may be gone by the time that an operation is resumed."""
    known = {type_.resource for type_ in types}
    for name in exclude:
        group = excluded_group(name)
        if group and is_of_mesh(group):
            hint = "single types of it can be left out, each as plural.group"
            raise UsageError(f"cannot exclude {name!r}: meshes are made of what is in this group", hint=hint)
        if not group and name not in known:
            hint = "write it as plural.group, as in `kubectl api-resources --verbs=list -o name`, or *.group"
            raise UsageError(f"cannot exclude {name!r}: the cluster has no such type", hint=hint)
