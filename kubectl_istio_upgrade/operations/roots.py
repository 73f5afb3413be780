"""Is istiod where we look for it? A wrong root namespace would make a snapshot with the installation missing."""

from __future__ import annotations

from ..errors import UsageError
from ..models.objects import Key, State
from ..rules.fields import WEBHOOKS
from ..rules.scope import NAMESPACE

ISTIOD_LABEL = "istio.io/rev"
"""On every webhook configuration that istiod patches (pkg/webhooks/webhookpatch.go)."""


def check_root_namespace(state: State, root_namespace: str, *, named: bool) -> None:
    """Raise UsageError when istiod's webhooks call another namespace, or when a namespace that was named is not there.

    A default that does not exist passes while nothing speaks for another: there may be no mesh yet.
    """
    where = _istiod_namespaces(state)
    if where and root_namespace not in where:
        other = sorted(where)[0]
        message = f"istiod runs in namespace {other!r}, not in {root_namespace!r}"
        raise UsageError(message, hint=f"pass --root-namespace {other}")
    if named and Key("", NAMESPACE, "", root_namespace) not in state.versions:
        raise UsageError(f"there is no namespace {root_namespace!r} in this cluster")


def _istiod_namespaces(state: State) -> set[str]:
    keys = [key for key in state.versions if key.resource in WEBHOOKS]
    found = set()
    for obj in state.load(keys).values():
        if ISTIOD_LABEL in obj.labels:
            services = (hook.get("clientConfig", {}).get("service") for hook in obj.body.get("webhooks") or ())
            found |= {str(service["namespace"]) for service in services if service}
    return found
