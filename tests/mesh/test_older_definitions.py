"""Objects that only the newer release can hold, under definitions that go back: what etcd keeps, to the byte."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.kube.connection import ConnectionOptions, connect
from kubectl_istio_upgrade.adapters.kube.writer import KubeWriter
from kubectl_istio_upgrade.errors import InvalidError
from kubectl_istio_upgrade.models.objects import Key, ResourceType
from tests.controlplane import ControlPlane
from tests.controlplane.processes import TestbedError
from tests.support.cli import Plugin, Ran

from .mesh import NEW, OLD, START, definitions_of, install_definitions
from .story import ONLY_NEWER
from .test_rollback import NEEDED, planned
from .test_rollback import ONLY_NEWER as TELLING

pytestmark = pytest.mark.mesh

CRD = "customresourcedefinitions.apiextensions.k8s.io"
FILTERS = "envoyfilters.networking.istio.io"
ENVOY_FILTERS = ResourceType("networking.istio.io", "v1alpha3", "EnvoyFilter", "envoyfilters", namespaced=True)
LATER = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: later, namespace: shop}
spec: {host: a, later: x}
"""
PATH = "/apis/networking.istio.io/v1alpha3/namespaces/shop/envoyfilters/newer"


@dataclass(frozen=True)
class Bed:
    """An API server with the newer definitions and three objects that need them; the plugin knows the older ones."""

    plane: ControlPlane
    plugin: Plugin
    stored: dict[str, bytes]

    def now(self) -> dict[str, bytes]:
        return stored(self.plane)

    def match(self) -> Any:
        """What a read shows of the EnvoyFilter."""
        return self.plane.api.request("GET", PATH)["spec"]["configPatches"][0]["match"]


def stored(plane: ControlPlane) -> dict[str, bytes]:
    """The three objects as etcd has them."""
    found = {}
    for type_ in TELLING:
        plural, _, group = type_.partition(".")
        value = plane.stored(f"{group}/{plural}/shop/newer")
        assert value is not None, type_
        found[type_] = value
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with ControlPlane("api") as plane:
        plugin = Plugin(plane.kubeconfig, tmp_path_factory.mktemp("definitions") / "store.git")
        for namespace in ("istio-system", "shop"):
            plane.kubectl("create", "namespace", namespace)
        install_definitions(plane, OLD)
        plugin.ok("snapshot", "--name", START)
        install_definitions(plane, NEW)
        plane.kubectl("apply", "--server-side", "-f-", input=ONLY_NEWER)
        yield Bed(plane, plugin, stored(plane))


@pytest.fixture
def bed(shared: Bed) -> Bed:
    """With all the newer definitions, whatever the test before has done; the objects are never written again."""
    install_definitions(shared.plane, NEW)
    assert shared.now() == shared.stored
    return shared


def reasons(ran: Ran) -> dict[str, str]:
    return {name: change["reason"] for name, change in planned(ran).items() if change["action"] == "keep"}


def test_by_default_no_byte_of_what_an_older_definition_would_hide_is_lost(bed: Bed) -> None:
    assert b'"waypoint"' in bed.stored[FILTERS]
    tried = bed.plugin.ok("rollback", START, "--keep-added", "--dry-run", "-o", "json")
    done = bed.plugin.ok("rollback", START, "--keep-added", "--yes", "-o", "json")
    for kept in (reasons(tried), reasons(done)):
        assert kept.keys() >= NEEDED
        for type_, path in TELLING.items():
            assert f"{type_} shop/newer: {path}" in kept[f"{CRD} /{type_}"]
    assert done.data["proof"]["holds"]
    assert bed.now() == bed.stored
    assert bed.match()["waypoint"]


def test_a_definition_restored_by_name_says_its_cost_and_costs_no_byte_yet(bed: Bed) -> None:
    shown = bed.plugin.ok("rollback", START, "--keep-added", "--dry-run", "--restore-crd", FILTERS)
    assert "restored as asked, although it is not safe" in shown.out
    assert f"{FILTERS} shop/newer: spec.configPatches[0].match.waypoint: " in shown.out
    assert f"warning: --crds restore: {FILTERS} is restored" in shown.out
    whole = bed.plane.api.request("GET", PATH)
    restore = ("--crds", "restore", "--restore-crd", FILTERS)
    done = bed.plugin.ok("rollback", START, "--keep-added", *restore, "--yes", "-o", "json")
    assert done.data["proof"]["holds"]
    assert f"{CRD} /{FILTERS}" not in reasons(done)
    assert "waypoint" not in bed.match(), "reads hide it"
    assert bed.now() == bed.stored, "etcd still has it"
    with pytest.raises(InvalidError, match="unknown field"):
        _write(bed, whole)
    assert bed.now() == bed.stored, "a write of ours that would lose it is refused"
    install_definitions(bed.plane, NEW)
    assert bed.match()["waypoint"], "the newer definition shows it again"


