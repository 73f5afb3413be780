"""The moments before a command's first write: seen in one run, and then stopped at, one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from kubectl_istio_upgrade.apply.execution import PARALLEL

from .program import PATIENCE, Program
from .proxy import Seen

MANY = 3 * PARALLEL
"""Objects that a rollback or an apply has to write: more than are ever on their way, and some before them."""

PROMPTLY = 10.0
"""Seconds from Ctrl-C to the end, on a busy machine, while the server still does not answer."""

REPEATED = ("a list", "a dry run")
"""Requests that there are many of, at a time: the first is a moment, and so is the last."""


@dataclass(frozen=True)
class Moment:
    """A request that is under way."""

    kind: str
    after: int = 0
    """How many of its kind come before it."""

    def __str__(self) -> str:
        return f"{self.kind}, after {self.after}"

    def is_kind(self, seen: Seen) -> bool:
        """Whether a request is of this kind."""
        return kind_of(seen) == self.kind


def kind_of(seen: Seen) -> str:
    """What a request is for, in words."""
    if seen.tries:
        return "a dry run"
    if is_list(seen):
        return "a list"
    if "limit=1" in seen.target:
        return "the newest version"
    path = seen.target.partition("?")[0]
    return f"{seen.method} {path if path.count('/') < 4 else '/'.join(path.split('/')[:4])}"


def is_list(seen: Seen) -> bool:
    return "resourceVersionMatch=Exact" in seen.target


def of_the_lock(method: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.method == method and "/leases" in seen.target


def _asks(seen: Seen) -> bool:
    return seen.method == "GET" or seen.tries or "/selfsubject" in seen.target


def moments_of(requests: Iterable[Seen]) -> list[Moment]:
    """Those of the requests that only ask, in their order, as far as to the first that does more: it makes a lock."""
    counts: dict[str, int] = {}
    for seen in takewhile(_asks, requests):
        counts[kind_of(seen)] = counts.get(kind_of(seen), 0) + 1
    firsts = [Moment(kind) for kind in counts]
    return firsts + [Moment(kind, counts[kind] - 1) for kind in REPEATED if counts.get(kind, 0) > 1]


@dataclass(frozen=True)
class Wrapped:
    """A program that writes down how it is called, and waits before it does what one word says."""

    folder: Path
    """To be put on the PATH."""
    log: Path
    held: Path
    """Is there once it waits."""

    @property
    def calls(self) -> list[list[str]]:
        """Every command line so far, in words."""
        return [line.split() for line in self.log.read_text("utf-8").splitlines()] if self.log.exists() else []

    @classmethod
    def of(cls, program: str, folder: Path, word: str = "", real: Path | None = None) -> Wrapped:
        """Wrap a program of the PATH, or a `real` one; without a word it never waits."""
        folder.mkdir(parents=True, exist_ok=True)
        wrapped = cls(folder, folder / "calls", folder / "held")
        hold = f'case " $* " in *" {word} "*) : > {wrapped.held}; sleep {PATIENCE:.0f};; esac\n' if word else ""
        script = f'#!/bin/sh\necho "$*" >> {wrapped.log}\n{hold}exec {real or shutil.which(program)} "$@"\n'
        (folder / program).write_text(script, "utf-8")
        (folder / program).chmod(0o755)
        return wrapped


def subcommand(words: Sequence[str]) -> str:
    """What git, or istioctl, is asked to do: its first word that is no option."""
    pairs = zip(("", *words[:-1]), words, strict=True)
    return next((word for before, word in pairs if word[0] != "-" and before != "-c"), "")


INTERRUPTED_AT = """
import os, signal
from kubectl_istio_upgrade.adapters.store import durable, journal

def wrapped(module, name):
    call = getattr(module, name)
    def at(*given):
        result = call(*given)
        if "journals" in str(given[0]) and os.environ["INTERRUPTED_AT"] == name:
            os.kill(os.getpid(), signal.SIGTERM)
        return result
    setattr(module, name, at)

wrapped(journal, "_begun")
wrapped(journal, "finish")
"""


def interrupting_at(program: Program, folder: Path, name: str) -> Program:
    (folder / "sitecustomize.py").write_text(INTERRUPTED_AT, "utf-8")
    return program.having(PYTHONPATH=str(folder), INTERRUPTED_AT=name)
