"""Reading: the port `ClusterReader` on a transport. There is nothing in here that could change a cluster."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence

from ...errors import ApiError, NotFoundError
from ...models.objects import Body, Key, ResourceType
from ...models.permissions import Permission
from ...models.snapshots import ClusterIdentity
from ...ports import ListQuery
from . import discovery, permissions
from .parallel import as_they_arrive
from .request import TEXT, Query, Request, collection_path, get_path, object_path
from .transport import Transport

PARALLEL_LISTS = 8
"""Lists at a time. 10,000 objects of 58 types, from a server on the same two busy cores, medians of 15: one at a time
takes 0.59 s, 4 take 0.47 s, 8 take 0.39 s, 16 take 0.44 s."""

STALE_ATTEMPTS = 3
"""How often a list is asked for before an answer of another moment is an error."""

VERSIONLESS = frozenset({"componentstatuses"})
"""Types that the API server makes up when it is asked: their lists have no resource version."""

_PODS = ResourceType("", "v1", "Pod", "pods", namespaced=True)
_NAMESPACES = ResourceType("", "v1", "Namespace", "namespaces", namespaced=False)


class KubeReader:
    """Implements `ClusterReader`. Safe for threads, as its transport is."""

    def __init__(self, transport: Transport, *, parallel: int = PARALLEL_LISTS) -> None:
        self._transport = transport
        self._parallel = parallel
        self._unpinned: frozenset[str] | None = None

    def identity(self) -> ClusterIdentity:
        """See `ClusterReader`."""
        namespace = self._transport.send(_get(_NAMESPACES, Key("", "namespaces", "", "kube-system"))).body
        version = self._transport.send(get_path("/version")).body
        uid = str(namespace["metadata"]["uid"])
        return ClusterIdentity(uid, self._transport.site.context, str(version.get("gitVersion", "")))

    def discover(self, without: Collection[str] = ()) -> tuple[ResourceType, ...]:
        """See `ClusterReader`. Groups that only measure are done without unasked."""
        return discovery.discover(self._transport).complete(without)

    def serves(self, group: str, version: str, plural: str) -> bool:
        """See `ClusterReader`."""
        return discovery.serves(self._transport, group, version, plural)

    def unpinned_groups(self) -> frozenset[str]:
        """See `ClusterReader`. Asked once; a reader lives as long as a command."""
        if self._unpinned is None:
            self._unpinned = discovery.unpinned_groups(self._transport)
        return self._unpinned

    def current_version(self) -> str:
        """See `ClusterReader`. A list without a resource version is a quorum read, and its version the newest."""
        body = self._transport.send(_list(ListQuery(_NAMESPACES), (("limit", "1"),))).body
        return _version_of(body)

    def list_all(self, queries: Sequence[ListQuery], resource_version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        """See `ClusterReader`.

        The first failure, or the end of the iteration, cancels the rest and ends what is waiting to retry.
        """
        unpinned = self.unpinned_groups() if resource_version else frozenset()
        cancelled = threading.Event()

        def fetch(query: ListQuery) -> list[Body]:
            versionless = query.type.group in unpinned or query.type.resource in VERSIONLESS
            return self._list(query, "" if versionless else resource_version, cancelled)

        return as_they_arrive(fetch, queries, self._parallel, cancelled)

    def get(self, type_: ResourceType, key: Key) -> Body | None:
        """See `ClusterReader`."""
        try:
            return self._transport.send(_get(type_, key)).body
        except NotFoundError:
            return None

    def log(self, pod: Key, container: str, *, lines: int, previous: bool = False) -> str:
        """See `ClusterReader`."""
        path = f"{object_path(_PODS, pod)}/log"
        query = (("container", container), ("tailLines", str(lines)), ("previous", "true" if previous else "false"))
        request = Request("GET", path, "get", "pods/log", pod.namespace, pod.name, query=query, accept=TEXT)
        return self._transport.send(request).text

    def missing(self, wanted: Collection[Permission]) -> tuple[Permission, ...]:
        """See `ClusterReader`."""
        return permissions.missing(self._transport, wanted, self._parallel)

    def _list(self, query: ListQuery, resource_version: str, cancelled: threading.Event) -> list[Body]:
        """One type, whole: no `limit`, because a page after the first cannot be served from the watch cache.

        A server that pages unasked is followed. Raises ApiError for an answer that is no list of that moment.
        """
        narrowed: Query = (("labelSelector", query.label_selector),) if query.label_selector else ()
        at: Query = (("resourceVersion", resource_version), ("resourceVersionMatch", "Exact"))
        request = _list(query, narrowed + at if resource_version else narrowed)
        items: list[Body] = []
        while True:
            body = self._page(request, resource_version, cancelled)
            items += _complete(body["items"] or (), query.type)
            if not (token := (body.get("metadata") or {}).get("continue")):
                return items
            request = _list(query, (*narrowed, ("continue", str(token))))

    def _page(self, request: Request, version: str, cancelled: threading.Event) -> Body:
        """One page, of exactly the version asked for: between us and the server may be a cache with an older one."""
        for _ in range(STALE_ATTEMPTS):
            body = self._transport.send(request, cancelled=cancelled).body
            if "items" not in body:
                raise ApiError(f"{request.subject}: the API server's answer is not a list", status=200)
            if not version or (found := _version_of(body)) == version:
                return body
        message = f"{request.subject}: listed at resource version {found}, not at {version} as asked"
        raise ApiError(message, status=200, hint="is there a proxy in front of the API server that keeps answers?")


def _complete(items: Sequence[Body], type_: ResourceType) -> Sequence[Body]:
    """Items of built-in types come without `apiVersion` and `kind`; give every item those of its type."""
    for item in items:
        item["apiVersion"] = type_.api_version
        item["kind"] = type_.kind
    return items


def _list(query: ListQuery, parameters: Query) -> Request:
    path = collection_path(query.type, query.namespace)
    return Request("GET", path, "list", query.type.resource, query.namespace or "", query=parameters)


def _get(type_: ResourceType, key: Key) -> Request:
    return Request("GET", object_path(type_, key), "get", type_.resource, key.namespace, key.name)


def _version_of(body: Body) -> str:
    version = str((body.get("metadata") or {}).get("resourceVersion") or "")
    if not version:
        raise ApiError("the API server answered a list without a resource version", status=200)
    return version
