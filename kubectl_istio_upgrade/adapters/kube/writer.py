"""Writing: the port `ClusterWriter` on a transport. The only module of the program that changes a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from ...errors import IstioUpgradeError
from ...models.objects import Body, Key, ResourceType
from .request import JSON, Query, Request, collection_path, object_path
from .transport import Transport

FIELD_MANAGER = "kubectl-istio-upgrade"

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Its body is YAML, and JSON is YAML."""


class KubeWriter:
    """Implements `ClusterWriter`. Made by commands that write, and by no others.

    `on_warning` gets each text that the API server attaches to a write (deprecations, admission policies). Safe for
    threads when `on_warning` is.
    """

    def __init__(self, transport: Transport, on_warning: Callable[[str], None] | None = None) -> None:
        self._transport = transport
        self._on_warning = on_warning

    def create(self, type_: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        """See `ClusterWriter`."""
        path = collection_path(type_, key.namespace)
        return self._write(replace(_request("POST", "create", type_, key, body), path=path), dry_run, manager=manager)

    def replace(self, type_: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        """See `ClusterWriter`. Refuses a body without a resource version: it would overwrite whatever is there."""
        if not (body.get("metadata") or {}).get("resourceVersion"):
            raise IstioUpgradeError(f"{key}: a replacement without a resource version is never sent")
        return self._write(_request("PUT", "update", type_, key, body), dry_run, manager=manager)

    def server_side_apply(
        self, type_: ResourceType, key: Key, body: Body, *, force: bool, dry_run: bool, manager: str = ""
    ) -> Body:
        """See `ClusterWriter`."""
        request = _request("PATCH", "patch", type_, key, body, APPLY_PATCH)
        return self._write(request, dry_run, (("force", "true" if force else "false"),), manager=manager)

    def merge_patch(self, type_: ResourceType, key: Key, patch: Body, *, dry_run: bool) -> Body:
        """See `ClusterWriter`."""
        return self._write(_request("PATCH", "patch", type_, key, patch, MERGE_PATCH), dry_run)

    def restore_ownership(
        self, type_: ResourceType, key: Key, managed_fields: Sequence[Body], resource_version: str
    ) -> Body:
        """See `ClusterWriter`."""
        patch = [
            # `replace`, not `test`: a resource version that is no longer the object's is then a 409.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "replace", "path": "/metadata/managedFields", "value": list(managed_fields)},
        ]
        return self._write(_request("PATCH", "patch", type_, key, patch, JSON_PATCH), dry_run=False)

    def delete(self, type_: ResourceType, key: Key, *, uid: str, resource_version: str, dry_run: bool) -> None:
        """See `ClusterWriter`. Refuses empty preconditions, which would be none at all."""
        if not uid or not resource_version:
            raise IstioUpgradeError(f"{key}: a deletion without a UID and a resource version is never sent")
        options: Body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        if dry_run:
            options["dryRun"] = ["All"]
        self._send(_request("DELETE", "delete", type_, key, options))

    def _write(self, request: Request, dry_run: bool, parameters: Query = (), *, manager: str = "") -> Body:
        """Send a create, an update or a patch with what every one of them carries."""
        query = (("fieldManager", manager or FIELD_MANAGER), ("fieldValidation", "Strict"), *parameters)
        return self._send(replace(request, query=(*query, ("dryRun", "All")) if dry_run else query))

    def _send(self, request: Request) -> Body:
        answer = self._transport.send(request)
        if self._on_warning is not None:
            for text in answer.warnings:
                self._on_warning(text)
        return answer.body


def _request(method: str, verb: str, type_: ResourceType, key: Key, body: Any, content_type: str = JSON) -> Request:
    return Request(
        method,
        object_path(type_, key),
        verb,
        type_.resource,
        key.namespace,
        key.name,
        body=orjson.dumps(body),
        content_type=content_type,
    )
