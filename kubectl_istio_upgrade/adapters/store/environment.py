"""What of the user's environment and git configuration has a say: nothing, but for the few commands that need it.

A `GIT_DIR` of the shell must not redirect a snapshot, and an `~/.gitconfig` must not sign, filter or hook it. Yet a
remote is reached by the user's credentials, proxies and `insteadOf`, and signed with the user's key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_QUIET = {
    "GIT_TRACE": "0",
    "GIT_TRACE_CURL": "0",
    "GIT_TRACE_PACKET": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS_REQUIRE": "never",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
"""Nothing of a conversation with a remote reaches a log, nobody is asked anything, and errors are in one language.

Not GIT_CURL_VERBOSE: whatever it is set to turns it on. Where somebody has, `copies.remote` reads past it.
"""

_NO_CONFIGURATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
}

USERS_BUT = (
    ("core.hooksPath", os.devnull),
    ("i18n.commitEncoding", "UTF-8"),
    ("fetch.prune", "false"),
    ("fetch.unpackLimit", "1"),
    ("fetch.pruneTags", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("push.recurseSubmodules", "no"),
    ("transfer.fsckObjects", "true"),
    ("maintenance.auto", "false"),
)
"""What the user's configuration does not decide even then: a hook to run, a name to delete, a file beside the store."""


def sealed(path: Path) -> Mapping[str, str]:
    """For everything that the store does with itself."""
    return {**_repository(path), **_NO_CONFIGURATION, **_QUIET}


def users(path: Path) -> Mapping[str, str]:
    """For talking to remotes, signing, and checking signatures: the user's configuration, on this repository."""
    return {**_repository(path), **_QUIET}


def _repository(path: Path) -> Mapping[str, str]:
    """Values that overrule whatever the environment says; GitPython can set variables, not remove them."""
    repository, nowhere = str(path), str(path / "no-such-file")
    return {
        "GIT_DIR": repository,
        "GIT_COMMON_DIR": repository,
        "GIT_WORK_TREE": repository,
        "GIT_INDEX_FILE": nowhere,
        "GIT_OBJECT_DIRECTORY": str(path / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_SHALLOW_FILE": str(path / "shallow"),
        "GIT_GRAFT_FILE": nowhere,
        "GIT_NAMESPACE": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
