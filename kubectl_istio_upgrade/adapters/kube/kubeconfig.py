"""The kubeconfig as kubectl finds, merges and resolves it.

The kubernetes library's merger reads the files (and writes a refreshed OIDC token back to its own). What it does unlike
kubectl is done here: the first file with a `current-context` wins, not the last; `--cluster` and `--user` override the
context's; a client certificate's path is relative to the file of its user, not of its cluster; a name that is missing
is an error, not an anonymous login.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_PORT_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
)
from kubernetes.config.kube_config import KubeConfigMerger

from ...errors import UsageError
from ...models.objects import Body
from ..paths import is_there
from .contexts import candidates

SECTIONS: Mapping[str, str] = {"contexts": "context", "clusters": "cluster", "users": "user"}
"""Each list of the file, and the field of its entries that holds the content."""

PATHS: Mapping[str, Mapping[str, str | None]] = {
    "clusters": {"certificate-authority": "certificate-authority-data"},
    "users": {"client-certificate": "client-certificate-data", "client-key": "client-key-data", "tokenFile": None},
}
"""Fields that are paths, relative to their own file; and the field that overrides each."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One context, cluster or user, and where it was read."""

    content: Body
    path: Path
    save: Callable[[], None] = field(repr=False)
    """Write the file back, after the library refreshed a token in `content`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """One context with everything resolved: paths are absolute and exist, empty fields are gone."""

    context: str
    cluster_name: str
    cluster: Body
    user_name: str
    user: Body = field(repr=False)
    namespace: str = "default"
    save: Callable[[], None] = field(default=lambda: None, repr=False)


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """All files merged: of entries with one name, the first counts and the others are ignored whole."""

    files: tuple[Path, ...]
    """Those that exist; empty when there is no kubeconfig at all."""
    looked_at: tuple[Path, ...]
    current: str
    contexts: Mapping[str, Entry]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]

    def select(self, context: str = "", cluster: str = "", user: str = "") -> Selection:
        """What `--context`, `--cluster` and `--user` mean. Raises UsageError for a name that is not there."""
        name = context or self.current
        if not name and not cluster:
            raise UsageError("no context is selected in the kubeconfig", hint=self._hint("", "pass --context:"))
        chosen = _find(name, "context", self.contexts, self._hint(name)).content if name else {}
        cluster_name = cluster or str(chosen.get("cluster") or "")
        user_name = user or str(chosen.get("user") or "")
        where = f"context {name!r} names it" if name else "--cluster names it"
        cluster_entry = _find(cluster_name, "cluster", self.clusters, where)
        user_entry = _find(user_name, "user", self.users, where) if user_name else None
        return Selection(
            context=name or cluster_name,
            cluster_name=cluster_name,
            cluster=_resolve("clusters", cluster_name, cluster_entry),
            user_name=user_name,
            user=_resolve("users", user_name, user_entry) if user_entry else {},
            namespace=str(chosen.get("namespace") or "default"),
            save=user_entry.save if user_entry else lambda: None,
        )

    def _hint(self, wanted: str, lead: str = "contexts:") -> str:
        if not self.contexts:
            return f"there are no contexts in {', '.join(map(str, self.files))}"
        return f"{lead} {', '.join(nearest(wanted, self.contexts))}"


def load(explicit: str = "") -> Kubeconfig:
    """Read `--kubeconfig`, else the files of $KUBECONFIG, else ~/.kube/config. Raises UsageError, naming the file.

    Files of the list that do not exist are skipped, as in kubectl; the one that `--kubeconfig` names must exist.
    """
    looked_at = tuple(candidates(explicit))
    if explicit and not is_there(looked_at[0]):
        raise UsageError(f"kubeconfig {explicit} does not exist")
    files = tuple(path for path in looked_at if is_there(path))
    sections: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS}
    current = ""
    for path in files:
        content, save = _read(path)
        current = current or str(content.get("current-context") or "")
        for section in SECTIONS:
            for name, entry in _entries(section, content.get(section), path, save):
                sections[section].setdefault(name, entry)
    return Kubeconfig(files, looked_at, current, **sections)


def in_cluster() -> Selection | None:
    """The service account of the pod that we run in, or None outside of one; kubectl's last resort, and ours."""
    host, port = os.environ.get(SERVICE_HOST_ENV_NAME), os.environ.get(SERVICE_PORT_ENV_NAME)
    token, authority = Path(SERVICE_TOKEN_FILENAME), Path(SERVICE_CERT_FILENAME)
    if not (host and port and token.is_file() and authority.is_file()):
        return None
    namespace = token.with_name("namespace")
    return Selection(
        context="in-cluster",
        cluster_name="in-cluster",
        cluster={
            "server": f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
            "certificate-authority": str(authority),
        },
        user_name="in-cluster",
        user={"tokenFile": str(token)},
        namespace=namespace.read_text("utf-8").strip() if namespace.is_file() else "default",
    )


def nearest(wanted: str, names: Iterable[str]) -> list[str]:
    """All names, the ones most like `wanted` first, the others sorted."""
    everything = sorted(names)
    close = difflib.get_close_matches(wanted, everything, n=3, cutoff=0.5)
    return close + [name for name in everything if name not in close]


def _read(path: Path) -> tuple[Body, Callable[[], None]]:
    try:
        merger = KubeConfigMerger(str(path))
        content: Any = merger.config_files[str(path)]
    except ConfigException:
        return {}, lambda: None  # an empty file
    except OSError as exc:
        raise UsageError(f"kubeconfig {path} cannot be read: {(exc.strerror or 'error').lower()}") from exc
    except Exception as exc:  # noqa: BLE001 - the library lets PyYAML's errors and its own TypeErrors through
        line = getattr(getattr(exc, "problem_mark", None), "line", None)
        where = f", line {line + 1}" if isinstance(line, int) else ""
        # PyYAML's message quotes the file, and with it perhaps a token: neither shown nor chained.
        raise UsageError(f"kubeconfig {path} is no kubeconfig: not readable as YAML{where}") from None
    return content, merger.save_changes


def _entries(section: str, listed: Any, path: Path, save: Callable[[], None]) -> Iterator[tuple[str, Entry]]:
    if listed is not None and not isinstance(listed, list):
        raise UsageError(f"kubeconfig {path}: {section} is not a list")
    for item in listed or ():
        content = item.get(SECTIONS[section]) or {} if isinstance(item, dict) else None
        if not isinstance(content, dict) or not item.get("name"):
            raise UsageError(f"kubeconfig {path}: an entry of {section} has no name or no {SECTIONS[section]}")
        yield str(item["name"]), Entry(content, path, save)


def _find(name: str, what: str, entries: Mapping[str, Entry], hint: str) -> Entry:
    try:
        return entries[name]
    except KeyError:
        raise UsageError(f'no {what} "{name}" in the kubeconfig', hint=hint) from None


def _resolve(section: str, name: str, entry: Entry) -> Body:
    """A shallow copy with absolute paths; nested values stay the file's own, so that a refresh can be written back."""
    content = {key: value for key, value in entry.content.items() if value not in (None, "")}
    for key, overridden_by in PATHS[section].items():
        if overridden_by in content:
            content.pop(key, None)
        elif key in content:
            path = (entry.path.parent / Path(str(content[key]))).absolute()
            if not path.is_file():
                raise UsageError(f"{key} of {SECTIONS[section]} {name!r}: {path} does not exist")
            content[key] = str(path)
    plugin = content.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command")):
        content["exec"] = {**plugin, "command": str((entry.path.parent / plugin["command"]).absolute())}
    return content
