from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from kubectl_istio_upgrade.capture import CaptureOptions
from kubectl_istio_upgrade.errors import ForbiddenError, UnknownReferenceError, UsageError
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotInfo, SnapshotMeta
from kubectl_istio_upgrade.operations.roots import check_root_namespace
from kubectl_istio_upgrade.operations.selecting import selection
from kubectl_istio_upgrade.operations.session import Session
from kubectl_istio_upgrade.operations.snapshots import default_target

from .builders import TYPES, key, obj, state

CLUSTER = ClusterIdentity("5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11", "prod")


def snapshot(commit: str, purpose: Purpose = Purpose.SNAPSHOT, operation: Body | None = None) -> SnapshotInfo:
    created = datetime(2026, 11, 23, tzinfo=UTC)
    return SnapshotInfo(commit, "prod-5d0c1f7e", SnapshotMeta(purpose, CLUSTER, created, operation=operation))


def after(commit: str, kind: str, target: str, before: str) -> SnapshotInfo:
    return snapshot(commit, Purpose.AFTER, {"kind": kind, "target": target, "before": before})


@dataclass
class History:
    """A store that holds a list of snapshots, oldest first."""

    infos: list[SnapshotInfo]
    names: tuple[str, ...] = ("prod-5d0c1f7e",)

    def tip(self, _branch: str) -> SnapshotInfo | None:
        return self.infos[-1] if self.infos else None

    def resolve(self, _branch: str, reference: str) -> SnapshotInfo:
        return next(info for info in self.infos if info.commit == reference)

    def branches(self) -> tuple[str, ...]:
        return self.names

    def branch_of(self, _cluster: ClusterIdentity) -> str:
        return "by-uid"

    def branch_by_context(self, context: str) -> str | None:
        return "by-context" if context == "prod" else None

    def lock(self, _operation: str) -> Any:
        return nullcontext()


@dataclass
class Cluster:
    def identity(self) -> ClusterIdentity:
        return CLUSTER


class Silent:
    def phase(self, _text: str, _total: int | None = None) -> Iterator[None]:
        raise AssertionError

    def note(self, _text: str) -> None:
        raise AssertionError


def session(store: History, context: str = "prod", *, explicit: bool = False) -> Session:
    arguments: dict[str, Any] = {"store": store, "connect": Cluster, "progress": Silent()}
    return Session(**arguments, options=CaptureOptions(), context_name=lambda: context, explicit=explicit)


def target(*infos: SnapshotInfo) -> str:
    return default_target(session(History(list(infos)))).commit


class Reading(History):
    """A store that says what is done with it, in its order."""

    def __init__(self, events: list[str], slow: threading.Event) -> None:
        super().__init__([])
        self.events, self.slow = events, slow

    def digester(self) -> Any:
        raise ForbiddenError("may not list secrets")

    def read_ahead(self) -> None:
        self.slow.wait(10)
        self.events.append("read")


def test_who_reads_ahead_has_ended_before_a_failure_is_told() -> None:
    """Whoever is told closes the store, and a thread that still reads from it would complain in its own words."""
    events: list[str] = []
    slow = threading.Event()
    store = Reading(events, slow)
    threading.Timer(0.2, slow.set).start()
    with pytest.raises(ForbiddenError):
        session(store).capture(meanwhile=store.read_ahead)
    events.append("told")
    assert events == ["read", "told"]


A, B = snapshot("aaa"), snapshot("bbb", Purpose.BEFORE)


def test_without_an_operation_rollback_goes_to_the_newest_snapshot() -> None:
    assert target(snapshot("old"), A) == "aaa"


def test_after_an_apply_it_goes_to_the_snapshot_before_it() -> None:
    assert target(A, B, after("ccc", "apply", "mesh.yaml", "bbb")) == "bbb"


def test_repeating_a_rollback_does_not_undo_it() -> None:
    assert target(A, B, after("ccc", "rollback", "aaa", "bbb")) == "aaa"


