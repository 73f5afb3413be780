"""References that mean nothing, or more than one thing."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Mesh
from .program import Program

pytestmark = pytest.mark.cluster

USES = (["show"], ["diff"], ["rollback", "--yes"])


UNKNOWN = (
    ("fridya", "there is no snapshot fridya", "did you mean friday?"),
    ("deadbeef", "there is no snapshot deadbeef", "the newest are"),
    ("2000-01-01", "there is no snapshot as old as 2000-01-01", "the oldest is"),
    ("2000-01-01T00:00Z", "there is no snapshot as old as", "the oldest is"),
    ("2026-13-01", "2026-13-01 is not a time", "month"),
    ("latest~1", "there is no snapshot latest~1", "the oldest snapshot is"),
    ("latest~x", "there is no snapshot latest~x", "the newest are"),
    ("~1", "there is no snapshot ~1", ""),
    ("friday~", "there is no snapshot friday~", ""),
    ("HEAD", "there is no snapshot HEAD", ""),
    ("--help~1", "no such option", ""),
)


def test_an_unknown_reference(taken: Program, view: StoreView) -> None:
    refs = view.refs
    for reference, words, hint in UNKNOWN:
        taken("show", reference).failed(2, words, hint=hint)
    assert view.refs == refs


def test_every_command_refuses_it(taken: Program, mesh: Mesh, view: StoreView) -> None:
    refs = view.refs
    with mesh.unchanged():
        for arguments in USES:
            taken(*arguments, "fridya").failed(2, "there is no snapshot fridya", hint="friday")
    assert view.refs == refs


def test_no_snapshots_yet(program: Program, view: StoreView) -> None:
    program("diff", "live", "live").done()
    for arguments in (["diff"], ["rollback", "--yes"]):
        program(*arguments).failed(2, "there is no snapshot of cluster", hint="kubectl istio-upgrade snapshot")
    program("show", "latest").failed(2, "this cluster has none yet", hint="kubectl istio-upgrade snapshot")
    assert view.refs == ""


def test_an_ambiguous_reference(taken: Program, mesh: Mesh, view: StoreView) -> None:
    first, second = _twins(view)
    words = f"{first[:4]} could be any of 2 snapshots"
    with mesh.unchanged():
        for arguments in USES:
            result = taken(*arguments, first[:4]).failed(2, words, hint="add digits")
            assert all(commit[:7] in result.err for commit in (first, second))
    taken("show", first[:7]).done()


def _twins(view: StoreView) -> tuple[str, str]:
    """The newest commit, and one after it whose name begins with the same four digits."""
    branch, commit = view.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads").split()
    text = view.git("cat-file", "commit", commit)
    head, _, _ = text.partition("\n\n")
    head = head.replace("\n", f"\nparent {commit}\n", 1)
    for number in range(10_000_000):
        body = f"{head}\n\ntwin {number}\n".encode()
        name = hashlib.sha1(b"commit %d\0%b" % (len(body), body), usedforsecurity=False).hexdigest()
        if name.startswith(commit[:4]):
            break
    store = ["git", "-C", str(view.path), "hash-object", "-t", "commit", "-w", "--stdin"]
    subprocess.run(store, input=body, check=True, capture_output=True)
    view.git("update-ref", branch, name)
    return commit, name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("latest", "means something already"),
        ("live", "means something already"),
        ("a b", "cannot be the name"),
        ("../up", "cannot be the name"),
        ("friday", "there is a snapshot called friday already"),
    ],
)
def test_a_name_that_cannot_be_given(taken: Program, mesh: Mesh, view: StoreView, name: str, words: str) -> None:
    refs = view.refs
    taken("snapshot", "--name", name).failed(2, words)
    assert view.refs == refs


@pytest.mark.parametrize(
    ("selector", "words", "hint"),
    [
        ("virtualservise", "no kind 'virtualservise'", "virtualservice"),
        ("/name", "cannot read selector '/name'", "KIND/NAME"),
        ("virtualservice/", "cannot read selector", "KIND/NAME"),
    ],
)
def test_an_unknown_kind(taken: Program, mesh: Mesh, view: StoreView, selector: str, words: str, hint: str) -> None:
    refs = view.refs
    for arguments in (["diff", "--only"], ["rollback", "--yes", "--only"], ["show", "latest"]):
        taken(*arguments, selector).failed(2, words, hint=hint)
    assert view.refs == refs


def test_an_object_that_the_snapshot_has_not(taken: Program) -> None:
    taken("show", "latest", "configmap/nobody").failed(2, "has no configmap/nobody")
    taken("show", "latest", "configmap/istoi").failed(2, "has no configmap/istoi", hint="did you mean istio")
    taken("show", "latest", "configmap/istio", "-n", "shop").failed(2, "has no configmap/istio in namespace shop")
    taken("show", "latest", "configmap/istio", "-n", "nowhere").failed(2, "has no namespace nowhere")


def test_what_neither_side_has_is_mistyped_and_not_the_same(taken: Program, view: StoreView, tmp_path: Path) -> None:
    """At 3 a.m. "nothing to do" would be taken for an answer."""
    refs = view.refs
    for arguments in (
        ["diff"],
        ["diff", "friday"],
        ["rollback", "friday", "--yes"],
        ["rollback", "friday", "--dry-run"],
    ):
        mistyped = taken(*arguments, "--only", "configmap/istoi", "-n", "istio-system")
        mistyped.failed(
            2, "neither snapshot", "has configmap/istoi in namespace istio-system", hint="did you mean istio"
        )
        taken(*arguments, "-n", "istio-sytem").failed(2, "has namespace istio-sytem", hint="did you mean istio-system?")
        taken(*arguments, "--only", "configmap/no*").done()
        taken(*arguments, "--only", "gateway").done()
    exported = taken("rollback", "friday", "--to-dir", str(tmp_path / "out"), "--only", "configmap/istoi")
    exported.failed(2, "has no configmap/istoi", hint="did you mean istio")
    assert not (tmp_path / "out").exists()
    assert view.refs == refs
