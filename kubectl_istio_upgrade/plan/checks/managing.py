"""Who else has a hand in the installation, and would undo what an upgrade does?"""

from __future__ import annotations

from collections.abc import Iterator

from ...models.findings import About, Finding, Severity, Skipped
from ...models.installations import Installation, Method
from ...models.objects import MeshObject
from ...models.plans import ForeignOwner
from ...rules.matching import EVERY_TYPE
from ..installation import DEFAULT_REVISION, is_installed
from ..owners import Found, owner_of, told
from ..settings.releases import releases_of, touched
from ..settings.wrapped import DO, LEFT, is_optional, why_wrapped
from .case import Case, found

UNDOING = frozenset({"argo-cd", "flux-kustomization", "flux-helm-release", "fleet", "kapp", "sail", "istio-operator"})
"""Rows of `rules.owners` that put their own state back without being asked."""
HARMLESS = frozenset({"helm"})
"""Rows that act only when they are run, as an upgrade itself may do."""

ELSEWHERE: dict[str, str] = {
    "sail": "set spec.version of the Istio, IstioCNI and ZTunnel resources instead",
    "istio-operator": "change the IstioOperator resource instead",
}


def methods(case: Case) -> Iterator[Finding | Skipped]:
    """Whether all parts were installed by the same means."""
    installation = case.installation
    if len(installation.methods) > 1:
        told_ = "; ".join(f"{method} installed {_parts(installation, method)}" for method in installation.methods)
        do = "the upgrade follows what installed the control plane; see that the others are upgraded, too"
        yield found("mixed-installation", told_, do, (each.obj for each in installation.components))


def _parts(installation: Installation, method: Method) -> str:
    parts = dict.fromkeys(str(each.part) for each in installation.components if each.method is method)
    return ", ".join(parts)


def managers(case: Case) -> Iterator[Finding | Skipped]:
    """Owners of the installation itself; whoever owns only custom resources is not touched by an upgrade."""
    for owner, objects in owners_of_installation(case).items():
        if owner.rule.id in HARMLESS:
            continue
        foreign = told(owner, [obj.key for obj in objects])
        pause = f"; or pause it first: {foreign.pause}" if foreign.pause else ""
        do = ELSEWHERE.get(owner.rule.id, "upgrade through it") + pause
        code = "managed-elsewhere" if owner.rule.id in UNDOING else "managed-by-operator"
        about = (About.of(obj) for obj in objects)
        yield found(code, f"{_name(foreign)} manages it, and {foreign.will_revert}", do, about)


def releases(case: Case) -> Iterator[Finding | Skipped]:
    """Whether the upgrade could go on with Helm's releases as they are."""
    if case.plane is None or case.plane.method is not Method.HELM:
        return
    present = releases_of(case.evidence.state, case.plane.revision or DEFAULT_REVISION)
    for each in touched(present, case.revision, gateways=True):
        if each.is_wrapped and is_optional(each):
            yield found("release-wrapped", why_wrapped(each), LEFT, severity=Severity.WARNING)
        elif each.is_wrapped:
            yield found("release-wrapped", why_wrapped(each), DO)


def owners_of_installation(case: Case) -> dict[Found, list[MeshObject]]:
    """Each foreign owner with what it owns of the installation, in the order of the objects."""
    mesh = case.evidence.state.versions.keys()
    owners: dict[Found, list[MeshObject]] = {}
    for obj in case.objects(EVERY_TYPE):
        if is_installed(obj) and (owner := owner_of(obj, mesh)):
            owners.setdefault(owner, []).append(obj)
    return owners


def _name(owner: ForeignOwner) -> str:
    where = f"{owner.namespace}/{owner.name}" if owner.namespace else owner.name
    return f"{owner.kind} {where}".rstrip()
