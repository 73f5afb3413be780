"""`upgrade --auto-rollback`: what has just failed is taken back.

The mesh has been changed by then, so however this ends, it is exit code 4, and the command that comes next is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..errors import IncompleteError, IstioUpgradeError, StoreError
from ..models.operations import Operation
from ..operations import unfinished
from ..operations.probing import still_failing
from ..operations.run import Finished
from ..operations.session import WritingSession
from ..operations.upgrading.preparing import UPGRADE
from ..render.plans import print_finished
from .approval import Approval

REPORT = "`kubectl istio-upgrade report` shows how it went"
ROLLBACK = "to take it back: kubectl istio-upgrade rollback {before}"
RESUME, ABORT = "`kubectl istio-upgrade resume`", "`kubectl istio-upgrade abort`"
OF_UPGRADE = f"{ABORT} takes it back to snapshot {{before}}, {RESUME} finishes it"
OF_ROLLBACK = f"{RESUME} finishes the {{operation}}, {ABORT} ends it as it was upgraded"
NOT_OF_THE_MESH = re.compile(r"[;,:]? nothing was changed")
"""What stops the taking back before its first write says so; but the upgrade has changed the mesh."""


def stopped(approval: Approval, failure: BaseException) -> IncompleteError | None:
    """Take back an upgrade that has stopped half-way; the answer is the error to end with.

    None where nothing is unfinished: then there is nothing to take back.
    """
    session = approval.session
    try:
        operation = session.store.unfinished(session.branch)
    except StoreError:
        return None
    if operation is None:
        return None
    before = operation.opening.before[:7]
    return _taken_back(approval, failure, before, lambda: unfinished.current(session))


def ended(approval: Approval, failure: IncompleteError, finished: Finished) -> IncompleteError:
    """Take back an upgrade that has run to an end that is no good; the answer is the error to end with."""
    session = approval.session
    return _taken_back(approval, failure, finished.before.short, lambda: unfinished.just_ended(session, finished))


def _taken_back(
    approval: Approval, failure: BaseException, before: str, find: Callable[[], Operation]
) -> IncompleteError:
    err, session = approval.settings.err, approval.session
    why = _words(failure)
    brief = why.partition("\n")[0].rstrip(":")  # all of it has been told by then
    try:
        err.prose(why, "failed: ")
        err.line("taking it back, as --auto-rollback says")
        continuation = unfinished.abort(session, find())
        agreed = replace(approval, title=continuation.title, yes=True)
        finished = continuation.run(agreed.review)
        print_finished(err, finished)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, the mesh has been changed
        message = f"the upgrade failed, and is not taken back: {_words(error)}"
        return IncompleteError(f"{message}\nwhy it failed: {brief}", hint="\n".join(_next(session, error, before)))
    if not finished.proof.holds:
        hint = f"{ROLLBACK.format(before=before)}\n{REPORT}"
        return IncompleteError(f"the upgrade failed, and is not taken back whole: {brief}", hint=hint)
    failing = () if session.prober.may_fail else still_failing(finished.probes)
    but = f", but {'; '.join(failing)}" if failing else ""
    return IncompleteError(f"the upgrade failed and was taken back, proved{but}: {brief}", hint=REPORT)


def _next(session: WritingSession, error: BaseException, before: str) -> Iterator[str]:
    """What the error itself hints at, but for the commands that end an operation, which are named with their sense."""
    hint = (error.hint or "") if isinstance(error, IstioUpgradeError) else ""
    yield from (line for line in hint.splitlines() if RESUME not in line)
    try:
        operation = session.store.unfinished(session.branch)
    except IstioUpgradeError:
        operation = None
    if operation is None:
        yield ROLLBACK.format(before=before)
    elif operation.opening.kind == UPGRADE:
        yield OF_UPGRADE.format(before=before)
    else:
        yield OF_ROLLBACK.format(operation=operation)


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    message = error.message if isinstance(error, IstioUpgradeError) else str(error) or type(error).__name__
    return NOT_OF_THE_MESH.sub("", message)
