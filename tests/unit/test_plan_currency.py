"""Pods compared with the pod that would be created now: every row of the table, and what does not count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Body, clone
from kubectl_istio_upgrade.models.restarts import Currency
from kubectl_istio_upgrade.plan.currency import injected, judged, next_pod, same_pod
from kubectl_istio_upgrade.rules.restarts import COMPARED

STATUS = {
    "initContainers": ["istio-init"], "containers": ["istio-proxy"], "volumes": ["istio-data"], "revision": "default",
}  # fmt: skip


def pod(**spec: Any) -> Body:
    """A pod as the injector leaves it."""
    proxy = {
        "name": "istio-proxy",
        "image": "docker.io/istio/proxyv2:1.28.3",
        "args": ["proxy", "sidecar"],
        "env": [{"name": "PROXY_CONFIG", "value": "{}\n"}, {"name": "TRUST_DOMAIN", "value": "cluster.local"}],
        "resources": {"requests": {"cpu": "100m"}},
        "securityContext": {"runAsUser": 1337},
        "volumeMounts": [
            {"name": "istio-data", "mountPath": "/var/lib/istio/data"},
            {"name": "kube-api-access-abcde", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
    }
    init = {"name": "istio-init", "image": proxy["image"], "securityContext": {"runAsUser": 0}}
    return {
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "annotations": {"sidecar.istio.io/status": json.dumps(STATUS)},
            "labels": {"app": "web", "pod-template-hash": "abc"},
        },
        "spec": {
            "containers": [{"name": "web", "image": "example/web:1"}, proxy],
            "initContainers": [init],
            "volumes": [{"name": "istio-data", "emptyDir": {}}],
            **spec,
        },
    }


def changed(**fields: Any) -> Body:
    """A pod whose proxy is another one in these fields."""
    result: Body = clone(pod())
    result["spec"]["containers"][1] |= fields
    return result


def reasons(running: Body, wanted: Body) -> tuple[str, ...]:
    verdict = judged([running], wanted)
    assert (verdict.currency is Currency.OUT_OF_DATE) == bool(verdict.reasons)
    return verdict.reasons


def test_a_pod_that_would_be_the_same_is_current() -> None:
    assert judged([pod()], pod()) == (Currency.CURRENT, (), "docker.io/istio/proxyv2:1.28.3")


def test_an_image_is_told_with_both_sides() -> None:
    new = "docker.io/istio/proxyv2:1.29.1"
    assert reasons(pod(), changed(image=new)) == (f"istio-proxy: image docker.io/istio/proxyv2:1.28.3, now {new}",)


@pytest.mark.parametrize("field", [row.field for row in COMPARED])
def test_every_row_of_the_table_tells_an_outdated_proxy(field: str) -> None:
    value: dict[str, Any] = {
        "image": "other", "args": ["x"], "command": ["x"], "env": [{"name": "X", "value": "1"}], "ports": [{"x": 1}],
        "volumeMounts": [{"name": "x", "mountPath": "/x"}], "restartPolicy": "Always",
    }  # fmt: skip
    (reason,) = reasons(pod(), changed(**{field: value.get(field, {"x": 1})}))
    assert reason.startswith("istio-proxy: ")


def test_variables_are_named() -> None:
    env = [{"name": "PROXY_CONFIG", "value": '{"concurrency": 2}'}, {"name": "TRUST_DOMAIN", "value": "cluster.local"}]
    assert reasons(pod(), changed(env=env)) == ("istio-proxy: variables PROXY_CONFIG",)
    assert reasons(pod(), changed(env=list(reversed(pod()["spec"]["containers"][1]["env"])))) == (
        "istio-proxy: variables, in another order",
    )


def test_how_json_is_spaced_does_not_count() -> None:
    env = [{"name": "PROXY_CONFIG", "value": "{ }"}, {"name": "TRUST_DOMAIN", "value": "cluster.local"}]
    assert reasons(pod(), changed(env=env)) == ()


def test_the_name_of_the_token_volume_does_not_count() -> None:
    mounts = clone(pod()["spec"]["containers"][1]["volumeMounts"])
    mounts[1]["name"] = "kube-api-access-zzzzz"
    assert reasons(pod(), changed(volumeMounts=mounts)) == ()


def test_resources_that_an_autoscaler_decides_do_not_count() -> None:
    wanted = changed(resources={"requests": {"cpu": "3"}})
    assert reasons(pod(), wanted) == ("istio-proxy: resources",)
    wanted["metadata"]["annotations"]["vpaUpdates"] = "Pod resources updated by web"
    assert reasons(pod(), wanted) == ()


def test_the_application_itself_is_not_looked_at() -> None:
    running = pod()
    running["spec"]["containers"][0] |= {"image": "example/web:2", "resources": {"limits": {"cpu": "9"}}}
    assert reasons(running, pod()) == ()


def test_init_containers_volumes_revision_and_the_pods_own_context() -> None:
    wanted = clone(pod())
    wanted["spec"]["initContainers"][0]["securityContext"] = {"runAsUser": 1}
    wanted["spec"]["volumes"][0]["emptyDir"] = {"medium": "Memory"}
    wanted["spec"]["securityContext"] = {"fsGroup": 1337}
    wanted["metadata"]["annotations"]["sidecar.istio.io/status"] = json.dumps({**STATUS, "revision": "canary"})
    assert reasons(pod(), wanted) == (
        "istio-init: securityContext",
        "revision default, now canary",
        "the pod's securityContext",
        "injected volumes",
    )


def test_a_sidecar_that_becomes_a_native_one() -> None:
    wanted = clone(pod())
    proxy = wanted["spec"]["containers"].pop()
    wanted["spec"]["initContainers"].append({**proxy, "restartPolicy": "Always"})
    assert reasons(pod(), wanted) == (
        "istio-proxy: it is a container, now an init container",
        "istio-proxy: restartPolicy",
    )


def test_a_container_that_comes_or_goes() -> None:
    without = clone(pod())
    without["spec"]["initContainers"] = []
    assert reasons(pod(), without) == ("istio-init: new pods do not have it",)
    assert reasons(without, pod()) == ("istio-init: new pods have it",)


def test_pods_without_the_proxy_that_they_should_have_and_the_other_way_round() -> None:
    bare: Body = {"metadata": {"name": "web-1", "namespace": "shop"}, "spec": {"containers": [{"name": "web"}]}}
    missing, stray = judged([bare], pod()), judged([pod()], bare)
    assert missing.currency is Currency.MISSING
    assert missing.reasons == ("it has no proxy; new pods would get docker.io/istio/proxyv2:1.28.3",)
    assert (stray.currency, stray.proxy) == (Currency.STRAY, "")
    assert missing.currency.is_stale
    assert stray.currency.is_stale


def test_the_first_pod_that_differs_decides() -> None:
    assert judged([pod(), changed(image="other")], pod()).currency is Currency.OUT_OF_DATE


def test_containers_of_the_mesh_are_known_by_the_injectors_note_and_by_name() -> None:
    noted = pod()
    noted["metadata"]["annotations"]["sidecar.istio.io/status"] = json.dumps({"containers": ["web"]})
    assert injected(noted) == ("web", "istio-proxy", "istio-init")
    unnoted: Body = {"metadata": {}, "spec": {"containers": [{"name": "web"}, {"name": "istio-proxy"}]}}
    assert injected(unnoted) == ("istio-proxy",)


def test_the_next_pod_is_what_the_controller_would_send() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-abc", "controller": True, "uid": "u"}
    running = pod()
    running["metadata"] |= {"generateName": "web-abc-", "ownerReferences": [{**owner, "blockOwnerDeletion": True}]}
    running["metadata"]["labels"]["service.istio.io/canonical-name"] = "web"
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}}
    workload = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": template}}
    made = next_pod(workload, running)
    assert made["metadata"] == {
        "generateName": "web-abc-",
        "namespace": "shop",
        "labels": {"app": "web", "pod-template-hash": "abc"},
        "annotations": {},
        "ownerReferences": [owner],
    }
    assert made["spec"] == template["spec"]


def test_the_next_pod_of_a_stateful_set_has_its_claims_as_volumes() -> None:
    template = {"spec": {"containers": [{"name": "db"}]}}
    claims = [{"metadata": {"name": "data"}}]
    workload = {
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"template": template, "volumeClaimTemplates": claims},
    }
    made = next_pod(workload, {"metadata": {"name": "db-0", "namespace": "shop"}})
    assert [volume["name"] for volume in made["spec"]["volumes"]] == ["data"]
    assert made["metadata"]["generateName"] == "db-"


def test_a_pod_without_a_template_is_sent_once_more_unscheduled() -> None:
    running = pod(nodeName="node")
    made = same_pod(running)
    assert "nodeName" not in made["spec"]
    assert made["metadata"]["generateName"] == "web-1-"
