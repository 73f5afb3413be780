"""A credential plugin that asks: at the terminal, wherever standard output goes, and only where it may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from .program import Program
from .terminals import at_terminal

pytestmark = pytest.mark.cluster

ASKING = """\
#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" > {folder}/info
echo 'open https://login.example and enter the code' >&2
read code
test "$code" = "{code}" && cat {folder}/credential
"""
"""What it is told; a prompt; and a token for whoever knows the code."""

PROMPT = "open https://login.example and enter the code"


def asking(program: Program, folder: Path, mode: str, code: str) -> Program:
    """The product, logged in through such a plugin."""
    document = yaml.safe_load(Path(program.environment["KUBECONFIG"]).read_text("utf-8"))
    user = document["users"][0]["user"]
    version = "client.authentication.k8s.io/v1"
    credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": user["token"]}}
    (folder / "credential").write_text(json.dumps(credential))
    plugin = folder / "login"
    plugin.write_text(ASKING.format(folder=folder, code=code))
    plugin.chmod(0o755)
    command = {"apiVersion": version, "command": str(plugin), "interactiveMode": mode}
    document["users"][0]["user"] = {"exec": command}
    path = folder / "asking.kubeconfig"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return program.having(KUBECONFIG=str(path))


def told(folder: Path) -> bool:
    """Whether the plugin was told that it may ask."""
    interactive: bool = json.loads((folder / "info").read_text())["spec"]["interactive"]
    return interactive


@pytest.mark.parametrize("mode", ["IfAvailable", "Always"])
def test_it_asks_at_the_terminal_though_the_output_goes_into_a_file(
    program: Program, tmp_path: Path, mode: str
) -> None:
    out = tmp_path / "out"
    with at_terminal(asking(program, tmp_path, mode, "1234"), "rbac", redirect=str(out)) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("1234\n")
        assert terminal.end() == 0
    assert told(tmp_path)
    assert "kind: ClusterRole" in out.read_text()


def test_it_is_not_let_to_the_terminal_where_it_is_never_to_ask(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with at_terminal(asking(program, tmp_path, "Never", ""), "rbac", redirect=str(out)) as terminal:
        assert terminal.end() == 0
    assert not told(tmp_path)
    assert PROMPT in terminal.text


def test_without_a_terminal_what_it_says_is_heard_and_nothing_is_waited_for(program: Program, tmp_path: Path) -> None:
    result = asking(program, tmp_path, "IfAvailable", "1234")("rbac").failed(5, "failed with exit code 1")
    assert result.err.startswith(f"{PROMPT}\n")
    assert not told(tmp_path)
