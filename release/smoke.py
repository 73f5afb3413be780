"""`python -m release.smoke`: is the archive whole? Unpacked and linked as krew does it, every command is run once.

No cluster is needed, so that every runner of a release can do it: a command that wants one must say that there is none,
for which it has to have got as far as connecting. `tests/package` does the rest, with a cluster and with krew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from kubectl_istio_upgrade.cli.main import COMMANDS
from kubectl_istio_upgrade.cli.main import main as program

from .archive import NAME, ReleaseError, archive_name, this_platform
from .build import ROOT, tag_of

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
NO_CLUSTER = "https://127.0.0.1:1"

CALLS: tuple[tuple[int, str, str], ...] = (
    (0, "kubectl istio-upgrade ", "--version"),
    (0, "age1ql3z7hj", f"store init --recipient {RECIPIENT}"),
    (5, "cannot connect", "history"),
    (0, "snapshot", "__complete snap"),
    (0, "config.yaml", "config view"),
    (2, "id you mean 'init'", "store inti"),
    (2, "no such command 'snapshoot'", "snapshoot"),
    (2, "not YAML|while|line", "diff live -f broken.yaml"),
    (5, "cannot connect", "snapshot"),
    (5, "cannot connect", "diff live live -q"),
    (5, "cannot connect", "apply -f map.yaml --yes"),
)
"""Exit code, a word of the answer, and the command line: git, age, YAML, TLS and the kubeconfig are all in it."""


def smoke(archive: Path) -> int:
    """Run everything; how many calls that were. Raises ReleaseError at the first that is not as it should be."""
    with tempfile.TemporaryDirectory(prefix="istio-upgrade-smoke-") as scratch:
        folder = Path(scratch)
        binary = installed(archive, folder)
        environment = _environment(folder)
        calls = [*CALLS, *((0, "Usage: kubectl istio-upgrade", line) for line in helps())]
        for code, word, line in calls:
            _check(binary, line, code, word, folder, environment)
    return len(calls)


def installed(archive: Path, folder: Path) -> Path:
    """Unpack it and link to it, as krew does."""
    place = folder / "store" / NAME
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(place)  # noqa: S202 - our own archive
        return place / f"{NAME}.exe"
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    link = folder / "bin" / NAME
    link.parent.mkdir()
    link.symlink_to(place / NAME)
    return link


def helps() -> Iterator[str]:
    """The help of every command and of those below it."""
    yield "--help"
    for name in COMMANDS:
        command = program.get_command(click.Context(program), name)
        yield f"{name} --help"
        if isinstance(command, click.Group):
            yield from (f"{name} {below} --help" for below in command.commands)


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the user's but where programs are."""
    kubeconfig = folder / "kubeconfig"
    cluster = f"clusters: [{{name: c, cluster: {{server: '{NO_CLUSTER}'}}}}]"
    kubeconfig.write_text(f"current-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\n{cluster}\n")
    (folder / "broken.yaml").write_text("a: [\n")
    (folder / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: istio-system}\n")
    kept = ("PATH", "SYSTEMROOT", "TEMP", "TMPDIR")
    home = {"HOME": str(folder), "USERPROFILE": str(folder)}  # the one of Windows
    own = {**home, "KUBECONFIG": str(kubeconfig), "ISTIO_UPGRADE_STORE": str(folder / "store.git")}
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **own}


def _check(binary: Path, line: str, code: int, word: str, folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        [binary, *line.split()], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120
    )
    output = done.stdout + done.stderr
    if done.returncode != code or not any(one in output for one in word.split("|")) or "Traceback" in output:
        raise ReleaseError(f"`{NAME} {line}` ended with {done.returncode}, not {code} with {word!r}:\n{output}")


def main() -> int:
    """Try this platform's archive."""
    parser = argparse.ArgumentParser(prog="python -m release.smoke", description=__doc__)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="DIR", help="default: %(default)s")
    options = parser.parse_args()
    try:
        archive = options.dist / archive_name(tag_of(ROOT), *this_platform())
        print(f"{smoke(archive)} calls of {archive.name} ended as they should", file=sys.stderr)
    except (ReleaseError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
