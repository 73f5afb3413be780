"""Where one case takes place: a store, a folder for temporary files, and the program that uses them."""

from __future__ import annotations

import fcntl
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.program import PATIENCE, Result, clean_environment
from tests.controlplane.access import Access
from tests.support import preloaded

from . import killer, scenario
from .cases import Victim

_TEMPORARY = ("fast_import_crash_*", "objects/pack/tmp_*", "objects/??/tmp_obj_*", "**/*.lock", "istio-upgrade/**/.*")
"""What only a running process may have in a store."""


@dataclass(frozen=True)
class Space:
    """A folder with a store and room for temporary files, and the program that uses them: all of one case."""

    folder: Path
    kubeconfig: Path
    relayed: Path
    """The kubeconfig that leads through the proxy: only for what is to be spoiled or counted there."""

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def program(self, *arguments: str) -> Result:
        """Run it."""
        return self._run(arguments, self.kubeconfig)

    def spoiled(self, *arguments: str) -> Result:
        """Run it through the proxy."""
        return self._run(arguments, self.relayed)

    def killed(self, point: str, victim: Victim, *arguments: str) -> tuple[Result, bool]:
        """Run it until it, or its git, dies there; and whether that came to pass."""
        struck = self.folder / "struck"
        struck.unlink(missing_ok=True)
        told = {killer.POINT: point, killer.VICTIM: victim.variable, killer.STRUCK: str(struck)}
        return self._run(arguments, self.kubeconfig, told), struck.exists()

    def recorded(self, *arguments: str) -> tuple[str, ...]:
        """Run it through the proxy, and say where it could have died."""
        record = self.folder / "points"
        self._run(arguments, self.relayed, {killer.RECORD: str(record)}).done()
        return tuple(record.read_text().split())

    def _run(self, arguments: Sequence[str], kubeconfig: Path, told: Mapping[str, str] | None = None) -> Result:
        """Run it, watched by the killer if that is told anything."""
        before = killer.__name__ if told else ""
        environment = self._environment(KUBECONFIG=str(kubeconfig), **(told or {}))
        return Result(*preloaded.run(arguments, environment, folder=self.folder, before=before, timeout=PATIENCE))

    def _environment(self, **variables: str) -> dict[str, str]:
        paths = {"ISTIO_UPGRADE_STORE": self.store, "TMPDIR": self.temporary}
        variables |= {name: str(path) for name, path in paths.items()}
        variables["ISTIO_UPGRADE_EXCLUDE_TYPE"] = ",".join(scenario.LEFT_OUT)
        return clean_environment(self.folder, **variables)

    def problems(self) -> list[str]:
        """What is wrong with the store, and what was left lying about, by git and the file system."""
        checked = subprocess.run(
            ["git", "-C", str(self.store), "fsck", "--full", "--strict", "--no-dangling"],
            capture_output=True,
            encoding="utf-8",
        )
        problems = [f"git fsck: {checked.stderr.strip()}"] if checked.returncode else []
        problems += self.damage()
        left = [*self.temporary.iterdir(), *(file for pattern in _TEMPORARY for file in self.store.glob(pattern))]
        problems += [f"left over: {file.name}" for file in left]
        return problems if self._is_free() else [*problems, "the store is still locked"]

    def damage(self) -> list[str]:
        """What the product itself says is wrong with the store, git's objects, snapshots and journals."""
        verified = self.program("store", "verify", "-o", "json")
        if verified.code == 0 and verified.json["intact"]:
            return []
        return [f"store verify ended with {verified.code}: {' '.join((*verified.errors, verified.out))}"]

    def _is_free(self) -> bool:
        with (self.store / "istio-upgrade" / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def without_copies(plane: Access, path: Path) -> Path:
    """The kubeconfig with the authority's file in it: the library writes data to a file, which SIGKILL would leave."""
    data = re.compile(r"certificate-authority-data: \S+")
    text, count = data.subn(f"certificate-authority: {plane.authority}", plane.kubeconfig.read_text("utf-8"))
    assert count == 1
    path.write_text(text, "utf-8")
    return path
