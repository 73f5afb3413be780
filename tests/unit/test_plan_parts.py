"""The responsibility matrix: when a part of the installation has to start again, with the reason."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.restarts import Currency, Need, Workload
from kubectl_istio_upgrade.models.secrets import Values
from kubectl_istio_upgrade.plan.parts import Installation, Running, parts
from kubectl_istio_upgrade.rules.restarts import READ_AT_START, ROLLS_ITSELF, When

from .builders import TYPES, obj, state

BEFORE, STARTED, AFTER = "2026-11-25T01:00:00Z", "2026-11-25T02:00:00Z", "2026-11-25T03:00:00Z"
ROOT = "istio-system"


def istiod(revision: str = "") -> MeshObject:
    name = f"istiod-{revision}" if revision else "istiod"
    labels = {"operator.istio.io/component": "Pilot", **({"istio.io/rev": revision} if revision else {})}
    return obj("Deployment", f"{ROOT}/{name}", labels=labels, spec={})


def made(kind: str, name: str, *, created: str = BEFORE, written: str = BEFORE, **body: Any) -> MeshObject:
    found = obj(kind, f"{ROOT}/{name}", managed=[{"manager": "x", "time": written}], **body)
    server = found.server.__class__(found.server.uid, "1", None, created, found.server.managed_fields)
    return MeshObject(found.key, found.body, server, found.withheld)


def matrix(*objects: MeshObject, running: Running | None = None, root: str = "", workloads: Any = ()) -> dict[str, Any]:
    live = state(*objects)
    now = {key: running or Running(STARTED) for key in live.versions}
    types = {type_.resource: type_ for type_ in TYPES}
    return {row.component: row for row in parts(Installation(live, ROOT, now, types, root), workloads)}


def test_nothing_has_changed_since_it_started() -> None:
    row = matrix(istiod(), made("ConfigMap", "istio"))["istiod"]
    assert row.need is Need.NOT_NEEDED
    assert "rolled out whenever its Deployment changes" in row.reason
    assert "trustDomain" not in row.reason
    assert row.workload is None


def test_a_rollout_that_is_on_its_way_is_its_controllers_business() -> None:
    row = matrix(istiod(), running=Running(STARTED, "0 of 1 replicas are updated"))["istiod"]
    assert row.need is Need.AUTOMATIC
    assert "0 of 1 replicas are updated" in row.reason


@pytest.mark.parametrize("row", [row for row in READ_AT_START if row.component == "Pilot"], ids=lambda row: row.name)
@pytest.mark.parametrize("revision", ["", "canary"])
def test_every_row_of_what_istiod_reads_at_its_start(row: Any, revision: str) -> None:
    kind = "Secret" if row.types.patterns == ("secrets",) else "ConfigMap"
    name = row.name.format(f"-{revision}" if revision else "")
    at_start = matrix(istiod(revision), made(kind, name))["istiod"]
    since = {"created": AFTER} if row.when is When.APPEARED else {"written": AFTER}
    later = matrix(istiod(revision), made(kind, name, **since))["istiod"]
    assert at_start.need is Need.NOT_NEEDED
    assert (later.need, later.source) == (Need.NEEDED, row.source)
    assert row.why in later.reason
    assert later.workload is not None
    assert later.workload.live is not None


def test_what_istiod_watches_needs_no_restart_however_often_it_changes() -> None:
    row = matrix(istiod(), made("ConfigMap", "istio-sidecar-injector", written=AFTER))["istiod"]
    assert row.need is Need.NOT_NEEDED
    row = matrix(istiod(), made("ConfigMap", "istio", written=AFTER))["istiod"]
    assert row.need is Need.NOT_NEEDED
    assert "trustDomain" in row.reason


def test_without_a_running_container_nothing_is_guessed() -> None:
    assert matrix(istiod(), made("Secret", "istio-kubeconfig", written=AFTER), running=Running())["istiod"].need is (
        Need.NOT_NEEDED
    )


def certificate(text: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("distributed", "need"), [("AAAA", Need.NOT_NEEDED), ("BBBB", Need.NEEDED), ("", Need.NOT_NEEDED)]
)
def test_a_ca_of_the_user_whose_root_istiod_does_not_distribute(distributed: str, need: Need) -> None:
    pem = base64.b64encode(certificate("AAAA").encode()).decode()
    secret = made("Secret", "cacerts", data={"root-cert.pem": "hmac-sha256:1"})
    secret = MeshObject(secret.key, secret.body, secret.server, Values({"hmac-sha256:1": pem}))
    row = matrix(istiod(), secret, root=certificate(distributed) if distributed else "")["istiod"]
    assert row.need is need
    if need is Need.NEEDED:
        assert "root in Secret cacerts is not the one that istiod distributes" in row.reason


def workload(
    name: str, currency: Currency = Currency.CURRENT, obstacle: str = "", *, gateway: bool = False
) -> Workload:
    key = Key("apps", "deployments", "shop", name)
    return Workload(key, "Deployment", 1, currency, obstacle=obstacle, gateway=gateway)


def test_gateways_and_applications_are_rows_of_many() -> None:
    stale = Currency.OUT_OF_DATE
    rows = matrix(
        workloads=(
            workload("a", stale),
            workload("b"),
            workload("edge", stale, ROLLS_ITSELF, gateway=True),
        )
    )
    assert (rows["applications"].need, rows["applications"].reason) == (Need.NEEDED, "1 of 2 out of date: shop/a")
    assert rows["gateways"].need is Need.AUTOMATIC
    assert matrix(workloads=(workload("a"),))["applications"].need is Need.NOT_NEEDED
    assert matrix() == {}


def test_many_names_are_counted() -> None:
    rows = matrix(workloads=[workload(str(number), Currency.OUT_OF_DATE) for number in range(5)])
    assert rows["applications"].reason == "5 of 5 out of date: shop/0, shop/1, shop/2 and 2 more"
