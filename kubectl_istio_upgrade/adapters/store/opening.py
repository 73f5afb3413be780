"""Making a store, and making sure that a folder is one before anything is read from it or written to it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ...errors import StoreError
from ..paths import reason
from . import configuration
from .codec import refuse_other_format
from .gitio import Git

PRIVATE = "istio-upgrade"
"""The folder in a store for what is not in git."""

HEAD = "ref: refs/heads/main\n"
"""A store has no branch of its own; git wants one to be named."""

_LEFTOVERS = (
    "fast_import_crash_*",
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/??/tmp_obj_*",
    "refs/**/*.lock",
    "packed-refs.lock",
    "packed-refs.new",
    "shallow.lock",
    ".*.new",
    f"{PRIVATE}/.*.new",
)
"""What git, and this program, write aside."""


def open_repository(path: Path, *, create: bool) -> Git:
    """The repository of the store at `path`, made first if `create` and there is nothing.

    Raises StoreError: no store, something else than a store, a store of another format, a folder that this user may
    not look into, no git or too old a git.
    """
    git = Git(path)
    try:
        _open(git, path, create=create)
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {reason(error)}") from error
    return git


def _open(git: Git, path: Path, *, create: bool) -> None:
    if create and not _occupied(path):
        _create(path)
    if not path.exists():
        raise StoreError(f"there is no store at {path}", hint="the first `kubectl istio-upgrade snapshot` makes one")
    git.check_version()
    _check_format(git, path)


def sweep(path: Path) -> None:
    """Remove what a writer left that did not get to its end. Only the holder of the lock may."""
    for pattern in _LEFTOVERS:
        for file in path.glob(pattern):
            file.unlink(missing_ok=True)


def _occupied(path: Path) -> bool:
    return path.exists() and not (path.is_dir() and not any(path.iterdir()))


def lay_out(folder: Path) -> None:
    """Make a repository of an empty folder: what git needs of it, configured as a store. Raises OSError."""
    for inside in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / inside).mkdir(mode=0o700, parents=True)
    (folder / "HEAD").write_text(HEAD)
    (folder / "config").write_bytes(configuration.fresh())


def _create(path: Path) -> None:
    """Make the store aside and move it into place whole. Readable for its owner only: mesh configuration tells much.

    `git init` is not asked: it looks for templates, default branches and work trees of the user's.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))  # mode 0700
    except OSError as error:
        raise StoreError(f"the store cannot be made at {path}: {error.strerror}") from error
    try:
        lay_out(aside)
        (aside / PRIVATE).mkdir(mode=0o700)
        if path.exists():
            path.rmdir()
        aside.rename(path)
    except OSError as error:
        raise StoreError(f"the store cannot be made at {path}: {error.strerror}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_format(git: Git, path: Path) -> None:
    not_ours = StoreError(f"{path} is not a store of this program", hint="name another folder, or one that is empty")
    config = path / "config"
    if not config.is_file() or not (path / "objects").is_dir():
        raise not_ours
    try:
        found = configuration.values(git, config, configuration.FORMAT)
    except StoreError:
        if (path / PRIVATE).is_dir():
            raise
        raise not_ours from None
    if not found:
        raise not_ours
    version = found[-1]
    refuse_other_format(int(version) if version.isdecimal() else version, f"the store {path}")
    _check_head(path)


def _check_head(path: Path) -> None:
    """Without it git says that there is no repository at all."""
    try:
        head = (path / "HEAD").read_bytes()
    except OSError as error:
        head = str(error.strerror).encode()
    if not head.startswith(b"ref: refs/"):
        hint = f"it must say `{HEAD.strip()}`, and a line end; nothing else of the store depends on it"
        raise StoreError(f"the file {path / 'HEAD'} is damaged", hint=hint)
