"""Can I get back? What a rollback to now could not restore, or not by itself: said before anything happens."""

from __future__ import annotations

from collections.abc import Iterator

from ...models.findings import About, Finding, Skipped
from ...models.installations import Part
from ...models.objects import MeshObject
from ...models.releases import Release
from ...normalise.authority import CA_FILES
from ...rules.helm import is_record
from ...rules.keeping import KEPT
from ...rules.matching import types
from ...rules.releases import LOCKED_BUNDLE
from ..owners import told
from .case import Case, found
from .kubernetes import BUNDLE, DEFINITIONS, GATEWAY_API_GROUP, outside
from .managing import UNDOING, owners_of_installation

SECRETS = types("secrets")
POLICIES = types("authorizationpolicies.security.istio.io")
DRY_RUN = "istio.io/dry-run"
FIRST_WITH_DRY_RUN = (1, 29)

SEAL = "`kubectl istio-upgrade store init --recipient KEY` makes snapshots hold them, encrypted"


def definitions(case: Case) -> Iterator[Finding | Skipped]:
    """Older definitions come back where nothing would be lost by that."""
    if case.current and case.target and case.target.line != case.current.line:
        what = (
            f"definitions of {case.current.line} come back unless an object has by then what only those of "
            f"{case.target.line} know: such a definition stays, and the plan names the objects and fields"
        )
        yield found("back-definitions", what)


def secrets(case: Case) -> Iterator[Finding | Skipped]:
    """Secret values that no snapshot holds, unless there are recipients for them."""
    if case.evidence.sealing:
        return
    withheld = [obj for obj in case.objects(SECRETS) if not is_record(obj) and obj.key.name not in CA_FILES]
    if withheld:
        what = "only digests of these values are stored: one that is changed or deleted after this cannot come back"
        yield found("back-secrets", what, SEAL, withheld)
    if records := [obj for obj in case.objects(SECRETS) if is_record(obj)]:
        releases = dict.fromkeys(obj.labels.get("name", "") for obj in records)
        what = (
            f"Helm's records of {', '.join(releases)} cannot come back: Helm would take the new revision for deployed"
        )
        do = f"{SEAL}; else the plan of the rollback has the `helm rollback` that puts them right"
        yield found("back-records", what, do)


def authority(case: Case) -> Iterator[Finding | Skipped]:
    """The CA stays what it is, whichever way the mesh goes."""
    if held := [obj for obj in case.objects(SECRETS) if obj.key.name in CA_FILES]:
        what = "a rollback leaves the CA as it is then; it goes back only by name (--restore-secret), with its values"
        yield found("back-ca", what, "" if case.evidence.sealing else SEAL, held)


def hosts(case: Case) -> Iterator[Finding | Skipped]:
    """Files on the nodes, which are no objects."""
    if agents := case.installation.of(Part.CNI):
        what = (
            "on every node the new CNI agent replaces a plugin and its configuration, which no snapshot holds; after a "
            "rollback the older agent writes its own again, if it starts: meanwhile new pods may be refused"
        )
        do = "try one node first; a node that hangs is mended on the node itself (istio/istio#57438)"
        yield found("back-hosts", what, do, (each.obj for each in agents))


def proxies(case: Case) -> Iterator[Finding | Skipped]:
    """Proxies are part of running pods."""
    pods = sum(each.pods for each in case.evidence.workloads)
    if pods:
        count = f"{pods} pods" if pods > 1 else "1 pod"
        what = f"the proxies of {count} go back only when they are restarted, those of injected gateways included"
        yield found("back-proxies", what, "until then they may be newer than istiod, which Istio does not support")


def data(case: Case) -> Iterator[Finding | Skipped]:
    """What is compared and never touched."""
    kept = [row.types for row in KEPT if not row.unless_named]
    objects = [obj for each in kept for obj in case.objects(each)]
    if objects:
        yield found("back-data", "volumes and Jobs are compared, and never touched", "", objects)


def owners(case: Case) -> Iterator[Finding | Skipped]:
    """Managers that would undo a rollback as they would undo the upgrade."""
    for owner, objects in owners_of_installation(case).items():
        if owner.rule.id in UNDOING:
            foreign = told(owner, [obj.key for obj in objects])
            what = f"{foreign.kind} {foreign.name or 'of it'} {foreign.will_revert}: it would undo a rollback, too"
            do = f"pause it first: {foreign.pause}" if foreign.pause else ""
            yield found("back-owners", what, do, (About.of(obj) for obj in objects))


def gateway_api(case: Case) -> Iterator[Finding | Skipped]:
    """Definitions of the Gateway API that have to be raised for the target, and then are locked."""
    raised = [crd for crd in case.objects(DEFINITIONS) if _must_be_raised(crd, case)]
    if raised:
        what = (
            f"these definitions have to be raised for {case.target}; from Gateway API {LOCKED_BUNDLE.line} on its "
            "admission policy safe-upgrades denies that they go back"
        )
        yield found("back-gateway-api", what, "kubernetes-sigs/gateway-api#4578", raised)


def _must_be_raised(crd: MeshObject, case: Case) -> bool:
    plural, _, group = crd.key.name.partition(".")
    bundle = Release.parse(crd.annotations.get(BUNDLE, ""))
    if group != GATEWAY_API_GROUP or bundle is None or case.target is None:
        return False
    row = outside(plural, bundle, case.target)
    return row is not None and row.least is not None and row.least.rank >= LOCKED_BUNDLE.rank > bundle.rank


def dry_runs(case: Case) -> Iterator[Finding | Skipped]:
    """Policies that an older ztunnel does not know to be dry runs."""
    current, target = case.current, case.target
    if not case.installation.is_ambient or not current or not target:
        return
    crosses = (current.major, current.minor) < FIRST_WITH_DRY_RUN <= (target.major, target.minor)
    policies = [obj for obj in case.objects(POLICIES) if _is_dry_run(obj)]
    if crosses and policies:
        what = "if istiod is told to send dry-run policies to ztunnel, an older ztunnel enforces them after a rollback"
        do = "leave AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY off until there is no way back to be kept open"
        yield found("back-dry-run", what, do, policies)


def _is_dry_run(obj: MeshObject) -> bool:
    return obj.annotations.get(DRY_RUN) == "true"
