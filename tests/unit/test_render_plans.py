"""What a plan tells about others: who will undo it and how to pause them, and what to run afterwards."""

from __future__ import annotations

import io

from kubectl_istio_upgrade.models.plans import FollowUp, ForeignOwner, Plan
from kubectl_istio_upgrade.render.plans import plan_data, print_plan
from kubectl_istio_upgrade.render.terminal import Terminal

from .builders import key

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
