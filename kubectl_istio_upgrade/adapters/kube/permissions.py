"""Asking the API server what we may do: SelfSubjectAccessReview, which any authorizer answers and nothing stores."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable

import orjson

from ...models.permissions import Permission
from .parallel import as_they_arrive
from .request import JSON, Request, group_path
from .transport import Transport

EVERYTHING = Permission("*", "*", "*")
"""Who may this may all: an administrator costs one request."""

_GROUP = "authorization.k8s.io"
_PLURAL = "selfsubjectaccessreviews"


def missing(transport: Transport, wanted: Collection[Permission], workers: int) -> tuple[Permission, ...]:
    """Those that are denied, sorted. Raises ClusterError when the server does not answer the question.

    What is wanted in several namespaces is asked for the whole cluster first: mostly that settles it.
    """
    if not wanted or _allows(transport, EVERYTHING):
        return ()
    widened = Counter(permission._replace(namespace="") for permission in wanted)
    widely = _allowed(transport, (wide for wide, count in widened.items() if count > 1), workers)
    left = [permission for permission in wanted if permission._replace(namespace="") not in widely]
    return tuple(sorted(set(left) - _allowed(transport, left, workers)))


def _allowed(transport: Transport, asked: Iterable[Permission], workers: int) -> set[Permission]:
    answers = as_they_arrive(lambda permission: _allows(transport, permission), asked, workers, threading.Event())
    return {permission for permission, allowed in answers if allowed}


def _allows(transport: Transport, permission: Permission) -> bool:
    attributes = {
        "verb": permission.verb,
        "group": permission.group,
        "resource": permission.plural,
        "namespace": permission.namespace,
        "name": permission.name,
    }
    body = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {name: value for name, value in attributes.items() if value}},
    }
    path = f"{group_path(_GROUP, 'v1')}/{_PLURAL}"
    request = Request("POST", path, "create", f"{_PLURAL}.{_GROUP}", body=orjson.dumps(body), content_type=JSON)
    return (transport.send(request).body.get("status") or {}).get("allowed") is True
