"""Raw JSON over the pool of the kubernetes library's ApiClient: its TLS, proxies and credentials; our retries, errors.

The library's own call path is left out on purpose: it parses with `json`, builds typed models, and turns a failure into
one exception with the server's whole answer in it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import orjson
import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from ... import __version__
from ...errors import ClusterError
from .failures import LARGEST_REQUEST, Site, broke_off, too_large, translate, unreachable
from .request import TEXT, Answer, Request
from .retry import RetryPolicy, Trouble, parse_retry_after, trouble_of

USER_AGENT = f"kubectl-istio_upgrade/{__version__}"
CONNECT_TIMEOUT = 30.0
"""Seconds to a TCP connection; kubectl's own figure. An answer may take as long as `--request-timeout` says."""

_CHUNK = 1 << 18


class ClientCertificate(NamedTuple):
    """Two files, as TLS takes them. Another certificate has other names."""

    certificate: str
    key: str


class Presented(NamedTuple):
    """What a request comes with."""

    authorization: str | None = None
    certificate: ClientCertificate | None = None
    """None where the configuration has one for good, or none."""


class Access(NamedTuple):
    """How requests get in: computed by `connection`, used for every one."""

    present: Callable[[], Presented]
    """What to come with at this moment; renews what has expired. Raises UnauthorizedError."""
    renew: Callable[[Presented], bool]
    """Told what was refused; True when the next may be another."""
    impersonation: tuple[tuple[str, str], ...] = ()
    """`Impersonate-…` headers; a group each its own line."""


ANONYMOUS = Access(Presented, lambda _: False)


class Transport:
    """A connection to one API server as one user. Safe for threads; each call uses a pooled connection of its own.

    Raises only errors of the tree. Nothing is sent twice but what `retry` allows, and once more after a 401 where
    there may be another credential (the server has not acted on a request that it did not authenticate).
    """

    def __init__(
        self,
        client: Any,
        site: Site,
        access: Access = ANONYMOUS,
        *,
        timeout: float | None = None,
        compress: bool = True,
        policy: RetryPolicy | None = None,
    ) -> None:
        """Take over a `kubernetes.client.ApiClient`.

        `timeout` is for one request from its start to its last byte. `compress` asks for gzip, which the API server
        does above 128 KiB. Even to a server on this machine it showed no cost (2,000 config maps, 2.6 MB to 0.1 MB:
        0.09 s either way), so there is no exception for one, which may be a tunnel's end anyway.
        """
        self.site = site
        self._client = client
        self._pool: urllib3.PoolManager = client.rest_client.pool_manager
        self._base = str(client.configuration.host).rstrip("/")
        self._access = access
        self._timeout = timeout
        self._encoding = "gzip" if compress else "identity"
        self._policy = policy or RetryPolicy()
        self._auth_lock = threading.Lock()

    def send(self, request: Request, *, cancelled: threading.Event | None = None) -> Answer:
        """Send, wait and retry as the policy says, and parse. `cancelled` ends the waiting, not a running exchange."""
        if request.body is not None and len(request.body) > LARGEST_REQUEST:
            raise too_large(request)
        event = cancelled or threading.Event()
        retries, waited, renewed = 0, 0.0, False
        while True:
            try:
                return self._attempt(request)
            except _FailedError as failed:
                if failed.refused and not renewed and self._renew(failed.refused):
                    renewed = True
                    continue
                delay = self._policy.delay(
                    failed.trouble, reads=request.reads, retries=retries, waited=waited, retry_after=failed.retry_after
                )
                if delay is None or event.wait(delay):
                    raise failed.error from failed.__cause__
                retries, waited = retries + 1, waited + delay

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def _attempt(self, request: Request) -> Answer:
        presented = self._present()
        headers = self._headers(request, presented.authorization)
        try:
            response, payload = self._exchange(request, headers)
        except HTTPError as exc:
            trouble = Trouble.BROKEN if isinstance(exc, ProtocolError) else Trouble.FINAL
            raise _FailedError(unreachable(exc, self.site), trouble) from exc
        if not 200 <= response.status < 300:
            after = parse_retry_after(response.headers.get("Retry-After"), time.time())
            error = translate(request, response.status, payload, self.site)
            refused = presented if response.status == 401 else None
            raise _FailedError(error, trouble_of(response.status, after), after, refused)
        if request.accept == TEXT:
            return Answer({}, text=payload.decode("utf-8", "replace"))
        try:
            body = orjson.loads(payload)
        except orjson.JSONDecodeError as exc:
            raise _FailedError(broke_off(self.site), Trouble.BROKEN) from exc
        if not isinstance(body, dict):
            raise _FailedError(broke_off(self.site), Trouble.FINAL)
        return Answer(body, parse_warnings(response.headers.getlist("Warning")))

    def _exchange(self, request: Request, headers: urllib3.HTTPHeaderDict) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        connect = CONNECT_TIMEOUT if self._timeout is None else min(CONNECT_TIMEOUT, self._timeout)
        response = self._pool.request(
            request.method,
            self._base + request.target,
            body=request.body,
            headers=headers,
            timeout=urllib3.Timeout(connect=connect, read=self._timeout, total=self._timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        return response, _read(response, deadline)

    def _present(self) -> Presented:
        """What to come with. As in client-go, connections of another certificate are closed once nobody is on them."""
        with self._auth_lock:
            presented = self._access.present()
            files, kept = presented.certificate, self._pool.connection_pool_kw
            if files and (kept["cert_file"], kept["key_file"]) != files:
                kept.update(cert_file=files.certificate, key_file=files.key)
                self._pool.clear()
            return presented

    def _headers(self, request: Request, authorization: str | None) -> urllib3.HTTPHeaderDict:
        headers = urllib3.HTTPHeaderDict(
            {"Accept": request.accept, "Accept-Encoding": self._encoding, "User-Agent": USER_AGENT}
        )
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if authorization:
            headers["Authorization"] = authorization
        for name, value in self._access.impersonation:
            headers.add(name, value)
        return headers

    def _renew(self, refused: Presented) -> bool:
        with self._auth_lock:
            return self._access.renew(refused)


class _FailedError(Exception):
    """One try that failed: the error that the caller would get, and what the retry policy needs to know."""

    def __init__(
        self, error: ClusterError, trouble: Trouble, retry_after: float | None = None, refused: Presented | None = None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.trouble = trouble
        self.retry_after = retry_after
        self.refused = refused


def _read(response: urllib3.BaseHTTPResponse, deadline: float | None) -> bytes:
    """The whole body, by the deadline. A socket timeout alone would let a trickle of bytes go on for ever."""
    chunks = []
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        if deadline is not None and time.monotonic() > deadline:
            response.close()
            raise ReadTimeoutError(None, response.url, "the answer did not end in time")  # type: ignore[arg-type]
    return b"".join(chunks)


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def parse_warnings(headers: Iterable[str]) -> tuple[str, ...]:
    """The texts of `Warning: 299 - "text"` headers; a date may follow, and is left out."""
    found = (_QUOTED.search(header) for header in headers)
    return tuple(re.sub(r"\\(.)", r"\1", match[1]) for match in found if match)
