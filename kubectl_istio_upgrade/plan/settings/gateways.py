"""Gateways that move from one control plane to another that is there already: each keeps the settings that it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...models.changes import ObjectDiff
from ...models.objects import Body, Json
from ...models.settings import OperatorSettings, Source
from ...rules.components import COMPONENT_LABEL
from ...rules.operator_fields import COMPONENTS, OperatorComponent
from .merging import merged
from .operator import GATEWAY_NAMES, no_gateway

_GATEWAYS = tuple(component for component in COMPONENTS if component.is_gateway)
_LABELS = frozenset(component.label for component in _GATEWAYS)


def with_gateways_of(own: OperatorSettings, other: OperatorSettings) -> OperatorSettings:
    """The settings of a control plane, with the gateways of another one beside its own.

    Of the other's settings only those of its gateways are taken over: their components, and `values.gateways` as far as
    the control plane has none of its own. They are proved if both are.
    """
    spec, others = own.body["spec"], other.body["spec"]
    components = {each.spec_name: _together(each, spec, others) for each in _GATEWAYS}
    body = merged(own.body, {"spec": {"components": components}})
    if values := merged(_values(others), _values(spec)):
        body = merged(body, {"spec": {"values": {"gateways": values}}})
    return replace(
        own,
        body=body,
        sources=tuple(dict.fromkeys((*own.sources, *(each for each in other.sources if _is_about_gateways(each))))),
        proved_with=proved_by_both(own, other),
        lost=(*own.lost, *_of_gateways(other.lost)),
        at_risk=(*own.at_risk, *_of_gateways(other.at_risk)),
    )


def _together(component: OperatorComponent, spec: Body, others: Body) -> list[Body]:
    own = _enabled(component, spec)
    names = [(entry.get("name"), entry.get("namespace")) for entry in own]
    moved = [each for each in _enabled(component, others) if (each.get("name"), each.get("namespace")) not in names]
    return [*own, *moved] or [no_gateway(component)]


def _enabled(component: OperatorComponent, spec: Body) -> list[Body]:
    """The gateways that these settings install; where they name none, the profile does."""
    entries: list[Body] | None = (spec.get("components") or {}).get(component.spec_name)
    if entries is None:
        entries = [{"name": GATEWAY_NAMES[component.spec_name], "enabled": True}] if component.default else []
    return [entry for entry in entries if entry.get("enabled", True)]


def _values(spec: Body) -> Json:
    return (spec.get("values") or {}).get("gateways") or {}


def _is_about_gateways(source: Source) -> bool:
    return any(source.path.startswith(f"spec.components.{each.spec_name}") for each in _GATEWAYS)


def proved_by_both(own: OperatorSettings, other: OperatorSettings) -> str:
    """The releases that prove the two; nothing unless both are proved."""
    proofs = (own.proved_with, other.proved_with)
    return " and ".join(dict.fromkeys(proofs)) if all(proofs) else ""


def _of_gateways(diffs: Iterable[ObjectDiff]) -> list[ObjectDiff]:
    return [each for each in diffs if each.before and each.before.labels.get(COMPONENT_LABEL) in _LABELS]
