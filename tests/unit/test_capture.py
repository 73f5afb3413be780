"""Reading the mesh once more: what is still there is taken from the earlier reading, and nothing that is not."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

import pytest

from kubectl_istio_upgrade.capture import ATTEMPTS, Capture, CaptureOptions, capture
from kubectl_istio_upgrade.errors import ClusterError, ExpiredError, NotFoundError
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType, ScaleTarget
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity
from kubectl_istio_upgrade.ports import ClusterReader, ListQuery

from .builders import TYPES
from .silence import Silence
from .test_normalise_secrets import Digester

WRITABLE = frozenset({"list", "create", "delete", "update"})
ROUTE = Key("networking.istio.io", "virtualservices", "shop", "web")
SECRET = Key("", "secrets", "istio-system", "token")
NAMESPACE = Key("", "namespaces", "", "shop")


def item(type_: str, name: str, namespace: str = "", **fields: Any) -> tuple[str, Body]:
    metadata: Body = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "7", "labels": {"team": "a"}}
    if namespace:
        metadata["namespace"] = namespace
    return type_, {"apiVersion": "v1", "kind": "K", "metadata": metadata, **fields}


class Cluster:
    """Lists what it was given."""

    def __init__(self) -> None:
        self.items = dict(
            [
                item("virtualservices", "web", "shop", spec={"hosts": ["a"], "retries": {"attempts": 1}}),
                item("secrets", "token", "istio-system", data={"value": "czNjcjN0"}),
                item("namespaces", "shop"),
            ]
        )

    def discover(self, without: Collection[str] = ()) -> tuple[ResourceType, ...]:
        wanted = (type_ for type_ in TYPES if type_.plural in self.items)
        return tuple(
            ResourceType(type_.group, type_.version, type_.kind, type_.plural, type_.namespaced, WRITABLE)
            for type_ in wanted
        )

    def identity(self) -> ClusterIdentity:
        return ClusterIdentity("5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11", "prod")

    def current_version(self) -> str:
        return "9"

    def list_all(self, queries: Sequence[ListQuery], _version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        for query in queries:
            item = self.items[query.type.plural]
            here = query.namespace in (None, item["metadata"].get("namespace"))
            yield query, [copy.deepcopy(item)] if here and not query.label_selector else []

    def read(self, earlier: Capture | None = None, root: str = "istio-system") -> Capture:
        return capture(cast(ClusterReader, self), Digester(), Silence(), CaptureOptions(root), earlier)


def again(cluster: Cluster, first: Capture, key: Key) -> tuple[MeshObject, MeshObject]:
    """An object in the first reading, and in one that knows the first."""
    second = cluster.read(first)
    assert second.state.objects == cluster.read().state.objects, "knowing an earlier reading changes nothing"
    return first.state.objects[key], second.state.objects[key]


def test_what_still_reads_the_same_is_the_same_object() -> None:
    cluster = Cluster()
    before, after = again(cluster, cluster.read(), ROUTE)
    assert after is before


@pytest.mark.parametrize(
    "edit",
    [
        lambda route: route["metadata"].update(resourceVersion="8"),
        lambda route: route["metadata"].update(uid="another"),
        lambda route: route["spec"].pop("retries"),
        lambda route: route["spec"].update(gateways=["mesh"]),
        lambda route: route.update(status={}),
        lambda route: route.pop("spec"),
        lambda route: route.update(apiVersion="networking.istio.io/v1beta1"),
    ],
    ids=["changed", "made anew", "a field hidden", "a field shown", "another part", "a part less", "another version"],
)
def test_whatever_is_not_the_same_is_read_anew(edit: Any) -> None:
    """A definition that changes hides or shows fields of objects whose version stays."""
    cluster = Cluster()
    first = cluster.read()
    edit(cluster.items["virtualservices"])
    before, after = again(cluster, first, ROUTE)
    assert after is not before
    assert (after.body, after.server) != (before.body, before.server)


def test_what_is_gone_does_not_come_back() -> None:
    cluster = Cluster()
    first = cluster.read()
    cluster.items["virtualservices"]["metadata"]["name"] = "other"
    assert ROUTE not in cluster.read(first).state.objects


@pytest.mark.parametrize("known", [True, False], ids=["known from before", "never seen"])
def test_what_is_being_deleted_is_no_state_and_is_kept_apart(known: bool) -> None:
    cluster = Cluster()
    first = cluster.read() if known else None
    for type_ in ("virtualservices", "secrets", "namespaces"):
        cluster.items[type_]["metadata"] |= {"deletionTimestamp": "2026-11-23T08:00:00Z", "resourceVersion": "8"}
    captured = cluster.read(first)
    assert set(captured.state.objects) == {NAMESPACE}, "of a namespace only labels are state, which it has to its end"
    assert [obj.key for obj in captured.going] == [SECRET, ROUTE]
    assert "czNjcjN0" not in str(captured.passed_over)


@pytest.mark.parametrize(
    ("namespace", "owners", "told"),
    [
        ("istio-system", [], False),
        ("istio-system", [{"kind": "ScaledObject", "controller": True}], True),
        ("shop", [], True),
    ],
    ids=["of the mesh", "of a controller", "a user's own"],
)
def test_what_autoscalers_target_that_are_no_state_is_told(namespace: str, owners: list[Body], told: bool) -> None:
    cluster = Cluster()
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "gateway"}}
    _, scaler = item("horizontalpodautoscalers", "keda", namespace, spec=spec)
    scaler["metadata"]["ownerReferences"] = owners
    cluster.items["horizontalpodautoscalers"] = scaler
    captured = cluster.read()
    assert captured.state.autoscaled == ({ScaleTarget("Deployment", namespace, "gateway")} if told else set())
    assert (Key("autoscaling", "horizontalpodautoscalers", namespace, "keda") in captured.state.objects) is not told


def test_what_controllers_make_is_passed_over() -> None:
    cluster = Cluster()
    cluster.items["virtualservices"]["metadata"]["ownerReferences"] = [{"kind": "Boss", "controller": True}]
    captured = cluster.read()
    assert set(captured.passed_over) == {ROUTE}
    assert captured.going == ()


def test_secrets_are_withheld_anew_and_namespaces_stay_reduced() -> None:
    cluster = Cluster()
    first = cluster.read()
    before, after = again(cluster, first, SECRET)
    assert after.body == before.body
    assert "czNjcjN0" not in str(after)
    assert cluster.read(first).state.objects[NAMESPACE].body["metadata"] == {"name": "shop"}


def test_another_root_namespace_is_another_mesh() -> None:
    cluster = Cluster()
    first = cluster.read()
    assert cluster.read(first, root="elsewhere").state.objects[ROUTE] is not first.state.objects[ROUTE]


def test_a_version_that_expires_under_it_starts_the_reading_over() -> None:
    cluster = Expiring(times=ATTEMPTS - 1)
    assert set(cluster.read().state.objects) == set(Cluster().read().state.objects)
    assert cluster.asked == ATTEMPTS


def test_a_version_that_always_expires_is_an_error_in_the_end() -> None:
    cluster = Expiring(times=ATTEMPTS)
    with pytest.raises(ExpiredError):
        cluster.read()
    assert cluster.asked == ATTEMPTS


def definition(name: str, *, established: str = "True", **metadata: str) -> Body:
    plural, _, group = name.partition(".")
    _, body = item("customresourcedefinitions", name)
    body["metadata"] |= metadata
    body["spec"] = {"group": group, "names": {"plural": plural}, "versions": [{"name": "v1", "served": True}]}
    body["status"] = {"conditions": [{"type": "Established", "status": established}]}
    return body


class Lagging(Cluster):
    """Tells of a type only when it is asked for the so-many-th time, though it is defined."""

    def __init__(self, body: Body, times: int) -> None:
        super().__init__()
        self.items["customresourcedefinitions"] = body
        self.times, self.asked = times, 0

    def discover(self, without: Collection[str] = ()) -> tuple[ResourceType, ...]:
        self.asked += 1
        return tuple(
            type_ for type_ in super().discover(without) if self.asked >= self.times or type_.plural != ROUTE.plural
        )


def test_a_type_that_discovery_does_not_know_yet_is_waited_for() -> None:
    """Without it the snapshot would say that there are none, and a rollback to it would delete them."""
    cluster = Lagging(definition("virtualservices.networking.istio.io"), times=ATTEMPTS)
    assert ROUTE in cluster.read().state.objects
    assert cluster.asked == ATTEMPTS


def test_a_type_that_discovery_never_knows_is_an_error() -> None:
    cluster = Lagging(definition("virtualservices.networking.istio.io"), times=ATTEMPTS + 1)
    with pytest.raises(ClusterError, match=r"does not tell of types that are defined: virtualservices\.networking"):
        cluster.read()


@pytest.mark.parametrize(
    "body",
    [
        definition("virtualservices.networking.istio.io", established="False"),
        definition("virtualservices.networking.istio.io", deletionTimestamp="2026-11-23T08:00:00Z"),
        definition("virtualservices.example.com"),
    ],
    ids=["not in force", "going away", "of others"],
)
def test_a_definition_that_is_not_in_force_is_waited_for_by_nobody(body: Body) -> None:
    cluster = Lagging(body, times=ATTEMPTS + 1)
    assert ROUTE not in cluster.read().state.objects
    assert cluster.asked == 1


def test_a_type_that_goes_away_under_it_starts_the_reading_over() -> None:
    class Leaving(Cluster):
        def list_all(self, queries: Sequence[ListQuery], version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
            if "secrets" not in self.items:
                yield from super().list_all(queries, version)
                return
            del self.items["secrets"]
            raise NotFoundError("there is no such type", status=404)

    assert set(Leaving().read().state.objects) == {ROUTE, NAMESPACE}


class Expiring(Cluster):
    """Forgets the version that was asked for in the middle of the lists, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times, self.asked = times, 0

    def current_version(self) -> str:
        self.asked += 1
        return str(self.asked)

    def list_all(self, queries: Sequence[ListQuery], version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        for number, answer in enumerate(super().list_all(queries, version)):
            if number == 1 and self.asked <= self.times:
                raise ExpiredError(f"version {version} is gone", status=410)
            yield answer


def test_a_group_that_is_left_out_need_not_be_in_order_and_is_not_listed() -> None:
    class Broken(Cluster):
        def discover(self, without: Collection[str] = ()) -> tuple[ResourceType, ...]:
            assert set(without) == {"broken.example"}
            broken = ResourceType("broken.example", "v1", "Thing", "things", namespaced=True, verbs=WRITABLE)
            return (*super().discover(without), broken)

    options = CaptureOptions("istio-system", exclude=("*.broken.example", "secrets"))
    state = capture(cast(ClusterReader, Broken()), Digester(), Silence(), options).state
    assert set(state.objects) == {ROUTE, NAMESPACE}
    assert [item.resource for item in state.not_captured] == ["*.broken.example", "secrets"]
    assert not {"things", "secrets"} & {type_.plural for type_ in state.types}
