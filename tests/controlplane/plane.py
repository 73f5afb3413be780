"""A control plane of one's own: started for a test, ended with it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal

from .access import STATE, Access, State
from .addresses import Reservation
from .build import ensure_built
from .credentials import USERS, new_user, write_signing_key, write_tokens
from .nodes import PROGRAMS, pod_addresses, start_nodes, write_kwok_config
from .processes import Process, TestbedError, accepts_connections, free_ports, is_running, wait_until

Level = Literal["api", "nodes"]

_TEMPORARY = "istio-upgrade-testbed-"


class ControlPlane(Access):
    """A real etcd and kube-apiserver, and with level "nodes" also controllers, a scheduler and a pretended node.

    Several may run at the same time, in one process or in several. Everything ends with the `with` block, and also when
    this process is killed. A folder given by the caller is kept afterwards, a temporary one is removed unless the start
    failed, because its logs are wanted then; that of a process that was killed goes with the next one.
    """

    def __init__(self, level: Level = "api", folder: Path | None = None) -> None:
        """Reserve ports and addresses; nothing runs before `start`."""
        self._temporary = folder is None
        if folder is None:
            _sweep()
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY)) if folder is None else folder.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._reservation = Reservation()
        self._users = [new_user(name, groups) for name, groups in USERS.items()]
        self._processes: list[Process] = []
        self._kwok_starts = 0
        port, self._etcd_port, self._peer_port = free_ports(3)
        tokens = {user.name: user.token for user in self._users}
        super().__init__(folder, State(os.getpid(), level, port, self._reservation.addresses.instance, tokens))

    def add_user(self, name: str, *groups: str) -> None:
        """Add a user with a token; only before `start`, because the API server reads its token file once."""
        if self._processes:
            raise TestbedError(f"add user {name!r} before the control plane starts, or use one of {', '.join(USERS)}")
        user = new_user(name, groups)
        self._users.append(user)
        self.state.tokens[name] = user.token

    def start(self) -> None:
        """Start everything and return when it is ready; if that fails, end what was started."""
        try:
            self._prepare()
            self._start_api()
            if self.state.level == "nodes":
                for process in start_nodes(self):
                    self._processes.append(process)
            self.save()
        except BaseException:
            self._temporary = False
            self.stop()
            raise

    def stop(self) -> None:
        """End everything. The data is thrown away, so only etcd is given time."""
        while self._processes:
            process = self._processes.pop()
            if process.name == "etcd":
                process.stop()
            else:
                process.kill()
        self._reservation.release()
        self.forget()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def forward_ports(self, pods: Mapping[str, str]) -> None:
        """Tell kwok, which reads its configuration only when it starts: pods that exist stay as they are."""
        kwok = next(process for process in self._processes if process.name == "kwok")
        self._kwok_starts += 1
        write_kwok_config(self, pods)
        kwok.restart(pod_addresses(self, self._kwok_starts))

    def stored(self, path: str) -> bytes | None:
        """What etcd itself holds below `/registry`, which reads of the API server may hide; None where nothing is."""
        key = base64.b64encode(f"/registry/{path}".encode()).decode()
        url = f"http://127.0.0.1:{self._etcd_port}/v3/kv/range"
        with urllib.request.urlopen(url, json.dumps({"key": key}).encode(), timeout=10) as answer:
            found = json.load(answer).get("kvs")
        return base64.b64decode(found[0]["value"]) if found else None

    def check(self) -> None:
        """Raise if something has ended by itself."""
        for process in self._processes:
            if not process.running():
                raise process.failure("has ended")

    def __enter__(self) -> ControlPlane:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: BaseException | TracebackType | None) -> None:
        """Stop, whatever happened."""
        self.stop()

    def _prepare(self) -> None:
        """Build first, so that no time-out counts it, and write what the API server reads."""
        ensure_built("etcd", "kube-apiserver", *(PROGRAMS if self.state.level == "nodes" else ()))
        for old in (self.folder / "etcd", self.authority.parent):
            shutil.rmtree(old, ignore_errors=True)
        self.authority.parent.mkdir()
        write_tokens(self.folder / "tokens.csv", self._users)
        write_signing_key(self.folder / "signing.key")

    def _start_api(self) -> None:
        etcd = self._launch("etcd", self._etcd())
        wait_until(lambda: accepts_connections("127.0.0.1", self._etcd_port), etcd)
        server = self._launch("kube-apiserver", self._apiserver())
        wait_until(self.authority.exists, server)
        wait_until(self.api.ready, server)
        for user in self._users:
            self.write_kubeconfig(self.kubeconfig_for(user.name), user)

    def _launch(self, name: str, arguments: list[str]) -> Process:
        process = Process(name, [ensure_built(name)[name], *arguments], self.folder / f"{name}.log")
        self._processes.append(process)
        return process

    def _etcd(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver(self) -> list[str]:
        key = self.folder / "signing.key"
        arguments = [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self.state.port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--cert-dir={self.authority.parent}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={self.addresses.services}",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
        ]
        if self.state.level == "api":
            arguments.append("--disable-admission-plugins=ServiceAccount")
        return arguments


def _sweep() -> None:
    """Remove the temporary folders of processes that were killed; one whose start failed says so by having no state."""
    for state in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*/{STATE}"):
        with contextlib.suppress(OSError, ValueError):
            if not is_running(json.loads(state.read_text())["pid"]):
                shutil.rmtree(state.parent, ignore_errors=True)
