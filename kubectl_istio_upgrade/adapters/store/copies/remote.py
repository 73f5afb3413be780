"""A git repository elsewhere. Nobody is ever asked for credentials, and none of an address is shown."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ....errors import RemoteError, UsageError
from ...paths import expanded
from ..gitio import Done, Git
from ..refs import HEADS, KEPT, TAGS, Refs

_LOCAL = re.compile(r"[^:/]*(?:/|\Z)").match
"""How a path begins, for git: no colon before the first slash."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*(?=@)")
_SNAPSHOTS = re.compile(r"refs/(?:heads/|tags/|kept/)(?P<branch>[a-z0-9-]+-[0-9a-z]{8,})(?:/[^/]+)?").fullmatch

_POLITE = ("Please make sure you have the correct access rights", "and the repository exists.")
_TRACED = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]+ ").match
_LABEL = re.compile(r"(?:fatal|error|remote): ").sub

_SILENT_SSH = "-o BatchMode=yes"


class Advice(NamedTuple):
    """One row: what git complains of, and what helps."""

    complaint: re.Pattern[str]
    hint: str


ADVICE = (
    Advice(
        re.compile(r"shallow update not allowed"),
        "`store gc` has shortened the history here, and the remote takes whole ones only: there,"
        " `git config receive.shallowUpdate true` allows it; or push before `store gc` next time",
    ),
    Advice(
        re.compile(r"could not read (?:Username|Password)|terminal prompts disabled|[Aa]uthentication failed|"
                   r"[Pp]ermission denied|Host key verification failed|returned error: 40[13]"),
        "nobody is asked for credentials here: they must be where git finds them by itself, such as a credential"
        " helper, an ssh agent or known_hosts",
    ),
    Advice(
        re.compile(r"does not appear to be a git repository|not found|does not exist"),
        "is the address right? a repository for it is made with `git init --bare`",
    ),
)  # fmt: skip
"""By what git says. Its words are stable: with `LC_ALL=C`, as `environment` has it."""


class Answer(NamedTuple):
    """What a remote has done with one ref that was sent to it."""

    flag: str
    ref: str
    summary: str


@dataclass(frozen=True)
class Remote:
    """One remote."""

    address: str
    """As git takes it."""

    @classmethod
    def at(cls, address: str) -> Remote:
        """Of what somebody typed; a path is one of this process's folder. Raises UsageError for what is no address."""
        if not address or address.startswith("-") or any(letter < " " for letter in address):
            raise UsageError(f"{address!r} is not the address of a remote")
        return cls(str(expanded(address).absolute()) if _LOCAL(address) else address)

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return _public(self.address)

    def refs(self) -> Refs:
        """All that it has of snapshots. Raises RemoteError. Needs no store."""
        with tempfile.TemporaryDirectory(prefix="istio-upgrade-") as folder:
            patterns = (f"{space}*" for space in (HEADS, TAGS, KEPT))
            done = self._talk(Git(Path(folder)), "ls-remote", "--quiet", "--refs", "--", self.address, *patterns)
        self._check(done, "cannot be read")
        lines = (line.split("\t") for line in done.output.split("\n")[:-1])  # names may have other line ends in them
        return Refs({ref: commit for commit, ref in lines if _is_snapshots(ref)})

    def fetch(self, git: Git, refs: Sequence[str], into: str) -> None:
        """Get these refs, `into` taking the place of `refs/` in their names. Raises RemoteError."""
        wanted = "".join(f"{ref}:{into}{ref.removeprefix('refs/')}\n" for ref in refs)
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--update-shallow")
        done = self._talk(git, "fetch", *options, "--stdin", "--", self.address, stdin=wanted.encode())
        self._check(done, "cannot be read")

    def push(self, git: Git, updates: Sequence[tuple[str, str]]) -> tuple[Answer, ...]:
        """Send commits to refs, all of them or none, never by force; what the remote says of each. Raises RemoteError.

        Where it refuses one, the others are not taken either; that is not raised.
        """
        specs = [f"{commit}:{ref}" for commit, ref in updates]
        options = ("--porcelain", "--quiet", "--no-verify", "--atomic")
        done = self._talk(git, "push", *options, "--", self.address, *specs)
        answers = tuple(
            Answer(fields[0], fields[1].partition(":")[2], fields[2])
            for line in done.output.splitlines()
            if len(fields := line.split("\t")) == 3
        )
        if not any(answer.flag == "!" for answer in answers):
            self._check(done, "cannot be written")
        return answers

    def refused(self, answers: Sequence[Answer]) -> RemoteError:
        """What it means that the remote does not take what was sent."""
        reasons = dict.fromkeys(answer.summary for answer in answers if answer.flag == "!")
        why = "; ".join(list(reasons)[:2])
        return RemoteError(f"{self.shown} does not take it: {_public(why)}", hint=_hint(why))

    def _talk(self, git: Git, *arguments: str, stdin: bytes = b"") -> Done:
        return git.as_user(*arguments, stdin=stdin, GIT_SSH_COMMAND=_ssh(git), SSH_ASKPASS="", GCM_INTERACTIVE="never")

    def _check(self, done: Done, what: str) -> None:
        if done.status:
            said = _words(done)
            raise RemoteError(f"the remote {self.shown} {what}: {_public(said)}", hint=_hint(said))


def _is_snapshots(ref: str) -> bool:
    """Whether a ref can be of this format: a branch of a cluster, or what belongs to one."""
    return _SNAPSHOTS(ref) is not None and ref.count("/") == (2 if ref.startswith(HEADS) else 3)


def _ssh(git: Git) -> str:
    """The user's way to run ssh, told not to ask."""
    command = os.environ.get("GIT_SSH_COMMAND") or git.as_user("config", "--get", "core.sshCommand").output.strip()
    command = command or shlex.quote(os.environ.get("GIT_SSH") or "ssh")
    return f"{command} {_SILENT_SSH}" if Path(shlex.split(command)[0]).stem == "ssh" else command


def _public(text: str) -> str:
    return _CREDENTIALS.sub("***", text)


def _words(done: Done) -> str:
    """What was said, on one line, the system's words before git's."""
    lines = [_LABEL("", line).strip() for line in done.errors.splitlines()]
    said = [line for line in dict.fromkeys(lines) if line and not line.startswith(_POLITE) and not _TRACED(line)]
    return "; ".join(said[:3]) or f"git ended with status {done.status}"


def _hint(said: str) -> str:
    for complaint, hint in ADVICE:
        if complaint.search(said):
            return hint
    return "nothing was changed here; try again when it answers"
