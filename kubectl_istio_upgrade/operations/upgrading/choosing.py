"""How a mesh is installed, and with what settings: which way its upgrade goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ...capture import Capture
from ...errors import RefusedError
from ...models.installations import Component, Method, Part
from ...models.objects import Body, State
from ...models.settings import ChartSource, HelmRelease, OperatorSettings, Source
from ...plan.installation import installation_of
from ...plan.settings.agents import with_agents_of
from ...plan.settings.gateways import with_gateways_of
from ...plan.settings.operator import Origin, as_canary
from ...plan.settings.pending import Pending
from ...plan.settings.releases import Canary, releases_beside, values_for
from ...plan.settings.remainder import Parse
from ...ports import Helm, Istioctl
from ...rules.helm import applies_server_side
from ..session import WritingSession
from .by_helm import ByHelm
from .reaching import Reaching, Render
from .recovering import Recovery
from .releasing import upgradable
from .ways import ByIstioctl, ByManifests, Way, recovered
from .wishes import Wishes

BY_OPERATORS: Mapping[Method, str] = {
    Method.SAIL: "set spec.version of its Istio resource",
    Method.OPERATOR: "upgrade the operator, which upgrades its control plane",
}
"""What to do instead, where an operator installs the mesh."""


@dataclass(frozen=True)
class Tools:
    """The programs of others, found when they are asked for."""

    istioctl: Callable[[str], Istioctl]
    """Of a release. Raises ToolError saying how to get it."""
    istioctl_at_hand: Callable[[str], Istioctl | None]
    """The same, or None."""
    reference: Callable[[str], Istioctl | None]
    """Of the release that runs, or None: of that the assessment has told."""
    helm: Callable[[], Helm]
    charts: Callable[[str], ChartSource]
    """The target's chart of a name."""
    parse: Parse
    """Reads YAML."""


@dataclass(frozen=True)
class Chooser:
    """Chooses the way for one upgrade."""

    tools: Tools
    to: str
    wishes: Wishes
    revision: str = ""
    """Of a new control plane beside the present one; "" in its place."""
    gateways: bool = False
    """With a revision: gateways move to it, too."""
    recorded: Body | None = None
    """Settings from the journal of the operation that goes on; then nothing is recovered."""
    before: State | None = None
    """The mesh before the operation that goes on."""

    def tool(self, plane: Component) -> str:
        """See `Choose`. Raises RefusedError for a mesh that an operator installs."""
        if plane.method in BY_OPERATORS:
            hint = f"{BY_OPERATORS[plane.method]}; snapshot, diff and rollback of this tool work all the same"
            raise RefusedError(f"the {plane.method} installs this mesh, and would undo an upgrade by others", hint=hint)
        if plane.method is Method.HELM:
            return f"helm {self.tools.helm().version}"
        target = self.tools.istioctl(self.to)
        return f"istioctl {target.version}, {target.path}"

    def way(self, session: WritingSession, captured: Capture, plane: Component) -> Way:
        """See `Choose`."""
        if plane.method is Method.HELM:
            return self._by_helm(captured.state, plane)
        target = self.tools.istioctl(self.to)
        operator = self._operator(session, captured, plane, target)
        if plane.method is Method.ISTIOCTL:
            return ByIstioctl(target, operator)
        return ByManifests(target, operator, self.tools.reference(str(plane.version)) if operator.proved else None)

    def istioctl(self) -> Istioctl | None:
        """See `Choose`."""
        return self.tools.istioctl_at_hand(self.to)

    def _operator(
        self, session: WritingSession, captured: Capture, plane: Component, target: Istioctl
    ) -> OperatorSettings:
        if self.recorded is not None:
            return OperatorSettings(self.recorded, (Source("spec", "the journal of this operation"),))
        operator = self._recovered(session, captured, plane, target)
        if self.revision and self.revision != plane.revision:
            operator = replace(operator, body=as_canary(operator.body, self.revision, gateways=self.gateways))
        installed = installation_of(captured.state, captured.workloads)
        joined = with_gateways_of if self.revision else with_agents_of
        for other in installed.origins(self.revision, gateways=self.gateways):
            if other.revision != plane.revision:
                records = "" if other.part is Part.CONTROL_PLANE else plane.revision
                operator = joined(operator, self._recovered(session, captured, other, target, records))
        return replace(operator, body=self.wishes.over(operator.body))

    def _recovered(
        self, session: WritingSession, captured: Capture, plane: Component, target: Istioctl, records: str = ""
    ) -> OperatorSettings:
        origin = Origin(session.root_namespace, plane.revision, str(plane.version or ""), records)
        recovery = Recovery(session, captured, origin, self.tools.parse, plane.method is Method.ISTIOCTL)
        reference = target if target.version == origin.version else self.tools.reference(origin.version)
        return recovered(recovery, target, reference)

    def _by_helm(self, live: State, plane: Component) -> ByHelm:
        helm = self.tools.helm()
        gateways = self.gateways or not self.revision
        present, istiod = upgradable(live, plane, helm, self.revision, gateways=gateways)
        beside = releases_beside(live, present, self._canary(plane, istiod, helm)) if self.revision else None
        releases = beside.releases if beside else present
        known = releases if self.recorded is None else tuple(each for each in releases if each.label in self.recorded)
        found = Pending(live, self.before, known)
        way = ByHelm(
            helm, self.to, known, self.recorded or {}, self.tools.charts,
            first=found.leftovers(), behind=found.behind(), stuck=found.stuck(),
            late=tuple(each.label for each in releases if each not in known),
        )  # fmt: skip
        if self.recorded is not None:
            return way
        values = {
            each.label: values_for(helm.values(each.name, each.namespace), each.version, self.to) for each in present
        }
        values = beside.values(values) if beside else values
        laid = Reaching(self.wishes, releases).over(values, self._rendered(helm))
        return replace(way, values=laid.values, idle=laid.idle)

    def _canary(self, plane: Component, istiod: HelmRelease, helm: Helm) -> Canary:
        """The control plane of a revision, which may be there, or half there from what goes on here."""
        own = plane.revision == self.revision
        new = not own or self.recorded is not None
        return Canary(
            istiod, self.revision, gateways=self.gateways, own=own, new=new,
            server_side=applies_server_side(helm.version),
        )  # fmt: skip

    def _rendered(self, helm: Helm) -> Render:
        return lambda release, values: helm.render(release, self.tools.charts(release.chart), values)
