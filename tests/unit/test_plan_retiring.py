"""When the control plane that a plan removes goes: after whatever uses it has left."""

from __future__ import annotations

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.plans import Action
from kubectl_istio_upgrade.plan.restarts import planned_restart
from kubectl_istio_upgrade.plan.retiring import members
from kubectl_istio_upgrade.plan.rollback import plan_rollback, write_order
from kubectl_istio_upgrade.rules.order import RETIRED, RETIRED_RECORDS, RETIRED_WEBHOOKS, STAGES

from .builders import obj, state, type_of


def of(revision: str, kind: str, name: str, **body: object) -> MeshObject:
    where = "" if kind.endswith(("Configuration", "ClusterRole")) else "istio-system/"
    labels = {"operator.istio.io/component": "Pilot", "istio.io/rev": revision}
    return obj(kind, f"{where}{name}", labels=labels, **body)  # type: ignore[arg-type]


def control_plane(revision: str, suffix: str = "") -> tuple[MeshObject, ...]:
    return (
        of(revision, "Deployment", f"istiod{suffix}", spec={}),
        of(revision, "Service", f"istiod{suffix}", spec={}),
        of(revision, "ConfigMap", f"istio-sidecar-injector{suffix}", data={}),
        of(revision, "ClusterRole", f"istiod-clusterrole{suffix}", rules=[]),
        of(revision, "MutatingWebhookConfiguration", f"istio-sidecar-injector{suffix}", webhooks=[]),
    )


CANARY = control_plane("canary", "-canary")
SHOP = obj("Namespace", "shop", version="2", labels={"istio.io/rev": "canary"})
SHOP_BEFORE = obj("Namespace", "shop", labels={"istio-injection": "enabled"})
ADDED = obj("VirtualService", "shop/added", spec={})
ROOT = obj("Namespace", "istio-system")


def ordered(live: tuple[MeshObject, ...], target: tuple[MeshObject, ...]) -> list[tuple[str, str, str]]:
    """The writes of a rollback that also takes a restart back, in their order: action, stage, name."""
    restart = planned_restart(obj("Deployment", "shop/web", spec={"template": {}}), type_of("Deployment"), None)
    writes = plan_rollback(state(ROOT, *live), state(ROOT, *target)).writes
    changes = sorted((*writes, restart), key=write_order)
    return [(change.action, STAGES[change.stage].name, change.key.name) for change in changes]


def test_workloads_go_back_to_the_old_control_plane_before_the_canary_goes() -> None:
    order = ordered((*CANARY, SHOP, ADDED), (*control_plane("default"), SHOP_BEFORE))
    actions = [action for action, *_ in order]
    back = actions.index(Action.RESTART)
    assert actions[:back] == [*[Action.CREATE] * 5, Action.UPDATE, Action.DELETE]
    assert order[back - 1][2] == "added"
    first, *others = order[back + 1 :]
    assert first == (Action.DELETE, RETIRED_WEBHOOKS, "istio-sidecar-injector-canary")
    assert {(action, stage) for action, stage, _ in others} == {(Action.DELETE, RETIRED)}
    assert len(others) == 4


def test_what_a_release_that_stays_has_added_goes_before_restarts() -> None:
    """An upgrade in place: a webhook of the newer release must not be asked about the pods that come back."""
    old, new = control_plane("default"), of("default", "MutatingWebhookConfiguration", "new", webhooks=[])
    assert ordered((*old, new), old)[0][1:] == ("injection", "new")


def test_a_tag_goes_before_restarts_though_it_leads_to_the_canary() -> None:
    tag = of("canary", "MutatingWebhookConfiguration", "tag", webhooks=[])
    tag.body["metadata"]["labels"]["istio.io/tag"] = "prod"
    names = [name for *_, name in ordered((*CANARY, tag), ())]
    assert names[:2] == ["tag", "web"]


RELEASED = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system"}
CHART = {"helm.sh/chart": "istiod-1.28.3"}
MARKS = {
    "component": "operator.istio.io/component",
    "rev": "istio.io/rev",
    "tag": "istio.io/tag",
    "chart": "helm.sh/chart",
}


def by_helm(kind: str, name: str, **marks: str) -> MeshObject:
    """An object of the release that Helm has made, with what its chart marks it with."""
    labels = {**CHART, **{MARKS[mark]: value for mark, value in marks.items()}}
    return obj(kind, name, labels=labels, annotations=RELEASED)


def helms(revision: str, suffix: str = "") -> tuple[MeshObject, ...]:
    """A control plane as Helm installs it: only some of its objects are marked with the component."""
    return (
        by_helm("Deployment", f"istio-system/istiod{suffix}", component="Pilot", rev=revision),
        by_helm("ServiceAccount", f"istio-system/istiod{suffix}"),
        by_helm("ClusterRole", f"istiod-clusterrole{suffix}"),
        by_helm("ValidatingWebhookConfiguration", f"istio-validator{suffix}", rev=revision),
    )


def test_of_helms_all_that_the_chart_has_made_of_a_control_plane_goes_with_it() -> None:
    assert members(helms("default"), "default") == list(helms("default"))


def test_what_else_is_of_its_release_stays() -> None:
    others = (
        by_helm("CustomResourceDefinition", "sidecars.networking.istio.io", chart="base-1.28.3"),
        by_helm("ConfigMap", "istio-system/blue", rev="blue"),
        by_helm("MutatingWebhookConfiguration", "tag-prod", tag="prod", rev="default"),
        obj("ConfigMap", "istio-system/mine", labels=CHART),
    )
    assert members((*helms("default"), *others), "default") == list(helms("default"))


def test_two_control_planes_of_one_release_share_what_does_not_say_whose_it_is() -> None:
    found = members((*helms("default"), *helms("blue", "-blue")), "blue")
    assert [each.key.name for each in found] == ["istiod-blue"]


def test_a_canary_of_helms_keeps_its_rights_until_workloads_have_left_it_and_its_record_goes_last() -> None:
    marks = {"owner": "helm", "name": "istiod", "version": "1", "status": "deployed"}
    record = obj("Secret", "istio-system/sh.helm.release.v1.istiod.v1", labels=marks, data={"release": "x"})
    order = ordered((*helms("canary"), record, SHOP), (SHOP_BEFORE,))
    back = [action for action, *_ in order].index(Action.RESTART)
    stages = [stage for _, stage, _ in order[back + 1 :]]
    assert stages == [RETIRED_WEBHOOKS, RETIRED, RETIRED, RETIRED, RETIRED_RECORDS]
    assert order[-1][2] == record.key.name
