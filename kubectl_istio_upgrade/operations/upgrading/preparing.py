"""Everything before the first write: what the upgrade would change, by the server's own account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...capture import Capture, control_plane_versions
from ...errors import RefusedError, UsageError
from ...models.objects import Body, Key, State
from ...models.plans import Plan
from ...models.upgrades import Phase
from ...plan.settings.operator import REVISION_LABEL, Origin
from .. import applying
from ..session import WritingSession
from .phases import Phases
from .ways import Way

UPGRADE = "upgrade"
"""The kind of these operations, on record."""

Choose = Callable[[WritingSession, Capture, Origin], Way]
"""Finds out how the mesh is installed, and with what settings."""


@dataclass(frozen=True)
class Request:
    """What the user asks for. Plain values, so that the journal can keep them for `resume`."""

    to: str
    way: str = ""
    settings: Body | None = None
    """As they were recovered at the first run."""

    def to_data(self) -> Body:
        """As the journal has it."""
        return {"to": self.to, "way": self.way, "settings": self.settings}

    @classmethod
    def of_data(cls, data: Body) -> Request:
        """The inverse. Raises KeyError or TypeError for damage."""
        return cls(to=data["to"], way=data["way"], settings=data["settings"])


@dataclass(frozen=True)
class Prepared:
    """An upgrade that has been planned and tried on the server, and not begun."""

    request: Request
    origin: Origin
    way: Way
    applied: applying.Planned

    @property
    def plan(self) -> Plan:
        """What the user approves."""
        return self.applied.plan

    @property
    def captured(self) -> Capture:
        """The reading that the plan was made from."""
        return self.applied.captured


def prepare(session: WritingSession, request: Request, choose: Choose, phases: Phases) -> Prepared:
    """Recover the settings, render the target, and try every object of it on the server. Changes nothing.

    Raises RefusedError with every refusal of the server, ToolError where istioctl or helm refuses.
    """
    captured = session.capture()
    origin = control_plane(captured.state, session.root_namespace)
    with phases.phase(Phase.MANIFEST) as tell:
        way = choose(session, captured, origin)
        manifests = way.manifests(session, captured.state)
        tell(f"{len(manifests.objects)} objects by {way.name}")
    with phases.phase(Phase.REVIEW) as tell:
        planned = applying.prepare(session, manifests, force_conflicts=True, captured=captured, manager=way.manager)
        plan = replace(planned.plan, operation=UPGRADE, target=f"Istio {request.to}")
        tell(f"{len(plan.writes)} of {len(manifests.objects)} objects will change")
    request = replace(request, way=way.name, settings=way.settings)
    return Prepared(request, origin, way, replace(planned, plan=plan))


def control_plane(live: State, root_namespace: str, revision: str = "") -> Origin:
    """The control plane to upgrade. Raises RefusedError where there is none, UsageError where it is not clear which."""
    found: dict[str, str] = {}
    keys = [key for key in live.versions if key.resource == "deployments.apps" and key.namespace == root_namespace]
    for obj in live.load(keys).values():
        if versions := control_plane_versions([obj]):
            found[obj.labels.get(REVISION_LABEL) or "default"] = versions[0]
    if revision and revision in found:
        return Origin(root_namespace, revision, found[revision])
    if not found:
        raise RefusedError(f"there is no istiod in namespace {root_namespace!r}; nothing to upgrade")
    if revision or (len(found) > 1 and "default" not in found):
        hint = "there are " + ", ".join(f"{name} ({version})" for name, version in sorted(found.items()))
        raise UsageError(f"which control plane? there is no revision {revision or 'default'!r}", hint=hint)
    name = "default" if "default" in found else next(iter(found))
    return Origin(root_namespace, name, found[name])


def keys_of(prepared: Prepared) -> frozenset[Key]:
    """The objects of the target release."""
    return frozenset(prepared.applied.manifests.objects)
