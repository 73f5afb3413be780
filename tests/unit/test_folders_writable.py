"""Whether a folder can be written is known before an upgrade; it is written after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.folders import check_writable
from kubectl_istio_upgrade.errors import RefusedError


def test_a_folder_that_is_there_or_can_be_made_is_well_and_is_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "deeper")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_its_place_or_above_it_is_refused(tmp_path: Path, below: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(RefusedError, match="is not a folder; nothing was changed"):
        check_writable(taken / below)


def test_relative_names_are_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable(Path("out/mesh"))
    assert list(tmp_path.iterdir()) == []
