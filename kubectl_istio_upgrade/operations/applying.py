"""Applying manifests, with a way back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ..apply.trial import Previews, Trial
from ..capture import Capture
from ..errors import UsageError
from ..models.objects import Body, Completeness, Key, MemoryState, MeshObject, State
from ..models.operations import Operation
from ..models.plans import Plan, PlannedChange, Write
from ..models.secrets import NO_VALUES, Values
from ..normalise.objects import is_being_deleted, split
from ..normalise.secrets import as_written, digests_in, pooled, revealed, without_values
from ..plan.dropping import Fields, as_replaced
from ..plan.manifests import Manifests, check_scope, plan_apply, read_manifests, wanted_changes
from ..plan.namespaces import beyond_steering
from ..plan.narrowing import Narrowing
from ..plan.secrets import SecretSources
from ..plan.unlisted import no_way_back, refuse
from ..ports import Digester, ManifestDocument
from ..rules.scope import CRD, is_namespace, steering_only
from .instances import live_instances, live_unlisted
from .permissions import check_permissions
from .run import Finished, Task
from .running import Review, carry_out
from .session import Session, WritingSession


@dataclass(frozen=True)
class Planned:
    """An apply that has been planned and tried on the server, and not begun."""

    manifests: Manifests
    captured: Capture
    plan: Plan
    request: Body
    """What the journal keeps, for `resume`: the manifests without their secret values."""
    previews: Mapping[Key, MeshObject]
    """What the server says each object would become."""
    untried: tuple[PlannedChange, ...]
    """Those that it could not be asked about yet."""
    values: Values = field(default=NO_VALUES, repr=False)
    """What the manifests' digests stand for."""

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The objects as they were given: values, not digests."""
        return tuple(revealed(obj.body, self.values) for obj in self.manifests.objects.values())


def read(session: Session, documents: Sequence[ManifestDocument], label: str, namespace: str) -> Manifests:
    """The documents as objects of the cluster's types. Raises BadManifestError."""
    return read_manifests(documents, session.reader.discover(session.options.groups), label, namespace)


def withheld(
    manifests: Manifests, digester: Digester, withhold: Callable[[MeshObject, Digester], MeshObject] = without_values
) -> Manifests:
    """The manifests as they may be shown, compared and recorded: Secret values digested."""
    objects = {key: withhold(obj, digester) for key, obj in manifests.objects.items()}
    return replace(manifests, objects=objects)


def prepare(
    session: WritingSession,
    manifests: Manifests,
    *,
    force_conflicts: bool,
    force_crds: Collection[str] | None = (),
    captured: Capture | None = None,
    manager: str = "",
    drop: Fields = MappingProxyType({}),
) -> Planned:
    """Plan an apply by asking the server what each write would do. Changes nothing.

    `captured` is a reading of the mesh that the caller has made just now. `manager` is under whose name to apply, where
    that is not this tool's own: what another installer of these manifests would do. `drop` is what earlier manifests
    have set and is to go. A definition that would take fields or values from live objects blocks the plan, unless
    `force_crds` names it; None: such are told, and block nothing.

    Raises UsageError for a name in `force_crds` that the manifests do not define, RefusedError for objects outside the
    mesh, for missing permissions, and with every refusal of the server: a failed validation, or a field that another
    manager owns.
    """
    _check_named(force_crds or (), manifests)
    check_scope(manifests, session.root_namespace, session.options.exclude)
    captured = captured or session.capture()
    beyond = _unlisted(session, manifests, captured, installed=bool(manager))
    digester = session.store.digester()
    written = withheld(manifests, digester, as_written)
    values = pooled(written.objects.values())
    changes = wanted_changes(captured.state, written, force=force_conflicts, manager=manager)
    check_permissions(session, changes)
    previews, untried = _previews(session, changes, values)
    if replaced := _replaced(changes, previews, drop):
        check_permissions(session, [*replaced.values()])
        values |= pooled(change.live for change in replaced.values())
        previews |= _previews(session, [*replaced.values()], values).objects
    changes = tuple((untried | replaced).get(change.key, change) for change in changes)
    sources = SecretSources(sealing=bool(session.store.recipients()))
    shown = withheld(manifests, digester)
    narrowing = Narrowing(live_instances(session.reader, captured.state.types), force_crds)
    plan = plan_apply(captured.state, shown, changes, previews, sources, narrowing)
    warnings = (*plan.warnings, *no_way_back(beyond), *_of_namespaces(session, manifests, captured))
    plan = replace(plan, warnings=warnings)
    request = _request(shown, session.namespace, force_crds or (), force_conflicts=force_conflicts)
    return Planned(written, captured, plan, request, previews, tuple(untried.values()), values)


