"""What is found before an upgrade, and what is not: each check with a mesh that it stops and one that it lets pass."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.evidence import Evidence, Unprovable
from kubectl_istio_upgrade.models.findings import About, Finding, Severity, Skipped, Unknown
from kubectl_istio_upgrade.models.installations import Method, Part
from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.permissions import Permission
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.models.secrets import Values
from kubectl_istio_upgrade.models.tools import MeshVersions
from kubectl_istio_upgrade.models.upgrades import Phase
from kubectl_istio_upgrade.models.webhooks import DeadWebhook, ServiceName
from kubectl_istio_upgrade.plan.assessment import assess, check_codes, way_on
from kubectl_istio_upgrade.plan.checks import room
from kubectl_istio_upgrade.plan.installation import installation_of
from kubectl_istio_upgrade.rules.findings import CODES

from .assessing import (
    ISTIOD_BUDGET,
    NEW,
    NOW,
    OLD,
    ROOT,
    budget,
    cni,
    codes,
    crd,
    deployment,
    evidence,
    istiod,
    node,
    pod,
    pod_spec,
    thing,
    workload,
    ztunnel,
)
from .test_certificates import certificate
from .test_plan_uninstalling import record

HELM = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": ROOT}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
TO_1_31 = Release(1, 31, 0)


def severities(gathered: Evidence, target: Release | None = NEW, revision: str = "") -> dict[str, Severity]:
    return {code: finding.severity for code, finding in codes(gathered, target, revision).items()}


def one(code: str, gathered: Evidence, target: Release | None = NEW, revision: str = "") -> Finding:
    return codes(gathered, target, revision)[code]


def names(finding: Finding) -> list[str]:
    return [str(about) for about in finding.objects]


def test_a_mesh_in_order_has_nothing_to_say_against_it() -> None:
    assert codes(evidence()) == {}


def test_without_an_istiod_there_is_nothing_to_upgrade() -> None:
    finding = one("no-control-plane", evidence(thing("VirtualService", "shop/web"), bare=True))
    assert finding.blocks
    assert ROOT in finding.what


# The way from one release to the other


@pytest.mark.parametrize(
    ("target", "revision", "expected"),
    [
        ("1.28.5", "", set()),
        ("1.29.1", "", set()),
        ("1.30.1", "", {"jump-too-far"}),
        ("1.30.1", "1-30-1", set()),
        ("1.31.0", "1-31-0", {"jump-too-far"}),
        ("1.28.3", "", {"same-release"}),
        ("1.28.1", "", {"downgrade"}),
        ("1.27.1", "", {"downgrade"}),
        ("1.26.1", "", {"downgrade", "jump-too-far"}),
        ("2.0.0", "", {"jump-too-far"}),
    ],
)
def test_which_jumps_are_legal(target: str, revision: str, expected: set[str]) -> None:
    release = Release.parse(target)
    found = codes(evidence(), release, revision).keys() & {"jump-too-far", "same-release", "downgrade"}
    assert found == expected


def test_a_skipped_release_is_named_with_the_way_around() -> None:
    finding = one("jump-too-far", evidence(), TO_1_31)
    assert finding.what.startswith("1.28.3 to 1.31.0 skips 1.29 and 1.30: in place, one minor release")
    assert finding.do == "go by way of 1.29, then 1.30, then 1.31"
    assert "--revision" in one("jump-too-far", evidence(), Release(1, 30, 1)).do


def test_a_downgrade_is_what_rollback_is_for() -> None:
    assert "kubectl istio-upgrade rollback" in one("downgrade", evidence(), Release(1, 27, 1)).do
    assert "--ignore downgrade" not in one("downgrade", evidence(), Release(1, 26, 1)).do


def test_a_release_that_this_program_does_not_know() -> None:
    assert one("release-unknown", evidence(istiod("1.31.0")), Release(1, 32, 0)).severity is Severity.WARNING


def test_a_release_without_support() -> None:
    finding = one("release-ended", replace(evidence(), taken=NOW.replace(year=2027)))
    assert "ended on 2026-10-12" in finding.what
    assert finding.do == "go on to 1.30, then 1.31"


def test_an_image_without_a_release_is_told_and_not_guessed() -> None:
    unknown = istiod(spec=pod_spec("registry/pilot@sha256:abc", "discovery"))
    found = codes(evidence(unknown), NEW)
    assert names(found["version-unknown"]) == ["Deployment istio-system/istiod"]
    assert "jump-too-far" not in found


def test_of_several_control_planes_the_default_is_meant() -> None:
    gathered = evidence(istiod("1.28.3"), istiod("1.27.0", "canary"), ISTIOD_BUDGET)
    found = assess(gathered, NEW)
    assert found.current == OLD
    assert "default 1.28.3" in one("several-revisions", gathered).what
    assert assess(gathered, Release(1, 28, 0), "canary").current == Release(1, 27, 0)


def test_settings_that_nothing_proves_stop_it_until_that_is_accepted() -> None:
    gathered = evidence(istiod("1.28.3"), istiod("1.27.0", "canary"), ISTIOD_BUDGET)
    gathered = replace(gathered, unprovable=(Unprovable("canary", "there is none here", "get it"),))
    found = one("settings-unproved", gathered)
    assert (found.blocks, names(found)) == (True, ["Deployment istio-system/istiod-canary"])
    assert found.what.endswith("there is none here")
    assert found.do.startswith("get it\nor accept it with --ignore settings-unproved")
    assert not assess(gathered, NEW, ignore=["settings-unproved"]).blockers


def test_settings_of_a_node_agent_whose_control_plane_is_gone_are_told_to_be_its_own() -> None:
    gathered = evidence(istiod("1.29.1", "canary"), cni(labels={"istio.io/rev": "default"}), ISTIOD_BUDGET)
    gathered = replace(gathered, unprovable=(Unprovable("default", "there is none here", "get it"),))
    assert names(one("settings-unproved", gathered)) == ["DaemonSet istio-system/istio-cni-node"]


def test_a_canary_is_planned_without_the_node_agents() -> None:
    gathered = evidence(istiod("1.28.3"), cni(), ztunnel(), ISTIOD_BUDGET)
    (apply,) = (each.does for each in assess(gathered, NEW, "canary").phases if each.phase is Phase.APPLY)
    assert apply.endswith("beside the present control plane, as revision canary; cni and ztunnel as they are")
    alone = evidence(istiod("1.28.3"), ISTIOD_BUDGET)
    (apply,) = (each.does for each in assess(alone, NEW, "canary").phases if each.phase is Phase.APPLY)
    assert apply.endswith("as revision canary")


def test_a_tag_says_which_is_the_default() -> None:
    tag = thing(
        "MutatingWebhookConfiguration",
        "istio-revision-tag-default",
        labels={"istio.io/tag": "default", "istio.io/rev": "canary"},
    )
    gathered = evidence(istiod("1.28.3"), istiod("1.27.0", "canary"), tag)
    assert assess(gathered, NEW).current == Release(1, 27, 0)


# Proxies and node agents


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [("1.28.3", None), ("1.29.4", None), ("1.30.0", "proxy-newer"), ("1.27.9", "proxy-too-old"), ("1.28.9", None)],
)
def test_proxies_may_be_one_release_behind_and_none_ahead(proxy: str, expected: str | None) -> None:
    found = codes(evidence(workloads=(workload("shop/web", proxy), workload("shop/fine", "1.28.3"))))
    assert found.keys() & {"proxy-newer", "proxy-too-old"} == ({expected} if expected else set())
    if expected:
        assert names(found[expected]) == ["Deployment shop/web"]
        assert found[expected].blocks


def test_proxies_of_another_control_plane_do_not_count() -> None:
    planes = (istiod("1.28.3"), istiod("1.27.0", "old"))
    gathered = evidence(*planes, workloads=(workload("shop/web", "1.27.0", revisions=("old",)),))
    assert "proxy-too-old" not in codes(gathered)


def test_with_a_new_revision_nobody_is_served_by_it_yet() -> None:
    gathered = evidence(workloads=(workload("shop/web", "1.27.0"),))
    assert "proxy-too-old" not in codes(gathered, NEW, "1-29-1")


def test_what_goes_the_way_of_the_control_plane_is_not_told_twice() -> None:
    gathered = evidence(workloads=(workload("shop/web", "1.28.3"),))
    assert "proxy-too-old" not in codes(gathered, TO_1_31)
    assert "proxy-newer" not in codes(gathered, Release(1, 27, 0))


def test_proxies_outside_the_cluster_are_known_by_their_connection() -> None:
    connected = MeshVersions("1.29.1", proxies={"vm-1.shop": "1.26.0", "web-1.shop": "1.28.3"})
    gathered = evidence(connected=connected, pods=(pod("shop/web-1"),))
    assert names(one("proxy-too-old", gathered)) == ["Proxy shop/vm-1"]


def test_a_rollout_of_proxies_that_was_stopped() -> None:
    assert names(one("proxy-rolling", evidence(workloads=(workload("shop/web", "1.28.3", "1.27.9"),)))) == [
        "Deployment shop/web"
    ]


def test_node_agents_may_be_one_release_behind() -> None:
    assert codes(evidence(ztunnel("1.28.0"), cni("1.28.0"))).keys() == {"ambient-order"}
    found = codes(evidence(ztunnel("1.27.0"), cni("1.30.0")))
    assert names(found["agent-too-old"]) == ["DaemonSet istio-system/ztunnel"]
    assert names(found["agent-newer"]) == ["DaemonSet istio-system/istio-cni-node"]


# Kubernetes and its Gateway API


@pytest.mark.parametrize(
    ("kubernetes", "expected"),
    [
        ("v1.31.0", {}),
        ("v1.35.9-eks-1", {}),
        ("v1.30.0", {"kubernetes-too-old": Severity.BLOCKER}),
        ("v1.36.0", {"kubernetes-too-new": Severity.WARNING}),
    ],
)
def test_the_window_of_kubernetes(kubernetes: str, expected: Mapping[str, Severity]) -> None:
    assert severities(evidence(kubernetes=kubernetes)) == expected


def test_a_kubernetes_that_only_the_target_does_not_support_blocks() -> None:
    found = severities(evidence(istiod("1.28.3"), ISTIOD_BUDGET, kubernetes="v1.34.0"), Release(1, 27, 0))
    assert found["kubernetes-too-new"] is Severity.BLOCKER


def test_a_kubernetes_below_istioctls_own_floor_blocks_whatever_runs_today() -> None:
    assert severities(evidence(kubernetes="v1.29.0"))["kubernetes-too-old"] is Severity.BLOCKER


def test_a_server_that_does_not_say_its_release() -> None:
    assert (
        Skipped("the release of Kubernetes", "the server calls it ''") in assess(evidence(kubernetes=""), NEW).skipped
    )


def routes(kind: str, bundle: str) -> tuple[MeshObject, ...]:
    return crd(f"{kind.lower()}s.gateway.networking.k8s.io", bundle=bundle), thing(kind, "shop/route")


@pytest.mark.parametrize(
    ("version", "target", "kind", "bundle", "expected"),
    [
        ("1.28.3", "1.29.1", "TLSRoute", "v1.4.1", None),
        ("1.28.3", "1.29.1", "TLSRoute", "v1.5.0", "gateway-api-stalls"),
        ("1.29.1", "1.29.2", "TLSRoute", "v1.4.1", "gateway-api-ignored"),
        ("1.29.2", "1.29.3", "TLSRoute", "v1.4.1", None),
        ("1.29.3", "1.30.0", "TLSRoute", "v1.4.1", "gateway-api-ignored"),
        ("1.29.3", "1.30.0", "TLSRoute", "v1.5.0", None),
        ("1.30.0", "1.31.0", "TCPRoute", "v1.5.1", "gateway-api-ignored"),
        ("1.30.0", "1.31.0", "TCPRoute", "v1.6.0", None),
        ("1.29.3", "1.30.0", "TLSRoute", "v1.5.0-rc.1", None),
        ("1.29.3", "1.30.0", "TLSRoute", "", "gateway-api-ignored"),
        ("1.28.3", "1.29.1", "TLSRoute", "", None),
    ],
)
def test_the_window_of_the_gateway_api(version: str, target: str, kind: str, bundle: str, expected: str | None) -> None:
    found = codes(evidence(istiod(version), ISTIOD_BUDGET, *routes(kind, bundle)), Release.parse(target))
    assert {code for code in found if code.startswith("gateway-api")} == ({expected} if expected else set())
    if expected:
        assert found[expected].blocks


def test_a_kind_of_which_there_is_no_object_concerns_nobody() -> None:
    definition, _ = routes("TLSRoute", "v1.4.1")
    assert "gateway-api-ignored" not in codes(evidence(istiod("1.29.3"), definition), Release(1, 30, 0))


def test_what_is_ignored_today_already_is_a_warning() -> None:
    gathered = evidence(istiod("1.30.0"), *routes("TLSRoute", "v1.4.1"))
    assert severities(gathered, TO_1_31)["gateway-api-ignored"] is Severity.WARNING


def test_definitions_that_could_not_be_taken_back() -> None:
    gathered = evidence(istiod("1.22.0"), crd("gateways.networking.istio.io", stored=("v1beta1", "v1")))
    assert names(one("definition-stored", gathered, Release(1, 21, 0)))
    assert "definition-stored" not in codes(gathered, Release(1, 23, 0))


# Replicas, budgets, rollouts, room


def test_a_single_replica_is_a_warning_that_says_what_is_at_stake() -> None:
    gathered = evidence(istiod(replicas=1), deployment(f"{ROOT}/gw", pod_spec("auto", "istio-proxy"), replicas=1))
    found = [finding for finding in assess(gathered, NEW).findings if finding.code == "single-replica"]
    assert [(names(each), "injects" in each.what, "gets in" in each.what) for each in found] == [
        (["Deployment istio-system/istiod"], True, False),
        (["Deployment istio-system/gw"], False, True),
    ]


def test_an_autoscalers_minimum_counts_and_not_what_runs_now() -> None:
    scaler = thing(
        "HorizontalPodAutoscaler",
        f"{ROOT}/istiod",
        spec={"minReplicas": 1, "scaleTargetRef": {"kind": "Deployment", "name": "istiod"}},
    )
    assert "single-replica" in codes(evidence(istiod(replicas=5), scaler))
    assert "single-replica" not in codes(evidence(istiod(replicas=5), ISTIOD_BUDGET))


def test_replicas_without_a_disruption_budget() -> None:
    assert severities(evidence(istiod())) == {"no-disruption-budget": Severity.INFO}


def test_a_budget_that_lets_nothing_go() -> None:
    gathered = evidence(istiod(), budget(f"{ROOT}/istiod", "istiod", allowed=0))
    assert names(one("drain-blocked", gathered)) == ["PodDisruptionBudget istio-system/istiod"]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"available": 0}, {"control-plane-down"}),
        ({"available": 1}, {"rollout-unfinished"}),
        ({"updated": 1}, {"rollout-unfinished"}),
        ({}, set()),
        ({"replicas": 0}, set()),
    ],
)
def test_an_istiod_that_is_not_all_there(counts: dict[str, Any], expected: set[str]) -> None:
    found = codes(evidence(istiod(**counts), ISTIOD_BUDGET))
    assert set(found) == expected
    assert all(finding.blocks for finding in found.values())


def test_a_node_without_its_agent_is_a_warning() -> None:
    assert severities(evidence(cni(status={"numberAvailable": 2})))["rollout-unfinished"] is Severity.WARNING


ALL_OR_NOTHING = {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}}


def rolling(**strategy: Any) -> MeshObject:
    return istiod(strategy={"rollingUpdate": strategy} if strategy else ALL_OR_NOTHING)


@pytest.mark.parametrize(
    ("nodes", "fits"),
    [
        ((node(cpu="500m", memory="2Gi"),), True),
        ((node(cpu="499m", memory="2Gi"),), False),
        ((node(cpu="500m", memory="2047Mi"),), False),
        ((node(pods="0"),), False),
        ((node(unschedulable=True),), False),
        ((node(ready="False"),), False),
        ((node(taints=[{"key": "gpu", "effect": "NoSchedule"}]),), False),
        ((node(taints=[{"key": "gpu", "effect": "PreferNoSchedule"}]),), True),
        ((node("small", cpu="100m"), node("large")), True),
        ((), False),
    ],
)
def test_a_surge_pod_needs_a_node_with_room(nodes: tuple[dict[str, Any], ...], fits: bool) -> None:
    found = codes(evidence(rolling(), ISTIOD_BUDGET, nodes=nodes))
    assert ("no-room" not in found) is fits
    if not fits:
        assert "500m CPU and 2048Mi memory" in found["no-room"].what


def test_pods_of_others_take_room_until_they_are_done() -> None:
    big = pod_spec("app", "app", cpu="3800m")
    running = pod("shop/a", **big, nodeName="one")
    done = {**running, "status": {"phase": "Succeeded"}}
    assert "no-room" in codes(evidence(rolling(), pods=(running,)))
    assert "no-room" not in codes(evidence(rolling(), pods=(done,)))
    assert "no-room" not in codes(evidence(rolling(), pods=(pod("shop/a", **big, nodeName="two"),)))


def test_what_may_go_first_is_a_share_of_the_replicas_that_there_are_now() -> None:
    """An autoscaler's least is what it may come down to, and no rollout looks at it."""
    least = thing("HorizontalPodAutoscaler", "istio-system/istiod", spec={
        "minReplicas": 1, "maxReplicas": 5,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "istiod"},
    })  # fmt: skip
    assert "no-room" not in codes(evidence(istiod(replicas=4, strategy=ALL_OR_NOTHING), least, nodes=()))
    assert "no-room" in codes(evidence(istiod(replicas=3, strategy=ALL_OR_NOTHING), least, nodes=()))


