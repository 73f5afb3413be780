"""The CNI node agent and ztunnel, one of each a node: they go with the control plane that the mesh goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...models.changes import ObjectDiff
from ...models.settings import OperatorSettings
from ...rules.components import COMPONENT_LABEL
from ...rules.operator_fields import COMPONENTS
from .gateways import proved_by_both
from .merging import merged
from .operator import NODE_AGENTS

_LABELS = frozenset(component.label for component in COMPONENTS if component.spec_name in NODE_AGENTS)


def with_agents_of(own: OperatorSettings, other: OperatorSettings) -> OperatorSettings:
    """The settings of a control plane, with the node agents that another one's settings install beside its own.

    Of the other's settings only theirs are taken over: the components, and their values as far as the control plane
    has none of its own. They are proved if both are.
    """
    spec, others = own.body["spec"], other.body["spec"]
    components = {name: entry for name, entry in (others.get("components") or {}).items() if name in NODE_AGENTS}
    theirs = {name: each for name, each in (others.get("values") or {}).items() if name in NODE_AGENTS}
    values = {name: merged(each, (spec.get("values") or {}).get(name) or {}) for name, each in theirs.items()}
    body = merged(own.body, {"spec": {"components": components} | ({"values": values} if values else {})})
    places = tuple(f"spec.components.{name}" for name in NODE_AGENTS)
    return replace(
        own,
        body=body,
        sources=tuple(dict.fromkeys((*own.sources, *(each for each in other.sources if each.path.startswith(places))))),
        proved_with=proved_by_both(own, other),
        lost=(*own.lost, *_of_agents(other.lost)),
        at_risk=(*own.at_risk, *_of_agents(other.at_risk)),
    )


def _of_agents(diffs: Iterable[ObjectDiff]) -> list[ObjectDiff]:
    return [each for each in diffs if each.before and each.before.labels.get(COMPONENT_LABEL) in _LABELS]
