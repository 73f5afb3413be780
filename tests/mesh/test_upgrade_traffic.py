"""Traffic through real proxies while Istio is upgraded, its workloads restarted, and everything taken back.

Client, gateway and server speak mutual TLS and nothing else. The tool's own probes count; a stream of the test's own,
which never pauses between the operations, says the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.dataplane import RunningMesh, Stream
from tests.dataplane.mesh import PROXIES
from tests.support.cli import Plugin, Ran

from .mesh import NEW, OLD
from .upgrades import tools

pytestmark = pytest.mark.mesh

OUTAGE_SECONDS = 2.0


@dataclass(frozen=True)
class Story:
    """What the plugin and the stream said of each part."""

    refused: Ran
    untouched: bool
    upgrade: Any
    report: Any
    restarted: dict[str, str]
    rollback: Any
    back: dict[str, str]
    stream: Stream
    outage: Ran
    urls: tuple[str, str]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("traffic")
    with RunningMesh() as mesh:
        mesh.install(OLD)
        mesh.deploy()
        yield _tell(mesh, Plugin(mesh.plane.kubeconfig, folder / "store.git", tools(folder / "bin")))


def _tell(mesh: RunningMesh, plugin: Plugin) -> Story:
    probes = ("--probe", mesh.sidecar, "--probe", mesh.gateway, "--probe-interval", "0.05")
    upgrade = ("upgrade", "--to", NEW, "--yes", *probes)
    mesh.app.stop()
    refused = plugin(*upgrade)
    mesh.app.start()
    untouched = mesh.istiod.versions() == [OLD] and not plugin.ok("history", "-o", "json").data
    with mesh.stream() as stream:
        stream.wait(lambda: len(stream.sent) >= 20)
        upgraded = plugin.ok(*upgrade, "-o", "json").data
        report = plugin.ok("report", "-o", "json").data
        mesh.proxies.wait_ready(PROXIES)
        restarted = mesh.proxies.versions()
        rolled_back = plugin.ok("rollback", upgraded["before"], "--yes", "-o", "json", *probes).data
        mesh.proxies.wait_ready(PROXIES)
        back = mesh.proxies.versions()
    with _outage_during_the_next_upgrade(mesh):
        outage = plugin(*upgrade)
    urls = (mesh.sidecar, mesh.gateway)
    return Story(refused, untouched, upgraded, report, restarted, rolled_back, back, stream, outage, urls)


@contextmanager
def _outage_during_the_next_upgrade(mesh: RunningMesh) -> Iterator[None]:
    """The application is away for a moment, once the new istiod is ready."""
    ended = threading.Event()

    def interrupt() -> None:
        while NEW not in mesh.istiod.versions():
            if ended.wait(0.1):
                return
        mesh.app.stop()
        time.sleep(OUTAGE_SECONDS)
        mesh.app.start()

    thread = threading.Thread(target=interrupt, name="outage")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


PHASES = ["before", "apply", "validate", "control-plane", "workloads", "proof", "after"]


def failed_by_phase(probe: Any) -> dict[str, int]:
    return {each["phase"]: each["failed"] for each in probe["phases"]}


def test_an_upgrade_is_refused_while_a_probe_fails_already(story: Story) -> None:
    assert story.refused.code == 3, str(story.refused)
    assert f"probe {story.urls[0]} fails: status 503" in story.refused.err
    assert "nothing was changed" in story.refused.err
    assert story.untouched


@pytest.mark.parametrize("number", [0, 1], ids=["sidecar", "gateway"])
def test_no_request_fails_during_the_upgrade(story: Story, number: int) -> None:
    probe = story.upgrade["probes"][number]
    assert probe["probe"] == story.urls[number]
    assert probe["failed"] == 0, probe
    assert probe["sent"] >= 100
    assert list(failed_by_phase(probe)) == PHASES
    assert probe["longestGap"] < 2
    assert story.upgrade["proof"]["holds"]
    assert story.upgrade["proof"]["restarted"] == 2


def test_the_report_has_what_the_probes_counted(story: Story) -> None:
    counted = ("probe", "phases", "sent", "failed", "longestGap")
    expected = [{name: probe[name] for name in counted} for probe in story.upgrade["probes"]]
    assert [{name: probe[name] for name in counted} for probe in story.report["probes"]] == expected


@pytest.mark.parametrize("number", [0, 1], ids=["sidecar", "gateway"])
def test_no_request_fails_during_the_rollback(story: Story, number: int) -> None:
    """A rollback makes the pods anew, too, with the old release's proxies."""
    finished = story.rollback
    probe = finished["probes"][number]
    assert probe["failed"] == 0, probe
    assert probe["sent"] >= 50
    assert list(failed_by_phase(probe)) == ["before", "writing", "proof", "after"]
    assert probe["longestGap"] < 2
    assert finished["proof"]["holds"]
    assert finished["proof"]["restarted"] >= 2


def test_no_request_fails_from_before_the_upgrade_until_all_proxies_are_back(story: Story) -> None:
    assert set(story.restarted.values()) == {NEW}
    assert set(story.back.values()) == {OLD}
    assert len(story.restarted) == len(story.back) == PROXIES
    assert story.stream.failed == []
    assert min(map(story.stream.count, story.urls)) >= 200


def test_a_probe_can_fail(story: Story) -> None:
    """The control: an application that is away for two seconds is seen, counted in its phase, and told."""
    assert story.outage.code == 0, str(story.outage)
    for url in story.urls:
        assert f"probe {url} fails since " in story.outage.err
        assert f"probe {url} answers again at " in story.outage.err
        (line,) = [line for line in story.outage.out.splitlines() if line.startswith(f"probe {url}: ")]
        assert " apply)" in line
        assert int(line.split(" sent, ")[1].split()[0]) >= 5
