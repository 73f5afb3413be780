"""The store as a whole: branches, names, references and history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.adapters.store.branches import slug
from kubectl_istio_upgrade.errors import UnknownReferenceError, UsageError
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity
from kubectl_istio_upgrade.ports import Store

from .meshes import CLUSTER, VIRTUAL_SERVICES, draft, routing, small_mesh

BRANCH = "prod-5d0c1f7e"
OTHER = ClusterIdentity("77777777-8a51-4d0e-9a57-0d9a2c1b7f11", "staging")


def test_it_implements_the_port(store: GitStore) -> None:
    port: Store = store

    assert port.branches() == ()


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("prod", "prod"),
        ("Prod_EU/west", "prod-eu-west"),
        ("arn:aws:eks:eu-central-1:123456789012:cluster/production", "entral-1-123456789012-cluster-production"),
        ("kubernetes-admin@kubernetes", "kubernetes-admin-kubernetes"),
        ("***", "cluster"),
        ("", "cluster"),
        ("日本", "cluster"),
    ],
)
def test_slugs(context: str, expected: str) -> None:
    assert slug(context) == expected


def test_a_cluster_keeps_its_branch_when_its_context_is_renamed(store: GitStore) -> None:
    assert store.branch_of(CLUSTER) == BRANCH
    store.commit(BRANCH, draft(small_mesh()))

    assert store.branch_of(replace(CLUSTER, context="renamed")) == BRANCH
    assert store.branch_of(OTHER) == "staging-77777777"
    assert store.branches() == (BRANCH,)


def test_clusters_whose_uids_begin_alike_get_branches_of_their_own(store: GitStore) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    twin = replace(CLUSTER, uid="5d0c1f7e-0000-0000-0000-000000000000")

    branch = store.branch_of(twin)
    store.commit(branch, draft(small_mesh(), cluster=twin))

    assert branch == "prod-5d0c1f7e000000000000000000000000"
    assert store.branch_of(twin) == branch
    assert store.branch_of(CLUSTER) == BRANCH


def test_a_branch_by_its_context(store: GitStore) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    assert store.branch_by_context("prod") == BRANCH
    assert store.branch_by_context("PROD") == BRANCH
    assert store.branch_by_context("staging") is None

    store.commit("prod-77777777", draft(small_mesh(), cluster=replace(OTHER, context="PROD")))
    assert store.branch_by_context("prod") == BRANCH
    assert store.branch_by_context("PROD") == "prod-77777777"
    assert store.branch_by_context("Prod") is None


def test_history_has_names_and_counts_of_changes(store: GitStore) -> None:
    objects = small_mesh()
    first = store.commit(BRANCH, draft(objects, message="the first"), name="first")
    store.commit(BRANCH, draft(objects, minutes=1))
    changed = [*objects[2:], routing(VIRTUAL_SERVICES, "shop", "new")]
    changed[3] = routing(VIRTUAL_SERVICES, "shop", "app-0", version=9, host="other")
    last = store.commit(BRANCH, draft(changed, minutes=2), name="last")

    history = list(store.history(BRANCH))

    assert [(info.names, info.changed) for info in history] == [(("last",), 4), ((), 0), (("first",), 21)]
    assert [first.changed, last.changed] == [21, 4]
    assert [info.commit for info in history] == [last.commit, history[1].commit, first.commit]
    assert history[2].meta == first.meta
    assert [info.commit for info in store.history(BRANCH, limit=1)] == [last.commit]
    assert list(store.history("none-00000000")) == []


def test_the_tip(store: GitStore) -> None:
    assert store.tip(BRANCH) is None

    info = store.commit(BRANCH, draft(small_mesh()), name="a")

    assert store.tip(BRANCH) == replace(info, changed=None)


def test_names(store: GitStore, git: Callable[..., str]) -> None:
    info = store.commit(BRANCH, draft(small_mesh()), name="before-1.29")

    assert git("rev-parse", f"refs/tags/{BRANCH}/before-1.29").strip() == info.commit
    with pytest.raises(UsageError, match=r"there is a snapshot called before-1\.29 already"):
        store.commit(BRANCH, draft(small_mesh(), minutes=1), name="before-1.29")
    assert store.resolve(BRANCH, "latest").commit == info.commit
    store.commit("other-77777777", draft(small_mesh(), cluster=OTHER), name="before-1.29")


@pytest.mark.parametrize(
    "name", ["latest", "live", "", "-a", ".a", "a b", "a~1", "a/b", "a..b", "a.lock", "a.", "ü", "a" * 65]
)
def test_names_that_cannot_be(store: GitStore, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a snapshot"):
        store.commit(BRANCH, draft(small_mesh()), name=name)
    assert store.branches() == ()


def test_references_resolve_on_the_branch(store: GitStore) -> None:
    first = store.commit(BRANCH, draft(small_mesh()), name="start")
    second = store.commit(BRANCH, draft(small_mesh(), minutes=10))

    for reference in ("start", "latest~1", first.short, first.commit, "2026-11-23T08:05Z", f"{second.short}~1"):
        assert store.resolve(BRANCH, reference).commit == first.commit
    assert store.resolve(BRANCH, "start").names == ("start",)
    assert store.resolve(BRANCH, "2026-11-23").commit == second.commit


def test_a_snapshot_of_another_cluster_is_not_found_but_named(store: GitStore) -> None:
    other = store.commit("staging-77777777", draft(small_mesh(), cluster=OTHER), name="golden")
    store.commit(BRANCH, draft(small_mesh()))

    for reference in ("golden", "golden~1", other.short):
        with pytest.raises(UnknownReferenceError, match="is of another cluster: staging") as caught:
            store.resolve(BRANCH, reference)
        assert caught.value.hint == "to see it, use --context staging"


def test_messages_are_for_people(store: GitStore, git: Callable[..., str]) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    store.commit(BRANCH, draft(small_mesh(), message="before the upgrade\n\nticket 4711"))

    said, generated = git("log", "--format=%an <%ae> %aI %s%n%b%x00", BRANCH).split("\0")[:2]

    who = "kubectl-istio-upgrade <kubectl-istio-upgrade@localhost> 2026-11-23T08:00:00+00:00"
    assert said.startswith(f"{who} before the upgrade\nticket 4711\n\nPurpose: snapshot\nCluster: prod {CLUSTER.uid}\n")
    assert generated.strip().startswith(f"{who} snapshot: 21 objects, Istio 1.28.3\nPurpose: snapshot\n")


def test_plain_git_finds_nothing_wrong(store: GitStore, git: Callable[..., str]) -> None:
    store.commit(BRANCH, draft(small_mesh()), name="a")
    store.commit(BRANCH, draft(small_mesh()[1:]))

    git("fsck", "--full", "--strict")
    assert git("show", f"{BRANCH}:objects/core/configmaps/istio-system/istio.yaml").startswith("apiVersion: v1\n")