def test_a_snapshot_taken_since_is_the_newest_known_good_state() -> None:
    assert target(A, B, after("ccc", "apply", "mesh.yaml", "bbb"), snapshot("ddd")) == "ddd"


def test_after_an_apply_that_stopped_half_way_it_goes_to_the_state_before() -> None:
    assert target(A, snapshot("bbb", Purpose.BEFORE, {"kind": "apply", "target": "mesh.yaml"})) == "bbb"


def test_after_a_rollback_that_stopped_half_way_it_goes_on_to_its_target() -> None:
    assert target(A, snapshot("bbb", Purpose.BEFORE, {"kind": "rollback", "target": "aaa"})) == "aaa"


def test_without_any_snapshot_it_says_how_to_take_one() -> None:
    with pytest.raises(UnknownReferenceError) as caught:
        target()
    assert "kubectl istio-upgrade snapshot" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("names", "context", "explicit", "expected"),
    [
        (("only",), "other", False, "only"),
        (("only",), "prod", True, "by-context"),
        (("a", "b"), "prod", False, "by-context"),
        (("a", "b"), "other", False, "by-uid"),
        ((), "other", False, "by-uid"),
    ],
)
def test_commands_that_read_the_store_find_its_branch_without_the_cluster(
    names: tuple[str, ...], context: str, explicit: bool, expected: str
) -> None:
    assert session(History([], names), context, explicit=explicit).readable_branch == expected


def chosen(keys: list[Key], *only: str, namespaces: tuple[str, ...] = ()) -> list[str]:
    select = selection(only, namespaces, TYPES)
    return [one.name for one in keys if select(one)]


KEYS = [key("VirtualService", "shop/web"), key("VirtualService", "other/api"), key("ClusterRole", "istiod")]


@pytest.mark.parametrize(
    "word", ["VirtualService", "virtualservices", "virtualservice", "VirtualServices.networking.istio.io"]
)
def test_a_kind_may_be_spelled_as_in_kubectl(word: str) -> None:
    assert chosen(KEYS, word) == ["web", "api"]


def test_selectors_add_up_and_a_namespace_narrows() -> None:
    assert chosen(KEYS, "virtualservice/web", "clusterrole") == ["web", "istiod"]
    assert chosen(KEYS, "virtualservice", namespaces=("shop",)) == ["web"]
    assert chosen(KEYS, namespaces=("shop",)) == ["web"]
    assert chosen(KEYS, "virtualservice/w*") == ["web"]
    assert chosen(KEYS) == ["web", "api", "istiod"]


@pytest.mark.parametrize(
    ("selector", "hint"), [("virtualservise", "virtualservice"), ("/x", "KIND"), ("secret/", "KIND")]
)
def test_a_selector_that_means_nothing_is_an_error_with_a_suggestion(selector: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        selection([selector], (), TYPES)
    assert hint in str(caught.value.hint)


def webhook(namespace: str) -> MeshObject:
    service = {"namespace": namespace, "name": "istiod"}
    hooks = [{"clientConfig": {"service": service}}]
    return obj("MutatingWebhookConfiguration", "a", labels={"istio.io/rev": "default"}, webhooks=hooks)


def test_a_mesh_in_another_root_namespace_is_not_captured_by_halves() -> None:
    with pytest.raises(UsageError) as caught:
        check_root_namespace(state(webhook("mesh")), "istio-system", named=False)
    assert caught.value.hint == "pass --root-namespace mesh"
    check_root_namespace(state(webhook("mesh")), "mesh", named=False)
    check_root_namespace(state(), "istio-system", named=False)


def test_a_root_namespace_that_was_named_must_exist() -> None:
    with pytest.raises(UsageError, match="there is no namespace 'mesh'"):
        check_root_namespace(state(), "mesh", named=True)
    check_root_namespace(state(obj("Namespace", "mesh")), "mesh", named=True)
