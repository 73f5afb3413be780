"""The IstioOperator of a mesh that istioctl installed, as far as the mesh has it on record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...models.objects import Body, Json, MeshObject, State, clone
from ...models.settings import OperatorSettings, Source
from ...rules.components import COMPONENT_LABEL
from ...rules.operator_fields import COMPONENTS, OperatorComponent
from ...rules.scope import DEFAULT_ROOT_NAMESPACE
from .images import renewed, setting_at, values_for_release
from .merging import beyond, merged
from .recorded import recorded_values

REVISION_LABEL = "istio.io/rev"
OWNER_LABEL = "install.operator.istio.io/owning-resource"
"""The name of the IstioOperator that installed an object; `unknown` where it had none (charts say so)."""

CNI_IS_USED = ("pilot", "cni", "enabled")

COMPUTED: tuple[tuple[str, ...], ...] = (
    ("global", "hub"),
    ("global", "tag"),
    ("revision",),
    ("pilot", "enabled"),
    CNI_IS_USED,
)
"""Values that istioctl sets from elsewhere in an IstioOperator (operator/pkg/render, translateIstioOperatorToHelm)."""

USES_CNI: Body = {"pilot": {"cni": {"enabled": True}}}
"""For `spec.unvalidatedValues`, of a control plane whose sidecars are redirected by a CNI plugin that is not installed
with it. Below `spec.values` the same does nothing: istioctl lays its own finding, whether it installs the plugin, over
that (tried with 1.28.3 and 1.29.1)."""

NODE_AGENTS = ("cni", "ztunnel")
"""Components of which there is one in a cluster, whatever the revisions: those of another control plane would take the
place of the present ones on every node (istio.io: ambient/upgrade/helm)."""

GATEWAY_NAMES = {"ingressGateways": "istio-ingressgateway", "egressGateways": "istio-egressgateway"}
"""Those that the profiles name."""

_DEFAULT_GATEWAY = ("istio-ingressgateway", DEFAULT_ROOT_NAMESPACE)


class Origin(NamedTuple):
    """Which control plane is asked about."""

    root_namespace: str
    revision: str
    """Of the control plane; `default` for one without a name."""
    version: str
    """The release that it runs."""
    records: str = ""
    """The revision whose records tell the values, where this one's control plane is gone; "" for its own."""


def first_guess(live: State, origin: Origin, defaults: Body) -> OperatorSettings:
    """What the records say: values, mesh configuration, components. `defaults` are the values recorded by an
    installation with no settings at all; what equals them is left out, so that the answer can be read."""
    recorded = recorded_values(live, origin.root_namespace, origin.records or origin.revision)
    values = _without_computed(beyond(recorded.values, defaults))
    mesh = values.pop("meshConfig", None)
    spec: Body = _images(recorded.values, origin)
    if origin.revision != "default":
        spec["revision"] = origin.revision
    components = _components(list(_installed(live, origin)), origin)
    if setting_at(recorded.values, CNI_IS_USED) is True and not _is_enabled(components.get("cni")):
        spec["unvalidatedValues"] = USES_CNI
    spec |= {
        name: part for name, part in (("meshConfig", mesh), ("components", components), ("values", values)) if part
    }
    body: Body = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator"}
    if metadata := _metadata(live, origin):
        body["metadata"] = metadata
    sources = [Source(f"spec.{name}", recorded.where) for name in spec if name != "components" and recorded.where]
    if components:
        sources.append(Source("spec.components", "the objects labelled with them"))
    return OperatorSettings({**body, "spec": spec}, tuple(sources))


def for_release(body: Body, before: str, to: str) -> Body:
    """The settings for another release: its tag in place of the old one's, with whatever is around the version.

    So in every setting that names an image's tag (`rules.images`), and in what keeps an image as it was found live.
    """
    spec: Body = body["spec"]
    tag = str(spec.get("tag") or before)
    components = {
        name: _component_for_release(entry, before, to) for name, entry in (spec.get("components") or {}).items()
    }
    found = {"values": values_for_release(spec.get("values") or {}, before, to), "components": components}
    renewed_spec = {
        "tag": renewed(tag, before, to) if before else to,
        **{name: each for name, each in found.items() if each},
    }
    return {**body, "spec": {**spec, **renewed_spec}}


def _component_for_release(entry: Json, before: str, to: str) -> Json:
    """One of `spec.components`; of gateways each is a list."""
    if isinstance(entry, list):
        return [_component_for_release(each, before, to) for each in entry]
    if not isinstance(entry, dict):
        return entry
    entry = clone(entry)
    if "tag" in entry:
        entry["tag"] = renewed(str(entry["tag"]), before, to)
    for overlay in (entry.get("k8s") or {}).get("overlays") or ():
        for patch in overlay.get("patches") or ():
            if str(patch.get("path", "")).endswith(".image"):
                patch["value"] = renewed(str(patch.get("value", "")), before, to)
    return entry


