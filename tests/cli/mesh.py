"""A mesh without istiod: Istio's own CRDs and installation objects, and some configuration to change and take back."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.controlplane.access import Access

from .program import wait_for

RELEASE = "1.28.3"
NAMESPACE = "shop"
NETWORKING = "networking.istio.io"

Json = dict[str, Any]

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/istio-system/leases"
_MERGE = "application/merge-patch+json"

_NOT_COMPARED = ("leases", "events", "apiservices", "componentstatuses")
"""Written by the API server itself, at any time."""


@dataclass
class Mesh:
    """The objects on one control plane; those that a test makes are gone when it is over."""

    plane: Access
    _made: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Everything that istioctl would install, but for the webhooks, which nobody would serve."""
        text = self.plane.istioctl(RELEASE, "manifest", "generate", "--set", f"tag={RELEASE}")
        documents = [body for body in yaml.load_all(text, Loader=yaml.CSafeLoader) if body]
        crds = [body for body in documents if body["kind"] == "CustomResourceDefinition"]
        others = [body for body in documents if "Webhook" not in body["kind"] and body not in crds]
        self.plane.kubectl("create", "namespace", "istio-system")
        self.plane.kubectl("create", "namespace", NAMESPACE)
        self.plane.kubectl("label", "namespace", NAMESPACE, "istio-injection=enabled")
        self._apply(crds)
        self.plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self._apply(others)

    def _apply(self, documents: list[Json]) -> None:
        text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper)
        self.plane.kubectl("apply", "--server-side", "-f", "-", input=text)

    def add(self, body: Json, *, manager: str = "kubectl-create") -> Json:
        """Create an object of which `remove_made` will get rid."""
        made: Json = self.plane.api.request("POST", f"{_collection(body)}?fieldManager={manager}", body)
        self._made.append(_path(body))
        return made

    def adopt(self, body: Json) -> None:
        """Somebody else makes, or made, this object; get rid of it, too."""
        self._made.append(_path(body))

    def get(self, body: Json) -> Json | None:
        """The object as it is."""
        found: Json | None = self.plane.api.get(_path(body))
        return found

    def patch(self, body: Json, patch: Json, *, manager: str = "somebody-else") -> Json:
        """Change an object, as somebody else would."""
        changed: Json = self.plane.api.request("PATCH", f"{_path(body)}?fieldManager={manager}", patch, _MERGE)
        return changed

    def patch_status(self, body: Json, patch: Json) -> None:
        """Write its status, as a controller would."""
        self.plane.api.request("PATCH", f"{_path(body)}/status?fieldManager=controller", patch, _MERGE)

    def delete(self, body: Json) -> None:
        """Delete an object."""
        self.plane.api.request("DELETE", _path(body))

    def remove_made(self) -> None:
        """The mesh as it was. A type whose definition is gone is told for a moment longer."""
        definitions = {path.rpartition("/")[2] for path in self._made if "/customresourcedefinitions/" in path}
        while self._made:
            path = self._made.pop()
            if self.plane.api.get(path) is not None:
                self.plane.api.request("DELETE", path)
        wait_for(lambda: not any(map(self._is_told, definitions)), "types of definitions that are gone are told")

    def _is_told(self, definition: str) -> bool:
        plural, _, group = definition.partition(".")
        told = self.plane.api.get(f"/apis/{group}/v1") or {"resources": ()}
        return plural in {each["name"] for each in told["resources"]}

    def leases(self) -> list[Json]:
        """The locks of this product on the cluster."""
        found = self.plane.api.request("GET", _LEASES)["items"]
        return [lease for lease in found if lease["metadata"]["name"] == "kubectl-istio-upgrade"]

    def change_lease(self, **spec: Any) -> None:
        """Write the lock as somebody else would."""
        (lease,) = self.leases()
        self.plane.api.request("PATCH", f"{_LEASES}/{lease['metadata']['name']}", {"spec": spec}, _MERGE)

    def drop_lease(self) -> None:
        """Delete the lock, if there is one."""
        for lease in self.leases():
            self.plane.api.request("DELETE", f"{_LEASES}/{lease['metadata']['name']}")

    def content(self) -> dict[str, str]:
        """Every object of the API server, of the mesh or not: its path, its UID and resource version."""
        with self._connection() as ask:
            found = {}
            for path in _listable(ask):
                for item in ask(path)["items"] or ():
                    about = item["metadata"]
                    name = f"{path} {about.get('namespace', '')}/{about['name']}"
                    found[name] = f"{about.get('uid')} {about.get('resourceVersion')}"
        return found

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing in the cluster, of the mesh or not, is written in this block."""
        before = self.content()
        yield
        assert self.content() == before

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        context = ssl.create_default_context(cafile=str(self.plane.authority))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection("127.0.0.1", self.plane.state.port, timeout=30, context=context)
        headers = {
            "Authorization": f"Bearer {self.plane.state.tokens['admin']}",
            "Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
        }

        def ask(path: str) -> Json:
            for _ in range(100):
                connection.request("GET", path, headers=headers)
                body: Json = json.loads(connection.getresponse().read())
                if body["kind"] != "Status":
                    return body
                time.sleep(0.1)  # a definition that has only just been made
            raise AssertionError(f"{path}: {body}")

        try:
            yield ask
        finally:
            connection.close()


def _listable(ask: Any) -> Iterator[str]:
    groups = ["/api/v1"]
    groups += [f"/apis/{group['preferredVersion']['groupVersion']}" for group in ask("/apis")["groups"]]
    for group in groups:
        for resource in ask(group)["resources"]:
            if "list" in resource["verbs"] and resource["name"] not in _NOT_COMPARED:
                yield f"{group}/{resource['name']}"


def _collection(body: Json) -> str:
    group = body["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    kind = str(body["kind"]).lower()
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    namespace = body["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def _path(body: Json) -> str:
    return f"{_collection(body)}/{body['metadata']['name']}"


def virtual_service(name: str, *hosts: str) -> Json:
    """A small VirtualService."""
    spec = {"hosts": list(hosts or (name,)), "http": [{"route": [{"destination": {"host": name}}]}]}
    return _object(f"{NETWORKING}/v1", "VirtualService", name, spec=spec)


def sidecar(name: str) -> Json:
    """A small Sidecar."""
    return _object(f"{NETWORKING}/v1", "Sidecar", name, spec={"egress": [{"hosts": ["./*"]}]})


def definition(plural: str, kind: str, group: str) -> Json:
    """A definition that allows anything."""
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    body = _object("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec=spec)
    del body["metadata"]["namespace"]
    return body


def config_map(name: str, namespace: str = "istio-system", **data: str) -> Json:
    """A ConfigMap, of the mesh when it is in the root namespace."""
    body = _object("v1", "ConfigMap", name, data=data)
    body["metadata"]["namespace"] = namespace
    return body


def secret(name: str, namespace: str = "istio-system", **data: str) -> Json:
    """A Secret with these texts as its values."""
    body = _object("v1", "Secret", name, stringData=data)
    body["metadata"]["namespace"] = namespace
    return body


def _object(api_version: str, kind: str, name: str, **content: Any) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **content}
