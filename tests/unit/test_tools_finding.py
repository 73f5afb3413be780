"""Which istioctl and which helm are taken: by their own word, from the places in their order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.tools.finding import Candidate, Places, cached, find_helm, find_istioctl
from kubectl_istio_upgrade.errors import ExitCode, ToolError
from kubectl_istio_upgrade.models.releases import Release

WANTED = Release(1, 29, 1)
HINT = "get it"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes programs that say what they are; the PATH has the folders `first` and `second`, and a shell's own."""
    monkeypatch.setenv("PATH", os.pathsep.join([*(str(tmp_path / name) for name in ("first", "second")), "/bin"]))
    for name in ("ISTIOCTL", "HELM"):
        monkeypatch.delenv(name, raising=False)

    def program(folder: str, name: str, *, says: str = "", code: int = 0) -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {code}\n")
        path.chmod(0o755)
        return path

    return program


def istioctl(release: str) -> str:
    return f'{{"clientVersion": {{"version": "{release}"}}}}'


def found(places: Places, release: Release | None = WANTED) -> Candidate:
    return find_istioctl(places, release, hint=HINT)


def test_the_one_that_is_named_is_taken_before_all_others(make: Make) -> None:
    make("first", "istioctl", says=istioctl("1.29.1"))
    given = make("elsewhere", "istio", says=istioctl("1.29.1"))
    assert found(Places("istioctl", given)) == Candidate(given, "--istioctl", WANTED)


def test_the_one_that_is_named_must_be_of_the_release(make: Make) -> None:
    make("first", "istioctl", says=istioctl("1.29.1"))
    given = make("elsewhere", "istio", says=istioctl("1.28.3"))
    with pytest.raises(ToolError) as caught:
        found(Places("istioctl", given))
    assert caught.value.message == f"{given} (--istioctl) is of 1.28.3, and what is needed is istioctl 1.29.1"
    assert (caught.value.hint, caught.value.exit_code) == (HINT, ExitCode.REFUSED)


def test_the_variable_comes_before_the_path(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("first", "istioctl", says=istioctl("1.29.1"))
    named = make("elsewhere", "mine", says=istioctl("1.29.1"))
    monkeypatch.setenv("ISTIOCTL", str(named))
    assert found(Places("istioctl", variable="ISTIOCTL")) == Candidate(named, "$ISTIOCTL", WANTED)


def test_a_variable_that_names_another_release_is_passed_over(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIOCTL", str(make("elsewhere", "mine", says=istioctl("1.28.3"))))
    right = make("second", "istioctl", says=istioctl("1.29.1"))
    assert found(Places("istioctl", variable="ISTIOCTL")) == Candidate(right, "PATH", WANTED)


def test_every_folder_of_the_path_is_looked_into(make: Make) -> None:
    make("first", "istioctl", says=istioctl("1.28.3"))
    second = make("second", "istioctl", says=istioctl("1.29.1"))
    assert found(Places("istioctl")).path == second


def test_a_name_with_the_release_in_it_is_known(make: Make) -> None:
    make("first", "istioctl", says=istioctl("1.28.3"))
    named = make("first", "istioctl-1.29.1", says=istioctl("1.29.1"))
    assert found(Places("istioctl")) == Candidate(named, "PATH", WANTED)


def test_a_name_that_lies_is_not_believed(make: Make) -> None:
    make("first", "istioctl-1.29.1", says=istioctl("1.29.0"))
    with pytest.raises(ToolError, match=r"istioctl-1\.29\.1 \(PATH\) is of 1\.29\.0"):
        found(Places("istioctl"))


def test_the_cache_comes_last(make: Make, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    mine = make("cache", "istioctl-1.29.1", says=istioctl("1.29.1"))
    assert mine == cached(cache, "istioctl", WANTED)
    assert found(Places("istioctl", cache=cache)) == Candidate(mine, "cache", WANTED)
    make("second", "istioctl", says=istioctl("1.29.1"))
    assert found(Places("istioctl", cache=cache)).origin == "PATH"


def test_whatever_was_seen_is_in_the_error(make: Make) -> None:
    old = make("first", "istioctl", says=istioctl("1.28.3"))
    broken = make("second", "istioctl", says="Segmentation fault", code=139)
    with pytest.raises(ToolError) as caught:
        found(Places("istioctl"))
    assert caught.value.message.splitlines() == [
        "there is no istioctl 1.29.1 here; seen:",
        f"  {old} (PATH) is of 1.28.3",
        f"  {broken} (PATH) does not say of which release it is",
    ]


def test_one_file_is_asked_once_however_often_it_is_found(make: Make, tmp_path: Path) -> None:
    program = make("first", "istioctl", says=istioctl("1.28.3"))
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "istioctl").symlink_to(program)
    with pytest.raises(ToolError) as caught:
        found(Places("istioctl"))
    assert caught.value.message.count("1.28.3") == 1


def test_without_any_the_error_says_so(make: Make) -> None:
    with pytest.raises(ToolError) as caught:
        found(Places("istioctl"))
    assert caught.value.message == "there is no istioctl 1.29.1 here"


def test_a_file_that_is_no_program_is_named_with_the_reason(make: Make, tmp_path: Path) -> None:
    given = tmp_path / "text"
    given.write_text("not a program")
    with pytest.raises(ToolError, match=r"\(--istioctl\) cannot be asked: .* cannot be run: permission denied"):
        found(Places("istioctl", given))
    with pytest.raises(ToolError, match="no such file"):
        found(Places("istioctl", tmp_path / "missing"))


@pytest.mark.parametrize("says", ["", "null", "[]", '{"clientVersion": {}}', "client version: 1.29.1"])
def test_an_answer_of_another_kind_is_no_release(make: Make, says: str) -> None:
    make("first", "istioctl", says=says)
    with pytest.raises(ToolError, match="does not say of which release it is"):
        found(Places("istioctl"))


def test_any_release_will_do_where_none_is_asked_for(make: Make) -> None:
    make("first", "istioctl", says="broken")
    make("second", "istioctl", says=istioctl("1.27.0"))
    assert found(Places("istioctl"), None).release == Release(1, 27, 0)


def test_helm_is_taken_when_it_is_new_enough(make: Make) -> None:
    make("first", "helm", says="v3.12.9")
    new = make("second", "helm", says="v4.3.1")
    assert find_helm(Places("helm"), hint=HINT) == Candidate(new, "PATH", Release(4, 3, 1))


def test_a_helm_that_is_too_old_is_refused_with_what_is_needed(make: Make) -> None:
    old = make("first", "helm", says="v3.12.9")
    with pytest.raises(ToolError) as caught:
        find_helm(Places("helm"), hint=HINT)
    assert caught.value.message == f"there is no helm 3.13 or newer here; seen:\n  {old} (PATH) is of 3.12.9"
