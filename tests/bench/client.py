"""Many requests to the API server at once, over connections that are kept: how the mesh is made and changed."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.controlplane import Access, TestbedError

WORKERS = 8
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

Request = tuple[str, str, Any]
"""Method, path and body."""


def send_all(plane: Access, requests: Iterable[Request], content_type: str = "application/json") -> None:
    """Send every request. Raises TestbedError at the first one that the server does not accept."""
    todo = list(requests)
    shares = [todo[start::WORKERS] for start in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda share: _send(plane, share, content_type), shares):
            pass


def _send(plane: Access, requests: Sequence[Request], content_type: str) -> None:
    context = ssl.create_default_context(cafile=str(plane.authority))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection("127.0.0.1", plane.state.port, timeout=60, context=context)
    headers = {"Authorization": f"Bearer {plane.state.tokens['admin']}", "Content-Type": content_type}
    try:
        for method, path, body in requests:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            if response.status >= 300:
                raise TestbedError(f"{method} {path}: {response.status} {text[:500]!r}")
    finally:
        connection.close()
