"""What istioctl and Istio's charts leave in the mesh of what it was installed with."""

from __future__ import annotations

import json
from typing import NamedTuple

from ...models.objects import Body, Key, State

VALUES = "values"
"""The config map with the values that the chart of istiod was rendered with, since 1.26. istioctl gives that chart all
values of an installation, so those of gateways and CNI are in there, too (operator/pkg/render/manifest.go,
manifests/charts/istio-control/istio-discovery/templates/configmap-values.yaml)."""

INJECTOR = "istio-sidecar-injector"
"""The config map of the injector, which has the values that injection needs in every release."""

MESH = "istio"
"""The config map with the mesh configuration, in `data.mesh`."""


class Recorded(NamedTuple):
    """Values, and the config map that had them."""

    values: Body
    where: str


def suffixed(name: str, revision: str) -> str:
    """The name of an object of a revision; "" and `default` have none."""
    return name if revision in ("", "default") else f"{name}-{revision}"


def config_map(state: State, namespace: str, name: str) -> Body:
    """The data of a config map; empty where there is none."""
    key = Key("", "configmaps", namespace, name)
    data = state.load([key])[key].body.get("data") if key in state.versions else None
    return data or {}


def recorded_values(state: State, namespace: str, revision: str) -> Recorded:
    """The best record of the values that a control plane was installed with; empty where nothing has any."""
    for name, field in ((VALUES, "original-values"), (INJECTOR, "values")):
        name = suffixed(name, revision)
        values = _parsed(config_map(state, namespace, name).get(field))
        if values:
            return Recorded(values, f"ConfigMap {namespace}/{name}")
    return Recorded({}, "")


def _parsed(text: str | None) -> Body:
    """JSON, which both config maps hold; what somebody has broken by hand is no record."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
