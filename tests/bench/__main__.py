"""`python -m tests.bench`: exit code 1 when a limit is exceeded, 2 when something could not be measured."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.controlplane import ControlPlane, TestbedError
from tests.controlplane.api import ApiError
from tests.demo.console import DemoError
from tests.demo.ending import interruptible
from tests.demo.stage import environment, find_plugin

from . import mesh
from .cluster import Cluster, build, say
from .figures import Figure, table
from .measure import BenchError
from .scenarios import TURNS, all_figures

FAILED = 2
AGE_SECONDS = 660
"""Two of the API server's compactions, five minutes apart: the second one forgets what the first one saw."""


def main() -> int:
    """Measure, print, judge."""
    options = _options()
    interruptible()
    try:
        figures = _measured(options)
    except (ApiError, BenchError, DemoError, TestbedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(_data(figures, options), indent=2) + "\n")
    return 0 if all(figure.ok for figure in figures) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--turns", type=int, default=TURNS, metavar="N", help="of what is slow; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--aged", action="store_true", help=f"wait {AGE_SECONDS // 60} min first: see `{__package__}`")
    return parser.parse_args()


def _measured(options: argparse.Namespace) -> list[Figure]:
    plugin = find_plugin()
    build()
    with tempfile.TemporaryDirectory(prefix="istio-upgrade-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        say("starting an API server")
        with ControlPlane("api", folder / "cluster") as plane:
            variables = environment(folder, plane.kubeconfig, plugin.parent)
            cluster = Cluster(plane, folder, variables, list(mesh.objects(options.objects)))
            cluster.fill()
            if options.aged:
                say("waiting until the API server has compacted its history")
                time.sleep(AGE_SECONDS)
            return all_figures(cluster, options.turns)


def _data(figures: list[Figure], options: argparse.Namespace) -> dict[str, Any]:
    return {
        "objects": options.objects,
        "turns": options.turns,
        "aged": options.aged,
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "ok": all(figure.ok for figure in figures),
        "figures": [figure.data() for figure in figures],
    }


if __name__ == "__main__":
    sys.exit(main())
