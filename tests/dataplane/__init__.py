"""Real proxies for the test bed: Envoy under Istio's own pilot-agent, for pretended pods; see README.md."""

from .follower import ProxyFollower
from .mesh import RunningMesh
from .traffic import Stream

__all__ = ["ProxyFollower", "RunningMesh", "Stream"]
