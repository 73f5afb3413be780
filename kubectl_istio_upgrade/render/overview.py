"""What the program says when it is asked nothing: where things stand, what comes next, and where help is."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ExitCode, IstioUpgradeError
from ..operations.overview import Overview
from .names import snapshot_title
from .standing import (
    cluster_fact,
    first_command,
    next_command,
    print_facts,
    running_facts,
    standing_facts,
    unfinished_text,
)
from .terminal import Terminal

_PROGRAM = "kubectl istio-upgrade"


def print_overview(out: Terminal, overview: Overview) -> None:
    """A fact a line, what to do, and how to learn more."""
    if overview.standing:
        print_facts(out, [*standing_facts(overview.standing), ("next", next_command(overview.standing))])
    else:
        print_facts(out, [*_facts(overview), ("next", _next(overview))])
    out.line()
    out.line(f"{_PROGRAM} --help           lists the commands")
    out.line(f"{_PROGRAM} COMMAND --help   explains one, with examples")


def _facts(overview: Overview) -> Iterator[tuple[str, str]]:
    if overview.cluster:
        yield cluster_fact(overview.cluster)
    elif overview.cluster_problem:
        yield "cluster", _problem(overview.cluster_problem)
    if overview.running:
        yield from running_facts(overview.running)
    elif overview.mesh_problem:
        yield "control plane", _problem(overview.mesh_problem)
    if overview.store_problem:
        yield "store", _problem(overview.store_problem)
    else:
        yield "last snapshot", snapshot_title(overview.newest) if overview.newest else "none is known"
    if overview.unfinished:
        yield "unfinished", unfinished_text(overview.unfinished)


def _problem(error: IstioUpgradeError) -> str:
    return f"{error.message}\n({error.hint})" if error.hint else error.message


def _next(overview: Overview) -> str:
    """The first step that is possible."""
    if overview.cluster:
        return first_command(overview.running)
    problem = overview.cluster_problem
    if problem and problem.exit_code is ExitCode.USAGE:
        return f"{_PROGRAM} again, with --kubeconfig FILE or --context NAME"
    if overview.newest:
        return f"{_PROGRAM} history, which works while the cluster does not"
    return f"kubectl cluster-info, then {_PROGRAM} again"