def test_no_definition_is_written_on_request(bed: Bed) -> None:
    done = bed.plugin.ok("rollback", START, "--keep-added", "--crds", "keep", "--yes", "-o", "json")
    assert not done.data["plan"]["summary"]["update"]
    assert bed.plugin.ending(2, "rollback", START, "--yes", "--restore-crd", "envoyfilters").err


def test_applying_older_definitions_is_refused_while_live_objects_would_lose_by_it(bed: Bed, tmp_path: Path) -> None:
    older = tmp_path / "crds.yaml"
    older.write_text(definitions_of(bed.plane, OLD))
    apply = ("apply", "-f", str(older), "--force-conflicts")
    for option in ("--dry-run", "--yes"):
        refused = bed.plugin.ending(3, *apply, option)
        for type_, path in TELLING.items():
            assert f"{type_} would be narrowed: {type_} shop/newer: {path}: " in refused.err
        assert "--force-crd NAME" in refused.err
    assert bed.match()["waypoint"], "nothing was changed"
    forced = (option for type_ in TELLING for option in ("--force-crd", type_))
    done = bed.plugin.ok(*apply, *forced, "--yes")
    assert f"warning: {FILTERS} is applied although " in done.err
    assert "waypoint" not in bed.match(), "reads hide it"
    assert bed.now() == bed.stored, "etcd still has it"


def test_newer_definitions_are_applied_and_rules_that_cannot_be_checked_are_told(bed: Bed, tmp_path: Path) -> None:
    install_definitions(bed.plane, OLD)
    newer = tmp_path / "crds.yaml"
    newer.write_text(definitions_of(bed.plane, NEW))
    done = bed.plugin.ok("apply", "-f", str(newer), "--force-conflicts", "--yes")
    assert "narrowed" not in done.err
    assert f"warning: {FILTERS}: whether " in done.err
    assert bed.match()["waypoint"]


def test_objects_that_no_snapshot_holds_are_not_robbed_either(bed: Bed) -> None:
    path = PATH.replace("newer", "owned")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "1", "controller": True}
    body = bed.plane.api.request("GET", PATH)
    body["metadata"] = {"name": "owned", "namespace": "shop", "ownerReferences": [owner]}
    bed.plane.api.request("POST", path.removesuffix("/owned"), body)
    before = bed.plane.stored("networking.istio.io/envoyfilters/shop/owned")
    assert b'"waypoint"' in (before or b"")
    lost = "envoyfilters.networking.istio.io shop/{}: spec.configPatches[0].match.waypoint"
    without = ("--exclude-type", FILTERS)
    for options in ((), without):
        kept = reasons(bed.plugin.ok("rollback", START, "--dry-run", "-o", "json", *options))[f"{CRD} /{FILTERS}"]
        assert lost.format("owned") in kept
        assert (lost.format("newer") in kept) is bool(options), "without them excluded, the plan deletes it"
    bed.plugin.ok("rollback", START, "--keep-added", *without, "--yes")
    assert bed.plane.stored("networking.istio.io/envoyfilters/shop/owned") == before
    assert bed.now() == bed.stored
    bed.plane.api.request("DELETE", path)


def test_a_snapshot_of_what_a_definition_hides_says_so(bed: Bed) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/destinationrules.networking.istio.io"
    definition = bed.plane.api.request("GET", path)
    for version in definition["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["later"] = {"type": "string"}
    bed.plane.api.request("PUT", path, definition)
    wait_until_taken(bed, LATER)
    assert "has or had fields" not in bed.plugin.ok("snapshot").err
    install_definitions(bed.plane, NEW)
    assert b'"later":"x"' in (bed.plane.stored("networking.istio.io/destinationrules/shop/later") or b"")
    hidden = "shop/later has or had fields that its definition does not know: spec.later"
    assert hidden in bed.plugin.ok("snapshot").err
    assert hidden in bed.plugin.ok("rollback", START, "--keep-added", "--dry-run").out


def wait_until_taken(bed: Bed, manifest: str) -> None:
    """The API server takes a moment to serve a changed schema; until then it does not know the field."""
    deadline = time.monotonic() + 20
    while True:
        try:
            bed.plane.kubectl("create", "-n", "shop", "--validate=strict", "-f-", input=manifest)
        except TestbedError:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        else:
            return


def _write(bed: Bed, body: Any) -> None:
    transport = connect(ConnectionOptions(kubeconfig=str(bed.plane.kubeconfig)))
    try:
        key = Key("networking.istio.io", "envoyfilters", "shop", "newer")
        KubeWriter(transport).replace(ENVOY_FILTERS, key, body, dry_run=False)
    finally:
        transport.close()
