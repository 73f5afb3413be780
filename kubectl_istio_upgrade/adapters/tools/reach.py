"""How istioctl and helm reach the very cluster that this program reaches.

Both read a kubeconfig and know `--context`, and neither knows kubectl's `--cluster` and `--user`. A choice of those is
put before the user's kubeconfig as a file of its own that names cluster and user and holds nothing of either: of files
with the same entry the first counts (client-go, tools/clientcmd/loader.go). Nothing else leads them: variables of the
user's shell that would are not passed on (`rules.variables`), nor is istioctl's own configuration.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from ...rules.variables import passed_on
from .process import Program

CONTEXT = "kubectl-istio-upgrade"
"""The context in the file in front; nobody else's, we hope, and if so only hidden from the tools that we start."""

_NOTHING = {"apiVersion": "v1", "kind": "Config"}
"""A kubeconfig without any entry: then the account of the pod counts (client-go, tools/clientcmd)."""


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


def led(path: Path, environment: Mapping[str, str]) -> Program:
    """A program that this environment leads, and nothing of ours leads elsewhere."""
    return Program(path, environment, passed_on)


@contextmanager
def kubeconfig_for(destination: Destination) -> Iterator[dict[str, str]]:
    """The environment that leads a program there, for as long as the context lasts.

    Without any file we are in a pod, and so is whatever we start: with an empty kubeconfig it finds its service account
    by itself, and with none it would look for one at home first.
    """
    with tempfile.TemporaryDirectory(prefix="kubectl-istio-upgrade-") as folder:
        front, defaults = Path(folder) / "context.json", Path(folder) / "istioctl.yaml"
        front.write_bytes(orjson.dumps(_pointer(destination) if destination.files else _NOTHING))
        defaults.write_text("{}\n")
        listed = [str(file) for file in (front, *destination.files)]
        yield {"KUBECONFIG": os.pathsep.join(listed), "ISTIOCONFIG": str(defaults)}


def _pointer(destination: Destination) -> dict[str, object]:
    where = {"cluster": destination.cluster, "user": destination.user, "namespace": destination.namespace}
    return {
        **_NOTHING,
        "current-context": CONTEXT,
        "contexts": [{"name": CONTEXT, "context": where}],
    }
