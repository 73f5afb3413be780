"""Installing the real Istio with its own istioctl."""

from __future__ import annotations

import time

from .access import Access
from .pods import Json
from .processes import TestbedError

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"


def install_istio(plane: Access, version: str, *args: str, timeout: float = 180.0) -> str:
    """Run `istioctl install` of this release, with further arguments, and wait until its webhooks work.

    An installation of another release is upgraded in place. Somebody has to run an `IstiodFollower` meanwhile.
    Returns what istioctl printed.
    """
    printed = plane.istioctl(
        version, "install", "-y", "--set", "hub=docker.io/istio", "--set", f"tag={version}",
        f"--readiness-timeout={timeout:.0f}s", *args,
    )  # fmt: skip
    wait_webhooks(plane, timeout)
    return printed


def wait_webhooks(plane: Access, timeout: float = 60.0) -> None:
    """Wait until istiod has taken charge of its webhooks: set `caBundle`, and made validation strict."""
    deadline = time.monotonic() + timeout
    while unfinished := [name for name, webhook in _webhooks(plane) if not _in_charge(webhook)]:
        if time.monotonic() > deadline:
            raise TestbedError(f"istiod has not patched {', '.join(unfinished)} within {timeout:.0f} s")
        time.sleep(0.2)


def _webhooks(plane: Access) -> list[tuple[str, Json]]:
    """Istio's webhooks; those of its own that lead elsewhere by URL are not ours to wait for."""
    found = []
    for plural in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        for configuration in plane.api.request("GET", f"{WEBHOOKS}/{plural}")["items"]:
            for webhook in configuration["webhooks"]:
                if webhook["clientConfig"].get("service", {}).get("name", "").startswith("istiod"):
                    found.append((f"{configuration['metadata']['name']} {webhook['name']}", webhook))
    return found


def _in_charge(webhook: Json) -> bool:
    return bool(webhook["clientConfig"].get("caBundle")) and webhook["failurePolicy"] == "Fail"
