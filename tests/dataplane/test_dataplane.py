"""The data plane of the test bed itself: what it promises to the tests that send traffic through it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from . import RunningMesh
from .mesh import PROXIES
from .traffic import get

OLD = "1.28.3"

pytestmark = pytest.mark.mesh


@pytest.fixture(scope="module")
def mesh() -> Iterator[RunningMesh]:
    """The old release, with client, gateway and server."""
    with RunningMesh() as running:
        running.install(OLD)
        running.deploy()
        yield running


def test_sidecar_and_gateway_lead_to_the_application_by_mutual_tls(mesh: RunningMesh) -> None:
    through_sidecar, through_gateway = get(mesh.sidecar), get(mesh.gateway)
    assert (through_sidecar.failure, through_gateway.failure) == ("", "")
    assert through_sidecar.body.rstrip().endswith("URI=spiffe://cluster.local/ns/shop/sa/client")
    assert "URI=spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway" in through_gateway.body
    assert "By=spiffe://cluster.local/ns/shop/sa/server;" in through_sidecar.body


def test_who_has_no_certificate_does_not_reach_the_application(mesh: RunningMesh) -> None:
    assert re.match("ConnectionResetError|RemoteDisconnected", get(mesh.server).failure)
    assert get(mesh.sidecar).failure == ""


def test_istiod_has_every_proxy_in_step(mesh: RunningMesh) -> None:
    rows = [line for line in mesh.plane.istioctl(OLD, "proxy-status", "--verbosity=1").splitlines()[1:] if line]
    assert {row.split()[0] for row in rows} == set(mesh.proxies.versions())
    assert len(rows) == PROXIES
    for row in rows:
        states = set(re.findall(r"SYNCED|STALE|NOT SENT|IGNORED", row))
        assert states == {"SYNCED", "IGNORED"}
        assert row.rstrip().endswith(OLD)


def test_a_stream_fails_while_the_application_is_down_and_only_then(mesh: RunningMesh) -> None:
    with mesh.stream() as stream:
        stream.wait(lambda: len(stream.sent) >= 20)
        assert stream.failed == []
        mesh.app.stop()
        stream.wait(lambda: len(stream.failed) >= 10)
        mesh.app.start()
        known = time.monotonic()
        stream.wait(lambda: stream.sent[-1].failure == "" and time.monotonic() > known + 1)
        settled, sent = time.monotonic(), len(stream.sent)
        stream.wait(lambda: len(stream.sent) >= sent + 20)
    assert [each for each in stream.failed if each.at > settled] == []
    assert {each.url for each in stream.failed} == {mesh.sidecar, mesh.gateway}


def test_pods_are_replaced_without_a_failed_request(mesh: RunningMesh) -> None:
    before = {agent.pod["metadata"]["name"] for agent in mesh.proxies.agents()}
    with mesh.stream() as stream:
        mesh.restart()
        mesh.proxies.wait_ready(PROXIES)
        sent = len(stream.sent)
        stream.wait(lambda: len(stream.sent) >= sent + 20)
    after = {agent.pod["metadata"]["name"] for agent in mesh.proxies.agents()}
    assert len(before & after) == 1, "the gateway stays"
    assert len(stream.sent) >= 40
    assert stream.failed == []


def test_a_pod_without_its_proxy_is_not_ready_and_a_crashed_proxy_comes_back(mesh: RunningMesh) -> None:
    agent = next(each for each in mesh.proxies.agents() if each.pod["metadata"]["labels"].get("app") == "client")
    agent.process.kill()
    with mesh.stream([mesh.sidecar]) as stream:
        stream.wait(lambda: len(stream.failed) > 0)
        stream.wait(lambda: stream.sent[-1].failure == "")
    assert get(mesh.gateway).failure == ""
    mesh.proxies.wait_ready(PROXIES)