def test_blockers_that_cannot_be_ignored_are_not_said_to_be() -> None:
    judged = assess(evidence(istiod("1.20.0"), ISTIOD_BUDGET), NEW)
    (code,) = {finding.code for finding in judged.blockers}
    assert way_on(judged).endswith(f"knowing what that means: --ignore {code}")
    assert "--ignore" not in way_on(assess(evidence(istiod("1.20.0"), locked="alice"), NEW))
    assert "locked" in codes(evidence(istiod("1.20.0"), locked="alice"))


def test_a_deployment_that_may_let_a_pod_go_first_needs_no_room() -> None:
    assert "no-room" not in codes(evidence(rolling(maxSurge=1, maxUnavailable=1), nodes=()))
    assert "no-room" in codes(evidence(rolling(maxSurge=1, maxUnavailable=0), nodes=()))
    assert "no-room" not in codes(evidence(istiod(strategy={"type": "Recreate"}), nodes=()))


def test_tolerations_and_selectors_are_heeded() -> None:
    spec = pod_spec("istio/pilot:1.28.3", "discovery")
    tainted = node(taints=[{"key": "infra", "value": "yes", "effect": "NoSchedule"}], labels={"pool": "infra"})
    tolerant = {**spec, "tolerations": [{"key": "infra", "value": "yes"}], "nodeSelector": {"pool": "infra"}}
    assert "no-room" not in codes(evidence(istiod(spec=tolerant), nodes=(tainted,)))
    assert "no-room" in codes(evidence(istiod(spec=tolerant), nodes=(node(),)))
    anything = {**spec, "tolerations": [{"operator": "Exists"}]}
    assert "no-room" not in codes(evidence(istiod(spec=anything), nodes=(tainted,)))


