"""`--set` and `-f` mean what they mean to the real istioctl and to the real helm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.models.settings import HelmRelease
from kubectl_istio_upgrade.operations.upgrading.reaching import Reaching
from kubectl_istio_upgrade.operations.upgrading.wishes import SettingsFile, Wishes
from tests.controlplane import chart_path, istioctl_path
from tests.controlplane.build import ensure_built
from tests.unit.set_values import BOTH, HELM, ISTIOCTL

from .mesh import NEW, OLD

pytestmark = pytest.mark.mesh

SPOILED = {"1.30": 1.3, "1e3": 1000, "10.0": 10, "0.1234567890123456789": 0.12345678901234568} | {
    "99999999999999999999": 100000000000000000000,
    "1_000": 1000,
}
"""What istioctl makes of numbers whose digits are kept here."""
BROKEN = {"inf", "NaN", "x=y"}
"""What istioctl ends at, or takes for a path, and what is kept here."""
ANNOTATIONS = "values.pilot.podAnnotations"
"""Any value can be there, and istioctl's record of values has it with its type."""
ECHO = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: echo}\ndata: {values: {{ .Values | toJson | quote }}}\n"
OPERATOR: Body = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator"}


def printed(*command: object, given: str = "") -> str:
    done = subprocess.run([str(each) for each in command], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def recorded(manifest: str) -> Any:
    """The annotations in istioctl's record of the values that it rendered with."""
    objects = [each for each in yaml.safe_load_all(manifest) if each and each["kind"] == "ConfigMap"]
    (record,) = (each for each in objects if each["metadata"]["name"] == "values")
    return json.loads(record["data"]["original-values"])["pilot"]["podAnnotations"]


def numbered(cases: Sequence[str]) -> dict[str, str]:
    return {f"x{number}": text for number, text in enumerate(cases)}


def ours(settings: Sequence[str]) -> str:
    return json.dumps(Wishes((), tuple(settings)).over(OPERATOR))


@pytest.mark.parametrize("release", [OLD, NEW])
def test_a_value_is_what_istioctl_takes_it_for(release: str) -> None:
    cases = numbered([text for text, _ in (*BOTH, *ISTIOCTL) if text not in BROKEN])
    settings = [f"{ANNOTATIONS}.{name}={text}" for name, text in cases.items()]
    flags = [part for setting in settings for part in ("--set", setting)]
    theirs = recorded(printed(istioctl_path(release), "manifest", "generate", *flags))
    with_ours = recorded(printed(istioctl_path(release), "manifest", "generate", "-f", "-", given=ours(settings)))
    assert len(theirs) == len(cases)
    for name, text in cases.items():
        assert repr(theirs[name]) == repr(SPOILED.get(text, with_ours[name])), text
        assert text not in SPOILED or with_ours[name] == text


def test_istioctl_takes_numbers_in_text_where_numbers_are_meant() -> None:
    settings = ["values.pilot.traceSampling=1.50", "meshConfig.defaultConfig.tracing.sampling=10.0"]
    manifest = printed(istioctl_path(NEW), "manifest", "generate", "-f", "-", given=ours(settings))
    assert 'name: PILOT_TRACE_SAMPLING\n          value: "1.50"' in manifest
    assert 'sampling: "10.0"' in manifest


def test_the_tag_that_was_meant_is_the_tag_of_the_image() -> None:
    setting = "values.pilot.tag=1.30"
    theirs = printed(istioctl_path(NEW), "manifest", "generate", "--set", setting)
    assert "/pilot:1.3\n" in theirs, "if it keeps that some day, SPOILED has a row less"
    assert "/pilot:1.30\n" in printed(istioctl_path(NEW), "manifest", "generate", "-f", "-", given=ours([setting]))


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A chart that renders the values which it is given."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: echo\nversion: 1.0.0\n")
    (tmp_path / "templates" / "echo.yaml").write_text(ECHO)
    return tmp_path


def with_ours(setting: str) -> Body:
    """The values of a release with a setting laid over none."""
    release = HelmRelease("istiod", "istio-system", "istiod", OLD)
    return Reaching(Wishes((), (setting,)), [release]).over({release.label: {}}, lambda *_: []).values[release.label]


SEVERAL = ("a.x=1,b={x,y},c=,d=z\\,z,", "a={x},b=null", "a\\.b.c=1", "a[0]=x,b[0].c=true")


def test_a_value_is_what_helm_takes_it_for(echo: Path) -> None:
    helm = ensure_built("helm")["helm"]
    for setting in (*(f"a.b={text}" for text, _ in (*BOTH, *HELM)), *SEVERAL):
        (found,) = yaml.safe_load_all(printed(helm, "template", "echo", echo, "--set", setting))
        assert found["data"]["values"] == printed_as_go(with_ours(setting)), setting


def printed_as_go(values: Body) -> str:
    """JSON as Go's encoder writes it."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def test_istios_chart_renders_the_same_with_helms_flag_and_with_ours() -> None:
    helm, chart = ensure_built("helm")["helm"], chart_path(NEW, "istiod")
    setting = "global.tag=1.30,meshConfig.defaultVirtualServiceExportTo={*,.},meshConfig.accessLogFormat=%A% \\{x\\}"
    theirs = printed(helm, "template", "istiod", chart, "--set", setting)
    assert "pilot:1.30" in theirs
    assert printed(helm, "template", "istiod", chart, "-f", "-", given=json.dumps(with_ours(setting))) == theirs


CPU: Body = {"pilot": {"resources": {"requests": {"cpu": "10m"}}}}
NO_CPU: Body = {"pilot": {"resources": {"requests": {"cpu": None}}}}


def test_a_null_in_a_file_unsets_what_istioctls_profile_sets(tmp_path: Path) -> None:
    first, second = ({**OPERATOR, "spec": {"values": values}} for values in (CPU, NO_CPU))
    for name, body in (("first", first), ("second", second)):
        (tmp_path / name).write_text(json.dumps(body))
    command = (istioctl_path(NEW), "manifest", "generate", "-f")
    theirs = printed(*command, tmp_path / "first", "-f", tmp_path / "second")
    laid = Wishes((SettingsFile("second", second),)).over(first)
    assert printed(*command, "-", given=json.dumps(laid)) == theirs
    assert theirs != printed(*command, "-", given=json.dumps(OPERATOR)), "the profile would have set it"


def test_a_null_in_a_file_unsets_what_a_chart_sets(tmp_path: Path) -> None:
    helm, chart = ensure_built("helm")["helm"], chart_path(NEW, "istiod")
    first, second = ({"resources": values["pilot"]["resources"]} for values in (CPU, NO_CPU))
    for name, body in (("first", first), ("second", second)):
        (tmp_path / name).write_text(json.dumps(body))
    command = (helm, "template", "istiod", chart, "-f")
    theirs = printed(*command, tmp_path / "first", "-f", tmp_path / "second")
    release = HelmRelease("istiod", "istio-system", "istiod", OLD)
    wishes = Wishes((SettingsFile("second", second),))
    laid = Reaching(wishes, [release]).over({release.label: first}, lambda *_: []).values[release.label]
    assert printed(*command, "-", given=json.dumps(laid)) == theirs
    assert theirs != printed(*command, "-", given="{}"), "the chart would have set it"
