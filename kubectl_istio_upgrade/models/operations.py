"""An operation: one run of a command that changes the mesh, from its safety snapshot to its proof, on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .objects import Body, Key
from .plans import Action, Outcome
from .upgrades import Phase, PhaseOutcome, PhaseResult

ABORT = "abort"
"""The kind of an operation that was taken back; its target is the snapshot before it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs this program, and as which process: what a lock says of its holder."""

    user: str
    host: str
    pid: int
    run: str
    """Random: two containers may agree in all the rest."""

    @property
    def identity(self) -> str:
        """What a Lease calls its holder."""
        return f"{self.user}@{self.host}/{self.pid}-{self.run}"

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (process {self.pid})"


Step = tuple[Key, Action]
"""One write. An object may have two: a webhook is relaxed first, and put back later."""


class Aim(StrEnum):
    """Where a run of an operation is headed."""

    TARGET = "target"
    """What was asked for; `resume` goes on there."""
    BEFORE = "before"
    """The state before; `abort` goes there."""


class End(StrEnum):
    """How an operation ended."""

    PROVED = "proved"
    UNPROVED = "unproved"
    """Everything was written and something still differs; the record says what."""
    NOTHING = "nothing"
    """It stopped before its first write."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What an operation set out to do: the head of its journal. All that `resume` and `abort` need is in here."""

    id: str
    """Sortable by time, and unique: `20261124-005500-1a2b3c`."""
    kind: str
    """`rollback`, `apply` or `restart`."""
    target: str
    """The target's commit, or the names of the manifests."""
    label: str
    """The target in words: `snapshot 3f2a91c`."""
    before: str
    """The commit of the safety snapshot."""
    started: datetime
    request: Body
    """What was asked, as the operation's own module wrote it, so that it can plan again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run: of the command itself, or of `resume` or `abort` after it."""

    aim: Aim
    plan_hash: str
    """The hash of the plan that was approved for it."""
    holder: Holder
    started: datetime
    steps: tuple[Step, ...]
    """Every write of that plan."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the journal knows of one write: the last that was recorded."""

    outcome: Outcome | None
    """None: it was about to be written, and nobody knows whether it was."""
    reason: str = ""
    seconds: float = 0.0
    run: int = 1
    """In which run of the operation that was, counted from 1."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """A workload that an operation has restarted, or was about to restart: all that it takes to undo that."""

    key: Key
    uid: str
    before: str | None
    """The annotation of its template before; None where there was none."""
    after: str | None
    outcome: Outcome | None = None
    """None: it was about to be written, and nobody knows whether it was."""
    reason: str = ""
    """Why it is restarted, or is not."""
    owners: tuple[Body, ...] = ()
    """Who owned the annotation before: `managedFields`, of that annotation alone."""
    proxies: tuple[str, str] = ("", "")
    """The versions of the proxy before and after it, where they are known."""

    def to_data(self) -> Body:
        """As `operation.yaml` has it."""
        data: Body = {"object": str(self.key), "uid": self.uid, "before": self.before, "after": self.after}
        data |= {"outcome": str(self.outcome or Outcome.UNKNOWN), "reason": self.reason}
        known = {"owners": [*self.owners], "proxyBefore": self.proxies[0], "proxyAfter": self.proxies[1]}
        return data | {name: value for name, value in known.items() if value}

    @classmethod
    def of_data(cls, data: Body) -> Restarted:
        """The inverse. Raises KeyError, TypeError or ValueError for damage."""
        return cls(
            key=Key.of(data["object"]),
            uid=data["uid"],
            before=data["before"],
            after=data["after"],
            outcome=Outcome(data["outcome"]),
            reason=data["reason"],
            owners=tuple(data.get("owners", ())),
            proxies=(data.get("proxyBefore", ""), data.get("proxyAfter", "")),
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """A journal, read."""

    opening: Opening
    attempts: tuple[Attempt, ...]
    written: Mapping[Step, Written] = field(default_factory=dict)
    phases: tuple[PhaseResult, ...] = ()
    """Every line about a phase, in the order in which they were written."""
    end: End | None = None
    """None while it is unfinished."""
    after: str = ""
    """The commit of the snapshot that ended it."""
    restarts: tuple[Restarted, ...] = ()
    """Every restart that any of its runs has made or was about to make, in this order."""

    @property
    def keys(self) -> frozenset[Key]:
        """Every object that any of its runs set out to write."""
        return frozenset(key for attempt in self.attempts for key, _ in attempt.steps)

    @property
    def created(self) -> frozenset[Key]:
        """Every object that it has made, or may have made, by the word of its journal."""
        made = {key: entry.outcome for (key, action), entry in self.written.items() if action is Action.CREATE}
        return frozenset(key for key, outcome in made.items() if outcome is not Outcome.FAILED)

    @property
    def made(self) -> frozenset[Key]:
        """Every object that it is known to have made."""
        done = (step for step, entry in self.written.items() if entry.outcome is Outcome.DONE)
        return frozenset(key for key, action in done if action in (Action.CREATE, Action.RECREATE))

    @property
    def not_created(self) -> frozenset[Key]:
        """Objects that it set out to make and has not: such a write failed for certain, or never began."""
        planned = {key for attempt in self.attempts for key, action in attempt.steps if action is Action.CREATE}
        return frozenset(planned - self.created)

    @property
    def aim(self) -> Aim:
        """Where its last run was headed."""
        return self.attempts[-1].aim if self.attempts else Aim.TARGET

    @property
    def done(self) -> int:
        """Writes of the last run that are known to have happened."""
        steps = set(self.attempts[-1].steps) if self.attempts else set()
        now = len(self.attempts)
        made = (step for step, entry in self.written.items() if entry.outcome is Outcome.DONE and entry.run == now)
        return len(steps.intersection(made))

    @property
    def planned(self) -> int:
        """Writes that the last run set out to make."""
        return len(self.attempts[-1].steps) if self.attempts else 0

    @property
    def unsure(self) -> tuple[Key, ...]:
        """Objects of which nobody knows whether they were written."""
        return tuple(key for (key, _), entry in self.written.items() if entry.outcome in (None, Outcome.UNKNOWN))

    def has_done(self, phase: Phase) -> bool:
        """Whether a phase came to its end, in whichever run."""
        return any(each.phase is phase and each.outcome is PhaseOutcome.DONE for each in self.phases)

    def has_begun(self, phase: Phase) -> bool:
        """Whether a phase has ever begun."""
        return any(each.phase is phase for each in self.phases)

    def __str__(self) -> str:
        return f"{self.opening.kind} to {self.opening.label}"
