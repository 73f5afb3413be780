"""Secret values leave the captured object here, before anything else sees it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from ..models.objects import Body, MeshObject
from ..ports import Digester
from ..rules.scope import SECRET

DIGEST_PREFIX = "hmac-sha256:"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def without_values(obj: MeshObject, digester: Digester) -> MeshObject:
    """A Secret with every value replaced by its keyed digest; any other object unchanged.

    The annotation that `kubectl apply` leaves on a Secret repeats its values, so it is digested as a whole.
    """
    if obj.key.resource != SECRET:
        return obj
    body: Body = dict(obj.body)
    where = f"{obj.key.namespace}/{obj.key.name}"
    for field in ("data", "stringData"):
        if body.get(field):
            body[field] = {
                name: _digested(digester, f"{where}:{name}", _plain(value, encoded=field == "data"))
                for name, value in body[field].items()
            }
    annotations = obj.annotations
    if _LAST_APPLIED in annotations:
        digest = _digested(digester, f"{where}@{_LAST_APPLIED}", annotations[_LAST_APPLIED].encode())
        body["metadata"] = {**body["metadata"], "annotations": {**annotations, _LAST_APPLIED: digest}}
    return replace(obj, body=body)


def has_withheld_values(body: Body) -> bool:
    """True for a Secret whose values are digests: it can be compared, not restored."""
    values = (body.get("data") or {}).values()
    return body.get("kind") == "Secret" and any(str(value).startswith(DIGEST_PREFIX) for value in values)


def _digested(digester: Digester, context: str, value: bytes) -> str:
    return digester.digest(context, value)


def _plain(value: str, *, encoded: bool) -> bytes:
    if not encoded:
        return value.encode()
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return value.encode()
