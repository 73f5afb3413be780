"""The story: an upgrade and some accidents, seen by `diff` and taken back by `rollback`."""

from __future__ import annotations

from tests.controlplane import wait_webhooks

from .console import Console, DemoError
from .stage import NEW, OLD, Stage

ISTIOD_IMAGE = "kubectl get deployment istiod -n istio-system -o jsonpath={..containers[0].image}"
RULES = """destinationrule.networking.istio.io/reviews
authorizationpolicy.security.istio.io/reviews"""


def play(stage: Stage) -> None:
    """All of it. Raises DemoError at the first step that does not do what it should."""
    console = stage.console
    console.heading(f"A cluster with Istio {OLD}, an application, and rules for it")
    _install(stage, OLD)
    console.run("kubectl apply -f shop.yaml")
    console.run("kubectl rollout status deployment/reviews -n shop")

    console.heading("Before the upgrade: a snapshot")
    console.run(f'kubectl istio-upgrade snapshot --name before -m "before {NEW}"')

    console.heading(f"The upgrade to Istio {NEW}")
    _install(stage, NEW)
    console.expect(ISTIOD_IMAGE, f"docker.io/istio/pilot:{NEW}")

    _drift(console)
    _look(console)

    console.heading("The way back: all of it, by one command, with a proof")
    console.run("kubectl istio-upgrade rollback --yes")
    stage.istiod.wait_ready(OLD)

    console.heading("Is it really back?")
    console.run("kubectl istio-upgrade diff before")
    console.expect(ISTIOD_IMAGE, f"docker.io/istio/pilot:{OLD}")
    console.expect("kubectl get destinationrules,authorizationpolicies -n shop -o name", RULES)
    console.expect("kubectl get namespace shop -o jsonpath={.metadata.labels.istio-injection}", "enabled")
    console.run("kubectl istio-upgrade history")


def _drift(console: Console) -> None:
    console.heading("Meanwhile, others change things, too")
    console.run("kubectl delete destinationrule reviews -n shop")
    console.show("lock-down.yaml")
    console.run("kubectl apply -f lock-down.yaml")
    console.run("kubectl apply --server-side --force-conflicts --field-manager=jane -f canary.yaml")
    console.run("kubectl label namespace shop istio-injection-")


def _look(console: Console) -> None:
    console.heading("What is different now?")
    console.differs("kubectl istio-upgrade diff --stat")
    console.say("One of them in full, and who did it:")
    console.differs("kubectl istio-upgrade diff --only virtualservice/reviews")


def _install(stage: Stage, version: str) -> None:
    command = f"istioctl-{version} install -y --set hub=docker.io/istio --set tag={version}"
    done = [line for line in stage.console.ask(command).splitlines() if line.startswith("✔")]
    if not done:
        raise DemoError(f"`{command}` does not say that it installed anything")
    print("\n".join(done), flush=True)
    wait_webhooks(stage.plane)
    stage.istiod.wait_ready(version)
