"""Which process this is, for those who meet its locks."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import sys

from ..models.operations import Holder

_RUN = secrets.token_hex(3)


def this_process() -> Holder:
    """The user, the host and the process. Of a user without a name (a container's need not have one) the number."""
    return Holder(_user(), socket.gethostname(), os.getpid(), _RUN)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return _number()


if sys.platform == "win32":

    def _number() -> str:
        return "unknown"

else:

    def _number() -> str:
        return str(os.getuid())
