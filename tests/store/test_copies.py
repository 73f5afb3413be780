"""`store push` and `store pull`: to real repositories, between real stores, and nothing is lost or overwritten."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, copies
from kubectl_istio_upgrade.errors import ExitCode, RemoteError, StoreError, UsageError
from kubectl_istio_upgrade.models.copies import Clash, Course, Exchange
from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.snapshots import SnapshotInfo

from ..unit.silence import Silence
from .children import run
from .meshes import CLUSTER, by_key, config_map, draft, small_mesh
from .plain_git import loosen, object_file, plain_git
from .test_retention import tidy
from .test_verify import verified

BRANCH = "prod-5d0c1f7e"


def mesh(number: int) -> list[MeshObject]:
    return [*small_mesh(), config_map("own", {"x": f"{number}"}, version=number)]


def take(store: GitStore, minutes: int, name: str | None = None, branch: str = BRANCH) -> SnapshotInfo:
    return store.commit(branch, draft(mesh(minutes), minutes=minutes), name=name)


def push(store: GitStore, remote: Path) -> Exchange:
    return copies.push(store, copies.Remote.at(str(remote)), Silence())


def pull(store: GitStore, remote: Path) -> Exchange:
    return copies.pull(store, copies.Remote.at(str(remote)), Silence())


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A repository that knows nothing of stores."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "remote.git")], check=True)
    return tmp_path / "remote.git"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[GitStore]:
    """The store of somebody else."""
    with GitStore.open(tmp_path / "other", create=True) as opened:
        yield opened


def history(store: GitStore) -> list[str]:
    return [info.commit for info in store.history(store.branches()[0])]


def commits(*infos: SnapshotInfo) -> list[str]:
    return [info.commit for info in infos]


def refs(path: Path) -> str:
    return plain_git(path, "for-each-ref")


def leftovers(store: GitStore) -> list[Path]:
    return [*store.path.glob("istio-upgrade/.incoming.*"), *store.path.rglob("*.lock"), *store.path.rglob("tmp_*")]


def sound(store: GitStore) -> bool:
    """Whether the store is in order, by its own word and by git's."""
    plain_git(store.path, "fsck", "--full", "--strict")
    found = verified(store.path)
    assert found.faults == ()
    return leftovers(store) == []


def test_another_machine_gets_all_of_it(store: GitStore, remote: Path, other: GitStore) -> None:
    old, new = take(store, 0, "friday"), take(store, 1)

    sent = push(store, remote)
    (carried,) = sent.carried
    assert (carried.branch, carried.course, carried.snapshots, carried.names) == (BRANCH, Course.NEW, 2, ("friday",))
    (carried,) = pull(other, remote).carried

    assert (carried.branch, carried.course, carried.snapshots, carried.names) == (BRANCH, Course.NEW, 2, ("friday",))
    assert history(other) == commits(new, old)
    assert other.resolve(BRANCH, "friday").commit == old.commit
    assert other.state(new).load(by_key(mesh(1))) == by_key(mesh(1))
    assert refs(remote) == refs(store.path) == refs(other.path)
    assert sound(other)
    assert [one.course for one in pull(other, remote).carried] == [Course.SAME]
    assert [(one.course, one.snapshots) for one in push(store, remote).carried] == [(Course.SAME, 0)]


def test_what_is_new_follows(store: GitStore, remote: Path, other: GitStore) -> None:
    old = take(store, 0)
    push(store, remote)
    pull(other, remote)
    new = take(store, 1, "monday")
    assert [(one.course, one.snapshots) for one in push(store, remote).carried] == [(Course.FORWARD, 1)]
    assert [(one.course, one.snapshots) for one in pull(other, remote).carried] == [(Course.FORWARD, 1)]
    assert history(other) == commits(new, old)
    take(other, 2)
    assert [one.course for one in pull(other, remote).carried] == [Course.LEFT]
    assert sound(other)


