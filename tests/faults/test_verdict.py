"""The judge of the matrix can say no: each way in which a case may go wrong is one."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from . import table
from .cases import Case, Moment, Operation, Run, Victim, Way
from .proxy import Spoil
from .verdict import BEFORE, TARGET, Aftermath, Ends, Row, Unfinished, broken_promises, describe, unmet

HALF = Unfinished("20261124-005500-1a2b3c", 2, 5)


def thing(uid: str, text: str, *managers: str) -> dict[str, Any]:
    owners = [{"manager": manager, "operation": "Update", "fieldsV1": {"f:data": {}}} for manager in managers]
    return {"metadata": {"name": "x", "uid": uid, "managedFields": owners}, "data": {"text": text}}


B = {"configmaps a/changed": thing("1", "now", "somebody"), "configmaps a/added": thing("2", "x", "somebody")}
A = {"configmaps a/changed": thing("1", "then", "helm"), "configmaps a/gone": thing("3", "x", "helm")}
ENDS = Ends(before=B, target=A)


def test_the_two_ends_are_recognised() -> None:
    assert ENDS.reached(B) == BEFORE
    assert ENDS.reached(A) == TARGET


def test_what_was_deleted_on_the_way_may_come_back_as_another_object() -> None:
    assert ENDS.reached({**A, "configmaps a/gone": thing("9", "x", "helm")}) == TARGET
    assert ENDS.reached({**B, "configmaps a/added": thing("9", "x", "somebody")}) == BEFORE


@pytest.mark.parametrize(
    ("name", "item", "word"),
    [
        ("configmaps a/changed", thing("1", "other", "helm"), "data.text"),
        ("configmaps a/changed", thing("1", "then", "helm", "kubectl-istio-upgrade"), "managedFields"),
        ("configmaps a/changed", thing("9", "then", "helm"), "recreated"),
        ("configmaps a/gone", None, "missing"),
        ("leftover a/x", thing("7", "x"), "added"),
    ],
)
def test_anything_else_is_neither(name: str, item: Any, word: str) -> None:
    now = copy.deepcopy(A)
    now[name] = item
    reached = ENDS.reached({each: body for each, body in now.items() if body is not None})
    assert reached.startswith("neither: from target ")
    assert word in reached


def test_only_what_cannot_be_changed_in_place_may_be_another_object() -> None:
    now = {**A, "configmaps a/changed": thing("9", "then", "helm")}
    assert ENDS.reached(now).startswith("neither: ")
    assert replace(ENDS, recreated=frozenset({"configmaps a/changed"})).reached(now) == TARGET


def test_what_nobody_deletes_again_may_stay() -> None:
    now = {**B, "namespaces /made": thing("9", "x")}
    assert ENDS.reached(now).startswith("neither: ")
    assert replace(ENDS, staying=frozenset({"namespaces /made"})).reached(now) == BEFORE


def test_a_state_between_the_two_is_neither() -> None:
    assert ENDS.reached({**B, "configmaps a/changed": A["configmaps a/changed"]}).startswith("neither")


ROLLBACK = Run(Operation.ROLLBACK)
RESUME, ABORT = (Run(Operation.ROLLBACK, Moment.HALFWAY, way) for way in Way)


@pytest.mark.parametrize(
    ("run", "code", "unfinished", "reached", "moved"),
    [
        (ROLLBACK, 0, None, BEFORE, False),
        (ROLLBACK, 0, HALF, TARGET, True),
        (ROLLBACK, 3, None, TARGET, True),
        (ROLLBACK, 5, HALF, BEFORE, False),
        (ROLLBACK, 6, None, "neither", True),
        (ROLLBACK, 4, None, BEFORE, False),
        (ROLLBACK, 70, None, BEFORE, False),
        (ROLLBACK, 1, None, TARGET, True),
        (ROLLBACK, -6, HALF, "neither", True),
        (RESUME, 0, None, BEFORE, True),
        (RESUME, 5, None, "neither", False),
        (RESUME, 5, HALF, "neither", True),
        (RESUME, -9, None, "neither", True),
        (RESUME, -9, None, BEFORE, True),
        (ABORT, 0, None, TARGET, True),
        (ABORT, 0, HALF, BEFORE, True),
        (ABORT, -9, None, TARGET, True),
    ],
)
def test_an_exit_code_that_says_something_else_than_what_is_so_is_a_broken_promise(
    run: Run, code: int, unfinished: Unfinished | None, reached: str, moved: bool
) -> None:
    assert len(broken_promises(run, Aftermath(code, unfinished, reached, moved))) == 1


@pytest.mark.parametrize(
    ("run", "code", "unfinished", "reached", "moved"),
    [
        (ROLLBACK, 0, None, TARGET, True),
        (ROLLBACK, 3, None, BEFORE, False),
        (ROLLBACK, 4, HALF, "neither", True),
        (ROLLBACK, -9, HALF, "neither", True),
        (ROLLBACK, -9, None, TARGET, True),
        (RESUME, 0, None, TARGET, True),
        (RESUME, 5, HALF, "neither", False),
        (ABORT, 0, None, BEFORE, True),
        (ABORT, 4, HALF, "neither", True),
        (ABORT, -9, None, BEFORE, True),
    ],
)
def test_an_exit_code_that_is_true_is_none(
    run: Run, code: int, unfinished: Unfinished | None, reached: str, moved: bool
) -> None:
    assert broken_promises(run, Aftermath(code, unfinished, reached, moved)) == []


@pytest.mark.parametrize(
    ("run", "unfinished", "reached", "words"),
    [
        (ROLLBACK, HALF, "neither", "unfinished: 2 of 5 writes"),
        (ROLLBACK, None, TARGET, "done"),
        (ROLLBACK, None, BEFORE, "nothing changed"),
        (ABORT, None, BEFORE, "taken back"),
        (ABORT, None, "x", "unknown"),
    ],
)
def test_the_state_found_is_named(run: Run, unfinished: Unfinished | None, reached: str, words: str) -> None:
    assert describe(run, Aftermath(-9, unfinished, reached, moved=True)) == words


BY_TIME = Case(ROLLBACK, Victim.SELF, "after-PUT-leases-a-l@1", Way.ABORT)
ALWAYS = Case(ROLLBACK, Spoil.CONFLICT, "PUT-services-a-b@1", Way.ABORT)


def test_a_fault_that_did_not_strike_is_wrong_unless_that_depends_on_time() -> None:
    assert unmet(ALWAYS, met=False) == ["the fault was never met"]
    assert unmet(ALWAYS, met=True) == unmet(BY_TIME, met=True) == unmet(BY_TIME, met=False) == []


def test_the_table_its_totals_and_the_document_say_which_faults_struck() -> None:
    missed = Row(BY_TIME, met=False, found="done", command="", end=TARGET, seconds=1.0)
    struck = Row(ALWAYS, met=True, found="done", command="", end=TARGET, seconds=1.0)
    assert " not met " in table.line(missed)
    assert " not met " not in table.line(struck)
    totals = table.totals([missed, struck], 2.0)
    assert "struck:      1 met, 1 not met" in totals
    assert f"not met: {table.rerun(missed)}" in totals
    assert table.rerun(struck) not in totals
    assert [row["met"] for row in table.document([missed, struck])] == [False, True]
