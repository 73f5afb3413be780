"""Which Helm releases an upgrade is about, with what values, and which of their records stand in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kubectl_istio_upgrade.adapters.yamlio import load
from kubectl_istio_upgrade.capture import Capture
from kubectl_istio_upgrade.models.installations import Component, Method, Part
from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.settings import ChartSource, ReleaseRecord
from kubectl_istio_upgrade.operations.session import WritingSession
from kubectl_istio_upgrade.operations.upgrading.by_helm import ByHelm
from kubectl_istio_upgrade.operations.upgrading.choosing import Chooser, Tools
from kubectl_istio_upgrade.operations.upgrading.wishes import Wishes
from kubectl_istio_upgrade.plan.retiring import revision_of
from kubectl_istio_upgrade.plan.settings.pending import Pending
from kubectl_istio_upgrade.plan.settings.releases import releases_of

from .builders import key, obj, state
from .test_plan_helm import record


def chart(release: str, name: str, *, revision: str = "") -> MeshObject:
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "istio-system"}
    labels = {"helm.sh/chart": f"{name}-1.28.3"} | ({"istio.io/rev": revision} if revision else {})
    return obj("ConfigMap", f"istio-system/{release}", labels=labels, annotations=annotations)


def control_plane(release: str, revision: str) -> tuple[MeshObject, ...]:
    """Of the chart's objects only some say of what revision they are; a tag says where it leads."""
    plain, told = chart(release, "istiod"), chart(release, "istiod", revision=revision)
    istiod = obj("Deployment", f"istio-system/{release}", labels=told.labels, annotations=told.annotations)
    role = replace(plain, key=key("ClusterRole", release))
    tag = replace(told, key=key("MutatingWebhookConfiguration", f"tag-of-{release}"))
    labels = {**told.labels, "istio.io/tag": "prod", "istio.io/rev": "elsewhere"}
    tag = replace(tag, body={**tag.body, "metadata": {**tag.body["metadata"], "labels": labels}})
    return istiod, role, told, tag


INSTALLED = (
    chart("istio-base", "base"),
    *control_plane("istiod", "default"),
    chart("istio-ingress", "gateway"),
)
VALUES: dict[str, Body] = {
    "istio-base": {"defaultRevision": "default"},
    "istiod": {"global": {"tag": "1.28.3"}, "autoscaleMin": 2, "revisionTags": ["prod"]},
    "istio-ingress": {"service": {"type": "ClusterIP"}},
    "blue": {"global": {"tag": "1.28.3"}, "revisionTags": ["b"]},
}
CHARTS = {"istio-base": "base", "istio-ingress": "gateway"}
"""What each release is of; all others are of istiod's chart."""


@dataclass(frozen=True)
class Helm:
    """Answers with `VALUES` and `CHARTS`, and renders nothing."""

    version: str = "4.3.1"
    charts: Mapping[str, str] = field(default_factory=lambda: CHARTS)

    def record(self, release: str, namespace: str) -> ReleaseRecord:
        assert namespace == "istio-system"
        return ReleaseRecord(self.charts.get(release, "istiod"), "1.28.3", server_side=False)

    def values(self, release: str, namespace: str) -> Body:
        assert namespace == "istio-system"
        return VALUES.get(release, {})

    def render(self, *_: object) -> tuple[Body, ...]:
        return ()


def way(*live: MeshObject, of: str = "default", helm: Helm | None = None, **more: Any) -> ByHelm:
    tools = Tools(cast(Any, None), lambda _: None, lambda _: None, lambda: cast(Any, helm or Helm()), ChartSource, load)
    (istiod,) = (each for each in live if each.key.plural == "deployments" and revision_of(each) == of)
    plane = Component(Part.CONTROL_PLANE, istiod, Method.HELM, of)
    captured = cast(Capture, type("Captured", (), {"state": state(*live)})())
    chosen = Chooser(tools, "1.29.1", Wishes(), **more).way(cast(WritingSession, None), captured, plane)
    assert isinstance(chosen, ByHelm)
    return chosen


def names(chosen: ByHelm) -> list[str]:
    return [each.name for each in chosen.releases]


def test_a_canary_takes_the_shared_definitions_and_a_release_of_its_own_that_is_new() -> None:
    chosen = way(*INSTALLED, revision="canary")
    assert [(each.name, each.new) for each in chosen.releases] == [("istio-base", False), ("istiod-canary", True)]
    assert chosen.values == {
        "istio-system/istio-base": {"defaultRevision": "default"},
        "istio-system/istiod-canary": {"global": {"tag": "1.29.1"}, "autoscaleMin": 2, "revision": "canary"},
    }


