"""Where one case takes place: a store, a folder for temporary files, and the program that uses them."""

from __future__ import annotations

import base64
import fcntl
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cli.program import Result, clean_environment
from tests.controlplane.access import Access
from tests.support import preloaded

from . import killer
from .cases import Victim
from .mesh import LEFT_OUT
from .scenarios import CANARY

PATIENCE = 180.0
"""Seconds after which a command counts as hanging: many run at the same time, on a machine that others use."""

_TEMPORARY = ("fast_import_crash_*", "objects/pack/tmp_*", "objects/??/tmp_obj_*", "**/*.lock", "istio-upgrade/**/.*")
"""What only a running process may have in a store."""


@dataclass(frozen=True)
class Space:
    """A folder with a store and room for temporary files, and the program that uses them: all of one case."""

    folder: Path
    kubeconfig: Path
    relayed: Path
    """The kubeconfig that leads through the proxy: only for what is to be spoiled or counted there."""
    identity: Path
    """What opens values, where the store has any."""

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
        result = Result(*preloaded.run(arguments, environment, folder=self.folder, before=before, timeout=PATIENCE))
        assert not _is_told(f"{result.out}{result.err}".encode()), f"a value is told by {arguments}"
        return result

    def _environment(self, **variables: str) -> dict[str, str]:
        paths = {"ISTIO_UPGRADE_STORE": self.store, "ISTIO_UPGRADE_IDENTITY": self.identity, "TMPDIR": self.temporary}
        variables |= {name: str(path) for name, path in paths.items()}
        variables["ISTIO_UPGRADE_EXCLUDE_TYPE"] = ",".join(LEFT_OUT)
        return clean_environment(self.folder, **variables)

    def problems(self) -> list[str]:
        """What is wrong with the store, and what was left lying about, by git and the file system."""
        checked = subprocess.run(
            ["git", "-C", str(self.store), "fsck", "--full", "--strict", "--no-dangling"],
            capture_output=True,
            encoding="utf-8",
        )
        problems = [f"git fsck: {checked.stderr.strip()}"] if checked.returncode else []
        problems += [*self.damage(), *self.leaks()]
        left = [*self.temporary.iterdir(), *(file for pattern in _TEMPORARY for file in self.store.glob(pattern))]
        problems += [f"left over: {file.name}" for file in left]
        return problems if self._is_free() else [*problems, "the store is still locked"]

    def damage(self) -> list[str]:
        """What the product itself says is wrong with the store, git's objects, snapshots and journals."""
        verified = self.program("store", "verify", "-o", "json")
        if verified.code == 0 and verified.json["intact"]:
            return []
        return [f"store verify ended with {verified.code}: {' '.join((*verified.errors, verified.out))}"]

    def leaks(self) -> list[str]:
        """Where in the store and its surroundings a value of a Secret can be read."""
        objects = ["git", "-C", str(self.store), "cat-file", "--batch", "--batch-all-objects"]
        contents = {"an object of git": subprocess.run(objects, capture_output=True, check=True).stdout}
        contents |= {file.name: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        return [f"a value is in the clear: {name}" for name, content in contents.items() if _is_told(content)]

    def _is_free(self) -> bool:
        with (self.store / "istio-upgrade" / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def _is_told(content: bytes) -> bool:
    """Whether the value is in there: plain, or in base64 at any of its three alignments."""
    shifted = (base64.b64encode(b"\0" * shift + CANARY.encode())[4 if shift else 0 : -4] for shift in range(3))
    return any(form in content for form in (CANARY.encode(), *shifted))


def without_copies(plane: Access, path: Path) -> Path:
    """The kubeconfig with the authority's file in it: the library writes data to a file, which SIGKILL would leave."""
    data = re.compile(r"certificate-authority-data: \S+")
    text, count = data.subn(f"certificate-authority: {plane.authority}", plane.kubeconfig.read_text("utf-8"))
    assert count == 1
    path.write_text(text, "utf-8")
    return path
