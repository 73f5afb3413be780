"""The files of a snapshot that describe it: values to text and back. `snapshots/schema.json` has their shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from ... import __version__
from ...canonical import json_bytes
from ...errors import StoreError
from ...models.objects import Body, NotCaptured, ResourceType, ServerFields, Version
from ...models.snapshots import FORMAT_VERSION, ClusterIdentity, Purpose, SnapshotMeta, WorkloadProxy
from ..yamlio import load

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""How the format writes times."""


def refuse_other_format(version: object, what: str) -> None:
    """Raises StoreError unless `version` is the format that this program reads."""
    if version != FORMAT_VERSION or isinstance(version, bool):
        hint = "upgrade kubectl-istio-upgrade" if isinstance(version, int) and version > FORMAT_VERSION else None
        raise StoreError(f"{what} has format {version}, this program reads {FORMAT_VERSION}", hint=hint)


def header_of(meta: SnapshotMeta) -> Body:
    """What `snapshot.yaml` says."""
    optional: Body = {"recipients": list(meta.recipients)} if meta.recipients else {}
    if meta.ca_fingerprints is not None:
        optional["caFingerprints"] = {name: list(prints) for name, prints in meta.ca_fingerprints.items()}
    optional |= {name: value for name, value in (("branch", meta.branch), ("name", meta.name)) if value}
    return {
        **optional,
        "cluster": {
            "context": meta.cluster.context,
            "serverVersion": meta.cluster.server_version,
            "uid": meta.cluster.uid,
        },
        "counts": dict(meta.counts),
        "created": meta.created.strftime(TIME),
        "format": FORMAT_VERSION,
        "istioVersions": list(meta.istio_versions),
        "message": meta.message,
        "notCaptured": [asdict(left_out) for left_out in meta.not_captured],
        "program": __version__,
        "purpose": str(meta.purpose),
        "resourceVersion": meta.resource_version,
        "rootNamespace": meta.root_namespace,
        "scope": meta.scope_version,
        "secretKeyId": meta.secret_key_id,
    }


def read_header(text: bytes, where: str) -> Body:
    """`snapshot.yaml` as it is, its format checked. Raises StoreError (format), and see `read_meta`."""
    header: Body = load(text)
    refuse_other_format(header["format"], where)
    return header


def read_meta(header: Body, types: tuple[ResourceType, ...], operation: Body | None) -> SnapshotMeta:
    """The inverse of `header_of`. Raises KeyError, TypeError or ValueError for damage."""
    return SnapshotMeta(
        purpose=Purpose(header["purpose"]),
        cluster=identity_of(header),
        created=datetime.strptime(header["created"], TIME).replace(tzinfo=UTC),
        message=header["message"],
        root_namespace=header["rootNamespace"],
        resource_version=header["resourceVersion"],
        istio_versions=tuple(header["istioVersions"]),
        types=types,
        not_captured=tuple(NotCaptured(entry["resource"], entry["reason"]) for entry in header["notCaptured"]),
        counts=dict(header["counts"]),
        secret_key_id=header["secretKeyId"],
        ca_fingerprints=_fingerprints(header.get("caFingerprints")),
        recipients=tuple(header.get("recipients", ())),
        scope_version=header.get("scope", 1),
        branch=header.get("branch", ""),
        name=header.get("name", ""),
        operation=operation,
    )


def identity_of(header: Mapping[str, Any]) -> ClusterIdentity:
    """Of which cluster a snapshot is. Raises KeyError or TypeError for damage."""
    cluster = header["cluster"]
    return ClusterIdentity(cluster["uid"], cluster["context"], cluster["serverVersion"])


def _fingerprints(recorded: Mapping[str, Sequence[str]] | None) -> Mapping[str, tuple[str, ...]] | None:
    return None if recorded is None else {name: tuple(prints) for name, prints in recorded.items()}


def types_of(types: Iterable[ResourceType]) -> Body:
    """What `types.yaml` says."""
    entries = [
        {
            "group": type_.group,
            "kind": type_.kind,
            "namespaced": type_.namespaced,
            "plural": type_.plural,
            "shortNames": list(type_.short_names),
            "singular": type_.singular,
            "verbs": sorted(type_.verbs),
            "version": type_.version,
        }
        for type_ in types
    ]
    return {"types": entries}