def _unlisted(
    session: WritingSession, manifests: Manifests, captured: Capture, *, installed: bool
) -> Mapping[Key, MeshObject]:
    """What is there of the manifests although no snapshot would hold it. Raises RefusedError.

    An installer goes by its own records, so it may have such objects: charts before Istio 1.24 label some of theirs
    with nothing of Istio's. They are told. What is being deleted nobody can write.
    """
    missing = {key: type_ for key, type_ in manifests.types.items() if key not in captured.state.versions}
    wanted = {key: type_ for key, type_ in missing.items() if not is_namespace(key)}
    there = live_unlisted(session.reader, session.secrets, captured)(wanted)
    refuse({key: obj for key, obj in there.items() if not installed or is_being_deleted(obj)})
    return there


def _of_namespaces(session: Session, manifests: Manifests, captured: Capture) -> tuple[str, ...]:
    """What is not applied of namespaces that are there. A capture has only their labels, so they are read."""
    there = [key for key in manifests.objects if is_namespace(key) and key in captured.state.objects]
    bodies = {key: session.reader.get(manifests.types[key], key) for key in there}
    live = {key: split(body, manifests.types[key]) for key, body in bodies.items() if body is not None}
    return tuple(beyond_steering(manifests.objects.values(), live))


def _replaced(
    changes: Iterable[PlannedChange], previews: Mapping[Key, MeshObject], drop: Fields
) -> dict[Key, PlannedChange]:
    """Those that are to take away what nobody sets any more."""
    dropping = (change for change in changes if change.key in drop and change.key in previews)
    made = {change.key: as_replaced(change, previews[change.key], drop[change.key]) for change in dropping}
    return {key: change for key, change in made.items() if change.write is Write.PUT}


def _check_named(names: Collection[str], manifests: Manifests) -> None:
    known = {key.name for key in manifests.objects if key.resource == CRD}
    if unknown := sorted(set(names) - known):
        hint = "name it in full, such as envoyfilters.networking.istio.io"
        raise UsageError(f"there is no definition {', '.join(unknown)} in the manifests", hint=hint)


def _request(manifests: Manifests, namespace: str, force_crds: Collection[str], *, force_conflicts: bool) -> Body:
    documents = [{"body": obj.body, "where": str(key)} for key, obj in manifests.objects.items()]
    forced = {"forceConflicts": force_conflicts, "forceCrds": [*force_crds]}
    return {"documents": documents, "namespace": namespace, **forced}


def run(session: WritingSession, planned: Planned, review: Review, continues: Operation | None = None) -> Finished:
    """Carry out a prepared apply, be it the rest of an unfinished one.

    The proof compares with what the server itself said each object would become. Where it could not be asked before,
    because the plan made the namespace or the definition first, it is asked afterwards: applying once more must change
    nothing.
    """

    def promise() -> State:
        return promised(session, planned)

    keys = set(planned.manifests.objects)
    label = planned.manifests.label
    task = Task(
        planned.plan,
        planned.captured,
        promise,
        keys.__contains__,
        label,
        planned.request,
        continues,
        values=planned.values,
    )
    return carry_out(session, task, review)


def promised(session: WritingSession, planned: Planned) -> State:
    """What the mesh is to be once everything is written: what the server said each object would become.

    What it could not be asked before is asked now: applying once more must change nothing. Raises RefusedError where
    the server would not take that, because somebody else owns a field by now, say.
    """
    trial = Trial(session.sender(planned.values), session.progress)
    objects = {**planned.previews, **_as_compared(trial.previews_again(planned.untried))}
    return MemoryState(planned.manifests.label, objects, completeness=Completeness.OBJECTS)


def read_again(session: WritingSession, operation: Operation, documents: Sequence[ManifestDocument]) -> Manifests:
    """The manifests of an unfinished apply: from its journal, or, where that has no values, from the user's files.

    Raises UsageError when the files are needed and not given, or say something else than the journal.
    """
    request, label = operation.opening.request, operation.opening.label
    kept = [ManifestDocument(document["body"], document["where"]) for document in request["documents"]]
    noted = read(session, kept, label, session.namespace)
    if not documents and not any(any(digests_in(obj.body)) for obj in noted.objects.values()):
        return noted
    if not documents:
        hint = "name them again, and nothing else: `kubectl istio-upgrade resume -f FILE`"
        raise UsageError("the manifests hold Secrets, whose values the journal does not keep", hint=hint)
    given = read(session, documents, label, request["namespace"])
    seen = withheld(given, session.store.digester())
    if {key: obj.body for key, obj in seen.objects.items()} != {key: obj.body for key, obj in noted.objects.items()}:
        raise UsageError(f"these are not the manifests of the {operation}", hint="`abort` takes it back without them")
    return given


def _previews(session: WritingSession, changes: Sequence[PlannedChange], values: Values) -> Previews:
    """Each object as the server says it would be, in the form in which states are compared."""
    previews = Trial(session.sender(values), session.progress).previews(changes)
    return previews._replace(objects=_as_compared(previews.objects))


def _as_compared(previews: Mapping[Key, MeshObject]) -> dict[Key, MeshObject]:
    return {key: steering_only(obj) if is_namespace(key) else obj for key, obj in previews.items()}
