"""From kubectl's connection options to a transport."""

from __future__ import annotations

import ipaddress
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from kubernetes.client import ApiClient

from ...errors import UsageError
from . import kubeconfig
from .credentials import Impersonation, log_in
from .failures import Site
from .kubeconfig import Kubeconfig, Selection
from .transport import Transport

POOL_SIZE = 24
"""Connections kept: more than ever are in use, because urllib3 logs a warning for each that it has to throw away."""


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """kubectl's options of these names, with kubectl's meaning; "" is not given."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""
    request_timeout: str = "0"
    """`30`, `1s`, `2m`, `1h30m`; `0` waits for as long as it takes."""

    @property
    def flags(self) -> tuple[str, ...]:
        """The options as given, for a command in a hint."""
        named = {
            "--kubeconfig": self.kubeconfig,
            "--context": self.context,
            "--cluster": self.cluster,
            "--user": self.user,
            "--as": self.as_user,
            "--as-uid": self.as_uid,
        }
        given = [f"{flag}={value}" for flag, value in named.items() if value]
        return (*given, *(f"--as-group={group}" for group in self.as_groups))


def connect(options: ConnectionOptions) -> Transport:
    """Resolve the kubeconfig and log in; no request is sent yet. The caller closes the transport.

    Raises UsageError (options, kubeconfig) and UnauthorizedError (credentials that cannot be had).
    """
    timeout = parse_timeout(options.request_timeout)
    _, selection = resolve(options)
    impersonation = Impersonation(options.as_user, options.as_uid, options.as_groups)
    configuration, access = log_in(selection, impersonation)
    configuration.connection_pool_maxsize = POOL_SIZE
    configuration.keep_alive = True
    _set_proxy(configuration, explicit="proxy-url" in selection.cluster)
    if not configuration.verify_ssl:
        # Said once in the kubeconfig by whoever wrote it; kubectl does not repeat it for each request either.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    site = Site(_without_user(configuration.host), selection.context, selection.namespace, options.flags)
    compress = not selection.cluster.get("disable-compression")
    return Transport(_client(configuration), site, access, timeout=timeout, compress=compress)


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_timeout(text: str) -> float | None:
    """Seconds of a `--request-timeout`, None for 0: no limit. Whole seconds or a Go duration; UsageError otherwise."""
    if re.fullmatch(r"\d+", text, re.ASCII):
        return float(text) or None
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UsageError(
            f"invalid --request-timeout {text!r}",
            hint="whole seconds, or a number with a unit: 30, 1s, 2m, 3h; 0 means no limit",
        )
    return sum(float(number) * _UNITS[unit] for number, unit in parts) or None


def is_loopback(url: str) -> bool:
    """True when the server's address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def resolve(options: ConnectionOptions) -> tuple[tuple[Path, ...], Selection]:
    """The kubeconfig's files and what is selected in them; no files within a pod that has its service account.

    Raises UsageError.
    """
    loaded = kubeconfig.load(options.kubeconfig)
    if loaded.files:
        return loaded.files, loaded.select(options.context, options.cluster, options.user)
    if not (options.context or options.cluster or options.user) and (selection := kubeconfig.in_cluster()):
        return (), selection
    raise _no_kubeconfig(loaded)


def _no_kubeconfig(loaded: Kubeconfig) -> UsageError:
    where = ", ".join(map(str, loaded.looked_at))
    return UsageError(f"no kubeconfig: {where} does not exist", hint="pass --kubeconfig FILE, or set KUBECONFIG")


def _set_proxy(configuration: Any, *, explicit: bool) -> None:
    """As client-go: NO_PROXY does not apply to `proxy-url`, and this machine is never reached through HTTPS_PROXY."""
    if explicit:
        configuration.no_proxy = ""
    elif is_loopback(configuration.host):
        configuration.proxy = None
    userinfo = urlsplit(configuration.proxy or "").netloc.rpartition("@")[0]
    if userinfo:  # urllib3 leaves these out, and the library too
        configuration.proxy_headers = urllib3.make_headers(proxy_basic_auth=unquote(userinfo))


def _client(configuration: Any) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # urllib3 warns of a missing PySocks before it fails
            return ApiClient(configuration)
    except ImportError as exc:
        raise UsageError("a SOCKS proxy needs the PySocks package", hint="pip install PySocks") from exc
    except (ValueError, AssertionError, urllib3.exceptions.HTTPError) as exc:
        raise UsageError(f"proxy {_without_user(configuration.proxy or '')} cannot be used") from exc


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
