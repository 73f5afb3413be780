"""What a case is: what is run from state B, which fault meets it at which point, and how it is ended.

What is run is an operation, or the `resume` or `abort` of one that was killed before: `KILLED_FIRST` has when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .points import Class
from .proxy import Spoil


class Operation(StrEnum):
    """What is run from state B."""

    ROLLBACK = "rollback"
    APPLY = "apply"
    UNDEFINE = "rollback-definitions"
    DEFINE = "apply-definitions"
    UNSEAL = "rollback-sealed"
    RESTART = "restart"
    UNRESTART = "rollback-restarts"

    @property
    def is_thorough(self) -> bool:
        """Every kind of request is spoiled, and it dies at every point. Of the others, that is the same code: what they
        write is spoiled, and they die wherever that leaves another state."""
        return self in (Operation.ROLLBACK, Operation.APPLY)


class Victim(StrEnum):
    """Who is killed."""

    SELF = "kill"
    GIT = "kill-git"
    BOTH = "kill-both"

    @property
    def variable(self) -> str:
        """As the killer is told."""
        return {"kill": "self", "kill-git": "git", "kill-both": "both"}[self]


class Way(StrEnum):
    """How an operation is ended that the fault left unfinished."""

    RESUME = "resume"
    ABORT = "abort"


class Moment(StrEnum):
    """When an operation is killed, for its `resume` and its `abort` to meet faults of their own."""

    UNWRITTEN = "unwritten"
    HALFWAY = "halfway"
    UNPROVED = "unproved"


@dataclass(frozen=True)
class KilledFirst:
    """One row: an operation is killed there, and then every step of what ends it is a point of the matrix, too."""

    operation: Operation
    moment: Moment
    at: str
    why: str
    spoiled: bool = False
    """The requests of what ends it are spoiled, too: they are of the same kinds, wherever it was killed."""


KILLED_FIRST = (
    KilledFirst(
        Operation.ROLLBACK,
        Moment.UNWRITTEN,
        "after-rename-journals-open.jsonl@1",
        "on record and nothing written: resume does all of it, abort nothing",
    ),
    KilledFirst(
        Operation.ROLLBACK,
        Moment.HALFWAY,
        "after-PUT-deployments-istio_system-istiod@1",
        "written, without its owners and without its outcome on record",
        spoiled=True,
    ),
    KilledFirst(
        Operation.ROLLBACK,
        Moment.UNPROVED,
        "before-git-fast-import@2",
        "all is written and read, and not on record: resume does nothing, abort all of it",
    ),
    KilledFirst(
        Operation.APPLY,
        Moment.HALFWAY,
        "after-PATCH-services-istio_system-istiod@1",
        "what is left of an apply is planned from its journal, not from a snapshot",
    ),
    KilledFirst(
        Operation.UNDEFINE,
        Moment.HALFWAY,
        "after-POST-customresourcedefinitions-gateways.networking.istio.io@1",
        "a definition is made, perhaps not served yet, and its object is not there",
    ),
    KilledFirst(
        Operation.DEFINE,
        Moment.HALFWAY,
        "after-PATCH-customresourcedefinitions-serviceentries.networking.istio.io@1",
        "the same, of one that abort has to delete",
    ),
    KilledFirst(
        Operation.UNSEAL,
        Moment.HALFWAY,
        "after-PUT-secrets-istio_system-turned@1",
        "one value is put back, and abort has to find the other one in the snapshot before",
    ),
    KilledFirst(
        Operation.RESTART,
        Moment.HALFWAY,
        "after-PATCH-deployments-shop-web@1",
        "restarted, and nobody has noted it: resume must not do it twice, abort must take it back",
    ),
    KilledFirst(
        Operation.UNRESTART,
        Moment.HALFWAY,
        "after-PATCH-deployments-shop-web@1",
        "a restart is taken back, which abort has to make again",
    ),
)
"""The product of all first kills with all second ones would be tens of thousands of cases. A second command knows the
first only by the mesh, the store and the journal, and of these there are as many kinds as rows here."""


@dataclass(frozen=True)
class Run:
    """What meets the fault: an operation from its start, or what is to end one that was killed at a moment."""

    operation: Operation
    moment: Moment | None = None
    ending: Way | None = None

    def __str__(self) -> str:
        return "/".join(word for word in (self.operation, self.moment, self.ending) if word)

    @classmethod
    def parse(cls, name: str) -> Run:
        """From its name. Raises ValueError."""
        runs = {str(run): run for run in RUNS}
        if name not in runs:
            raise ValueError(f"{name!r} is nothing that is run; known: {', '.join(runs)}")
        return runs[name]

    @property
    def killed_first(self) -> KilledFirst | None:
        """Where the operation was killed before."""
        return next((row for row in KILLED_FIRST if (row.operation, row.moment) == (self.operation, self.moment)), None)


RUNS = (
    *(Run(operation) for operation in Operation),
    *(Run(row.operation, row.moment, way) for row in KILLED_FIRST for way in Way),
)
"""All of them."""


@dataclass(frozen=True)
class Case:
    """One row of the matrix, before it is run."""

    run: Run
    fault: Spoil | Victim
    at: str
    way: Way

    def __str__(self) -> str:
        return f"{self.run}:{self.fault}:{self.at}:{self.way}"

    @classmethod
    def parse(cls, name: str) -> Case:
        """From its name. Raises ValueError."""
        run, fault, at, way = name.split(":")
        kinds: dict[str, Spoil | Victim] = {str(kind): kind for kind in (*Spoil, *Victim)}
        if fault not in kinds:
            raise ValueError(f"{fault!r} is no fault; known: {', '.join(kinds)}")
        return cls(Run.parse(run), kinds[fault], at, Way(way))


@dataclass(frozen=True)
class Recording:
    """What a run without any fault went through."""

    points: tuple[str, ...]
    requests: Mapping[str, Class]
