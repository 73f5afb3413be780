"""Which changes of the releases that are crossed concern this mesh: the rows of `rules.upgrade_notes`, looked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ...canonical import same
from ...models.assessments import NotesRead
from ...models.findings import About, Finding, Skipped, Unknown
from ...models.objects import Body, Json
from ...normalise.inventory import proxy_image, workload_of
from ...rules.matching import is_named
from ...rules.traces import (
    ANY,
    Image,
    Installed,
    Look,
    MeshConfig,
    Objects,
    Path,
    Pods,
    Recorded,
    Repeated,
    Trace,
    UpgradeNote,
    Variable,
)
from ...rules.upgrade_notes import NOTES
from ..installation import containers_of
from ..settings.recorded import MESH, VALUES, suffixed
from .authority import variables
from .case import Case


def crossed(case: Case) -> range:
    """The minor releases whose changes an upgrade meets; none for a downgrade."""
    if case.current is None or case.target is None:
        return range(0)
    return range(case.current.minor + 1, case.target.minor + 1)


def read(case: Case) -> tuple[NotesRead, ...]:
    """How many changes of each minor release that is crossed were looked for, and how many concern this mesh."""
    concern = {note.code for note in concerning(case)}
    return tuple(
        NotesRead(
            minor,
            sum(1 for note in NOTES if note.minor == minor and not note.unseen),
            sum(1 for note in NOTES if note.minor == minor and note.code in concern),
            tuple(note.unseen for note in NOTES if note.minor == minor and note.unseen),
        )
        for minor in crossed(case)
    )


def notes(case: Case) -> Iterator[Finding | Skipped]:
    """One finding for each change that concerns this mesh, naming what it concerns."""
    if isinstance(case.evidence.pods, Unknown) and any(_needs_pods(note) for note in _in_question(case)):
        yield Skipped("changes that show in pods alone", case.evidence.pods.why)
    for note, about in concerning(case).items():
        yield Finding(note.code, note.severity, f"1.{note.minor}: {note.what}", note.do, about, note.source)


def concerning(case: Case) -> dict[UpgradeNote, tuple[About, ...]]:
    """The rows that find something in this mesh, with what they find."""
    tracer = Tracer(case)
    found = {note: tracer.concerned(note) for note in _in_question(case)}
    return {note: about for note, about in found.items() if about}


def _in_question(case: Case) -> list[UpgradeNote]:
    minors = crossed(case)
    return [note for note in NOTES if note.minor in minors and not note.unseen]


def _needs_pods(note: UpgradeNote) -> bool:
    return any(isinstance(trace, Pods) for trace in (*note.found, *note.also))


@dataclass(frozen=True)
class Tracer:
    """Looks for traces in one mesh."""

    case: Case
    _environment: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Read istiod's environment once."""
        object.__setattr__(self, "_environment", variables(self.case))

    def concerned(self, note: UpgradeNote) -> tuple[About, ...]:
        """What a change concerns; empty where it concerns nothing in this mesh."""
        if any(any(self.find(trace)) for trace in note.unless):
            return ()
        if not all(any(self.find(trace)) for trace in note.also):
            return ()
        return tuple(dict.fromkeys(about for trace in note.found for about in self.find(trace)))

    def find(self, trace: Trace) -> Iterator[About]:
        """Whatever bears the trace."""
        match trace:
            case Objects():
                yield from self._objects(trace)
            case Repeated():
                yield from self._repeated(trace)
            case Pods(look):
                yield from self._pods(look)
            case MeshConfig(look):
                yield from self._document(look, self.case.evidence.mesh_configs, MESH)
            case Recorded(look):
                yield from self._document(look, self.case.evidence.recorded, VALUES)
            case Variable(names, values):
                yield from self._variable(names, values)
            case Image() | Installed():
                yield from self._parts(trace)

    def _objects(self, trace: Objects) -> Iterator[About]:
        for obj in self.case.objects(trace.types):
            meant = is_named(obj.key, trace.names) and not (trace.but and is_named(obj.key, trace.but))
            if meant and (not trace.looks or any(looks_like(obj.body, look) for look in trace.looks)):
                yield About.of(obj)

    def _repeated(self, trace: Repeated) -> Iterator[About]:
        places: dict[str, set[str]] = {}
        objects = self.case.objects(trace.types)
        for obj in objects:
            for value in values_at(obj.body, trace.path):
                places.setdefault(str(value), set()).add(obj.key.namespace)
        shared = {value for value, namespaces in places.items() if len(namespaces) > 1}
        for obj in objects:
            if shared & set(map(str, values_at(obj.body, trace.path))):
                yield About.of(obj)

    def _pods(self, look: Look) -> Iterator[About]:
        pods = self.case.evidence.pods
        for pod in () if isinstance(pods, Unknown) else pods:
            if proxy_image(pod) and looks_like(pod, look):
                namespace, kind, name = workload_of(pod)
                yield About(kind, namespace, name)

    def _document(self, look: Look, documents: Mapping[str, Body], name: str) -> Iterator[About]:
        revision = self.case.plane.revision if self.case.plane else ""
        document = documents.get(revision)
        if document is not None and looks_like(document, look):
            yield About("ConfigMap", self.case.evidence.root_namespace, suffixed(name, revision))

    def _variable(self, names: Iterable[str], values: Sequence[str]) -> Iterator[About]:
        for name in names:
            if name in self._environment and (not values or self._environment[name] in values) and self.case.plane:
                yield About.of(self.case.plane.obj)

    def _parts(self, trace: Image | Installed) -> Iterator[About]:
        installation = self.case.installation
        if isinstance(trace, Installed):
            yield from (
                About.of(each.obj) for each in installation.of(trace.part) if trace.method in (None, each.method)
            )
            if trace.part.value == "base" and installation.base and trace.method in (None, installation.base):
                yield About("", "", "base")
            return
        for each in installation.components:
            images = (str(container.get("image", "")) for container in containers_of(each.obj))
            if any(fnmatchcase(image, pattern) for image in images for pattern in trace.like):
                yield About.of(each.obj)


def looks_like(document: Json, look: Look) -> bool:
    """Whether any value at the place is as the look wants it."""
    found = list(values_at(document, look.path))
    if not found:
        return None in look.values
    return any(_fits(value, look) for value in found)


def values_at(document: Json, path: Path) -> Iterator[Json]:
    """Every value at a place; none where the way ends before."""
    if not path:
        yield document
        return
    head, rest = path[0], path[1:]
    if head == ANY:
        items = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
        for item in items:
            yield from values_at(item, rest)
    elif isinstance(document, dict) and head in document:
        yield from values_at(document[head], rest)


def _fits(value: Json, look: Look) -> bool:
    if look.values and not any(same(value, wanted) for wanted in look.values):
        return False
    if look.like and not any(fnmatchcase(str(value), pattern) for pattern in look.like):
        return False
    if look.unlike and any(fnmatchcase(str(value), pattern) for pattern in look.unlike):
        return False
    return all(_has(value, path, wanted) for path, wanted in look.having) and not any(
        any(True for _ in values_at(value, path)) for path in look.lacking
    )


def _has(value: Json, path: Path, wanted: tuple[Json, ...]) -> bool:
    found = list(values_at(value, path))
    if not wanted:
        return bool(found)
    return any(any(same(item, one) for one in wanted) for item in found or [None])
