"""The journal on a real disk: written ahead, whole lines only, one unfinished operation a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import journal, journal_entries
from kubectl_istio_upgrade.errors import StoreError
from kubectl_istio_upgrade.models.objects import Key, Version
from kubectl_istio_upgrade.models.operations import Aim, Attempt, End, Holder, Opening, Restarted
from kubectl_istio_upgrade.models.plans import Action, Outcome, StepResult

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPENING = Opening("20261123-120000-1a2b3c", "rollback", "c" * 40, "snapshot ccccccc", "b" * 40, NOON, {"only": []})
ALICE = Holder("alice", "bastion", 4711, "abcdef")
FIRST, SECOND = Key("", "configmaps", "istio-system", "istio"), Key("", "services", "istio-system", "istiod")
STEPS = ((FIRST, Action.UPDATE), (SECOND, Action.DELETE))
ATTEMPT = Attempt(Aim.TARGET, "f" * 64, ALICE, NOON, STEPS)


def done(key: Key, action: Action = Action.UPDATE) -> StepResult:
    return StepResult(key, action, Outcome.DONE, 0.1, version=Version("u", "7"))


@pytest.fixture
def begun(tmp_path: Path) -> journal.JournalFile:
    begun = journal.begin(tmp_path, OPENING)
    begun.attempt(ATTEMPT)
    return begun


def test_what_is_written_is_read(begun: journal.JournalFile, tmp_path: Path) -> None:
    begun.intend(FIRST, Action.UPDATE)
    begun.conclude(done(FIRST))
    begun.intend(SECOND, Action.DELETE)
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert operation.opening == OPENING
    assert operation.attempts == (ATTEMPT,)
    assert operation.keys == {FIRST, SECOND}
    assert (operation.done, operation.planned, operation.unsure) == (1, 2, (SECOND,))


def test_what_an_earlier_run_has_written_is_not_what_its_abort_has(begun: journal.JournalFile, tmp_path: Path) -> None:
    begun.intend(FIRST, Action.UPDATE)
    begun.conclude(done(FIRST))
    back = replace(ATTEMPT, aim=Aim.BEFORE, steps=((FIRST, Action.UPDATE), (SECOND, Action.CREATE)))
    begun.attempt(back)
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert (operation.done, operation.planned) == (0, 2)
    begun.intend(FIRST, Action.UPDATE)
    begun.conclude(done(FIRST))
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert (operation.done, operation.planned) == (1, 2)


def test_a_restart_has_what_takes_it_back_before_it_is_made(begun: journal.JournalFile, tmp_path: Path) -> None:
    key = Key("apps", "deployments", "shop", "web")
    owner = {"manager": "kubectl-rollout", "fieldsV1": {"f:spec": {}}}
    first = Restarted(key, "u", "then", "now", reason="old", owners=(owner,), proxies=("1.28.3", "1.29.1"))
    back = Restarted(key, "u", "now", "then")
    begun.intend(key, Action.RESTART, first)
    begun.conclude(StepResult(key, Action.RESTART, Outcome.DONE))
    begun.intend(key, Action.RESTART, back)
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert operation.restarts == (replace(first, outcome=Outcome.DONE), back)
    assert operation.unsure == (key,)


def test_an_ended_operation_keeps_its_journal_and_is_not_unfinished(begun: journal.JournalFile, tmp_path: Path) -> None:
    begun.end(End.PROVED, "a" * 40)
    assert journal.unfinished(tmp_path) is None
    kept = journal_entries.read((tmp_path / f"{OPENING.id}.jsonl").read_bytes(), tmp_path)
    assert (kept.end, kept.after) == (End.PROVED, "a" * 40)


def test_an_ending_without_its_renaming_still_ends(begun: journal.JournalFile, tmp_path: Path) -> None:
    copy = (tmp_path / journal.OPEN).read_bytes()
    begun.end(End.PROVED, "a" * 40)
    ended = (tmp_path / f"{OPENING.id}.jsonl").read_bytes()
    assert ended.startswith(copy)
    (tmp_path / f"{OPENING.id}.jsonl").rename(tmp_path / journal.OPEN)
    assert journal.unfinished(tmp_path) is None
    assert not (tmp_path / journal.OPEN).exists()


def test_a_second_operation_cannot_begin(begun: journal.JournalFile, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unfinished"):
        journal.begin(tmp_path, OPENING)
    begun.close()


def test_a_crash_at_any_byte_loses_at_most_the_line_that_was_being_written(
    begun: journal.JournalFile, tmp_path: Path
) -> None:
    begun.intend(FIRST, Action.UPDATE)
    begun.conclude(done(FIRST))
    begun.close()
    file = tmp_path / journal.OPEN
    whole = file.read_bytes()
    opening = whole.index(b"\n") + 1
    for size in range(opening, len(whole)):
        file.write_bytes(whole[:size])
        before = journal.unfinished(tmp_path)
        assert before is not None
        again = journal.JournalFile(file)
        again.intend(SECOND, Action.DELETE)
        again.close()
        after = journal.unfinished(tmp_path)
        assert after is not None
        assert after.attempts == before.attempts
        assert after.written.keys() == before.written.keys() | {(SECOND, Action.DELETE)}


def test_damage_in_the_middle_is_an_error_and_not_a_shorter_journal(begun: journal.JournalFile, tmp_path: Path) -> None:
    begun.intend(FIRST, Action.UPDATE)
    begun.close()
    file = tmp_path / journal.OPEN
    file.write_bytes(file.read_bytes().replace(b'"attempt"', b'"attemqt"'))
    with pytest.raises(StoreError, match="damaged"):
        journal.unfinished(tmp_path)


def test_every_flipped_bit_is_noticed(begun: journal.JournalFile, tmp_path: Path) -> None:
    begun.intend(FIRST, Action.UPDATE)
    begun.close()
    file = tmp_path / journal.OPEN
    good = file.read_bytes()
    for position in range(len(good) - 1):  # without the last line's end: that line counts as not written
        for bit in range(8):
            bad = bytes([good[position] ^ (1 << bit)])
            with pytest.raises(StoreError, match="damaged"):
                journal_entries.read(good[:position] + bad + good[position + 1 :], file)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    journal.begin(tmp_path, OPENING).close()
    file = tmp_path / journal.OPEN
    file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises(StoreError, match="format 2, this program reads 1"):
        journal.unfinished(tmp_path)


def test_what_announces_something_is_on_the_disk_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        fsync(handle)
        flushed.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", watched)
    begun = journal.begin(tmp_path, OPENING)
    begun.attempt(ATTEMPT)
    assert flushed[-1] == (tmp_path / journal.OPEN).stat().st_size
    begun.intend(FIRST, Action.UPDATE)
    assert flushed[-1] == (tmp_path / journal.OPEN).stat().st_size
    begun.conclude(done(FIRST))
    assert flushed[-1] < (tmp_path / journal.OPEN).stat().st_size
    begun.end(End.PROVED, "a" * 40)
    assert (tmp_path / f"{OPENING.id}.jsonl").stat().st_size in flushed


def test_threads_write_whole_lines(begun: journal.JournalFile, tmp_path: Path) -> None:
    keys = [Key("", "configmaps", "shop", f"n{number}") for number in range(200)]

    def write(mine: list[Key]) -> None:
        for key in mine:
            begun.intend(key, Action.UPDATE)
            begun.conclude(done(key))

    threads = [threading.Thread(target=write, args=(keys[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert set(operation.written) == {(key, Action.UPDATE) for key in keys}
    assert not operation.unsure


def test_a_line_that_does_not_fit_on_the_disk_leaves_nothing_of_itself(
    begun: journal.JournalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes the first bytes and refuses the rest."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:5]) if len(data) > 5 else full())
    with pytest.raises(StoreError, match="could not be written"):
        begun.intend(FIRST, Action.UPDATE)
    monkeypatch.undo()
    begun.intend(SECOND, Action.DELETE)
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert set(operation.written) == {(SECOND, Action.DELETE)}


def full() -> int:
    raise OSError(28, "No space left on device")


LONG = replace(OPENING, request={"only": ["x" * 20_000]})


def test_an_opening_that_the_disk_takes_in_parts_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:8192]))
    journal.begin(tmp_path, LONG, ATTEMPT).close()
    operation = journal.unfinished(tmp_path)
    assert operation is not None
    assert (operation.opening, operation.attempts) == (LONG, (ATTEMPT,))


def test_a_journal_that_does_not_fit_on_the_disk_is_not_there(tmp_path: Path) -> None:
    """A limit on the size of files is as good as a full disk: the first bytes are taken."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from kubectl_istio_upgrade.errors import StoreError\n"
        "from tests.store import test_journal as t\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "try:\n"
        "    t.journal.begin(Path(sys.argv[1]), t.LONG, t.ATTEMPT)\n"
        "except StoreError as error:\n"
        "    print(error.message, error.hint)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "the journal cannot be written: File too large is there space left on its disk?" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["_write_whole", "flush_folder", "JournalFile"])
def test_whatever_stops_it_while_it_begins_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, stop: BaseException
) -> None:
    def stopped(*_: object) -> None:
        raise stop

    monkeypatch.setattr(journal, step, stopped)
    with pytest.raises((StoreError, KeyboardInterrupt)):
        journal.begin(tmp_path, OPENING, ATTEMPT)
    assert list(tmp_path.iterdir()) == []
    assert journal.unfinished(tmp_path) is None
