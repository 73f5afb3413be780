"""Signed commits, where the user's git signs commits: `snapshots/README.md`, Signatures.

`git fast-import` cannot sign. So what it wrote is committed again, signed; nothing leads to the first commit.
"""

from __future__ import annotations

import re

from ...errors import StoreError
from .gitio import Git, GitError, words_of

_COMMITTER = re.compile(r"^committer (?P<name>.*) <(?P<email>.*)> (?P<date>[0-9]+ [+-][0-9]{4})$", re.MULTILINE)


def is_wanted(git: Git) -> bool:
    """Whether git is configured to sign commits.

    A configuration that git cannot read asks for nothing: a broken file in somebody's home must not be in the way of a
    snapshot. That it is not signed shows in `show` and `store verify`.
    """
    return git.as_user("config", "--type=bool", "--get", "commit.gpgSign").output.strip() == "true"


def signed(git: Git, commit: str) -> str:
    """The same commit with a signature if git is configured to sign, else as it is. Raises StoreError, GitError."""
    if not is_wanted(git):
        return commit
    head, _, message = git.run("cat-file", "commit", commit).partition("\n\n")
    who = _COMMITTER.search(head)
    if who is None:
        raise GitError(f"{commit} has no committer")
    variables = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", who["name"]), ("EMAIL", who["email"]), ("DATE", f"@{who['date']}"))
    }
    fields = [line.split(" ") for line in head.splitlines()]
    parents = [word for field in fields if field[0] == "parent" for word in ("-p", field[1])]
    tree = next(field[1] for field in fields if field[0] == "tree")
    done = git.as_user("commit-tree", "-S", *parents, "-F", "-", tree, stdin=message.encode(), **variables)
    if done.status:
        hint = "git is configured to sign commits (commit.gpgSign), and the signer failed; nothing was changed"
        raise StoreError(f"the snapshot could not be signed: {words_of(done)}", hint=hint)
    return _packed(git, done.output.strip())


def _packed(git: Git, commit: str) -> str:
    """Put a loose commit into a pack of its own, every byte of which is under a checksum."""
    git.run("pack-objects", "--quiet", str(git.path / "objects" / "pack" / "pack"), stdin=f"{commit}\n".encode())
    git.run("prune-packed", "--quiet")
    return commit
