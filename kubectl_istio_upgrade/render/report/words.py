"""The words of a report: how it ended, how long it took, which of them are good news."""

from __future__ import annotations

from ...models.reports import Ending, ProofReport, Report
from ..names import plural
from .document import Tone

ENDINGS: dict[Ending, tuple[str, Tone]] = {
    Ending.PROVED: ("proved", Tone.GOOD),
    Ending.RESIDUAL: ("not proved", Tone.BAD),
    Ending.ABORTED: ("taken back", Tone.CARE),
    Ending.UNFINISHED: ("unfinished", Tone.BAD),
    Ending.NOTHING: ("nothing changed", Tone.QUIET),
    Ending.UNKNOWN: ("end not on record", Tone.CARE),
}
"""In a word or two, and what that means for the reader."""

_TONES: dict[str, Tone] = {
    "done": Tone.GOOD,
    "ok": Tone.GOOD,
    "failed": Tone.BAD,
    "blocker": Tone.BAD,
    "begun": Tone.CARE,
    "unknown": Tone.CARE,
    "warning": Tone.CARE,
    "pending": Tone.QUIET,
    "skipped": Tone.QUIET,
    "info": Tone.QUIET,
}

_LEADS: dict[str, str] = {"apply": "of"}
"""What stands between an operation's kind and its target; `to` with all others."""

_MINUTE, _HOUR = 60, 3600


def tone_of(outcome: str) -> Tone:
    """What an outcome or a severity means; a word of a newer program means nothing yet."""
    return _TONES.get(outcome, Tone.PLAIN)


def title(report: Report) -> str:
    """`Upgrade to 1.29.1`, `Rollback to snapshot 3f2a91c (friday)`, `Apply of 3 objects of mesh/`."""
    kind = report.kind[:1].upper() + report.kind[1:]
    return f"{kind} {_LEADS.get(report.kind, 'to')} {report.target}" if report.target else kind


def statement(report: Report) -> str:
    """How it ended, in a sentence."""
    match report.ending:
        case Ending.PROVED | Ending.RESIDUAL if report.proof:
            return f"The cluster was read again: {_proof(report.proof, _promised(report))}."
        case Ending.ABORTED if report.proof:
            return f"It was cut short, and taken back: {_proof(report.proof, 'the state before it')}."
        case Ending.ABORTED:
            return "It was cut short, and taken back."
        case Ending.UNFINISHED:
            return f"It was cut short, and nobody has ended it yet: {report.stopped_at}."
        case Ending.NOTHING:
            return "It stopped before its first write. Nothing was changed."
    return "Its beginning is in this store and its end is not. It may have gone on elsewhere, or been cut short."


def _promised(report: Report) -> str:
    return report.target if report.target.startswith("snapshot ") else "what was planned"


def _proof(proof: ProofReport, promised: str) -> str:
    kept = f", {len(proof.kept):,} kept for the reasons given below" if proof.kept else ""
    if proof.residual:
        count = plural(len(proof.residual), "object")
        return f"{count} still {'differs' if len(proof.residual) == 1 else 'differ'} from {promised}{kept}"
    verb = "is" if proof.identical == 1 else "are"
    return f"{counted(proof.identical, 'object')} {verb} identical to {promised}{kept}"


def counted(count: int, word: str) -> str:
    """`1 object`, `1,204 objects`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def duration(seconds: float | None) -> str:
    """`0.12 s`, `7.0 s`, `3 min 12 s`, `1 h 02 min`; "" where nobody knows."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
