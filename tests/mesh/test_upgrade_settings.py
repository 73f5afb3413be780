"""Settings that nothing in the mesh records: kept with the istioctl of the running release, told of without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.controlplane import istioctl_path
from tests.support.cli import Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import SETTINGS, installed_by_istioctl, tools

pytestmark = pytest.mark.mesh

TOKEN, KEY = "of-lightstep-1f0c", "of-datadog-77ab"
_PROVIDER = "meshConfig.extensionProviders[0]"
_HTTP = f"{_PROVIDER}.opentelemetry.http"
CREDENTIALS = tuple(
    f"--set={setting}"
    for setting in (
        f"meshConfig.defaultConfig.tracing.lightstep.accessToken={TOKEN}",
        "meshConfig.defaultConfig.tracing.lightstep.address=lightstep.shop:443",
        f"{_PROVIDER}.name=datadog",
        f"{_PROVIDER}.opentelemetry.service=otel.shop.svc.cluster.local",
        f"{_PROVIDER}.opentelemetry.port=4318",
        f"{_HTTP}.path=/traces",
        f"{_HTTP}.headers[0].name=DD-API-KEY",
        f"{_HTTP}.headers[0].value={KEY}",
    )
)

TARGET = ("upgrade", "--to", NEW, "--istioctl", str(istioctl_path(NEW)))


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    before: Dump
    refused: Ran
    accepted: Ran
    proved: Ran
    after: Dump
    written: str
    """Everything in the folder that was asked for."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("settings")
    with installed_by_istioctl(folder, *SETTINGS, *CREDENTIALS) as mesh:
        yield _tell(mesh, folder)


def _tell(mesh: Mesh, folder: Path) -> Story:
    alone = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(folder / "cache")}
    beside = {**alone, **tools(folder / "running", OLD)}
    without, with_it = (replace(mesh.plugin, variables=each) for each in (alone, beside))
    before = settled(mesh)
    refused = without.ending(3, *TARGET, "--yes")
    accepted = without.ok(*TARGET, "--dry-run", "--ignore", "settings-unproved")
    proved = with_it.ok(*TARGET, "--dry-run", "--to-dir", str(folder / "out"))
    written = "".join(file.read_text() for file in (folder / "out").rglob("*") if file.is_file())
    return Story(before, refused, accepted, proved, settled(mesh), written)


def test_an_upgrade_that_cannot_prove_its_settings_is_refused_before_anything_is_written(story: Story) -> None:
    assert compare(story.before, story.after).counts == (0, 0, 0, 0)
    assert "settings-unproved" in story.refused.err
    assert f"there is no istioctl {OLD} here" in story.refused.err
    assert "1 blocker; nothing was changed" in story.refused.err
    assert "--ignore settings-unproved" in story.refused.err


@pytest.mark.parametrize("ran", ["refused", "accepted"])
def test_what_would_be_reset_is_named(story: Story, ran: str) -> None:
    told: Ran = getattr(story, ran)
    _, _, risks = told.err.partition("of these it cannot be told whether they are settings")
    assert "Deployment istio-system/istiod" in risks
    for path in ("[name=discovery].resources.requests.cpu", ".resources.requests.memory", "nodeSelector"):
        assert path in risks, told
    assert "[name=discovery].image" not in risks, "what only the release changes is no setting"


def test_named_or_not_that_of_the_running_release_proves_them(story: Story) -> None:
    assert f"proved: istioctl {OLD} would change nothing with them" in story.proved.err
    assert "will not survive" not in story.proved.err


def test_credentials_of_the_mesh_configuration_reach_the_new_release_and_nobody_else(story: Story) -> None:
    """No snapshot has them; what is installed must."""
    for credential in (TOKEN, KEY):
        assert f"accessToken: {credential}" in story.written or f"value: {credential}" in story.written
        assert all(credential not in f"{ran.out}{ran.err}" for ran in (story.refused, story.accepted, story.proved))
    assert "hmac-sha256:" not in story.written
