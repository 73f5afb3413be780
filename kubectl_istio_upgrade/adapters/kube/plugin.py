"""Bearer tokens that change while we run: from a file that is rotated, and from an exec credential plugin."""

from __future__ import annotations

import base64
import re
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from kubernetes.config.config_exception import ConfigException
from kubernetes.config.exec_provider import ExecProvider
from kubernetes.config.kube_config import ConfigNode

from ...errors import UnauthorizedError
from ...models.objects import Body
from .kubeconfig import Selection

TOKEN_FILE_PERIOD = 60.0
"""Seconds until a token file is read again; service account tokens rotate. client-go's own figure."""

EXPIRY_SKEW = 10.0
"""Seconds before its expiry at which a plugin's token counts as expired."""


class TokenSource(Protocol):
    """Where the token comes from. Not safe for threads: the transport asks under a lock."""

    def token(self) -> str | None:
        """The token of this moment, or None where the client certificate does it. Raises UnauthorizedError."""

    def renew(self, refused: str) -> bool:
        """Told that the server refused a token; True when the next one may be another."""


class TokenFile:
    """A token in a file. While the file cannot be read, the last token that was read stays in use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""
        self._read_at = float("-inf")

    def token(self) -> str:
        """See `TokenSource`."""
        if time.monotonic() - self._read_at >= TOKEN_FILE_PERIOD:
            self._read_at = time.monotonic()
            try:
                self._token = self._path.read_text("utf-8").strip() or self._token
            except (OSError, UnicodeDecodeError) as exc:
                if not self._token:
                    raise UnauthorizedError(f"token file {self._path} cannot be read") from exc
            if not self._token:
                raise UnauthorizedError(f"token file {self._path} is empty")
        return self._token

    def renew(self, refused: str) -> bool:
        """See `TokenSource`. The file may have been rotated since it was read."""
        self._read_at = float("-inf")
        return self.token() != refused


class Credential(NamedTuple):
    """What a plugin answered."""

    token: str | None
    certificate: str | None
    key: str | None
    expires: float
    """Unix time; infinity when the plugin named none."""


class Plugin:
    """An exec credential plugin. Its output is never shown: it may hold a token, and so may its complaints."""

    def __init__(self, selection: Selection) -> None:
        self._exec: Body = selection.user["exec"]
        self._command = str(self._exec.get("command") or "")
        self._cluster = _cluster_info(selection.cluster)
        self._hint = f"see what it says: kubectl --context {selection.context} get --raw /version"
        self._credential: Credential | None = None

    def credential(self) -> Credential:
        """The current credential; runs the plugin when there is none or it is about to expire."""
        current = self._credential
        if current is None or time.time() >= current.expires - EXPIRY_SKEW:
            current = self._credential = self._run()
        return current

    def token(self) -> str | None:
        """See `TokenSource`."""
        return self.credential().token

    def renew(self, refused: str) -> bool:
        """See `TokenSource`. Of many threads that were refused the same token, the first one runs the plugin."""
        if self._credential is not None and self._credential.token == refused:
            self._credential = None
        return True

    def _run(self) -> Credential:
        try:
            provider = ExecProvider(ConfigNode("exec", self._exec), None, ConfigNode("cluster", dict(self._cluster)))
            return _parse(provider.run())
        except FileNotFoundError as exc:
            hint = str(self._exec.get("installHint") or "install it, or correct `command` in the kubeconfig").strip()
            raise UnauthorizedError(f"credential plugin {self._command!r} is not installed", hint=hint) from exc
        except OSError as exc:
            why = (exc.strerror or "error").lower()
            raise UnauthorizedError(f"credential plugin {self._command!r} cannot be run: {why}") from exc
        except ConfigException as exc:
            exited = re.match(r"exec: process returned (-?\d+)", str(exc))
            why = f"failed with exit code {exited[1]}" if exited else "gave no valid ExecCredential"
            raise UnauthorizedError(f"credential plugin {self._command!r} {why}", hint=self._hint) from None
        except (TypeError, ValueError, AttributeError, KeyError):
            why = "gave no valid ExecCredential"
            raise UnauthorizedError(f"credential plugin {self._command!r} {why}", hint=self._hint) from None


def _parse(status: Body) -> Credential:
    expiry = status.get("expirationTimestamp")
    token, certificate, key = (status.get(k) or None for k in ("token", "clientCertificateData", "clientKeyData"))
    if not token and not (certificate and key):
        raise ValueError
    expires = datetime.fromisoformat(expiry).timestamp() if expiry else float("inf")
    return Credential(token.strip() if token else None, certificate, key, expires)


def _cluster_info(cluster: Body) -> Body:
    """What `provideClusterInfo` hands to the plugin: the CA as data, never as a path."""
    passed = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    info = {key: cluster[key] for key in (*passed, "extensions") if key in cluster}
    if path := cluster.get("certificate-authority"):
        info["certificate-authority-data"] = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return info
