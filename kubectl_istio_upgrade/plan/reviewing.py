"""What a person looks at in a new manifest before it is applied: as it is, and as the server says it will be.

The full difference is hundreds of lines. These few are those after which an upgrade goes wrong most often: a registry
without the new tag, a Service of another type, a gateway that may not bind its port any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..models.objects import Body, Key, MeshObject
from ..models.upgrades import ReviewPoint

INJECTOR = "istio-sidecar-injector"
"""The ConfigMap with the values that sidecars are rendered from; with `-REVISION` for a revision."""

CNI_CONFIG = "istio-cni-config"

Facts = Iterator[tuple[str, str]]
"""Of one object: which part of it ("" is the object itself), and what is there."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One row: a thing to look at."""

    title: str
    facts: Callable[[MeshObject], Facts]
    why: str


def _images(obj: MeshObject) -> Facts:
    for container in _containers(obj):
        yield str(container.get("name")), str(container.get("image", ""))


def _pull_secrets(obj: MeshObject) -> Facts:
    """Istio's charts name them in the service accounts; whoever names them in the pods, too, is told so."""
    holder = obj.body if obj.kind == "ServiceAccount" else _pod(obj)
    names = ", ".join(str(each.get("name")) for each in holder.get("imagePullSecrets") or ())
    if obj.kind == "ServiceAccount":
        yield "service account", names or "none"
    elif names:
        yield "pods", names


def _security(obj: MeshObject) -> Facts:
    if spec := _pod(obj):
        yield "pod", _flat(spec.get("securityContext"))
    for container in _containers(obj):
        yield str(container.get("name")), _flat(container.get("securityContext"))


def _service_types(obj: MeshObject) -> Facts:
    if obj.kind == "Service":
        yield "", str((obj.body.get("spec") or {}).get("type", "ClusterIP"))


def _cni(obj: MeshObject) -> Facts:
    if obj.kind == "ConfigMap" and obj.key.name == CNI_CONFIG:
        data = obj.body.get("data") or {}
        yield "plugin", "chained" if data.get("CHAINED_CNI_PLUGIN", "true") == "true" else "standalone"
        yield "ambient", "on" if data.get("AMBIENT_ENABLED") == "true" else "off"


def sidecar_image(obj: MeshObject) -> str:
    """The image that workloads get from these values of the injector; "" for any other object."""
    try:
        shared = _injector_values(obj)["global"]
        proxy = str(shared["proxy"]["image"])
        return proxy if "/" in proxy else f"{shared['hub']}/{proxy}:{shared['tag']}"
    except (KeyError, TypeError):
        return ""


def _sidecars(obj: MeshObject) -> Facts:
    values, image = _injector_values(obj), sidecar_image(obj)
    try:
        pilot = values.get("pilot") or {}
        redirected = (pilot.get("cni") or {}).get("enabled")
        everywhere = values["sidecarInjectorWebhook"]["enableNamespacesByDefault"]
    except (KeyError, TypeError, AttributeError):
        return  # not as charts write it: of that nothing can be said in a line
    if image:
        yield "image", image
        yield "redirected by", "the CNI plugin" if redirected else "an init container"
        yield "injected into", "every namespace that does not refuse" if everywhere else "namespaces and pods that ask"


def _injector_values(obj: MeshObject) -> Body:
    """Empty for what is no config map of an injector, or not as charts write it."""
    if obj.kind != "ConfigMap" or not (obj.key.name == INJECTOR or obj.key.name.startswith(f"{INJECTOR}-")):
        return {}
    try:
        values = json.loads((obj.body.get("data") or {}).get("values", "{}"))
    except (ValueError, TypeError):
        return {}
    return values if isinstance(values, dict) else {}


ASPECTS = (
    Aspect("images", _images, "a registry that lacks the new tag leaves pods that never start"),
    Aspect("pull secrets", _pull_secrets, "a private registry refuses whoever comes without"),
    Aspect("security context", _security, "a stricter one may keep a gateway from its ports, a laxer one is refused"),
    Aspect("Service types", _service_types, "another type is another address, or one that the world can reach"),
    Aspect("CNI", _cni, "another way of chaining cuts new pods off on every node"),
    Aspect("sidecars", _sidecars, "what every workload gets at its next restart"),
)
"""The guide's list for the review of a manifest (its step 5), and pull secrets (its step 4)."""


def review(before: Mapping[Key, MeshObject], after: Mapping[Key, MeshObject]) -> tuple[ReviewPoint, ...]:
    """Every point of every aspect, in the order of the table; "" on a side on which there is no such thing."""
    keys = sorted({*before, *after})
    return tuple(
        point for aspect in ASPECTS for key in keys for point in _points(aspect, key, before.get(key), after.get(key))
    )


def _points(aspect: Aspect, key: Key, before: MeshObject | None, after: MeshObject | None) -> Iterator[ReviewPoint]:
    was, will_be = (dict(aspect.facts(obj)) if obj else {} for obj in (before, after))
    for part in {**was, **will_be}:
        where = f"{key.namespace}/{key.name} {part}".rstrip()
        yield ReviewPoint(aspect.title, where, was.get(part, ""), will_be.get(part, ""))


def _pod(obj: MeshObject) -> Body:
    """The pod's specification of a Deployment or DaemonSet; empty for anything else."""
    if obj.kind not in ("Deployment", "DaemonSet"):
        return {}
    spec: Body = ((obj.body.get("spec") or {}).get("template") or {}).get("spec") or {}
    return spec


def _containers(obj: MeshObject) -> tuple[Body, ...]:
    spec = _pod(obj)
    return (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))


def _flat(context: Body | None) -> str:
    """A security context in a line."""
    words = []
    for name, value in sorted((context or {}).items()):
        if value is True:
            words.append(name)
        elif isinstance(value, dict):
            inner = " ".join(f"{key} {' '.join(map(str, _listed(item)))}" for key, item in sorted(value.items()))
            words.append(f"{name} {inner}")
        else:
            words.append(f"{name} {json.dumps(value) if isinstance(value, bool) else value}")
    return ", ".join(words) or "none"


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
