"""A TAB: through kubectl's own protocol, in a real bash, and when there is nothing to suggest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.cli.completing import BY_METAVAR, BY_PARAMETER, UNKNOWN
from kubectl_istio_upgrade.cli.main import COMMANDS, main
from kubectl_istio_upgrade.cli.values import Word
from tests.store.meshes import CLUSTER, draft, small_mesh

from .program import PROGRAM, Program
from .terminals import Terminal, at_terminal

PLUGIN = "kubectl_complete-istio_upgrade"

KUBECONFIG = """\
current-context: prod
contexts:
- {name: prod, context: {cluster: one, user: jane}}
- {name: staging, context: {cluster: two, user: joe}}
clusters: [{name: one, cluster: {}}, {name: two, cluster: {}}]
users: [{name: jane, user: {}}, {name: joe, user: {}}]
"""


@pytest.fixture
def user(offline: Program, store: Path, tmp_path: Path) -> Program:
    """Somebody with two contexts, a store with three snapshots, and a server that is not there."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    with GitStore.open(store, create=True) as opened:
        branch = opened.branch_of(CLUSTER)
        opened.commit(branch, draft(small_mesh(), minutes=0))
        opened.commit(branch, draft(small_mesh(), minutes=1, message="before 1.29"), name="friday")
        opened.commit(branch, draft(small_mesh(), minutes=2))
    return offline.having(KUBECONFIG=str(kubeconfig))


