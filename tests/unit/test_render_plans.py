"""What a plan tells about others: who will undo it and how to pause them, and what to run afterwards."""

from __future__ import annotations

import io
from dataclasses import replace

from kubectl_istio_upgrade.models.plans import FollowUp, ForeignOwner, Plan
from kubectl_istio_upgrade.plan.restarts import planned_restart
from kubectl_istio_upgrade.render.plans import plan_data, print_plan
from kubectl_istio_upgrade.render.terminal import Terminal

from .builders import key, obj, type_of

FLUX = ForeignOwner(
    kind="Flux Kustomization",
    name="mesh",
    namespace="flux-system",
    objects=(key("ConfigMap", "istio-system/istio"), key("VirtualService", "shop/web")),
    will_revert="puts its own state back at the end of each interval",
    pause="flux suspend kustomization mesh -n flux-system",
)
HELM = ForeignOwner("Helm release", "", "", FLUX.objects[:1], "acts only when it is run", "")
THEN = FollowUp("helm rollback istiod 1 -n istio-system", "else Helm takes revision 2 for deployed")
PLAN = Plan("rollback", "snapshot 3f2a91c", (), 0, "0" * 64, owners=(FLUX, HELM), follow_ups=(THEN,))


def test_the_plan_names_owners_and_what_to_run_afterwards() -> None:
    stream = io.StringIO()
    print_plan(Terminal(stream), PLAN, "cluster test")
    assert stream.getvalue().splitlines()[1:-1] == [
        "  owned by Flux Kustomization flux-system/mesh: 2 objects",
        "           it puts its own state back at the end of each interval",
        "           pause: flux suspend kustomization mesh -n flux-system",
        "  owned by Helm release: 1 object",
        "           it acts only when it is run",
        "  then run helm rollback istiod 1 -n istio-system",
        "           else Helm takes revision 2 for deployed",
    ]


def test_programs_get_the_same() -> None:
    data = plan_data(PLAN)
    assert data["owners"][0] == {
        "kind": "Flux Kustomization",
        "name": "mesh",
        "namespace": "flux-system",
        "objects": ["configmaps istio-system/istio", "virtualservices.networking.istio.io shop/web"],
        "willRevert": FLUX.will_revert,
        "pause": FLUX.pause,
    }
    assert data["followUps"] == [{"command": THEN.command, "why": THEN.why}]


def test_restarts_that_will_follow_are_told_together_by_their_reason() -> None:
    live = [obj("Deployment", f"shop/{name}", spec={}) for name in ("api", "web", "odd")]
    reasons = ("image 1, then 2", "image 1, then 2", "image 0, then 2")
    foreseen = tuple(
        planned_restart(each, type_of("Deployment"), "2026-11-25T04:00:00Z", reason=reason)
        for each, reason in zip(live, reasons, strict=True)
    )
    plan = replace(PLAN, owners=(), follow_ups=(), foreseen=foreseen)
    assert plan.has_work
    assert not plan.writes
    stream = io.StringIO()
    print_plan(Terminal(stream), plan, "cluster test")
    assert stream.getvalue().splitlines()[1:] == [
        "  restart  afterwards, as far as can be told before: 2 workloads",
        "           shop/api, shop/web",
        "           image 1, then 2",
        "  restart  afterwards, as far as can be told before: 1 workload",
        "           shop/odd",
        "           image 0, then 2",
        f"nothing to do; then 3 restarts; 0 already the same (plan {'0' * 12})",
    ]
    assert [each["name"] for each in plan_data(plan)["foreseen"]] == ["api", "web", "odd"]
