"""What will be done, decided before anything is done. The plan is what the user approves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .changes import FieldChange, ObjectDiff
from .objects import Body, Key, MeshObject, ResourceType, Version


class Action(StrEnum):
    """What becomes of one object."""

    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    """Delete and create: a field that cannot be changed in place differs. Only ever after the plan has said so."""
    RELAX = "relax"
    """A webhook that fails closed while nobody serves it lets writes pass, until a later update puts it back: the one
    case of two writes to one object in a plan."""
    DELETE = "delete"
    RESTART = "restart"
    """Its controller replaces its pods, because an annotation of their template changes."""
    KEEP = "keep"
    """It differs from the target and stays as it is, for the reason given."""


class Write(StrEnum):
    """By which request."""

    POST = "post"
    PUT = "put"
    APPLY = "server-side apply"
    FORCE = "server-side apply, taking over fields of others"
    PATCH = "merge patch"
    DELETE = "delete"
    RECREATE = "delete, then post"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Restart:
    """What a change makes of the annotation that restarts a workload: `kubectl.kubernetes.io/restartedAt`."""

    before: str | None
    """Its value now; None where there is none."""
    after: str | None
    """None takes it away: the template of before it is then in force again."""
    owners: tuple[Body, ...] = ()
    """Who owns it now: `managedFields`, of that annotation alone."""
    owners_after: tuple[Body, ...] = ()
    """To whom it is given back, where it is."""
    takes: int = 0
    """Pods that its strategy may take away before others have come; so many disruptions its budgets have to allow."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of its pods: by these, budgets select them."""
    budgets: tuple[str, ...] = ()
    """The PodDisruptionBudgets that select them."""
    proxies: tuple[str, str] = ("", "")
    """The versions of the proxy before and after it, where they are known."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One object's part of the plan, with the preconditions that the server will check."""

    key: Key
    type: ResourceType
    action: Action
    write: Write
    stage: int
    """Index into `rules.order.STAGES`."""
    diff: ObjectDiff | None = None
    """From live to what is planned; for a kept object to what the target would have been."""
    body: Body | None = None
    """What is sent; None for deletions and kept objects."""
    uid: str = ""
    resource_version: str = ""
    reason: str = ""
    """Why it is kept, or why an update has become a recreation."""
    notes: tuple[str, ...] = ()
    leaves: tuple[FieldChange, ...] = ()
    """By what the object still differs from the target once it is written, as a note says."""
    manager: str = ""
    """Under whose name a server-side apply is sent; "" for this tool's own."""
    autoscaled: bool = False
    """An autoscaler decides its replicas, so their moving is no change by somebody else."""
    live: MeshObject | None = None
    target: MeshObject | None = None
    restart: Restart | None = None
    """Of `RESTART`, and of an update that puts the annotation back with the rest."""

    @property
    def is_write(self) -> bool:
        """False for what is kept."""
        return self.action is not Action.KEEP


@dataclass(frozen=True, slots=True)
class ForeignOwner:
    """Somebody else who manages objects that the plan writes."""

    kind: str
    """Such as `Flux Kustomization`."""
    name: str
    """"" where the objects do not tell."""
    namespace: str
    objects: tuple[Key, ...]
    will_revert: str
    """What it does about the plan's changes, after "it"."""
    pause: str
    """The command that keeps it from that; "" where there is none or no need."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A command for people, once the plan has been carried out: something that this tool cannot do without harm."""

    command: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered changes, the state they were computed from, and a hash over both."""

    operation: str
    """`rollback`, `apply` or `restart`."""
    target: str
    """`snapshot 3f2a91c` or the names of the manifests."""
    changes: tuple[PlannedChange, ...]
    same: int
    """Objects in scope that already are as the target has them."""
    hash: str
    not_compared: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    """Why it must not be carried out; it can be looked at."""
    owners: tuple[ForeignOwner, ...] = ()
    """Who else manages what is written."""
    follow_ups: tuple[FollowUp, ...] = ()
    foreseen: tuple[PlannedChange, ...] = ()
    """Restarts that will probably follow once everything is written: which ones, the server can tell only then."""

    @property
    def has_work(self) -> bool:
        """Whether there is anything to approve, or to refuse."""
        return bool(self.writes or self.foreseen or self.blockers)

    @property
    def writes(self) -> tuple[PlannedChange, ...]:
        """The changes that write, in order."""
        return tuple(change for change in self.changes if change.is_write)

    @property
    def kept(self) -> tuple[PlannedChange, ...]:
        """The differences that stay."""
        return tuple(change for change in self.changes if not change.is_write)

    @property
    def counts(self) -> Counter[Action]:
        """How many changes of each action."""
        return Counter(change.action for change in self.changes)


class Outcome(StrEnum):
    """How one write ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not attempted, for the reason given."""
    UNKNOWN = "unknown"
    """The connection broke before the answer came: it may have happened."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One write, as it went."""

    key: Key
    action: Action
    outcome: Outcome
    seconds: float = 0.0
    reason: str = ""
    version: Version | None = None
    """What the server has after it; None after a deletion."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The cluster, read again, against what the plan promised."""

    target: str
    identical: int
    kept: tuple[PlannedChange, ...]
    residual: tuple[ObjectDiff, ...]
    reads: int
    """How often the cluster had to be read until it had settled, or until the patience for it ran out."""
    restarted: int = 0
    """Workloads whose restart was looked at again and is as planned."""

    @property
    def holds(self) -> bool:
        """True when nothing is left."""
        return not self.residual
