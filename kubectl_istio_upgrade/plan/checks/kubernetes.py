"""Does the target support this Kubernetes, and these definitions of the Gateway API?"""

from __future__ import annotations

from collections.abc import Iterator

from ...models.findings import Finding, Severity, Skipped
from ...models.objects import MeshObject
from ...models.releases import Release
from ...rules.matching import types
from ...rules.releases import GATEWAY_API, LINES, OLDEST_DEFINITIONS, Effect, GatewayApiWindow
from .case import Case, found

GATEWAY_API_GROUP = "gateway.networking.k8s.io"
BUNDLE = f"{GATEWAY_API_GROUP}/bundle-version"
DEFINITIONS = types("customresourcedefinitions.apiextensions.k8s.io")


def window(case: Case) -> Iterator[Finding | Skipped]:
    """The cluster's own release, against what the target supports.

    What is no worse than it is today, under the release that runs now, is only a warning.
    """
    text = case.evidence.cluster.server_version
    server = Release.parse(text)
    line = LINES.get(case.target.minor) if case.target else None
    if case.target is None or line is None:
        return
    if server is None:
        yield Skipped("the release of Kubernetes", f"the server calls it {text!r}")
        return
    first, last = line.kubernetes
    today = LINES.get(case.current.minor) if case.current else None
    supported = f"Istio {case.target.line} supports Kubernetes 1.{first} to 1.{last}, and this is {server}"
    if server.minor < first:
        milder = today is not None and server.minor < today.kubernetes[0] and server.minor >= line.floor
        yield _finding("kubernetes-too-old", supported, "upgrade Kubernetes first", line.source, milder=milder)
    elif server.minor > last:
        milder = today is not None and server.minor > today.kubernetes[1]
        newer = [f"1.{each.minor}" for each in LINES.values() if each.kubernetes[1] >= server.minor]
        do = f"Istio {newer[0]} supports it" if newer else "no Istio that this program knows supports it"
        yield _finding("kubernetes-too-new", supported, do, line.source, milder=milder)


def _finding(code: str, what: str, do: str, source: str, *, milder: bool) -> Finding:
    if milder:
        what += "; so it is today already"
    return found(code, what, do, source=source, severity=Severity.WARNING if milder else None)


def stored_versions(case: Case) -> Iterator[Finding | Skipped]:
    """Definitions that the API server would refuse because objects are stored as what they do not know."""
    if case.target is None or case.target.minor >= OLDEST_DEFINITIONS:
        return
    stuck = [
        crd
        for crd in case.objects(DEFINITIONS)
        if crd.key.name.endswith("istio.io") and "v1" in (crd.body.get("status", {}).get("storedVersions") or ())
    ]
    if stuck:
        what = f"objects are stored as v1, which the definitions of {case.target.line} do not have"
        yield found("definition-stored", what, "keep the newer definitions", stuck)


def gateway_api(case: Case) -> Iterator[Finding | Skipped]:
    """Kinds of the Gateway API that the target does not take from the bundle that is installed."""
    if case.target is None:
        return
    for crd in case.objects(DEFINITIONS):
        plural, _, group = crd.key.name.partition(".")
        bundle = Release.parse(crd.annotations.get(BUNDLE, ""))
        row = outside(plural, bundle, case.target) if group == GATEWAY_API_GROUP else None
        if row:
            yield from _gateway_api(case, crd, row, bundle)


def outside(plural: str, bundle: Release | None, release: Release) -> GatewayApiWindow | None:
    """The row by which a release of Istio does not take a kind from this bundle; None where it does.

    As istiod does (crdwatcher.go), candidates of a bundle count as that bundle; a definition that does not tell its
    bundle is none of any where one is asked for.
    """
    for row in GATEWAY_API:
        in_force = row.since.rank <= release.rank and (row.until is None or release.rank < row.until.rank)
        if row.plural == plural and in_force:
            proper = bundle._replace(candidate="") if bundle else None
            too_old = row.least is not None and (proper is None or proper.rank < row.least.rank)
            too_new = row.most is not None and proper is not None and proper.rank > row.most.rank
            if too_old or too_new:
                return row
    return None


def _gateway_api(case: Case, crd: MeshObject, row: GatewayApiWindow, bundle: Release | None) -> Iterator[Finding]:
    this = f"this is {bundle}" if bundle else f"this does not tell, in the annotation {BUNDLE}"
    wanted = f"{row.least} or newer" if row.least else f"{row.most} or older"
    what = f"{case.target} takes {row.plural} from Gateway API {wanted}, and {this}: {row.effect.value}"
    do = f"bring the Gateway API to {wanted} first; see the release notes of both for one that suits both"
    if row.effect is Effect.STALLS:
        yield found("gateway-api-stalls", what, do, (crd,), source=row.source)
        return
    concerned = case.objects(types(f"{row.plural}.{GATEWAY_API_GROUP}"))
    if concerned:
        already = case.current is not None and outside(row.plural, bundle, case.current) is not None
        severity = Severity.WARNING if already else Severity.BLOCKER
        yield found("gateway-api-ignored", what, do, concerned, severity=severity, source=row.source)
