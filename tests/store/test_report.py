"""`report` and `history` on a real store, as their users run them, with no cluster anywhere."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, journal
from kubectl_istio_upgrade.models.objects import Key
from kubectl_istio_upgrade.models.operations import Aim, Attempt, End, Holder, Opening
from kubectl_istio_upgrade.models.plans import Action, Outcome, StepResult
from kubectl_istio_upgrade.models.snapshots import Purpose, SnapshotInfo
from tests.cli.program import Program, clean_environment
from tests.support.html import parsed
from tests.support.upgrade_log import HOSTILE, ID, record_upgrade, snapshot

from .meshes import CLUSTER, draft, small_mesh

LATER = "20261124-020000-4d5e6f"
STEPS = tuple((Key("", "configmaps", "istio-system", name), Action.UPDATE) for name in ("istio", "values", "hostile"))


@pytest.fixture
def program(store: GitStore, tmp_path: Path) -> Program:
    missing = str(tmp_path / "no-kubeconfig")
    return Program(clean_environment(tmp_path, ISTIO_UPGRADE_STORE=str(store.path), KUBECONFIG=missing))


@pytest.fixture
def upgraded(store: GitStore) -> tuple[SnapshotInfo, SnapshotInfo]:
    return record_upgrade(store)


@pytest.fixture
def branch(store: GitStore, upgraded: tuple[SnapshotInfo, SnapshotInfo]) -> str:
    return store.branch_of(CLUSTER)


def begin(store: GitStore, branch: str) -> journal.JournalFile:
    """An apply that has written one object, is about to write another, and goes no further."""
    intent = {"id": LATER, "kind": "apply", "target": "mesh.yaml", "planHash": "e" * 64}
    before = store.commit(branch, snapshot("1.29.1", Purpose.BEFORE, intent, 65, changed=True))
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)
    opening = Opening(LATER, "apply", "mesh.yaml", "3 objects of mesh.yaml", before.commit, now, {})
    begun = store.begin(branch, opening)
    begun.attempt(Attempt(Aim.TARGET, "e" * 64, Holder("bob", "laptop", 42, "x"), now, STEPS))
    begun.intend(*STEPS[0])
    begun.conclude(StepResult(*STEPS[0], Outcome.DONE, 0.25))
    begun.intend(*STEPS[1])
    return begun


@pytest.fixture
def unfinished(store: GitStore, branch: str) -> None:
    begin(store, branch).close()


def test_the_newest_operation_is_reported_without_being_named(
    program: Program, upgraded: tuple[SnapshotInfo, SnapshotInfo]
) -> None:
    before, _ = upgraded
    told = program("report").done()
    assert told.out.startswith("Upgrade to 1.29.1: proved\n")
    assert told.out.endswith(f"kubectl istio-upgrade rollback {before.short}\n    goes back to the state before\n")
    assert told.err == ""


@pytest.mark.parametrize("name", ["id", "beginning", "before", "after", "latest", "latest~0"])
def test_it_has_many_names(program: Program, upgraded: tuple[SnapshotInfo, SnapshotInfo], name: str) -> None:
    before, after = upgraded
    references = {"id": ID, "beginning": ID[:10], "before": before.short, "after": after.commit}
    assert program("report", references.get(name, name), "-o", "json").done().json["id"] == ID


def test_the_two_snapshots_are_compared(program: Program, upgraded: tuple[SnapshotInfo, SnapshotInfo]) -> None:
    before, after = upgraded
    data = program("report", "-o", "json").done().json
    assert (data["before"], data["after"]) == (before.commit, after.commit)
    assert data["difference"]["summary"] == {"added": 1, "removed": 0, "changed": 5, "same": 20}


def test_an_older_record_is_completed_from_its_snapshots(store: GitStore, program: Program) -> None:
    left_out = ("versions", "attempts", "holder", "context", "phases", "probes", "settings", "label")
    record_upgrade(store, **dict.fromkeys(left_out))
    data = program("report", "-o", "json").done().json
    assert data["versions"] == {
        "before": {"controlPlane": ["1.28.3"], "proxies": {"1.28.3": 48}},
        "after": {"controlPlane": ["1.29.1"], "proxies": {"1.29.1": 48}},
    }
    assert "holder" not in data
    assert "Phases" not in program("report").done().out


def test_an_unfinished_one_is_the_newest(program: Program, unfinished: None) -> None:
    told = program("report").done().out
    assert told.startswith("Apply of 3 objects of mesh.yaml: unfinished\n")
    assert "1 of 3 writes made, 1 without a recorded outcome." in " ".join(told.split())
    assert "run by:        bob@laptop" in told
    outcomes = {step["object"]: step["outcome"] for step in program("report", "-o", "json").done().json["steps"]}
    assert outcomes == {
        "ConfigMap istio-system/istio": "done",
        "ConfigMap istio-system/values": "unknown",
        "ConfigMap istio-system/hostile": "pending",
    }
    for command in ("resume", "abort"):
        assert f"  kubectl istio-upgrade {command}\n" in told
    assert (
        program("report", "latest~1", "-o", "json")
        .done()
        .json["wayBack"][0]["why"]
        .endswith("takes 1 later operation back with it")
    )


def test_one_that_stopped_before_its_first_write_is_known_by_its_journal(
    store: GitStore, branch: str, program: Program
) -> None:
    begin(store, branch).end(End.NOTHING, "")
    data = program("report", LATER, "-o", "json").done().json
    assert (data["ending"], data["wayBack"], data["holder"]) == ("nothing", [], "bob@laptop")


def test_in_another_store_a_beginning_is_all_that_is_known_of_it(
    store: GitStore, program: Program, unfinished: None, tmp_path: Path
) -> None:
    shutil.rmtree(store.path / "istio-upgrade")
    data = program("report", "-o", "json").done().json
    assert (data["id"], data["ending"], data["kind"]) == (LATER, "unknown", "apply")
    assert not (store.path / "istio-upgrade").exists(), "reading makes no key"


def test_history_says_what_belongs_together(program: Program, unfinished: None) -> None:
    lines = program("history").done().out.splitlines()
    place = lines[0].index("OPERATION")
    assert [line[place:].split()[0] for line in lines[1:]] == ["20261124-0200", "20261124-0055", "20261124-0055"]
    assert [one["operationId"] for one in program("history", "-o", "json").done().json] == [LATER, ID, ID]


def test_the_page_is_printed_or_written_and_is_the_same(program: Program, branch: str, tmp_path: Path) -> None:
    printed = program("report", "-o", "html").done().out
    file = tmp_path / "log.html"
    told = program("report", "--html", str(file), "-o", "json").done()
    assert told.json["id"] == ID, "the file is written beside what is printed"
    assert file.read_text("utf-8") == printed
    assert told.err == f"note: the page is in {file}\n"
    assert HOSTILE in parsed(printed).text
    assert HOSTILE not in printed


def test_a_page_takes_the_place_of_another_whole_with_the_rights_it_had(
    program: Program, branch: str, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    file, link = folder / "log.html", folder / "link.html"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to("log.html")
    program("report", "-q", "--html", str(link)).done()
    assert link.is_symlink()
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in folder.iterdir()) == ["link.html", "log.html"]


def test_a_new_page_has_the_rights_that_the_shell_would_give_it(program: Program, branch: str, tmp_path: Path) -> None:
    program.under("sh", "-c", 'umask 027; exec "$@"', "sh")("report", "-q", "--html", str(tmp_path / "a.html")).done()
    assert (tmp_path / "a.html").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("missing/log.html", "could not be written: No such file or directory"),
        (".", "is not a file"),
        ("/dev/null", "is not a file"),
    ],
)
def test_where_it_cannot_be_written_nothing_is_printed_either(
    program: Program, branch: str, tmp_path: Path, place: str, message: str
) -> None:
    program("report", "--html", str(tmp_path / place)).failed(3, message)


def test_a_full_disk_leaves_the_page_that_was_there(program: Program, branch: str, tmp_path: Path) -> None:
    file = tmp_path / "log.html"
    file.write_text("old")
    full = program.under("sh", "-c", 'ulimit -f 8; exec "$@"', "sh")
    full("report", "-q", "--html", str(file)).failed(3, "log.html could not be written: File too large")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.glob("*log.html*")] == ["log.html"]


@pytest.mark.parametrize(
    ("reference", "code", "message"),
    [
        ("20270101-000000", 2, "there is no operation 20270101-000000"),
        ("latest~7", 2, "there is no operation latest~7: there are 1"),
        ("friday", 2, "there is no snapshot friday"),
    ],
)
def test_what_means_no_operation_is_an_error(
    program: Program, branch: str, reference: str, code: int, message: str
) -> None:
    program("report", reference).failed(code, message, hint="")


def test_a_snapshot_of_no_operation_is_an_error(store: GitStore, program: Program) -> None:
    info = store.commit(store.branch_of(CLUSTER), draft(small_mesh()))
    program("report").failed(2, "there is no operation on record for this cluster yet")
    program("report", info.short).failed(
        2, f"snapshot {info.short} neither begins nor ends an operation", hint="history"
    )


def test_a_record_that_makes_no_sense_is_said_to_be_so(store: GitStore, program: Program) -> None:
    record_upgrade(store, proof="yes")
    program("report").failed(6, f"the record of operation {ID} cannot be understood")


def test_a_record_of_a_newer_program_is_read_as_far_as_it_is_understood(store: GitStore, program: Program) -> None:
    phases = [{"phase": "teleport", "outcome": "half-done", "colour": "blue"}]
    record_upgrade(store, phases=phases, moon="full", probes=[{"probe": "x"}])
    assert "teleport   half-done" in program("report").done().out
    assert "half-done" in parsed(program("report", "-o", "html").done().out).text


def test_an_id_from_a_snapshot_never_names_another_file(store: GitStore, program: Program, tmp_path: Path) -> None:
    record_upgrade(store, id="../../../secret")
    (tmp_path / "secret.jsonl").write_text("not a journal")
    program("report").done()


def test_yaml_is_the_same_as_json(program: Program, branch: str) -> None:
    from kubectl_istio_upgrade.adapters.yamlio import load

    assert load(program("report", "-o", "yaml").done().out) == program("report", "-o", "json").done().json


def test_a_reader_that_has_read_enough_is_no_failure(program: Program, branch: str) -> None:
    running = program.start("report", "-o", "html")
    assert running.process.stdout
    assert running.process.stdout.readline() == "<!DOCTYPE html>\n"
    running.process.stdout.close()
    assert running.process.wait(60) in (0, 141)  # a page that the pipe has room for is written whole
    assert running.process.stderr
    assert running.process.stderr.read() == ""
    running.process.stderr.close()


def test_so_it_is_in_the_middle_of_a_text(program: Program, branch: str) -> None:
    running = program.start("report")
    assert running.process.stdout
    running.process.stdout.close()
    assert running.process.wait(60) == 141
    assert running.process.stderr
    assert running.process.stderr.read() == ""
    running.process.stderr.close()
