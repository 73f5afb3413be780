"""Runs one command, and ends it when this process's standard input closes.

The pipe closes with the process that holds its other end, however that one dies, so nothing outlives a test run that
was killed. It is a script of its own, run with `python -I -S`, so that it starts in a few milliseconds.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys

GRACE_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to end the command if this supervisor itself is killed; elsewhere the pipe has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for_end(child: "subprocess.Popen[bytes]") -> None:
    """Return when the command has ended or standard input has closed, whichever comes first."""
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], 0.2)
        if readable and not os.read(0, 1):
            return


def main() -> int:
    """Run the command given as arguments; its exit code is ours."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=reset_and_die_with_parent)
    wait_for_end(child)
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
    return child.wait()


def reset_and_die_with_parent() -> None:
    """Give the command ordinary signals back: ignored ones would be inherited."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)
    die_with_parent()


if __name__ == "__main__":
    sys.exit(main())
