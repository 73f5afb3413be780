"""Secret values leave the captured object here, before anything else sees it."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace

from ..models.objects import Body, MeshObject
from ..ports import Digester
from ..rules.scope import SECRET

DIGEST_PREFIX = "hmac-sha256:"

HARMLESS_ANNOTATIONS = (
    "istio.io/",
    "networking.istio.io/",
    "topology.istio.io/",
    "meta.helm.sh/",
    "helm.sh/",
    "cert-manager.io/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
)
"""Prefixes of annotations whose values are stored as they are. Others may repeat the Secret's values, as those of
`kubectl apply` and of kapp (`kapp.k14s.io/original`) do, so they are digested as a whole."""

_KNOWN_FIELDS = frozenset(("apiVersion", "kind", "metadata", "type", "immutable", "data"))
"""Fields of a Secret that are handled one by one. Any other is a slip of the pen, such as `stringdata`, and may hold a
value."""


def without_values(obj: MeshObject, digester: Digester) -> MeshObject:
    """A Secret with every value replaced by its keyed digest; any other object unchanged.

    `stringData` of a manifest becomes `data`, as it would on the server.
    """
    if obj.key.resource != SECRET:
        return obj
    where = f"{obj.key.namespace}/{obj.key.name}"
    body: Body = {
        name: value if name in _KNOWN_FIELDS else digester.digest(f"{where}#{name}", _bytes(value))
        for name, value in obj.body.items()
        if name != "stringData"
    }
    values = {name: _decoded(value) for name, value in (obj.body.get("data") or {}).items()}
    values |= {name: _bytes(value) for name, value in (obj.body.get("stringData") or {}).items()}
    if values:
        body["data"] = {name: digester.digest(f"{where}:{name}", value) for name, value in sorted(values.items())}
    if obj.annotations:
        annotations = {
            name: value if name.startswith(HARMLESS_ANNOTATIONS) else digester.digest(f"{where}@{name}", _bytes(value))
            for name, value in obj.annotations.items()
        }
        body["metadata"] = {**body["metadata"], "annotations": annotations}
    return replace(obj, body=body)


def has_withheld_values(body: Body) -> bool:
    """True for a Secret whose values are digests: it can be compared, not restored."""
    values = (value for field in ("data", "stringData") for value in (body.get(field) or {}).values())
    return body.get("kind") == "Secret" and any(is_withheld(value) for value in values)


def is_withheld(value: object) -> bool:
    """True for a digest that stands for a value."""
    return str(value).startswith(DIGEST_PREFIX)


def _bytes(value: object) -> bytes:
    """The value as bytes; anything but a text is a mistake that the API server will name."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _decoded(value: object) -> bytes:
    plain = _bytes(value)
    try:
        return base64.b64decode(plain, validate=True)
    except binascii.Error:
        return plain
