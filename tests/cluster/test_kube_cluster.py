"""The adapter against a real API server: what no fake can vouch for."""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.kube.connection import ConnectionOptions, connect
from kubectl_istio_upgrade.adapters.kube.discovery import discover
from kubectl_istio_upgrade.adapters.kube.reader import KubeReader
from kubectl_istio_upgrade.adapters.kube.request import Request
from kubectl_istio_upgrade.adapters.kube.transport import Transport
from kubectl_istio_upgrade.adapters.kube.writer import FIELD_MANAGER, KubeWriter
from kubectl_istio_upgrade.errors import (
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
)
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.models.permissions import Permission
from kubectl_istio_upgrade.normalise.ownership import are_same_owners, owned_as, sole_writer
from kubectl_istio_upgrade.ports import ListQuery
from tests.cli.program import wait_for
from tests.controlplane.plane import ControlPlane

pytestmark = pytest.mark.cluster

CONFIG_MAPS = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRETS = ResourceType("", "v1", "Secret", "secrets", namespaced=True)
NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)
CLUSTER_ROLES = ResourceType("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False)
BINDINGS = ResourceType(
    "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
DEPLOYMENTS = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
EVENTS = ResourceType("", "v1", "Event", "events", namespaced=True)
"""The one type that the API server reads from etcd itself; of others it keeps a few minutes' history."""
NOT_THERE = ResourceType("nowhere.example", "v1", "Thing", "things", namespaced=True)

_numbers = itertools.count()


def connected(plane: ControlPlane, **options: Any) -> Transport:
    return connect(ConnectionOptions(kubeconfig=str(plane.kubeconfig), **options))


@pytest.fixture(scope="module")
def transport(control_plane: ControlPlane) -> Iterator[Transport]:
    opened = connected(control_plane)
    yield opened
    opened.close()


@pytest.fixture
def reader(transport: Transport) -> KubeReader:
    return KubeReader(transport)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def writer(transport: Transport, warnings: list[str]) -> KubeWriter:
    return KubeWriter(transport, warnings.append)


def config_map(**data: str) -> tuple[Key, Body]:
    key = Key("", "configmaps", "default", f"map-{next(_numbers)}")
    return key, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key.name}, "data": data}


def test_discovery_is_what_kubectl_lists(control_plane: ControlPlane, reader: KubeReader, transport: Transport) -> None:
    printed = control_plane.kubectl("api-resources", "--verbs=list", "-o", "name", "--cached=false")
    types = reader.discover()
    assert {type_.resource for type_ in types} == set(printed.split())
    assert len({(type_.group, type_.plural) for type_ in types}) == len(types)
    found = next(type_ for type_ in types if type_.plural == "deployments")
    assert replace(found, verbs=frozenset()) == replace(DEPLOYMENTS, singular="deployment", short_names=("deploy",))
    assert {"list", "patch", "delete"} <= found.verbs
    assert reader.unpinned_groups() == frozenset()


