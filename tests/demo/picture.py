"""`python -m tests.demo.picture FILE`: the picture of the README, from a real run on a real API server."""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console as Canvas
from rich.text import Text

from tests.controlplane import TestbedError, wait_webhooks

from .console import DemoError
from .ending import interruptible
from .stage import OLD, Stage, stage

WIDTH = 84
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""What rich puts in to fetch a font from elsewhere; the reader's own monospaced one does."""

TITLE = "kubectl istio-upgrade"
SHOWN = (
    ("kubectl istio-upgrade diff --stat", 1),
    ("kubectl istio-upgrade rollback friday --yes --quiet", 0),
    ("kubectl istio-upgrade diff", 0),
)
"""What is in the picture, and the exit code that each has to end with."""


def main() -> int:
    """Play, and write the picture where the only argument says."""
    interruptible()
    try:
        with stage() as ready:
            _prepare(ready)
            canvas = Canvas(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
            for command, wanted in SHOWN:
                canvas.print(Text(f"$ {command}", style="bold"))
                canvas.print(Text.from_ansi(_seen(ready, command, wanted)))
            Path(sys.argv[1]).write_text(_FONTS.sub("", canvas.export_svg(title=TITLE)), "utf-8")
    except (DemoError, TestbedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _prepare(ready: Stage) -> None:
    console = ready.console
    console.ask(f"istioctl-{OLD} install -y --set hub=docker.io/istio --set tag={OLD}")
    wait_webhooks(ready.plane)
    console.run("kubectl apply -f shop.yaml")
    console.run('kubectl istio-upgrade snapshot --name friday -m "all is well"')
    console.run("kubectl delete destinationrule reviews -n shop")
    console.run("kubectl apply -f lock-down.yaml")
    console.run("kubectl apply --server-side --force-conflicts --field-manager=jane -f canary.yaml")
    console.run("kubectl label namespace shop istio-injection-")


def _seen(ready: Stage, command: str, wanted: int) -> str:
    """What a terminal of that width shows of a command, colours and all."""
    ours, theirs = pty.openpty()
    environment = {**ready.console.environment, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    process = subprocess.Popen(shlex.split(command), stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:  # Linux's way to say that nobody has the other end any more
            break
        if not chunk:
            break
        seen += chunk
    if process.wait() != wanted:
        raise DemoError(f"`{command}` ended with {process.returncode} instead of {wanted}:\n{seen.decode()}")
    return seen.decode().replace("\r\n", "\n")


if __name__ == "__main__":
    sys.exit(main())
