"""A running test bed as seen from any process: its folder says where everything is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .addresses import Addresses
from .api import Api
from .build import ensure_built, istioctl_path
from .credentials import ADMIN, User, write_kubeconfig, write_private
from .processes import TestbedError

STATE = "state.json"
AUTHORITY = "certificates/apiserver.crt"


@dataclass(frozen=True)
class State:
    """What another process needs to know in order to use or end a test bed."""

    pid: int
    level: str
    port: int
    instance: int
    tokens: dict[str, str]


class Access:
    """Use of a test bed that some process, this one or another, has started in `folder`."""

    def __init__(self, folder: Path, state: State) -> None:
        """Use `Access.to` unless the state is at hand."""
        self.folder = folder
        self.state = state
        self.addresses = Addresses(state.instance)
        self.server = f"https://127.0.0.1:{state.port}"
        self.authority = folder / AUTHORITY
        self.api = Api(state.port, state.tokens[ADMIN], self.authority)

    @classmethod
    def to(cls, folder: Path) -> Access:
        """The test bed that was started in this folder."""
        try:
            state = State(**json.loads((folder / STATE).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise TestbedError(f"no test bed runs in {folder} ({error})") from error
        return cls(folder, state)

    def save(self) -> None:
        """Write what `to` reads; it holds tokens."""
        write_private(self.folder / STATE, json.dumps(asdict(self.state)))

    def forward_ports(self, pods: Mapping[str, str]) -> None:
        """Lead port forwards to these pods of Istio's to their own addresses; only the process with kwok can."""

    def forget(self) -> None:
        """Remove what `to` reads."""
        (self.folder / STATE).unlink(missing_ok=True)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; its context is `testbed`."""
        return self.kubeconfig_for(ADMIN)

    def kubeconfig_for(self, user: str) -> Path:
        """The kubeconfig of one of the known users."""
        if user not in self.state.tokens:
            raise TestbedError(f"unknown user {user!r}; known: {', '.join(self.state.tokens)}")
        return self.folder / ("kubeconfig" if user == ADMIN else f"{user}.kubeconfig")

    def write_kubeconfig(self, path: Path, user: User) -> None:
        """Write a kubeconfig for whoever has a token, service accounts included."""
        write_kubeconfig(path, self.server, self.authority, user.name, user.token)

    def environment(self, user: str = ADMIN) -> dict[str, str]:
        """This process's environment, pointed at the test bed, and Helm's own folders in there."""
        helm = {f"HELM_{name}_HOME": str(self.folder / "helm" / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        return {**os.environ, **helm, "KUBECONFIG": str(self.kubeconfig_for(user))}

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002
        user: str = ADMIN,
        check: bool = True,
    ) -> str:
        """Run kubectl and return what it printed; its error output is in the error raised."""
        kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl")
        if not kubectl:
            raise TestbedError("kubectl is not on the PATH")
        return self._run([kubectl, *args], input, user, check).stdout

    def istioctl(
        self,
        version: str,
        *args: str,
        input: str | None = None,  # noqa: A002
        check: bool = True,
    ) -> str:
        """Run the istioctl of this release and return what it printed."""
        return self._run([str(istioctl_path(version)), *args], input, ADMIN, check).stdout

    def helm(self, *args: str) -> str:
        """Run helm and return what it printed; its error output is in the error raised."""
        return self._run([str(ensure_built("helm")["helm"]), *args], None, ADMIN, check=True).stdout

    def _run(self, command: list[str], text: str | None, user: str, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, input=text, capture_output=True, text=True, env=self.environment(user))
        if check and done.returncode:
            shown = " ".join([Path(command[0]).name, *command[1:]])
            raise TestbedError(f"`{shown}` failed with {done.returncode}:\n{done.stdout[-1500:]}{done.stderr[-3000:]}")
        return done