def test_nodes_that_may_not_be_listed_are_told() -> None:
    found = assess(evidence(nodes=Unknown("nodes is forbidden")), NEW)
    assert Skipped("room for a rolling upgrade", "nodes is forbidden") in found.skipped
    assert not found.findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500m", 0.5), ("2", 2), ("1.5", 1.5), ("2Gi", 2 * 1024**3), ("1k", 1000), ("1e3", 1000), ("", 0), ("x", 0)],
)
def test_quantities(text: str, expected: float) -> None:
    assert room.quantity(text) == pytest.approx(expected)


def test_a_pods_requests_are_those_of_its_containers_or_of_a_greedy_init_container() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu, "memory": "1Mi"}}, **more}

    spec = {"containers": [container("100m"), container("200m")], "initContainers": [container("50m")]}
    assert room.requests(spec).cpu == pytest.approx(0.3)
    assert room.requests({**spec, "initContainers": [container("1")]}).cpu == pytest.approx(1)
    native = {**spec, "initContainers": [container("50m", restartPolicy="Always")], "overhead": {"cpu": "1m"}}
    assert room.requests(native).cpu == pytest.approx(0.351)


# Who installed it, and who else manages it


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({}, Method.ISTIOCTL),
        ({"labels": {}, "managers": ("istio-operator",)}, Method.ISTIOCTL),
        ({"labels": {}, "annotations": HELM}, Method.HELM),
        ({"labels": {}}, Method.MANIFESTS),
        (
            {
                "labels": {},
                "annotations": HELM,
                "ownerReferences": [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default"}],
            },
            Method.SAIL,
        ),
    ],
)
def test_by_what_a_mesh_was_installed(marks: dict[str, Any], expected: Method) -> None:
    gathered = evidence(istiod(**marks))
    (plane,) = installation_of(gathered.state).of(Part.CONTROL_PLANE)
    assert plane.method is expected


