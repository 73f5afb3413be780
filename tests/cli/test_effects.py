"""What a command's help says of its changes is so: where it says "nothing", no request writes and no file changes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.cli.effects import EFFECTS, MADE, NOTHING, Effects

from .command_lines import FIRST, Row, known
from .mesh import Mesh, virtual_service
from .program import Program, clean_environment
from .proxy import Proxy, Seen

pytestmark = pytest.mark.cluster

QUESTIONS = "/selfsubject"
"""Reviews of one's own permissions are asked for with POST."""

LOCKS = (".lock", "lock")
"""Files that the operating system's locks are of: they are there for good, and hold no state."""

LOOKING = tuple(line for line in FIRST if EFFECTS.get(" ".join(known(line)), Effects()).cluster == NOTHING)
"""Commands that say that they change nothing in the cluster, or only have others below them."""


@pytest.fixture(scope="module")
def past(installed: Mesh, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of some snapshots and an operation, and a remote that has them, too."""
    folder = tmp_path_factory.mktemp("past")
    shutil.copytree(template, folder / "store")
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder / "remote.git")], check=True)
    (folder / "new.yaml").write_text(yaml.safe_dump(virtual_service("new")), "utf-8")
    environment = clean_environment(folder, KUBECONFIG=str(installed.plane.kubeconfig), ISTIO_UPGRADE_STORE="store")
    program = Program(environment, folder=folder)
    program("apply", "-f", "new.yaml", "--yes").done()
    program("rollback", "--yes").done()
    program("store", "push", "remote.git").done()
    return folder


@pytest.fixture
def observed(proxied: Program, past: Path, tmp_path: Path) -> Program:
    """The product behind a proxy, in a copy of that folder, which is the user's home, too."""
    shutil.copytree(past, tmp_path, dirs_exist_ok=True)
    return replace(proxied, folder=tmp_path)


def test_there_are_commands_that_only_look() -> None:
    assert len(LOOKING) > 15


@pytest.mark.parametrize("line", LOOKING, ids=lambda line: " ".join(known(line)) or "none")
def test_nothing_changes_where_its_help_says_so(observed: Program, proxy: Proxy, line: Row, store: Path) -> None:
    effects = EFFECTS.get(" ".join(known(line)), Effects())
    before, asked = contents(store.parent), len(proxy.seen)
    assert observed(*line.words).code in (line.code, 0), "0 where nothing has drifted"
    assert [seen for seen in proxy.seen[asked:] if writes(seen)] == []
    changed = {path for path, _ in set(before.items()) ^ set(contents(store.parent).items())}
    in_store = {path for path in changed if path.split("/")[0] in (store.name, "remote.git")}
    if effects.store in (NOTHING, MADE):
        assert in_store == set()
    assert changed - in_store == set(), "there are no other files without an option that asks for them"


def writes(seen: Seen) -> bool:
    """Anything that a server would keep: also a Lease."""
    return seen.method != "GET" and not seen.tries and QUESTIONS not in seen.target


def contents(folder: Path) -> Mapping[str, str]:
    """Every file's content, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(LOCKS))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
