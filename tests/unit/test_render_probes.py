"""What the probes counted, for people, for programs and on record."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kubectl_istio_upgrade.errors import RefusedError
from kubectl_istio_upgrade.models.plans import Plan, Proof
from kubectl_istio_upgrade.models.probes import BEFORE, PhaseCount, Probe, ProbeCount, ProbeFailure, ProbeKind
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotInfo, SnapshotMeta
from kubectl_istio_upgrade.operations.probing import AFTER, WRITING, check_before, recorded, still_failing
from kubectl_istio_upgrade.operations.reporting.reading import probes_of
from kubectl_istio_upgrade.operations.run import Finished
from kubectl_istio_upgrade.render.plans import finished_data, print_finished
from kubectl_istio_upgrade.render.terminal import Terminal

SCHEMA = json.loads((Path(__file__).parents[2] / "snapshots" / "schema.json").read_text())
NOW = datetime(2026, 11, 23, 8, 4, 5, 678, tzinfo=UTC)
PLAN = Plan("apply", "mesh.yaml", (), 0, "0" * 64)
PROOF = Proof("mesh.yaml", 3, (), (), 1)
SHOP = Probe(ProbeKind.URL, "http://shop/?…", "http://shop/?token=hunter2")
GOOD = ProbeCount(SHOP, (PhaseCount(BEFORE, 9), PhaseCount(AFTER, 10)), 0.25)
BAD = ProbeCount(
    SHOP,
    (PhaseCount(BEFORE, 9), PhaseCount(WRITING, 40, 4), PhaseCount(AFTER, 10)),
    1.234,
    ProbeFailure(NOW, WRITING, "connection refused"),
    ProbeFailure(NOW.replace(second=6), WRITING, "status 503"),
)
WORSE = ProbeCount(SHOP, (PhaseCount(BEFORE, 1, 1), PhaseCount(AFTER, 2, 1)), 9.0, BAD.first, BAD.last)


def info(commit: str) -> SnapshotInfo:
    return SnapshotInfo(commit * 40, "prod", SnapshotMeta(Purpose.BEFORE, ClusterIdentity("uid", "prod"), NOW))


def finished(*counts: ProbeCount) -> Finished:
    return Finished(PLAN, PROOF, info("a"), info("b"), 2.0, counts)


def record(*counts: ProbeCount) -> dict[str, Any]:
    return recorded(counts)


def test_people_get_a_line_for_each_probe_and_when_and_why_it_failed() -> None:
    stream = io.StringIO()
    print_finished(Terminal(stream), finished(GOOD, BAD))
    assert stream.getvalue().splitlines() == [
        "proved: 3 objects identical to mesh.yaml",
        "probe http://shop/?…: 19 sent, 0 failed, longest gap 0.2 s",
        "probe http://shop/?…: 59 sent, 4 failed (4 of 40 writing), longest gap 1.2 s",
        "        first failed at 2026-11-23 08:04:05Z (writing): connection refused",
        "        last failed at 2026-11-23 08:04:06Z (writing): status 503",
        "before: aaaaaaa   after: bbbbbbb   took 2.0 s",
        "to take this back: kubectl istio-upgrade rollback aaaaaaa",
    ]


def test_programs_get_all_that_was_counted() -> None:
    data = finished_data(finished(GOOD, BAD))["probes"]
    assert [each["failed"] for each in data] == [0, 4]
    assert data[1] == {
        "kind": "url",
        "probe": "http://shop/?…",
        "sent": 59,
        "failed": 4,
        "longestGap": 1.234,
        "phases": [
            {"phase": "before", "sent": 9, "failed": 0},
            {"phase": "writing", "sent": 40, "failed": 4},
            {"phase": "after", "sent": 10, "failed": 0},
        ],
        "firstFailure": {"at": "2026-11-23T08:04:05Z", "phase": "writing", "reason": "connection refused"},
        "lastFailure": {"at": "2026-11-23T08:04:06Z", "phase": "writing", "reason": "status 503"},
    }


def test_the_record_has_what_its_format_says_and_reports_read_it() -> None:
    probes = record(GOOD, BAD)["probes"]
    schema = {"$ref": "#/$defs/operation/properties/probes", "$defs": SCHEMA["$defs"]}
    jsonschema.validate(probes, schema)
    assert probes[1] == {
        "probe": "http://shop/?…",
        "phases": [
            {"phase": "before", "sent": 9, "failed": 0},
            {"phase": "writing", "sent": 40, "failed": 4},
            {"phase": "after", "sent": 10, "failed": 0},
        ],
        "firstFailure": {"at": "2026-11-23T08:04:05Z", "reason": "connection refused"},
        "longestGap": 1.234,
    }
    good, bad = probes_of(record(GOOD, BAD))
    assert (good.sent, good.failed, good.first_failure, good.longest_gap) == (19, 0, "", 0.25)
    assert (bad.sent, bad.failed, bad.first_failure) == (59, 4, "2026-11-23T08:04:05Z connection refused")


def test_without_probes_there_is_no_word_of_them_on_record() -> None:
    assert "probes" not in record()
    assert finished_data(finished())["probes"] == []


def test_nothing_that_might_be_a_credential_is_shown_or_recorded() -> None:
    stream = io.StringIO()
    print_finished(Terminal(stream), finished(WORSE))
    assert "hunter2" not in f"{stream.getvalue()}{finished_data(finished(WORSE))}{record(WORSE)}{WORSE!r}"


def test_only_failures_after_the_proof_count_in_the_end() -> None:
    assert still_failing([GOOD, BAD]) == ()
    assert still_failing([GOOD, WORSE]) == ("probe http://shop/?… fails: status 503",)


class Seen:
    """Probes of which the counts are known: a prober and its watch in one."""

    def __init__(self, *counts: ProbeCount, may_fail: bool = False) -> None:
        self.seen = counts
        self.may_fail = may_fail

    def running(self) -> Any:
        raise AssertionError

    def phase(self, name: str) -> None:
        raise AssertionError(name)

    def observe(self, requests: int) -> tuple[ProbeCount, ...]:
        assert requests > 0
        return self.seen

    def counts(self) -> tuple[ProbeCount, ...]:
        return self.seen


@pytest.mark.parametrize("operation", ["apply", "upgrade", "restart"])
def test_a_probe_that_fails_before_anything_was_changed_refuses_and_is_named(operation: str) -> None:
    seen = Seen(GOOD, WORSE)
    with pytest.raises(RefusedError, match=r"probe http://shop/.* fails: status 503; nothing was changed") as caught:
        check_before(seen, seen, operation)
    assert "--probe-may-fail" in str(caught.value.hint)


def test_what_may_be_the_cure_is_not_refused_for_it() -> None:
    seen = Seen(WORSE)
    warning = ("probe http://shop/?… fails: status 503, before anything is changed",)
    assert check_before(seen, seen, "rollback") == warning
    assert check_before(seen, seen, "apply", goes_on=True) == warning
    assert check_before(Seen(WORSE), Seen(WORSE, may_fail=True), "apply") == warning


def test_probes_that_succeed_say_nothing() -> None:
    seen = Seen(GOOD, BAD)
    assert check_before(seen, seen, "apply") == ()
