"""`--set`, in istioctl's meaning and in helm's. What they really do is compared in tests/mesh/test_upgrade_set.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.objects import Json
from kubectl_istio_upgrade.plan.settings.assignments import of_helm, of_istioctl

from .set_values import BOTH, HELM, ISTIOCTL


def same(found: Json, wanted: Json) -> bool:
    """Of the same type, too: True is not 1."""
    return repr(found) == repr(wanted)


@pytest.mark.parametrize(("text", "value"), [*BOTH, *ISTIOCTL])
def test_a_value_is_what_istioctl_takes_it_for(text: str, value: Json) -> None:
    steps, found = of_istioctl(f"values.a={text}")
    assert steps == ("spec", "values", "a")
    assert same(found, value)


@pytest.mark.parametrize(("text", "value"), [*BOTH, *HELM])
def test_a_value_is_what_helm_takes_it_for(text: str, value: Json) -> None:
    ((steps, found),) = of_helm(f"a.b={text}")
    assert steps == ("a", "b")
    assert same(found, value)


@pytest.mark.parametrize(
    "path",
    [
        "tag",
        "spec.tag",
        "values.global.tag",
        "compatibilityVersion",
        "values.compatibilityVersion",
        "meshConfig.defaultConfig.proxyMetadata.X",
        "values.meshConfig.defaultConfig.proxyMetadata.X",
    ],
)
@pytest.mark.parametrize("text", ["130", "1.3", "true"])
def test_what_istioctl_always_takes_for_text_is_text(path: str, text: str) -> None:
    assert of_istioctl(f"{path}={text}").value == text


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("values.pilot.autoscaleMin", ("values", "pilot", "autoscaleMin")),
        ("values.global.imagePullSecrets[0]", ("values", "global", "imagePullSecrets", 0)),
        (r"a.topology\.istio\.io/network", ("a", "topology.istio.io/network")),
        ("a[0].b", ("a", 0, "b")),
    ],
)
def test_a_path_is_read_alike(path: str, steps: tuple[str | int, ...]) -> None:
    assert of_istioctl(f"{path}=x").steps == ("spec", *steps)
    assert [each.steps for each in of_helm(f"{path}=x")] == [steps]


def test_helm_takes_several_settings_with_commas_between_them() -> None:
    assert of_helm("a=1,b.c={x,y},d=,e=z\\,z,") == (
        (("a",), 1), (("b", "c"), ["x", "y"]), (("d",), ""), (("e",), "z,z"),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "a", "=1", "[0]=1", "a[x]=1", "a[0=1", "a..b=1"])
def test_what_is_no_setting_is_refused_with_the_form_of_one(text: str) -> None:
    for read in (of_istioctl, of_helm):
        with pytest.raises(UsageError, match="cannot read setting") as caught:
            read(text)
        assert "PATH=VALUE" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["a=1,b", "a={b", "a={b,c", "a={b}c", "a={b}c=d", "a={b,{c}}", "log=[%X%], %Y%"])
def test_a_comma_or_a_brace_that_cannot_be_meant_is_refused_with_how_to_mean_it(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read setting") as caught:
        of_helm(text)
    assert "unless a backslash is before it" in str(caught.value.hint)


@given(st.text())
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    for read in (of_istioctl, of_helm):
        for given_ in (text, f"a={text}"):
            try:
                read(given_)
            except UsageError as error:
                assert error.hint
