"""The API server of the benchmark, with Istio's real definitions and a generated mesh in it."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.controlplane import Access, istioctl_path
from tests.controlplane.api import Api, ApiError

from . import mesh
from .client import JSON_PATCH, MERGE_PATCH, send_all
from .measure import BenchError

RELEASE = "1.29.1"
ESTABLISHED_SECONDS = 60.0


def say(text: str) -> None:
    """What is going on, for whoever waits."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Cluster:
    """The cluster, where the benchmark's files are, and how its commands find both."""

    plane: Access
    folder: Path
    environment: dict[str, str]
    bodies: list[mesh.Body]
    _turns: Iterator[int] = field(default_factory=itertools.count)

    def fill(self) -> None:
        """Istio's definitions, then the mesh."""
        say(f"applying the definitions of Istio {RELEASE}")
        self._define()
        say(f"creating {len(self.bodies)} objects")
        started = time.monotonic()
        kind = {"apiVersion": "v1", "kind": "Namespace"}
        names = ("istio-system", *mesh.namespaces(len(self.bodies)))
        send_all(self.plane, [("POST", "/api/v1/namespaces", {**kind, "metadata": {"name": name}}) for name in names])
        send_all(self.plane, [("POST", mesh.path_of(body, collection=True), body) for body in self.bodies])
        say(f"created in {time.monotonic() - started:.0f} s")

    def disturb(self, number: int) -> list[mesh.Body]:
        """Change the specs of this many objects, far apart, as never before; the objects as they were."""
        chosen, turn = mesh.spread(self.bodies, number), next(self._turns)
        patches = [("PATCH", mesh.path_of(body), {"spec": mesh.change_of(body, turn)}) for body in chosen]
        send_all(self.plane, patches, MERGE_PATCH)
        return chosen

    def owners(self, count: int) -> dict[str, Any]:
        """Who owns which fields of the objects that `disturb` changes, by path."""
        paths = [mesh.path_of(body) for body in mesh.spread(self.bodies, count)]
        return {path: self.plane.api.request("GET", path)["metadata"]["managedFields"] for path in paths}

    def give_back(self, owners: dict[str, Any]) -> None:
        """Make them the owners again: who has just written these objects leaves its name on them."""
        field = "/metadata/managedFields"
        patches = [
            ("PATCH", path, [{"op": "replace", "path": field, "value": entries}]) for path, entries in owners.items()
        ]
        send_all(self.plane, patches, JSON_PATCH)

    def reset(self, count: int) -> None:
        """Undo the changes that `disturb` made to this many objects."""
        chosen = mesh.spread(self.bodies, count)
        patches = [("PATCH", mesh.path_of(body), {"spec": body["spec"]}) for body in chosen]
        send_all(self.plane, patches, MERGE_PATCH)

    def bare_rollback(self, number: int) -> float:
        """Seconds for the requests of a rollback of this many objects, from ready bodies, with nobody looking."""
        self.disturb(number)
        written = mesh.spread(self.bodies, number)
        puts = [("PUT", mesh.path_of(body), self._replacing(body)) for body in written]
        lists = [("GET", path, None) for path in self.paths()]
        started = time.monotonic()
        send_all(self.plane, lists)
        send_all(
            self.plane, [(method, f"{path}?dryRun=All&fieldValidation=Strict", body) for method, path, body in puts]
        )
        send_all(self.plane, [(method, f"{path}?fieldValidation=Strict", body) for method, path, body in puts])
        send_all(self.plane, lists)
        return time.monotonic() - started

    def _replacing(self, body: mesh.Body) -> mesh.Body:
        metadata = self.plane.api.request("GET", mesh.path_of(body))["metadata"]
        version = {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}
        return {**body, "metadata": {**body["metadata"], **version}}

    def kubeconfig_of(self, port: int) -> Path:
        """The administrator's kubeconfig, by another way to the API server."""
        text = self.plane.kubeconfig.read_text("utf-8")
        path = self.folder / f"kubeconfig-{port}"
        path.write_text(text.replace(self.plane.server, f"https://127.0.0.1:{port}"), "utf-8")
        return path

    def paths(self) -> list[str]:
        """Every collection of Istio's, each in the version that the server prefers."""
        found: dict[tuple[str, str], str] = {}
        for group in self.plane.api.request("GET", "/apis")["groups"]:
            for version in group["versions"] if group["name"].endswith(".istio.io") else ():
                path = f"/apis/{version['groupVersion']}"
                for one in self.plane.api.request("GET", path)["resources"]:
                    if "/" not in one["name"]:
                        found.setdefault((group["name"], one["name"]), f"{path}/{one['name']}")
        return list(found.values())

    def _define(self) -> None:
        generated = self.plane.istioctl(RELEASE, "manifest", "generate")
        documents = yaml.load_all(generated, yaml.CSafeLoader)
        definitions = [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
        self.plane.kubectl("apply", "--server-side", "-f-", input=listed)
        names = [f"crd/{one['metadata']['name']}" for one in definitions]
        timeout = f"--timeout={ESTABLISHED_SECONDS:.0f}s"
        self.plane.kubectl("wait", "--for=condition=Established", timeout, *names)
        _wait_served(self.plane.api, self.bodies[: mesh.NAMESPACES_OF])


def _wait_served(api: Api, bodies: list[mesh.Body]) -> None:
    """Established is not served: the API server takes a moment more."""
    deadline = time.monotonic() + ESTABLISHED_SECONDS
    paths = {f"/apis/{body['apiVersion']}/{mesh.PLURALS[body['kind']]}" for body in bodies}
    while missing := [path for path in paths if not _is_served(api, path)]:
        if time.monotonic() > deadline:
            raise BenchError(f"not served: {', '.join(missing)}")
        time.sleep(0.1)


def _is_served(api: Api, path: str) -> bool:
    try:
        api.request("GET", path)
    except ApiError as error:
        if error.status in (404, 429):
            return False
        raise
    return True


def build() -> None:
    """Build what is missing."""
    istioctl_path(RELEASE)
