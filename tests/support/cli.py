"""The product as its users have it: the console script, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import preloaded

SCRIPT = Path(sys.executable).with_name("kubectl-istio_upgrade")
TIMEOUT = 400.0


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its output, as JSON."""
        return json.loads(self.out)

    def __str__(self) -> str:
        """All of it, for the message of a failed assertion."""
        return f"`{' '.join(self.args)}` ended with {self.code}\n{self.out}\n{self.err}"


@dataclass(frozen=True)
class Plugin:
    """The plugin, pointed at one cluster and one store."""

    kubeconfig: Path
    store: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """What else is in its environment."""

    def __call__(self, *args: str, input: str | None = None) -> Ran:  # noqa: A002
        """Run it, however it may end. There is no terminal."""
        environment = self.environment()
        if preloaded.is_for(environment):
            return Ran(args, *preloaded.run(args, environment, stdin=input, timeout=TIMEOUT))
        done = subprocess.run(
            [SCRIPT, *args],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            env=environment,
            timeout=TIMEOUT,
        )
        return Ran(args, done.returncode, done.stdout, done.stderr)

    def ok(self, *args: str) -> Ran:
        """Run it, and insist on success."""
        return self.ending(0, *args)

    def ending(self, code: int, *args: str) -> Ran:
        """Run it, and insist on this exit code."""
        ran = self(*args)
        assert ran.code == code, str(ran)
        return ran

    def environment(self) -> dict[str, str]:
        """This process's environment, with the cluster and the store in it."""
        paths = {"KUBECONFIG": str(self.kubeconfig), "ISTIO_UPGRADE_STORE": str(self.store)}
        return {**os.environ, **paths, "NO_COLOR": "1", **self.variables}
