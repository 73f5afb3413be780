"""What is configured, as users see it: which value counts, what is said of a wrong file, and what follows from both."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from .conftest import StoreView
from .program import Program
from .screens import screen_after

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture
def configured(offline: Program, file: Path) -> Program:
    file.touch()
    return offline.without("ISTIO_UPGRADE_STORE").having(ISTIO_UPGRADE_CONFIG=str(file))


def test_each_value_with_its_source(configured: Program, file: Path, tmp_path: Path) -> None:
    file.write_text("color: never\ncontexts:\n  prod:\n    store: prod.git\n")
    result = configured.having(ISTIO_UPGRADE_REMOTE="there")("config", "view", "--context", "prod").done()
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in result.out.splitlines() if line.strip()}
    assert rows["context:"] == ["prod"]
    assert rows["store"] == [str(tmp_path / "prod.git"), "config.yaml, line 4"]
    assert rows["color"] == ["never", "config.yaml, line 1"]
    assert rows["remote"] == ["there", "ISTIO_UPGRADE_REMOTE"]
    assert rows["recipients"] == ["-", "default"]
    flag = configured("config", "view", "--store", "x", "-o", "json").done().json
    assert flag["settings"]["store"] == {"value": "x", "from": "flag", "where": "--store"}
    assert flag["settings"]["recipients"] == {"value": [], "from": "default", "where": None}
    assert yaml.safe_load(configured("config", "view", "-o", "yaml").done().out)["file"] == str(file)


def test_the_users_file_need_not_be_there_but_one_that_is_named_must(offline: Program, tmp_path: Path) -> None:
    usual = tmp_path / ".config" / "kubectl-istio-upgrade" / "config.yaml"
    assert f"{usual} (there is none)" in offline("config", "view").done().out
    mistyped = offline.having(ISTIO_UPGRADE_CONFIG=str(tmp_path / "mistyped.yaml"))
    for arguments in (["config", "view"], ["history"], ["snapshot"]):
        mistyped(*arguments).failed(2, "mistyped.yaml does not exist", hint="ISTIO_UPGRADE_CONFIG names it")


@pytest.mark.parametrize("columns", [80, 200])
def test_values_are_whole_however_narrow_the_terminal_is(configured: Program, columns: int) -> None:
    long = "x" * 60
    screen = screen_after(configured, "config", "view", "--store", long, columns=columns)
    assert any(long in line for line in screen.lines), screen.text
    assert "--store" in screen.text


def test_a_mistyped_context_is_noted(configured: Program, file: Path, tmp_path: Path) -> None:
    file.write_text("contexts: {prdo: {store: x}}\n")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("contexts: [{name: prod, context: {cluster: c}}]\n")
    result = configured.having(KUBECONFIG=str(kubeconfig))("config", "view").done()
    assert "config.yaml has settings of a context 'prdo' that is not in the kubeconfig" in result.err


def test_a_mistyped_variable_is_noted(configured: Program) -> None:
    result = configured.having(ISTIO_UPGRADE_STOER="x")("config", "view").done()
    assert "ISTIO_UPGRADE_STOER is in the environment and means nothing" in result.err


def test_every_command_refuses_a_wrong_file_but_help_does_not_read_it(configured: Program, file: Path) -> None:
    file.write_text("store: x\nremte: y\n")
    for arguments in (["history"], ["config", "view"], ["snapshot"], ["rollback", "--yes"], ["store", "init"]):
        refused = configured(*arguments).failed(2, f"{file}, line 2: there is no setting 'remte'")
        assert refused.hints == ["did you mean 'remote'?"]
    configured("--help").done()
    configured("history", "--help").done()


def test_the_store_of_a_context(configured: Program, file: Path, tmp_path: Path) -> None:
    file.write_text("store: all.git\ncontexts:\n  prod: {store: prod.git}\n")
    configured("history").failed(6, f"there is no store at {tmp_path}/all.git")
    configured("history", "--context", "prod").failed(6, f"there is no store at {tmp_path}/prod.git")
    configured("history", "--store", f"{tmp_path}/flag.git").failed(6, f"there is no store at {tmp_path}/flag.git")


def test_recipients_that_are_configured_are_the_stores(configured: Program, file: Path, tmp_path: Path) -> None:
    file.write_text(f"store: s.git\nrecipients: [{RECIPIENT}]\n")
    assert configured("store", "init").done().out == f"{RECIPIENT} (new)\n"
    assert configured("store", "init").done().out == f"{RECIPIENT}\n"


@pytest.mark.cluster
def test_snapshots_encrypt_to_recipients_that_are_configured(program: Program, file: Path, view: StoreView) -> None:
    file.write_text(f"recipients: [{RECIPIENT}]\n")
    program = program.having(ISTIO_UPGRADE_CONFIG=str(file))
    assert "from now on snapshots encrypt secret values to age1ql3" in program("snapshot").done().err
    assert "from now on" not in program("snapshot").done().err
    assert RECIPIENT in view.git("config", "--file", "config", "--get-all", "istioupgrade.recipient")
    branch = view.git("for-each-ref", "--format=%(refname)", "refs/heads").strip()
    assert RECIPIENT in view.git("show", f"{branch}:snapshot.yaml")


@pytest.mark.cluster
def test_a_wrong_recipient_stops_everything(program: Program, file: Path, view: StoreView) -> None:
    file.write_text("recipients: [age1wrong]\n")
    program.having(ISTIO_UPGRADE_CONFIG=str(file))("snapshot").failed(2, "'age1wrong' is not a recipient")
    assert view.refs == ""


def test_color_from_the_environment(configured: Program) -> None:
    refused = configured.having(ISTIO_UPGRADE_COLOR="nevr")("history").failed(2, "ISTIO_UPGRADE_COLOR is 'nevr'")
    assert refused.hints == ["did you mean 'never'?"]