def test_the_parts_are_found_with_and_without_their_labels() -> None:
    gateway = deployment("edge/gw", pod_spec("auto", "istio-proxy"))
    bare = deployment(f"{ROOT}/pilot", pod_spec("host:5000/mine/pilot:1.27.0", "discovery"))
    bare_agent = thing(
        "DaemonSet", f"{ROOT}/zt", spec={"template": {"spec": pod_spec("istio/ztunnel:1.27.1", "istio-proxy")}}
    )
    other = deployment(f"{ROOT}/prometheus", pod_spec("prom/prometheus:v3", "prometheus"))
    gathered = evidence(gateway, bare, bare_agent, other, cni(), workloads=(workload("edge/gw", "1.26.4"),))
    found = installation_of(gathered.state, gathered.workloads)
    assert [(each.part, each.obj.key.name, str(each.version)) for each in found.components] == [
        (Part.CONTROL_PLANE, "istiod", "1.28.3"),
        (Part.CONTROL_PLANE, "pilot", "1.27.0"),
        (Part.CNI, "istio-cni-node", "1.28.3"),
        (Part.ZTUNNEL, "zt", "1.27.1"),
        (Part.GATEWAY, "gw", "1.26.4"),
    ]


def test_a_mixed_installation_is_told() -> None:
    by_helm = cni(annotations=HELM)
    finding = one("mixed-installation", evidence(istiod(), by_helm))
    assert finding.what == "istioctl installed control plane; Helm installed cni"
    assert names(finding) == ["Deployment istio-system/istiod", "DaemonSet istio-system/istio-cni-node"]


