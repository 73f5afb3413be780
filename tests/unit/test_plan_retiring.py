"""When the control plane that a plan removes goes: after whatever uses it has left."""

from __future__ import annotations

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.plans import Action
from kubectl_istio_upgrade.plan.restarts import planned_restart
from kubectl_istio_upgrade.plan.rollback import plan_rollback, write_order
from kubectl_istio_upgrade.rules.order import RETIRED, RETIRED_WEBHOOKS, STAGES

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
