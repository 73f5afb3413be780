"""Taking an operation back leaves to others what they made before it could, be it what no snapshot holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .mesh import Json, Mesh, config_map, definition, secret
from .program import Program, wait_for
from .proxy import Proxy

pytestmark = pytest.mark.cluster

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "extensions.istio.io"


def account(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "istio-system"}}


@pytest.mark.parametrize(
    ("ours", "theirs", "path"),
    [
        (account("early"), secret("raced", password="ours"), "/api/v1/namespaces/istio-system/secrets/raced"),
        (account("early"), config_map("raced", a="ours"), "/api/v1/namespaces/istio-system/configmaps/raced"),
        (
            definition("early", "Early", GROUP),
            definition("raced", "Raced", GROUP),
            f"{DEFINITIONS}/raced.{GROUP}",
        ),
    ],
    ids=["Secret", "ConfigMap", "definition"],
)
def test_abort_leaves_what_somebody_else_was_faster_to_make(
    proxied: Program,
    program: Program,
    proxy: Proxy,
    mesh: Mesh,
    manifest: Callable[..., str],
    ours: Json,
    theirs: Json,
    path: str,
) -> None:
    mesh.adopt(ours)
    proxy.hold(lambda seen: (seen.method, seen.target.partition("?")[0]) == ("GET", path))
    running = proxied.start("apply", "-f", manifest(ours, theirs), "--yes")
    proxy.wait_held()  # about to look whether it is still absent
    wait_for(lambda: mesh.get(ours) is not None, "the other one is not made")
    uid = mesh.add(theirs)["metadata"]["uid"]
    proxy.release()
    running.end().failed(4, "was created by somebody else after the plan was made", hint="abort")
    planned = " ".join(program("abort", "--dry-run").done().out.split())
    assert "added since by others: this operation set out to make it, and has not" in planned
    assert "proved: " in program("abort", "--yes").done().out
    found = mesh.get(theirs)
    assert found is not None
    assert found["metadata"]["uid"] == uid
    assert mesh.get(ours) is None
