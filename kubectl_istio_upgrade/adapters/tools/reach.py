"""How istioctl and helm reach the very cluster that this program reaches.

Both read a kubeconfig and know `--context`, and neither knows kubectl's `--cluster` and `--user`. A choice of those is
put before the user's kubeconfig as a file of its own that names cluster and user and holds nothing of either: of files
with the same entry the first counts (client-go, tools/clientcmd/loader.go).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

CONTEXT = "kubectl-istio-upgrade"
"""The context in the file in front; nobody else's, we hope, and if so only hidden from the tools that we start."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The resolved place: names of the kubeconfig, and whom to impersonate."""

    files: tuple[Path, ...]
    context: str
    cluster: str
    user: str
    namespace: str
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""

    @property
    def istioctl_flags(self) -> tuple[str, ...]:
        """Whom to impersonate (istioctl/pkg/cli/option.go)."""
        named = (("--as", self.as_user), ("--as-uid", self.as_uid), *(("--as-group", name) for name in self.as_groups))
        return tuple(f"{flag}={value}" for flag, value in named if value)

    @property
    def helm_variables(self) -> dict[str, str]:
        """The same for Helm, which knows no UID (helm/helm, pkg/cli/environment.go)."""
        named = {"HELM_KUBEASUSER": self.as_user, "HELM_KUBEASGROUPS": ",".join(self.as_groups)}
        return {name: value for name, value in named.items() if value}


@contextmanager
def kubeconfig_for(destination: Destination) -> Iterator[dict[str, str]]:
    """The environment that leads a program there, for as long as the context lasts.

    Without any file we are in a pod, and so is whatever we start: it finds its service account by itself.
    """
    if not destination.files:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="kubectl-istio-upgrade-") as folder:
        front = Path(folder) / "context.json"
        front.write_bytes(orjson.dumps(_pointer(destination)))
        listed = [str(file) for file in (front, *destination.files)]
        yield {"KUBECONFIG": os.pathsep.join(listed)}


def _pointer(destination: Destination) -> dict[str, object]:
    where = {"cluster": destination.cluster, "user": destination.user, "namespace": destination.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "contexts": [{"name": CONTEXT, "context": where}],
    }
