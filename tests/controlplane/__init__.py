"""A real Kubernetes control plane and a real Istio on this machine, without containers; see README.md."""

from .access import Access
from .build import chart_path, ensure_built, istioctl_path
from .components import RELEASES
from .install import install_istio, wait_webhooks
from .istiod import IstiodFollower
from .plane import ControlPlane
from .processes import TestbedError

__all__ = [
    "RELEASES",
    "Access",
    "ControlPlane",
    "IstiodFollower",
    "TestbedError",
    "chart_path",
    "ensure_built",
    "install_istio",
    "istioctl_path",
    "wait_webhooks",
]
