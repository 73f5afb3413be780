"""CRDs: when may an older definition come back?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..canonical import same
from ..models.objects import Body, Json, Key, MeshObject, ResourceType, State
from ..rules.order import NARROWED_CRDS, stage_named
from .schemas import Loss, losses, narrows, tightenings, violations, widens


@dataclass(frozen=True, slots=True)
class ObjectLoss:
    """What one object would suffer under the older definition."""

    key: Key
    loss: Loss

    def __str__(self) -> str:
        """Object, path and reason."""
        return f"{self.key}: {self.loss.path}: {self.loss.why}"


@dataclass(frozen=True, slots=True)
class Instances:
    """The objects of the type that a definition defines: all of them, also those that no snapshot holds."""

    objects: tuple[MeshObject, ...] = ()
    unread: str = ""
    """Why they could not be read: nobody knows then what an older definition would take from them."""


InstancesOf = Callable[[Sequence[MeshObject]], Mapping[Key, Instances]]
"""Looks up the instances of several definitions at once."""


COST = "it is not safe: reads hide these fields at once, the next write loses them for good"
UNKNOWN_COST = "nobody knows what it costs"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a definition can be put back, and where in the order."""

    refusals: tuple[str, ...]
    """Why the API server would not take it."""
    losses: tuple[ObjectLoss, ...]
    """What it would cost, be it taken."""
    stage: int
    unread: str = ""
    """Why that is not known."""

    @property
    def costs(self) -> tuple[str, ...]:
        """What it would cost, or why that is not known."""
        return (*filter(None, [self.unread]), *map(str, self.losses))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why it cannot be put back unasked; empty when it can."""
        return (*self.refusals, *self.costs)

    @property
    def although(self) -> str:
        """In a warning, in one line; "" where it costs nothing."""
        lost = f"{len(self.losses)} fields or values of live objects do not survive it; they are listed above"
        return self.unread or (lost if self.losses else "")

    def told(self, done: str) -> tuple[str, ...]:
        """In a plan, of a definition that is written all the same; `done` is what happens to it, such as `applied`."""
        if not self.costs:
            return ()
        return (f"{done} although {UNKNOWN_COST if self.unread else COST}", *self.costs)


def crd_verdict(
    live: MeshObject,
    target: MeshObject,
    objects: Iterable[MeshObject],
    staying: Callable[[Key], bool],
    settled: Callable[[Key], bool] = lambda _: False,
) -> Verdict:
    """Judge putting `target` over `live`, given the live custom resources, and which of them stay as they are.

    Refuses an older definition that lacks a version in which objects are stored (the API server would refuse it, too),
    and one under which any object would lose a field or fail validation. A definition that only allows less is written
    after the custom resources, so objects that the plan changes or deletes do not count; one that also allows more is
    needed before them, so every live object counts. What cannot be checked here (CEL, for one) counts against objects
    that stay, unless they are `settled`: as the target has them, and the target had them under that definition. What
    the plan writes will be as the target has it, too.
    """
    judge = Judge(live, target)
    refusals = tuple(
        f"objects are stored as {version}, which the older definition does not have"
        for version in live.body.get("status", {}).get("storedVersions") or ()
        if version not in judge.older
    )
    if _same_schemas(live.body, target.body):
        return Verdict(refusals, (), stage_named("definitions"))
    first = is_needed_first(live, target.body)
    losses: list[ObjectLoss] = []
    for obj in objects:
        stays = staying(obj.key)
        if first or stays:
            found = judge.losses(obj.body, doubts=stays and not settled(obj.key))
            losses += [ObjectLoss(obj.key, loss) for loss in found]
    return Verdict(refusals, tuple(losses), stage_named("definitions" if first else NARROWED_CRDS))


def may_cost(live: MeshObject, target: MeshObject) -> bool:
    """False where putting `target` over `live` takes nothing from any object, whatever objects there are."""
    current, older = _without_words(_schemas(live.body)), _without_words(_schemas(target.body))
    if _storage_version(live.body) != _storage_version(target.body):
        return not same(current, older)
    return any(name not in current or narrows(current[name], schema) for name, schema in older.items())


def instances_in(state: State) -> InstancesOf:
    """The instances that a state holds, where those are all there are."""

    def look_up(definitions: Sequence[MeshObject]) -> dict[Key, Instances]:
        return {crd.key: Instances(tuple(state.load(_instances(crd, state.versions)).values())) for crd in definitions}

    return look_up


def _instances(crd: MeshObject, keys: Iterable[Key]) -> list[Key]:
    return [key for key in keys if defined_by(crd, key)]


def is_needed_first(live: MeshObject | None, crd: Body) -> bool:
    """Whether custom resources may need this definition before they can be written: it is new, or allows more."""
    if live is None:
        return True
    current = _schemas(live.body)
    return any(name not in current or widens(current[name], schema) for name, schema in _schemas(crd).items())


def custom_resource_type(crd: MeshObject) -> tuple[str, str]:
    """Group and plural of the type that a definition defines."""
    spec = crd.body["spec"]
    return str(spec["group"]), str(spec["names"]["plural"])


def defined_type(crd: MeshObject) -> ResourceType:
    """The type, at the version in which it is stored, or at another one where that is not served."""
    spec = crd.body["spec"]
    served = sorted((v for v in spec["versions"] if v.get("served")), key=lambda v: not v.get("storage"))
    version = str((served or spec["versions"])[0]["name"])
    group, plural = custom_resource_type(crd)
    return ResourceType(group, version, str(spec["names"]["kind"]), plural, spec.get("scope") == "Namespaced")


def defined_by(crd: MeshObject, key: Key) -> bool:
    """True for objects of the type that the definition defines."""
    return (key.group, key.plural) == custom_resource_type(crd)


class Judge:
    """Checks objects against the schemas to restore: of the version they were read in, and of the one stored.

    Comparing two schemas is the expensive part, so one judge serves all objects of a definition.
    """

    def __init__(self, live: MeshObject, target: MeshObject) -> None:
        current = _schemas(live.body)
        self.older = _schemas(target.body)
        self._storage = _storage_version(target.body)
        self._tightenings = {
            name: tuple(tightenings(current.get(name) or {}, schema or {})) for name, schema in self.older.items()
        }

    def refuses(self, body: Body) -> bool:
        """Whether the live object holds a value that the definition to restore refuses, and the live one does not."""
        return any(any(violations(body, self._tightenings[name], doubts=False)) for name in self._versions(body))

    def _versions(self, body: Body) -> set[str]:
        served = str(body.get("apiVersion", "")).rpartition("/")[2]
        return {served, self._storage} & self.older.keys()

    def losses(self, body: Body, *, doubts: bool) -> list[Loss]:
        """What the object would lose and what would be refused and, with `doubts`, what might be."""
        found: dict[tuple[str, str], Loss] = {}
        for name in self._versions(body):
            for loss in losses(body, self.older[name] or {}, self._tightenings[name], doubts=doubts):
                found[loss.path, loss.why] = loss
        return list(found.values())


def _storage_version(crd: Body) -> str:
    return str(next((version["name"] for version in crd["spec"]["versions"] if version.get("storage")), ""))


def _schemas(crd: Body) -> dict[str, Json]:
    versions = crd["spec"]["versions"]
    return {version["name"]: (version.get("schema") or {}).get("openAPIV3Schema") for version in versions}


def _same_schemas(live: Body, target: Body) -> bool:
    return same(_without_words(_schemas(live)), _without_words(_schemas(target)))


def _without_words(schema: Json) -> Json:
    """A schema without its descriptions, which change in every release and decide nothing."""
    if isinstance(schema, dict):
        # A property may itself be called `description`; then its value is a schema, not a text.
        return {k: _without_words(v) for k, v in schema.items() if k != "description" or isinstance(v, dict)}
    return schema
