"""Loopback address blocks, one set for each running instance, so that instances do not meet.

Cluster IPs are loopback addresses: a webhook that names a Service then really reaches a process on this machine, on the
port that the Service has, and nothing can leave the machine.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .processes import TestbedError

FIRST_BLOCK = 64
INSTANCES = 30
STARTS = 64
"""Blocks of pod IPs of an instance, of 512 addresses each. After so many starts of kwok the first one comes again."""


@dataclass(frozen=True)
class Addresses:
    """The blocks of one instance."""

    instance: int

    @property
    def services(self) -> str:
        """Cluster IPs."""
        return f"127.{FIRST_BLOCK + 2 * self.instance}.0.0/16"

    def pods(self, start: int) -> str:
        """Pod IPs that kwok gives after its start of this number; a pod is only pretended, but istiod really listens.

        kwok does not look which addresses the pods that run already have (it marks those of pods that it changes), so
        that it would give them a second time: hence a block of its own for each start.
        """
        return f"127.{FIRST_BLOCK + 1 + 2 * self.instance}.{start % STARTS * 2}.0/23"

    @property
    def istiod(self) -> str:
        """Where the newest ready istiod can be reached on its own ports, whatever its pod."""
        return self.fixed(1)

    def fixed(self, number: int) -> str:
        """An address that belongs to no pod and no Service; number 1 is istiod's, the others are free to use."""
        return f"127.{FIRST_BLOCK + 1 + 2 * self.instance}.128.{number}"


class Reservation:
    """A hold on one instance number, gone with its process however that ends."""

    def __init__(self) -> None:
        """Take the first free number."""
        folder = Path(tempfile.gettempdir()) / f"kubectl-istio-upgrade-testbed-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for instance in range(INSTANCES):
            handle = (folder / f"instance-{instance}.lock").open("w")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                continue
            self._handle: IO[str] = handle
            self.addresses = Addresses(instance)
            return
        raise TestbedError(f"{INSTANCES} test beds run already; see the locks in {folder}")

    def release(self) -> None:
        """Give the number back."""
        self._handle.close()