def commits(store: Path) -> list[str]:
    """Short, newest first."""
    with GitStore.open(store) as opened:
        return [info.short for info in opened.history(opened.branches()[0])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def kubectl(user: Program, folder: Path) -> Program:
    """kubectl with the plugin's completion installed."""
    user = user.having(PATH=f"{folder}:{user.environment['PATH']}")
    user("completion", "--install", "--dir", str(folder)).done()
    return Program(user.environment, ("kubectl",))


def answers(program: Program, *words: str) -> tuple[dict[str, str], str]:
    """Values with their descriptions, and the directive."""
    *lines, directive = program("__complete", *words).done().out.splitlines()
    return {value: about for value, _, about in (line.partition("\t") for line in lines)}, directive


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Of every command and of those below it."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        below = command.commands if isinstance(command, click.Group) else {}
        for path, each in ((name, command), *((f"{name} {sub}", found) for sub, found in below.items())):
            yield from ((path, parameter) for parameter in each.params)


def test_completion_knows_what_to_do_with_every_parameter() -> None:
    """A new metavar belongs in `BY_METAVAR`, or in `UNKNOWN` if only the person at the keyboard knows the value."""
    for command, parameter in parameters():
        known = parameter.name in BY_PARAMETER or parameter.metavar in {*BY_METAVAR, *UNKNOWN}
        assert not isinstance(parameter.type, Word) or known, f"{command}: {parameter.name} ({parameter.metavar})"


def test_commands_with_their_purposes(kubectl: Program) -> None:
    found, directive = answers(kubectl, "istio-upgrade", "")
    assert found == {name: purpose for name, (_, _, purpose) in COMMANDS.items()}
    assert directive == ":4"
    assert list(answers(kubectl, "istio-upgrade", "ro")[0]) == ["rollback"]
    assert answers(kubectl, "istio-upgrade", "store", "")[0].keys() >= {"init"}
    assert answers(kubectl, "istio-upgrade", "frobnicate", "") == ({}, ":4")


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_every_command(user: Program, name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    spelled = {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)}
    found, directive = answers(user, name, "--")
    assert found.keys() == {word for word in spelled if word.startswith("--")} | {"--help"}
    assert all(found.values())
    assert directive == ":4"


def test_references_with_their_dates_newest_first(kubectl: Program, store: Path) -> None:
    newest, second, oldest = commits(store)
    found, directive = answers(kubectl, "istio-upgrade", "rollback", "")
    assert list(found) == ["latest", newest, "friday", oldest]
    assert found["friday"] == f"{second}, 2026-11-23 08:01Z, before 1.29"
    assert found["latest"] == found[newest] == "2026-11-23 08:02Z, snapshot: 21 objects, Istio 1.28.3"
    assert directive == ":36", "no files, and the order is kept"
    assert list(answers(kubectl, "istio-upgrade", "diff", "l")[0]) == ["live", "latest"]
    assert list(answers(kubectl, "istio-upgrade", "diff", "live", "fri")[0]) == ["friday"]
    assert list(answers(kubectl, "istio-upgrade", "show", newest[:5])[0]) == [newest]


def test_contexts_clusters_and_users_of_the_kubeconfig(user: Program) -> None:
    assert answers(user, "snapshot", "--context", "") == ({"prod": "current", "staging": ""}, ":4")
    assert list(answers(user, "--context=st")[0]) == ["staging"]
    assert list(answers(user, "--cluster", "")[0]) == ["one", "two"]
    assert list(answers(user, "history", "--user", "ja")[0]) == ["jane"]
    missing = user.having(KUBECONFIG="/nowhere")
    assert list(answers(missing, "--kubeconfig", user.environment["KUBECONFIG"], "--context", "")[0]) == [
        "prod",
        "staging",
    ]


def test_kinds_and_objects_of_the_newest_snapshot(user: Program) -> None:
    kinds, _ = answers(user, "rollback", "--only", "")
    assert kinds["virtualservice"] == "networking.istio.io/v1"
    assert kinds["configmap"] == "v1"
    found, _ = answers(user, "show", "latest", "virtualservice/")
    assert found == {f"virtualservice/app-{number}": "shop" for number in range(3)}
    assert answers(user, "diff", "--only", "vs/app-1")[0].keys() == {"vs/app-1"}
    assert answers(user, "diff", "-n", "elsewhere", "--only", "vs/")[0] == {}
    assert "sidecars.networking.istio.io" in answers(user, "snapshot", "--exclude-type", "")[0]
    assert "sidecars.networking.istio.io" in answers(user, "rollback", "--restore-crd", "")[0]


def test_namespaces_of_the_newest_snapshot(user: Program) -> None:
    assert list(answers(user, "diff", "-n", "")[0]) == ["istio-system", "shop"]
    assert list(answers(user, "snapshot", "--root-namespace", "istio")[0]) == ["istio-system"]
    chosen = ["none", "plan", "all", "namespace/istio-system", "namespace/shop"]
    assert list(answers(user, "restart", "--workloads", "")[0]) == chosen


def test_choices_files_and_folders(user: Program) -> None:
    assert answers(user, "history", "-o", "") == (dict.fromkeys(["text", "json", "yaml", "name"], ""), ":4")
    assert answers(user, "apply", "-f", "") == ({}, ":0")
    assert answers(user, "rollback", "--identity", "k") == ({}, ":0")
    assert answers(user, "rollback", "--to-dir", "") == ({}, ":16")
    assert answers(user, "snapshot", "-m", "") == ({}, ":4")


def test_the_store_is_the_one_that_commands_would_use(user: Program, store: Path, tmp_path: Path) -> None:
    elsewhere = user.having(ISTIO_UPGRADE_STORE=str(tmp_path / "none"))
    assert answers(elsewhere, "show", "")[0] == {}
    assert "friday" in answers(elsewhere, "--store", str(store), "show", "")[0]
    config = tmp_path / "config.yaml"
    config.write_text(f"contexts:\n  prod:\n    store: {store}\n")
    configured = user.without("ISTIO_UPGRADE_STORE").having(ISTIO_UPGRADE_CONFIG=str(config))
    assert "friday" in answers(configured, "show", "")[0]
    assert answers(configured, "--context", "staging", "show", "")[0] == {}


def test_snapshots_of_another_cluster_are_not_suggested(user: Program, store: Path) -> None:
    assert "friday" in answers(user, "show", "--context", "prod", "")[0]
    assert answers(user, "show", "--context", "staging", "")[0] == {}


def test_nothing_is_said_when_something_is_wrong(user: Program, store: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("a: [")
    (tmp_path / "empty").mkdir()
    for ill in (
        user.having(KUBECONFIG=str(broken)),
        user.having(ISTIO_UPGRADE_CONFIG=str(broken)),
        user.having(ISTIO_UPGRADE_STORE=str(broken)),
        user.having(PATH=str(tmp_path / "empty")),
    ):
        for words in (["show", "--context", "prod", ""], ["diff", "-n", ""], ["rollback", "--only", ""]):
            result = ill("__complete", *words).done()
            assert result.err == ""
            assert result.out.splitlines()[-1] in (":4", ":36")
    shutil.rmtree(store)
    assert answers(user, "show", "") == ({}, ":4")
    assert not store.exists()


def test_in_bash_under_the_plugins_own_name(user: Program, tmp_path: Path) -> None:
    with at_bash(user, "source <(kubectl-istio_upgrade completion bash)") as bash:
        bash.type("kubectl-istio_upgrade roll\t")
        bash.wait_for("kubectl-istio_upgrade rollback ")
        bash.type("fri\t")
        bash.wait_for("rollback friday ")
        bash.type("--only virtualservice/app-\t\t")
        bash.wait_for("virtualservice/app-2")


def test_in_bash_through_kubectl(kubectl: Program) -> None:
    """With the two functions of the package bash-completion that kubectl's script calls, reduced to what they do."""
    helpers = (
        "_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
        ' words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }; __ltrim_colon_completions() { :; }'
    )
    with at_bash(kubectl, f"{helpers}; source <(kubectl completion bash)") as bash:
        bash.type("kubectl istio-upg\t")
        bash.wait_for("kubectl istio-upgrade ")
        bash.type("roll\t")
        bash.wait_for("kubectl istio-upgrade rollback ")
        bash.type("fri\t")
        bash.wait_for("rollback friday ")
        bash.type("--context stag\t")
        bash.wait_for("--context staging ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_for_each_shell(user: Program, shell: str) -> None:
    script = user("completion", shell).done().out
    assert "kubectl-istio_upgrade" in script
    assert f"{shell}_complete" in script
    assert "completion --install" in script
    assert script.startswith("#compdef kubectl-istio_upgrade\n") == (shell == "zsh")


def test_a_wrong_line_is_silent_in_the_scripts_too(user: Program) -> None:
    asked = user.having(
        _KUBECTL_ISTIO_UPGRADE_COMPLETE="bash_complete", COMP_WORDS="kubectl-istio_upgrade frobnicate ", COMP_CWORD="2"
    )
    result = asked()
    assert (result.out, result.err) == ("", "")


def test_installing(user: Program, folder: Path) -> None:
    path = folder / PLUGIN
    user = user.having(PATH=f"{user.environment['PATH']}:{folder}")
    assert user("completion", "--install", "--dir", str(folder)).done().out == f"wrote {path}\n"
    assert path.stat().st_mode & 0o777 == 0o755
    again = user("completion", "--install").done()
    assert again.out == f"there already: {path}\n"
    path.write_text(path.read_text() + "# of an older version\n")
    assert user("completion", "--install").done().out == f"wrote {path}\n"
    assert [each.name for each in folder.iterdir()] == [PLUGIN]


def test_installed_beside_the_plugin_if_nobody_says_where(user: Program, folder: Path, tmp_path: Path) -> None:
    (folder / PROGRAM.name).symlink_to(PROGRAM)
    first = tmp_path / "first"
    first.mkdir()
    user = user.having(PATH=f"{first}:{folder}:/usr/bin:/bin")
    assert user("completion", "--install").done().out == f"wrote {folder / PLUGIN}\n"


def test_installing_is_refused(user: Program, folder: Path, tmp_path: Path) -> None:
    install = ("completion", "--install", "--dir")
    user(*install, str(folder)).failed(3, f"{folder} is not on the PATH", hint="add it")
    user(*install, str(tmp_path / "none")).failed(2, "none is not a folder")
    user = user.having(PATH=f"{folder}:{user.environment['PATH']}")
    (folder / PLUGIN).write_text("#!/bin/sh\necho somebody else's\n")
    user(*install, str(folder)).failed(3, "this program has not written it", hint="remove it")
    assert "somebody else's" in (folder / PLUGIN).read_text()
    (folder / PLUGIN).unlink()
    (folder / PLUGIN).mkdir()
    user(*install, str(folder)).failed(3, f"{PLUGIN} cannot be read: is a directory")


def test_no_folder_that_can_be_written(user: Program, folder: Path) -> None:
    setpriv = str(shutil.which("setpriv"))
    modest = user.under(setpriv, "--bounding-set", "-dac_override") if os.geteuid() == 0 else user
    modest = modest.having(PATH=str(folder))
    folder.chmod(0o555)
    modest("completion", "--install").failed(3, "no folder on the PATH can be written")
    modest("completion", "--install", "--dir", str(folder)).failed(3, "cannot be written: permission denied")


@pytest.mark.parametrize("arguments", [[], ["bash", "--install"], ["--dir", "x"], ["bash", "--dir", "x"]])
def test_what_to_do_must_be_said(user: Program, arguments: list[str]) -> None:
    user("completion", *arguments).failed(2, "name one of")


@contextmanager
def at_bash(program: Program, setup: str) -> Iterator[Terminal]:
    """An interactive bash without anybody's configuration."""
    bash = Program({**program.environment, "PS1": "ready> "}, ("bash", "--norc", "--noprofile", "-i"))
    with at_terminal(bash) as terminal:
        terminal.wait_for("ready> ")
        terminal.type(f"{setup}; echo set''up\n")
        terminal.wait_for("setup")
        yield terminal
