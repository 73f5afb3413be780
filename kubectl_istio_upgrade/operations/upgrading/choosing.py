"""How a mesh is installed, and with what settings: which way its upgrade goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...capture import Capture
from ...errors import RefusedError
from ...models.objects import Body, Key, MeshObject, State
from ...models.settings import ChartSource, OperatorSettings, Source
from ...plan.settings.merging import merged, parsed_setting, with_value
from ...plan.settings.operator import Origin
from ...plan.settings.recorded import suffixed
from ...plan.settings.releases import releases_of
from ...plan.settings.remainder import Parse
from ...ports import Helm, Istioctl
from ..session import WritingSession
from .by_helm import ByHelm
from .recovering import ISTIOCTL, Recovery
from .ways import ByIstioctl, ByManifests, Way, recovered


@dataclass(frozen=True)
class Tools:
    """The programs of others, found when they are asked for."""

    istioctl: Callable[[str], Istioctl]
    """Of a release. Raises ToolError saying how to get it."""
    istioctl_at_hand: Callable[[str], Istioctl | None]
    """The same, or None."""
    helm: Callable[[], Helm]
    charts: Callable[[str], ChartSource]
    """The target's chart of a name."""
    parse: Parse
    """Reads YAML."""


@dataclass(frozen=True)
class Wishes:
    """What the user sets beyond what was recovered."""

    files: tuple[Body, ...] = ()
    """IstioOperators, or values, laid over the recovered settings one after another."""
    settings: tuple[str, ...] = ()
    """`PATH=VALUE`, as with `istioctl --set`."""

    def over(self, body: Body, parse: Parse, *, root: str) -> Body:
        """The settings with these laid over them; paths of an IstioOperator begin below `spec`."""
        for file in self.files:
            body = merged(body, file)
        for text in self.settings:
            steps, value = parsed_setting(text)
            steps = steps if not root or steps[0] in ("spec", "metadata") else (root, *steps)
            body = with_value(body, steps, parse(value))
        return body


@dataclass(frozen=True)
class Chooser:
    """Chooses the way for one upgrade."""

    tools: Tools
    to: str
    wishes: Wishes
    recorded: Body | None = None
    """Settings from the journal of the operation that goes on; then nothing is recovered."""

    def __call__(self, session: WritingSession, captured: Capture, origin: Origin) -> Way:
        """The way that the mesh was installed. Raises RefusedError for a mesh that an operator installs."""
        installer = installer_of(captured.state, origin)
        if installer == "sail":
            hint = "set spec.version of its Istio resource; snapshot, diff and rollback of this tool work all the same"
            raise RefusedError("the Sail operator installs this mesh, and would undo an upgrade by others", hint=hint)
        if installer == "helm":
            return self._by_helm(captured.state, origin)
        target = self.tools.istioctl(self.to)
        operator = self._operator(session, captured, origin, target, by_istioctl=installer == "istioctl")
        return ByIstioctl(target, operator) if installer == "istioctl" else ByManifests(target, operator)

    def _operator(
        self, session: WritingSession, captured: Capture, origin: Origin, target: Istioctl, *, by_istioctl: bool
    ) -> OperatorSettings:
        if self.recorded is not None:
            return OperatorSettings(self.recorded, (Source("spec", "the journal of this operation"),))
        recovery = Recovery(session, captured, origin, self.tools.parse, by_istioctl)
        operator = recovered(recovery, target, self.tools.istioctl_at_hand(origin.version))
        return replace(operator, body=self.wishes.over(operator.body, self.tools.parse, root="spec"))

    def _by_helm(self, live: State, origin: Origin) -> ByHelm:
        helm = self.tools.helm()
        releases = releases_of(live, origin.revision)
        if self.recorded is not None:
            return ByHelm(helm, self.to, releases, self.recorded, self.tools.charts)
        values = {f"{each.namespace}/{each.name}": helm.values(each.name, each.namespace) for each in releases}
        istiod = next(f"{each.namespace}/{each.name}" for each in releases if each.chart == "istiod")
        values[istiod] = self.wishes.over(values[istiod], self.tools.parse, root="")
        return ByHelm(helm, self.to, releases, values, self.tools.charts)


def installer_of(live: State, origin: Origin) -> str:
    """`istioctl`, `helm`, `sail` or `manifests`."""
    istiod = _istiod(live, origin)
    owners: Sequence[Body] = istiod.body["metadata"].get("ownerReferences") or ()
    if any(str(owner.get("apiVersion", "")).startswith("sailoperator.io/") for owner in owners):
        return "sail"
    if any(release.chart == "istiod" for release in releases_of(live, origin.revision)):
        return "helm"
    managers = {entry.get("manager") for entry in istiod.server.managed_fields}
    return "istioctl" if ISTIOCTL in managers or "operator.istio.io/managed" in istiod.labels else "manifests"


def _istiod(live: State, origin: Origin) -> MeshObject:
    key = Key("apps", "deployments", origin.root_namespace, suffixed("istiod", origin.revision))
    if key not in live.versions:
        raise RefusedError(f"there is no Deployment {key.name} in namespace {key.namespace!r}")
    return live.load([key])[key]
