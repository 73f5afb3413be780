"""The cluster's lock: on a fake server behind the ports, so that answers can be lost and others can interfere."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from kubectl_istio_upgrade.apply.guard import GuardedWriter
from kubectl_istio_upgrade.apply.lease import LEASE, elapsed, holder_of
from kubectl_istio_upgrade.apply.lock import ClusterLock, Terms
from kubectl_istio_upgrade.errors import (
    ConflictError,
    LockedError,
    LostLockError,
    NotFoundError,
    UnreachableError,
)
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType, clone
from kubectl_istio_upgrade.models.operations import Holder
from kubectl_istio_upgrade.ports import ClusterWriter
from kubectl_istio_upgrade.rules.permissions import LEASE_FALLBACK_NAMESPACE

ALICE, BOB = Holder("alice", "bastion", 4711, "aaaaaa"), Holder("bob", "laptop", 12, "bbbbbb")
QUICK = Terms(term=0.6, renewal=0.05, margin=0.1, watch=0.15)


@dataclass
class Server:
    """Leases with resource versions; answers can be lost, and the server can be out of reach."""

    namespaces: tuple[str, ...] = ("istio-system", "kube-system")
    objects: dict[Key, Body] = field(default_factory=dict)
    version: int = 0
    lose_answers: bool = False
    unreachable: bool = False

    def get(self, _type: ResourceType, key: Key) -> Body | None:
        self._reach()
        found: Body | None = clone(self.objects.get(key))
        return found

    def create(self, _type: ResourceType, key: Key, body: Body, **_: Any) -> Body:
        self._reach()
        if key.namespace not in self.namespaces:
            raise NotFoundError("no namespace", status=404)
        if key in self.objects:
            raise ConflictError("exists", status=409)
        return self._store(key, {**body, "metadata": {**body["metadata"], "uid": f"uid-{self.version}"}})

    def replace(self, _type: ResourceType, key: Key, body: Body, **_: Any) -> Body:
        self._reach()
        now = self.objects.get(key)
        if now is None:
            raise NotFoundError("gone", status=404)
        if now["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ConflictError("moved", status=409)
        return self._store(key, {**body, "metadata": {**body["metadata"], "uid": now["metadata"]["uid"]}})

    def delete(self, _type: ResourceType, key: Key, *, uid: str, resource_version: str, **_: Any) -> None:
        self._reach()
        metadata = self.objects[key]["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (uid, resource_version):
            raise ConflictError("moved", status=409)
        del self.objects[key]

    def _store(self, key: Key, body: Body) -> Body:
        self.version += 1
        self.objects[key] = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        if self.lose_answers:
            raise UnreachableError("reset")
        stored: Body = clone(self.objects[key])
        return stored

    def _reach(self) -> None:
        if self.unreachable:
            raise UnreachableError("no route")


@pytest.fixture
def server() -> Server:
    return Server()


def lock(server: Server, holder: Holder = ALICE, store: str = "s1", notes: list[str] | None = None) -> ClusterLock:
    cluster: Any = server
    note: Callable[[str], None] = (notes if notes is not None else []).append
    return ClusterLock(cluster, cluster, "istio-system", holder, "rollback to snapshot 3f2a91c", store, note, QUICK)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_gone_afterwards(server: Server) -> None:
    with lock(server).held() as check:
        check()
        assert len(server.objects) == 1
    assert not server.objects


def test_whoever_comes_second_is_told_who_is_first(server: Server) -> None:
    with lock(server).held(), pytest.raises(LockedError) as caught, lock(server, BOB, "s2").held():
        pass
    assert "alice@bastion/4711" in caught.value.message
    assert "rollback to snapshot 3f2a91c" in caught.value.message


def test_it_is_renewed_for_as_long_as_it_is_held(server: Server) -> None:
    with lock(server).held() as check:
        time.sleep(QUICK.term * 2)
        check()
        with pytest.raises(LockedError), lock(server, BOB, "s2").held():
            pass


def dead(server: Server, age: float, store: str = "s1") -> None:
    """A lease whose holder was killed so many seconds ago."""
    holding = lock(server, ALICE, store)
    holding._acquire()
    renewed = datetime.now(UTC) - timedelta(seconds=age)
    (body,) = server.objects.values()
    body["spec"]["renewTime"] = renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_dead_holder_is_followed_once_its_term_is_over(server: Server) -> None:
    dead(server, age=2)
    notes: list[str] = []
    with lock(server, BOB, "s2", notes).held() as check:
        check()
    assert "took the lock of the cluster over from alice@bastion" in notes[0]
    assert not server.objects


def test_not_before_its_term_is_over(server: Server) -> None:
    dead(server, age=0)
    with pytest.raises(LockedError), lock(server, BOB, "s2").held():
        pass


def test_the_same_store_follows_at_once(server: Server) -> None:
    """Its own lock says that whoever held the lease has ended."""
    dead(server, age=0)
    with lock(server, BOB, "s1").held() as check:
        check()


def test_a_lease_that_only_looks_expired_is_not_taken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clocks of two machines differ: what counts is that it is still being renewed."""
    with lock(server).held() as check:
        monkeypatch.setattr("kubectl_istio_upgrade.apply.lease.LeaseHolder.has_expired", lambda *_: True)
        with pytest.raises(LockedError), lock(server, BOB, "s2").held():
            pass
        check()