def test_two_histories_become_one_whoever_pulls_first(store: GitStore, remote: Path, other: GitStore) -> None:
    common = take(store, 0)
    push(store, remote)
    pull(other, remote)
    mine, theirs, mine_too = take(store, 1), take(other, 2, "theirs"), take(store, 3)
    push(store, remote)

    (carried,) = pull(other, remote).carried

    assert (carried.course, carried.snapshots) == (Course.MERGED, 2)
    assert history(other) == commits(mine_too, theirs, mine, common)
    assert other.resolve(BRANCH, "latest~1").commit == theirs.commit
    assert sound(other)
    merge = plain_git(other.path, "rev-parse", BRANCH).strip()
    assert plain_git(other.path, "rev-parse", f"{merge}^1", f"{merge}^2").split() == commits(mine_too, theirs)
    assert plain_git(other.path, "show", "-s", "--format=%T %B", merge).startswith(
        plain_git(other.path, "show", "-s", "--format=%T", mine_too.commit).strip() + " merge\n\nPurpose: merge\n"
    )
    assert [one.course for one in push(other, remote).carried] == [Course.FORWARD]
    assert [one.course for one in pull(store, remote).carried] == [Course.FORWARD]
    assert history(store) == history(other)
    assert plain_git(store.path, "rev-parse", BRANCH).strip() == merge
    after = take(store, 4)
    assert history(store)[0] == after.commit
    assert sound(store)


def test_two_who_merge_the_same_make_the_same(store: GitStore, other: GitStore, tmp_path: Path) -> None:
    """Even if both snapshots are of the same second."""
    take(store, 0)
    pull(other, store.path)
    take(store, 1)
    other.commit(BRANCH, draft(small_mesh(), minutes=1))
    shutil.copytree(other.path, tmp_path / "copy")

    pull(other, store.path)
    pull(store, tmp_path / "copy")

    assert refs(store.path) == refs(other.path)
    assert len(history(store)) == 3


def test_a_push_takes_over_what_it_meets_and_then_goes_on(store: GitStore, remote: Path, other: GitStore) -> None:
    common = take(store, 0)
    push(store, remote)
    pull(other, remote)
    theirs = take(other, 1)
    push(other, remote)
    mine = take(store, 2)

    (carried,) = push(store, remote).carried

    assert (carried.course, carried.snapshots) == (Course.MERGED, 1)
    assert history(store) == commits(mine, theirs, common)
    assert refs(remote) == refs(store.path)
    assert sound(store)


def test_stores_that_never_met_become_one_history(store: GitStore, remote: Path, other: GitStore) -> None:
    mine, theirs = take(store, 0), take(other, 1, branch="production-5d0c1f7e")
    push(store, remote)
    (carried,) = push(other, remote).carried
    assert (carried.branch, carried.theirs, carried.course) == ("production-5d0c1f7e", BRANCH, Course.MERGED)
    assert plain_git(remote, "branch", "--format=%(refname:short)").split() == [BRANCH]
    pull(store, remote)
    assert history(store) == history(other) == commits(theirs, mine)
    assert store.branches() == (BRANCH,)
    assert other.branches() == ("production-5d0c1f7e",)
    assert sound(store)
    assert sound(other)


def test_other_clusters_come_along(store: GitStore, remote: Path, other: GitStore) -> None:
    staging = replace(CLUSTER, uid="77777777-8a51-4d0e-9a57-0d9a2c1b7f11", context="staging")
    take(store, 0)
    other.commit("staging-77777777", draft(small_mesh(), cluster=staging))
    push(store, remote)
    push(other, remote)
    assert [one.branch for one in pull(store, remote).carried] == [BRANCH, "staging-77777777"]
    assert store.branches() == (BRANCH, "staging-77777777")
    assert sound(store)


def test_a_name_that_means_two_things_stays_on_both_sides(store: GitStore, remote: Path, other: GitStore) -> None:
    take(store, 0)
    push(store, remote)
    pull(other, remote)
    mine, theirs = take(store, 1, "friday"), take(other, 2, "friday")
    push(store, remote)

    (sent,) = push(other, remote).carried

    assert sent.clashes == (Clash("friday", theirs.commit, mine.commit),)
    assert other.resolve(BRANCH, "friday").commit == theirs.commit
    assert plain_git(remote, "rev-parse", f"refs/tags/{BRANCH}/friday").strip() == mine.commit
    assert pull(store, remote).clashes == 0
    assert history(store) == history(other)