def of_chart(each: MeshObject, chart: str, release: str) -> MeshObject:
    """The same as Helm has installed it."""
    marks = {**HELM, "meta.helm.sh/release-name": release}
    metadata = {**each.body["metadata"], "annotations": marks}
    metadata["labels"] = {**each.labels, "helm.sh/chart": f"{chart}-1.28.3"}
    return replace(each, body={**each.body, "metadata": metadata})


UMBRELLA = (
    of_chart(thing("ServiceAccount", f"{ROOT}/istio-reader-service-account"), "base", "mesh"),
    of_chart(istiod(), "istiod", "mesh"),
)


def test_a_release_of_a_chart_that_wraps_istios_is_a_blocker_that_nobody_can_ignore() -> None:
    finding = one("release-wrapped", evidence(*UMBRELLA, record(1, "platform", "mesh")))
    assert finding.severity is Severity.BLOCKER
    assert finding.what.startswith(f"Helm release {ROOT}/mesh is of chart platform, with Istio's base and istiod in it")
    assert "`kubectl istio-upgrade snapshot`" in finding.do
    found = assess(evidence(*UMBRELLA), NEW)
    assert way_on(found) == "do what the table says"
    with pytest.raises(UsageError, match="cannot be ignored: a Helm release is of a chart that wraps Istio's"):
        check_codes(["release-wrapped"])


