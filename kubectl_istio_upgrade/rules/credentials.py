"""What a credential looks like outside of Secrets: withheld wherever it is found, like the values of a Secret.

The rows prefer silence to a false alarm. What they find wrongly is no loss: a rollback puts it back as it was, from the
live object where that has it, else from the sealed values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .matching import Types, types

NOT_SEARCHED = types("customresourcedefinitions.apiextensions.k8s.io", "secrets")
"""Definitions hold schemas and examples, no credentials; of Secrets everything is withheld anyway."""


@dataclass(frozen=True, slots=True)
class CredentialPattern:
    """One row: a credential within a text. Only the group `value` of the match is withheld."""

    what: str
    marks: tuple[str, ...]
    """Words of which every text that matches has at least one: they are looked for first, in the whole object."""
    pattern: str
    source: str
    followed_by: str = ""
    """What comes after a mark that many objects have, in JSON: at least all that `pattern` has there."""
    hints: tuple[str, ...] = ()
    """Rarer words of which every such text has one, too, where what follows a mark is long in the looking."""


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One row: a field that is one by its place, whatever its value looks like: a text, or a list of texts.

    A pair, such as `{name: X-API-Key, value: …}`, counts as the field that it names.
    """

    what: str
    types: Types
    names: str
    """A pattern for the whole name."""
    beneath: frozenset[str]
    """Fields of which one is above it, at any depth."""
    source: str
    hints: tuple[str, ...] = ()
    """Words of which each such name has one, where what it is beneath is frequent."""


PAIR_NAMES = ("name", "key")
"""The fields of a pair that name it; the other is `value`."""


_TOKEN = r"[A-Za-z0-9_-]"  # noqa: S105 - a class of characters
_QUOTES = r"""[\\"']*"""
"""Also those of JSON inside JSON, as in `last-applied-configuration`."""
_SPACE = r"(?:\s|\\+n)*"
_NEXT = r"(?:[\s,]|\\+[nr])+"
"""From one field of a YAML or JSON text to the next."""
_IS = rf"{_QUOTES} *: *(?:\\*[\"'])?"
_VALUE = (
    r"(?:[|>][+-]?(?:\s|\\+[nr])+)?(?P<value>(?![$%{<*,}]|(?:null|true|false)\b)[^\s\"'\\]+"
    r"(?:(?:(?:\r?\n|(?:\\+r)?\\+n)(?! *[\w.-]+:(?:[\s\\]|\Z)))?[ ]+(?![-#] |{)[^\s\"'\\]+)*)"
)
"""All words of a value. In YAML it goes on in lines that name no field and begin no item; templates have none."""

_HEADER = (
    r"(?:(?:[Pp]roxy-|PROXY-)?(?:[Aa]uthorization|AUTHORIZATION)|[A-Za-z0-9-]*(?:(?:[Aa]pi|API)(?:[Kk]ey|KEY)|[Tt]oken|TOKEN"
    r"|[Ss]ecret|SECRET|[Pp]assword|PASSWORD|[Cc]redential|CREDENTIAL)[A-Za-z0-9-]*|[A-Za-z0-9-]+-(?:[Kk]ey|KEY)"
    r"|[Xx]-[Hh]oneycomb-[Tt]eam|[Uu]ptrace-[Dd]sn)"
)
"""Headers that carry credentials, by their names: RFC 9110, and what collectors of traces and logs ask for."""
_HEADER_MARKS = (
    *("uthorization", "UTHORIZATION", "pikey", "piKEY", "piKey", "PIkey", "PIKey", "PIKEY", "oken", "TOKEN"),
    *("ecret", "SECRET", "assword", "PASSWORD", "redential", "CREDENTIAL", "-key", "-Key", "-KEY"),
    *("-team", "-Team", "-dsn", "-Dsn"),
)
_ACCESS_TOKEN_MARKS = ("ccessToken", "ccess_token")
_HEADER_NAME = rf"name{_IS}{_HEADER}(?![\w-])"

