"""Flags before environment before file before defaults, and every way to write the file wrongly."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.configuration import (
    configure,
    file_of_the_user,
    unknown_contexts,
    unknown_variables,
)
from kubectl_istio_upgrade.adapters.kube.connection import parse_timeout
from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.configuration import Configured, Origin
from kubectl_istio_upgrade.rules.settings import SETTINGS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with nothing configured, whose current context is `prod`."""
    for name in os.environ:
        if name.startswith("ISTIO_UPGRADE_"):
            monkeypatch.delenv(name)
    for name in ("KUBECONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    kubeconfig = tmp_path / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("current-context: prod\n")
    folder = tmp_path / ".config" / "kubectl-istio-upgrade"
    folder.mkdir(parents=True)
    return folder


def found(**flags: Any) -> dict[str, Configured]:
    return {one.setting.name: one for one in configure(flags).settings}


def write(folder: Path, text: str) -> None:
    (folder / "config.yaml").write_text(text, "utf-8")


def test_nothing_is_configured(tmp_path: Path) -> None:
    assert {one.origin for one in found().values()} == {Origin.DEFAULT}
    assert configure({}).values == {"store": tmp_path / ".local/share/kubectl-istio-upgrade/store.git"}


def test_each_source_comes_before_those_below_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(**flags: Any) -> tuple[Path, Origin, str]:
        one = found(**flags)["store"]
        return one.value, one.origin, one.where

    write(folder, "store: /all\n")
    assert store() == (Path("/all"), Origin.FILE, "config.yaml, line 1")
    write(folder, "store: /all\ncontexts:\n  other: {store: /other}\n  prod:\n    store: /prod\n")
    assert store() == (Path("/prod"), Origin.FILE, "config.yaml, line 5")
    assert store(context="other")[0] == Path("/other")
    assert store(context="third")[0] == Path("/all")
    monkeypatch.setenv("ISTIO_UPGRADE_STORE", "/variable")
    assert store() == (Path("/variable"), Origin.ENVIRONMENT, "ISTIO_UPGRADE_STORE")
    assert store(store="/flag") == (Path("/flag"), Origin.FLAG, "--store")
    monkeypatch.setenv("ISTIO_UPGRADE_STORE", "")
    assert store()[0] == Path("/prod")


def test_one_setting_of_a_context_leaves_the_others_alone(folder: Path) -> None:
    write(folder, "store: /all\nremote: everywhere\ncontexts: {prod: {remote: there}, empty: }\n")
    assert found()["store"].value == Path("/all")
    assert found()["remote"].value == "there"
    assert found(context="empty")["remote"].value == "everywhere"


def test_every_setting_can_be_in_the_file_and_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        word = setting.choices[0] if setting.choices else "1s" if setting.form else "a"
        write(folder, f"{setting.key}: {[word, word] if setting.many else word}\n")
        assert found()[setting.name].origin is Origin.FILE
        separator = (os.pathsep if setting.is_path else ",") if setting.many else ""
        monkeypatch.setenv(setting.variable, separator.join([word, word]) if setting.many else word)
        assert found()[setting.name].origin is Origin.ENVIRONMENT
        value = found()[setting.name].value
        assert (len(value) == 2) if setting.many else (str(value) == word)


def test_lists_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIO_UPGRADE_RECIPIENT", "age1x, ssh-ed25519 AAAA me@host\nage1y,")
    assert found()["recipients"].value == ("age1x", "ssh-ed25519 AAAA me@host", "age1y")
    monkeypatch.setenv("ISTIO_UPGRADE_IDENTITY", f"a{os.pathsep}~/b")
    assert found()["identities"].value == (Path("a"), Path.home() / "b")


def test_paths_are_relative_to_the_file(folder: Path) -> None:
    write(folder, "store: meshes.git\nidentities: [~/key, ../key]\n")
    assert found()["store"].value == folder / "meshes.git"
    assert found()["identities"].value == (Path.home() / "key", folder / "../key")


def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_of_the_user() == tmp_path / ".config/kubectl-istio-upgrade/config.yaml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert file_of_the_user() == Path("/xdg/kubectl-istio-upgrade/config.yaml")
    monkeypatch.setenv("ISTIO_UPGRADE_CONFIG", "~/mine.yaml")
    assert file_of_the_user() == tmp_path / "mine.yaml"


@pytest.mark.parametrize("text", ["", "# nothing\n", "contexts:\n", "contexts: {prod: }\n", "---\n"])
def test_a_file_that_says_nothing(folder: Path, text: str) -> None:
    write(folder, text)
    assert {one.origin for one in found().values()} == {Origin.DEFAULT}


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("color: auto\nstor: x\n", "line 2: there is no setting 'stor'", "did you mean 'store'?"),
        ("context: {}\n", "line 1: there is no setting 'context'", "did you mean 'contexts'?"),
        ("zzz: 1\n", "line 1: there is no setting 'zzz'", "there are store, remote"),
        ("contexts:\n  prod:\n    recipient: [x]\n", "line 3: there is no setting 'recipient'", "'recipients'"),
        ("contexts:\n  other: {contexts: {}}\n", "line 2: there is no setting 'contexts'", "there are"),
        ("contexts: [prod]\n", "line 1: contexts is not a mapping", ""),
        ("contexts:\n  prod: x\n", "line 2: prod is not a mapping", ""),
        ("- store\n", "config.yaml: the file is not a mapping", ""),
        ("store: [x]\n", "line 1: store is not a text", ""),
        ("store:\n", "line 1: store is not a text", ""),
        ("\nrequestTimeout: 30\n", "line 2: requestTimeout is not a text; put it in quotes", ""),
        ("requestTimeout: soon\n", "line 1: requestTimeout is 'soon', which means nothing", "write it as 30, 1s"),
        ("recipients: age1x\n", "line 1: recipients is not a list of texts", "in brackets: recipients: [age1x]"),
        ("recipients: [1]\n", "line 1: recipients is not a list of texts", ""),
        ("color: alway\n", "line 1: color is 'alway', and not one of auto, always, never", "did you mean 'always'?"),
        ("store: a\nstore: b\n", "line 2, column 1: the key 'store' is there twice", ""),
        ("store: a\n b: c\n", "line 2, column 3: mapping values", ""),
        ("a: 1\n---\nb: 2\n", "2 documents instead of one", ""),
        ("store: \x00\n", "config.yaml: ", ""),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(folder: Path, text: str, problem: str, hint: str) -> None:
    write(folder, text)
    with pytest.raises(UsageError) as caught:
        configure({})
    assert str(folder / "config.yaml") in caught.value.message
    assert problem in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "config.yaml").mkdir()
    with pytest.raises(UsageError, match=r"config.yaml cannot be read: is a directory"):
        configure({})


