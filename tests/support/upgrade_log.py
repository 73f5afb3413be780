"""A store with an upgrade on record that has everything a record can have, some of it hostile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubectl_istio_upgrade.models.objects import Body, MeshObject, ResourceType
from kubectl_istio_upgrade.models.snapshots import Purpose, SnapshotDraft, SnapshotInfo, WorkloadProxy
from kubectl_istio_upgrade.normalise.objects import split
from kubectl_istio_upgrade.ports import Store
from tests.store.meshes import CLUSTER, TYPES, VIRTUAL_SERVICES, config_map, draft, metadata, routing, small_mesh

BEGUN = datetime(2026, 11, 24, 0, 55, tzinfo=UTC)
ID = "20261124-005500-1a2b3c"
HOSTILE = '<script>alert("mesh")</script>'
DIGEST = f"hmac-sha256:{'0123abcd' * 8}"
DEPLOYMENTS = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
VALIDATORS = ResourceType(
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)


def istiod(version: str, *, revision: int = 1) -> MeshObject:
    container = {
        "name": "discovery",
        "image": f"docker.io/istio/pilot:{version}",
        "args": [
            "discovery",
            "--monitoringAddr=:15014",
            "--log_output_level=default:info",
            "--domain",
            "cluster.local",
        ],
        "resources": {"requests": {"cpu": "500m", "memory": "2048Mi" if version == "1.28.3" else "1Gi"}},
    }
    spec = {"replicas": 2, "template": {"spec": {"containers": [container], "serviceAccountName": "istiod"}}}
    labels = {"app": "istiod", "operator.istio.io/component": "Pilot", "istio.io/rev": "default"}
    about = {**metadata("istiod", "istio-system", version=revision), "labels": labels}
    return split({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": spec}, DEPLOYMENTS)


def mesh(version: str, *, changed: bool = False) -> list[MeshObject]:
    """53 objects or so, and one whose values are an attack on whoever shows them."""
    revision = 2 if changed else 1
    values = {f"option{number}": f"{number}{'!' if changed else ''}" for number in range(180)}
    hostile = {"note": f"{HOSTILE} & {'after' if changed else 'before'} \x1b[2J ‮", "token": DIGEST}
    others = [one for one in small_mesh() if one.key.name != "istio"]
    return [
        *others,
        istiod(version, revision=revision),
        config_map("istio", {"mesh": f"defaultConfig:\n  tracing: {{}}\n  tag: {version}\n"}, version=revision),
        config_map("values", {name: str(value) for name, value in values.items()}, version=revision),
        config_map("hostile", hostile, version=revision),
        routing(VIRTUAL_SERVICES, "shop", "canary", host="new" if changed else "old", version=revision),
        *([config_map("istio-grafana", {"dashboard": "{}"})] if changed else []),
    ]


def snapshot(
    version: str, purpose: Purpose, operation: Body, minutes: float, *, changed: bool = False
) -> SnapshotDraft:
    created = BEGUN + timedelta(minutes=minutes)
    made = draft(mesh(version, changed=changed), purpose=purpose, created=created, operation=operation)
    meta = replace(made.meta, types=(*TYPES, DEPLOYMENTS, VALIDATORS), istio_versions=(version,), message="")
    return SnapshotDraft(meta, made.objects, workloads(version))


def workloads(version: str) -> tuple[WorkloadProxy, ...]:
    image = f"docker.io/istio/proxyv2:{version}"
    return tuple(
        WorkloadProxy("shop", "Deployment", name, (image,), ("default",), ("5c8d",), pods)
        for name, pods in (("cart", 4), ("reviews", 12), ("web", 32))
    )


def phase(number: int, name: str, seconds: float, detail: str = "", **more: str) -> Body:
    started = BEGUN + timedelta(seconds=number * 23)
    entry = {"phase": name, "outcome": "done", "started": f"{started:%Y-%m-%dT%H:%M:%SZ}", "seconds": seconds}
    return {**entry, "detail": detail, **more}


PHASES = [
    phase(0, "plan", 3.4, "1.28.3 to 1.29.1; 2 replicas, disruption budgets allow 1"),
    phase(1, "istioctl", 0.2, "1.29.1 from the PATH"),
    phase(2, "precheck", 8.1, "2 findings"),
    phase(3, "manifest", 2.8, "settings recovered from ConfigMap istio-system/values"),
    phase(4, "review", 14.0, "48 objects tried on the server"),
    phase(5, "apply", 31.5, "istioctl install"),
    phase(7, "validate", 12.2),
    {"phase": "control-plane", "outcome": "skipped", "reason": "everything runs 1.29.1 already"},
    phase(8, "workloads", 96.0, "3 workloads, 48 pods, 2 at a time"),
    phase(12, "after", 1.1),
]
"""The eleven steps of the guide, in short."""

STEPS = [
    {"object": f"{resource} {name}", "action": action, "outcome": "done", "seconds": 0.042}
    for action, resource, name in (
        ("create", "configmaps", "istio-system/istio-grafana"),
        ("update", "configmaps", "istio-system/istio"),
        ("update", "configmaps", "istio-system/values"),
        ("update", "configmaps", "istio-system/hostile"),
        ("update", "deployments.apps", "istio-system/istiod"),
        ("update", "virtualservices.networking.istio.io", "shop/canary"),
        *((("update", "sidecars.networking.istio.io", f"shop/app-{number}")) for number in range(9)),
        (
            "update",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            "istio-validator-with-a-name-as-long-as-somebody-could-think-of-istio-system",
        ),
    )
]

RECORD: Body = {
    "id": ID,
    "kind": "upgrade",
    "target": "1.29.1",
    "label": "1.29.1",
    "planHash": "f" * 64,
    "context": "prod",
    "holder": {"user": "alice", "host": "bastion"},
    "started": "2026-11-24T00:55:00Z",
    "seconds": 291.4,
    "versions": {
        "before": {"controlPlane": ["1.28.3"], "proxies": {"1.28.3": 48}},
        "after": {"controlPlane": ["1.29.1"], "proxies": {"1.28.3": 4, "1.29.1": 44}},
    },
    "phases": PHASES,
    "findings": [
        {
            "code": "PDB01",
            "severity": "warning",
            "what": "the disruption budget of cart allows no pod to go",
            "hint": "raise maxUnavailable, or leave cart out with --workloads",
            "objects": ["poddisruptionbudgets.policy shop/cart"],
            "ignored": True,
        },
        {"code": "SKEW1", "severity": "info", "what": "4 proxies stay one minor release behind istiod"},
        {"code": "EVIL1", "severity": "blocker", "what": HOSTILE, "ignored": True},
    ],
    "review": [
        {
            "aspect": "images",
            "where": "istiod discovery",
            "before": "registry/pilot:1.28.3",
            "after": "registry/pilot:1.29.1",
        },
        {"aspect": "Service types", "where": "gateway", "before": "LoadBalancer", "after": "LoadBalancer"},
        {"aspect": "CNI", "where": HOSTILE, "before": "", "after": "chained"},
    ],
    "checks": [
        {"check": "no skew among istiods", "outcome": "ok", "detail": "2 of 2 run 1.29.1"},
        {"check": "webhooks answer", "outcome": "ok", "detail": "with the right CA"},
        {"check": "analyze", "outcome": "warning", "detail": "IST0102: namespace jobs is not enabled for injection"},
    ],
    "probes": [
        {
            "probe": f"https://shop.example.com/api?q={HOSTILE}",
            "phases": [
                {"phase": "before", "sent": 60, "failed": 0},
                {"phase": "apply", "sent": 1204, "failed": 2},
                {"phase": "after", "sent": 60, "failed": 0},
            ],
            "firstFailure": {"at": "2026-11-24T00:57:12Z", "reason": "connection reset by peer"},
            "longestGap": 0.8,
        }
    ],
    "restarts": [
        {
            "object": "deployments.apps shop/web",
            "uid": "5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11",
            "before": None,
            "after": "2026-11-24T00:57:40Z",
            "proxyBefore": "1.28.3",
            "proxyAfter": "1.29.1",
            "outcome": "done",
        },
        {
            "object": "deployments.apps shop/reviews",
            "proxyBefore": "1.28.3",
            "proxyAfter": "1.29.1",
            "outcome": "done",
        },
        {
            "object": "deployments.apps shop/cart",
            "proxyBefore": "1.28.3",
            "proxyAfter": "1.28.3",
            "outcome": "skipped",
            "reason": "its disruption budget allows no pod to go",
        },
    ],
    "warnings": ["values.global.proxy.old is gone in 1.29; it had no effect on this mesh", HOSTILE],
    "followUps": [{"command": "kubectl rollout restart deployment/cart -n shop", "why": "it still runs 1.28.3"}],
    "settings": "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec:\n  profile: default\n",
    "attempts": [
        {
            "aim": "target",
            "command": command,
            "holder": {"user": "alice", "host": "bastion"},
            "started": started,
            "steps": writes,
        }
        for command, started, writes in (
            ("upgrade", "2026-11-24T00:55:00Z", 16),
            ("resume", "2026-11-24T00:58:30Z", 7),
        )
    ],
    "steps": STEPS,
    "proof": {
        "identical": 25,
        "reads": 2,
        "kept": [
            {
                "object": "customresourcedefinitions.apiextensions.k8s.io sidecars.networking.istio.io",
                "reason": "1 object would lose a field",
            }
        ],
        "residual": [],
    },
}


def record_upgrade(store: Store, **changes: object) -> tuple[SnapshotInfo, SnapshotInfo]:
    """Commit the upgrade: the snapshot before it and the one after. `changes` are to its record; None takes out."""
    branch = store.branch_of(CLUSTER)
    intent = {"id": ID, "kind": "upgrade", "target": "1.29.1", "planHash": "f" * 64}
    before = store.commit(branch, snapshot("1.28.3", Purpose.BEFORE, intent, 0))
    told = {**RECORD, "before": before.commit, **changes}
    record = {name: value for name, value in told.items() if value is not None}
    after = store.commit(branch, snapshot("1.29.1", Purpose.AFTER, record, 5, changed=True))
    return before, after