def test_a_gateway_in_somebodys_own_chart_is_told_and_left_as_it_is() -> None:
    gateway = of_chart(deployment("edge/gw", pod_spec("auto", "istio-proxy")), "gateway", "shop")
    secret = record(1, "shop", "shop")
    gathered = evidence(of_chart(istiod(), "istiod", "istiod"), gateway, record(1), secret)
    finding = one("release-wrapped", gathered)
    assert (finding.severity, "left as it is" in finding.do) == (Severity.WARNING, True)


def test_releases_of_istios_own_charts_are_no_finding_and_neither_is_a_wrapper_without_an_upgrade() -> None:
    own = evidence(of_chart(istiod(), "istiod", "istiod"), record(1))
    assert "release-wrapped" not in codes(own)
    assert "release-wrapped" not in codes(evidence(istiod(), of_chart(cni(), "cni", "nodes"), record(1, "x", "nodes")))
    assert "release-wrapped" not in codes(evidence(*UMBRELLA), None)


@pytest.mark.parametrize(
    ("marks", "code", "words"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "mesh:/x"}}, "managed-elsewhere", "argocd app set mesh"),
        ({"labels": FLUX}, "managed-elsewhere", "flux suspend kustomization mesh -n flux-system"),
        (
            {"ownerReferences": [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default"}]},
            "managed-elsewhere",
            "set spec.version of the Istio",
        ),
        (
            {"ownerReferences": [{"apiVersion": "acme.example/v1", "kind": "Mesh", "name": "m"}]},
            "managed-by-operator",
            "upgrade through it",
        ),
        ({"annotations": HELM}, None, ""),
    ],
)
def test_who_would_undo_the_upgrade(marks: dict[str, Any], code: str | None, words: str) -> None:
    found = codes(evidence(istiod(**marks), ISTIOD_BUDGET))
    assert found.keys() & {"managed-elsewhere", "managed-by-operator"} == ({code} if code else set())
    if code:
        assert words in found[code].do
        assert names(found[code]) == ["Deployment istio-system/istiod"]


def test_whoever_manages_configuration_alone_is_in_nobodys_way() -> None:
    assert codes(evidence(thing("VirtualService", "shop/web", labels=FLUX))) == {}


# Whoever is at work, permissions, webhooks, the CA


def test_an_unfinished_operation_cannot_be_ignored() -> None:
    gathered = evidence(unfinished="the rollback to latest, begun yesterday, is unfinished")
    found = assess(gathered, NEW, ignore=("unfinished-operation",))
    assert [each.code for each in found.blockers] == ["unfinished-operation"]
    with pytest.raises(UsageError, match="cannot be ignored: an earlier operation has not ended"):
        check_codes(["unfinished-operation"])


def test_a_lock_is_somebody() -> None:
    assert "jane@host" in one("locked", evidence(locked="jane@host")).what


def test_missing_permissions_block_and_are_named() -> None:
    lacking = (
        Permission("patch", "apps", "deployments", ROOT),
        Permission("bind", "rbac.authorization.k8s.io", "roles"),
    )
    finding = one("permission-missing", evidence(missing=lacking))
    assert finding.blocks
    assert names(finding) == ["patch deployments.apps in namespace istio-system"]
    assert "rbac" in finding.do


def test_not_to_be_allowed_to_grant_is_a_warning() -> None:
    lacking = (Permission("escalate", "rbac.authorization.k8s.io", "clusterroles"),)
    assert severities(evidence(missing=lacking)) == {"may-not-grant": Severity.WARNING}


def test_permissions_that_nobody_tells_are_skipped() -> None:
    assert Skipped("permissions", "no answer") in assess(evidence(missing=Unknown("no answer")), NEW).skipped


