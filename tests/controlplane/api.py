"""The smallest client of the API server that the test bed itself needs."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any


class ApiError(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status, because only 404 means absent."""
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """Requests with one user's token; a new connection for each, so that it may be used from several threads."""

    def __init__(self, port: int, token: str, authority: Path) -> None:
        """The authority's file need not exist before the first request."""
        self._port = port
        self._token = token
        self._authority = authority

    def request(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """Send one request; JSON in, JSON out."""
        context = ssl.create_default_context(cafile=str(self._authority))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=30, context=context)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.status >= 300:
            raise ApiError(response.status, text[:500])
        is_json = response.headers.get_content_type() == "application/json"
        return json.loads(text) if is_json else text

    def get(self, path: str) -> Any | None:
        """What is there, or None where nothing is."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return bool(self.request("GET", "/readyz") == "ok")
        except (OSError, http.client.HTTPException, ApiError):
            return False
