"""`precheck` and `upgrade --plan` against a real API server: what they print, refuse and leave alone.

Nothing runs on this cluster, which has no nodes: that is in the way of an upgrade.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.adapters.tools.fetching import archive_name
from kubectl_istio_upgrade.models.releases import Release

from .mesh import Json, Mesh, virtual_service
from .permissions import USER, Roles
from .program import Program
from .proxy import Proxy
from .terminals import COLUMNS, at_terminal

pytestmark = pytest.mark.cluster

TO = "1.29.1"
DOWN = {"control-plane-down", "rollout-unfinished", "no-room", "settings-unproved"}
"""What is in the way on a machine that has no istioctl of the running release, either."""


@pytest.fixture
def alone(program: Program, tmp_path: Path) -> Program:
    """The product on a machine without istioctl: git alone is on its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    git = next(path for each in os.get_exec_path() if (path := Path(each) / "git").exists())
    (folder / "git").symlink_to(git)
    return program.having(PATH=str(folder), XDG_CACHE_HOME=str(tmp_path / "cache"))


def pretended(folder: Path, release: str, messages: list[Json] | None = None) -> Path:
    """A program that answers as the istioctl of a release does, and is quicker to make than the real one."""
    answers = {
        "version": {"clientVersion": {"version": release}},
        "x": messages or [],
        "analyze": [],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, answer in answers.items():
        (folder / name).write_text(json.dumps(answer))
    program = folder / "istioctl"
    program.write_text(f'#!/bin/sh\nexec /bin/cat "{folder}/$1"\n')
    program.chmod(0o755)
    return program


def codes(found: Json, severity: str = "blocker") -> set[str]:
    return {finding["code"] for finding in found["findings"] if finding["severity"] == severity}


def test_the_plan_says_what_is_in_the_way_and_changes_nothing(alone: Program, mesh: Mesh) -> None:
    with mesh.unchanged():
        found = alone("upgrade", "--to", TO, "--plan", "-o", "json").done(3).json
    assert (found["from"], found["to"], found["blocked"]) == ("1.28.3", TO, True)
    assert codes(found) == DOWN
    assert [phase["phase"] for phase in found["phases"]][:3] == ["plan", "istioctl", "precheck"]
    assert {"back-definitions", "back-ca"} >= {item["code"] for item in found["wayBack"]} - {"back-proxies"}
    assert found["notes"][0]["release"] == "1.29"


def test_ignored_blockers_are_shown_and_stop_nothing(alone: Program) -> None:
    ignored = [word for code in sorted(DOWN) for word in ("--ignore", code)]
    found = alone("precheck", "--to", TO, *ignored, "-o", "json").done().json
    assert codes(found) == DOWN
    shown = [finding["code"] for finding in found["findings"] if finding["ignored"]]
    assert set(shown) == DOWN
    lines = alone("precheck", "--to", TO, *ignored).done().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("ignored ")] == shown
    warnings = sum(1 for finding in found["findings"] if finding["severity"] == "warning")
    assert f"0 blockers, {warnings} warnings, {len(shown)} ignored" in lines[-1]


def test_a_missing_istioctl_is_a_result_and_not_silence(alone: Program) -> None:
    found = alone("precheck", "--to", TO, "-o", "json").done(3).json
    assert "istioctl-missing" in codes(found, "warning")
    skipped = {item["check"]: item["reason"] for item in found["skipped"]}
    for check in ("istioctl version", "istioctl x precheck", "istioctl analyze"):
        assert skipped[check] == "there is no istioctl to ask"
    assert "ISTIO_VERSION=1.29.1" in alone("precheck", "--to", TO).done(3).out


@pytest.mark.parametrize("command", [["precheck"], ["upgrade", "--plan"]])
def test_an_istioctl_of_another_release_is_refused(alone: Program, tmp_path: Path, command: list[str]) -> None:
    wrong = str(pretended(tmp_path / "wrong", "1.28.3"))
    alone(*command, "--to", TO, "--istioctl", wrong).failed(
        3, f"{wrong} (--istioctl) is of 1.28.3, and what is needed is istioctl {TO}", hint="--download fetches it"
    )


