"""Signatures of commits, as git with the user's configuration judges them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ....models.verification import Signature
from ..gitio import Git

_JUDGEMENTS: Mapping[str, Signature] = {
    "G": Signature.GOOD,
    "U": Signature.GOOD,
    "X": Signature.GOOD,
    "Y": Signature.GOOD,
    "R": Signature.BAD,
    "B": Signature.BAD,
}
"""git's `%G?`: good, good of a key of unknown trust, good and expired since, good of a key that has expired since, of a
key that was revoked, bad. Whatever else there is means that it could not be checked."""

_NO_PROGRAM = "cannot run "
"""How git complains of a program that checks signatures and is not there."""


def judged(git: Git, commits: Iterable[str]) -> dict[str, Signature]:
    """What the signatures of these signed commits are worth."""
    listed = "\n".join(commits)
    if not listed:
        return {}
    arguments = ("log", "--no-walk=unsorted", "--stdin", "--format=%H %G?")
    done = git.as_user(*arguments, stdin=listed.encode())
    lines = (line.split(" ") for line in done.output.splitlines())
    found = {commit: _JUDGEMENTS.get(letter, Signature.UNCHECKED) for commit, letter in lines}
    if _NO_PROGRAM in done.errors:  # for git that is a bad signature, too
        return dict.fromkeys(listed.splitlines(), Signature.UNCHECKED)
    return {commit: found.get(commit, Signature.UNCHECKED) for commit in listed.splitlines()}
