"""The scenario on a real API server: made, looked at and put back, without any help of the product."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import orjson

from tests.controlplane.access import Access
from tests.mesh.comparison import Comparison, Dump, compare, dump

from . import items, mesh
from .items import Fate, Item, Json, Scenario
from .scenarios import ITEMS, KINDS, MOMENT, RESTARTED_AT

PATIENCE = 30.0
_DEFINITIONS = "customresourcedefinitions"
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
        self._make(item for item in ITEMS if item.fate is not Fate.ADDED)
        for item in ITEMS:
            if item.tended:
                self.send("PATCH", f"{item.path}?fieldManager={items.TENDER}", mesh.TENDED, MERGE_PATCH)
            if item.status:
                path = f"{item.path}/status?fieldManager=controller"
                self.send("PATCH", path, {"status": item.status}, MERGE_PATCH)
        self._discovered.clear()

    def drift(self, scenario: Scenario) -> None:
        """From state A to state B, as somebody else would."""
        with self._unguarded(self._get(mesh.GUARD.path)):
            self._make((item for item in scenario.items if item.fate is Fate.ADDED), items.SOMEBODY)
            for item in reversed(scenario.items):
                if item.fate is Fate.GONE:
                    self._delete(item.path)
                elif item.fate is Fate.CHANGED:
                    self.send("PATCH", f"{item.path}?fieldManager={items.SOMEBODY}", item.change, MERGE_PATCH)

    def go_on(self, scenario: Scenario) -> None:
        """From state B to what the scenario's own operation promises, without it."""
        for body in scenario.manifests:
            path = _path_of(body)
            self.send("PATCH", f"{path}?fieldManager={APPLIER}&force=true", body, APPLY_PATCH)
            self._wait_served(path)
        template = {"metadata": {"annotations": {RESTARTED_AT: MOMENT}}}
        for item in scenario.restarted:
            self.send("PATCH", f"{item.path}?fieldManager={APPLIER}", {"spec": {"template": template}}, MERGE_PATCH)

    def objects(self) -> Dump:
        """Every object of every type."""
        self._wait_settled()
        self._seen = dump(self._get)
        return self._seen

    def leases(self) -> list[str]:
        """The Leases in the root namespace: the cluster's lock, if it is held."""
        found = self._get(f"/apis/coordination.k8s.io/v1/namespaces/{items.ROOT}/leases")
        return [str(item["metadata"]["name"]) for item in found["items"]]

    def expire_leases(self) -> None:
        """As if the term of each were over, for which a test need not wait."""
        for name in self.leases():
            path = f"/apis/coordination.k8s.io/v1/namespaces/{items.ROOT}/leases/{name}"
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
            with self._unguarded(wanted[mesh.GUARD_NAME]):
                for name in reversed(found.added):
                    self._delete(_path_named(name))
                for name in sorted((*found.removed, *found.changed), key=_comes_later):
                    self._put_back(name, wanted[name])
        for name in self.leases():
            self.send("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{items.ROOT}/leases/{name}")

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
        self.send("PATCH", mesh.GUARD.path, opened, JSON_PATCH)
        yield
        self._put_back(mesh.GUARD_NAME, guard)

    def _make(self, wanted: Iterable[Item], manager: str = items.INSTALLER) -> None:
        for item in wanted:
            path, body = items.collection_path(item.plural, item.namespace), item.body
            if item.owner:
                body["metadata"]["ownerReferences"] = [self._reference(item.owner)]
            self.send("POST", f"{path}?fieldManager={manager}", body)
            self._wait_served(item.path)

    def _reference(self, path: str) -> Json:
        owner = self.send("GET", path)
        known = {name: owner[name] for name in ("apiVersion", "kind")}
        return {**known, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], "controller": True}

    def _wait_served(self, path: str) -> None:
        """Where that is a definition, until objects of it can be made."""
        if path.startswith(items.API[_DEFINITIONS]):
            names = self.send("GET", path)["spec"]["names"]
            listed = items.collection_path(names["plural"], "")
            _wait(lambda: self._ask("GET", listed)[0] == 200, f"{path} is not served")

    def _wait_settled(self) -> None:
        """Until the types that are told are those that are defined: what is gone is told for a moment."""
        _wait(lambda: self._told() == self._defined(), "types come and go")

    def _told(self) -> set[str]:
        found = self.send("GET", f"/apis/{items.GROUP}/v1")["resources"]
        return {each["name"] for each in found if "/" not in each["name"]}

    def _defined(self) -> set[str]:
        found = self.send("GET", items.collection_path(_DEFINITIONS, ""))["items"]
        return {each["spec"]["names"]["plural"] for each in found}

    def _delete(self, path: str) -> None:
        """It may be gone. Namespaces come after what is in them, and nobody but us is there to let them go."""
        status, gone = self._ask("DELETE", path)
        assert status < 300 or status == 404, f"DELETE {path}: {gone}"
        if gone["kind"] == "Namespace":
            self.send("PUT", f"{path}/finalize", gone | {"spec": {"finalizers": []}})
        _wait(lambda: self._ask("GET", path)[0] == 404, f"{path} does not go")

    def _put_back(self, name: str, wanted: Json) -> None:
        """Again and again: definitions have controllers, which write their status."""
        _wait(lambda: self._is_put_back(name, wanted), f"{name} does not hold still", pause=0)
        self._wait_served(_path_named(name))

    def _is_put_back(self, name: str, wanted: Json) -> bool:
        """Content, then owners. False when somebody else was faster."""
        body, path = deepcopy(wanted), _path_named(name)
        plural = name.partition(" ")[0].partition(".")[0]
        body.pop("status", None)
        owners = body["metadata"]["managedFields"]
        for field in _SERVER_OWNED:
            body["metadata"].pop(field, None)
        body |= {"apiVersion": items.api_version(plural), "kind": KINDS[plural]}
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
        """GET; what types there are is asked once, but for those that scenarios define."""
        if path in self._discovered:
            return self._discovered[path]
        answer = self.send("GET", path)
        if answer.get("kind") in ("APIResourceList", "APIGroupList") and items.GROUP not in path:
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


def _wait(done: Callable[[], bool], complaint: str, pause: float = 0.05) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, complaint
        time.sleep(pause)


def _comes_later(name: str) -> bool:
    """Whether it, by its name in a dump, needs namespaces and definitions to be there."""
    return not name.startswith(("namespaces ", _DEFINITIONS))


def _path_of(body: Json) -> str:
    plurals = {kind: plural for plural, kind in KINDS.items()}
    metadata = body["metadata"]
    return items.object_path(plurals[body["kind"]], metadata.get("namespace", ""), metadata["name"])


def _path_named(name: str) -> str:
    """The path of an object by its name in a dump, `plural.group namespace/name`."""
    resource, _, where = name.partition(" ")
    namespace, _, own = where.partition("/")
    return items.object_path(resource.partition(".")[0], namespace, own)
