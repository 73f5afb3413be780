"""Helm's records after a rollback: where they would be wrong, the plan has the command that puts them right."""

from __future__ import annotations

from typing import Any

from kubectl_istio_upgrade.models.objects import Body, Completeness, MeshObject
from kubectl_istio_upgrade.models.plans import FollowUp
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback

from .builders import obj, state

DELETE_RECORDS = "kubectl delete secret -n istio-system -l owner=helm,name=istiod"


def record(revision: int, status: str, *, data: str = "0", release: str = "istiod") -> MeshObject:
    labels = {"owner": "helm", "name": release, "version": str(revision), "status": status}
    name = f"istio-system/sh.helm.release.v1.{release}.v{revision}"
    withheld = {"release": "hmac-sha256:" + data * 64}
    return obj("Secret", name, version=data + status, labels=labels, data=withheld, type="helm.sh/release.v1")


def installed(version: str, *, operation: str = "Apply", release: str = "istiod") -> MeshObject:
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "istio-system"}
    managed: list[Body] = [{"manager": "helm", "operation": operation}]
    name = f"istio-system/{release}"
    return obj("ConfigMap", name, version=version, annotations=annotations, data={"v": version}, managed=managed)


def follow_ups(live: list[MeshObject], target: list[MeshObject], **more: Any) -> tuple[FollowUp, ...]:
    return plan_rollback(state(*live), state(*target, label="snapshot 1234567"), **more).follow_ups


def commands(live: list[MeshObject], target: list[MeshObject]) -> list[str]:
    return [follow_up.command for follow_up in follow_ups(live, target)]


UPGRADED = [installed("2"), record(1, "superseded", data="1"), record(2, "deployed")]
BEFORE = [installed("1"), record(1, "deployed")]


def test_after_an_upgrade_helm_has_to_roll_its_records_back() -> None:
    (follow_up,) = follow_ups(UPGRADED, BEFORE)
    assert follow_up.command == "helm rollback istiod 1 -n istio-system --force-conflicts"
    assert follow_up.why.startswith("else Helm takes revision 2 for deployed; its records are Secrets")


def test_only_a_helm_that_applies_server_side_is_told_to_force() -> None:
    now, was = (installed(version, operation="Update") for version in ("2", "1"))
    assert commands([now, *UPGRADED[1:]], [was, *BEFORE[1:]]) == ["helm rollback istiod 1 -n istio-system"]


def test_a_drift_without_an_upgrade_leaves_the_records_right() -> None:
    assert follow_ups([installed("2"), *BEFORE[1:]], BEFORE) == ()


def test_revisions_are_numbers() -> None:
    live = [installed("2"), record(9, "superseded", data="1"), record(10, "deployed")]
    assert commands(live, [installed("1"), record(9, "deployed")])[0].startswith("helm rollback istiod 9 ")
    assert commands([installed("2"), record(9, "deployed"), record(10, "deployed")], [record(9, "deployed")])


def test_a_release_that_was_none_loses_its_records() -> None:
    assert commands([installed("2"), record(1, "deployed")], []) == [DELETE_RECORDS]


def test_a_record_that_is_gone_needs_the_chart_again() -> None:
    for live in ([installed("2"), record(12, "deployed")], []):
        (follow_up,) = follow_ups(live, BEFORE)
        assert follow_up.command == "helm upgrade --install istiod CHART -n istio-system"
        assert "those of revision 1, whose record is gone" in follow_up.why


def test_a_release_that_goes_back_in_part_is_left_to_its_people() -> None:
    options = RollbackOptions(select=BEFORE[0].key.__eq__)
    assert follow_ups(UPGRADED, BEFORE, options=options) == ()


def test_each_release_has_a_command_of_its_own() -> None:
    base = [record(1, "superseded", data="1", release="base"), record(2, "deployed", release="base")]
    found = commands([*UPGRADED, *base], [*BEFORE, record(1, "deployed", release="base")])
    assert found == [
        "helm rollback base 1 -n istio-system", "helm rollback istiod 1 -n istio-system --force-conflicts",
    ]  # fmt: skip


def test_records_whose_values_are_known_go_back_by_themselves() -> None:
    def known(secret: MeshObject) -> MeshObject:
        return MeshObject(secret.key, {**secret.body, "data": {"release": "SDRz"}}, secret.server)

    live, target = [UPGRADED[0], *map(known, UPGRADED[1:])], [BEFORE[0], known(BEFORE[1])]
    plan = plan_rollback(state(*live), state(*target))
    assert plan.kept == ()
    assert plan.follow_ups == ()


def test_nothing_is_said_where_records_are_not_known() -> None:
    without = state(*BEFORE[:1], without=["secrets"])
    assert plan_rollback(state(*UPGRADED), without).follow_ups == ()
    backup = state(*BEFORE, completeness=Completeness.OBJECTS)
    assert plan_rollback(state(*UPGRADED), backup).follow_ups == ()