def test_losing_it_shows_before_the_next_write(server: Server) -> None:
    with lock(server).held() as check:
        (key,) = server.objects
        server.objects[key]["spec"]["holderIdentity"] = BOB.identity
        server.version += 1
        server.objects[key]["metadata"]["resourceVersion"] = str(server.version)
        wait_for(lambda: raises(check))
        with pytest.raises(LostLockError, match="bob@laptop"):
            GuardedWriter(writer(), check).create(LEASE, key, {}, dry_run=False)
    assert server.objects, "it deleted somebody else's"


def test_a_server_out_of_reach_ends_it_before_its_term_does(server: Server) -> None:
    started = time.monotonic()
    with lock(server).held() as check:
        server.unreachable = True
        wait_for(lambda: raises(check))
        assert time.monotonic() - started < QUICK.term
        server.unreachable = False


def test_a_machine_that_has_slept_does_not_take_it_for_its_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one write until it is renewed, or found to be somebody else's."""
    with lock(server).held() as check:
        server.unreachable = True
        monkeypatch.setattr("kubectl_istio_upgrade.apply.lock.elapsed", lambda: elapsed() + 3600.0)
        with pytest.raises(LostLockError):
            check()
        server.unreachable = False


def test_a_renewal_whose_answer_was_lost_is_recognised(server: Server) -> None:
    with lock(server).held() as check:
        before = server.version
        server.lose_answers = True
        wait_for(lambda: server.version > before)
        server.lose_answers = False
        time.sleep(QUICK.term)
        check()
    assert not server.objects


def test_so_is_an_acquisition(server: Server) -> None:
    server.lose_answers = True
    holding = lock(server).held()
    with holding as check:
        server.lose_answers = False
        check()
    assert not server.objects


def test_a_renewal_that_arrived_late_does_not_keep_it_from_being_given_back(server: Server) -> None:
    held = lock(server)
    held.terms = Terms(term=20.0, renewal=5.0)
    with held.held():
        (key,) = server.objects
        server._store(key, server.objects[key])
    assert not server.objects


def test_what_somebody_else_took_is_not_deleted(server: Server) -> None:
    held = lock(server)
    held.terms = Terms(term=20.0, renewal=5.0)
    with held.held():
        (key,) = server.objects
        body = clone(server.objects[key])
        body["spec"]["holderIdentity"] = "bob@laptop/12"
        server._store(key, body)
    assert list(server.objects) == [key]


def test_without_a_root_namespace_it_is_in_kube_system(server: Server) -> None:
    server.namespaces = ("kube-system",)
    with lock(server).held():
        cluster: Any = server
        found = holder_of(cluster, "istio-system")
        assert found is not None
        assert found.identity == ALICE.identity
        assert {key.namespace for key in server.objects} == {LEASE_FALLBACK_NAMESPACE}


@pytest.mark.parametrize("gone", [True, False])
def test_a_root_namespace_that_comes_or_goes_meanwhile_makes_no_second_holder(server: Server, gone: bool) -> None:
    """What a rollback creates may be the namespace that it could not lock."""
    there, without = ("istio-system", "kube-system"), ("kube-system",)
    server.namespaces = without if gone else there
    with lock(server).held() as check:
        server.namespaces = there if gone else without
        before = set(server.objects)
        with pytest.raises(LockedError, match="alice@bastion"), lock(server, BOB, "s2").held():
            pass
        check()
        assert set(server.objects) == before, "what it took is given back"


def interrupt_soon(when: Callable[[], bool]) -> threading.Thread:
    """Ctrl-C, once that is so."""

    def interrupt() -> None:
        wait_for(when)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.parametrize("left", [False, True])
def test_ctrl_c_while_the_server_answers_leaves_no_lease(server: Server, left: bool) -> None:
    """Be it a new one or one that is taken over."""
    if left:
        dead(server, age=0)
    arrived = threading.Event()
    store = server._store

    def slowly(key: Key, body: Body) -> Body:
        arrived.set()
        time.sleep(0.2)
        return store(key, body)

    server._store = slowly  # type: ignore[method-assign]
    held = lock(server, BOB)
    held.terms = Terms(renewal=5.0)
    thread = interrupt_soon(arrived.is_set)
    with pytest.raises(KeyboardInterrupt), held.held():
        pytest.fail("it went on")
    thread.join()
    assert not server.objects


def test_ctrl_c_while_it_is_given_back_is_told(server: Server) -> None:
    notes: list[str] = []
    arrived, ended = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> None:
        arrived.set()
        ended.wait(10)

    server.delete = hang  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt), lock(server, notes=notes).held():
        thread = interrupt_soon(arrived.is_set)
    thread.join()
    assert notes == ["the lock of the cluster stays until it expires: interrupted"]


def test_a_dry_run_needs_no_lock() -> None:
    def lost() -> None:
        raise LostLockError("lost")

    guarded = GuardedWriter(writer(), lost)
    assert guarded.create(LEASE, Key("", "configmaps", "", "c"), {}, dry_run=True) == {"dryRun": True}


def writer() -> ClusterWriter:
    class Writer:
        def create(self, *_: Any, dry_run: bool, **__: Any) -> Body:
            return {"dryRun": dry_run}

    return cast("ClusterWriter", Writer())


def raises(check: Callable[[], None]) -> bool:
    try:
        check()
    except LostLockError:
        return True
    return False
