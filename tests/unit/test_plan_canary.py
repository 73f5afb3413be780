"""Leading namespaces and tags from one control plane to another."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.errors import RefusedError
from kubectl_istio_upgrade.models.objects import Body, MemoryState, MeshObject
from kubectl_istio_upgrade.plan.canary import promoted
from kubectl_istio_upgrade.plan.retiring import DEFAULT

from .builders import key, obj, state

CANARY = "canary"
NEVER = {"matchLabels": {"istio.io/deactivated": "never-match"}}


def control_plane(revision: str) -> MeshObject:
    suffix = "" if revision == DEFAULT else f"-{revision}"
    labels = {"operator.istio.io/component": "Pilot", "istio.io/rev": revision}
    return obj("Deployment", f"istio-system/istiod{suffix}", labels=labels, spec={})


def injector(name: str, revision: str, namespaces: Body, tag: str = "") -> MeshObject:
    service = "istiod" if revision == DEFAULT else f"istiod-{revision}"
    hook = {
        "name": "namespace.sidecar-injector.istio.io",
        "rules": [{"resources": ["pods"]}],
        "clientConfig": {"service": {"namespace": "istio-system", "name": service}},
        "namespaceSelector": namespaces,
        "objectSelector": NEVER if namespaces is NEVER else {},
    }
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    return obj("MutatingWebhookConfiguration", name, labels=labels, webhooks=[hook])


def mesh(tag_leads_to: str) -> MemoryState:
    """As istioctl makes it: the default control plane's own injector is off, and the tag `default` injects."""
    tag = {"matchExpressions": [{"key": "istio-injection", "operator": "In", "values": ["enabled"]}]}
    return state(
        control_plane(DEFAULT),
        control_plane(CANARY),
        injector("istio-sidecar-injector", DEFAULT, NEVER),
        injector("istio-sidecar-injector-canary", CANARY, {"matchLabels": {"istio.io/rev": CANARY}}),
        injector("istio-revision-tag-default", tag_leads_to, tag, tag=DEFAULT),
        obj("Namespace", "shop", labels={"istio.io/rev": CANARY}),
    )


def labels_of(mesh: MemoryState, namespace: str) -> Body:
    return dict(mesh.objects[key("Namespace", namespace)].labels)


def test_a_namespace_is_led_to_either_control_plane_by_its_label() -> None:
    back = promoted(mesh(DEFAULT), DEFAULT, ["shop"]).state
    assert labels_of(back, "shop") == {"istio-injection": "enabled"}
    assert labels_of(promoted(back, CANARY, ["shop"]).state, "shop") == {"istio.io/rev": CANARY}


def test_a_namespace_that_the_tag_would_lead_elsewhere_is_not_said_to_be_promoted() -> None:
    moved = mesh(CANARY)
    with pytest.raises(RefusedError, match="istio-revision-tag-default leads to revision 'canary'") as refused:
        promoted(moved, DEFAULT, ["shop"])
    assert "promote default" in str(refused.value.hint)
    assert labels_of(promoted(moved, CANARY, ["shop"]).state, "shop") == {"istio.io/rev": CANARY}
    led_back = promoted(moved, DEFAULT, []).state
    assert labels_of(promoted(led_back, DEFAULT, ["shop"]).state, "shop") == {"istio-injection": "enabled"}
