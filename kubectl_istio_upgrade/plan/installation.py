"""How a mesh was installed and what of, from the marks on its own objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from ..models.installations import Component, Installation, Method, Part
from ..models.objects import Body, Key, MeshObject, State
from ..models.releases import Release
from ..models.snapshots import WorkloadProxy
from ..normalise.inventory import repository_of
from ..rules.components import COMPONENT_LABEL
from ..rules.matching import has_any_label, types
from ..rules.owners import RELEASE_NAME
from ..rules.scope import CRD, CUSTOM_RESOURCES, ISTIO_LABELS
from .owners import owner_of
from .settings.releases import releases_of

WORKLOADS = types("deployments.apps", "daemonsets.apps", "statefulsets.apps")

REVISION = "istio.io/rev"
TAG = "istio.io/tag"
DEFAULT_REVISION = "default"
MANAGED_BY_ISTIOCTL = "operator.istio.io/managed"
ISTIOCTL_MANAGER = "istio-operator"

PART_BY_COMPONENT: Mapping[str, Part] = {
    "Pilot": Part.CONTROL_PLANE,
    "Cni": Part.CNI,
    "Ztunnel": Part.ZTUNNEL,
    "IngressGateways": Part.GATEWAY,
    "EgressGateways": Part.GATEWAY,
}
PART_BY_IMAGE: tuple[tuple[str, Part], ...] = (
    ("*/pilot", Part.CONTROL_PLANE),
    ("*istio-pilot", Part.CONTROL_PLANE),
    ("*/istiod", Part.CONTROL_PLANE),
    ("*/install-cni", Part.CNI),
    ("*istio-install-cni", Part.CNI),
    ("*/ztunnel", Part.ZTUNNEL),
    ("*istio-ztunnel", Part.ZTUNNEL),
)
"""Images of istiod's releases, under whatever registry, and under names that mirrors give them, such as
`rancher/mirrored-istio-pilot`; for installations that carry no component label."""

PROXY = "istio-proxy"
INJECTED_IMAGE = "auto"
"""The image that istiod fills in when the pod is made: of a gateway of the chart `gateway`."""

METHODS: Mapping[str, Method] = {
    "sail": Method.SAIL,
    "istio-operator": Method.OPERATOR,
    "helm": Method.HELM,
    "flux-helm-release": Method.HELM,
}
"""Rows of `rules.owners` that say by what an object was installed."""


def installation_of(state: State, workloads: Iterable[WorkloadProxy] = ()) -> Installation:
    """Everything installed that the state holds; the workloads' pods tell the versions of injected gateways."""
    proxies = {(each.kind, each.namespace, each.name): each for each in workloads}
    objects = state.load([key for key in state.versions if key.resource in WORKLOADS]).values()
    components = tuple(component for obj in objects if (component := _component(obj, state, proxies)))
    ranked = sorted(components, key=lambda each: ([*Part].index(each.part), each.obj.key))
    found = Installation(tuple(ranked), (), _tags(state), _base(state))
    plane = found.current()
    return replace(found, releases=releases_of(state, plane.revision if plane else DEFAULT_REVISION))


def is_installed(obj: MeshObject) -> bool:
    """Whether an object is part of an installation, and not of the configuration that its users write."""
    return has_any_label(obj, ISTIO_LABELS) or obj.key.resource == CRD


def method_of(obj: MeshObject, mesh: Iterable[Key]) -> Method:
    """By what this object was installed."""
    owner = owner_of(obj, tuple(mesh))
    if owner and owner.rule.id in METHODS:
        return METHODS[owner.rule.id]
    if RELEASE_NAME in obj.annotations:
        return Method.HELM
    managers = {entry.get("manager") for entry in obj.server.managed_fields}
    if MANAGED_BY_ISTIOCTL in obj.labels or ISTIOCTL_MANAGER in managers:
        return Method.ISTIOCTL
    return Method.MANIFESTS


def containers_of(obj: MeshObject) -> tuple[Body, ...]:
    """Of a workload's pod template, init containers last."""
    spec = obj.body.get("spec", {}).get("template", {}).get("spec") or {}
    return (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))


def _component(
    obj: MeshObject, state: State, proxies: Mapping[tuple[str, str, str], WorkloadProxy]
) -> Component | None:
    part = part_of(obj)
    if part is None:
        return None
    running = proxies.get((obj.kind, obj.key.namespace, obj.key.name))
    revision = obj.labels.get(REVISION) or _injecting_revision(obj, running)
    return Component(part, obj, method_of(obj, state.versions), revision, _version(obj, part, running))


def part_of(obj: MeshObject) -> Part | None:
    """Which part of an installation a workload is, by its label, else by its image; None for any other."""
    if part := PART_BY_COMPONENT.get(obj.labels.get(COMPONENT_LABEL, "")):
        return part
    for container in containers_of(obj):
        name = repository_of(str(container.get("image", "")))
        for pattern, part in PART_BY_IMAGE:
            if fnmatchcase(f"/{name}", pattern):
                return part
        if container.get("name") == PROXY:
            return Part.GATEWAY
    return None


def _version(obj: MeshObject, part: Part, running: WorkloadProxy | None) -> Release | None:
    images = [str(container.get("image", "")) for container in containers_of(obj)]
    if part is Part.GATEWAY and INJECTED_IMAGE in images:
        images = list(running.images) if running else []
    found = [release for image in images if (release := Release.of_image(image))]
    return min(found, key=lambda release: release.rank) if found else None


def _injecting_revision(obj: MeshObject, running: WorkloadProxy | None) -> str:
    template = obj.body.get("spec", {}).get("template", {}).get("metadata") or {}
    wanted = (template.get("labels") or {}).get(REVISION, "")
    return str(wanted or (running.revisions[0] if running and running.revisions else ""))


def _tags(state: State) -> dict[str, str]:
    tags = {}
    for key in state.versions:
        if key.plural == "mutatingwebhookconfigurations":
            obj = state.load([key])[key]
            if tag := obj.labels.get(TAG):
                tags[tag] = obj.labels.get(REVISION, "")
    return dict(sorted(tags.items()))


def _base(state: State) -> Method | None:
    """How Istio's own definitions came here; those of the Gateway API are somebody else's."""
    for key in sorted(key for key in state.versions if key.resource == CRD):
        plural, _, group = key.name.partition(".")
        if f"{plural}.{group}" in CUSTOM_RESOURCES and group.endswith("istio.io"):
            return method_of(state.load([key])[key], state.versions)
    return None
