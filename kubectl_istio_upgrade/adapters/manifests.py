"""The user's files: manifests to apply or compare, and backups made with `kubectl get -o yaml`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import BadManifestError
from ..models.objects import Body, Json
from ..ports import ManifestDocument
from .paths import shown
from .yamlio import YamlError, as_sent, load_all

_SUFFIXES = (".json", ".yaml", ".yml")
_written = re.compile(r"\S")


class ManifestFiles:
    """Implements `ports.ManifestReader` on files, folders (not their sub-folders: kubectl's rule) and `-`."""

    def read(self, paths: Sequence[str]) -> tuple[ManifestDocument, ...]:
        """Every object, in the order of the paths. Raises BadManifestError: unreadable, no object, one object twice."""
        found: dict[tuple[str, ...], ManifestDocument] = {}
        for document in _all_documents(paths):
            identity = _identity(document)
            if identity in found:
                _, kind, namespace, name = identity
                what = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
                raise BadManifestError(f"{what} is there twice: {found[identity].where}, and {document.where}")
            found[identity] = document
        if not found:
            raise BadManifestError(f"no Kubernetes object in {', '.join(paths) or 'no files'}")
        return tuple(found.values())


def _all_documents(paths: Sequence[str]) -> Iterator[ManifestDocument]:
    for path in paths:
        for name in _files(path):
            for number, body in enumerate(_parse(name), start=1):
                if body is not None:
                    yield from _objects(body, f"{_shown(name)}, document {number}")


def _files(path: str) -> list[str]:
    """The files behind one path of the command line, in a fixed order; a link that leads nowhere is one of them."""
    if not path:
        raise BadManifestError("the name of a manifest is empty", hint="is a variable not set?")
    folder = Path(path)
    try:
        if path == "-" or not folder.is_dir():
            return [path]
        files = (file for file in folder.iterdir() if file.suffix in _SUFFIXES)
        return sorted(str(file) for file in files if file.is_file() or not file.exists())
    except OSError as error:
        raise BadManifestError(f"cannot read {shown(path)}: {error.strerror}") from error


def _parse(name: str) -> Iterator[Json]:
    """The documents of a file, YAML or JSON (several, too); None where a document is empty."""
    text = _text(name)
    try:
        documents = _json_documents(text) if text.lstrip().startswith("{") else None
        yield from load_all(text) if documents is None else documents
    except YamlError as error:
        raise BadManifestError(f"{_shown(name)}: not YAML: {error}") from error


def _text(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise BadManifestError(f"cannot read {name}: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadManifestError(f"{_shown(name)}: not UTF-8: byte {error.start}") from error


def _json_documents(text: str) -> list[Json] | None:
    """JSON documents, one after the other; None if it is none, for YAML may begin with a brace, too (as in kubectl).

    Raises YamlError for a key that is there twice, for numbers that JSON does not have, and for a bottomless nesting.
    """
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique,
        parse_int=lambda digits: as_sent(int(digits) if len(digits) < 20 else float(digits)),
        parse_float=lambda digits: as_sent(float(digits)),
        parse_constant=lambda word: as_sent(float(word)),
    )
    documents = []
    at = _next(text, 0)
    try:
        while at < len(text):
            document, at = decoder.raw_decode(text, at)
            documents.append(document)
            at = _next(text, at)
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise YamlError("nested too deeply") from None
    return documents


def _next(text: str, at: int) -> int:
    """Where after `at` something is written."""
    return found.start() if (found := _written.search(text, at)) else len(text)


def _unique(pairs: list[tuple[str, Json]]) -> Body:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise YamlError(f"the key {twice!r} is there twice")
    return found


def _objects(body: Json, where: str) -> Iterator[ManifestDocument]:
    """The document itself, or what is in it if it is a list."""
    if not isinstance(body, dict):
        raise BadManifestError(f"{where}: not a Kubernetes object but {_json_type(body)}")
    kind = body.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and "items" in body:
        yield from _items(body, where)
    else:
        _check(body, where)
        yield ManifestDocument(body, where)


def _items(body: Body, where: str) -> Iterator[ManifestDocument]:
    """What is in a list; the items of a typed one (`ConfigMapList`) may leave their type to it."""
    items = body["items"] or []
    if not isinstance(items, list):
        raise BadManifestError(f"{where}: items is not a list")
    kind = body["kind"].removesuffix("List")
    type_ = {"apiVersion": body.get("apiVersion"), "kind": kind} if kind else {}
    for number, item in enumerate(items, start=1):
        yield from _objects({**type_, **item} if isinstance(item, dict) else item, f"{where}, item {number}")


def _check(body: Body, where: str) -> None:
    """Raises BadManifestError unless the object says what it is and which one."""
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise BadManifestError(f"{where}: no {field}")
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        raise BadManifestError(f"{where}: {body['kind']} without metadata")
    if not isinstance(metadata.get("name"), str) or not metadata["name"]:
        generated = "generateName" in metadata
        hint = "give it a name: what the server names cannot be compared or taken back" if generated else None
        raise BadManifestError(f"{where}: {body['kind']} without metadata.name", hint=hint)
    if not isinstance(metadata.get("namespace") or "", str):
        raise BadManifestError(f"{where}: metadata.namespace is not a string")


def _identity(document: ManifestDocument) -> tuple[str, str, str, str]:
    """Group (not version: two versions are one object), kind, namespace, name."""
    body, metadata = document.body, document.body["metadata"]
    group = body["apiVersion"].rpartition("/")[0]
    return group, body["kind"], metadata.get("namespace") or "", metadata["name"]


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name


def _json_type(value: Json) -> str:
    return {list: "a list", str: "a text", bool: "a boolean"}.get(type(value), "a number")
