"""One request of a probe, over HTTP or by a command. The answer is "" or, in a few words, why it is a failure."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from urllib.parse import SplitResult

from ...errors import ToolError, ToolTimeoutError
from ...models.probes import Pace, Probe, ProbeKind
from ...normalise.credentials import masked
from ..tools.process import Program
from .targets import argv, split

Ask = Callable[[], str]

_CHUNK = 65536
_ENOUGH = 1 << 20
"""Bytes of an answer after which nobody reads on: it is one."""

_LONGEST = 200
_HEADERS = {"User-Agent": "kubectl-istio-upgrade-probe", "Accept": "*/*", "Connection": "close"}


def asking(probe: Probe, pace: Pace) -> Ask:
    """How to ask once. Raises UsageError for a target that cannot be asked."""
    return _over_http(probe, pace) if probe.kind is ProbeKind.URL else _by_command(probe, pace)


def _over_http(probe: Probe, pace: Pace) -> Ask:
    """Without keep-alive, redirects, proxies or retries: nothing that would hide what a new user meets.

    Certificates are verified against the system's authorities, or those that $SSL_CERT_FILE names.
    """
    parts = split(probe.target)
    tls = ssl.create_default_context() if parts.scheme == "https" else None

    def ask() -> str:
        deadline = time.monotonic() + pace.timeout
        connection = _connection(parts, tls, pace.timeout)
        try:
            return _exchange(connection, parts, deadline, pace)
        except TimeoutError:
            return f"timed out after {pace.timeout:g} s"
        except ssl.SSLCertVerificationError as error:
            return f"certificate not accepted: {error.verify_message}"
        except OSError as error:
            return (error.strerror or str(error) or type(error).__name__).lower()
        except http.client.HTTPException as error:
            return f"no proper answer: {str(error) or type(error).__name__}"[:_LONGEST]
        finally:
            connection.close()

    return ask


def _connection(parts: SplitResult, tls: ssl.SSLContext | None, timeout: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if tls:
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=tls)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout)


def _exchange(connection: http.client.HTTPConnection, parts: SplitResult, deadline: float, pace: Pace) -> str:
    connection.connect()
    _patience(connection, deadline)
    connection.request("GET", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", headers=_HEADERS)
    response = connection.getresponse()
    expected, received = response.length, 0
    while received < _ENOUGH:
        _patience(connection, deadline)
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        received += len(chunk)
    if expected is not None and received < min(expected, _ENOUGH):
        return f"answer cut off after {received} of {expected} bytes"
    return "" if any(response.status in each for each in pace.statuses) else f"status {response.status}"


def _patience(connection: http.client.HTTPConnection, deadline: float) -> None:
    """Sockets know only how long to wait for the next bytes; a request has one deadline for all of them."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if connection.sock is not None:
        connection.sock.settimeout(left)


def _by_command(probe: Probe, pace: Pace) -> Ask:
    """What it prints is not kept but for its last line, without what looks like a credential."""
    path, arguments = argv(probe.target)
    program = Program(path, {})

    def ask() -> str:
        try:
            ran = program.run(*arguments, timeout=pace.timeout)
        except ToolTimeoutError:
            return f"timed out after {pace.timeout:g} s"
        except ToolError as error:
            return error.message
        words = f": {masked(ran.last_words)}" if ran.last_words else ""
        return f"exit status {ran.code}{words}"[:_LONGEST] if ran.code else ""

    return ask
