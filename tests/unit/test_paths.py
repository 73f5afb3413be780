"""Names of files that people give: what no file can be called, and where nobody may look."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.configuration import configure
from kubectl_istio_upgrade.adapters.folders import check_writable
from kubectl_istio_upgrade.adapters.kube import kubeconfig
from kubectl_istio_upgrade.adapters.kube.contexts import names
from kubectl_istio_upgrade.adapters.paths import expanded, is_folder, is_there, shown
from kubectl_istio_upgrade.errors import UsageError

NOBODY = 65_534


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """To root nothing is closed."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder into which nobody may look."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(("pytest", "test_")):
            folder.chmod(0o755)
    folder = tmp_path / "locked"
    (folder / "store").mkdir(parents=True)
    folder.chmod(0 if os.geteuid() else 0o700)
    return folder


def test_the_home_folder_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/jane")
    assert expanded("~/mesh/store.git") == Path("/home/jane/mesh/store.git")
    assert expanded("store.git") == Path("store.git")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the name of a file or folder is empty"),
        ("~nobodyatall/store", "~nobodyatall/store: there is no home folder ~nobodyatall"),
        ("x" * 5_000, f"{'x' * 119}… is too long to be the name of a file"),
        ("apiVersion: v1\n" * 500, f"{'apiVersion: v1 ' * 7}apiVersion: v1… is too long to be the name of a file"),
        ("a\0b", r"'a\x00b' cannot be the name of a file"),
    ],
)
def test_what_no_file_can_be_called(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        expanded(name)
    assert caught.value.message == message


def test_settings_and_kubeconfigs_are_such_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for use in (lambda: configure({"store": "~nobodyatall/x"}), lambda: names("~nobodyatall/x")):
        with pytest.raises(UsageError, match="there is no home folder ~nobodyatall"):
            use()
    monkeypatch.setenv("KUBECONFIG", "x" * 5_000)
    with pytest.raises(UsageError, match="too long to be the name of a file"):
        names()


def test_what_is_not_there_is_told_from_what_nobody_may_see(locked: Path) -> None:
    assert is_there(locked.parent)
    assert not is_there(locked.parent / "none")
    assert not is_there(Path("/dev/null/none"))
    assert is_folder(locked.parent)
    assert not is_folder(locked.parent / "none")
    with as_somebody_else():
        assert not is_folder(locked / "store")
        for use in (is_there, check_writable, lambda path: kubeconfig.load(str(path))):
            with pytest.raises(UsageError, match="cannot be looked at: permission denied"):
                use(locked / "store")


def test_a_long_name_is_shown_in_part_and_on_one_line() -> None:
    assert shown("mesh.yaml") == "mesh.yaml"
    assert shown("a\nb") == "a b"
    assert shown("caf\udce9.yaml") == "caf?.yaml", "a name of bytes that are no UTF-8"
    assert len(shown("long " * 100)) == 120
