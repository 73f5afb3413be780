"""The record of what really happened to a cluster: applied, rolled back, killed, resumed, taken back."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.html import parsed

from .mesh import Json, Mesh, secret, virtual_service
from .program import Program
from .test_unfinished import MANY
from .test_unfinished import drifted as drifted
from .test_unfinished import killed as killed

pytestmark = pytest.mark.cluster


def test_an_apply_is_on_record_with_who_where_and_what(
    taken: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    body = virtual_service("reported", "shop.example.com")
    mesh.adopt(body)
    done = taken("apply", "-f", manifest(body), "--yes", "-o", "json").done().json
    data = taken("report", "-o", "json").done().json
    assert (data["kind"], data["ending"], data["before"]) == ("apply", "proved", done["before"])
    assert data["holder"].partition("@")[0] == pwd.getpwuid(os.getuid()).pw_name
    assert data["versions"]["after"]["controlPlane"] == ["1.28.3"]
    assert [(step["object"], step["action"]) for step in data["steps"]] == [("VirtualService shop/reported", "create")]
    (changed,) = data["difference"]["objects"]
    assert (changed["name"], changed["change"]) == ("reported", "added")
    assert [(run["command"], run["writes"]) for run in data["attempts"]] == [("apply", 1)]


def test_a_report_needs_no_cluster(taken: Program, mesh: Mesh, manifest: Callable[..., str]) -> None:
    body = virtual_service("reported")
    mesh.adopt(body)
    taken("apply", "-f", manifest(body), "--yes").done()
    gone = taken.having(KUBECONFIG="/nonexistent")
    assert gone("report").done().out == taken("report").done().out
    assert gone("history").done().out == taken("history").done().out


def test_rolling_back_is_reported_by_the_name_of_the_snapshot(
    taken: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    body = virtual_service("reported")
    mesh.adopt(body)
    taken("apply", "-f", manifest(body), "--yes").done()
    taken("rollback", "friday", "--yes").done()
    told = taken("report").done().out
    assert told.startswith("Rollback to snapshot ")
    assert "(friday): proved" in told.splitlines()[0]
    assert (
        taken("report", "latest~1", "-o", "json")
        .done()
        .json["wayBack"][0]["why"]
        .endswith("1 later operation back with it")
    )


def test_a_secret_value_is_in_no_form(taken: Program, mesh: Mesh, manifest: Callable[..., str]) -> None:
    body = secret("reported", token="hunter2-of-the-mesh")
    mesh.adopt(body)
    taken("apply", "-f", manifest(body), "--yes").done()
    for format_ in ("text", "json", "yaml", "html"):
        shown = taken("report", "-o", format_).done().out
        for hidden in ("hunter2", "aHVudGVyMi1vZi10aGUtbWVzaA", "hmac-sha256"):
            assert hidden not in shown
    assert "withheld, digest" in parsed(taken("report", "-o", "html").done().out).text


def test_one_that_was_killed_is_reported_while_it_is_unfinished_and_after(
    killed: list[Json], program: Program, mesh: Mesh, store: Path
) -> None:
    open_ = program("report", "-o", "json").done().json
    assert (open_["ending"], len(open_["steps"])) == ("unfinished", MANY)
    outcomes = {step["outcome"] for step in open_["steps"]}
    assert {"done", "unknown"} <= outcomes <= {"done", "unknown", "pending"}
    assert program("history", "-o", "json").done().json[0]["operationId"] == open_["id"]

    program("resume", "--yes").done()
    ended = program("report", open_["id"], "-o", "json").done().json
    assert (ended["ending"], ended["before"]) == ("proved", open_["before"])
    assert [run["command"] for run in ended["attempts"]] == ["rollback", "resume"]
    assert len(ended["steps"]) == MANY


def test_one_that_was_taken_back_is_called_what_it_had_been(killed: list[Json], program: Program, mesh: Mesh) -> None:
    program("abort", "--yes").done()
    told = program("report").done().out
    assert told.startswith("Rollback to snapshot ")
    assert told.splitlines()[0].endswith(": taken back")
    assert "identical to the state before it" in " ".join(told.split())
    data = program("report", "-o", "json").done().json
    assert [run["command"] for run in data["attempts"]] == ["rollback", "abort"]
    assert data["wayBack"] == []
