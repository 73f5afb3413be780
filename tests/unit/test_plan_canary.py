"""Leading namespaces and tags from one control plane to another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_istio_upgrade.errors import RefusedError
from kubectl_istio_upgrade.models.objects import Body, Json, MemoryState, MeshObject
from kubectl_istio_upgrade.models.snapshots import WorkloadProxy
from kubectl_istio_upgrade.plan.canary import promoted, rest_of, retired
from kubectl_istio_upgrade.plan.retiring import DEFAULT

from .builders import key, obj, state

CANARY = "canary"
NEVER = {"matchLabels": {"istio.io/deactivated": "never-match"}}


def control_plane(revision: str, image: str = "hub/pilot") -> MeshObject:
    suffix = "" if revision == DEFAULT else f"-{revision}"
    labels = {"operator.istio.io/component": "Pilot", "istio.io/rev": revision}
    spec = {"template": {"spec": {"containers": [{"name": "discovery", "image": image}]}}}
    return obj("Deployment", f"istio-system/istiod{suffix}", labels=labels, spec=spec)


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


def validator(*, helms: bool) -> MeshObject:
    """Of configuration that names no revision: the chart `base` makes it, and istioctl with its first installation."""
    release = {"meta.helm.sh/release-name": "istio-base", "meta.helm.sh/release-namespace": "istio-system"}
    hook = {"name": "validation.istio.io", "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod"}}}
    name, annotations = "istiod-default-validator", release if helms else {}
    return obj("ValidatingWebhookConfiguration", name, annotations=annotations, webhooks=[hook])


BY_HELM = "helm upgrade istio-base CHART -n istio-system --reuse-values --set defaultRevision=canary --force-conflicts"


@pytest.mark.parametrize("resource", ["pods", "namespaces"])
def test_whether_it_is_used_must_be_seen(resource: str) -> None:
    """Where pods are excluded, for one, a snapshot knows of no proxies at all."""
    live = state(control_plane(DEFAULT), control_plane(CANARY), without=[resource])
    with pytest.raises(RefusedError, match=f"cannot be told without {resource}; nothing was changed"):
        retired(live, DEFAULT, ())


@pytest.mark.parametrize("helms", [True, False])
def test_a_validator_that_still_leads_to_it_keeps_a_control_plane_and_of_helms_it_is_told_how_to_lead_it(
    helms: bool,
) -> None:
    live = state(control_plane(DEFAULT), control_plane(CANARY), validator(helms=helms))
    with pytest.raises(RefusedError, match="ValidatingWebhookConfiguration istiod-default-validator") as refused:
        retired(live, DEFAULT, ())
    assert "promote canary" in str(refused.value.hint)
    assert (BY_HELM in str(refused.value.hint)) is helms


@pytest.mark.parametrize("helms", [True, False])
def test_a_validator_of_helms_that_moves_with_the_tag_has_to_move_in_its_values_too(helms: bool) -> None:
    before = mesh(DEFAULT)
    moved = validator(helms=helms)
    shape = promoted(replace(before, objects={**before.objects, moved.key: moved}), CANARY, [])
    assert moved.key in shape.keys
    assert [each.command for each in shape.follow_ups] == ([BY_HELM] if helms else [])


def client(kind: str, name: str, image: str, *, component: str = "", **container: Json) -> MeshObject:
    labels = {"operator.istio.io/component": component} if component else {}
    main = {"name": "istio-proxy" if component else "main", "image": image, **container}
    spec = {"template": {"spec": {"containers": [main]}}}
    return obj(kind, f"istio-system/{name}", labels=labels, spec=spec)


def ztunnel(service: str, **annotations: str) -> MeshObject:
    """As its chart has it."""
    names = ("CA_ADDRESS", "XDS_ADDRESS")
    env = [{"name": "RUST_LOG", "value": "info"}, *({"name": name, "value": f"{service}:15012"} for name in names)]
    made = client("DaemonSet", "ztunnel", "hub/ztunnel:1.28.3", env=env)
    metadata = {**made.body["metadata"], "annotations": annotations}
    return replace(made, body={**made.body, "metadata": metadata})


def two_planes(*others: MeshObject) -> MemoryState:
    return state(control_plane(DEFAULT), control_plane(CANARY, "hub/pilot:1.29.1"), *others)


HELMS = {"meta.helm.sh/release-name": "tunnel", "meta.helm.sh/release-namespace": "istio-system"}
LEAD = "helm upgrade tunnel CHART -n istio-system --reuse-values --set revision={} --force-conflicts"


@pytest.mark.parametrize(
    ("revision", "service", "annotations", "command"),
    [
        (DEFAULT, "istiod.istio-system.svc", {}, "kubectl istio-upgrade upgrade --to 1.29.1"),
        (DEFAULT, "istiod.istio-system.svc", HELMS, LEAD.format("canary")),
        (CANARY, "istiod-canary.istio-system.svc", {}, "kubectl istio-upgrade upgrade --to VERSION"),
        (CANARY, "istiod-canary.istio-system.svc", HELMS, LEAD.format("")),
    ],
)
def test_ztunnel_keeps_the_control_plane_that_it_is_connected_to(
    revision: str, service: str, annotations: Body, command: str
) -> None:
    live = two_planes(ztunnel(service, **annotations))
    with pytest.raises(RefusedError) as refused:
        retired(live, revision, ())
    users = f"\n  DaemonSet istio-system/ztunnel: led to {service} by CA_ADDRESS, XDS_ADDRESS"
    assert refused.value.message.endswith(f"still in use; nothing was changed:{users}")
    assert str(refused.value.hint).endswith(f"ztunnel is led by its own template: `{command}`")
    assert retired(live, CANARY if revision == DEFAULT else DEFAULT, ()).keys


def test_a_gateway_and_anything_else_that_names_its_service_keep_it_too() -> None:
    gateway = client(
        "Deployment",
        "east",
        "p",
        component="IngressGateways",
        env=[{"name": "C", "value": "istiod.istio-system:15012"}],
    )
    agent = client("Deployment", "agent", "acme/agent", args=["--xds=https://istiod.istio-system.svc.cluster.local"])
    with pytest.raises(RefusedError) as refused:
        retired(two_planes(gateway, agent), DEFAULT, ())
    assert "Deployment istio-system/agent: led to istiod.istio-system.svc by its arguments" in refused.value.message
    hint = str(refused.value.hint)
    assert "agent is led by its own template: change that to istiod-canary\n" in hint
    assert (
        "east is led by its own template: `kubectl istio-upgrade upgrade --to 1.29.1 --revision canary --with" in hint
    )


@pytest.mark.parametrize(
    "value", ["my-istiod.istio-system.svc", "istiod.istio-system-2.svc", "x.istiod.istio-system.svc", "istiod"]
)
def test_another_service_of_a_like_name_is_another(value: str) -> None:
    other = client("DaemonSet", "z", "hub/ztunnel:1", env=[{"name": "XDS_ADDRESS", "value": value}])
    assert retired(two_planes(other), DEFAULT, ()).keys


def test_what_its_proxies_say_already_is_not_said_twice() -> None:
    env = [{"name": "CA_ADDR", "value": "istiod.istio-system.svc:15012"}]
    gateway = client("Deployment", "east", "p", component="IngressGateways", env=env)
    proxy = WorkloadProxy("istio-system", "Deployment", "east", ("p",), (DEFAULT,), (), pods=1)
    with pytest.raises(RefusedError) as refused:
        retired(two_planes(gateway), DEFAULT, [proxy])
    assert refused.value.message.count("istio-system/east") == 1


def test_what_an_operation_has_begun_to_delete_goes_even_where_nothing_tells_whose_it_is_any_more() -> None:
    role, other = obj("ClusterRole", "istiod-clusterrole"), obj("ClusterRole", "other")
    live = state(control_plane(CANARY), role, other)
    gone_already = key("Deployment", "istio-system/istiod")
    assert rest_of(live, DEFAULT, {role.key, gone_already}).keys == {role.key}
    assert rest_of(live, DEFAULT).keys == frozenset()
