"""The vocabulary of an assessment: every code of its own, what it stands for, and whether it may be ignored.

Codes of istioctl (`IST0101`) and of the rows of `upgrade_notes` come beside these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..models.findings import Severity

ISTIOCTL_CODE = re.compile(r"IST\d{4}")

BLOCKER, WARNING, INFO = Severity.BLOCKER, Severity.WARNING, Severity.INFO

UNPROVED = "settings-unproved"
"""The upgrade itself tells more of this one: which settings it might reset."""

OTHER_RELEASE = "image-of-another-release"
"""The upgrade itself finds this one, in what it renders."""


@dataclass(frozen=True, slots=True)
class Code:
    """One row."""

    code: str
    severity: Severity
    """Unless the check says otherwise for a milder case."""
    means: str
    ignorable: bool = True


CODES: Mapping[str, Code] = {
    row.code: row
    for row in (
        Code("no-control-plane", BLOCKER, "no istiod is found in the root namespace", ignorable=False),
        Code("version-unknown", WARNING, "an image's tag is no release, so its version cannot be compared"),
        Code("same-release", INFO, "the control plane is of the target release already"),
        Code("jump-too-far", BLOCKER, "minor releases would be skipped"),
        Code("downgrade", BLOCKER, "the target is older than the control plane"),
        Code("release-unknown", WARNING, "this program has no data about the target's minor release"),
        Code("release-ended", WARNING, "Istio does not support the target's minor release any more"),
        Code("several-revisions", WARNING, "there is more than one control plane"),
        Code("proxy-newer", BLOCKER, "proxies are newer than the target control plane"),
        Code("proxy-too-old", BLOCKER, "proxies are too old for the target control plane"),
        Code("proxy-rolling", WARNING, "a workload runs proxies of more than one release"),
        Code("agent-newer", BLOCKER, "ztunnel or the CNI node agent is newer than the target control plane"),
        Code("agent-too-old", BLOCKER, "ztunnel or the CNI node agent is too old for the target control plane"),
        Code("ambient-order", INFO, "the parts of the ambient mesh have an order of their own"),
        Code("kubernetes-too-old", BLOCKER, "the target does not support this old a Kubernetes"),
        Code("kubernetes-too-new", BLOCKER, "the target does not support this new a Kubernetes"),
        Code("definition-stored", BLOCKER, "objects are stored in a version that the target's definition lacks"),
        Code("gateway-api-ignored", WARNING, "the target does not read this bundle of the Gateway API"),
        Code("gateway-api-stalls", BLOCKER, "the target does not start with this bundle of the Gateway API"),
        Code("mixed-installation", WARNING, "parts are installed by different means"),
        Code("managed-elsewhere", BLOCKER, "somebody else manages the installation and would undo the upgrade"),
        Code("managed-by-operator", WARNING, "an operator manages part of the installation"),
        Code("release-wrapped", BLOCKER, "a Helm release is of a chart that wraps Istio's", ignorable=False),
        Code("control-plane-down", BLOCKER, "istiod is not available now"),
        Code("rollout-unfinished", BLOCKER, "a rollout of a part of the installation has not come to its end"),
        Code("single-replica", WARNING, "a part has a single replica, and nothing that keeps a drain from taking it"),
        Code("no-disruption-budget", INFO, "a part has several replicas and no disruption budget"),
        Code("drain-blocked", WARNING, "a disruption budget lets no pod go"),
        Code("no-room", BLOCKER, "no node has room for the pod that a rolling upgrade adds"),
        Code("permission-missing", BLOCKER, "a permission for the upgrade is missing"),
        Code("may-not-grant", WARNING, "Istio's roles can be written only by who holds all that they grant"),
        Code("webhook-dead", BLOCKER, "an admission webhook of the mesh does not answer"),
        Code("hidden-fields", WARNING, "an object has fields that its definition hides"),
        Code("ca-will-change", BLOCKER, "the next start of istiod takes another CA than the mesh has now"),
        Code("ca-changed", WARNING, "the CA is not the one of the newest snapshot"),
        Code("ca-expiring", WARNING, "a certificate of the CA ends soon"),
        Code("multicluster", WARNING, "other clusters belong to this mesh, and are not looked at"),
        Code("unfinished-operation", BLOCKER, "an earlier operation has not ended", ignorable=False),
        Code("locked", BLOCKER, "somebody is changing the mesh at this moment", ignorable=False),
        Code("istioctl-missing", WARNING, "there is no istioctl of the target release"),
        Code(UNPROVED, BLOCKER, "without an istioctl of the running release settings may be lost unseen"),
        Code(OTHER_RELEASE, BLOCKER, "the new manifest would go on running another release than the target's"),
        Code("skew-unseen", INFO, "connected proxies could not be asked for their versions"),
        Code("back-definitions", INFO, "definitions that a rollback may have to keep"),
        Code("back-secrets", WARNING, "Secret values that a rollback could not restore"),
        Code("back-ca", INFO, "the CA, which a rollback does not touch unasked"),
        Code("back-hosts", WARNING, "what the CNI node agent writes on the nodes"),
        Code("back-proxies", INFO, "proxies, which go back only when they are restarted"),
        Code("back-records", WARNING, "Helm's records, which a rollback could not restore"),
        Code("back-data", INFO, "volumes and Jobs, which are never touched"),
        Code("back-owners", WARNING, "objects whose manager would undo a rollback"),
        Code("back-gateway-api", WARNING, "definitions of the Gateway API, which cannot go back"),
        Code("back-dry-run", WARNING, "dry-run policies, which an older ztunnel enforces"),
    )
}

UPGRADE_SEVERITIES = (BLOCKER, WARNING, INFO)
"""In the order in which findings are listed."""
