"""Credentials that change while we run: a token in a file that is rotated, and what an exec credential plugin gives."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

import orjson

from ...errors import UnauthorizedError, UsageError
from ...models.objects import Body
from .kubeconfig import Selection
from .transport import ClientCertificate

TOKEN_FILE_PERIOD = 60.0
"""Seconds until a token file is read again; service account tokens rotate. client-go's own figure."""

EXPIRY_SKEW = 10.0
"""Seconds before its expiry at which a plugin's token counts as expired."""

_AT_TERMINAL = {"Never": False, "IfAvailable": True, "Always": True}
"""`interactiveMode`: whether the plugin may read what is typed."""

_CONFIG = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is meant for its users' plugins."""


class TokenSource(Protocol):
    """Where the token comes from, and the client certificate. Not safe for threads: the transport asks under a lock."""

    def token(self) -> str | None:
        """The token of this moment, or None where the client certificate does it. Raises UnauthorizedError."""

    def certificate(self) -> ClientCertificate | None:
        """The certificate that goes with the last token, or None where it does not change."""

    def renew(self, token: str | None, certificate: ClientCertificate | None) -> bool:
        """Told that the server refused these; True when the next may be others."""


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

    def certificate(self) -> None:
        """See `TokenSource`."""

    def renew(self, token: str | None, _certificate: ClientCertificate | None) -> bool:
        """See `TokenSource`. The file may have been rotated since it was read."""
        self._read_at = float("-inf")
        return self.token() != token


class Credential(NamedTuple):
    """What a plugin answered."""

    token: str | None
    certificate: str | None
    key: str | None
    expires: float
    """Unix time; infinity when the plugin named none."""


class CertificateFiles:
    """A plugin's certificates and keys as files, for us alone to read. They go when this process ends."""

    def __init__(self) -> None:
        self.last: ClientCertificate | None = None
        self._content = ("", "")
        self._folder = ""
        self._count = 0

    def of(self, certificate: str, key: str) -> ClientCertificate:
        """Written once. Older ones stay: a connection may be about to be opened with them."""
        if self.last is None or self._content != (certificate, key):
            if not self._folder:
                self._folder = tempfile.mkdtemp()
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            self._content, self._count = (certificate, key), self._count + 1
            files = [Path(self._folder, f"{self._count}.{kind}") for kind in ("crt", "key")]
            for path, text in zip(files, self._content, strict=True):
                path.touch(mode=0o600)
                path.write_text(text, "utf-8")
            self.last = ClientCertificate(*map(str, files))
        return self.last


class Plugin:
    """An exec credential plugin, run as client-go does it (plugin/pkg/client/auth/exec).

    What it answers is never shown, for that holds the token. What it says besides, on stderr, goes where ours does: so
    a login asks for a visit to a page. It may read what is typed where our own standard input is a terminal.
    """

    def __init__(self, selection: Selection) -> None:
        self._exec: Body = selection.user["exec"]
        for key in ("command", "apiVersion"):
            if not self._exec.get(key):
                raise UsageError(f'the credential plugin of user "{selection.user_name}" has no {key}')
        self._command = str(self._exec["command"])
        # client-go wants a mode where the version is v1; here, as in the versions before, a prompt may come
        self._mode = str(self._exec.get("interactiveMode") or "IfAvailable")
        if self._mode not in _AT_TERMINAL:
            raise UsageError(f'interactiveMode {self._mode!r} of user "{selection.user_name}" means nothing')
        self._cluster = _cluster_info(selection.cluster) if self._exec.get("provideClusterInfo") else None
        self._hint = f"see whether kubectl gets on with it: kubectl --context {selection.context} get --raw /version"
        self._credential: Credential | None = None
        self._files = CertificateFiles()

    def credential(self) -> Credential:
        """The current credential; runs the plugin when there is none or it is about to expire."""
        current = self._credential
        if current is None or time.time() >= current.expires - EXPIRY_SKEW:
            current = self._credential = self._run()
        return current

    def token(self) -> str | None:
        """See `TokenSource`."""
        return self.credential().token

    def certificate(self) -> ClientCertificate | None:
        """See `TokenSource`."""
        credential = self._credential or self.credential()
        if credential.certificate and credential.key:
            return self._files.of(credential.certificate, credential.key)
        return None

    def renew(self, token: str | None, certificate: ClientCertificate | None) -> bool:
        """See `TokenSource`. Of many threads that were refused the same, the first one runs the plugin."""
        current = self._credential
        if current is not None and (current.token, self._files.last) == (token, certificate):
            self._credential = None
        return True

    def _run(self) -> Credential:
        interactive = self._interactive()
        command = shutil.which(self._command) or self._command  # Windows would find nothing but .exe by itself
        try:
            done = subprocess.run(  # noqa: S603 - a list, no shell; the kubeconfig's owner names it
                [command, *map(str, self._exec.get("args") or ())],
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env=self._environment(interactive),
                check=False,
            )
        except FileNotFoundError as exc:
            hint = str(self._exec.get("installHint") or "install it, or correct `command` in the kubeconfig").strip()
            self._fail("is not installed", hint, exc)
        except OSError as exc:
            self._fail(f"cannot be run: {(exc.strerror or 'error').lower()}", None, exc)
        if done.returncode:
            self._fail(f"failed with exit code {done.returncode}", self._hint)
        try:
            return _parse(_status(done.stdout, str(self._exec["apiVersion"])))
        except (TypeError, ValueError, AttributeError, KeyError):
            self._fail("gave no valid ExecCredential", self._hint)

    def _interactive(self) -> bool:
        terminal = os.isatty(0)
        if self._mode == "Always" and not terminal:
            hint = "log in at a terminal, or with a credential that asks nothing"
            self._fail("wants to ask at a terminal, and standard input is none", hint)
        return terminal and _AT_TERMINAL[self._mode]

    def _environment(self, interactive: bool) -> dict[str, str]:
        spec = {"interactive": interactive} | ({} if self._cluster is None else {"cluster": self._cluster})
        info = {"apiVersion": self._exec["apiVersion"], "kind": "ExecCredential", "spec": spec}
        own = {str(item["name"]): str(item["value"]) for item in self._exec.get("env") or ()}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": orjson.dumps(info).decode()}

    def _fail(self, why: str, hint: str | None, cause: OSError | None = None) -> NoReturn:
        raise UnauthorizedError(f"credential plugin {self._command!r} {why}", hint=hint) from cause


def _status(output: bytes, api_version: str) -> Body:
    answer: Body = orjson.loads(output)
    if (answer["kind"], answer["apiVersion"]) != ("ExecCredential", api_version):
        raise ValueError
    status: Body = answer["status"]
    return status


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
    info = {key: cluster[key] for key in passed if key in cluster}
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == _CONFIG:
            info["config"] = extension.get("extension")
    if path := cluster.get("certificate-authority"):
        info["certificate-authority-data"] = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return info
