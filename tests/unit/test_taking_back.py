"""`upgrade --auto-rollback` that cannot take back: exit code 4, and never a word that nothing was changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from kubectl_istio_upgrade.capture import CaptureOptions
from kubectl_istio_upgrade.cli import taking_back
from kubectl_istio_upgrade.cli.approval import Approval
from kubectl_istio_upgrade.cli.settings import Settings
from kubectl_istio_upgrade.errors import (
    ApiError,
    ExitCode,
    IncompleteError,
    Interrupted,
    LockedError,
    RefusedError,
    StoreError,
)
from kubectl_istio_upgrade.models.operations import Opening, Operation
from kubectl_istio_upgrade.operations.session import WritingSession

REQUEST = {"exclude": [], "rootNamespace": "istio-system"}
FAILURE = IncompleteError("istioctl install failed", hint="`kubectl istio-upgrade resume` finishes it")


def operation(kind: str) -> Operation:
    label = {"upgrade": "Istio 1.29.1", "rollback": "snapshot bbbbbbb"}[kind]
    return Operation(Opening("id", kind, "c" * 40, label, "b" * 40, datetime(2026, 1, 1, tzinfo=UTC), REQUEST), ())


class Store:
    """Has the operation at first, and then what is unfinished after the taking back, which this fault stops."""

    def __init__(self, fault: BaseException, *unfinished: Operation | StoreError | None) -> None:
        self.fault = fault
        self.left = list(unfinished)

    def branch_of(self, _: object) -> str:
        return "testbed"

    def unfinished(self, _: str) -> Operation | None:
        found = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(found, StoreError):
            raise found
        return found

    def resolve(self, _branch: str, _reference: str) -> Any:
        raise self.fault


class Reader:
    def identity(self) -> None: ...


def stopped(store: Store) -> IncompleteError | None:
    given: Any = {"connect": Reader, "connect_writer": None, "progress": None, "holder": None, "prober": None}
    session = WritingSession(
        store=cast("Any", store), options=CaptureOptions(), context_name=lambda: "testbed", **given
    )
    return taking_back.stopped(Approval(Settings({}), session, "Istio 1.29.1", True, False), FAILURE)


FAULTS = (
    KeyboardInterrupt(),
    Interrupted("interrupted; nothing was changed"),
    RefusedError("the server would not accept 1 write; nothing was changed:\n  istiod", hint="see its policy"),
    RefusedError("stopped before the first write, nothing was changed: it moved"),
    LockedError("somebody else is changing this mesh"),
    ApiError("the server is on fire", status=500),
    StoreError("the disk is full"),
    ValueError("a bug"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault)[:30])
def test_whatever_stops_it_is_incomplete_and_abort_is_named(fault: BaseException) -> None:
    end = stopped(Store(fault, operation("upgrade")))
    assert end is not None
    assert end.exit_code is ExitCode.INCOMPLETE
    assert end.message.startswith("the upgrade failed, and is not taken back: ")
    assert "why it failed: istioctl install failed" in end.message
    hint = (end.hint or "").splitlines()
    assert hint[-1].startswith(
        "`kubectl istio-upgrade abort` takes it back to snapshot bbbbbbb, `kubectl istio-upgrade"
    )
    assert "nothing was changed" not in end.message
    assert ("see its policy" in hint) is ("1 write" in str(fault))


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (operation("rollback"), "resume` finishes the rollback to snapshot bbbbbbb"),
        (None, "to take it back: kubectl istio-upgrade rollback bbbbbbb"),
        (StoreError("damaged"), "to take it back: kubectl istio-upgrade rollback bbbbbbb"),
    ],
)
def test_what_comes_next_is_what_is_left(left: Operation | StoreError | None, words: str) -> None:
    end = stopped(Store(KeyboardInterrupt(), operation("upgrade"), operation("upgrade"), left))
    assert end is not None
    assert end.message.startswith("the upgrade failed, and is not taken back: interrupted")
    assert words in (end.hint or "")


def test_where_nothing_was_changed_nothing_is_taken_back() -> None:
    assert stopped(Store(KeyboardInterrupt(), None)) is None
