"""A state as a folder of manifests, for whoever's truth is a git repository (Argo CD, Flux)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..canonical import to_yaml
from ..diff.states import Select
from ..errors import RefusedError
from ..models.objects import Body, Key, MeshObject, State
from ..normalise.secrets import has_withheld_values
from ..rules.scope import is_namespace
from .paths import is_there, reason


@dataclass(frozen=True)
class Exported:
    """What was written, and what could not be."""

    written: int
    withheld: tuple[Key, ...]
    """Secrets whose values the store does not hold."""


def export(state: State, folder: Path, select: Select) -> Exported:
    """Write each object as `FOLDER/NAMESPACE/KIND.GROUP-NAME.yaml` (`_cluster` for cluster scope).

    The group is there because two may have a kind of one name: Istio's Gateway and the Gateway API's. Left out are the
    status, and owner references: by the UID of an owner that is gone, whatever is applied from there would be deleted.
    Raises RefusedError for a folder that is not empty, as files of an earlier export would pass for part of this one,
    and where a file cannot be written.
    """
    try:
        if is_there(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise RefusedError(f"{folder} exists and is not an empty folder; nothing was written")
        return _export(state, folder, select)
    except OSError as error:
        raise RefusedError(f"{folder} cannot be written: {reason(error)}") from error


def _export(state: State, folder: Path, select: Select) -> Exported:
    loaded = state.load(key for key in state.versions if select(key))
    withheld = [key for key, obj in loaded.items() if has_withheld_values(obj.body)]
    written = 0
    for key, obj in loaded.items():
        if key in withheld or (is_namespace(key) and not obj.labels):
            continue
        kind = f"{obj.kind}.{key.group}".lower().rstrip(".")
        _write(folder / (key.namespace or "_cluster") / f"{kind}-{key.name.replace(':', '_')}.yaml", obj)
        written += 1
    return Exported(written, tuple(sorted(withheld)))


def check_writable(folder: Path) -> None:
    """Look whether a folder can be written, or made, later on. Makes nothing. Raises RefusedError."""
    there = next(each for each in (folder, *folder.absolute().parents) if is_there(each))
    if not there.is_dir():
        raise RefusedError(f"{folder} cannot be written: {there} is not a folder; nothing was changed")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RefusedError(f"{folder} cannot be written: no permission for {there}; nothing was changed")


def export_upgrade(folder: Path, version: str, settings: Mapping[str, Body], manifest: Iterable[Body]) -> int:
    """Write what a pipeline needs to install the same again, over what an earlier upgrade wrote there.

    `istio-version` has the release, for a pipeline to read; `NAME.yaml` the settings of each name; `manifest.yaml` what
    they give. Returns the number of objects in the latter. Raises RefusedError where a file cannot be written.
    """
    documents = [to_yaml(body) for body in manifest]
    files = {f"{name}.yaml": to_yaml(body) for name, body in settings.items()}
    files |= {"istio-version": f"{version}\n", "manifest.yaml": "---\n".join(documents)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise RefusedError(f"{folder} cannot be written: {reason(error)}") from error
    return len(documents)


def _write(path: Path, obj: MeshObject) -> None:
    body = {name: value for name, value in obj.body.items() if name != "status"}
    body["metadata"] = {name: value for name, value in body["metadata"].items() if name != "ownerReferences"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_yaml(body), "utf-8")
