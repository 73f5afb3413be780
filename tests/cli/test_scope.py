"""What belongs to the mesh although it is neither Istio's nor has its labels, and what does not, though it is there."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from .mesh import Json, Mesh, definition, secret
from .permissions import existing
from .program import Program

pytestmark = pytest.mark.cluster

ROOT = "istio-system"
LISTENERS = definition("xlistenersets", "XListenerSet", "gateway.networking.x-k8s.io")
REPORTS = definition("policyreports", "PolicyReport", "wgpolicyk8s.io")
LISTENER_SET: Json = {
    "apiVersion": "gateway.networking.x-k8s.io/v1",
    "kind": "XListenerSet",
    "metadata": {"name": "more", "namespace": "shop"},
}
REPORT: Json = {
    "apiVersion": "wgpolicyk8s.io/v1",
    "kind": "PolicyReport",
    "metadata": {"name": "scan", "namespace": ROOT, "labels": {"scan": "1"}},
}
OPENSHIFT = {"openshift.io/internal-registry-auth-token.service-account": "default"}


def test_the_experimental_group_of_the_gateway_api_comes_back_with_its_definition(program: Program, mesh: Mesh) -> None:
    with existing(mesh, LISTENERS):
        mesh.add(LISTENER_SET)
        program("snapshot", "-q", "--name", "then").done()
        shown = program("show", "then", "-o", "json").done().out
        assert "xlistenersets.gateway.networking.x-k8s.io" in shown
        mesh.delete(LISTENER_SET)
        done = program("rollback", "then", "--yes", "-o", "json").done().json
        assert [(each["action"], each["name"]) for each in done["plan"]["changes"]] == [("create", "more")]
        assert mesh.get(LISTENER_SET)


def test_what_scanners_and_openshift_write_all_the_time_is_no_difference(program: Program, mesh: Mesh) -> None:
    pull = secret("builder-dockercfg-x7x2k", ROOT, token="1")
    pull["metadata"]["annotations"] = OPENSHIFT
    with existing(mesh, REPORTS):
        mesh.add(REPORT)
        mesh.add(pull)
        program("snapshot", "-q", "--name", "then").done()
        mesh.patch(REPORT, {"metadata": {"labels": {"scan": "2"}}})
        mesh.patch(pull, {"stringData": {"token": "2"}})
        mesh.add({**REPORT, "metadata": {"name": "another", "namespace": ROOT}})
        program("diff", "then").done()
        done = program("rollback", "then", "--yes").done()
        assert "nothing to do" in done.out + done.err


def test_a_folded_value_is_the_one_that_the_server_made_of_it(program: Program, mesh: Mesh, tmp_path: Path) -> None:
    text = "of a certificate that is folded like one of openssl's, with a line end after each 76 characters"
    folded = secret("folded", ROOT)
    folded["data"] = {"tls.crt": base64.encodebytes(text.encode()).decode()}
    del folded["stringData"]
    mesh.add(folded)
    file = tmp_path / "folded.json"
    file.write_text(json.dumps(folded))
    program("diff", "live", "-f", str(file)).done()
    folded["data"] = {"tls.crt": base64.encodebytes(text.upper().encode()).decode()}
    file.write_text(json.dumps(folded))
    program("diff", "live", "-f", str(file)).done(1)
