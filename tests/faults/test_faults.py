"""A sample of the matrix; `make faults` runs the whole."""

from __future__ import annotations

import os
import time

import pytest

from . import table
from .cases import KILLED_FIRST, Case, KilledFirst, Moment, Operation, Run, Victim, Way
from .lanes import Lanes
from .matrix import matrix, sample

pytestmark = pytest.mark.cluster

SEED = int(os.environ.get("FAULTS_SEED", "1"))
OPERATIONS = tuple(Run(operation) for operation in Operation)
ENDINGS = tuple(Run(Operation.ROLLBACK, Moment.HALFWAY, way) for way in Way)
SIZE, SIZE_OF_EACH_ENDING = 10, 2
"""Cases, of as many kinds: about a minute of them."""


def test_after_any_fault_one_command_leads_to_the_target_or_back(lanes: Lanes) -> None:
    started = time.monotonic()
    cases = sample(matrix(lanes.record(OPERATIONS)), SIZE, SEED)
    for run, recording in lanes.record(ENDINGS).items():
        killed = [case for case in matrix({run: recording}) if case.fault in list(Victim)]
        cases += sample(killed, SIZE_OF_EACH_ENDING, SEED)
    rows = list(lanes.run(cases))
    assert [row.case for row in rows] == cases
    assert len(rows) == SIZE + len(ENDINGS) * SIZE_OF_EACH_ENDING
    assert any(row.met for row in rows)
    wrong = [f"{table.line(row)}\n    {table.rerun(row)}\n{row.said}" for row in rows if row.problems]
    assert not wrong, "\n\n".join([*wrong, table.totals(rows, time.monotonic() - started)])


@pytest.mark.parametrize(
    "row", [row for row in KILLED_FIRST if not row.operation.is_thorough], ids=lambda row: row.operation
)
def test_either_way_leads_out_of_what_is_particular_to_an_operation(row: KilledFirst, lanes: Lanes) -> None:
    cases = [Case(Run(row.operation), Victim.SELF, row.at, way) for way in Way]
    rows = list(lanes.run(cases))
    assert [(row.met, row.problems) for row in rows] == [(True, ())] * len(cases)
    assert {row.command for row in rows} == {f"{way} --yes" for way in Way}


def test_a_recreation_has_a_point_between_its_halves_and_a_webhook_is_relaxed_when_a_rollback_is_killed_halfway(
    lanes: Lanes,
) -> None:
    run = Run(Operation.ROLLBACK)
    points = lanes.record([run])[run].points
    removed, made = (points.index(f"after-{verb}-configmaps-istio_system-frozen@1") for verb in ("DELETE", "POST"))
    relaxed, back = (points.index(f"after-{verb}-mutatingwebhookconfigurations-guard@1") for verb in ("PATCH", "PUT"))
    assert removed < made
    (halfway,) = (row.at for row in KILLED_FIRST if row.operation is run.operation and row.moment is Moment.HALFWAY)
    assert relaxed < points.index(halfway) < back


def test_of_two_alike_lines_of_a_journal_the_second_can_be_torn(lanes: Lanes) -> None:
    torn = "torn-append-intent-mutatingwebhookconfigurations-guard@2"
    (row,) = lanes.run([Case(Run(Operation.ROLLBACK), Victim.SELF, torn, Way.RESUME)])
    assert (row.met, row.problems) == (True, ())
