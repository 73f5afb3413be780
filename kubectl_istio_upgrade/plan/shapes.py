"""Objects in files, held against the table `rules.shapes` before anything else reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diff.paths import dotted
from ..errors import BadManifestError
from ..models.changes import Path
from ..models.objects import Json
from ..ports import ManifestDocument
from ..rules.fields import ANY
from ..rules.shapes import Form, Shape, shapes_of

_TYPES: dict[Form, type[Any]] = {Form.MAPPING: dict, Form.TEXTS: dict, Form.LIST: list, Form.TEXT: str}


def check_shape(document: ManifestDocument) -> None:
    """Raises BadManifestError, naming the field, for an object that no API server would understand."""
    body = document.body
    kind = str(body["kind"])
    group = str(body["apiVersion"]).rpartition("/")[0]
    for row in shapes_of((group, kind)):
        for path, value in _values(body, row.path, ()):
            if fault := _fault(row, path, value):
                raise BadManifestError(f"{document.where}: {kind} {body['metadata']['name']}: {fault}")


def _values(node: Json, steps: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Json]]:
    """Everything at a path, None for what is not there. Whatever is above has been looked at."""
    if not steps:
        yield path, node
    elif steps[0] == ANY:
        for index, item in enumerate(node or ()):
            yield from _values(item, steps[1:], (*path, index))
    elif node is not None:
        yield from _values(node.get(steps[0]), steps[1:], (*path, steps[0]))


def _fault(row: Shape, path: Path, value: Json) -> str:
    """What is wrong with a field; "" for nothing."""
    if not isinstance(value, _TYPES[row.form]) and (value is not None or row.required):
        return f"{dotted(path)} is not {row.form.value}"
    if row.form is Form.TEXTS:
        wrong = (name for name, text in (value or {}).items() if not isinstance(text, str | None))
        return next((f"{dotted((*path, name))} is not a text; put it in quotes" for name in wrong), "")
    return ""