PATTERNS: tuple[CredentialPattern, ...] = (
    CredentialPattern(
        "a digest of this program's own, in the cluster by mistake",
        ("hmac-sha256:",),
        r"(?P<value>hmac-sha256:[0-9a-f]{64})",
        "snapshots/README.md: a digest in a body always stands for a value",
    ),
    CredentialPattern(
        "private key",
        ("PRIVATE KEY-----",),
        r"(?P<value>-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\Z))",
        "RFC 7468",
    ),
    CredentialPattern(
        "private key in base64",
        ("LS0tLS1CRUdJTi",),
        r"(?P<value>LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJVkFUR|BFQyBQUklWQVRF|BFTkNSWVBURUQg|BPUEVOU1NIIFBS)[A-Za-z0-9+/=]+)",
        "RFC 7468 in the base64 of kubeconfigs and of Envoy's inline_bytes",
    ),
    CredentialPattern(
        "private key of age",
        ("AGE-SECRET-KEY-",),
        r"(?P<value>AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{40,})",
        "https://age-encryption.org/v1",
    ),
    CredentialPattern(
        "JSON web token",
        (".eyJ",),
        rf"(?<!{_TOKEN})(?P<value>eyJ{_TOKEN}{{8,}}\.eyJ{_TOKEN}{{8,}}\.{_TOKEN}{{8,}})",
        "RFC 7519; signed ones, so with a third part",
    ),
    CredentialPattern(
        "bearer token",
        ("earer ", "EARER "),
        r"\b(?i:bearer) +(?P<value>(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{16,}=*)",
        "RFC 6750, with at least one digit: prose has none",
    ),
    CredentialPattern(
        "HTTP basic authentication",
        ("asic ", "ASIC "),
        r"(?:\A|[\\\"':=]\s*)(?i:basic) +(?P<value>(?=[a-z]*[A-Z0-9+/=])[A-Za-z0-9+/]{8,}={0,2})",
        "RFC 7617, as the value of a header; prose is in lower case",
    ),
    CredentialPattern(
        "password in a URL",
        ("://",),
        r"\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@\"'\\]*:(?P<value>(?![$%{<*])[^/\s@\"'\\]{3,})@",
        "RFC 3986, section 3.2.1; not placeholders",
        followed_by=r"[^/\s:@\"]*:[^/\s@\"]{3,}@",
    ),
    CredentialPattern(
        "AWS access key",
        ("AKIA", "ASIA"),
        r"(?<![A-Za-z0-9+/])(?P<value>(?:AKIA|ASIA)[0-9A-Z]{16})(?![A-Za-z0-9+/])",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    CredentialPattern(
        "AWS secret key",
        ("ecret_access_key", "ecretAccessKey", "ECRET_ACCESS_KEY"),
        rf"(?i:secret_?access_?key){_QUOTES}\s*[:=]\s*{_QUOTES}(?P<value>[A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+])",
        "the names of AWS's configuration files and APIs",
    ),
    CredentialPattern(
        "GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?P<value>gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
        "GitHub's token formats",
    ),
    CredentialPattern("GitLab token", ("glpat-",), rf"\b(?P<value>glpat-{_TOKEN}{{20,}})", "GitLab's token prefixes"),
    CredentialPattern(
        "Slack token", ("xox",), r"\b(?P<value>xox[abeprs]-[A-Za-z0-9-]{10,})", "https://api.slack.com/authentication"
    ),
    CredentialPattern(
        "Slack webhook",
        ("hooks.slack.com/services/",),
        r"hooks\.slack\.com/services/(?P<value>[A-Z0-9]+/[A-Z0-9]+/[A-Za-z0-9]{10,})",
        "https://api.slack.com/messaging/webhooks: whoever knows it may post",
    ),
    CredentialPattern(
        "Google key or token",
        ("AIza", "ya29."),
        rf"\b(?P<value>AIza{_TOKEN}{{35}}|ya29\.{_TOKEN}{{20,}})",
        "Google's API keys and OAuth tokens",
    ),
    CredentialPattern(
        "key of a kubeconfig",
        ("client-key-data",),
        rf"client-key-data{_QUOTES}\s*:\s*{_QUOTES}(?P<value>[A-Za-z0-9+/=]{{16,}})",
        "client-go clientcmd/api/v1",
    ),
    CredentialPattern(
        "token of a kubeconfig",
        ("token:", "token\\"),
        rf"(?<![A-Za-z])user{_QUOTES}\s*:{_SPACE}{{?{_SPACE}{_QUOTES}token{_QUOTES}\s*:\s*{_QUOTES}(?P<value>[^\s\"'\\]{{8,}})",
        "client-go clientcmd/api/v1",
    ),
    CredentialPattern(
        "password of a container registry",
        ("auths\\",),  # a JSON text, as it stands in JSON
        rf"(?<![A-Za-z]){_QUOTES}auth{_QUOTES}\s*:\s*{_QUOTES}(?P<value>[A-Za-z0-9+/]{{8,}}={{0,2}})",
        "kubernetes.io/dockerconfigjson",
    ),
    CredentialPattern(
        "access token of a tracing provider",
        _ACCESS_TOKEN_MARKS,
        rf"(?<![A-Za-z])[Aa]ccess(?:T|_t)oken{_IS}{_VALUE}",
        "mesh/v1alpha1 of Istio's API: lightstep and skywalking, in MeshConfig and in ProxyConfig",
    ),
    CredentialPattern(
        "header of a provider",
        ("name",),
        rf"{_HEADER_NAME}{_QUOTES}{_NEXT}{_QUOTES}value{_IS}{_VALUE}",
        "mesh/v1alpha1 of Istio's API: HttpHeader, of opentelemetry, zipkin and envoyOtelAls",
        followed_by=_HEADER_NAME.removeprefix("name"),
        hints=_HEADER_MARKS,
    ),
    CredentialPattern(
        "header of a provider, its value first",
        ("name",),
        rf"(?<![A-Za-z])value{_IS}{_VALUE}{_QUOTES}{_NEXT}{_QUOTES}{_HEADER_NAME}",
        "the same: fields have no order",
        followed_by=_HEADER_NAME.removeprefix("name"),
        hints=_HEADER_MARKS,
    ),
)

_MESH_CONFIGURATION = ("istiooperators.install.istio.io", "*.sailoperator.io", "operations.kubectl-istio-upgrade")
"""What has the mesh's settings as fields, not as a text; the last is the record of an operation."""

FIELDS: tuple[CredentialField, ...] = (
    CredentialField(
        "secret within an Envoy configuration",
        types("envoyfilters.networking.istio.io"),
        "inline_(?:string|bytes)|inline(?:String|Bytes)",
        frozenset(
            (
                *("generic_secret", "genericSecret", "token_secret", "tokenSecret", "hmac_secret", "hmacSecret"),
                *("client_secret", "clientSecret", "private_key", "privateKey", "pkcs12", "password", "credential"),
                *("session_ticket_keys", "sessionTicketKeys", "auth_password", "authPassword"),
                *("downstream_auth_password", "downstreamAuthPassword"),
            )
        ),
        "Envoy's config.core.v3.DataSource in transport_sockets.tls.v3 and in the filters that take secrets",
    ),
    CredentialField(
        "access token of a tracing provider",
        types(*_MESH_CONFIGURATION),
        "access(?:Token|_token)",
        frozenset(("lightstep", "skywalking")),
        "mesh/v1alpha1 of Istio's API, in MeshConfig and in ProxyConfig",
        _ACCESS_TOKEN_MARKS,
    ),
    CredentialField(
        "header that carries a credential",
        types(
            *_MESH_CONFIGURATION,
            "virtualservices.networking.istio.io",
            "envoyfilters.networking.istio.io",
            "*.gateway.networking.k8s.io",
        ),
        _HEADER,
        frozenset(
            (
                *("headers", "initialMetadata", "initial_metadata", "requestHeaderModifier", "responseHeaderModifier"),
                *("request_headers_to_add", "requestHeadersToAdd", "response_headers_to_add", "responseHeadersToAdd"),
            )
        ),
        "HttpHeader of MeshConfig, Headers of VirtualService, HTTPHeaderFilter of Gateway API, Envoy's HeaderValue",
        _HEADER_MARKS,
    ),
    CredentialField(
        "credential in the configuration of a plugin",
        types("wasmplugins.extensions.istio.io"),
        "(?i:[a-z0-9_-]*(?:credentials?|passw(?:or)?d|secret|token|api[_-]?key|private[_-]?key)s?)",
        frozenset(("pluginConfig",)),
        "https://istio.io/latest/docs/tasks/extensibility/wasm-module-distribution: `credentials` of basic_auth",
    ),
)

SEARCH = re.compile("|".join(row.pattern.replace("?P<value>", f"?P<row{n}>") for n, row in enumerate(PATTERNS)))
"""All rows in one pass: what one has found is not searched by the next."""
