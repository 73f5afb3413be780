"""`promote` and `retire`: the last steps of a canary upgrade, through the engine that rolls back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..apply.trial import Trial
from ..capture import Capture
from ..errors import RefusedError
from ..models.objects import Body, State
from ..models.operations import Operation
from ..models.plans import Plan
from ..models.secrets import NO_VALUES, Values
from ..models.webhooks import ServiceName
from ..plan.canary import Reshaped, promoted, rest_of, retired
from ..plan.clients import ISTIOD
from ..plan.rollback import RollbackOptions, plan_rollback
from ..plan.secrets import SecretSources, values_for
from ..plan.settings.recorded import suffixed
from .instances import live_unlisted
from .permissions import check_permissions
from .run import Finished, Task
from .running import Review, carry_out
from .session import WritingSession
from .webhooks import backings_of

PROMOTE, RETIRE = "promote", "retire"


@dataclass(frozen=True)
class Request:
    """What the user asks for. Plain values, so that the journal can keep them for `resume`."""

    kind: str
    revision: str
    namespaces: tuple[str, ...] = ()
    tag: str = "default"

    def to_data(self) -> Body:
        """As the journal has it."""
        return {"revision": self.revision, "namespaces": [*self.namespaces], "tag": self.tag}

    @classmethod
    def of_operation(cls, operation: Operation) -> Request:
        """The request of an unfinished operation. Raises KeyError for damage."""
        data = operation.opening.request
        return cls(operation.opening.kind, data["revision"], tuple(data["namespaces"]), data["tag"])

    @property
    def label(self) -> str:
        """What it aims at, in words."""
        if self.kind == RETIRE:
            return f"revision {self.revision}"
        what = f"namespaces {', '.join(self.namespaces)}" if self.namespaces else f"tag {self.tag}"
        return f"{what} at revision {self.revision}"


@dataclass(frozen=True)
class Planned:
    """One of them, planned and tried on the server, and not begun."""

    request: Request
    captured: Capture
    shape: Reshaped
    plan: Plan
    values: Values = field(default=NO_VALUES, repr=False)


def prepare(session: WritingSession, request: Request, continues: Operation | None = None) -> Planned:
    """Plan it, or what is left of it, and try every write on the server. Changes nothing.

    Raises RefusedError while what is to go is in use, when a permission is missing, or the server refuses; UsageError
    for what is not there.
    """
    captured = session.capture()
    shape = _shape(captured, request, continues)
    if request.kind == PROMOTE and continues is None:
        _check_serving(session, captured, request.revision)
    options = RollbackOptions(
        shape.keys.__contains__,
        unlisted=live_unlisted(session.reader, session.secrets, captured),
        secrets=SecretSources(sealing=bool(session.store.recipients())),
    )
    plan = plan_rollback(captured.state, shape.state, options)
    follow_ups = (*plan.follow_ups, *shape.follow_ups)
    plan = replace(plan, operation=request.kind, target=request.label, follow_ups=follow_ups)
    values = values_for(plan)
    if plan.writes:
        check_permissions(session, plan.writes)
        plan = Trial(session.sender(values), session.progress).of_plan(plan)
    return Planned(request, captured, shape, plan, values)


def run(session: WritingSession, planned: Planned, review: Review, continues: Operation | None = None) -> Finished:
    """Carry it out. Raises as `running.carry_out`."""
    task = Task(
        planned.plan,
        planned.captured,
        _promise(planned.shape.state),
        planned.shape.keys.__contains__,
        planned.request.revision,
        planned.request.to_data(),
        continues,
        values=planned.values,
    )
    return carry_out(session, task, review)


def _check_serving(session: WritingSession, captured: Capture, revision: str) -> None:
    """A control plane that does not answer makes no pods, and its validator refuses all of Istio's configuration."""
    service = ServiceName(captured.root_namespace, suffixed(ISTIOD, revision))
    backing = backings_of(session.reader, captured, [service])[service]
    if backing.known and not backing.ready:
        message = f"service {service}, to which it would lead, has no ready endpoint: new pods would be refused"
        raise RefusedError(f"{message}; nothing was changed", hint="`kubectl istio-upgrade validate` says what ails it")


def _shape(captured: Capture, request: Request, continues: Operation | None) -> Reshaped:
    if request.kind == RETIRE and continues is not None:
        return rest_of(captured.state, request.revision, continues.keys)
    if request.kind == RETIRE:
        return retired(captured.state, request.revision, captured.workloads)
    return promoted(captured.state, request.revision, request.namespaces, request.tag)


def _promise(state: State) -> Callable[[], State]:
    return lambda: state