def read_types(text: bytes) -> tuple[ResourceType, ...]:
    """The inverse of `types_of`. Raises KeyError, TypeError or ValueError for damage."""
    return tuple(
        ResourceType(
            group=entry["group"],
            version=entry["version"],
            kind=entry["kind"],
            plural=entry["plural"],
            namespaced=entry["namespaced"],
            verbs=frozenset(entry["verbs"]),
            singular=entry["singular"],
            short_names=tuple(entry["shortNames"]),
        )
        for entry in load(text)["types"]
    )


def workloads_of(workloads: Iterable[WorkloadProxy]) -> Body:
    """What `inventory/workloads.yaml` says."""
    entries = [
        {
            "namespace": proxy.namespace,
            "kind": proxy.kind,
            "name": proxy.name,
            "images": list(proxy.images),
            "revisions": list(proxy.revisions),
            "templates": list(proxy.templates),
            "pods": proxy.pods,
        }
        for proxy in sorted(workloads, key=lambda proxy: (proxy.namespace, proxy.kind, proxy.name))
    ]
    return {"workloads": entries}


def read_workloads(text: bytes) -> tuple[WorkloadProxy, ...]:
    """The inverse of `workloads_of`. Raises KeyError, TypeError or ValueError for damage."""
    return tuple(
        WorkloadProxy(
            namespace=entry["namespace"],
            kind=entry["kind"],
            name=entry["name"],
            images=tuple(entry["images"]),
            revisions=tuple(entry["revisions"]),
            templates=tuple(entry["templates"]),
            pods=entry["pods"],
        )
        for entry in load(text)["workloads"]
    )


def managers_bytes(entries: Mapping[str, ServerFields]) -> bytes:
    """A `managers` file: one line for each object, so that git keeps and shows it line by line."""
    return lines_bytes({name: _server(fields) for name, fields in entries.items()})


def lines_bytes(entries: Mapping[str, Body]) -> bytes:
    """A JSON mapping with one line for each entry."""
    lines = [json_bytes(name) + b":" + json_bytes(entries[name]) for name in sorted(entries)]
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


def _server(fields: ServerFields) -> Body:
    known = {
        "uid": fields.uid,
        "resourceVersion": fields.resource_version,
        "generation": fields.generation,
        "creationTimestamp": fields.creation_timestamp,
        "managedFields": list(fields.managed_fields),
    }
    return {name: value for name, value in known.items() if value or value == 0}


def read_managers(data: bytes) -> dict[str, Body]:
    """The entries of a `managers` file by object name. Raises ValueError for damage."""
    entries = orjson.loads(data)
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ValueError("not a mapping of mappings")
    return entries


_VERSION_LINE = re.compile(
    rb'^"(?P<name>[^"\\]+)":\{.*"resourceVersion":"(?P<version>[^"\\]+)","uid":"(?P<uid>[^"\\]+)"\},?$', re.MULTILINE
)
"""An entry of a `managers` file, whose last two keys these are: keys are sorted, and what is nested ends with more."""


def read_versions(data: bytes) -> dict[str, Version | None]:
    """The versions alone in a `managers` file, by object name; None where one is not known.

    Most of such a file is about managed fields: of 10,000 objects, 6.2 MB, all is parsed in 91 ms, these found in 13.
    Raises ValueError for damage, as far as it looks.
    """
    found: dict[str, Version | None] = {
        name.decode(): Version(uid.decode(), version.decode()) for name, version, uid in _VERSION_LINE.findall(data)
    }
    if data.startswith(b"{\n") and data.endswith(b"\n}\n") and data.count(b"\n") == len(found) + 2:
        return found
    return {name: _version_of(entry) for name, entry in read_managers(data).items()}


def _version_of(entry: Body) -> Version | None:
    uid, resource_version = entry.get("uid"), entry.get("resourceVersion")
    return Version(uid, resource_version) if uid and resource_version else None


def server_of(entry: Body) -> ServerFields:
    """An entry of a `managers` file as it was before it was written."""
    return ServerFields(
        uid=entry.get("uid", ""),
        resource_version=entry.get("resourceVersion", ""),
        generation=entry.get("generation"),
        creation_timestamp=entry.get("creationTimestamp", ""),
        managed_fields=tuple(entry.get("managedFields", ())),
    )
