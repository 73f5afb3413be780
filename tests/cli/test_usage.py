"""What is said of a wrong command line, and of a right one before any work: help, formats, options in either place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_istio_upgrade.cli.main import COMMANDS

from .program import Program

NO_SUCH = "nowhere"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["snapshoot"], ["no such command 'snapshoot'", "did you mean 'snapshot'?"]),
        (["frobnicate"], ["no such command 'frobnicate'"]),
        (["restore", "friday"], ["did you mean 'rollback'?"]),
        (["backup"], ["did you mean 'snapshot'?"]),
        (["push"], ["did you mean 'store push'?"]),
        (["help", "rollback"], ["did you mean '--help'?"]),
        (["store", "vrify"], ["no such command 'vrify'", "did you mean 'verify'?"]),
        (["report", "--html"], ["'--html' requires an argument", "kubectl istio-upgrade report --help"]),
        (["snapshot", "--frob"], ["no such option", "--frob"]),
        (["--frob"], ["no such option", "--frob"]),
        (["snapshot", "--mesage", "x"], ["no such option", "--message"]),
        (["snapshot", "extra"], ["unexpected extra argument", "extra"]),
        (["show"], ["missing argument", "REF"]),
        (["apply"], ["missing option", "-f"]),
        (["history", "--limit", "0"], ["0 is not in the range"]),
        (["history", "--limit", "many"], ["'many' is not a valid integer"]),
        (["diff", "-o", "name"], ["'name' is not one of"]),
        (["history", "-o", "xml"], ["'xml' is not one of", "json", "yaml"]),
        (["diff", "--context-lines", "-1"], ["-1 is not in the range"]),
        (["diff", "a", "b", "c"], ["too many sides"]),
        (["diff", "a", "b", "-f", "-"], ["too many sides"]),
        (["--color", "sometimes", "history"], ["'sometimes' is not one of"]),
        (["rollback", "--timeout", "soon", "--yes"], ["'soon' is not a valid float"]),
        (["rollback", "--timeout", "-1", "--yes"], ["-1.0 is not in the range"]),
        (["rollback", "--timeout", "0", "--yes"], ["0.0 is not in the range"]),
        (["rollback", "--timeout", "nan", "--yes"], ["nan is no length of time"]),
        (["rollback", "--timeout", "inf", "--yes"], ["inf is not in the range"]),
        (["rollback", "--probe-interval", "nan", "--yes"], ["nan is no length of time"]),
        (["snapshot", "-m", "caf\udce9"], ["invalid value for '-m'", "it is not utf-8"]),
        (["upgrade", "--to", "1.29.1", "--set", "a=\udce9"], ["invalid value for '--set'", "it is not utf-8"]),
        (["upgrade", "--to", "1.29"], ["'1.29' is no release of Istio", "with its patch number"]),
        (["upgrade", "--to", "1.29", "--plan"], ["'1.29' is no release of Istio"]),
        (["precheck", "--to", "soon"], ["'soon' is no release of Istio"]),
        (["snapshot", "--root-namespace", "\udce9"], ["invalid value for '--root-namespace'", "it is not utf-8"]),
        (["apply", "-n", "\udce9", "-f", "x"], ["invalid value for '-n'", "it is not utf-8"]),
        (["rollback", "-n", "", "--yes"], ["invalid value for '-n'", "it is empty"]),
        (["diff", "--root-namespace", " "], ["invalid value for '--root-namespace'", "it is empty"]),
        (["upgrade", "--to", "1.29.1", "-n", "shop", "--yes"], ["-n means nothing", "--workloads namespace/name"]),
        (["retire", "default", "-n", "shop", "--yes"], ["-n means nothing"]),
        (["snapshot", "-n", "shop"], ["-n means nothing"]),
        (["validate", "-n", "shop"], ["-n means nothing"]),
        (["promote", "canary", "-n", "shop", "--tag", "prod", "--yes"], ["a namespace and --tag a tag"]),
    ],
)
def test_a_wrong_command_line_is_refused(offline: Program, arguments: list[str], words: list[str]) -> None:
    result = offline(*arguments).failed(2)
    for word in words:
        assert word.lower() in result.err.lower(), result.err
    assert result.hints, result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["history", "--store", "x" * 5_000], "is too long to be the name of a file"),
        (["snapshot", "--store", "~nobodyatall/x"], "there is no home folder ~nobodyatall"),
        (["snapshot", "--kubeconfig", "~nobodyatall/x"], "there is no home folder ~nobodyatall"),
        (["rollback", "--to-dir", "~nobodyatall/x"], "there is no home folder ~nobodyatall"),
        (["store", "push", "~nobodyatall/x"], "there is no home folder ~nobodyatall"),
        (["apply", "--yes", "-f", "kind: ConfigMap\n" * 500], "File name too long"),
        (["diff", "-f", "kind: ConfigMap\n" * 500], "File name too long"),
        (["snapshot", "--store", ""], "the name of a file or folder is empty"),
        (["rollback", "--to-dir", ""], "the name of a file or folder is empty"),
        (["upgrade", "--to", "1.29.1", "--to-dir", ""], "the name of a file or folder is empty"),
        (["report", "--html", ""], "the name of a file or folder is empty"),
        (["apply", "--yes", "-f", ""], "the name of a manifest is empty"),
        (["snapshot", "--from-file", ""], "the name of a manifest is empty"),
    ],
)
def test_what_no_file_can_be_called(offline: Program, store: Path, arguments: list[str], words: str) -> None:
    if arguments[0] == "store":
        offline("store", "init").done()
    assert len(offline(*arguments).failed(2, words).err) < 200
    assert arguments[0] == "store" or not store.exists()


def test_a_name_that_is_no_text_is_shown_all_the_same(offline: Program, tmp_path: Path) -> None:
    assert offline("store", "path", "--store", f"{tmp_path}/caf\udce9").done().out == f"{tmp_path}/caf\\udce9\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command(offline: Program, command: str, flag: str) -> None:
    result = offline(command, flag).done()
    assert result.err == ""
    assert "Examples:" in result.out
    assert f"kubectl istio-upgrade {command}" in result.out
    for code in ("0 done", "1 differences", "2 usage", "3 refused", "4 incomplete", "5 cluster", "6 store", "130"):
        assert code in result.out
    assert max(map(len, result.out.splitlines())) <= 80


def test_the_help_of_the_program(offline: Program) -> None:
    result = offline("--help").done()
    assert all(f"\n  {name} " in result.out for name in COMMANDS)
    assert "Exit codes:" in result.out


def test_version(offline: Program) -> None:
    assert offline("--version").done().out.startswith("kubectl istio-upgrade ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--context", NO_SUCH, "snapshot"],
        ["snapshot", "--context", NO_SUCH],
        ["snapshot", f"--context={NO_SUCH}"],
        ["--context", "other", "snapshot", "--context", NO_SUCH],
    ],
)
@pytest.mark.cluster
def test_options_of_every_command_stand_before_and_after_its_name(program: Program, arguments: list[str]) -> None:
    program(*arguments).failed(2, f'no context "{NO_SUCH}"', hint="testbed")


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_store_is_named_before_and_after_the_command(offline: Program, place: str, tmp_path: object) -> None:
    option = ("--store", f"{tmp_path}/elsewhere")
    arguments = (*option, "history") if place == "before" else ("history", *option)
    offline(*arguments).failed(6, f"there is no store at {tmp_path}/elsewhere")


@pytest.mark.cluster
@pytest.mark.parametrize("text", ["soon", "-1", "1x", "1 s"])
def test_a_bad_request_timeout(program: Program, text: str) -> None:
    program("snapshot", f"--request-timeout={text}").failed(2, "invalid --request-timeout", hint="0 means no limit")


@pytest.mark.parametrize("arguments", [["snapshot"], ["rollback", "--yes"], ["apply", "--yes", "-f", "-"]])
def test_without_a_kubeconfig_no_empty_store_is_left(offline: Program, store: Path, arguments: list[str]) -> None:
    offline(*arguments, stdin="kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n").failed(2, "no kubeconfig")
    assert not store.exists()
