"""Discovery, lists and what is asked of the server, where a fault or a rare server has to be made up."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.kube.discovery import Failure, discover
from kubectl_istio_upgrade.adapters.kube.parallel import as_they_arrive
from kubectl_istio_upgrade.adapters.kube.reader import KubeReader
from kubectl_istio_upgrade.adapters.kube.transport import Transport
from kubectl_istio_upgrade.adapters.kube.writer import KubeWriter
from kubectl_istio_upgrade.errors import ApiError, ClusterError, IstioUpgradeError, UnreachableError
from kubectl_istio_upgrade.models.objects import Key, ResourceType
from kubectl_istio_upgrade.ports import ListQuery

from .kube_server import FakeServer, Reply, Seen, serving, status, transport_to, write_kubeconfig

SERVICES = ResourceType("", "v1", "Service", "services", namespaced=True)
NODES = ResourceType("metrics.k8s.io", "v1", "NodeMetrics", "nodes", namespaced=False)
KEY = Key("", "services", "default", "a")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def transport(server: FakeServer, tmp_path: Path) -> Iterator[Transport]:
    opened = transport_to(write_kubeconfig(tmp_path / "config", server.url))
    yield opened
    opened.close()


def resource(plural: str, *verbs: str, scope: str = "Namespaced") -> dict[str, Any]:
    kind = plural.capitalize()
    return {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": list(verbs)}


def version(name: str, *resources: dict[str, Any], freshness: str = "Current") -> dict[str, Any]:
    return {"version": name, "freshness": freshness, "resources": list(resources)}


def groups(**versions: list[dict[str, Any]]) -> Reply:
    items = [{"metadata": {"name": name.replace("_", ".")}, "versions": found} for name, found in versions.items()]
    return Reply(body={"kind": "APIGroupDiscoveryList", "items": items})


CORE = Reply(
    body={
        "kind": "APIGroupDiscoveryList",
        "items": [{"metadata": {}, "versions": [version("v1", resource("services", "get", "list"))]}],
    }
)


def test_the_first_version_that_has_a_type_is_the_one(server: FakeServer, transport: Transport) -> None:
    server.route(
        {
            "/api": CORE,
            "/apis": groups(
                x_io=[
                    version("v1", resource("news", "list"), resource("unlistable", "create")),
                    version("v1beta1", resource("news", "list"), resource("olds", "list", scope="Cluster")),
                ]
            ),
        }
    )
    types = KubeReader(transport).discover()
    assert [(t.resource, t.api_version, t.namespaced) for t in types] == [
        ("services", "v1", True),
        ("news.x.io", "x.io/v1", True),
        ("olds.x.io", "x.io/v1beta1", False),
    ]
    assert "as=APIGroupDiscoveryList" in server.seen[0].header("Accept")[0]


def test_a_stale_group_is_an_error_unless_it_only_measures(server: FakeServer, transport: Transport) -> None:
    stale = [version("v1", freshness="Stale")]
    server.route({"/api": CORE, "/apis": groups(metrics_k8s_io=stale)})
    assert [t.plural for t in KubeReader(transport).discover()] == ["services"]
    assert discover(transport).failed == (Failure("metrics.k8s.io", "version v1 is stale"),)
    server.route({"/api": CORE, "/apis": groups(metrics_k8s_io=stale, config_example=stale)})
    with pytest.raises(ClusterError, match=r"cannot tell its types \(config.example: version v1 is stale\)") as caught:
        KubeReader(transport).discover()
    assert str(caught.value.hint).endswith("to do without, on record, pass --exclude-type '*.config.example'")
    assert [t.plural for t in KubeReader(transport).discover(without=["config.example"])] == ["services"]


def test_a_group_of_the_mesh_is_not_offered_to_be_left_out(server: FakeServer, transport: Transport) -> None:
    stale = [version("v1", freshness="Stale")]
    server.route({"/api": CORE, "/apis": groups(config_example=stale, networking_istio_io=stale)})
    with pytest.raises(ClusterError, match=r"networking\.istio\.io: version v1 is stale") as caught:
        KubeReader(transport).discover()
    assert caught.value.hint == "the server behind an APIService is down; see: kubectl get apiservices"


def test_whether_a_type_is_served_is_asked_of_its_version_alone(server: FakeServer, transport: Transport) -> None:
    resources = [{"name": "things"}, {"name": "others/status"}]
    server.route({"/apis/x.io/v1": Reply(body={"resources": resources})})
    reader = KubeReader(transport)
    assert reader.serves("x.io", "v1", "things")
    assert not reader.serves("x.io", "v1", "others")
    assert not reader.serves("x.io", "v2", "things")
    assert {seen.target for seen in server.seen} == {"/apis/x.io/v1", "/apis/x.io/v2"}


def test_old_servers_are_asked_group_by_group(server: FakeServer, transport: Transport) -> None:
    def named(name: str, *verbs: str) -> dict[str, Any]:
        return {"name": name, "kind": name.capitalize(), "namespaced": True, "verbs": list(verbs)}

    x_io = {
        "name": "x.io",
        "versions": [{"version": "v2"}, {"version": "v1"}],
        "preferredVersion": {"version": "v1"},
    }
    broken = {"name": "metrics.k8s.io", "versions": [{"version": "v1"}]}
    routes = {
        "/api": Reply(body={"kind": "APIVersions", "versions": ["v1"]}),
        "/api/v1": Reply(body={"resources": [named("services", "list"), named("services/status", "get")]}),
        "/apis": Reply(body={"kind": "APIGroupList", "groups": [x_io, broken]}),
        "/apis/x.io/v1": Reply(body={"resources": [named("things", "list")]}),
        "/apis/x.io/v2": Reply(body={"resources": [named("things", "list"), named("others", "list")]}),
        "/apis/metrics.k8s.io/v1": status(503, "ServiceUnavailable", "down"),
    }
    server.route(routes)
    found = discover(transport)
    assert [(t.resource, t.version) for t in found.types] == [
        ("services", "v1"),
        ("others.x.io", "v2"),
        ("things.x.io", "v1"),
    ]
    assert found.failed == (Failure("metrics.k8s.io", "version v1 answers 503"),)


def test_unpinned_groups_are_those_of_other_servers(server: FakeServer, transport: Transport) -> None:
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    items = [{"spec": {"group": "apps"}}, {"spec": {"group": "metrics.k8s.io", "service": {"name": "m"}}}]
    server.route({path: Reply(body={"items": items})})
    assert KubeReader(transport).unpinned_groups() == {"metrics.k8s.io"}
    for refusal in (status(403, "Forbidden", "no"), status(404, "NotFound", "no")):
        server.route({path: refusal})
        assert KubeReader(transport).unpinned_groups() == frozenset()
    server.route({path: status(500, "InternalError", "no")})
    with pytest.raises(ApiError):
        KubeReader(transport).unpinned_groups()


def test_lists_are_pinned_but_for_other_servers_groups(server: FakeServer, transport: Transport) -> None:
    apiservices = [{"spec": {"group": "metrics.k8s.io", "service": {"name": "m"}}}]
    server.route(
        {
            "/apis/apiregistration.k8s.io/v1/apiservices": Reply(body={"items": apiservices}),
            "/api/v1/namespaces/a%2Fb/services": Reply(
                body={"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "s"}}]}
            ),
            "/apis/metrics.k8s.io/v1/nodes": Reply(body={"items": None}),
        }
    )
    queries = [ListQuery(SERVICES, "a/b", "x=y"), ListQuery(NODES)]
    listed = dict(KubeReader(transport).list_all(queries, "7"))
    assert listed[queries[0]] == [{"metadata": {"name": "s"}, "apiVersion": "v1", "kind": "Service"}]
    assert listed[queries[1]] == []
    targets = {seen.target for seen in server.seen[1:]}
    assert targets == {
        "/api/v1/namespaces/a%2Fb/services?labelSelector=x%3Dy&resourceVersion=7&resourceVersionMatch=Exact",
        "/apis/metrics.k8s.io/v1/nodes",
    }


def test_a_server_that_pages_unasked_is_followed(server: FakeServer, transport: Transport) -> None:
    def script(seen: Seen) -> Reply:
        if "apiservices" in seen.target:
            return Reply(body={"items": []})
        last = "continue=t" in seen.target
        metadata = {"resourceVersion": "7"} | ({} if last else {"continue": "t"})
        return Reply(body={"metadata": metadata, "items": [{"metadata": {"name": "b" if last else "a"}}]})

    server.script = script
    [(_, items)] = KubeReader(transport).list_all([ListQuery(SERVICES)], "7")
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]
    assert server.seen[-1].target == "/api/v1/services?continue=t"


def listed_at(*versions: str) -> list[Reply]:
    answers = [Reply(body={"metadata": {"resourceVersion": version}, "items": []}) for version in versions]
    return [Reply(body={"items": []}), *answers]


def test_a_list_of_another_moment_is_asked_for_again(server: FakeServer, transport: Transport) -> None:
    server.answer(*listed_at("6", "7"))
    assert list(KubeReader(transport).list_all([ListQuery(SERVICES)], "7")) == [(ListQuery(SERVICES), [])]


def test_a_list_that_stays_of_another_moment_is_an_error(server: FakeServer, transport: Transport) -> None:
    server.answer(*listed_at("6"))
    with pytest.raises(ApiError, match="services: listed at resource version 6, not at 7 as asked"):
        list(KubeReader(transport).list_all([ListQuery(SERVICES)], "7"))


def test_an_answer_that_is_no_list_is_not_an_empty_one(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(body={"items": []}), Reply(body={"metadata": {"resourceVersion": "7"}}))
    with pytest.raises(ApiError, match="not a list"):
        list(KubeReader(transport).list_all([ListQuery(SERVICES)], "7"))


def test_the_first_failure_cancels_the_rest(server: FakeServer, transport: Transport) -> None:
    server.script = lambda seen: (
        status(403, "Forbidden", "no") if "/namespaces/n5/" in seen.target else Reply(body={"items": []})
    )
    queries = [ListQuery(SERVICES, f"n{number}") for number in range(200)]
    with pytest.raises(ClusterError, match="may not list services in namespace n5"):
        list(KubeReader(transport).list_all(queries, ""))
    time.sleep(0.1)
    assert len(server.seen) < 100


def test_only_404_is_absent(server: FakeServer, transport: Transport) -> None:
    reader = KubeReader(transport)
    server.answer(status(404, "NotFound", "no"))
    assert reader.get(SERVICES, KEY) is None
    for fault in (status(403, "Forbidden", "no"), status(500, "InternalError", "no"), Reply(404, b"<html>")):
        server.answer(fault)
        with pytest.raises(ClusterError):
            reader.get(SERVICES, KEY)
    server.answer(Reply(reset=True))
    with pytest.raises(UnreachableError):
        reader.get(SERVICES, KEY)


def test_a_list_without_a_version_is_no_moment(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(body={"items": []}))
    with pytest.raises(ApiError, match="without a resource version"):
        KubeReader(transport).current_version()


def test_results_wait_for_their_consumer() -> None:
    started: list[int] = []
    results = as_they_arrive(lambda n: started.append(n), range(100), 4, threading.Event())
    first, _ = next(results)
    time.sleep(0.1)
    assert len(started) <= 1 + 2 * 4
    assert {first, *(number for number, _ in results)} == set(range(100))


def test_an_abandoned_iteration_cancels() -> None:
    cancelled = threading.Event()
    results = as_they_arrive(lambda n: n, range(100), 4, cancelled)
    next(results)
    del results
    gc.collect()
    assert cancelled.is_set()


def test_what_a_write_carries(server: FakeServer, transport: Transport) -> None:
    writer = KubeWriter(transport)
    body = {"metadata": {"name": "a", "resourceVersion": "1"}}
    writer.create(SERVICES, KEY, body, dry_run=True)
    writer.replace(SERVICES, KEY, body, dry_run=False)
    writer.server_side_apply(SERVICES, KEY, body, force=True, dry_run=False)
    writer.delete(SERVICES, KEY, uid="u", resource_version="1", dry_run=True)
    common = "?fieldManager=kubectl-istio-upgrade&fieldValidation=Strict"
    one = "/api/v1/namespaces/default/services/a"
    assert [(seen.method, seen.target) for seen in server.seen] == [
        ("POST", f"/api/v1/namespaces/default/services{common}&dryRun=All"),
        ("PUT", one + common),
        ("PATCH", f"{one}{common}&force=true"),
        ("DELETE", one),
    ]
    assert server.seen[2].header("Content-Type") == ["application/apply-patch+yaml"]
    assert json.loads(server.seen[3].body) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u", "resourceVersion": "1"},
        "dryRun": ["All"],
    }


def test_a_write_without_its_precondition_is_never_sent(server: FakeServer, transport: Transport) -> None:
    writer = KubeWriter(transport)
    with pytest.raises(IstioUpgradeError, match="without a resource version"):
        writer.replace(SERVICES, KEY, {"metadata": {"name": "a"}}, dry_run=False)
    with pytest.raises(IstioUpgradeError, match="without a UID"):
        writer.delete(SERVICES, KEY, uid="", resource_version="1", dry_run=False)
    assert server.seen == []


def test_warnings_are_handed_to_whoever_asked(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(headers={"Warning": '299 - "deprecated"'}))
    heard: list[str] = []
    KubeWriter(transport, heard.append).create(SERVICES, KEY, {}, dry_run=False)
    KubeWriter(transport).create(SERVICES, KEY, {}, dry_run=False)
    assert heard == ["deprecated"]


def test_connecting_loads_no_typed_models(server: FakeServer, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", server.url)
    program = (
        "import sys\n"
        "import kubectl_istio_upgrade.adapters.kube\n"
        "assert 'kubernetes' not in sys.modules\n"
        "from kubectl_istio_upgrade.adapters.kube.connection import ConnectionOptions, connect\n"
        "from kubectl_istio_upgrade.adapters.kube import reader, writer\n"
        f"connect(ConnectionOptions(kubeconfig={str(path)!r}))\n"
        "models = [name for name in sys.modules if name.startswith('kubernetes.client.models.')]\n"
        "assert not models, models\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_log_is_text_and_may_hold_anything(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(body=b'first \xff line\n{"not": json\n'))
    pod = Key("", "pods", "shop", "web-1")
    assert KubeReader(transport).log(pod, "istio-proxy", lines=10, previous=True) == 'first \ufffd line\n{"not": json\n'
    (seen,) = server.seen
    assert seen.target == "/api/v1/namespaces/shop/pods/web-1/log?container=istio-proxy&tailLines=10&previous=true"


def test_a_log_that_is_not_there_is_the_servers_error(server: FakeServer, transport: Transport) -> None:
    server.answer(status(400, "BadRequest", "container is waiting to start"))
    with pytest.raises(ApiError, match="waiting to start"):
        KubeReader(transport).log(Key("", "pods", "shop", "web-1"), "istio-proxy", lines=10)
