"""What is looked at to say that a mesh is as an upgrade should leave it: one row a check, in their order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One row."""

    id: str
    title: str
    why: str
    """What it stands for in the guide, and what an answer of "no" means."""


ANALYSIS = "analysis"
"""The check that istioctl makes of the configuration."""

CHECKS: tuple[CheckRule, ...] = (
    CheckRule("control-plane", "istiod runs", "without it nothing is configured, injected or validated"),
    CheckRule(
        "components", "gateways, CNI and ztunnel have rolled out", "a rollout that hangs leaves the old release serving"
    ),
    CheckRule("pods", "pods are ready", "the guide's `kubectl get pods`, for the installation and for every sidecar"),
    CheckRule("services", "services have endpoints", "the guide's `kubectl get svc`: an address with nobody behind"),
    CheckRule(
        "webhooks",
        "webhooks are served, with the mesh's CA",
        "one that is not, and fails closed, blocks every write or every new pod; one that fails open lets all pass",
    ),
    CheckRule(
        "revisions", "every revision label names an injector", "pods that ask for a revision nobody serves get no proxy"
    ),
    CheckRule("versions", "no version skew, by image", "the guide's `istioctl version`, as far as images tell"),
    CheckRule("reported", "no version skew, by what runs", "the guide's `istioctl version`, by each proxy's own word"),
    CheckRule("synced", "every proxy has its configuration", "a proxy that rejects it serves what it had before"),
    CheckRule(ANALYSIS, "istioctl analyze finds no error", "configuration that does not do what it says"),
)

POLICY = "the data plane may be one minor release behind istiod for a while, and never ahead of it"
"""istio.io, releases/supported-releases: control plane and data plane skew."""
