"""From manifests to a plan: what applying them would change, by the server's own account."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ..diff.states import compare
from ..errors import BadManifestError, RefusedError
from ..models.changes import Comparison, ObjectDiff
from ..models.objects import Body, Completeness, Key, MemoryState, MeshObject, ResourceType
from ..models.plans import Action, Plan, PlannedChange, Write
from ..normalise.objects import split
from ..normalise.view import surroundings
from ..ports import ManifestDocument
from ..rules.order import stage_of
from ..rules.scope import in_scope, is_excluded, is_namespace, steering_only
from ..rules.shapes import DEFINITION
from .narrowing import Judged, Narrowing
from .owners import owners_of
from .rollback import seal
from .secrets import SecretSources
from .shapes import check_shape


@dataclass(frozen=True)
class Manifests:
    """What the user's files ask for."""

    label: str
    objects: Mapping[Key, MeshObject]
    types: Mapping[Key, ResourceType]

    def state(self) -> MemoryState:
        """As a state to compare with: only the objects and the fields that are written there."""
        types = tuple(dict.fromkeys(self.types.values()))
        return MemoryState(self.label, self.objects, types, completeness=Completeness.FIELDS)


def read_manifests(
    documents: Iterable[ManifestDocument], types: Iterable[ResourceType], label: str, namespace: str
) -> Manifests:
    """Match documents with the types that the cluster serves.

    Namespaced objects without a namespace get `namespace`, as with kubectl. Raises BadManifestError for a kind that
    the cluster does not know (and that no definition among the documents defines), for duplicates, and for an object
    that no API server would understand.
    """
    documents = tuple(documents)
    for document in documents:
        check_shape(document)
    known = {(type_.group, type_.kind): type_ for type_ in (*types, *_defined(documents))}
    objects: dict[Key, MeshObject] = {}
    chosen: dict[Key, ResourceType] = {}
    for document in documents:
        type_ = _type_of(document, known)
        body = _with_namespace(document.body, type_, namespace)
        obj = split(body, type_)
        if obj.key in objects:
            raise BadManifestError(f"{document.where}: {obj.key} is there twice")
        objects[obj.key], chosen[obj.key] = obj, type_
    return Manifests(label, objects, chosen)


def _type_of(document: ManifestDocument, known: Mapping[tuple[str, str], ResourceType]) -> ResourceType:
    api_version, kind = str(document.body["apiVersion"]), str(document.body["kind"])
    group, _, version = api_version.rpartition("/")
    if (type_ := known.get((group, kind))) is None:
        hint = "see `kubectl api-resources`; a definition (CRD) may be missing"
        raise BadManifestError(f"{document.where}: the cluster does not know {kind} in {api_version}", hint=hint)
    return replace(type_, version=version)


def _defined(documents: Iterable[ManifestDocument]) -> Iterable[ResourceType]:
    """The types that definitions among the documents define; `rules.shapes` says what they may rely on."""
    for document in documents:
        group, kind = str(document.body["apiVersion"]).rpartition("/")[0], str(document.body["kind"])
        if (group, kind) == DEFINITION:
            spec = document.body["spec"]
            served = [version["name"] for version in spec["versions"] if version.get("served")]
            if served:
                yield ResourceType(
                    group=spec["group"],
                    version=served[0],
                    kind=spec["names"]["kind"],
                    plural=spec["names"]["plural"],
                    namespaced=spec.get("scope") == "Namespaced",
                )


def _with_namespace(body: Body, type_: ResourceType, namespace: str) -> Body:
    metadata = body["metadata"]
    if not type_.namespaced or metadata.get("namespace"):
        return body
    return {**body, "metadata": {**metadata, "namespace": namespace}}


