"""Runs commands of the product in processes of their own that have everything loaded already.

A short command spends half of its time on imports, and a case is several short commands. So one process imports the
whole program and does nothing else; each command is a fork of it. `python -m tests.faults.nursery` is that process.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import kubectl_istio_upgrade
from tests.cli.program import PATIENCE, Result

from . import killer

ROOT = Path(__file__).parents[2]

_IMPORTED_LATE = ("git", "deepdiff", "rich.console", "rich.progress", "rich.table", "rich.text", "yaml")
"""What the program imports only when it needs it."""


class Nursery:
    """Runs one command at a time. Ends with `close`, or with the process that started it."""

    def __init__(self) -> None:
        """Load the program; the first command waits for that."""
        self._process = _start()

    def run(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], folder: Path, *, watched: bool = False
    ) -> Result:
        """Run a command to its end; `watched` by the killer. Raises subprocess.TimeoutExpired."""
        out, err = folder / "stdout", folder / "stderr"
        order = {"arguments": arguments, "environment": dict(environment), "watched": watched}
        orders, answers = self._process.stdin, self._process.stdout
        assert orders
        assert answers
        orders.write(json.dumps({**order, "out": str(out), "err": str(err)}) + "\n")
        orders.flush()
        if not select.select([answers], [], [], PATIENCE)[0]:
            os.killpg(self._process.pid, signal.SIGKILL)
            self.close()
            self._process = _start()
            raise subprocess.TimeoutExpired(list(arguments), PATIENCE)
        code = int(answers.readline())
        return Result(code, out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        """Let it go; it ends at the end of its input."""
        self._process.communicate()


def _start() -> subprocess.Popen[str]:
    """A process group of its own: a command that hangs is killed together with what it has started."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
        start_new_session=True,
    )


def serve() -> None:
    """Fork for each line of standard input, and say how the fork ended. Returns in the fork: the caller exits."""
    for module in pkgutil.walk_packages(kubectl_istio_upgrade.__path__, f"{kubectl_istio_upgrade.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _IMPORTED_LATE:
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            return _become(order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _become(order: dict[str, Any]) -> None:
    """The program, as if it had just been started."""
    os.environ.clear()
    os.environ.update(order["environment"])
    files = (
        (os.devnull, os.O_RDONLY),
        *((order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in ("out", "err")),
    )
    for target, (file, flags) in enumerate(files):
        handle = os.open(file, flags, 0o600)
        os.dup2(handle, target)
        os.close(handle)
    sys.argv = ["kubectl-istio_upgrade", *order["arguments"]]
    if order["watched"]:
        killer.watch()
    from kubectl_istio_upgrade.cli.main import run

    run()


if __name__ == "__main__":
    serve()
