"""Probes: traffic is watched while the mesh changes, and what it meets is counted, told and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.web import Web, status

from .conftest import StoreView
from .mesh import Json, Mesh, virtual_service
from .program import Program, wait_for
from .proxy import Proxy

pytestmark = pytest.mark.cluster

Manifest = Callable[..., str]

OFTEN = ("--probe-interval", "0.05")
PROMPTLY = 10.0


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(status(200)) as web:
        yield web


@pytest.fixture
def new(mesh: Mesh, manifest: Manifest) -> str:
    """A manifest of an object that is not there yet."""
    body = virtual_service("probed")
    mesh.adopt(body)
    return manifest(body)


@pytest.fixture
def drifted(program: Program, mesh: Mesh) -> Json:
    """A mesh with a snapshot, and an object that has changed since."""
    body = virtual_service("drifted", "then")
    mesh.add(body)
    program("snapshot", "-q", "--name", "then").done()
    mesh.patch(body, {"spec": {"hosts": ["now"]}})
    return body


def record(view: StoreView) -> dict[str, Any]:
    """What the store has about the last operation."""
    (branch,) = view.git("branch", "--format=%(refname:short)").split()
    data: dict[str, Any] = yaml.safe_load(view.git("show", f"{branch}:operation.yaml"))
    return data


def on_record(probe: dict[str, Any]) -> dict[str, Any]:
    """What the record has of a probe, from what is printed for programs."""
    first = probe.get("firstFailure")
    kept = {name: probe[name] for name in ("probe", "phases", "longestGap")}
    return {**kept, "firstFailure": {"at": first["at"], "reason": first["reason"]}} if first else kept


def phases(probe: dict[str, Any]) -> list[str]:
    return [each["phase"] for each in probe["phases"]]


def test_requests_are_counted_from_before_the_first_write_until_after_the_proof(
    program: Program, view: StoreView, web: Web, new: str
) -> None:
    data = program("apply", "-f", new, "--yes", "-o", "json", "--probe", web.url, *OFTEN).done().json
    (probe,) = data["probes"]
    assert (probe["kind"], probe["probe"], probe["failed"]) == ("url", web.url, 0)
    assert probe["sent"] == sum(each["sent"] for each in probe["phases"]) <= len(web.requests)
    assert {"before", "proof", "after"} <= {*phases(probe)}
    assert next(each["sent"] for each in probe["phases"] if each["phase"] == "after") >= 10
    assert 0 < probe["longestGap"] < 5
    assert record(view)["probes"] == [on_record(probe)]


def test_people_see_one_line_for_each_probe(program: Program, web: Web, new: str) -> None:
    arguments = ("--probe", f"{web.url}?token=hunter2", "--probe-command", "true hunter2", *OFTEN)
    result = program("apply", "-f", new, "--yes", *arguments).done()
    lines = [line for line in result.out.splitlines() if line.startswith("probe ")]
    assert lines[0].startswith(f"probe {web.url}?…: ")
    assert lines[1].startswith("probe true …: ")
    assert all(", 0 failed, longest gap " in line for line in lines)
    assert "hunter2" not in result.out + result.err


def test_a_probe_that_fails_already_refuses_an_apply_before_anything_is_written(
    proxied: Program, proxy: Proxy, mesh: Mesh, view: StoreView, web: Web, new: str
) -> None:
    web.answer = status(503)
    good = ("--probe-command", "true")
    with mesh.unchanged():
        result = proxied("apply", "-f", new, "--yes", "--probe", web.url, *good, *OFTEN)
    result.failed(3, f"probe {web.url} fails: status 503; nothing was changed", hint="--probe-may-fail")
    assert "probe true" not in result.err
    assert proxy.writes == []
    assert view.refs == ""


def test_probes_that_may_fail_are_only_counted(program: Program, web: Web, new: str) -> None:
    web.answer = status(503)
    result = program("apply", "-f", new, "--yes", "--probe", web.url, "--probe-may-fail", *OFTEN).done()
    assert f"warning: probe {web.url} fails: status 503, before anything is changed" in result.err
    assert "first failed at " in result.out


def test_an_outage_while_writing_is_told_at_once_and_counted_there(
    proxied: Program, proxy: Proxy, web: Web, new: str, view: StoreView
) -> None:
    proxy.hold(lambda seen: seen.writes)
    running = proxied.start("apply", "-f", new, "--yes", "--probe", web.url, *OFTEN)
    proxy.wait_held()
    known = len(web.requests)
    web.answer = status(503)
    wait_for(lambda: len(web.requests) >= known + 5, "no more requests came")
    web.answer = status(200)
    wait_for(lambda: len(web.requests) >= known + 10, "no more requests came")
    proxy.release()
    result = running.end().done()
    (probe,) = record(view)["probes"]
    assert {each["phase"] for each in probe["phases"] if each["failed"]} == {"writing"}
    failed = sum(each["failed"] for each in probe["phases"])
    assert failed >= 4
    assert probe["firstFailure"]["reason"] == "status 503"
    assert f"probe {web.url} fails since " in result.err
    assert f"probe {web.url} answers again at " in result.err
    assert f"{failed} failed ({failed} of " in result.out
    assert "proved: " in result.out


def test_a_rollback_begins_although_a_probe_fails_and_shows_that_it_helped(
    proxied: Program, proxy: Proxy, web: Web, drifted: Json, view: StoreView
) -> None:
    web.answer = status(404)
    proxy.hold(lambda seen: seen.writes)
    running = proxied.start("rollback", "then", "--yes", "--probe", web.url, *OFTEN)
    proxy.wait_held()
    web.answer = status(200)
    proxy.release()
    result = running.end().done()
    assert f"warning: probe {web.url} fails: status 404, before anything is changed" in result.err
    (probe,) = record(view)["probes"]
    failed = {each["phase"]: each["failed"] for each in probe["phases"]}
    assert failed["before"] > 0
    assert failed["after"] == 0


def test_a_probe_that_fails_in_the_end_is_no_success(program: Program, web: Web, drifted: Json, mesh: Mesh) -> None:
    web.answer = status(404)
    result = program("rollback", "then", "--yes", "--probe", web.url, *OFTEN).done(4)
    assert "proved: " in result.out
    assert result.errors == [f"the mesh is as planned, but probe {web.url} fails: status 404"]
    assert any("kubectl istio-upgrade rollback " in hint for hint in result.hints)
    found = mesh.get(drifted)
    assert found
    assert found["spec"]["hosts"] == ["then"]
    program("status").done()


def test_a_dry_run_tries_the_probes_like_the_writes(program: Program, web: Web, new: str, mesh: Mesh) -> None:
    with mesh.unchanged():
        good = program("apply", "-f", new, "--dry-run", "--probe", web.url, *OFTEN).done()
        web.answer = status(503)
        bad = program("apply", "-f", new, "--dry-run", "--probe", web.url, *OFTEN).done(3)
        warned = program("apply", "-f", new, "--dry-run", "--probe", web.url, "--probe-may-fail", *OFTEN).done()
    assert "nothing was changed" in good.out
    assert "VirtualService shop/probed" in bad.out, "the plan is shown all the same"
    assert f"probe {web.url} fails: status 503" in bad.errors[0]
    assert f"note: probe {web.url} fails: status 503" in warned.err


def test_where_there_is_nothing_to_do_nothing_is_sent(program: Program, web: Web, drifted: Json) -> None:
    program("rollback", "then", "--yes").done()
    program("rollback", "then", "--yes", "--probe", web.url).done()
    assert web.requests == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--probe", "shop.example.com"], "is no http or https URL"),
        (["--probe", "http://joe:hunter2@shop/"], "no user name and password"),
        (["--probe-command", "no-such-program"], "no program 'no-such-program'"),
        (["--probe", "http://shop/", "--probe-status", "ok"], "is no HTTP status"),
        (["--probe", "http://shop/", "--probe-interval", "0"], "--probe-interval"),
        (["--probe", "http://shop/", "--probe-timeout", "soon"], "--probe-timeout"),
    ],
)
@pytest.mark.parametrize("command", ["apply", "upgrade", "restart", "promote", "retire", "rollback", "resume", "abort"])
def test_what_cannot_be_probed_is_said_before_any_work(
    proxied: Program, proxy: Proxy, store: Path, manifest: Manifest, command: str, arguments: list[str], words: str
) -> None:
    own = {
        "apply": ["-f", manifest(virtual_service("new"))],
        "upgrade": ["--to", "1.29.1"],
        "promote": ["1-29-1"],
        "retire": ["1-29-1"],
    }
    result = proxied(command, *own.get(command, []), "--yes", *arguments).failed(2, words)
    assert "hunter2" not in result.err
    assert proxy.seen == []
    assert not store.exists()


def test_ctrl_c_while_a_probe_hangs(program: Program, mesh: Mesh, web: Web, new: str) -> None:
    web.answer = None
    with mesh.unchanged():
        running = program.start("apply", "-f", new, "--yes", "--probe", web.url, "--probe-timeout", "5")
        wait_for(lambda: bool(web.requests), "nothing was sent")
        running.interrupt()
        running.end(PROMPTLY).failed(130, "interrupted; nothing was changed")


def test_what_stops_half_way_says_what_the_probes_have_seen(
    proxied: Program, program: Program, proxy: Proxy, web: Web, new: str, view: StoreView
) -> None:
    proxy.hold(lambda seen: seen.writes)
    running = proxied.start("apply", "-f", new, "--yes", "--probe", web.url, *OFTEN)
    proxy.wait_held()
    running.interrupt()
    proxy.release()
    result = running.end().done(4)
    assert f"note: probe {web.url}: " in result.err
    resumed = program("resume", "--yes", "--probe", web.url, "-o", "json", *OFTEN).done().json
    assert resumed["probes"][0]["failed"] == 0
    assert record(view)["probes"] == [on_record(probe) for probe in resumed["probes"]]
