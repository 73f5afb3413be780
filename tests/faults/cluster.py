"""The scenario on a real API server: made, looked at and put back, without any help of the product."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import orjson

from tests.controlplane.access import Access
from tests.mesh.comparison import Comparison, Dump, compare, dump

from . import scenario
from .scenario import Fate, Item, Json

PATIENCE = 30.0
APPLIER = "kubectl-istio-upgrade"
"""The product's own field manager."""

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
APPLY_PATCH, JSON_PATCH = "application/apply-patch+yaml", "application/json-patch+json"

_ROUNDS = 3
"""Looks after which the cluster must be as it should be."""

_SERVER_OWNED = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class Cluster:
    """An API server as its administrator sees it, over one connection."""

    def __init__(self, plane: Access) -> None:
        context = ssl.create_default_context(cafile=str(plane.authority))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._connection = http.client.HTTPSConnection("127.0.0.1", plane.state.port, timeout=60, context=context)
        self._token = plane.state.tokens["admin"]
        self._discovered: dict[str, Json] = {}
        self._seen: Dump = {}

    def install(self) -> None:
        """State A, on a server that has nothing yet."""
        self._make(scenario.NAMESPACES)
        self._make(scenario.DEFINITIONS)
        for item in scenario.DEFINITIONS:
            self._wait_served(item)
        self._make(item for item in scenario.OBJECTS if item.fate is not Fate.ADDED)
        for item in scenario.ALL:
            if item.tended:
                self.send("PATCH", f"{item.path}?fieldManager={scenario.TENDER}", scenario.TENDED, MERGE_PATCH)
        workload = next(item for item in scenario.OBJECTS if item.plural == "deployments")
        self.send("PATCH", f"{workload.path}/status?fieldManager=controller", scenario.ROLLED_OUT, MERGE_PATCH)
        self._discovered.clear()

    def drift(self) -> None:
        """From state A to state B, as somebody else would."""
        with self._unguarded(self._get(scenario.GUARD.path)):
            self._make((item for item in scenario.OBJECTS if item.fate is Fate.ADDED), scenario.SOMEBODY)
            for item in reversed(scenario.ALL):
                if item.fate is Fate.GONE:
                    self._delete(item.path)
                elif item.fate is Fate.CHANGED:
                    self.send("PATCH", f"{item.path}?fieldManager={scenario.SOMEBODY}", item.change, MERGE_PATCH)

    def apply(self) -> None:
        """From state B to what `apply` promises, by plain server-side apply."""
        for body in scenario.MANIFESTS:
            path = _path_of(body) + f"?fieldManager={APPLIER}&force=true"
            self.send("PATCH", path, body, APPLY_PATCH)

    def objects(self) -> Dump:
        """Every object of every type."""
        self._seen = dump(self._get)
        return self._seen

    def leases(self) -> list[str]:
        """The Leases in the root namespace: the cluster's lock, if it is held."""
        found = self._get(f"/apis/coordination.k8s.io/v1/namespaces/{scenario.ROOT}/leases")
        return [str(item["metadata"]["name"]) for item in found["items"]]

    def expire_leases(self) -> None:
        """As if the term of each were over, for which a test need not wait."""
        for name in self.leases():
            path = f"/apis/coordination.k8s.io/v1/namespaces/{scenario.ROOT}/leases/{name}"
            self.send("PATCH", path, {"spec": {"renewTime": "2000-01-01T00:00:00.000000Z"}}, MERGE_PATCH)

    def version(self) -> str:
        """The newest resource version."""
        return str(self._get("/api/v1/namespaces?limit=1")["metadata"]["resourceVersion"])

    def restore(self, wanted: Dump) -> Dump:
        """Put back content and owners of everything that is not as wanted. Returns every object as it is then.

        What is wrong is told from the last look at the cluster; what counts is another look, when all is put back.
        """
        now = self._seen or self.objects()
        for _ in range(_ROUNDS):
            self._revert(wanted, compare(wanted, now))
            now = self.objects()
            left = compare(wanted, now)
            if left.counts[:3] == (0, 0, 0):
                return now
        raise AssertionError(f"the cluster could not be put back: {left}")

    def _revert(self, wanted: Dump, found: Comparison) -> None:
        if found.counts[:3] != (0, 0, 0):
            with self._unguarded(wanted[scenario.GUARD_NAME]):
                for name in reversed(found.added):
                    self._delete(_path_named(name))
                for name in (*found.removed, *found.changed):
                    self._put_back(name, wanted[name])
        for name in self.leases():
            self.send("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{scenario.ROOT}/leases/{name}")

    def send(self, method: str, path: str, body: Any = None, kind: str = JSON) -> Json:
        """One request, which must succeed."""
        status, answer = self._ask(method, path, body, kind)
        assert status < 300, f"{method} {path}: {status} {json.dumps(answer)[:500]}"
        return answer

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _unguarded(self, guard: Json) -> Iterator[None]:
        """Open the webhook that nobody serves, for writes of ours; then make it what it should be."""
        opened = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
        self.send("PATCH", scenario.GUARD.path, opened, JSON_PATCH)
        yield
        self._put_back(scenario.GUARD_NAME, guard)

    def _make(self, items: Iterable[Item], manager: str = scenario.INSTALLER) -> None:
        for item in items:
            path = scenario.collection_path(item.plural, item.namespace)
            self.send("POST", f"{path}?fieldManager={manager}", item.body)

    def _wait_served(self, item: Item) -> None:
        plural = item.body["spec"]["names"]["plural"]
        deadline = time.monotonic() + PATIENCE
        while self._ask("GET", scenario.collection_path(plural, ""))[0] != 200:
            assert time.monotonic() < deadline, f"{item.name} is not served"
            time.sleep(0.05)

    def _delete(self, path: str) -> None:
        """It may be gone. Namespaces come after what is in them, and nobody but us is there to let them go."""
        status, gone = self._ask("DELETE", path)
        assert status < 300 or status == 404, f"DELETE {path}: {gone}"
        if gone["kind"] == "Namespace":
            self.send("PUT", f"{path}/finalize", gone | {"spec": {"finalizers": []}})

    def _put_back(self, name: str, wanted: Json) -> None:
        """Again and again: definitions have controllers, which write their status."""
        deadline = time.monotonic() + PATIENCE
        while not self._is_put_back(name, wanted):
            assert time.monotonic() < deadline, f"{name} does not hold still"

    def _is_put_back(self, name: str, wanted: Json) -> bool:
        """Content, then owners. False when somebody else was faster."""
        body, path = deepcopy(wanted), _path_named(name)
        plural = name.partition(" ")[0].partition(".")[0]
        body.pop("status", None)
        owners = body["metadata"]["managedFields"]
        for field in _SERVER_OWNED:
            body["metadata"].pop(field, None)
        kinds = {item.plural: item.kind for item in scenario.ALL}
        body |= {"apiVersion": scenario.api_version(plural), "kind": kinds[plural]}
        status, existing = self._ask("GET", path)
        if status == 404:
            written = self.send("POST", path.rpartition("/")[0], body)
        else:
            body["metadata"]["resourceVersion"] = existing["metadata"]["resourceVersion"]
            status, written = self._ask("PUT", path, body)
            if status == 422:  # immutable
                self.send("DELETE", path)
            if status in (409, 422):
                return False
            assert status < 300, f"{name}: {written}"
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": written["metadata"]["resourceVersion"]},
            {"op": "replace", "path": "/metadata/managedFields", "value": owners},
        ]
        status, answer = self._ask("PATCH", path, patch, JSON_PATCH)
        assert status < 300 or status == 409, f"{name}: {answer}"
        return status < 300

    def _get(self, path: str) -> Any:
        """GET; what types there are is asked once, because the scenario never changes that."""
        if path in self._discovered:
            return self._discovered[path]
        answer = self.send("GET", path)
        if answer.get("kind") in ("APIResourceList", "APIGroupList"):
            self._discovered[path] = answer
        return answer

    def _ask(self, method: str, path: str, body: Any = None, kind: str = JSON) -> tuple[int, Json]:
        """One request, repeated while the server is not ready for it: after a definition or a webhook has changed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            status, answer = self._ask_once(method, path, body, kind)
            busy = status == 429 or "failed calling webhook" in str(answer.get("message"))
            if not busy or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.1)

    def _ask_once(self, method: str, path: str, body: Any, kind: str) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": JSON}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        text = response.read()
        is_json = response.headers.get_content_type() == JSON
        return response.status, orjson.loads(text) if is_json else {"message": text.decode()}


def _path_of(body: Json) -> str:
    plurals = {item.kind: item.plural for item in scenario.ALL}
    metadata = body["metadata"]
    return scenario.object_path(plurals[body["kind"]], metadata.get("namespace", ""), metadata["name"])


def _path_named(name: str) -> str:
    """The path of an object by its name in a dump, `plural.group namespace/name`."""
    resource, _, where = name.partition(" ")
    namespace, _, own = where.partition("/")
    return scenario.object_path(resource.partition(".")[0], namespace, own)
