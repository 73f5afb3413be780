"""Images of another release in what was rendered for the target: found, told, refused."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from kubectl_istio_upgrade.errors import RefusedError
from kubectl_istio_upgrade.models.assessments import Assessment
from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.operations.upgrading.judging import refuse_other_releases
from kubectl_istio_upgrade.plan.images import OVERLAY, Image, Remedy, images_of
from kubectl_istio_upgrade.plan.manifests import Manifests
from kubectl_istio_upgrade.rules.findings import OTHER_RELEASE

from .builders import obj, type_of

NEW = Release(1, 29, 1)
OPERATOR: Body = {"spec": {"tag": "1.29.1"}}


def workload(kind: str, name: str, component: str, *images: tuple[str, str], **annotations: str) -> MeshObject:
    containers = [{"name": name, "image": image} for name, image in images]
    labels = {"operator.istio.io/component": component}
    spec = {"template": {"spec": {"containers": containers}}}
    return obj(kind, f"istio-system/{name}", labels=labels, annotations=annotations, spec=spec)


def istiod(image: str, *more: tuple[str, str], **annotations: str) -> MeshObject:
    return workload("Deployment", "istiod", "Pilot", ("discovery", image), *more, **annotations)


def injector(image: str) -> MeshObject:
    values = {"global": {"hub": "hub", "tag": "1.28.3", "proxy": {"image": image}}}
    return obj("ConfigMap", "istio-system/istio-sidecar-injector", data={"values": json.dumps(values)})


def rendered(*objects: MeshObject) -> tuple[Image, ...]:
    types = {each.key: type_of(each.kind) for each in objects}
    return images_of(Manifests("Istio 1.29.1", {each.key: each for each in objects}, types))


def others(*objects: MeshObject) -> list[str]:
    return [str(each) for each in rendered(*objects) if each.is_of_another(NEW)]


@pytest.mark.parametrize(
    ("image", "another", "told"),
    [
        ("docker.io/istio/pilot:1.29.1", False, True),
        ("docker.io/istio/pilot:1.29.1-distroless", False, True),
        ("localhost:5000/pilot:1.28.3", True, True),
        ("docker.io/istio/pilot:1.29.0", True, True),
        ("docker.io/istio/pilot:1.28", True, False),
        ("docker.io/istio/pilot:1.28-distroless", True, False),
        ("docker.io/istio/pilot:1.29", False, False),
        ("docker.io/istio/pilot:1.29.1-rc.0", True, True),
        ("docker.io/istio/pilot:1.28.3@sha256:0123", True, True),
        ("docker.io/istio/pilot@sha256:0123", False, False),
        ("docker.io/istio/pilot:ours", False, False),
    ],
)
def test_a_tag_tells_a_release_or_only_a_line_or_nothing(image: str, another: bool, told: bool) -> None:
    (found,) = rendered(istiod(image))
    assert (found.is_of_another(NEW), found.release is not None) == (another, told)


def test_every_part_of_istio_is_looked_at_and_nobody_elses_container() -> None:
    assert others(
        istiod("hub/pilot:1.28.3", ("beside", "acme/logger:1.0.0")),
        workload("DaemonSet", "istio-cni-node", "Cni", ("install-cni", "hub/install-cni:1.28.3")),
        workload("DaemonSet", "ztunnel", "Ztunnel", ("istio-proxy", "hub/ztunnel:1.28.3")),
        workload("Deployment", "gateway", "IngressGateways", ("istio-proxy", "hub/proxyv2:1.28.3")),
        workload("Deployment", "injected", "", ("istio-proxy", "auto")),
        injector("proxyv2"),
    ) == [
        "Deployment istio-system/istiod (istiod): hub/pilot:1.28.3",
        "DaemonSet istio-system/istio-cni-node (CNI node agent): hub/install-cni:1.28.3",
        "DaemonSet istio-system/ztunnel (ztunnel): hub/ztunnel:1.28.3",
        "Deployment istio-system/gateway (gateway): hub/proxyv2:1.28.3",
        "ConfigMap istio-system/istio-sidecar-injector (sidecars): hub/proxyv2:1.28.3",
    ]


ISTIOD = istiod("hub/pilot:1.28")
GATEWAY = workload("Deployment", "west", "IngressGateways", ("istio-proxy", "hub/proxyv2:1.28.3"))


@pytest.mark.parametrize(
    ("obj", "spec", "remedy"),
    [
        (ISTIOD, {"tag": "1.28"}, "--set tag=1.29.1"),
        (ISTIOD, {}, "--set tag=1.29.1"),
        (ISTIOD, {"values": {"global": {"tag": "1.28"}}}, "--set values.global.tag=1.29.1"),
        (ISTIOD, {"values": {"pilot": {"tag": 1.28}}}, "--set values.pilot.tag=1.29.1"),
        (ISTIOD, {"values": {"pilot": {"tag": "v1.28-fips"}}}, "--set values.pilot.tag=v1.29.1-fips"),
        (
            ISTIOD,
            {"values": {"pilot": {"image": "reg:5000/p:1.28@sha256:0", "tag": "1"}}},
            "--set values.pilot.image=reg:5000/p:1.29.1",
        ),
        (ISTIOD, {"values": {"pilot": {"image": "p", "tag": "1.28"}}}, "--set values.pilot.tag=1.29.1"),
        (
            ISTIOD,
            {"components": {"pilot": {"tag": "1.28"}}, "values": {"pilot": {"tag": "1"}}},
            "--set components.pilot.tag=1.29.1",
        ),
        (
            GATEWAY,
            {"components": {"ingressGateways": [{"name": "east"}, {"name": "west", "tag": "1.28.3"}]}},
            "--set components.ingressGateways[1].tag=1.29.1",
        ),
        (GATEWAY, {"values": {"global": {"proxy": {"image": "r/p"}}}}, "--set values.global.proxy.image=r/p:1.29.1"),
        (
            ISTIOD,
            {"components": {"pilot": {"k8s": {"overlays": [{"patches": [{"value": "hub/pilot:1.28"}]}]}}}},
            OVERLAY,
        ),
    ],
)
def test_the_remedy_is_the_setting_that_decides_in_an_istiooperator(obj: MeshObject, spec: Body, remedy: str) -> None:
    (image,) = rendered(obj)
    assert Remedy({"spec": spec}, NEW).of(image) == remedy


HELMS = {"meta.helm.sh/release-name": "mine", "meta.helm.sh/release-namespace": "istio-system"}


@pytest.mark.parametrize(
    ("kind", "component", "container", "values", "remedy"),
    [
        ("Deployment", "Pilot", "discovery", {"pilot": {"image": "r/p:1.28"}}, "--set pilot.image=r/p:1.29.1"),
        ("Deployment", "Pilot", "discovery", {"tag": "1.28"}, "--set tag=1.29.1"),
        ("DaemonSet", "Cni", "install-cni", {"image": "r/c:1.28"}, "--set mine:image=r/c:1.29.1"),
        ("DaemonSet", "Cni", "install-cni", {}, "--set mine:global.tag=1.29.1"),
    ],
)
def test_on_a_helm_mesh_it_is_a_value_of_the_release(
    kind: str, component: str, container: str, values: Body, remedy: str
) -> None:
    (image,) = rendered(workload(kind, "x", component, (container, "r/c:1.28"), **HELMS))
    assert Remedy({"istio-system/mine": values}, NEW).of(image) == remedy


def found() -> Assessment:
    return Assessment(cast(Any, None), "istio-system", Release(1, 28, 3), NEW, "", cast(Any, None), cast(Any, None))


def test_an_image_of_another_release_refuses_the_upgrade_and_says_what_to_set() -> None:
    images = rendered(istiod("hub/pilot:1.28"), injector("proxyv2"))
    with pytest.raises(RefusedError) as refused:
        refuse_other_releases(found(), images, OPERATOR, ())
    assert refused.value.exit_code == 3
    assert "  Deployment istio-system/istiod (istiod): hub/pilot:1.28\n  ConfigMap" in refused.value.message
    assert str(refused.value.hint).splitlines() == [
        "--set tag=1.29.1",
        f"to go on all the same, knowing what that means: --ignore {OTHER_RELEASE}",
    ]


def test_it_is_on_record_where_it_is_ignored() -> None:
    judged = refuse_other_releases(found(), rendered(ISTIOD), OPERATOR, [OTHER_RELEASE])
    assert judged is not None
    (finding,) = judged.findings
    assert (finding.code, finding.ignored, finding.blocks) == (OTHER_RELEASE, True, False)


def test_images_that_tell_no_release_stop_nothing() -> None:
    before = found()
    images = rendered(istiod("hub/pilot@sha256:01"), workload("DaemonSet", "z", "Ztunnel", ("istio-proxy", "r/z:ours")))
    assert refuse_other_releases(before, images, OPERATOR, ()) is before


def test_the_rest_of_an_upgrade_is_not_judged_again() -> None:
    assert refuse_other_releases(None, rendered(ISTIOD), OPERATOR, ()) is None