def test_the_old_discovery_finds_the_same(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the server has settled: after its start it adds its own groups to the one, and then to the other."""

    def both() -> tuple[object, object]:
        aggregated = discover(transport)
        with monkeypatch.context() as patched:
            patched.setattr("kubectl_istio_upgrade.adapters.kube.discovery.AGGREGATED", "application/json")
            return aggregated, discover(transport)

    deadline = time.monotonic() + 30
    while len(set(both())) > 1 and time.monotonic() < deadline:
        time.sleep(0.5)
    aggregated, old = both()
    assert old == aggregated


def test_identity(control_plane: ControlPlane, reader: KubeReader) -> None:
    identity = reader.identity()
    uid = control_plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    assert (identity.uid, identity.context) == (uid, "testbed")
    assert identity.server_version.startswith("v1.")


def test_a_list_is_of_its_moment(reader: KubeReader, writer: KubeWriter) -> None:
    before, body = config_map()
    writer.create(CONFIG_MAPS, before, body, dry_run=False)
    version = reader.current_version()
    after, body = config_map()
    writer.create(CONFIG_MAPS, after, body, dry_run=False)

    def names(at: str) -> set[str]:
        [(_, items)] = reader.list_all([ListQuery(CONFIG_MAPS, "default")], at)
        return {item["metadata"]["name"] for item in items}

    assert before.name in names(version)
    assert after.name not in names(version)
    assert after.name in names("")


def test_all_types_at_one_version(reader: KubeReader) -> None:
    queries = [ListQuery(type_) for type_ in reader.discover()]
    listed = dict(reader.list_all(queries, reader.current_version()))
    assert set(listed) == set(queries)
    for query, items in listed.items():
        assert {(item["apiVersion"], item["kind"]) for item in items} <= {(query.type.api_version, query.type.kind)}
    assert any(listed[query] for query in queries if query.type.plural == "clusterroles")


def test_a_label_selector_narrows(reader: KubeReader) -> None:
    query = ListQuery(CLUSTER_ROLES, label_selector="kubernetes.io/bootstrapping=rbac-defaults")
    [(_, items)] = reader.list_all([query], reader.current_version())
    assert items
    assert all(item["metadata"]["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults" for item in items)


def test_an_expired_version_starts_the_snapshot_over(control_plane: ControlPlane, reader: KubeReader) -> None:
    compact(control_plane, reader.current_version())
    with pytest.raises(ExpiredError):
        list(reader.list_all([ListQuery(EVENTS)], "1"))


def compact(plane: ControlPlane, revision: str) -> None:
    """Make etcd forget everything older, as the API server has it do every five minutes."""
    url = f"http://127.0.0.1:{plane._etcd_port}/v3/kv/compaction"
    with urllib.request.urlopen(url, json.dumps({"revision": revision, "physical": True}).encode()) as answer:
        answer.read()


def test_absent_is_none(reader: KubeReader) -> None:
    assert reader.get(CONFIG_MAPS, Key("", "configmaps", "default", "nope")) is None
    assert reader.get(NOT_THERE, Key("nowhere.example", "things", "default", "x")) is None


def delete(writer: KubeWriter, type_: ResourceType, key: Key, body: Body, *, dry_run: bool = False) -> None:
    """Delete the object as it was read."""
    uid, version = body["metadata"]["uid"], body["metadata"]["resourceVersion"]
    writer.delete(type_, key, uid=uid, resource_version=version, dry_run=dry_run)


def test_a_name_with_a_colon(reader: KubeReader, writer: KubeWriter) -> None:
    name = f"system:test:{next(_numbers)}"
    key = Key(CLUSTER_ROLES.group, CLUSTER_ROLES.plural, "", name)
    body = {"apiVersion": CLUSTER_ROLES.api_version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": []}
    created = writer.create(CLUSTER_ROLES, key, body, dry_run=False)
    found = reader.get(CLUSTER_ROLES, key)
    assert found is not None
    assert found["metadata"]["uid"] == created["metadata"]["uid"]
    delete(writer, CLUSTER_ROLES, key, created)
    assert reader.get(CLUSTER_ROLES, key) is None


def test_one_forbidden_type_fails_the_whole_list(control_plane: ControlPlane, writer: KubeWriter) -> None:
    role = Key(CLUSTER_ROLES.group, CLUSTER_ROLES.plural, "", "limited-lists")
    rules = [{"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": ["get", "list"]}]
    rbac = CLUSTER_ROLES.api_version
    body = {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": role.name}, "rules": rules}
    writer.create(CLUSTER_ROLES, role, body, dry_run=False)
    binding = role._replace(plural=BINDINGS.plural)
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "testbed:limited"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role.name}
    body = {"apiVersion": rbac, "kind": "ClusterRoleBinding", "metadata": {"name": role.name}}
    writer.create(BINDINGS, binding, {**body, "subjects": [subject], "roleRef": reference}, dry_run=False)

    limited = connect(ConnectionOptions(kubeconfig=str(control_plane.kubeconfig_for("limited"))))
    reader = KubeReader(limited)
    granted = [Permission("list", "", plural) for plural in ("configmaps", "namespaces")]
    wait_for(lambda: not reader.missing(granted), "the role does not hold")  # authorisation hears of it a moment later
    version = reader.current_version()
    assert list(reader.list_all([ListQuery(CONFIG_MAPS)], version))
    with pytest.raises(ForbiddenError) as caught:
        list(reader.list_all([ListQuery(CONFIG_MAPS), ListQuery(SECRETS), ListQuery(NAMESPACES)], version))
    assert caught.value.message == "user 'limited' may not list secrets in the whole cluster"
    assert (caught.value.hint or "").startswith("kubectl auth can-i list secrets -A --kubeconfig=")
    with pytest.raises(ForbiddenError, match="user 'limited' may not get secrets in namespace x"):
        reader.get(SECRETS, Key("", "secrets", "x", "y"))


def test_impersonation_reaches_the_server(control_plane: ControlPlane) -> None:
    reader = KubeReader(connected(control_plane, as_user="jane", as_groups=("a", "b")))
    with pytest.raises(ForbiddenError, match="user 'jane' may not list namespaces"):
        reader.current_version()
    masters = KubeReader(connected(control_plane, as_user="jane", as_groups=("a", "system:masters")))
    assert masters.current_version()


def test_wrong_token_and_wrong_authority(control_plane: ControlPlane, tmp_path: Path) -> None:
    text = control_plane.kubeconfig.read_text()
    bad = tmp_path / "token"
    token = control_plane.state.tokens["admin"]
    bad.write_text(text.replace(token, "wrong"))
    with pytest.raises(UnauthorizedError):
        KubeReader(connect(ConnectionOptions(kubeconfig=str(bad)))).current_version()
    strange = tmp_path / "authority"
    strange.write_text(text.replace("certificate-authority-data:", "ignored:"))
    with pytest.raises(UnreachableError, match="TLS failed"):
        KubeReader(connect(ConnectionOptions(kubeconfig=str(strange)))).current_version()
    strange.write_text(
        text.replace(
            "certificate-authority-data:", "tls-server-name: elsewhere.example\n    certificate-authority-data:"
        )
    )
    with pytest.raises(UnreachableError, match=r"TLS failed \(.*elsewhere.example"):
        KubeReader(connect(ConnectionOptions(kubeconfig=str(strange)))).current_version()
    strange.write_text(text.replace("certificate-authority-data:", "insecure-skip-tls-verify: true\n    ignored:"))
    assert KubeReader(connect(ConnectionOptions(kubeconfig=str(strange)))).current_version()


def test_an_unknown_field_is_refused(writer: KubeWriter, reader: KubeReader) -> None:
    key, body = config_map(a="1")
    with pytest.raises(InvalidError, match='unknown field "dta"'):
        writer.create(CONFIG_MAPS, key, {**body, "dta": {}}, dry_run=False)
    assert reader.get(CONFIG_MAPS, key) is None


def test_a_refused_secret_is_not_quoted(writer: KubeWriter) -> None:
    key = Key("", "secrets", "default", "s")
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "hunter2 hunter2!/x y"}
    with pytest.raises(InvalidError) as caught:
        writer.create(SECRETS, key, {**body, "data": {"not a key": "aHVudGVyMg=="}}, dry_run=True)
    assert "hunter2" not in str(caught.value)
    assert "aHVudGVyMg" not in str(caught.value)
    assert "FieldValueInvalid" in caught.value.message


def test_a_stale_replacement_is_a_conflict(writer: KubeWriter, reader: KubeReader) -> None:
    key, body = config_map(a="1")
    first = writer.create(CONFIG_MAPS, key, body, dry_run=False)
    second = writer.replace(CONFIG_MAPS, key, {**first, "data": {"a": "2"}}, dry_run=False)
    with pytest.raises(ConflictError):
        writer.replace(CONFIG_MAPS, key, {**first, "data": {"a": "3"}}, dry_run=False)
    assert reader.get(CONFIG_MAPS, key) == second
    with pytest.raises(ConflictError):
        writer.create(CONFIG_MAPS, key, body, dry_run=False)
    with pytest.raises(ConflictError):
        writer.merge_patch(
            CONFIG_MAPS, key, {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}}, dry_run=False
        )


def test_a_deletion_is_of_one_uid_at_one_version(writer: KubeWriter, reader: KubeReader) -> None:
    key, body = config_map()
    created = writer.create(CONFIG_MAPS, key, body, dry_run=False)
    for wrong in ({"uid": "00000000-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}):
        with pytest.raises(ConflictError):
            delete(writer, CONFIG_MAPS, key, {"metadata": {**created["metadata"], **wrong}})
    assert reader.get(CONFIG_MAPS, key) is not None
    delete(writer, CONFIG_MAPS, key, created)
    assert reader.get(CONFIG_MAPS, key) is None
    with pytest.raises(NotFoundError):
        delete(writer, CONFIG_MAPS, key, created)


def test_a_dry_run_stores_nothing(writer: KubeWriter, reader: KubeReader) -> None:
    key, body = config_map(a="1")
    assert writer.create(CONFIG_MAPS, key, body, dry_run=True)["data"] == {"a": "1"}
    assert reader.get(CONFIG_MAPS, key) is None
    stored = writer.create(CONFIG_MAPS, key, body, dry_run=False)
    changed = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key.name}, "data": {"a": "2"}}
    assert writer.replace(CONFIG_MAPS, key, {**stored, "data": {"a": "2"}}, dry_run=True)["data"] == {"a": "2"}
    assert writer.merge_patch(CONFIG_MAPS, key, {"data": {"a": "2"}}, dry_run=True)["data"] == {"a": "2"}
    writer.server_side_apply(CONFIG_MAPS, key, changed, force=True, dry_run=True)
    delete(writer, CONFIG_MAPS, key, stored, dry_run=True)
    assert reader.get(CONFIG_MAPS, key) == stored


def test_apply_meets_other_owners(writer: KubeWriter, reader: KubeReader, control_plane: ControlPlane) -> None:
    key, body = config_map(a="1")
    control_plane.kubectl("create", "configmap", key.name, "--from-literal=a=1")
    with pytest.raises(ConflictError, match=f"configmaps default/{key.name}: .*kubectl-create"):
        writer.server_side_apply(CONFIG_MAPS, key, {**body, "data": {"a": "2"}}, force=False, dry_run=False)
    applied = writer.server_side_apply(CONFIG_MAPS, key, {**body, "data": {"a": "2"}}, force=True, dry_run=False)
    assert applied["data"] == {"a": "2"}
    owners = {entry["manager"]: entry["operation"] for entry in applied["metadata"]["managedFields"]}
    assert owners[FIELD_MANAGER] == "Apply"


def deployment(name: str, image: str) -> Body:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def set_status(transport: Transport, key: Key, replicas: int) -> Body:
    """What the deployment controller does, which does not run here."""
    path = f"/apis/apps/v1/namespaces/default/deployments/{key.name}/status?fieldManager=controller"
    body = b'{"status":{"replicas":%d}}' % replicas
    patch = "application/merge-patch+json"
    return transport.send(Request("PATCH", path, "patch", "deployments.apps", body=body, content_type=patch)).body


def test_ownership_is_put_back_without_a_trace(
    writer: KubeWriter, reader: KubeReader, transport: Transport, control_plane: ControlPlane
) -> None:
    key = Key("apps", "deployments", "default", f"deploy-{next(_numbers)}")
    control_plane.kubectl("create", "deployment", key.name, "--image=old")
    set_status(transport, key, 1)
    snapshot = reader.get(DEPLOYMENTS, key)
    assert snapshot is not None
    newer = deployment(key.name, "new")
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(newer))
    live = set_status(transport, key, 2)

    back = {**snapshot, "metadata": {**snapshot["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}
    back["metadata"].pop("managedFields")
    written = writer.replace(DEPLOYMENTS, key, back, dry_run=False)
    version = written["metadata"]["resourceVersion"]
    fields = owned_as(written["metadata"]["managedFields"], snapshot["metadata"]["managedFields"])
    restored = writer.restore_ownership(DEPLOYMENTS, key, fields, version)

    assert restored["spec"] == snapshot["spec"]
    assert restored["status"]["replicas"] == 2
    owners = restored["metadata"]["managedFields"]
    assert [e for e in owners if "subresource" not in e] == [e for e in fields if "subresource" not in e]
    assert {e["manager"] for e in owners} == {"kubectl-create", "controller"}
    with pytest.raises(ConflictError):
        writer.restore_ownership(DEPLOYMENTS, key, fields, version)


def test_writing_under_the_name_of_the_sole_writer_leaves_the_ownership_as_it_was(
    writer: KubeWriter, reader: KubeReader, control_plane: ControlPlane
) -> None:
    key = Key("apps", "deployments", "default", f"deploy-{next(_numbers)}")
    control_plane.kubectl("create", "deployment", key.name, "--image=old")
    snapshot = reader.get(DEPLOYMENTS, key)
    assert snapshot is not None
    owners = snapshot["metadata"]["managedFields"]
    control_plane.kubectl("set", "image", f"deployment/{key.name}", "*=new")
    live = reader.get(DEPLOYMENTS, key)
    assert live is not None
    assert not are_same_owners(live["metadata"]["managedFields"], owners)

    back = {**snapshot, "metadata": {**snapshot["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}
    back["metadata"].pop("managedFields")
    written = writer.replace(DEPLOYMENTS, key, back, dry_run=False, manager=sole_writer(owners))

    assert are_same_owners(written["metadata"]["managedFields"], owners)


def test_warnings_of_writes_are_handed_on(writer: KubeWriter, warnings: list[str]) -> None:
    key = Key("", "secrets", "default", "x")
    pods = ResourceType("", "v1", "Pod", "pods", namespaced=True)
    spec = {"containers": [{"name": "a", "image": "a", "env": [{"name": "A"}, {"name": "A"}]}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
    writer.create(pods, key, body, dry_run=True)
    assert any("env[1]" in text for text in warnings)
