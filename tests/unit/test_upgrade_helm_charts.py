"""Of which chart each Helm release is: one of Istio's alone, whatever its labels look like, or it is not upgraded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kubectl_istio_upgrade.errors import RefusedError, ToolError
from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.settings import HelmRelease, ReleaseRecord
from kubectl_istio_upgrade.operations.session import WritingSession
from kubectl_istio_upgrade.plan.rollback import plan_rollback
from kubectl_istio_upgrade.plan.settings.releases import releases_of, values_for
from kubectl_istio_upgrade.rules.helm import applies_server_side, chart_label_of

from .builders import obj, state
from .test_plan_uninstalling import record as record_of
from .test_upgrade_helm_releases import CHARTS, INSTALLED, Helm, chart, control_plane, names, way

ROOT = "istio-system"
APPLIED = [{"manager": "helm", "operation": "Apply"}]
GATEWAY, ISTIOD, BASE = chart("istio-ingress", "gateway"), control_plane("istiod", "default"), INSTALLED[0]


def labelled(each: MeshObject, **labels: str) -> MeshObject:
    """The same without the label of a chart, and with these."""
    metadata = each.body["metadata"]
    kept = {name: value for name, value in each.labels.items() if name != "helm.sh/chart"}
    return replace(each, body={**each.body, "metadata": {**metadata, "labels": {**kept, **labels}}})


def of_release(objects: Iterable[MeshObject], release: str) -> tuple[MeshObject, ...]:
    return tuple(
        replace(each, body={**each.body, "metadata": {**each.body["metadata"], "annotations": marks(release)}})
        for each in objects
    )


def marks(release: str) -> dict[str, str]:
    return {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": ROOT}


def refused(*live: MeshObject, **more: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        way(*live, **more)
    assert "`kubectl istio-upgrade snapshot` and `kubectl istio-upgrade validate`" in str(caught.value.hint)
    return caught.value.message


UMBRELLA = (*of_release((BASE, *ISTIOD), "mesh"), GATEWAY)
"""base and istiod are subcharts of one."""


@pytest.mark.parametrize("more", [{}, {"revision": "canary"}, {"revision": "default"}])
def test_a_chart_with_several_of_istios_in_it_is_not_replaced_by_one_of_them(more: dict[str, str]) -> None:
    lost = "with Istio's base and istiod in it: upgraded to that, it would lose the rest"
    told = refused(*UMBRELLA, record_of(1, "platform", "mesh"), **more)
    assert told == f"Helm release {ROOT}/mesh is of chart platform, {lost}"
    unread = refused(*UMBRELLA, helm=Helm(charts={"mesh": "platform"}), **more)
    assert unread == told


def test_a_chart_that_only_adds_to_istiods_is_not_replaced_by_that() -> None:
    told = refused(*INSTALLED, record_of(1, "istiod"), record_of(2, "my-istiod"))
    assert told.startswith(f"Helm release {ROOT}/istiod is of chart my-istiod, with Istio's istiod in it")
    assert refused(*INSTALLED, helm=Helm(charts={"istio-base": "base", "istiod": "my-istiod"})) == told
    copied = [labelled(each, app="istiod", **{"helm.sh/chart": "my-istiod-0.3.0"}) for each in ISTIOD]
    assert refused(BASE, *copied, GATEWAY, record_of(1, "my-istiod")) == told


def test_definitions_that_another_control_planes_chart_brings_are_not_taken_out_of_it() -> None:
    other = of_release((BASE, *control_plane("istiod-old", "old")), "mesh")
    assert refused(*other, *ISTIOD, record_of(1, "platform", "mesh")).startswith(f"Helm release {ROOT}/mesh")
    alone = of_release(control_plane("istiod-old", "old"), "mesh")
    assert names(way(BASE, *alone, *ISTIOD, record_of(1, "platform", "mesh"))) == ["istio-base", "istiod"]


def test_a_gateway_of_another_chart_is_left_to_its_people_and_moves_to_no_canary() -> None:
    live = (BASE, *ISTIOD, GATEWAY, record_of(1, "shop", "istio-ingress"))
    assert names(way(*live)) == ["istio-base", "istiod"]
    assert names(way(*live, revision="canary")) == ["istio-base", "istiod-canary"]
    told = refused(*live, revision="canary", gateways=True)
    assert told.startswith(f"Helm release {ROOT}/istio-ingress is of chart shop, with Istio's gateway in it")


def test_a_canary_does_without_what_stays_with_the_control_plane_that_is_there() -> None:
    cni = chart("istio-cni", "cni")
    live = (*INSTALLED, cni, record_of(1, "nodes", "istio-cni"))
    assert names(way(*live, revision="canary")) == ["istio-base", "istiod-canary"]
    assert "is of chart nodes, with Istio's cni in it" in refused(*live)


def test_where_helm_cannot_tell_either_nothing_is_guessed() -> None:
    class Silent(Helm):
        def record(self, release: str, namespace: str) -> ReleaseRecord:
            raise ToolError(f"the metadata of Helm release {namespace}/{release} cannot be read: forbidden")

    with pytest.raises(ToolError, match=f"the metadata of Helm release {ROOT}/istio-base cannot be read: forbidden"):
        way(*INSTALLED, record_of(1), helm=Silent())


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("istiod-1.28.3", ("istiod", "1.28.3")),
        ("istiod-1.28.3-solo", ("istiod", "1.28.3-solo")),
        ("istiod-1.29.0-rc.1", ("istiod", "1.29.0-rc.1")),
        ("istiod-1.28.3_build.7", ("istiod", "1.28.3_build.7")),
        ("istiod-1-28-v1.28.3", ("istiod-1-28", "v1.28.3")),
        ("my-istiod-0.3.0", ("my-istiod", "0.3.0")),
        ("istiod", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_charts_name_and_version_may_both_have_dashes(label: str, told: tuple[str, str]) -> None:
    assert chart_label_of(obj("ConfigMap", "x", labels={"helm.sh/chart": label})) == told


def test_the_release_of_a_vendor_or_of_a_candidate_is_upgraded() -> None:
    for version in ("1.28.3-solo", "1.28.3-rc.1", "1.28.3_build.7"):
        live = [labelled(each, **{"helm.sh/chart": f"istiod-{version}"}) for each in ISTIOD]
        chosen = way(BASE, *live, record_of(1))
        assert [(each.name, each.version) for each in chosen.releases] == [
            ("istio-base", "1.28.3"),
            ("istiod", version),
        ]


def unlabelled() -> list[MeshObject]:
    """As charts before 1.24 left it."""
    reader = obj("ServiceAccount", f"{ROOT}/istio-reader-service-account", annotations=marks("istio-base"))
    istiod = [labelled(each, app="istiod") for each in ISTIOD]
    cni, ztunnel = (daemon_set(name, name.removesuffix("-node")) for name in ("istio-cni-node", "ztunnel"))
    return [reader, *istiod, cni, ztunnel, GATEWAY]


def daemon_set(name: str, release: str) -> MeshObject:
    return replace(
        obj("Deployment", f"{ROOT}/{name}", annotations=marks(release)), key=Key("apps", "daemonsets", ROOT, name)
    )


def test_releases_without_the_label_are_known_by_an_object_of_each_chart() -> None:
    """Of which version they are, helm's record says."""
    charts = {"istio-base": "base", "istio-cni": "cni", "ztunnel": "ztunnel", "istio-ingress": "gateway"}
    chosen = way(*unlabelled(), helm=Helm(charts=charts))
    assert [(each.name, each.chart, each.version) for each in chosen.releases] == [
        ("istio-base", "base", "1.28.3"),
        ("istiod", "istiod", "1.28.3"),
        ("istio-cni", "cni", "1.28.3"),
        ("ztunnel", "ztunnel", "1.28.3"),
        ("istio-ingress", "gateway", "1.28.3"),
    ]