def test_a_file_that_a_variable_names_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going on without it would be going on with another store."""
    monkeypatch.setenv("ISTIO_UPGRADE_CONFIG", str(tmp_path / "mistyped.yaml"))
    with pytest.raises(UsageError, match=r"mistyped.yaml does not exist") as caught:
        configure({})
    assert caught.value.hint == "ISTIO_UPGRADE_CONFIG names it"


@pytest.mark.parametrize(
    "text", ["0", "30", "1s", "1h30m", ".5s", "1.5m", "soon", "-1", "1 s", "1x", "s", "1s2", "\u0661"]
)
def test_a_time_is_what_kubectl_takes_for_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's form and the transport's own reading agree."""
    monkeypatch.setenv("ISTIO_UPGRADE_REQUEST_TIMEOUT", text)
    assert is_refused(lambda: configure({})) == is_refused(lambda: parse_timeout(text))


def is_refused(read: Callable[[], object]) -> bool:
    try:
        read()
    except UsageError:
        return True
    return False


def test_contexts_that_no_kubeconfig_names_are_noticed(folder: Path, tmp_path: Path) -> None:
    write(folder, "contexts: {prod: {store: one}, prdo: {store: two}}\n")
    assert unknown_contexts({}) == (), "a kubeconfig without any contexts says nothing"
    (tmp_path / ".kube" / "config").write_text("contexts: [{name: prod, context: {cluster: c}}]")
    assert unknown_contexts({}) == ("prdo",)
    (tmp_path / ".kube" / "config").write_text("contexts: [")
    assert unknown_contexts({}) == ()


def test_a_variable_with_a_value_that_its_setting_cannot_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIO_UPGRADE_COLOR", "nevr")
    with pytest.raises(UsageError, match="ISTIO_UPGRADE_COLOR is 'nevr'") as caught:
        configure({})
    assert caught.value.hint == "did you mean 'never'?"


def test_mistyped_variables_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ISTIO_UPGRADE_STORE", "ISTIO_UPGRADE_CONFIG", "ISTIO_UPGRADE_TESTBED_CACHE", "ISTIO_UPGRADE_STOER"):
        monkeypatch.setenv(name, "x")
    assert unknown_variables() == ("ISTIO_UPGRADE_STOER",)


def test_the_kubeconfig_is_read_only_for_settings_of_contexts(folder: Path, tmp_path: Path) -> None:
    """So that a broken one is no reason not to look at the store."""
    (tmp_path / ".kube" / "config").write_text("contexts: [")
    write(folder, "store: x\n")
    assert configure({}).context == ""
    write(folder, "contexts: {prod: {store: x}}\n")
    assert configure({"context": "prod"}).context == "prod"
    with pytest.raises(UsageError, match="is no kubeconfig"):
        configure({})


def test_rows_have_names_of_their_own() -> None:
    for part in ("name", "option", "key", "variable"):
        assert len({getattr(setting, part) for setting in SETTINGS}) == len(SETTINGS)