@pytest.mark.parametrize("command", [["precheck"], ["validate"]])
def test_an_istioctl_that_is_named_and_not_there_is_not_passed_over(alone: Program, command: list[str]) -> None:
    refused = alone(*command, "--istioctl", "/nowhere/istioctl").failed(
        3, "/nowhere/istioctl (--istioctl) cannot be asked"
    )
    assert refused.hints, refused.err


def test_the_right_one_is_asked_and_what_it_finds_is_in_the_table(alone: Program, tmp_path: Path) -> None:
    told = {"code": "IST0141", "level": "Error", "message": "Missing permission", "origin": "Cluster"}
    right = str(pretended(tmp_path / "right", TO, [told, {**told, "level": "Warning", "message": "Another"}]))
    found = alone("precheck", "--to", TO, "--istioctl", right, "-o", "json").done(3).json
    assert {item["check"] for item in found["skipped"]} == {"whether the CA will change", "istioctl version"}
    result = alone("precheck", "--to", TO, "--istioctl", right).done(3)
    assert "blocker  IST0141                Cluster\n         Missing permission\n" in result.out
    assert "warning  IST0141                Cluster\n         Another\n" in result.out


def test_the_variable_and_the_path_name_it_too(alone: Program, tmp_path: Path) -> None:
    right = pretended(tmp_path / "right", TO)
    by_variable = alone.having(ISTIOCTL=str(right))
    assert by_variable("precheck", "--to", TO, "-o", "json").done(3).json["versions"]["client"] == ""
    assert "istioctl-missing" not in codes(by_variable("precheck", "--to", TO, "-o", "json").json, "warning")
    by_path = alone.having(PATH=f"{right.parent}{os.pathsep}{alone.environment['PATH']}")
    assert "istioctl-missing" not in codes(by_path("precheck", "--to", TO, "-o", "json").json, "warning")


def test_settings_that_cannot_be_proved_are_in_the_way_until_that_is_accepted(alone: Program, tmp_path: Path) -> None:
    target = ("--istioctl", str(pretended(tmp_path / "target", TO)))
    found = alone("upgrade", "--to", TO, "--plan", *target, "-o", "json").done(3).json
    finding = next(each for each in found["findings"] if each["code"] == "settings-unproved")
    assert (finding["severity"], finding["objects"][0]["name"]) == ("blocker", "istiod")
    assert finding["message"].endswith("there is no istioctl 1.28.3 here")
    assert "ISTIO_VERSION=1.28.3" in finding["do"]
    assert "--ignore settings-unproved" in finding["do"]
    accepted = alone("precheck", "--to", TO, *target, "--ignore", "settings-unproved", "-o", "json").done(3).json
    assert {each["code"] for each in accepted["findings"] if each["ignored"]} == {"settings-unproved"}


@pytest.mark.parametrize("name", ["istioctl", "istioctl-1.28.3"])
def test_the_istioctl_of_the_running_release_is_looked_for_although_that_of_the_target_is_named(
    alone: Program, tmp_path: Path, name: str
) -> None:
    running, target = pretended(tmp_path / "running", "1.28.3"), pretended(tmp_path / "target", TO)
    beside = alone.having(PATH=f"{running.parent}{os.pathsep}{alone.environment['PATH']}")
    running.rename(running.with_name(name))
    found = beside("precheck", "--to", TO, "--istioctl", str(target), "-o", "json").done(3).json
    assert codes(found) == DOWN - {"settings-unproved"}