def test_somebodys_own_chart_of_the_same_name_is_none_of_istios() -> None:
    theirs = labelled(chart("shop", "gateway"), **{"helm.sh/chart": "gateway-0.1.0"})
    routes = obj("VirtualService", f"{ROOT}/shop", labels=GATEWAY.labels, annotations=marks("routes"))
    helm = Helm(charts={**CHARTS, "shop": "gateway", "routes": "gateway"})
    assert names(way(*INSTALLED, theirs, routes, helm=helm)) == ["istio-base", "istiod", "istio-ingress"]


def test_charts_of_a_checkout_of_istios_sources_have_a_version_of_their_own_and_are_known_all_the_same() -> None:
    live = [labelled(each, app="istiod", **{"helm.sh/chart": "istiod-1.0.0"}) for each in ISTIOD]
    assert names(way(BASE, *live, record_of(1))) == ["istio-base", "istiod"]


@pytest.mark.parametrize("revision", ["", "canary"])
def test_a_control_plane_that_nothing_tells_the_chart_of_is_refused(revision: str) -> None:
    live = (BASE, *(labelled(each) for each in ISTIOD))
    told = refused(*live, revision=revision)
    assert told == (
        f"Helm installed the control plane, but Deployment {ROOT}/istiod is of release {ROOT}/istiod, "
        "and nothing tells that this is of Istio's istiod"
    )
    unmarked = [replace(each, body={**each.body, "metadata": {"name": "istiod", "namespace": ROOT}}) for each in live]
    assert "names no release" in refused(*unmarked, revision=revision)


