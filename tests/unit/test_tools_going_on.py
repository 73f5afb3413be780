"""Whoever goes on with an operation works with the programs and the charts that it was begun with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store.digests import KeyedDigester
from kubectl_istio_upgrade.adapters.tools.reach import Destination
from kubectl_istio_upgrade.cli.settings import Settings
from kubectl_istio_upgrade.cli.tools import Toolbox, toolbox
from kubectl_istio_upgrade.cli.upgrading import tools_of
from kubectl_istio_upgrade.errors import ToolError, UsageError
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.models.settings import ChartSource
from kubectl_istio_upgrade.operations.records import safe_to_keep
from kubectl_istio_upgrade.operations.upgrading.request import Means, Request
from kubectl_istio_upgrade.rules.helm import REPOSITORY

TO = "1.29.1"
PUBLIC = ChartSource("istiod", REPOSITORY, TO)
MIRROR = "https://charts.example.com/istio"

BoxOf = Callable[..., Toolbox]
"""A toolbox of a command line with these options."""


@pytest.fixture(autouse=True)
def nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is found but those that a test makes."""
    for name in ("HELM", "ISTIOCTL", "HELM_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def box_of() -> Iterator[BoxOf]:
    there = Destination((), "in-cluster", "in-cluster", "in-cluster", "default")
    with ExitStack() as stack:
        yield lambda **given: stack.enter_context(toolbox(Settings(given), there, "istio-system"))


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def istioctl(path: Path, release: str) -> Path:
    return program(path, f'{{"clientVersion": {{"version": "{release}"}}}}')


def charts(folder: Path) -> Path:
    folder.mkdir()
    (folder / f"istiod-{TO}.tgz").touch()
    return folder


def chart(box: Toolbox) -> ChartSource:
    return tools_of(box, TO).charts("istiod")


def test_what_was_named_is_kept_wherever_whoever_goes_on_may_be(
    box_of: BoxOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTIOCTL", "tools/istioctl")
    named = box_of(charts="charts", helm=Path("tools/helm")).named
    assert named == Means(*(str(tmp_path / name) for name in ("charts", "tools/helm", "tools/istioctl")))
    assert box_of(charts=MIRROR, istioctl=Path("/opt/x")).named == Means(MIRROR, "", "/opt/x")
    monkeypatch.delenv("ISTIOCTL")
    assert box_of().named == Means()


def test_the_same_programs_are_found_again(box_of: BoxOf, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "helm", "v3.18.6")
    istioctl(tmp_path / "bin" / "istioctl", "1.28.3")
    began = Means("", str(program(tmp_path / "mine" / "helm", "v4.3.1")), str(istioctl(tmp_path / "mine" / "i", TO)))
    assert box_of().helm().version == "3.18.6"
    with pytest.raises(ToolError):
        box_of().istioctl(TO)
    box = box_of().going_on(began)
    assert box.helm().version == "4.3.1"
    assert box.istioctl(TO).version == TO
    assert box.reference(Release(1, 28, 3)).path == tmp_path / "bin" / "istioctl"


def test_what_is_named_now_counts_before_what_was_named_then(box_of: BoxOf, tmp_path: Path) -> None:
    began = Means(str(charts(tmp_path / "then")), str(program(tmp_path / "then" / "helm", "v4.3.1")))
    now = {"charts": str(charts(tmp_path / "now")), "helm": program(tmp_path / "now" / "helm", "v4.4.0")}
    box = box_of(**now).going_on(began)
    assert box.helm().version == "4.4.0"
    assert chart(box) == ChartSource(str(tmp_path / "now" / f"istiod-{TO}.tgz"))


def test_a_program_that_is_gone_since_is_looked_for_everywhere_else(box_of: BoxOf, tmp_path: Path) -> None:
    box = box_of().going_on(Means(helm=str(tmp_path / "gone" / "helm")))
    with pytest.raises(ToolError, match=r"gone/helm \(as this operation began\) cannot be asked"):
        box.helm()
    program(tmp_path / "bin" / "helm", "v3.18.6")
    assert box.helm().version == "3.18.6"


def test_the_same_charts_are_used_again(box_of: BoxOf, tmp_path: Path) -> None:
    assert chart(box_of()) == PUBLIC
    folder = charts(tmp_path / "charts")
    assert chart(box_of().going_on(Means(str(folder)))) == ChartSource(str(folder / f"istiod-{TO}.tgz"))
    assert chart(box_of().going_on(Means(MIRROR))) == ChartSource("istiod", MIRROR, TO)


@pytest.mark.parametrize("address", ["oci://registry.example.com/istio", "oci://registry.example.com/istio/"])
def test_charts_in_a_registry_have_the_names_that_helm_gives_them(box_of: BoxOf, address: str) -> None:
    """`helm template --repo oci://...` knows none: "not a valid chart repository"."""
    assert chart(box_of(charts=address)) == ChartSource("oci://registry.example.com/istio/istiod", version=TO)
    assert box_of(charts=address).named.charts == address


def test_charts_that_are_gone_since_are_refused_with_how_to_name_others(box_of: BoxOf, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no chart istiod in") as caught:
        chart(box_of().going_on(Means(str(tmp_path / "gone"))))
    assert "--charts names another place" in str(caught.value.hint)


def test_an_address_that_no_journal_keeps_whole_is_asked_for_and_no_other_is_taken(box_of: BoxOf) -> None:
    request = Request(TO, means=Means("https://me:a-long-password@charts.example.com"))
    kept = safe_to_keep(request.to_data(), KeyedDigester(b"k" * 32))
    assert "a-long-password" not in str(kept)
    began = Means.of_data(kept["means"])
    with pytest.raises(UsageError, match="looks like a credential, which no journal keeps") as caught:
        chart(box_of().going_on(began))
    assert "--charts" in str(caught.value.hint)
    assert chart(box_of(charts=MIRROR).going_on(began)).repository == MIRROR
    assert chart(box_of().going_on(replace(began, charts=""))) == PUBLIC


def test_an_empty_name_of_charts_is_no_name(box_of: BoxOf) -> None:
    with pytest.raises(UsageError, match="is empty"):
        chart(box_of(charts=""))