def check_scope(manifests: Manifests, root_namespace: str, excluded: Collection[str] = ()) -> None:
    """Refuse objects that no snapshot holds (`excluded` types among them): applying them could not be taken back."""
    strangers = [
        str(key)
        for key, obj in manifests.objects.items()
        if is_excluded(key.resource, excluded) or not in_scope(manifests.types[key], obj, root_namespace)
    ]
    if strangers:
        listed = "\n".join(f"  {name}" for name in sorted(strangers))
        hint = "a rollback could not undo them; apply them with `kubectl apply` instead"
        raise RefusedError(f"these objects are not part of the mesh; nothing was changed:\n{listed}", hint=hint)


def wanted_changes(
    live: MemoryState, manifests: Manifests, *, force: bool, manager: str = ""
) -> tuple[PlannedChange, ...]:
    """One server-side apply per document; whether it changes anything is for the server's dry run to say."""
    around = surroundings(live, manifests.state())
    wanted = (_wanted(live.objects.get(key), obj, manifests, force=force) for key, obj in manifests.objects.items())
    return tuple(
        replace(change, manager=manager, autoscaled=change.live is not None and around.autoscale(change.live))
        for change in wanted
    )


def _wanted(live: MeshObject | None, wanted: MeshObject, manifests: Manifests, *, force: bool) -> PlannedChange:
    if live is not None and is_namespace(wanted.key):
        wanted = steering_only(wanted)
    body = wanted.body
    if live is not None:
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": live.server.resource_version}}
    return PlannedChange(
        key=wanted.key,
        type=manifests.types[wanted.key],
        action=Action.CREATE if live is None else Action.UPDATE,
        write=Write.FORCE if force else Write.APPLY,
        stage=stage_of(wanted.key),
        body=body,
        uid=live.server.uid if live else "",
        resource_version=live.server.resource_version if live else "",
        live=live,
    )


def plan_apply(
    live: MemoryState,
    manifests: Manifests,
    changes: Iterable[PlannedChange],
    previews: Mapping[Key, MeshObject],
    secrets: SecretSources,
    narrowing: Narrowing | None = None,
) -> Plan:
    """The plan from the server's previews; objects that the apply would not change are left out of it.

    What could not be tried yet is written unless the object is exactly as its manifest; the plan shows what that says
    otherwise. A definition that would take something from objects blocks the plan; None: definitions are not judged.
    """
    changes = tuple(changes)
    objects = {change.key: previews.get(change.key, manifests.objects[change.key]) for change in changes}
    promised = MemoryState(manifests.label, objects, live.types, completeness=Completeness.OBJECTS)
    comparison = compare(live, promised)
    diffs = _shown(live, manifests, comparison, previews)
    planned = [
        replace(change, diff=diffs[change.key], target=objects[change.key]) for change in changes if change.key in diffs
    ]
    planned += [change for change in changes if change.key not in diffs and change.live is None]
    judged = narrowing.judged(planned, previews) if narrowing else Judged(tuple(planned))
    plan = seal("apply", manifests.label, judged.changes, _of_these(comparison, len(changes) - len(planned)))
    warnings = (*plan.warnings, *judged.warnings, *secrets.warnings(plan.writes))
    owners = owners_of(plan.writes, live.versions.keys())
    return replace(plan, owners=owners, warnings=warnings, blockers=judged.blockers)


def _shown(
    live: MemoryState, manifests: Manifests, comparison: Comparison, previews: Mapping[Key, MeshObject]
) -> dict[Key, ObjectDiff | None]:
    """What the plan shows of each difference: of an object that could not be tried, only what its manifest says."""
    untried = {diff.key: manifests.objects[diff.key] for diff in comparison.diffs if diff.key not in previews}
    said = MemoryState(manifests.label, untried, live.types, completeness=Completeness.FIELDS)
    tried = {diff.key: diff for diff in comparison.diffs if diff.key in previews}
    return dict.fromkeys(untried) | tried | {diff.key: diff for diff in compare(live, said).diffs}


def _of_these(comparison: Comparison, same: int) -> Comparison:
    return replace(comparison, same=same)