@pytest.mark.parametrize(("policy", "severity"), [("Fail", Severity.BLOCKER), ("Ignore", Severity.WARNING)])
def test_a_dead_webhook(policy: str, severity: Severity) -> None:
    name = Key("admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "istio-validator")
    dead = DeadWebhook(
        name, "rev.validation", policy, (), "its service has no ready endpoint", ServiceName(ROOT, "istiod")
    )
    finding = one("webhook-dead", evidence(dead=(dead,)))
    assert (finding.severity, names(finding)) == (severity, ["ValidatingWebhookConfiguration istio-validator"])


def test_fields_that_no_read_shows() -> None:
    hiding = thing("VirtualService", "shop/web", spec={})
    entry = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:newer": {}}}}
    hiding = replace(hiding, server=replace(hiding.server, managed_fields=(entry,)))
    assert "spec.newer" in one("hidden-fields", evidence(hiding)).what


def test_other_clusters_of_the_mesh() -> None:
    remote = thing("Secret", f"{ROOT}/istio-remote-secret-west", labels={"istio/multiCluster": "true"})
    assert names(one("multicluster", evidence(remote))) == ["Secret istio-system/istio-remote-secret-west"]


ROOT_A, ROOT_B = certificate("260101000000Z", "460101000000Z", 1), certificate("260101000000Z", "460101000000Z", 2)
ENDING, ENDED = certificate("250101000000Z", "260315000000Z", 3), certificate("250101000000Z", "260228000000Z", 4)


def pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----\n"


def authority(name: str, file: str, der: bytes) -> MeshObject:
    value = base64.b64encode(pem(der).encode()).decode()
    return thing("Secret", f"{ROOT}/{name}", data={file: "digest"}, withheld=Values({"digest": value}))


def test_the_ca_stays_when_the_root_that_istiod_will_read_is_published_already() -> None:
    gathered = evidence(authority("istio-ca-secret", "ca-cert.pem", ROOT_A), published_root=pem(ROOT_A))
    assert "ca-will-change" not in codes(gathered)
    both = evidence(authority("cacerts", "root-cert.pem", ROOT_B), published_root=pem(ROOT_A) + pem(ROOT_B))
    assert "ca-will-change" not in codes(both)


def test_cacerts_that_no_istiod_has_read_yet_would_change_it() -> None:
    gathered = evidence(
        authority("istio-ca-secret", "ca-cert.pem", ROOT_A),
        authority("cacerts", "root-cert.pem", ROOT_B),
        published_root=pem(ROOT_A),
    )
    finding = one("ca-will-change", gathered)
    assert (finding.blocks, names(finding)) == (True, ["Secret istio-system/cacerts"])


def test_without_its_secret_istiod_would_make_a_new_one() -> None:
    assert "makes a new one" in one("ca-will-change", evidence(published_root=pem(ROOT_A))).what


def test_an_istiod_that_is_no_ca_has_none_to_change() -> None:
    gathered = evidence(istiod(env={"ENABLE_CA_SERVER": "false"}), ISTIOD_BUDGET, published_root=pem(ROOT_A))
    assert Skipped("whether the CA will change", "istiod is not the CA of this mesh") in assess(gathered, NEW).skipped


@pytest.mark.parametrize(("der", "severity"), [(ROOT_A, None), (ENDING, Severity.WARNING), (ENDED, Severity.BLOCKER)])
def test_certificates_that_end(der: bytes, severity: Severity | None) -> None:
    gathered = evidence(authority("istio-ca-secret", "ca-cert.pem", der), published_root=pem(der))
    assert severities(gathered).get("ca-expiring") is severity


def test_a_ca_that_has_changed_since_the_snapshot() -> None:
    recorded = {f"{ROOT}/istio-ca-secret/ca-cert.pem": ("0" * 64,)}
    secret = authority("istio-ca-secret", "ca-cert.pem", ROOT_A)
    gathered = evidence(secret, published_root=pem(ROOT_A), recorded_ca=recorded)
    assert "has changed since the newest snapshot" in one("ca-changed", gathered).what


# Ignoring, the way back, the whole


def test_an_ignored_blocker_is_shown_and_stops_nothing() -> None:
    found = assess(evidence(), Release(1, 27, 0), ignore=("downgrade", "kubernetes-too-new"))
    assert [(each.code, each.ignored) for each in found.findings[:2]] == [
        ("downgrade", True),
        ("kubernetes-too-new", True),
    ]
    assert found.blockers == ()


@pytest.mark.parametrize("code", ["no-room", "single-replica", "native-sidecars", "IST0101"])
def test_codes_that_may_be_ignored(code: str) -> None:
    check_codes([code])


def test_a_mistyped_code_is_refused_with_what_was_meant() -> None:
    with pytest.raises(UsageError) as caught:
        check_codes(["no-rom"])
    assert caught.value.message == "there is no finding 'no-rom' to ignore"
    assert "no-room" in (caught.value.hint or "")


def test_blockers_come_first() -> None:
    order = [*Severity]
    found = assess(
        evidence(istiod(replicas=1), unfinished="x", workloads=(workload("a/b", "1.28.3", "1.28.2"),)), TO_1_31
    )
    ranks = [order.index(each.severity) for each in found.findings]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1


def test_findings_of_istioctl_are_among_them() -> None:
    told = (Finding("IST0101", Severity.WARNING, "no host", objects=(About("VirtualService", "", "web.shop"),)),)
    found = assess(evidence(told=(*told, Skipped("istioctl analyze", "timed out"))), NEW)
    assert found.findings == told
    assert found.skipped[-1].why == "timed out"


def test_every_code_in_use_is_of_the_table() -> None:
    gathered = evidence(istiod(replicas=1), *routes("TLSRoute", "v1.5.0"), cni(), ztunnel(), unfinished="x", locked="y")
    found = assess(gathered, NEW)
    known = {*CODES, *(note.code for note in found.findings if note.what.startswith("1."))}
    assert {each.code for each in (*found.findings, *found.way_back)} <= known


def back(gathered: Evidence, target: Release = NEW) -> dict[str, Finding]:
    return {each.code: each for each in assess(gathered, target).way_back}


def test_within_a_minor_release_a_bare_mesh_comes_back_whole() -> None:
    assert back(evidence(), Release(1, 28, 5)) == {}


def test_what_could_not_come_back_is_said_before() -> None:
    record = thing("Secret", f"{ROOT}/sh.helm.release.v1.istiod.v1", labels={"owner": "helm", "name": "istiod"})
    gathered = evidence(
        istiod(labels=FLUX),
        cni(),
        record,
        thing("Secret", f"{ROOT}/token"),
        thing("Secret", f"{ROOT}/cacerts"),
        thing("Job", f"{ROOT}/migrate"),
        workloads=(workload("shop/web", "1.28.3"),),
    )
    found = back(gathered)
    assert {code: names(finding) for code, finding in found.items()} == {
        "back-definitions": [],
        "back-secrets": ["Secret istio-system/token"],
        "back-records": [],
        "back-ca": ["Secret istio-system/cacerts"],
        "back-hosts": ["DaemonSet istio-system/istio-cni-node"],
        "back-proxies": [],
        "back-data": ["Job istio-system/migrate"],
        "back-owners": ["Deployment istio-system/istiod"],
    }
    assert "istiod" in found["back-records"].what
    assert "store init --recipient" in found["back-secrets"].do


def test_a_store_that_holds_the_values_brings_secrets_and_records_back() -> None:
    gathered = evidence(thing("Secret", f"{ROOT}/token"), sealing=True)
    assert "back-secrets" not in back(gathered)


def test_a_gateway_api_that_has_to_be_raised_is_locked_in() -> None:
    gathered = evidence(istiod("1.29.3"), *routes("TLSRoute", "v1.4.1"))
    assert "safe-upgrades" in back(gathered, Release(1, 30, 0))["back-gateway-api"].what


def test_dry_run_policies_that_an_older_ztunnel_would_enforce() -> None:
    policy = thing("AuthorizationPolicy", "shop/p", annotations={"istio.io/dry-run": "true"})
    assert names(back(evidence(ztunnel(), policy))["back-dry-run"]) == ["AuthorizationPolicy shop/p"]
    assert "back-dry-run" not in back(evidence(policy))
    assert "back-dry-run" not in back(evidence(istiod("1.29.0"), ztunnel("1.29.0"), policy), Release(1, 30, 0))


def test_without_a_target_the_mesh_is_judged_as_it_is() -> None:
    found = assess(evidence(istiod("1.20.0", replicas=1), kubernetes="v1.34.0"))
    assert [each.code for each in found.findings] == ["kubernetes-too-new", "single-replica"]
    assert (found.target, found.way_back, found.phases, found.notes) == (None, (), (), ())


def test_the_phases_say_how_this_mesh_will_be_upgraded() -> None:
    labels = {"helm.sh/chart": "istiod-1.28.3"}
    gathered = evidence(istiod(labels=labels, annotations=HELM), workloads=(workload("shop/web", "1.28.3"),))
    phases = {str(each.phase): each.does for each in assess(gathered, NEW).phases}
    assert "helm upgrade of istiod (istiod)" in phases["apply"]
    assert phases["workloads"].endswith("of 1 workload with 1 pod")
    canary = {str(each.phase): each.does for each in assess(evidence(), NEW, "1-29-1").phases}
    assert "beside the present control plane, as revision 1-29-1" in canary["apply"]
