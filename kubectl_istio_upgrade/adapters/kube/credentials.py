"""Who we are to the API server, as the `kubernetes` library's configuration and as request headers.

The library's loader does client certificates, basic auth, OIDC and the TLS settings. Done here and in `plugin` is what
it gets wrong: it logs a failed plugin (with its output) and goes on without credentials, drops a plugin's certificate
when there is a token too, reads a token file once and with its line end, and knows no impersonation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubernetes.client import Configuration
from kubernetes.config.kube_config import KubeConfigLoader

from ...errors import UnauthorizedError, UsageError
from ...models.objects import Body
from .kubeconfig import Selection
from .plugin import Plugin, TokenFile, TokenSource
from .transport import Access, Presented

_HEADER_SAFE = "!#$&'*+-.^_`|~"
"""What may stand in a header name unescaped, besides letters and digits; client-go's own set."""


@dataclass(frozen=True, slots=True)
class Impersonation:
    """`--as`, `--as-uid`, `--as-group`, or the same fields of a kubeconfig user."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def over(self, user: Body) -> Impersonation:
        """These options over what the kubeconfig's user says, each on its own. Raises UsageError without a user."""
        extra = user.get("as-user-extra") or {}
        merged = Impersonation(
            self.user or str(user.get("as") or ""),
            self.uid or str(user.get("as-uid") or ""),
            self.groups or tuple(map(str, user.get("as-groups") or ())),
            self.extra or {str(key): tuple(map(str, values)) for key, values in extra.items()},
        )
        if not merged.user and (merged.uid or merged.groups or merged.extra):
            raise UsageError("a group or UID cannot be impersonated without a user", hint="add --as USER")
        return merged

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The request headers; one line for each group. Raises UsageError for what none can hold."""
        pairs = [("Impersonate-User", self.user), ("Impersonate-Uid", self.uid)]
        pairs += [("Impersonate-Group", group) for group in self.groups]
        for key, values in self.extra.items():
            pairs += [(f"Impersonate-Extra-{quote(key.lower(), safe=_HEADER_SAFE)}", value) for value in values]
        for name, value in pairs:
            if value and not value.isprintable():
                raise UsageError(f"{value!r} cannot be impersonated: no {name} header can hold it")
        # http.client would encode as Latin-1; the API server, being Go, reads UTF-8.
        return tuple((name, value.encode("utf-8").decode("latin-1")) for name, value in pairs if value)


def log_in(selection: Selection, impersonation: Impersonation) -> tuple[Any, Access]:
    """A `kubernetes.client.Configuration` for the selection's cluster, and how its requests are authorised.

    Runs a credential plugin once, to fail early. Raises UsageError for a kubeconfig that cannot be meant, and
    UnauthorizedError for credentials that cannot be had.
    """
    headers = impersonation.over(selection.user).headers
    user = dict(selection.user)
    source = _token_source(user, selection)
    configuration = _load(selection, user)
    if source is not None:

        def present() -> Presented:
            return Presented(_sendable(_bearer(source.token()), selection), source.certificate())

        return configuration, Access(present, lambda refused: _renew(source, refused), headers)
    if "auth-provider" in user and not configuration.api_key and not configuration.cert_file:
        raise _unusable(selection, "the auth provider gave no token")
    return configuration, Access(lambda: Presented(_authorization(configuration, selection)), lambda _: False, headers)


def _token_source(user: Body, selection: Selection) -> TokenSource | None:
    """Take what the library does badly out of `user`. As in client-go, a token comes before a plugin."""
    plugin = user.pop("exec", None)
    if path := user.pop("tokenFile", None):
        user.pop("token", None)
        source = TokenFile(Path(path))
        source.token()
        return source
    if "token" in user:
        user["token"] = str(user["token"]).strip()
        return None
    if not plugin:
        return None
    run = Plugin(selection)
    if files := run.certificate():
        for name, path in (("client-certificate", files.certificate), ("client-key", files.key)):
            user.pop(f"{name}-data", None)
            user[name] = path
    return run


def _load(selection: Selection, user: Body) -> Any:
    name = "selected"
    document = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": _with_server(selection)}],
        "users": [{"name": name, "user": user}],
    }
    configuration = Configuration()
    try:
        loader = KubeConfigLoader(document, config_base_path="", config_persister=selection.save)
        loader.load_and_set(configuration)
    except Exception as exc:  # OIDC brings requests, oauthlib, json and base64 along, each with its own errors
        raise _unusable(selection, type(exc).__name__) from exc
    return configuration


def _with_server(selection: Selection) -> Body:
    """The cluster, its address with a scheme: like client-go, https where anything of TLS is configured."""
    server = str(selection.cluster.get("server") or "")
    if not server:
        raise UsageError(f'cluster "{selection.cluster_name}" has no server address in the kubeconfig')
    if "://" not in server:
        tls = ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify")
        server = f"{'https' if any(key in selection.cluster for key in tls) else 'http'}://{server}"
    return {**selection.cluster, "server": server}


def _authorization(configuration: Any, selection: Selection) -> str | None:
    try:
        value = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    except Exception as exc:  # as in `_load`: a refresh runs the same code
        raise _unusable(selection, type(exc).__name__) from exc
    return _sendable(str(value), selection) if value else None


def _sendable(value: str | None, selection: Selection) -> str | None:
    """The value of a header. Raises UnauthorizedError for what none can hold, such as a token with a line end in it."""
    if value and not (value.isascii() and value.isprintable()):
        raise _unusable(selection, "the token has characters in it that cannot be sent")
    return value


def _unusable(selection: Selection, why: str) -> UnauthorizedError:
    return UnauthorizedError(
        f'the credentials of user "{selection.user_name}" cannot be used: {why}',
        hint=f"log in again, then: kubectl --context {selection.context} auth whoami",
    )


def _bearer(token: str | None) -> str | None:
    return f"Bearer {token}" if token else None


def _renew(source: TokenSource, refused: Presented) -> bool:
    token = refused.authorization and refused.authorization.removeprefix("Bearer ")
    return source.renew(token, refused.certificate)
