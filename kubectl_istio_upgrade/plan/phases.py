"""What an upgrade will do in this mesh, phase by phase."""

from __future__ import annotations

from collections.abc import Mapping

from ..models.assessments import PlannedPhase
from ..models.installations import Method, Part
from ..models.upgrades import Phase
from .checks.case import Case

BY_METHOD: Mapping[Method, str] = {
    Method.ISTIOCTL: "istioctl {target} installs over what it installed, with the same settings",
    Method.HELM: "helm upgrade of {releases}, one after the other, with the same values",
    Method.SAIL: "nothing: the Sail operator installs what its resources ask for",
    Method.OPERATOR: "nothing: the in-cluster operator installs what its resource asks for",
    Method.MANIFESTS: "the manifests of {target} are applied by this tool, in its own order",
}

SETTINGS: Mapping[Method, str] = {
    Method.ISTIOCTL: "the settings of the installation are recovered from the mesh",
    Method.HELM: "the values of each release are read from Helm",
    Method.MANIFESTS: "the settings are recovered from the mesh",
}


def planned_phases(case: Case) -> tuple[PlannedPhase, ...]:
    """The phases of the guide, in its order; empty where no upgrade is asked about."""
    if case.target is None or case.plane is None:
        return ()
    method = case.plane.method
    apply = BY_METHOD[method].format(target=case.target, releases=_releases(case))
    if not case.in_place:
        apply += f"; beside the present control plane, as revision {case.revision}{_without_agents(case)}"
    told = {
        Phase.PLAN: "this assessment",
        Phase.ISTIOCTL: f"istioctl {case.target}" + (" and helm" if method is Method.HELM else ""),
        Phase.PRECHECK: "these checks and istioctl's own",
        Phase.MANIFEST: SETTINGS.get(method, "none"),
        Phase.REVIEW: "every object is tried on the server, the difference is shown, and you are asked",
        Phase.APPLY: f"a snapshot, then {apply}",
        Phase.VALIDATE: "versions, pods, webhooks and proxies, and istioctl analyze; what failed before stops nothing",
        Phase.CONTROL_PLANE: _parts(case),
        Phase.WORKLOADS: _workloads(case),
        Phase.AFTER: "the mesh is read again and proved, a snapshot and the record are stored",
    }
    return tuple(PlannedPhase(phase, text) for phase, text in told.items())


def _releases(case: Case) -> str:
    """Those of Istio's own charts: of others precheck tells."""
    own = [f"{each.name} ({each.chart})" for each in case.installation.releases if not each.is_wrapped]
    return ", ".join(own) or "no release"


def _without_agents(case: Case) -> str:
    """There is one of each a node, so they cannot be had beside the present ones."""
    agents = case.installation.of(Part.CNI, Part.ZTUNNEL)
    return f"; {' and '.join(str(each.part) for each in agents)} as they are" if agents else ""


def _parts(case: Case) -> str:
    if not case.in_place:
        return "none: the new control plane stands beside the present one"
    return "only if something has changed that they read at their start alone"


def _workloads(case: Case) -> str:
    """Gateways of the installation have pods with a proxy, too, and are no workloads of its users."""
    parts = {(each.obj.kind, each.obj.key.namespace, each.obj.key.name) for each in case.installation.components}
    served = [each for each in case.evidence.workloads if (each.kind, each.namespace, each.name) not in parts]
    if not case.in_place:
        return f"none before `promote` leads namespaces to revision {case.revision}"
    if not served:
        return "none"
    pods = _counted(sum(each.pods for each in served), "pod")
    return f"those whose proxy is out of date, of {_counted(len(served), 'workload')} with {pods}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