@pytest.mark.parametrize(
    ("version", "tag", "new"),
    [
        ("1.28.3", "1.28.3", "1.29.1"),
        ("1.28.3", "1.28.3-distroless", "1.29.1-distroless"),
        ("1.28.3-solo", "1.28.3-solo", "1.29.1-solo"),
        ("1.28.3-solo", "1.28.3-solo-fips", "1.29.1-solo-fips"),
        ("1.28.3-rc.1", "1.28.3-rc.1", "1.29.1"),
        ("", "1.28.3", "1.28.3"),
    ],
)
def test_a_tag_keeps_its_variant(version: str, tag: str, new: str) -> None:
    assert values_for({"global": {"tag": tag}}, version, "1.29.1") == {"global": {"tag": new}}


def test_a_new_canary_is_applied_as_the_helm_at_hand_applies_what_it_installs() -> None:
    for version, server_side in (("3.19.0", False), ("4.3.1", True)):
        chosen = way(*INSTALLED, revision="canary", helm=Helm(version))
        assert [each.server_side for each in chosen.releases] == [False, server_side]


def test_how_a_release_is_applied_its_record_says_else_its_objects() -> None:
    istiod = [replace(each, server=replace(each.server, managed_fields=tuple(APPLIED))) for each in ISTIOD]
    assert [each.server_side for each in releases_of(state(*istiod))] == [True]
    assert [each.server_side for each in releases_of(state(*istiod, record_of(1)))] == [False], "Helm 3 came later"
    assert [each.server_side for each in releases_of(state(*ISTIOD, record_of(1, method="ssa")))] == [True]


def checked(helm: str, *releases: HelmRelease, to: str = "1.29.1") -> None:
    nothing = plan_rollback(state(), state(label="snapshot 1234567"))
    session = cast(WritingSession, SimpleNamespace(sender=lambda: None))
    replace(way(*INSTALLED, helm=Helm(helm)), releases=releases, to=to).check(session, nothing)


def test_helm_3_is_refused_for_what_helm_4_has_applied_before_anything_is_written() -> None:
    base = HelmRelease("istio-base", ROOT, "base", "1.28.3")
    istiod = HelmRelease("istiod", ROOT, "istiod", "1.28.3", server_side=True)
    with pytest.raises(RefusedError) as caught:
        checked("3.19.0", base, istiod)
    told = f"helm 3.19.0 cannot go on with what Helm 4 has applied server-side: {ROOT}/istiod"
    assert caught.value.message == told
    assert "--helm PATH of a Helm 4" in str(caught.value.hint)
    checked("4.3.1", base, istiod)
    checked("3.19.0", base)
    checked("3.19.0", base, istiod, to="1.28.3")


def test_what_is_no_version_of_helm_knows_nothing() -> None:
    assert [applies_server_side(each) for each in ("4.0.0", "3.99.9", "canary", "")] == [True, False, False, False]
