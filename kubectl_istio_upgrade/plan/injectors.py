"""Who would inject a pod, and with which proxy: read from the mesh's objects, where the API server cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..models.objects import Body, Key, MeshObject, State
from ..models.webhooks import DeadWebhook, ServiceName
from ..normalise.inventory import REVISION
from ..rules.scope import NAMESPACE, STEERING_LABELS
from .dead_webhooks import service_of
from .guarding import NAME_LABEL, matches

MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
INJECT = "sidecar.istio.io/inject"
MARKS = (f"{INJECT}=true", REVISION)
"""Label selectors of pods that ask for injection themselves, whatever their namespace."""

IMAGE, IMAGE_TYPE = "sidecar.istio.io/proxyImage", "sidecar.istio.io/proxyImageType"
_KNOWN_TYPES = ("-distroless", "-debug")


@dataclass(frozen=True, slots=True)
class Injector:
    """One webhook that injects proxies."""

    configuration: Key
    webhook: str
    revision: str
    service: ServiceName | None
    namespaces: Body | None
    objects: Body | None


@dataclass(frozen=True)
class Injectors:
    """Every injector of a mesh, and whom each would inject."""

    live: State
    dead: tuple[DeadWebhook, ...] = ()

    @cached_property
    def all(self) -> tuple[Injector, ...]:
        """In the order of their names, as the API server calls them."""
        keys = sorted(key for key in self.live.versions if key.resource == MUTATING)
        loaded = self.live.load(keys).values()
        return tuple(_injector(obj, hook) for obj in loaded for hook in _pod_hooks(obj))

    def may_inject_in(self, namespace: str) -> bool:
        """Whether pods of a namespace are injected without asking for it."""
        return any(self._in_namespace(each, namespace) and matches(each.objects, {}) for each in self.all)

    def of(self, namespace: str, labels: Mapping[str, str]) -> Injector | None:
        """The first injector that would be asked about a pod with these labels; None when none would."""
        found = (each for each in self.all if self._in_namespace(each, namespace) and matches(each.objects, labels))
        return next(found, None)

    def silent(self, injector: Injector | None) -> DeadWebhook | None:
        """Why this injector does not answer; None when it does."""
        return next(
            (
                hook
                for hook in self.dead
                if injector and (hook.configuration, hook.webhook) == (injector.configuration, injector.webhook)
            ),
            None,
        )

    def image(self, injector: Injector, annotations: Mapping[str, str]) -> str:
        """The proxy image that it would inject; "" where its values do not tell.

        By `ProxyImage` of pkg/kube/inject/inject.go, without ProxyConfig resources.
        """
        if own := annotations.get(IMAGE):
            return own
        values = self._values(injector)
        global_ = values.get("global") or {}
        hub, tag = global_.get("hub"), global_.get("tag")
        if not hub or not tag:
            return ""
        name = (global_.get("proxy") or {}).get("image") or "proxyv2"
        variant = annotations.get(IMAGE_TYPE) or global_.get("variant") or ""
        return str(name) if "/" in name else f"{hub}/{name}:{_tagged(str(tag), str(variant))}"

    def _values(self, injector: Injector) -> Body:
        if injector.service is None:
            return {}
        suffix = "" if injector.revision in ("", "default") else f"-{injector.revision}"
        key = Key("", "configmaps", injector.service.namespace, f"istio-sidecar-injector{suffix}")
        if key not in self.live.versions:
            return {}
        try:
            values = json.loads((self.live.load([key])[key].body.get("data") or {}).get("values", ""))
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}

    def _in_namespace(self, injector: Injector, namespace: str) -> bool:
        key = Key("", NAMESPACE, "", namespace)
        labels = self.live.load([key])[key].labels if key in self.live.versions else {}
        known = {**labels, NAME_LABEL: namespace}
        return matches(injector.namespaces, known, about={*STEERING_LABELS, NAME_LABEL})


def _pod_hooks(configuration: MeshObject) -> Iterable[Body]:
    """Those of its webhooks that are asked about new pods and belong to Istio, by the label that istiod goes by."""
    if REVISION not in configuration.labels:
        return ()
    return (
        hook
        for hook in configuration.body.get("webhooks") or ()
        if any("pods" in (rule.get("resources") or ()) for rule in hook.get("rules") or ())
    )


def _injector(configuration: MeshObject, hook: Body) -> Injector:
    return Injector(
        configuration.key,
        str(hook.get("name")),
        configuration.labels[REVISION],
        service_of(hook),
        hook.get("namespaceSelector"),
        hook.get("objectSelector"),
    )


def _tagged(tag: str, variant: str) -> str:
    if not variant:
        return tag
    plain = next((tag.removesuffix(each) for each in _KNOWN_TYPES if tag.endswith(each)), tag)
    return plain if variant == "default" else f"{plain}-{variant}"
