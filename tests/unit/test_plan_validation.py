"""From evidence to answers: every check can say yes, no, and that it does not know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Key
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.models.tools import ControlPlaneVersion, Level, MeshVersions, ProxyStatus, ToolMessage
from kubectl_istio_upgrade.models.validation import Check, CheckStatus
from kubectl_istio_upgrade.models.webhooks import Backing, DeadWebhook, ServiceName
from kubectl_istio_upgrade.plan.skew import Member, skews
from kubectl_istio_upgrade.plan.validation import (
    MOST_DETAILS,
    Deployed,
    Evidence,
    Unanswered,
    UnreadyPod,
    failures,
    since,
    validated,
)
from kubectl_istio_upgrade.rules.validation import CHECKS

NEW, OLD = Release(1, 29, 1), Release(1, 28, 3)
SERVICE = ServiceName("istio-system", "istiod")
HOOK = DeadWebhook(Key("a", "b", "", "validator"), "validation.istio.io", "Fail", (), "nobody is there", SERVICE)
PLANE = ControlPlaneVersion("pilot", "default", "1.29.1")
ERROR = ToolMessage("IST0101", Level.ERROR, "not found", "VirtualService shop/web")
WARNING = ToolMessage("IST0102", Level.WARNING, "hm")

HEALTHY = Evidence(
    control_planes={"default": NEW},
    istiods=(Deployed("Deployment istio-system/istiod"),),
    components=(Deployed("Deployment istio-system/istio-ingressgateway"),),
    pods=4,
    unready=(),
    services={SERVICE: Backing()},
    webhooks=3,
    dead=(),
    unseen=(),
    asking=1,
    dangling=(),
    members=(Member("Deployment shop/web", NEW, "default"),),
    injected=1,
    reported=MeshVersions("1.29.1", (PLANE,), {"web.shop": "1.29.1"}),
    proxies=(ProxyStatus("web.shop", "istiod", "1.29.1"),),
    messages=(),
)


def answer(id_: str, evidence: Evidence) -> Check:
    return next(check for check in validated(evidence).checks if check.id == id_)


def test_a_healthy_mesh_passes_every_check_in_the_order_of_the_table() -> None:
    found = validated(HEALTHY)
    assert [check.id for check in found.checks] == [rule.id for rule in CHECKS]
    assert {check.status for check in found.checks} == {CheckStatus.OK}
    assert found.holds


SAYING_NO: list[tuple[str, dict[str, Any], str]] = [
    ("control-plane", {"istiods": ()}, "there is no istiod"),
    ("control-plane", {"istiods": (Deployed("istiod", "0 of 1 are available"),)}, "1 of 1 have not"),
    ("components", {"components": (Deployed("gateway", "slow"),)}, "1 of 1 have not"),
    ("pods", {"unready": (UnreadyPod("pod a/b", "it waits", ours=True),)}, "1 of 4 are not"),
    ("services", {"services": {SERVICE: Backing(ready=False)}}, "1 of 1 have none"),
    ("webhooks", {"dead": (HOOK,)}, "1 of 3 are not"),
    ("revisions", {"dangling": ("namespace a asks for revision x",)}, "1 of 1 that ask"),
    ("versions", {"members": (Member("web", OLD, "default"),)}, "1 of 1 are of another release"),
    ("reported", {"reported": MeshVersions("", (PLANE,), {"web.shop": "1.28.3"})}, "1 of 1 are of another release"),
    ("reported", {"control_planes": {"default": OLD}}, "istiod is not what its image says"),
    ("synced", {"proxies": (ProxyStatus("web.shop", "istiod", "1.29.1", ("CDS",)),)}, "1 of 1 have not"),
    ("analysis", {"messages": (ERROR,)}, "1 error"),
]


@pytest.mark.parametrize(("id_", "changes", "summary"), SAYING_NO)
def test_each_check_can_fail(id_: str, changes: dict[str, Any], summary: str) -> None:
    evidence = replace(HEALTHY, **changes)
    check = answer(id_, evidence)
    assert check.status is CheckStatus.FAILED
    assert summary in check.summary
    assert not validated(evidence).holds


def test_every_check_is_among_those() -> None:
    assert {id_ for id_, _, _ in SAYING_NO} == {rule.id for rule in CHECKS}


@pytest.mark.parametrize(
    ("id_", "changes", "words"),
    [
        ("services", {"services": {SERVICE: Backing(known=False)}}, "could not be checked"),
        ("webhooks", {"unseen": (SERVICE,)}, "could not be checked"),
        ("versions", {"control_planes": {}}, "tell no release"),
        ("reported", {"reported": Unanswered("no istioctl")}, "no istioctl"),
        ("reported", {"reported": MeshVersions("1.29.1", unreached="connection refused")}, "connection refused"),
        ("synced", {"proxies": Unanswered("no istioctl")}, "no istioctl"),
        ("analysis", {"messages": Unanswered("no istioctl")}, "no istioctl"),
    ],
)
def test_what_could_not_be_looked_at_is_neither_yes_nor_no(id_: str, changes: dict[str, Any], words: str) -> None:
    evidence = replace(HEALTHY, **changes)
    check = answer(id_, evidence)
    assert check.status is CheckStatus.SKIPPED
    assert words in check.summary
    assert validated(evidence).holds


@pytest.mark.parametrize(
    ("id_", "changes"),
    [
        ("pods", {"unready": (UnreadyPod("pod a/b", "its app crashes", ours=False),)}),
        ("versions", {"members": (Member("web", None, "default"),)}),
        ("versions", {"control_planes": {"default": NEW, "old": OLD}}),
        ("synced", {"proxies": ()}),
        ("analysis", {"messages": (WARNING,)}),
        ("versions", {"members": (Member("web", Release(1, 26, 0), "default"),), "follows": True}),
    ],
)
def test_what_a_person_should_know_and_is_no_failure(id_: str, changes: dict[str, Any]) -> None:
    assert answer(id_, replace(HEALTHY, **changes)).status is CheckStatus.WARNING


def test_what_failed_before_in_the_same_words_is_no_failure_of_what_was_done_since() -> None:
    evidence = replace(HEALTHY, messages=(ERROR, WARNING), dangling=("namespace a asks for revision x",))
    before = failures(validated(evidence))
    assert before == {
        "revisions": ("namespace a asks for revision x",),
        "analysis": ("IST0101 (VirtualService shop/web): not found",),
    }
    assert since(validated(evidence), before).holds
    more = replace(evidence, messages=(ERROR, WARNING, replace(WARNING, code="IST0158")))
    assert since(validated(more), before).holds, "a new warning does not make an old error new"
    worse = replace(evidence, messages=(ERROR, replace(ERROR, origin="VirtualService shop/other")))
    found = since(validated(worse), before)
    assert {check.id for check in found.checks if check.status is CheckStatus.FAILED} == {"analysis"}
    assert not since(validated(replace(HEALTHY, istiods=())), before).holds


def test_a_pod_that_was_not_ready_before_is_known_again_whatever_the_kubelet_says_of_it_now() -> None:
    was, now = (UnreadyPod("pod a/b", f"kiali is waiting: back-off {time}", ours=True) for time in ("1m20s", "2m40s"))
    before = failures(validated(replace(HEALTHY, unready=(was,))))
    found = since(validated(replace(HEALTHY, unready=(now,))), before)
    assert found.holds
    (check,) = (each for each in found.checks if each.id == "pods")
    assert check.details == ("pod a/b: kiali is waiting: back-off 2m40s",)
    assert not since(validated(replace(HEALTHY, unready=(now, replace(now, name="pod a/c")))), before).holds


def test_that_there_is_no_istiod_is_new_where_one_was_only_not_ready() -> None:
    before = failures(validated(replace(HEALTHY, istiods=(Deployed("Deployment a/istiod", "0 of 1 are available"),))))
    assert "control-plane" in before
    assert not since(validated(replace(HEALTHY, istiods=())), before).holds


def test_a_proxy_ahead_of_its_istiod_is_a_failure_even_if_the_rest_follows() -> None:
    ahead = replace(HEALTHY, members=(Member("web", Release(1, 29, 2), "default"),), follows=True)
    assert answer("versions", ahead).status is CheckStatus.FAILED


@pytest.mark.parametrize(
    ("release", "allowed"),
    [
        (OLD, True),
        (Release(1, 29, 0), True),
        (Release(1, 27, 9), False),
        (Release(1, 29, 2), False),
        (Release(2, 28), False),
    ],
)
def test_only_a_data_plane_that_lags_a_little_is_let_through(release: Release, allowed: bool) -> None:
    evidence = replace(HEALTHY, members=(Member("web", release, "default"),))
    assert answer("versions", evidence).status is CheckStatus.FAILED
    lenient = answer("versions", replace(evidence, allow_skew=True))
    assert lenient.status is (CheckStatus.WARNING if allowed else CheckStatus.FAILED)
    assert ("does not support" in lenient.details[0]) is not allowed


def test_each_proxy_is_compared_with_the_istiod_of_its_revision() -> None:
    planes = {"default": OLD, "canary": NEW}
    right = [Member("a", OLD, "default"), Member("b", NEW, "canary"), Member("c", NEW, "unknown")]
    assert skews(planes, right) == ()
    (skew,) = skews(planes, [Member("d", OLD, "canary")])
    assert (skew.istiod, skew.allowed) == (NEW, True)


def test_long_answers_are_cut_and_counted() -> None:
    dangling = tuple(f"namespace {number}" for number in range(MOST_DETAILS + 5))
    details = answer("revisions", replace(HEALTHY, dangling=dangling)).details
    assert (len(details), details[-1]) == (MOST_DETAILS + 1, "and 5 more")
