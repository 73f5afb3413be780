"""CRDs: when may an older definition come back?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..canonical import same
from ..models.objects import Body, Json, Key, MeshObject
from ..rules.order import NARROWED_CRDS, stage_named
from .schemas import Loss, losses, tightenings, violations, widens


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a definition can be put back, and where in the order."""

    problems: tuple[str, ...]
    """Why it cannot; empty when it can."""
    stage: int


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
    schemas = _schemas(target.body)
    problems = [
        f"objects are stored as {version}, which the older definition does not have"
        for version in live.body.get("status", {}).get("storedVersions") or ()
        if version not in schemas
    ]
    if _same_schemas(live.body, target.body):
        return Verdict(tuple(problems), stage_named("definitions"))
    current = _schemas(live.body)
    first = is_needed_first(live, target.body)
    judge = _Judge(current, schemas, _storage_version(target.body))
    for obj in objects:
        stays = staying(obj.key)
        if first or stays:
            found = judge.losses(obj.body, doubts=stays and not settled(obj.key))
            problems += [f"{obj.key}: {loss.path}: {loss.why}" for loss in found]
    return Verdict(tuple(problems), stage_named("definitions" if first else NARROWED_CRDS))


def is_needed_first(live: MeshObject | None, crd: Body) -> bool:
    """Whether custom resources may need this definition before they can be written: it is new, or allows more."""
    if live is None:
        return True
    current = _schemas(live.body)
    return any(name not in current or widens(current[name], schema) for name, schema in _schemas(crd).items())


def holds_newer_values(live: MeshObject, target: MeshObject, obj: MeshObject) -> bool:
    """Whether the live custom resource holds a value that the definition `target` refuses, and `live` does not."""
    judge = _Judge(_schemas(live.body), _schemas(target.body), _storage_version(target.body))
    return judge.refuses(obj.body)


def custom_resource_type(crd: MeshObject) -> tuple[str, str]:
    """Group and plural of the type that a definition defines."""
    spec = crd.body["spec"]
    return str(spec["group"]), str(spec["names"]["plural"])


def defined_by(crd: MeshObject, key: Key) -> bool:
    """True for objects of the type that the definition defines."""
    return (key.group, key.plural) == custom_resource_type(crd)


class _Judge:
    """Checks objects against the schemas to restore: of the version they were read in, and of the one stored."""

    def __init__(self, current: dict[str, Json], older: dict[str, Json], storage: str) -> None:
        self._older = older
        self._storage = storage
        self._tightenings = {
            name: tuple(tightenings(current.get(name) or {}, schema or {})) for name, schema in older.items()
        }

    def refuses(self, body: Body) -> bool:
        return any(any(violations(body, self._tightenings[name], doubts=False)) for name in self._versions(body))

    def _versions(self, body: Body) -> set[str]:
        served = str(body.get("apiVersion", "")).rpartition("/")[2]
        return {served, self._storage} & self._older.keys()

    def losses(self, body: Body, *, doubts: bool) -> list[Loss]:
        found: dict[tuple[str, str], Loss] = {}
        for name in self._versions(body):
            for loss in losses(body, self._older[name] or {}, self._tightenings[name], doubts=doubts):
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
