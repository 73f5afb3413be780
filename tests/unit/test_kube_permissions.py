"""Asking what we may do: few requests, and none for an administrator but one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.kube.reader import KubeReader
from kubectl_istio_upgrade.errors import ForbiddenError
from kubectl_istio_upgrade.models.permissions import Permission

from .kube_server import FakeServer, Reply, Seen, serving, status, transport_to, write_kubeconfig

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def reader(server: FakeServer, tmp_path: Path) -> KubeReader:
    return KubeReader(transport_to(write_kubeconfig(tmp_path / "config", server.url)))


def asked(seen: Seen) -> Permission:
    attributes = json.loads(seen.body)["spec"]["resourceAttributes"]
    fields = ("verb", "group", "resource", "namespace", "name")
    return Permission(*(attributes.get(field, "") for field in fields))


def allowing(test: Callable[[Permission], bool]) -> Callable[[Seen], Reply]:
    return lambda seen: Reply(201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": test(asked(seen))}})


GET, UPDATE = (Permission(verb, "apps", "deployments", "istio-system") for verb in ("get", "update"))


def test_an_administrator_costs_one_request(server: FakeServer, reader: KubeReader) -> None:
    server.script = allowing(lambda _: True)
    assert reader.missing({GET, UPDATE}) == ()
    assert [asked(seen) for seen in server.seen] == [Permission("*", "*", "*")]
    assert (server.seen[0].method, server.seen[0].target) == ("POST", PATH)


def test_nothing_wanted_is_nothing_asked(server: FakeServer, reader: KubeReader) -> None:
    assert reader.missing(()) == ()
    assert server.seen == []


def test_what_is_denied_is_named_in_order(server: FakeServer, reader: KubeReader) -> None:
    server.script = allowing(lambda permission: permission == GET)
    assert reader.missing({UPDATE, GET, UPDATE._replace(namespace="b")}) == (UPDATE._replace(namespace="b"), UPDATE)


def test_what_is_wanted_in_several_namespaces_is_asked_for_the_whole_cluster_first(
    server: FakeServer, reader: KubeReader
) -> None:
    wide = Permission("get", "apps", "deployments")
    server.script = allowing(lambda permission: permission == wide)
    assert reader.missing({wide._replace(namespace=f"ns-{number}") for number in range(50)}) == ()
    assert len(server.seen) == 2
    server.script = allowing(lambda permission: permission.namespace == "a")
    in_a, in_b = (wide._replace(namespace=name) for name in "ab")
    assert reader.missing({in_a, in_b}) == (in_b,)


def test_no_answer_is_no_permission(server: FakeServer, reader: KubeReader) -> None:
    server.answer(Reply(201, {"kind": "SelfSubjectAccessReview"}))
    assert reader.missing({GET}) == (GET,)


def test_a_server_that_does_not_say_is_an_error(server: FakeServer, reader: KubeReader) -> None:
    words = 'User "jane" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io"'
    server.answer(status(403, "Forbidden", words))
    with pytest.raises(ForbiddenError, match="'jane' may not create selfsubjectaccessreviews"):
        reader.missing({GET})