def as_canary(body: Body, revision: str, *, gateways: bool) -> Body:
    """The settings for a control plane of a new revision; gateways move to it only if that is asked for.

    istioctl's own canary upgrades the gateways of the profile in place with the first step (istio.io:
    setup/upgrade/canary), before anybody has seen the new control plane work. It does the same to the CNI node agent
    and ztunnel, which stay as they are here. It removes nothing that it does not render any more: what it prunes has
    the label of its own revision (operator/pkg/install, prune).
    """
    components = body["spec"].get("components") or {}
    off: Body = {name: {"enabled": False} for name in NODE_AGENTS if _is_enabled(components.get(name))}
    spec: Body = {"revision": revision} | ({"unvalidatedValues": USES_CNI} if "cni" in off else {})
    if not gateways:
        off |= {component.spec_name: [no_gateway(component)] for component in COMPONENTS if component.is_gateway}
    beside: Body = merged(body, {"spec": spec | ({"components": off} if off else {})})
    return beside


def _is_enabled(component: Json) -> bool:
    return isinstance(component, dict) and component.get("enabled", True) is True


def no_gateway(component: OperatorComponent) -> Body:
    """The entry that switches off the gateway that the profile names."""
    return {"name": GATEWAY_NAMES[component.spec_name], "enabled": False}


def _images(values: Body, origin: Origin) -> Body:
    images = values.get("global") or {}
    spec = {name: images[name] for name in ("hub", "tag") if images.get(name)}
    return {"tag": origin.version, **spec} if not origin.records else {**spec, "tag": origin.version}


def _without_computed(values: Body) -> Body:
    values = clone(values)
    for path in COMPUTED:
        _remove(values, path)
    return values


def _remove(values: Body, path: tuple[str, ...]) -> None:
    """Take an entry away, and the maps that are empty without it."""
    first, *rest = path
    inner = values.get(first)
    if rest and isinstance(inner, dict):
        _remove(inner, tuple(rest))
        if not inner:
            del values[first]
    elif not rest:
        values.pop(first, None)


def _installed(live: State, origin: Origin) -> Iterable[MeshObject]:
    """Every object of the installation that carries the name of its component."""
    wanted = [key for key in live.versions if key.group in ("", "apps", "rbac.authorization.k8s.io")]
    for obj in live.load(wanted).values():
        revision = obj.labels.get(REVISION_LABEL, origin.revision)
        if COMPONENT_LABEL in obj.labels and revision == origin.revision:
            yield obj


def _components(objects: list[MeshObject], origin: Origin) -> Body:
    found: Body = {}
    for component in COMPONENTS:
        mine = [obj for obj in objects if obj.labels[COMPONENT_LABEL] == component.label]
        if component.is_gateway:
            gateways = sorted(
                (obj.key.name, obj.key.namespace) for obj in mine if obj.key.resource == "deployments.apps"
            )
            if gateways != ([_DEFAULT_GATEWAY] if component.default else []):
                found[component.spec_name] = _gateways(gateways, origin)
        elif bool(mine) != component.default and component.label != "Base":
            found[component.spec_name] = _single(mine, origin)
    return found


def _gateways(gateways: list[tuple[str, str]], origin: Origin) -> list[Body]:
    if not gateways:  # the profile's own, which is not there
        return [{"name": _DEFAULT_GATEWAY[0], "enabled": False}]
    return [
        {"name": name, "enabled": True} | ({"namespace": where} if where != origin.root_namespace else {})
        for name, where in gateways
    ]


def _single(objects: list[MeshObject], origin: Origin) -> Body:
    if not objects:
        return {"enabled": False}
    namespaces = {obj.key.namespace for obj in objects if obj.key.resource == "daemonsets.apps"}
    elsewhere = sorted(namespaces - {origin.root_namespace})
    return {"enabled": True} | ({"namespace": elsewhere[0]} if elsewhere else {})


def _metadata(live: State, origin: Origin) -> Body:
    owners = {obj.labels.get(OWNER_LABEL, "") for obj in _installed(live, origin)} - {"", "unknown"}
    metadata: Body = {"name": sorted(owners)[0]} if len(owners) == 1 else {}
    if origin.root_namespace != DEFAULT_ROOT_NAMESPACE:
        metadata["namespace"] = origin.root_namespace
    return metadata
