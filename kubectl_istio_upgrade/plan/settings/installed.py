"""What an installer adds to the objects that it renders, before it sends them."""

from __future__ import annotations

from collections.abc import Iterable

from ...models.objects import Body, Key, MeshObject, State
from ...rules.components import COMPONENT_LABEL
from ...rules.operator_fields import COMPONENTS
from ...rules.scope import CRD, DEFAULT_ROOT_NAMESPACE
from ..manifests import Manifests

_INJECTORS = "mutatingwebhookconfigurations"
_NEVER: Body = {"matchLabels": {"istio.io/deactivated": "never-match"}}

BY_NAME: tuple[tuple[str, str], ...] = (
    ("istio-ingressgateway", "IngressGateways"),
    ("istio-egressgateway", "EgressGateways"),
    ("istio-cni", "Cni"),
    ("ztunnel", "Ztunnel"),
)
"""How the names of a component's objects begin (manifests/charts/*/templates)."""


def as_istioctl_installs(manifests: Manifests, live: State, settings: Body, version: str) -> Manifests:
    """The objects with the labels that `istioctl install` gives them (operator/pkg/install/install.go, getOwnerLabels).

    Which component an object belongs to is not in what it renders: an object that is there tells; of a new one its
    name does. And of a default control plane the injector is switched off in favour of the tag `default`, which
    istioctl makes itself.
    """
    labels = _owner_labels(settings, version)
    components = _components(live, manifests.objects)
    objects = {
        key: _labelled(obj, {**labels, COMPONENT_LABEL: components.get(key) or _component_of(key, settings)})
        for key, obj in manifests.objects.items()
    }
    if _makes_default_tag(settings):
        objects |= {key: _switched_off(obj) for key, obj in objects.items() if key.plural == _INJECTORS}
    return Manifests(manifests.label, objects, manifests.types)


def _makes_default_tag(settings: Body) -> bool:
    """operator/pkg/webhook/webhook.go, detectIfTagWebhookIsNeeded."""
    spec = settings.get("spec") or {}
    values = spec.get("values") or {}
    revision = spec.get("revision") or values.get("revision") or ""
    return not revision and not (values.get("global") or {}).get("operatorManageWebhooks")


def _switched_off(obj: MeshObject) -> MeshObject:
    """istioctl/pkg/tag/util.go, DeactivateIstioInjectionWebhook."""
    selectors = {"namespaceSelector": _NEVER, "objectSelector": _NEVER}
    hooks = [{**hook, **selectors} for hook in obj.body.get("webhooks") or ()]
    return MeshObject(obj.key, {**obj.body, "webhooks": hooks}, obj.server, obj.withheld)


def _owner_labels(settings: Body, version: str) -> dict[str, str]:
    metadata, spec = settings.get("metadata") or {}, settings.get("spec") or {}
    owner = {
        "install.operator.istio.io/owning-resource": metadata.get("name"),
        "install.operator.istio.io/owning-resource-namespace": metadata.get("namespace") or DEFAULT_ROOT_NAMESPACE,
    }
    return {
        "operator.istio.io/managed": "Reconcile",
        "operator.istio.io/version": version,
        "istio.io/rev": str(spec.get("revision") or "default"),
        **{name: value for name, value in owner.items() if value},
    }


def _components(live: State, keys: Iterable[Key]) -> dict[Key, str]:
    known = [key for key in keys if key in live.versions]
    return {key: obj.labels[COMPONENT_LABEL] for key, obj in live.load(known).items() if COMPONENT_LABEL in obj.labels}


def _component_of(key: Key, settings: Body) -> str:
    """The component whose chart renders an object of this name; the chart of istiod renders whatever else there is."""
    if key.resource == CRD or key.name == "istio-reader-service-account":
        return "Base"
    components = (settings.get("spec") or {}).get("components") or {}
    names = [
        (str(entry.get("name")), component.label)
        for component in COMPONENTS
        if component.is_gateway
        for entry in components.get(component.spec_name) or ()
    ]
    table = (*names, *BY_NAME)
    return next((label for name, label in table if key.name.startswith(name)), "Pilot")


def _labelled(obj: MeshObject, labels: dict[str, str]) -> MeshObject:
    metadata = obj.body["metadata"]
    body = {**obj.body, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}
    return MeshObject(obj.key, body, obj.server, obj.withheld)