def publish(mirror: Path, release: str, program: Path) -> None:
    folder = mirror / release
    folder.mkdir(parents=True)
    name = archive_name(Release.parse(release) or Release(0, 0))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(program, "istioctl")
    (folder / name).write_bytes(buffer.getvalue())
    (folder / f"{name}.sha256").write_text(f"{hashlib.sha256(buffer.getvalue()).hexdigest()}  {name}\n")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A release address on this machine, with an istioctl of 1.29.1 that only says so."""
    program = pretended(tmp_path / "published", TO)
    publish(tmp_path / "mirror", TO, program)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    handler = partial(Quiet, directory=str(tmp_path / "mirror"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_it_is_fetched_only_when_asked_for_and_never_silently(alone: Program, mirror: str, tmp_path: Path) -> None:
    from_there = alone.having(ISTIO_UPGRADE_RELEASES=mirror)
    assert "istioctl-missing" in codes(from_there("precheck", "--to", TO, "-o", "json").json, "warning")
    result = from_there("precheck", "--to", TO, "--download", "--quiet", "-o", "json").done(3)
    assert "istioctl-missing" not in codes(result.json, "warning")
    cached = tmp_path / "cache" / "kubectl-istio-upgrade" / "tools" / "istioctl-1.29.1"
    assert cached.exists()
    for words in (f"fetching {mirror}/1.29.1/istioctl-1.29.1-", "its checksum (SHA-256) is to be", "MiB", str(cached)):
        assert words in result.err
    again = from_there("precheck", "--to", TO, "-o", "json").done(3)
    assert "istioctl-missing" not in codes(again.json, "warning"), "the cache is looked into"
    assert "fetching" not in again.err


def test_that_of_the_running_release_is_fetched_too(alone: Program, mirror: str, tmp_path: Path) -> None:
    publish(tmp_path / "mirror", "1.28.3", pretended(tmp_path / "running", "1.28.3"))
    target = str(pretended(tmp_path / "target", TO))
    arguments = ("precheck", "--to", TO, "--istioctl", target, "--download", "--releases", mirror, "-o", "json")
    result = alone(*arguments).done(3)
    assert codes(result.json) == DOWN - {"settings-unproved"}
    assert f"fetching {mirror}/1.28.3/" in result.err


def test_a_changed_file_is_refused(alone: Program, mirror: str, tmp_path: Path) -> None:
    (archive,) = (tmp_path / "mirror" / TO).glob("*.tar.gz")
    archive.write_bytes(archive.read_bytes() + b"!")
    result = alone("precheck", "--to", TO, "--download", "--releases", mirror)
    assert result.code == 3
    assert "is not what its checksum says" in result.err
    assert not list((tmp_path / "cache").rglob("istioctl*"))


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (["precheck", "--to", "1.29"], "'1.29' is no release of Istio", "with its patch number"),
        (["precheck", "--to", "latest"], "'latest' is no release of Istio", "1.29.1"),
        (["precheck", "--to", TO, "--ignore", "no-rom"], "there is no finding 'no-rom' to ignore", "no-room"),
        (["precheck", "--to", TO, "--ignore", "locked"], "locked cannot be ignored", None),
        (["upgrade", "--plan"], "missing option '--to'", "upgrade --help"),
        (["precheck", "--istioctl", "."], "is a directory", "precheck --help"),
        (["upgrade", "--to", TO, "--with-gateways"], "--with-gateways is for --revision", "upgrade --help"),
        (["upgrade", "--to", TO, "--plan", "--set", "a=b"], "--set means nothing to --plan", "upgrade --help"),
        (
            ["upgrade", "--to", TO, "--plan", "-f", "x.yaml", "--to-dir", "x", "--probe", "http://x/"],
            "--filename, --probe, --to-dir means nothing to --plan",
            "upgrade --help",
        ),
        (
            [
                "upgrade",
                "--to",
                TO,
                "--plan",
                "--revision",
                "x",
                "--workloads",
                "all",
                "--batch",
                "5",
            ],
            "--batch, --workloads means nothing to --plan",
            None,
        ),
    ],
)
def test_a_wrong_command_line(alone: Program, arguments: list[str], words: str, hint: str | None) -> None:
    result = alone(*arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert hint is None or hint in result.err


def test_without_a_server_or_rights_or_a_mesh(alone: Program, mesh: Mesh, tmp_path: Path) -> None:
    nobody = alone.having(KUBECONFIG=str(mesh.plane.kubeconfig_for("nobody")))
    nobody("precheck", "--to", TO).failed(5, "may not get namespaces/kube-system")
    text = mesh.plane.kubeconfig.read_text("utf-8").replace(mesh.plane.server, "https://127.0.0.1:9")
    (tmp_path / "nowhere").write_text(text)
    alone.having(KUBECONFIG=str(tmp_path / "nowhere"))("precheck", "--to", TO).failed(5, "127.0.0.1:9")
    alone("precheck", "--root-namespace", "elsewhere").failed(2, "there is no namespace 'elsewhere'")


def test_whoever_may_only_read_is_told_what_is_missing(alone: Program, mesh: Mesh, taken: Program) -> None:
    roles = Roles(mesh)
    try:
        roles.give(taken("rbac", "--read-only", "--for", f"user:{USER}").done().out)
        limited = alone.having(KUBECONFIG=str(mesh.plane.kubeconfig_for(USER)))
        found = limited("precheck", "--to", TO, "-o", "json").done(3).json
    finally:
        roles.remove()
    assert codes(found) == {*DOWN, "permission-missing"}
    (missing,) = (each for each in found["findings"] if each["code"] == "permission-missing")
    named = {about["name"] for about in missing["objects"]}
    assert "patch deployments.apps in namespace istio-system" in named
    assert "update customresourcedefinitions.apiextensions.k8s.io in the whole cluster" in named
    assert not any("limitranges" in name for name in named), "only what an installation consists of"


def test_an_operation_that_was_cut_short_is_in_the_way(
    taken: Program, alone: Program, proxied: Program, proxy: Proxy, mesh: Mesh
) -> None:
    mesh.add(virtual_service("drifted", "then"))
    taken("snapshot", "--name", "then").done()
    mesh.patch(virtual_service("drifted"), {"spec": {"hosts": ["now"]}})
    proxy.hold(lambda seen: seen.writes, every=True)
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    os.killpg(running.process.pid, signal.SIGKILL)
    running.process.communicate()
    proxy.release()
    arguments = ("precheck", "--to", TO, "--store", str(taken.environment["ISTIO_UPGRADE_STORE"]), "-o", "json")
    result = alone(*arguments).done(3)
    assert {"unfinished-operation", "locked"} <= codes(result.json)
    assert "--ignore" not in result.err, "neither can be ignored"
    mesh.change_lease(renewTime="2026-01-01T00:00:00.000000Z")
    assert codes(alone(*arguments).done(3).json) & {"unfinished-operation", "locked"} == {"unfinished-operation"}
    assert "expired: whoever comes next takes it over" in " ".join(taken("status").done().out.split())
    assert "rollback, before its first write" in taken("show", "latest").done().out
    taken("abort", "--yes").done()
    assert "unfinished-operation" not in codes(alone(*arguments).done(3).json)


@pytest.mark.parametrize("format_", ["json", "yaml"])
def test_structured_output_is_data_and_nothing_else(alone: Program, format_: str) -> None:
    for command in (["precheck"], ["precheck", "--to", TO], ["upgrade", "--to", TO, "--plan"]):
        out = alone(*command, "-o", format_).done(3).out
        found = json.loads(out) if format_ == "json" else yaml.load(out, Loader=yaml.CSafeLoader)
        assert found["findings"]
        assert found["versions"]["controlPlanes"][0]["version"] == "1.28.3"


@pytest.mark.parametrize("command", [["precheck"], ["upgrade", "--plan"]])
def test_it_fits_a_terminal_of_80_columns_and_a_pipe(alone: Program, command: list[str]) -> None:
    arguments = (*command, "--to", TO)
    with at_terminal(alone, *arguments) as terminal:
        assert terminal.end() == 3
    shown = [line.rpartition("\r")[2].rstrip() for line in terminal.text.splitlines()]
    piped = alone(*arguments).done(3).out.splitlines()
    unbreakable = ("plan: upgrade", "hint:", "do: ", "https://")
    for line in (*shown, *piped):
        assert len(line) <= COLUMNS or any(word in line for word in unbreakable), line
    assert any(line.startswith("blocker  control-plane-down") for line in piped)
    assert not any("\x1b" in line for line in piped)


def test_ctrl_c_ends_it(proxied: Program, proxy: Proxy) -> None:
    proxy.hold(lambda seen: "/pods" in seen.target)
    running = proxied.start("precheck", "--to", TO)
    proxy.wait_held()
    running.interrupt()
    ended = running.end()
    assert (ended.code, ended.errors) == (130, ["interrupted; nothing was changed"])
