"""What the lines of a journal say: values into lines, and back. The format is specified in `snapshots/README.md`."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ...errors import StoreError
from ...models.objects import Body, Key
from ...models.operations import Aim, Attempt, End, Holder, Opening, Operation, Restarted, Step, Written
from ...models.plans import Action, Outcome, StepResult
from ...models.upgrades import Phase, PhaseOutcome, PhaseResult

FORMAT = 1
"""Of the journal's lines; a program that meets another refuses."""

_SUM = len(',"crc":"00000000"}')

_DAMAGED = "move the file away to go on; the snapshot before its operation is in `history`"


def of_opening(opening: Opening) -> Body:
    """The first line: of what operation this is."""
    return {
        "entry": "opening",
        "format": FORMAT,
        "id": opening.id,
        "kind": opening.kind,
        "target": opening.target,
        "label": opening.label,
        "before": opening.before,
        "started": _text(opening.started),
        "request": opening.request,
    }


def of_attempt(attempt: Attempt) -> Body:
    """A run of the operation that begins."""
    return {
        "entry": "attempt",
        "aim": str(attempt.aim),
        "planHash": attempt.plan_hash,
        "holder": asdict(attempt.holder),
        "started": _text(attempt.started),
        "steps": [[*key, str(action)] for key, action in attempt.steps],
    }


def of_intent(key: Key, action: Action, restart: Restarted | None) -> Body:
    """A write that is about to be sent."""
    line: Body = {"entry": "intent", "object": [*key], "action": str(action), "at": _now()}
    return line | ({"restart": restart.to_data()} if restart else {})


def of_result(result: StepResult) -> Body:
    """What became of it."""
    line: Body = {"entry": "outcome", "object": [*result.key], "action": str(result.action)}
    line |= {"outcome": str(result.outcome), "seconds": round(result.seconds, 3), "at": _now()}
    if result.reason:
        line["reason"] = result.reason
    if result.version:
        line["version"] = [*result.version]
    return line


def of_phase(result: PhaseResult) -> Body:
    """A phase of an upgrade that has ended."""
    line: Body = {"entry": "phase", "phase": str(result.phase), "outcome": str(result.outcome)}
    line |= {"started": _text(result.started), "seconds": round(result.seconds, 3), "at": _now()}
    return line | {name: text for name, text in (("detail", result.detail), ("reason", result.reason)) if text}


def of_end(end: End, after: str) -> Body:
    """The last line."""
    return {"entry": "ending", "end": str(end), "after": after, "at": _now()}


def summed(line: Body) -> bytes:
    """A line as it is written, its CRC-32 at its end."""
    text = orjson.dumps(line)[:-1]
    return b'%b,"crc":"%08x"}\n' % (text, zlib.crc32(text))


def read(data: bytes, file: Path) -> Operation:
    """A journal as a value. A last line without its end is what a crash leaves; it counts as not there.

    Raises StoreError for anything else that cannot be understood.
    """
    try:
        first, *lines = data[: whole(data)].splitlines()
        opening = _read_opening(orjson.loads(first))  # its format first: another may have other sums
        _check(first)
        return _operation(opening, [_checked(line) for line in lines])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the journal {file} is damaged: {error}", hint=_DAMAGED) from error


def has_broken_end(data: bytes) -> bool:
    """Whether what follows the last line end is a whole line with another byte in the place of its own line end.

    A crash leaves the beginning of a line. This is damage, and the line counts.
    """
    end = data[whole(data) :]
    try:
        _check(end[:-1])
    except ValueError:
        return False
    return bool(end)


def whole(data: bytes) -> int:
    """How many bytes of a journal are whole lines."""
    return data.rfind(b"\n") + 1


def _checked(line: bytes) -> Body:
    _check(line)
    entry: Body = orjson.loads(line)
    return entry


def _check(line: bytes) -> None:
    text, sum_ = line[:-_SUM], line[-_SUM:]
    if sum_ != b',"crc":"%08x"}' % zlib.crc32(text):
        raise ValueError("a line is not as it was written")


def _operation(opening: Opening, lines: Iterable[Body]) -> Operation:
    attempts: list[Attempt] = []
    written: dict[Step, Written] = {}
    phases: list[PhaseResult] = []
    restarts: list[Restarted] = []
    end: End | None = None
    after = ""
    for line in lines:
        match line["entry"]:
            case "attempt":
                attempts.append(_read_attempt(line))
            case "intent":
                written[_step(line)] = Written(None, run=len(attempts))
                restarts += _read_restart(line)
            case "outcome":
                outcome = Outcome(line["outcome"])
                said = line.get("reason", ""), line.get("seconds", 0.0)
                written[_step(line)] = Written(outcome, *said, run=len(attempts))
                _conclude(restarts, line)
            case "phase":
                phases.append(_read_phase(line))
            case "ending":
                end, after = End(line["end"]), line["after"]
            case other:
                raise ValueError(f"an entry {other!r}")
    return Operation(opening, tuple(attempts), written, tuple(phases), end, after, tuple(restarts))


def _step(line: Body) -> Step:
    return Key(*line["object"]), Action(line["action"])


def _read_restart(line: Body) -> Iterable[Restarted]:
    if restart := line.get("restart"):
        yield replace(Restarted.of_data(restart), outcome=None)


def _conclude(restarts: list[Restarted], line: Body) -> None:
    """Note the outcome of the newest restart of an object whose intent has none yet."""
    key = Key(*line["object"])
    for number in reversed(range(len(restarts))):
        if restarts[number].key == key and restarts[number].outcome is None:
            restarts[number] = replace(restarts[number], outcome=Outcome(line["outcome"]))
            return


def _read_opening(line: Body) -> Opening:
    if line["entry"] != "opening" or line["format"] != FORMAT:
        raise ValueError(f"format {line.get('format')}, this program reads {FORMAT}")
    return Opening(
        id=line["id"],
        kind=line["kind"],
        target=line["target"],
        label=line["label"],
        before=line["before"],
        started=datetime.fromisoformat(line["started"]),
        request=line["request"],
    )


def _read_attempt(line: Body) -> Attempt:
    return Attempt(
        aim=Aim(line["aim"]),
        plan_hash=line["planHash"],
        holder=Holder(**line["holder"]),
        started=datetime.fromisoformat(line["started"]),
        steps=tuple((Key(*step[:-1]), Action(step[-1])) for step in line["steps"]),
    )


def _read_phase(line: Body) -> PhaseResult:
    return PhaseResult(
        Phase(line["phase"]),
        PhaseOutcome(line["outcome"]),
        datetime.fromisoformat(line["started"]),
        float(line["seconds"]),
        line.get("detail", ""),
        line.get("reason", ""),
    )


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _now() -> str:
    return _text(datetime.now(UTC))
