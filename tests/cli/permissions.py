"""Roles as printed, given to a user of the test bed; and requests as the permissions that they take."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import yaml

from kubectl_istio_upgrade.adapters.kube.connection import ConnectionOptions, connect
from kubectl_istio_upgrade.adapters.kube.reader import KubeReader
from kubectl_istio_upgrade.models.permissions import Permission

from .mesh import NAMESPACE, Json, Mesh, config_map, virtual_service
from .program import wait_for
from .proxy import Seen

USER = "limited"

ROOT = "istio-system"
RBAC = "rbac.authorization.k8s.io"

CLUSTER_ROLE: Json = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRole",
    "metadata": {"name": f"istiod-clusterrole-{ROOT}"},
}
ROLE_BINDING: Json = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "istiod", "namespace": ROOT},
}
SHOP: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@contextlib.contextmanager
def drifted(mesh: Mesh) -> Iterator[None]:
    """Something of every kind of change: what rolling back to `friday` takes nearly every verb for."""
    label = {"metadata": {"labels": {"istio.io/rev": "canary"}}}
    binding = mesh.get(ROLE_BINDING)
    assert binding
    mesh.add(virtual_service("added"))
    mesh.add(config_map("added-too"))
    mesh.patch(SHOP, label)
    mesh.patch(CLUSTER_ROLE, label)
    mesh.delete(ROLE_BINDING)
    yield
    mesh.patch(SHOP, {"metadata": {"labels": {"istio.io/rev": None}}})
    mesh.patch(CLUSTER_ROLE, {"metadata": {"labels": {"istio.io/rev": "default"}}})
    if mesh.get(ROLE_BINDING) is None:
        del binding["metadata"]["resourceVersion"], binding["metadata"]["uid"]
        del binding["metadata"]["managedFields"], binding["metadata"]["creationTimestamp"]
        mesh.plane.api.request("POST", f"/apis/{RBAC}/v1/namespaces/{ROOT}/rolebindings", binding)


@contextlib.contextmanager
def existing(mesh: Mesh, definition: Json) -> Iterator[None]:
    """The type is there for a moment, for its permissions to be among the roles that are printed then."""
    mesh.add(definition)
    wait_for(lambda: _is_established(mesh, definition), "it is not established")
    yield
    mesh.delete(definition)
    wait_for(lambda: mesh.get(definition) is None, "it does not go")


def _is_established(mesh: Mesh, definition: Json) -> bool:
    conditions = (mesh.get(definition) or {}).get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def permissions_in(documents: Iterable[Json]) -> set[Permission]:
    """What the roles among these grant."""
    return {
        Permission(verb, group, plural, document["metadata"].get("namespace", ""), name)
        for document in documents
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def permission_of(seen: Seen) -> Permission | None:
    """What a request is authorised as; None for discovery."""
    parts = urlsplit(seen.target).path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not rest:
        return None
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]  # it counts as being in itself
    verb = _VERBS.get(seen.method) or ("get" if len(rest) > 1 else "list")
    return Permission(verb, group, rest[0], namespace, rest[1] if len(rest) > 1 else "")


def permission_asked_for(seen: Seen) -> Permission | None:
    """What a question is about; None for any other request."""
    if not seen.target.endswith("/selfsubjectaccessreviews"):
        return None
    attributes = json.loads(seen.body)["spec"]["resourceAttributes"]
    fields = ("verb", "group", "resource", "namespace", "name")
    return Permission(*(attributes.get(field, "") for field in fields))


@dataclass
class Roles:
    """Roles and bindings in the cluster, for `USER`."""

    mesh: Mesh
    documents: list[Json] = field(default_factory=list)

    def give(self, text: str) -> None:
        """Apply what was printed, and return when the API server goes by it."""
        self.documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
        self.mesh.plane.kubectl("apply", "-f", "-", input=text)
        self._settle(self.permissions, set())

    @property
    def permissions(self) -> set[Permission]:
        return permissions_in(self.documents)

    def lacking(self, wanted: set[Permission]) -> set[Permission]:
        """What the API server says that the user lacks of these permissions."""
        with self._reader() as reader:
            return set(reader.missing(wanted))

    @contextlib.contextmanager
    def without(self, *taken: Permission) -> Iterator[None]:
        """The user has everything but this, for a while."""
        roles = [document for document in self.documents if "rules" in document]
        reduced = [self._reduced(role, set(taken)) for role in roles]
        changed = [(role, less) for role, less in zip(roles, reduced, strict=True) if role != less]
        for _, less in changed:
            self._replace(less)
        self._settle(set(taken), set(taken))
        yield
        for role, _ in changed:
            self._replace(role)
        self._settle(set(taken), set())

    def remove(self) -> None:
        """The user may nothing again."""
        if self.documents:
            text = yaml.dump_all(self.documents, Dumper=yaml.CSafeDumper)
            self.mesh.plane.kubectl("delete", "--ignore-not-found", "-f", "-", input=text)

    def _reduced(self, role: Json, taken: set[Permission]) -> Json:
        left = sorted(permissions_in([role]) - taken)
        rules = [
            {
                "apiGroups": [permission.group],
                "resources": [permission.plural],
                "verbs": [permission.verb],
                **({"resourceNames": [permission.name]} if permission.name else {}),
            }
            for permission in left
        ]
        return {**role, "rules": rules} if permissions_in([role]) & taken else role

    def _replace(self, role: Json) -> None:
        plural, metadata = f"{role['kind'].lower()}s", role["metadata"]
        where = f"namespaces/{metadata['namespace']}/" if "namespace" in metadata else ""
        path = f"/apis/rbac.authorization.k8s.io/v1/{where}{plural}/{metadata['name']}"
        self.mesh.plane.api.request("PUT", path, role)

    def _settle(self, wanted: set[Permission], lacking: set[Permission]) -> None:
        """The API server's authorizer follows roles by watches."""
        wait_for(lambda: self.lacking(wanted) == lacking, "the roles do not take effect")

    @contextlib.contextmanager
    def _reader(self) -> Iterator[KubeReader]:
        transport = connect(ConnectionOptions(kubeconfig=str(self.mesh.plane.kubeconfig_for(USER))))
        try:
            yield KubeReader(transport)
        finally:
            transport.close()
