"""From what HTTP says to the error tree, in one place. Messages name the object first and never quote a Secret."""

from __future__ import annotations

import re
import shlex
import socket
from dataclasses import dataclass
from typing import NamedTuple

import orjson
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from ...errors import (
    ApiError,
    ClusterError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
)
from ...models.objects import Body
from ...rules.permissions import BIND, BINDINGS, ESCALATE, RBAC_GROUP, bound_plural
from .request import Request

MAX_MESSAGE = 2000
"""Characters of a server's message that a person still reads; a rejected CRD can bring thousands."""


LARGEST_REQUEST = 3 << 20
"""Bytes that the API server reads of a request (k8s.io/apiserver, `MaxRequestBodyBytes`; no flag changes it)."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where we are connected, as messages and hints need it."""

    server: str
    context: str
    namespace: str = "default"
    """The context's default namespace."""
    flags: tuple[str, ...] = ()
    """The connection flags that the user gave, so that a hint's command asks the same server as the same user."""

    def kubectl(self, *words: str) -> str:
        """A kubectl command for a hint, ready to be pasted."""
        return shlex.join(("kubectl", *words, *self.flags))


_ESCALATES = "is attempting to grant RBAC permissions not currently held"
"""Kubernetes' words for who would put back a role or a binding that grants more than they hold."""

_ESCALATING_HINT = "`kubectl istio-upgrade rbac` prints roles that grant escalate and bind"


class Status(NamedTuple):
    """The `Status` object of a failed call, as far as it is used."""

    reason: str
    message: str
    details: Body
    genuine: bool
    """False when the body is no Status: a proxy's page, or an old server's plain text."""

    @property
    def causes(self) -> list[Body]:
        """Field by field what was wrong."""
        return [cause for cause in self.details.get("causes") or [] if isinstance(cause, dict)]


def translate(request: Request, status: int, payload: bytes, site: Site) -> ClusterError:
    """The error for an answer that is not 2xx. 404 is NotFoundError only when it is an API server that says so."""
    parsed = parse_status(payload)
    if status == 401:
        return _unauthorized(site)
    if status == 403 and (denied := _denied(request, parsed)):
        return _forbidden(denied, parsed, request, site)
    text = f"{request.subject}: {_text(request, status, parsed)}"
    if status == 403 and _ESCALATES in parsed.message:
        return InvalidError(_escalating(request, text), status=status, reason=parsed.reason, hint=_ESCALATING_HINT)
    if status == 404:
        kind = NotFoundError if parsed.genuine or _unserved(payload) else ApiError
        return kind(text, status=status, reason=parsed.reason)
    if status == 409:
        return ConflictError(text, status=status, reason=parsed.reason)
    if status == 410:
        hint = "the API server no longer has that resource version; start over"
        return ExpiredError(text, status=status, reason=parsed.reason, hint=hint)
    if status in (400, 403, 413, 422):
        return InvalidError(text, status=status, reason=parsed.reason)
    return ApiError(text, status=status, reason=parsed.reason, hint=_server_hint(status, site))


def too_large(request: Request) -> InvalidError:
    """The error for a request of which the API server would not read the end: it breaks the connection off."""
    size = len(request.body or b"") / 2**20
    text = f"{request.subject}: {size:.1f} MiB, and the API server takes {LARGEST_REQUEST >> 20} at most"
    return InvalidError(text, status=413, reason="RequestEntityTooLarge")


def parse_status(payload: bytes) -> Status:
    """Read a Status; anything else becomes an empty one, because unknown text may hold anything."""
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or body.get("kind") != "Status":
        return Status("", "", {}, genuine=False)
    details = body.get("details")
    return Status(
        str(body.get("reason") or ""),
        str(body.get("message") or ""),
        details if isinstance(details, dict) else {},
        genuine=True,
    )


class _Denied(NamedTuple):
    verb: str
    resource: str
    where: str
    flags: tuple[str, ...]