def test_gateways_move_to_a_canary_only_if_that_is_asked_for() -> None:
    chosen = way(*INSTALLED, revision="canary", gateways=True)
    assert names(chosen) == ["istio-base", "istiod-canary", "istio-ingress"]
    assert chosen.values["istio-system/istio-ingress"] == {"service": {"type": "ClusterIP"}, "revision": "canary"}


def test_the_rest_of_a_canary_is_about_the_same_releases_with_the_settings_of_its_journal() -> None:
    begun = way(*INSTALLED, revision="canary")
    half = (*INSTALLED, *control_plane("istiod-canary", "canary"))
    for plane in ("default", "canary"):  # which of them it goes by depends on how far it got
        rest = way(*half, of=plane, revision="canary", recorded=begun.settings, before=state(*INSTALLED))
        assert names(rest) == names(begun)
        assert [each.new for each in rest.releases] == [False, True]
        assert rest.settings == begun.settings
        assert all(each.label in rest.values for each in rest.releases)


def test_a_release_that_came_after_the_operation_had_begun_is_no_part_of_its_rest() -> None:
    begun = way(*INSTALLED)
    helm, theirs = Helm(charts={**CHARTS, "theirs": "gateway"}), chart("theirs", "gateway")
    rest = way(*INSTALLED, theirs, helm=helm, recorded=begun.settings, before=state(*INSTALLED))
    assert names(rest) == names(begun)
    assert (begun.late, rest.late) == ((), ("istio-system/theirs",))
    assert rest.behind == {each.label for each in begun.releases}


def test_a_canary_that_is_there_is_upgraded_as_the_release_that_it_is_with_its_own_values() -> None:
    there = (*INSTALLED, *control_plane("blue", "canary"))
    chosen = way(*there, of="canary", revision="canary")
    assert [(each.name, each.new) for each in chosen.releases] == [("istio-base", False), ("blue", False)]
    assert chosen.values["istio-system/blue"] == {
        "global": {"tag": "1.29.1"},
        "revisionTags": ["b"],
        "revision": "canary",
    }


def test_a_canary_that_is_there_is_no_part_of_the_other_ones_upgrade() -> None:
    assert names(way(*INSTALLED, *control_plane("istiod-canary", "canary"))) == [
        "istio-base",
        "istiod",
        "istio-ingress",
    ]


BEFORE = (*INSTALLED, record(1, "deployed"))
KILLED = (*INSTALLED, record(1, "deployed"), record(2, "pending-upgrade"))
ISTIOD = tuple(each for each in releases_of(state(*INSTALLED)) if each.name == "istiod")


def pending(live: tuple[MeshObject, ...], before: tuple[MeshObject, ...] | None, **more: Any) -> Pending:
    return Pending(state(*live), None if before is None else state(*before, **more), ISTIOD)


def test_a_record_that_this_operation_left_pending_is_removed_by_its_uid() -> None:
    (change,) = pending(KILLED, BEFORE).leftovers()
    assert (change.key.name, str(change.action)) == ("sh.helm.release.v1.istiod.v2", "delete")
    assert change.uid == KILLED[-1].server.uid
    assert pending(KILLED, BEFORE).stuck() == {}


def test_a_record_that_was_pending_before_or_that_nobody_can_place_is_somebody_elses() -> None:
    for found in (pending(KILLED, KILLED), pending(KILLED, None), pending(KILLED, BEFORE, without=["secrets"])):
        assert found.leftovers() == ()
        assert found.stuck() == {"istio-system/istiod": "pending-upgrade"}


def test_a_pending_record_that_a_later_one_has_settled_stands_in_nobodys_way() -> None:
    found = pending((*KILLED, record(10, "deployed")), BEFORE)
    assert (found.leftovers(), found.stuck()) == ((), {})


def test_a_release_is_behind_until_a_record_of_this_operation_says_that_it_is_deployed() -> None:
    behind = frozenset({"istio-system/istiod"})
    assert pending(BEFORE, BEFORE).behind() == behind
    assert pending(KILLED, BEFORE).behind() == behind
    assert pending((*BEFORE, record(2, "failed")), BEFORE).behind() == behind
    assert pending((*BEFORE, record(2, "deployed")), BEFORE).behind() == frozenset()
    assert pending(BEFORE, None).behind() == frozenset()
