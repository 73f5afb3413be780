"""One call of the API server as a value: what goes over the wire, and the words that describe it to a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from ...models.objects import Body, Key, ResourceType

JSON = "application/json"
TEXT = "text/plain, */*"
"""Of an answer that is no object, such as a log."""

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A method, a path and a body, with the RBAC words (verb, resource, namespace) that a refusal is explained in."""

    method: str
    path: str
    verb: str
    resource: str = ""
    """`virtualservices.networking.istio.io`; "" for a path that is no resource, such as /version."""
    namespace: str = ""
    name: str = ""
    query: Query = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = ""
    accept: str = JSON

    @property
    def reads(self) -> bool:
        """True when sending it twice is the same as sending it once."""
        return self.method == "GET"

    @property
    def target(self) -> str:
        """Path and query, as they go over the wire."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def subject(self) -> str:
        """What it is about: `secrets istio-system/cacerts`, `configmaps in namespace istio-system`, `/version`."""
        if not self.resource:
            return self.path
        if self.name:
            return f"{self.resource} {self.namespace}/{self.name}" if self.namespace else f"{self.resource} {self.name}"
        return f"{self.resource} in namespace {self.namespace}" if self.namespace else self.resource

    @property
    def confidential(self) -> bool:
        """True when the server's answer may quote a value that nobody should see: the object is a Secret."""
        return self.resource == "secrets"


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: the parsed body, and the API server's warnings, in its order."""

    body: Body = field(repr=False)
    warnings: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    """What was answered to a request for `TEXT`; the body is empty then."""


def group_path(group: str, version: str) -> str:
    """`/api/v1` for the core group, `/apis/GROUP/VERSION` for the others."""
    return f"/apis/{_escape(group)}/{_escape(version)}" if group else f"/api/{_escape(version)}"


def collection_path(type_: ResourceType, namespace: str | None) -> str:
    """All objects of a type: in one namespace, or (None or "") wherever they are."""
    within = f"/namespaces/{_escape(namespace)}" if namespace and type_.namespaced else ""
    return f"{group_path(type_.group, type_.version)}{within}/{_escape(type_.plural)}"


def object_path(type_: ResourceType, key: Key) -> str:
    """One object. The name is escaped: a ClusterRole may be called `system:x`."""
    return f"{collection_path(type_, key.namespace)}/{_escape(key.name)}"


def get_path(path: str, query: Iterable[tuple[str, str]] = (), *, accept: str = JSON) -> Request:
    """A GET of a path that is no object: discovery, /version."""
    return Request("GET", path, "get", query=tuple(query), accept=accept)


def _escape(segment: str) -> str:
    return quote(segment, safe="")