def refusing() -> int:
    """A port on this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "words", "hint"),
    [
        ("{tmp}/nowhere.git", "does not appear to be a git repository", "git init --bare"),
        ("http://somebody:password@127.0.0.1:{port}/mesh.git", "127.0.0.1", "try again"),
        ("ssh://git@127.0.0.1:{port}/mesh.git", "Connection refused", "try again"),
        ("git://127.0.0.1:{port}/mesh.git", "127.0.0.1", "try again"),
        ("nosuch://127.0.0.1/mesh.git", "nosuch", ""),
    ],
)
@pytest.mark.parametrize("action", [copies.push, copies.pull])
def test_a_remote_that_is_down_loses_nothing(
    store: GitStore, tmp_path: Path, address: str, words: str, hint: str, action: Callable[..., Exchange]
) -> None:
    take(store, 0, "friday")
    before = refs(store.path), sorted(store.path.rglob("*"))

    with pytest.raises(RemoteError) as caught:
        action(store, copies.Remote.at(address.format(tmp=tmp_path, port=refusing())), Silence())

    assert words in caught.value.message
    assert hint in str(caught.value.hint)
    assert "password" not in f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in caught.value.message
    assert caught.value.exit_code is ExitCode.STORE
    assert (refs(store.path), sorted(store.path.rglob("*"))) == before


@pytest.mark.parametrize("address", ["", "--upload-pack=touch /tmp/x", "a\nb"])
def test_what_is_no_address_is_not_given_to_git(address: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a remote"):
        copies.Remote.at(address)


def test_nothing_there_and_nothing_here(store: GitStore, remote: Path) -> None:
    with pytest.raises(StoreError, match="no snapshots to push"):
        push(store, remote)
    with pytest.raises(RemoteError, match="there are no snapshots at"):
        pull(store, remote)


def test_a_damaged_remote_is_refused_whole(store: GitStore, other: GitStore) -> None:
    take(other, 0, "friday")
    pull(store, other.path)
    take(other, 1)
    before = refs(store.path)
    path = "objects/core/configmaps/istio-system/istio.yaml"
    stream = f"commit refs/heads/{BRANCH}\ncommitter a <a@b> 1800000000 +0000\ndata 1\nx\nfrom refs/heads/{BRANCH}^0\n"
    stream += f"M 100644 inline {path}\ndata 5\na: 1\n\n"
    subprocess.run(["git", "-C", str(other.path), "fast-import", "--quiet"], input=stream.encode(), check=True)

    for action in (pull, push):
        with pytest.raises(RemoteError, match=f"is damaged: snapshot .{{7}}: {path}: ") as caught:
            action(store, other.path)
        assert "nothing was taken over" in str(caught.value.hint)
        assert refs(store.path) == before
        assert sound(store)


def test_a_remote_that_lost_an_object_is_refused(store: GitStore, other: GitStore) -> None:
    take(other, 0)
    loosen(other.path)
    object_file(other.path, plain_git(other.path, "rev-parse", f"{BRANCH}:snapshot.yaml").strip()).unlink()
    with pytest.raises(RemoteError, match="cannot be read"):
        pull(store, other.path)
    assert refs(store.path) == ""
    assert sound(store)


def test_branches_without_snapshots_are_passed_over(store: GitStore, remote: Path, other: GitStore) -> None:
    take(store, 0)
    push(store, remote)
    stream = "commit refs/heads/{}\ncommitter a <a@b> 1800000000 +0000\ndata 1\nx\nM 100644 inline README\ndata 1\nx\n"
    for branch in ("main", "fix-documentation"):
        subprocess.run(
            ["git", "-C", str(remote), "fast-import", "--quiet"], input=stream.format(branch).encode(), check=True
        )
    found = pull(other, remote)
    assert found.passed_over == ("fix-documentation",)
    assert other.branches() == (BRANCH,)
    assert sound(other)


def test_the_key_and_the_journals_stay_here(store: GitStore, remote: Path, other: GitStore) -> None:
    store.digester()
    take(store, 0)
    push(store, remote)
    pull(other, remote)
    key = (store.path / "istio-upgrade" / "digest.key").read_text().split()[0]
    listing = plain_git(remote, "rev-list", "--objects", "--all").split("\n")
    assert not any("digest" in line or "istio-upgrade/" in line for line in listing)
    everything = ["git", "-C", str(remote), "cat-file", "--batch", "--batch-all-objects"]
    assert key.encode() not in subprocess.run(everything, check=True, capture_output=True).stdout
    assert not (other.path / "istio-upgrade" / "digest.key").exists()


def test_a_shortened_history_goes_on_at_a_remote_that_has_the_rest(
    store: GitStore, remote: Path, other: GitStore
) -> None:
    taken = [take(store, number) for number in range(5)]
    push(store, remote)
    tidy(store, keep_last=2)
    taken.append(take(store, 5))

    assert [(one.course, one.snapshots) for one in push(store, remote).carried] == [(Course.FORWARD, 1)]

    pull(other, remote)
    assert history(other) == commits(*reversed(taken))
    assert not (other.path / "shallow").exists()
    pull(store, remote)
    assert history(store) == commits(taken[5], taken[4], taken[3])
    assert sound(store)
    assert sound(other)


def test_a_shortened_history_from_store_to_store(store: GitStore, other: GitStore) -> None:
    taken = [take(store, number, "friday" if number == 1 else None) for number in range(6)]
    tidy(store, keep_last=2)
    pull(other, store.path)
    assert history(other) == commits(taken[5], taken[4], taken[1])
    assert (other.path / "shallow").read_text() == (store.path / "shallow").read_text()
    assert sound(other)
    taken.append(take(other, 6))
    push(other, store.path)
    assert history(store) == commits(taken[6], taken[5], taken[4], taken[1])
    assert sound(store)


def test_a_shortened_history_is_refused_by_a_remote_that_wants_all(store: GitStore, remote: Path) -> None:
    for number in range(4):
        take(store, number)
    tidy(store, keep_last=2)
    with pytest.raises(RemoteError, match=r"does not take it: .*shallow update not allowed") as caught:
        push(store, remote)
    assert "receive.shallowUpdate" in str(caught.value.hint)
    plain_git(remote, "config", "receive.shallowUpdate", "true")
    push(store, remote)
    assert refs(remote) == refs(store.path)


def test_what_the_other_side_has_removed_is_joined_again(store: GitStore, other: GitStore) -> None:
    """They kept only what is newer than all that is here: the two cannot be connected, and nothing is lost."""
    taken = [take(store, number) for number in range(2)]
    pull(other, store.path)
    taken += [take(other, number) for number in range(2, 6)]
    tidy(other, keep_last=2)
    (carried,) = pull(store, other.path).carried
    assert carried.course is Course.MERGED
    assert history(store) == commits(taken[5], taken[4], taken[1], taken[0])
    assert sound(store)


def test_a_parent_that_is_here_is_no_cut(store: GitStore, other: GitStore) -> None:
    """They removed just what is here: it is one history."""
    taken = [take(store, number) for number in range(3)]
    pull(other, store.path)
    taken.append(take(other, 3))
    tidy(other, keep_last=1)
    (carried,) = pull(store, other.path).carried
    assert carried.course is Course.FORWARD
    assert history(store) == commits(*reversed(taken))
    assert not (store.path / "shallow").exists()
    assert sound(store)


def test_retention_after_a_merge_keeps_what_it_joins(store: GitStore, other: GitStore) -> None:
    taken = [take(store, 0)]
    pull(other, store.path)
    taken += [take(store, 1), take(other, 2), take(store, 3), take(other, 4)]
    pull(store, other.path)
    tidied = tidy(store, keep_last=1)
    assert (tidied.removed, tidied.kept) == (3, 2)
    assert history(store) == commits(taken[4], taken[3])
    assert sound(store)
    taken.append(take(store, 5))
    tidy(store, keep_last=2)
    assert history(store) == commits(taken[5], taken[4])
    assert sound(store)
    pull(other, store.path)
    assert sound(other)


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, action: Callable[[], object]) -> None:
    """Do something once, when a remote has just been asked."""
    method, pending = getattr(copies.Remote, name), [action]

    def and_then(self: copies.Remote, *arguments: Any) -> Any:
        answer = method(self, *arguments)
        if pending:
            pending.pop()()
        return answer

    monkeypatch.setattr(copies.Remote, name, and_then)


def test_a_snapshot_that_is_taken_while_it_fetches(
    store: GitStore, other: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [take(other, 0)]
    pull(store, other.path)
    taken.append(take(other, 1))
    meanwhile(monkeypatch, "fetch", lambda: taken.append(take(store, 2)))
    (carried,) = pull(store, other.path).carried
    assert carried.course is Course.MERGED
    assert history(store) == commits(*reversed(taken))
    assert sound(store)


def test_snapshots_that_are_removed_while_it_fetches(
    store: GitStore, other: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [take(other, number) for number in range(3)]
    pull(store, other.path)
    take(other, 3)
    meanwhile(monkeypatch, "fetch", lambda: tidy(store, keep_last=1))
    with pytest.raises(StoreError, match="snapshots were removed from the store meanwhile"):
        pull(store, other.path)
    assert history(store) == commits(taken[2])
    assert sound(store)


def test_somebody_who_pushes_at_the_same_time(
    store: GitStore, remote: Path, other: GitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [take(store, 0)]
    push(store, remote)
    pull(other, remote)
    taken += [take(other, 1), take(store, 2)]
    meanwhile(monkeypatch, "refs", lambda: plain_git(other.path, "push", "--quiet", str(remote), BRANCH))
    (carried,) = push(store, remote).carried
    assert carried.course is Course.MERGED
    assert history(store) == commits(*reversed(taken))
    assert refs(remote) == refs(store.path)


def test_nothing_is_taken_over_while_somebody_writes(store: GitStore, other: GitStore) -> None:
    take(other, 0)
    with (
        GitStore.open(store.path) as opened,
        opened.lock("upgrade"),
        pytest.raises(StoreError, match="in use by upgrade"),
    ):
        pull(store, other.path)
    assert refs(store.path) == ""
    assert sound(store)


STEPS = 9
"""The merge, given-up, two packs, their indexes, shallow, refs, given-up no more."""


@pytest.mark.parametrize("step", range(STEPS))
def test_killed_anywhere_it_leaves_the_store_as_it_was_or_has_all(
    store: GitStore, other: GitStore, tmp_path: Path, step: int
) -> None:
    staging = replace(CLUSTER, uid="77777777-8a51-4d0e-9a57-0d9a2c1b7f11", context="staging")
    taken = [take(store, 0)]
    pull(other, store.path)
    taken.append(take(store, 1))
    for number in range(2, 6):
        info = take(other, number)
        other.commit("staging-77777777", draft(mesh(number), minutes=number, cluster=staging))
    tidy(other, keep_last=2)
    before = refs(store.path)

    done = run("pull-and-die", store.path, f"{step}:{other.path}")

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert verified(store.path).faults == ()
    plain_git(store.path, "fsck", "--full", "--strict")
    assert refs(store.path) == before or step == STEPS - 1
    shutil.rmtree(next(store.path.glob("istio-upgrade/.incoming.*")))
    pull(store, other.path)
    assert history(store)[0] == info.commit
    assert len(history(store)) == 4
    assert sound(store)
    tidy(store)
    assert not (store.path / "istio-upgrade" / "given-up").exists()


def test_there_is_no_other_step_to_be_killed_at(store: GitStore, other: GitStore) -> None:
    take(store, 0)
    pull(other, store.path)
    take(store, 1)
    for number in range(2, 6):
        take(other, number)
    tidy(other, keep_last=2)
    assert run("pull-and-die", store.path, f"{STEPS}:{other.path}").returncode == 0
    assert leftovers(store) == []


def test_what_others_left_that_died_is_removed(store: GitStore, other: GitStore) -> None:
    take(other, 0)
    left = store.path / "istio-upgrade" / ".incoming.x"
    left.mkdir()
    pull(store, other.path)
    assert left.exists()
    os.utime(left, (0, 0))
    pull(store, other.path)
    assert not left.exists()


@pytest.fixture
def ssh(tmp_path: Path) -> Path:
    """What git runs for ssh: it notes how, and runs the command on this machine."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@" >> "$0.log"\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("how", ["path", "variable", "configuration"])
def test_ssh_is_told_not_to_ask(
    store: GitStore, remote: Path, ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    take(store, 0)
    if how == "path":
        monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    elif how == "variable":
        monkeypatch.setenv("GIT_SSH_COMMAND", f"{ssh} -4")
    else:
        (tmp_path / ".gitconfig").write_text(f"[core]\n\tsshCommand = {ssh} -4\n")
        monkeypatch.setenv("HOME", str(tmp_path))
    copies.push(store, copies.Remote.at(f"git@example.com:{remote}"), Silence())
    assert refs(remote) == refs(store.path)
    lines = ssh.with_name("ssh.log").read_text().splitlines()
    assert len(lines) == 2
    assert all("BatchMode=yes" in line and "git@example.com" in line for line in lines)


def test_hooks_of_the_user_do_not_run(
    store: GitStore, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, 0)
    hook = tmp_path / "hooks" / "pre-push"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\n\thooksPath = {hook.parent}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    push(store, remote)
    assert refs(remote) == refs(store.path)