_RBAC = re.compile(
    r'cannot (?P<verb>\S+) (?:resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"|path "(?P<path>[^"]+)")'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


def _denied(request: Request, status: Status) -> _Denied | None:
    """Which permission is missing, or None when a 403 is the refusal of an admission webhook, policy or quota.

    The server's own words come first: what is missing may be `impersonate`, or `get` on something else.
    """
    if said := _RBAC.search(status.message):
        resource = said["path"] or (f"{said['resource']}.{said['group']}" if said["group"] else said["resource"])
        return _denied_words(said["verb"], resource, said["namespace"] or "", namespaced=not said["path"])
    if request.reads or not status.genuine:
        return _denied_words(request.verb, request.resource or request.path, request.namespace, bool(request.resource))
    return None


def _denied_words(verb: str, resource: str, namespace: str, namespaced: bool) -> _Denied:
    if resource == "namespaces" and namespace:  # which the server counts as being in itself
        return _Denied(verb, f"{resource}/{namespace}", "", ())
    if namespace:
        return _Denied(verb, resource, f" in namespace {namespace}", ("-n", namespace))
    return _Denied(verb, resource, " in the whole cluster" if namespaced else "", ("-A",) if namespaced else ())


def _forbidden(denied: _Denied, status: Status, request: Request, site: Site) -> ForbiddenError:
    who = re.search(r'User "([^"]+)"', status.message)
    subject = f"user {who[1]!r} may not" if who else "these credentials may not"
    about = f" (for {request.subject})" if request.name and denied.resource == request.resource else ""
    hint = site.kubectl("auth", "can-i", denied.verb, denied.resource, *denied.flags)
    return ForbiddenError(f"{subject} {denied.verb} {denied.resource}{denied.where}{about}", hint=hint)


def _escalating(request: Request, text: str) -> str:
    """The verb that would do instead of everything that the role grants, before the long list of that."""
    if request.resource in BINDINGS:
        binding = orjson.loads(request.body or b"{}")
        verb = f"{BIND} {bound_plural(binding if isinstance(binding, dict) else {})}.{RBAC_GROUP}"
    else:
        verb = f"{ESCALATE} {request.resource}"
    return f"you may not {verb}, and do not hold all that it grants; {text}"[:MAX_MESSAGE]


def _unauthorized(site: Site) -> UnauthorizedError:
    return UnauthorizedError(
        f"{site.server} does not accept the credentials of context {site.context!r} (401)",
        hint=f"log in again, then: {site.kubectl('auth', 'whoami')}",
    )


def _text(request: Request, code: int, status: Status) -> str:
    """What the server said, cut to a readable length. Of a Secret only field names and reasons are repeated."""
    if not status.genuine:
        return f"the server answered {code} without saying why"
    if not request.confidential:
        return status.message[:MAX_MESSAGE] or f"{code} {status.reason}".rstrip()
    causes = "; ".join(f"{cause.get('field', '?')}: {cause.get('reason', '?')}" for cause in status.causes)
    fields = f": {causes}" if causes else ""
    return f"{code} {status.reason}{fields} (the server's message is withheld: it may quote the secret)"[:MAX_MESSAGE]


def _unserved(payload: bytes) -> bool:
    """What kube-apiserver says, in plain text, of a group that it does not serve at all."""
    return payload.strip() == b"404 page not found"


def _server_hint(status: int, site: Site) -> str | None:
    if status == 429:
        return "the API server is busy; try again later"
    return f"ask the server how it is: {site.kubectl('get', '--raw', '/readyz?verbose')}" if status >= 500 else None


_UNREACHABLE: tuple[tuple[type[HTTPError], str, str], ...] = (
    (NameResolutionError, "its host name does not resolve", "check the server's address in the kubeconfig"),
    (NewConnectionError, "cannot connect", "is the cluster running, and is this the right context?"),
    (ConnectTimeoutError, "no connection in time", "is a VPN or a firewall in the way?"),
    (ReadTimeoutError, "no answer in time", "raise --request-timeout, or leave it out to wait"),
    (SSLError, "TLS failed", "check certificate-authority, tls-server-name and the client certificate"),
    (ProxyError, "the proxy does not connect", "check proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY"),
    (ProtocolError, "the connection or the answer broke off", "try again"),
    (LocationValueError, "that is no valid address", "check the server's address in the kubeconfig"),
)
"""First match wins; a subclass comes before its base."""


def unreachable(exc: HTTPError, site: Site) -> UnreachableError:
    """The error for a request that got no answer, or only part of one."""
    for kind, words, hint in _UNREACHABLE:
        if isinstance(exc, kind):
            detail = _system_words(exc)
            return UnreachableError(f"{site.server}: {words}{f' ({detail})' if detail else ''}", hint=hint)
    return UnreachableError(f"{site.server}: {type(exc).__name__}", hint=site.kubectl("cluster-info"))


def broke_off(site: Site) -> UnreachableError:
    """The error for a success whose body is not the JSON it should be."""
    return UnreachableError(
        f"{site.server}: the answer broke off, or is not from an API server (no valid JSON)",
        hint="try again; if it stays, check the server's address in the kubeconfig and any proxy on the way",
    )


def _system_words(exc: BaseException) -> str:
    """The operating system's or OpenSSL's own words for it, found at the root of the chain."""
    seen: BaseException | None = exc
    while seen is not None:
        verify = getattr(seen, "verify_message", "")
        if verify:
            return str(verify)
        if isinstance(seen, OSError) and seen.strerror and not isinstance(seen, socket.gaierror):
            return seen.strerror.lower()
        inner = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        seen = seen.__cause__ or inner or seen.__context__
    return ""
