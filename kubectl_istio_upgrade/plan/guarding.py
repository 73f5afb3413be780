"""What a webhook is asked about: rules and selectors, as the API server reads them.

Of namespaces only the labels that steer Istio are known. An expression about any other label counts as met: then a
webhook is taken to guard a little too much, never too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..models.objects import Body, Key, MeshObject, State
from ..models.plans import PlannedChange, Write
from ..models.webhooks import DeadWebhook
from ..rules.fields import WEBHOOKS, WORKLOADS
from ..rules.scope import NAMESPACE, STEERING_LABELS

Labels = Mapping[str, str]

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label by which every namespace is selected under its own name."""
_OPERATIONS: Mapping[Write, tuple[str, ...]] = {
    Write.POST: ("CREATE",),
    Write.PUT: ("UPDATE",),
    Write.PATCH: ("UPDATE",),
    Write.APPLY: ("CREATE", "UPDATE"),
    Write.FORCE: ("CREATE", "UPDATE"),
    Write.DELETE: ("DELETE",),
    Write.RECREATE: ("DELETE", "CREATE"),
    Write.NONE: (),
}
_EXPRESSIONS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}
"""Operators of label selectors: the label's value (None where it is missing) and the values listed to "met"."""


def guards(hook: DeadWebhook, change: PlannedChange, live: State) -> bool:
    """Whether the API server would ask the webhook about this write, or about the pods that follow from it.

    Webhook configurations are never asked about.
    """
    if change.key.resource in WEBHOOKS:
        return False
    labels = [obj.labels for obj in (change.live, change.target) if obj]
    if _asked(hook, change.key, _OPERATIONS[change.write], labels, live):
        return True
    pods = _pods_of(change)
    return pods is not None and _asked(hook, pods.key, ("CREATE",), [pods.labels], live)


def _pods_of(change: PlannedChange) -> MeshObject | None:
    """What a workload's controller will create."""
    if change.target is None or change.key.resource not in WORKLOADS:
        return None
    template = change.target.body.get("spec", {}).get("template") or {}
    return MeshObject(Key("", "pods", change.key.namespace, ""), {"metadata": template.get("metadata") or {}})


def _asked(hook: DeadWebhook, key: Key, operations: Iterable[str], labels: Iterable[Labels], live: State) -> bool:
    return (
        any(_covers(rule, key, operations) for rule in hook.rules)
        and any(matches(hook.object_selector, each) for each in labels)
        and _in_namespace(hook.namespace_selector, key, live)
    )


def _covers(rule: Body, key: Key, operations: Iterable[str]) -> bool:
    scope = rule.get("scope", "*")
    return (
        _lists(rule, "apiGroups", key.group)
        and (_lists(rule, "resources", key.plural) or "*/*" in rule.get("resources", ()))
        and any(_lists(rule, "operations", operation) for operation in operations)
        and (scope == "*" or (scope == "Namespaced") == bool(key.namespace))
    )


def _lists(rule: Body, name: str, value: str) -> bool:
    listed = rule.get(name) or ()
    return value in listed or "*" in listed


def _in_namespace(selector: Body | None, key: Key, live: State) -> bool:
    if not key.namespace:
        return True
    namespace = Key("", NAMESPACE, "", key.namespace)
    known = live.load([namespace])[namespace].labels if namespace in live.versions else {}
    return matches(selector, {**known, NAME_LABEL: key.namespace}, about={*STEERING_LABELS, NAME_LABEL})


def matches(selector: Body | None, labels: Labels, *, about: Iterable[str] | None = None) -> bool:
    """Whether labels meet a selector; none is met by all. `about` are the only labels that are known, if given."""
    selector, known = selector or {}, None if about is None else set(about)
    expressions = [
        *({"key": k, "operator": "In", "values": [v]} for k, v in (selector.get("matchLabels") or {}).items()),
        *(selector.get("matchExpressions") or ()),
    ]
    return all(
        _EXPRESSIONS[each["operator"]](labels.get(each["key"]), each.get("values") or [])
        for each in expressions
        if known is None or each["key"] in known
    )
