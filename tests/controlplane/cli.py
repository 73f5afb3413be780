"""The test bed by hand: `python -m tests.controlplane`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, get_args

from .access import Access
from .build import ensure_built
from .components import RELEASES
from .install import install_istio
from .istiod import IstiodFollower
from .plane import ControlPlane, Level
from .processes import TestbedError, tail

ROOT = Path(__file__).parents[2]
DOWN_SECONDS = 30.0
READY = "# ready"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, do, and turn errors into one line."""
    options = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start a test bed and keep it until Ctrl-C")
    up.add_argument("--level", choices=get_args(Level), default="nodes")
    up.add_argument("--install", metavar="VERSION", choices=RELEASES, help="install this Istio release")
    up.add_argument("--no-istiod", action="store_true", help="do not run istiod; see the command `istiod`")
    up.add_argument("--detach", action="store_true", help="return when it is ready; `down` ends it")
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="end the test bed that runs in DIR")
    down.set_defaults(run=_down)

    istiod = commands.add_parser("istiod", help="run istiod for a test bed that was started without")
    istiod.set_defaults(run=_istiod)
    for command in (up, down, istiod):
        command.add_argument("--dir", type=Path, default=_default_folder(), help="default: %(default)s")

    build = commands.add_parser("build", help="build these components or groups; without names, all that tests need")
    build.add_argument("component", nargs="*")
    build.set_defaults(run=_build)

    path = commands.add_parser("path", help="print where a program is, building it if need be")
    path.add_argument("component")
    path.add_argument("version", nargs="?", help="for istioctl and pilot-discovery")
    path.set_defaults(run=_path)
    return parser


def _default_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"kubectl-istio-upgrade-testbed-{os.getuid()}" / "by-hand"


def _build(options: argparse.Namespace) -> int:
    for component, path in ensure_built(*options.component).items():
        print(f"{component}\t{path}")
    return 0


def _path(options: argparse.Namespace) -> int:
    name = f"{options.component}-{options.version}" if options.version else options.component
    print(ensure_built(name)[name])
    return 0


def _up(options: argparse.Namespace) -> int:
    if options.level == "api" and options.install:
        raise TestbedError("--install needs --level nodes: Istio waits for its pods")
    if options.detach:
        return _detach(options)
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_one(options.dir))
        plane = stack.enter_context(ControlPlane(options.level, options.dir))
        if options.level == "nodes" and not options.no_istiod:
            stack.enter_context(IstiodFollower(plane))
        print(f"export KUBECONFIG={plane.kubeconfig}", flush=True)
        if options.install:
            print(install_istio(plane, options.install), file=sys.stderr, flush=True)
        print(f"{READY}; Ctrl-C ends it, logs are in {plane.folder}", flush=True)
        while True:
            plane.check()
            time.sleep(0.5)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _detach(options: argparse.Namespace) -> int:
    """Run `up` in the background, and return when it says that it is ready."""
    options.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    output, log = options.dir / "up.out", options.dir / "up.log"
    command = [sys.executable, "-m", "tests.controlplane", "up", f"--level={options.level}", f"--dir={options.dir}"]
    command += [f"--install={options.install}"] if options.install else []
    command += ["--no-istiod"] if options.no_istiod else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with output.open("w") as out, log.open("w") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment, start_new_session=True
        )
    while READY not in (printed := output.read_text()):
        if process.poll() is not None:
            raise TestbedError(f"it did not start; see {log}\n{tail(log)}")
        time.sleep(0.2)
    print(printed.splitlines()[0])
    return 0


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that `down` knows whether the process in the state file is still the one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "up.lock").open("w") as handle:
        if not _locked(handle.fileno()):
            raise TestbedError(f"a test bed runs in {folder} already; `down` ends it")
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _down(options: argparse.Namespace) -> int:
    plane = Access.to(options.dir)
    with (options.dir / "up.lock").open("w") as handle:
        if not _locked(handle.fileno()):
            os.kill(plane.state.pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while not _locked(handle.fileno()):
            if time.monotonic() > deadline:
                raise TestbedError(f"process {plane.state.pid} has not ended within {DOWN_SECONDS:.0f} s")
            time.sleep(0.1)
        plane.forget()
    return 0


def _istiod(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    with IstiodFollower(Access.to(options.dir)) as follower:
        reported: list[str] | None = None
        while True:
            if (now := follower.versions()) != reported:
                print(f"istiod ready: {', '.join(now) or 'none'}", file=sys.stderr, flush=True)
                reported = now
            time.sleep(1)
