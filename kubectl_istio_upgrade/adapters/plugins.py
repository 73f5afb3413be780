"""The file through which kubectl completes a plugin: found by its name on the PATH, like the plugin itself.

kubectl runs `kubectl_complete-NAME` (kubectl/pkg/cmd/plugin/plugin_completion.go). krew installs one file of a plugin
and no more (krew issue 812), so this one is written by the plugin.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import RefusedError, UsageError
from .paths import expanded, is_folder

PLUGIN = "kubectl-istio_upgrade"

_ON_WINDOWS = sys.platform == "win32"
_FILE = "kubectl_complete-istio_upgrade" + (".cmd" if _ON_WINDOWS else "")
_MARK = "written by `kubectl istio-upgrade completion --install`"
_SHELL = f"""\
#!/bin/sh
# How kubectl completes `kubectl istio-upgrade`; {_MARK}.
exec {PLUGIN} __complete "$@"
"""
_BATCH = f"""\
@rem How kubectl completes `kubectl istio-upgrade`; {_MARK}.
@{PLUGIN} __complete %*
"""
_USUAL = ("~/.local/bin", "~/bin")
"""Where people keep their own programs; used only if they are on the PATH."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done."""

    path: Path
    changed: bool
    """False: it was there already, word for word."""


def install_completion(folder: Path | None = None) -> Installed:
    """Write the file into `folder`, or where it is already, or beside the plugin, or into some folder of the user's.

    Refuses a folder that is not on the PATH (kubectl would not find it there), one that cannot be written, and to
    replace a file that this program has not written. Raises UsageError and RefusedError.
    """
    path = (_named(folder) if folder else _chosen()) / _FILE
    content = _BATCH if _ON_WINDOWS else _SHELL
    before = _content(path)
    if before == content and os.access(path, os.X_OK):
        return Installed(path, changed=False)
    if before is not None and _MARK not in before:
        raise RefusedError(f"{path} is there, and this program has not written it", hint="remove it, or name --dir")
    try:
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(content, "utf-8")
        aside.chmod(0o755)
        aside.replace(path)
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {(error.strerror or 'error').lower()}") from error
    return Installed(path, changed=True)


def _content(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {(error.strerror or 'error').lower()}") from error


def _named(folder: Path) -> Path:
    folder = expanded(str(folder)).absolute()
    if not is_folder(folder):
        raise UsageError(f"{folder} is not a folder")
    if folder.resolve() not in {known.resolve() for known in _search_path()}:
        raise RefusedError(
            f"{folder} is not on the PATH, so kubectl would not look there", hint="add it, or name another"
        )
    return folder


def _chosen() -> Path:
    if there := shutil.which(_FILE):
        return Path(there).parent
    for folder in _preferred():
        if os.access(folder, os.W_OK):
            return folder
    raise RefusedError("no folder on the PATH can be written", hint="add one of yours, such as ~/.local/bin")


def _preferred() -> Iterator[Path]:
    search_path = list(_search_path())
    if plugin := shutil.which(PLUGIN):
        yield Path(plugin).parent
    usual = [Path(folder).expanduser() for folder in _USUAL]
    yield from (folder for folder in usual if folder in search_path)
    yield from search_path


def _search_path() -> Iterator[Path]:
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return (Path(part) for part in parts if part and Path(part).is_absolute() and is_folder(Path(part)))
