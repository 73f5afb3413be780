"""What the user sets on a Helm mesh reaches the release that it is meant for, or is told to reach nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from kubectl_istio_upgrade.cli.upgrading import _file
from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.models.settings import HelmRelease
from kubectl_istio_upgrade.operations.upgrading.reaching import Laid, Reaching
from kubectl_istio_upgrade.operations.upgrading.wishes import SettingsFile, Wishes

RELEASES = tuple(
    HelmRelease(name, namespace, chart, "1.28.3")
    for name, namespace, chart in (
        ("istiod", "istio-system", "istiod"),
        ("istio-cni", "kube-system", "cni"),
        ("gateway", "shop", "gateway"),
        ("gateway", "bank", "gateway"),
    )
)
READ = {"istiod": ("meshConfig", "autoscaleMin"), "cni": ("cniConfDir",), "gateway": ("service",)}
"""The values that each chart reads, as far as it matters here."""


def render(release: HelmRelease, values: Body) -> list[Body]:
    """What a chart makes of values: of those that it reads. istiod's records all of them besides."""
    made = [{"kind": "Thing", "spec": {name: values.get(name) for name in READ[release.chart]}}]
    return [*made, {"kind": "ConfigMap", "metadata": {"name": "values"}, "data": values}]


def laid(*settings: str, files: tuple[SettingsFile, ...] = (), values: Mapping[str, Body] | None = None) -> Laid:
    present = {release.label: (values or {}).get(release.label, {}) for release in RELEASES}
    return Reaching(Wishes(files, settings), RELEASES).over(present, render)


def test_a_setting_without_a_release_is_for_that_of_istiod() -> None:
    found = laid("autoscaleMin=2")
    assert found.values["istio-system/istiod"] == {"autoscaleMin": 2}
    assert not found.values["kube-system/istio-cni"]
    assert found.idle == ()


def test_every_other_release_is_reached_by_its_name_and_by_its_namespace_where_two_have_it() -> None:
    found = laid("istio-cni:cniConfDir=/etc/cni", "bank/gateway:service.type=NodePort")
    assert found.values["kube-system/istio-cni"] == {"cniConfDir": "/etc/cni"}
    assert found.values["bank/gateway"] == {"service": {"type": "NodePort"}}
    assert found.values["shop/gateway"] == {}


def test_one_setting_may_hold_several_as_with_helm_and_all_are_for_its_release() -> None:
    found = laid("istio-cni:cniConfDir=/etc/cni,excludeNamespaces={a,b}", "autoscaleMin=2")
    assert found.values["kube-system/istio-cni"] == {"cniConfDir": "/etc/cni", "excludeNamespaces": ["a", "b"]}
    assert found.values["istio-system/istiod"] == {"autoscaleMin": 2}


def test_the_tag_of_a_release_is_no_number() -> None:
    assert laid("global.tag=1.30").values["istio-system/istiod"] == {"global": {"tag": "1.30"}}


def test_a_file_reaches_its_release_and_keeps_what_it_does_not_name() -> None:
    file = SettingsFile("shop/gateway:f.yaml", {"service": {"type": "NodePort"}}, "shop/gateway")
    found = laid(files=(file,), values={"shop/gateway": {"service": {"ports": [80]}}})
    assert found.values["shop/gateway"] == {"service": {"ports": [80], "type": "NodePort"}}


def test_a_value_that_no_chart_reads_is_told_although_istiod_records_it() -> None:
    file = SettingsFile("f.yaml", {"service": {"type": "NodePort"}})
    assert laid("cniConfDir=/etc/cni", "autoscaleMin=2", files=(file,)).idle == (
        "-f f.yaml changes nothing: chart istiod of release istiod does not read it",
        "--set cniConfDir=/etc/cni changes nothing: chart istiod of release istiod does not read it",
    )


def test_a_value_that_is_already_so_is_no_mistake() -> None:
    assert laid("mine=1", values={"istio-system/istiod": {"mine": 1}}).idle == ()


@pytest.mark.parametrize(
    ("setting", "message", "hint"),
    [
        ("isto-cni:a=1", "this upgrade has no release 'isto-cni'", "istiod, istio-cni, gateway, gateway"),
        ("gateway:a=1", "there are 2 releases 'gateway'", "shop/gateway, bank/gateway"),
        ("values.pilot.autoscaleMin=2", "'values' is for a mesh that istioctl installed", "autoscaleMin=2"),
        ("istio-cni:spec.cni=2", "'spec' is for a mesh that istioctl installed", "as for helm"),
        ("istio-cni:a", "cannot read setting 'a'", "PATH=VALUE"),
        ("a=1,values.b=2", "'values' is for a mesh that istioctl installed", "as for helm"),
        ("istiod:a=1,istio-cni:b=2", "'istio-cni:b' names a release again", "a --set for each release"),
    ],
)
def test_what_can_reach_nothing_is_refused(setting: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        laid(setting)
    assert hint in str(caught.value.hint)


def test_an_istiooperator_is_refused_as_values() -> None:
    with pytest.raises(UsageError, match="'spec' is for a mesh that istioctl installed"):
        laid(files=(SettingsFile("f.yaml", {"spec": {}}),))


def test_a_release_is_refused_where_helm_did_not_install_the_mesh() -> None:
    for wishes in (Wishes((), ("istiod:a=1",)), Wishes((SettingsFile("istiod:f.yaml", {}, "istiod"),))):
        with pytest.raises(UsageError, match="names a Helm release, and Helm did not install this mesh"):
            wishes.over({"spec": {}})


def test_a_key_may_hold_a_colon() -> None:
    assert Wishes((), ("a\\:b=1",)).over({"spec": {}}) == {"spec": {"a:b": 1}}
    assert Wishes((), ("hub=host:5000/istio",)).over({"spec": {}}) == {"spec": {"hub": "host:5000/istio"}}


def test_a_file_is_named_with_its_release_in_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_text("a: 1\n")
    assert _file("f.yaml") == SettingsFile("f.yaml", {"a": 1})
    assert _file("istio-cni:f.yaml") == SettingsFile("istio-cni:f.yaml", {"a": 1}, "istio-cni")
    Path("x:f.yaml").write_text("a: 2\n")
    assert _file("x:f.yaml") == SettingsFile("x:f.yaml", {"a": 2})
    with pytest.raises(UsageError, match=r"cannot read missing\.yaml: No such file"):
        _file("istio-cni:missing.yaml")
