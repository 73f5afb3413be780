"""Secret values leave an object here, before anything else sees it; and come back just before it is sent."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ..canonical import haystack
from ..models.objects import Body, Json, MeshObject
from ..models.secrets import NO_VALUES, Values
from ..ports import Digester
from ..rules.scope import SECRET
from .credentials import may_hold_credentials, without_credentials
from .encoding import from_base64

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

_digest = re.compile(DIGEST_PREFIX + "[0-9a-f]{64}")


def without_values(obj: MeshObject, digester: Digester) -> MeshObject:
    """The object with every secret value replaced by its keyed digest, and the values beside it, in `withheld`.

    Of a Secret these are all values; `stringData` of a manifest becomes `data`, as it would on the server. Of other
    objects they are what looks like a credential (`rules.credentials`); most have none and are returned as they are.
    """
    return _withheld(obj, digester, as_written=False)


def as_written(obj: MeshObject, digester: Digester) -> MeshObject:
    """The same, with `stringData` left where it is: what `revealed` turns into exactly what the user wrote."""
    return _withheld(obj, digester, as_written=True)


def _withheld(obj: MeshObject, digester: Digester, *, as_written: bool) -> MeshObject:
    if obj.key.resource != SECRET and not may_hold_credentials(obj):
        return obj
    return _Withholder(digester).withhold(obj, as_written=as_written)


@dataclass
class _Withholder:
    """Withholds the values of one object."""

    digester: Digester
    _values: dict[str, Json] = field(default_factory=dict)

    def withhold(self, obj: MeshObject, *, as_written: bool) -> MeshObject:
        if obj.key.resource == SECRET:
            body = self._secret(obj, as_written=as_written)
        else:
            body = without_credentials(obj, lambda at, value: self._hide(f"{obj.key}#{at}", value.encode(), value))
        if not self._values and obj.key.resource != SECRET:
            return obj
        return replace(obj, body=body, withheld=Values(self._values))

    def _secret(self, obj: MeshObject, *, as_written: bool) -> Body:
        where = f"{obj.key.namespace}/{obj.key.name}"
        body: Body = {
            name: value if name in _KNOWN_FIELDS else self._hide(f"{where}#{name}", _bytes(value), value)
            for name, value in obj.body.items()
            if name != "stringData"
        }
        data = {
            name: self._hide(f"{where}:{name}", _decoded(value), value)
            for name, value in (obj.body.get("data") or {}).items()
        }
        for name, value in (obj.body.get("stringData") or {}).items():
            if as_written:  # a context of its own: `data` may have the same value under the same name, in base64
                text = body.setdefault("stringData", {})
                text[name] = self._hide(f"{where}!{name}", _bytes(value), value)
            else:
                plain = _bytes(value)
                data[name] = self._hide(f"{where}:{name}", plain, base64.b64encode(plain).decode())
        if data:
            body["data"] = dict(sorted(data.items()))
        if obj.annotations:
            annotations = {
                name: value
                if name.startswith(HARMLESS_ANNOTATIONS)
                else self._hide(f"{where}@{name}", _bytes(value), value)
                for name, value in obj.annotations.items()
            }
            body["metadata"] = {**body["metadata"], "annotations": annotations}
        return body

    def _hide(self, context: str, plain: bytes, value: Json) -> str:
        digest = self.digester.digest(context, plain)
        self._values[digest] = value
        return digest


def pooled(objects: Iterable[MeshObject | None]) -> Values:
    """The values of many objects as one."""
    pool: dict[str, Json] = {}
    for obj in objects:
        pool.update(obj.withheld.items() if obj else ())
    return Values(pool)


@dataclass(frozen=True)
class Redaction:
    """Both directions for whoever talks to a cluster: nothing comes in with values, nothing goes out with digests."""

    digester: Digester | None = None
    """None leaves what comes in as it is: for clusters that are known to hold no secrets."""
    values: Values = field(default=NO_VALUES, repr=False)

    def withheld(self, obj: MeshObject) -> MeshObject:
        """The object as every other part of the program may see it."""
        return without_values(obj, self.digester) if self.digester else obj

    def revealed(self, body: Body) -> Body:
        """The body as it is sent; digests whose values are not known are still in it."""
        return revealed(body, self.values)


def revealed(body: Body, values: Values) -> Body:
    """A body with the known values in the place of their digests."""
    return _revealed(body, values) if values and has_withheld_values(body) else body


def _revealed(node: Json, values: Values) -> Json:
    if isinstance(node, dict):
        return {name: _revealed(item, values) for name, item in node.items()}
    if isinstance(node, list):
        return [_revealed(item, values) for item in node]
    if not isinstance(node, str) or DIGEST_PREFIX not in node:
        return node
    if _digest.fullmatch(node):
        return values.get(node, node)
    return _digest.sub(lambda match: str(values.get(match[0], match[0])), node)


def is_digest(value: Json) -> bool:
    """Whether this is nothing but a digest."""
    return isinstance(value, str) and _digest.fullmatch(value) is not None


def digests_in(body: Body) -> frozenset[str]:
    """Every digest in a body: all that would have to be known to write it."""
    return frozenset(_digests(body)) if has_withheld_values(body) else frozenset()


def _digests(node: Json) -> Iterator[str]:
    if isinstance(node, str):
        yield from _digest.findall(node)
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _digests(item)


def has_withheld_values(body: Body) -> bool:
    """True for a body with digests in the place of values: it can be compared, and written only when they are known."""
    return DIGEST_PREFIX.encode() in haystack(body)


def without_digests(value: Json) -> Json:
    """A value with all digests alike: for comparing what was digested with different keys."""
    if isinstance(value, dict):
        return {name: without_digests(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_digests(item) for item in value]
    return _digest.sub(DIGEST_PREFIX, value) if isinstance(value, str) else value


def _bytes(value: object) -> bytes:
    """The value as bytes; anything but a text is a mistake that the API server will name."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _decoded(value: object) -> bytes:
    if not isinstance(value, str):
        return _bytes(value)
    try:
        return from_base64(value)
    except ValueError:
        return value.encode()
