"""Manifests of which the server can try a part only once another part is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .mesh import Json, Mesh, definition
from .permissions import existing
from .program import Program
from .proxy import Proxy, Seen

pytestmark = pytest.mark.cluster

Manifest = Callable[..., str]


def made_definition(*fields: str) -> Json:
    """A definition whose objects may have these texts."""
    body = definition("mades", "Made", "made.istio.io")
    spec: Json = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
    schema = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"] = {"spec": spec}
    return body


def made(name: str = "there", **fields: str) -> Json:
    """An object of that type."""
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "made.istio.io/v1", "kind": "Made", "metadata": metadata, "spec": fields}


@pytest.fixture
def there(mesh: Mesh) -> Iterator[Json]:
    """An object whose definition does not allow what it is to have."""
    with existing(mesh, made_definition("old")):
        yield mesh.add(made(old="1"))


def spec_of(mesh: Mesh, body: Json) -> Any:
    found = mesh.get(body)
    assert found
    return found["spec"]


def test_a_definition_that_allows_more_and_an_object_that_uses_it(
    program: Program, mesh: Mesh, there: Json, manifest: Manifest
) -> None:
    """The object has moved by then: by this very write."""
    file = manifest(made_definition("old", "new"), made(old="1", new="2"), made("another", new="3"))
    mesh.adopt(made("another"))
    done = program("apply", "-f", file, "--force-conflicts", "--yes", "-o", "json").done().json
    notes = {change["name"]: change["notes"] for change in done["plan"]["changes"]}
    untried = ["not tried on the server: this plan writes its definition first"]
    assert notes == {"mades.made.istio.io": [], "there": untried, "another": untried}
    assert (done["proof"]["holds"], done["proof"]["identical"]) == (True, 3)
    assert spec_of(mesh, there) == {"old": "1", "new": "2"}
    program("rollback", done["before"], "--only", "made", "--yes").done()
    assert spec_of(mesh, there) == {"old": "1"}


def test_what_cannot_be_asked_about_afterwards_leaves_the_apply_unfinished(
    proxied: Program, proxy: Proxy, program: Program, mesh: Mesh, there: Json, manifest: Manifest
) -> None:
    """By then everything is written, so it is not refused, and something has to end it."""

    def after_the_write(seen: Seen) -> bool:
        return seen.tries and "/mades/" in seen.target and any("/mades/" in write.target for write in proxy.writes)

    file = manifest(made_definition("old", "new"), made(old="1", new="2"))
    proxy.fail = after_the_write
    failed = proxied("apply", "-f", file, "--force-conflicts", "--yes").failed(
        4, "asked about what it has just written", hint="resume"
    )
    assert "nothing was changed" not in failed.err
    assert spec_of(mesh, there) == {"old": "1", "new": "2"}
    program("abort", "--yes").done()
    assert spec_of(mesh, there) == {"old": "1"}
