"""Lists of maps whose order has no meaning, and the key that pairs their items.

Every other list is compared in order: the first VirtualService route that matches wins, EnvoyFilter patches apply one
after another, init containers run one after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..models.objects import Json
from .matching import Types, types

_WORKLOADS = types("deployments.apps", "daemonsets.apps", "statefulsets.apps")
_POD = "spec.template.spec"


@dataclass(frozen=True, slots=True)
class KeyedList:
    """One row. `path` is dotted, list items as `*`; `keys` together identify an item."""

    types: Types
    path: str
    keys: tuple[str, ...]


_CONTAINER_LISTS = {"env": ("name",), "ports": ("containerPort", "protocol"), "volumeMounts": ("mountPath",)}

KEYED_LISTS: tuple[KeyedList, ...] = (
    KeyedList(types("*"), "metadata.ownerReferences", ("kind", "name")),
    KeyedList(_WORKLOADS, f"{_POD}.containers", ("name",)),
    *(KeyedList(_WORKLOADS, f"{_POD}.containers.*.{name}", keys) for name, keys in _CONTAINER_LISTS.items()),
    *(KeyedList(_WORKLOADS, f"{_POD}.initContainers.*.{name}", keys) for name, keys in _CONTAINER_LISTS.items()),
    KeyedList(_WORKLOADS, f"{_POD}.volumes", ("name",)),
    KeyedList(_WORKLOADS, f"{_POD}.imagePullSecrets", ("name",)),
    KeyedList(types("services"), "spec.ports", ("port", "protocol")),
    KeyedList(types("serviceaccounts"), "imagePullSecrets", ("name",)),
    KeyedList(types("serviceaccounts"), "secrets", ("name",)),
    KeyedList(types("*.admissionregistration.k8s.io"), "webhooks", ("name",)),
    KeyedList(types("*.rbac.authorization.k8s.io"), "subjects", ("kind", "namespace", "name")),
    KeyedList(types("customresourcedefinitions.apiextensions.k8s.io"), "spec.versions", ("name",)),
    KeyedList(
        types("gateways.gateway.networking.k8s.io", "xlistenersets.gateway.networking.x-k8s.io"),
        "spec.listeners",
        ("name",),
    ),
)


def keyed_lists(resource: str) -> Mapping[str, tuple[str, ...]]:
    """The rows for one type: dotted path to item key."""
    return {row.path: row.keys for row in KEYED_LISTS if resource in row.types}


def refer_back(items: Iterable[Json]) -> bool:
    """Whether an item of a keyed list may refer to those before it: then the order has a meaning after all.

    `$(NAME)` in the value of an environment variable is expanded from what is defined before it, and stays as it is
    where that comes later (Kubernetes, core/v1, EnvVar.value).
    """
    return any("$(" in item["value"] for item in items if isinstance(item.get("value"), str))
