"""The answer of `validate`."""

from __future__ import annotations

from ..models.objects import Json
from ..models.validation import Check, CheckStatus, Validation
from .terminal import Terminal

_COLOURS = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.FAILED: "red",
    CheckStatus.SKIPPED: "cyan",
}
_INDENT = " " * 9


def print_validation(out: Terminal, validation: Validation) -> None:
    """A check a line, with what does not hold below it, and the answer last."""
    for check in validation.checks:
        status = out.style(f"{check.status:<8}", fg=_COLOURS[check.status])
        out.prose(f"{check.title}: {check.summary}", f"{status} ")
        for detail in check.details:
            out.prose(detail, _INDENT)
    out.prose(_answer(validation))


def _answer(validation: Validation) -> str:
    """`valid: 8 ok, 2 skipped`."""
    counts = ", ".join(f"{validation.counts[status]} {status}" for status in CheckStatus if validation.counts[status])
    return f"{'valid' if validation.holds else 'not valid'}: {counts}"


def validation_data(validation: Validation) -> Json:
    """The same for programs."""
    return {
        "holds": validation.holds,
        "summary": {str(status): validation.counts[status] for status in CheckStatus},
        "checks": [_check_data(check) for check in validation.checks],
    }


def _check_data(check: Check) -> Json:
    return {
        "id": check.id,
        "title": check.title,
        "status": str(check.status),
        "summary": check.summary,
        "details": list(check.details),
    }
