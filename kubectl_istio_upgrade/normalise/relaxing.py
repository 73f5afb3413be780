"""Webhooks relaxed for the time of a rollback: how they are marked, and what they were before.

A mark is needed because the field alone does not tell: istiod itself turns the `failurePolicy` of its validator, so the
comparison leaves that out. The mark is compared like any other annotation, so a webhook that a run left relaxed differs
from every snapshot, and the next plan puts it back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..models.objects import Body, MeshObject, clone

RELAXED = "kubectl-istio-upgrade/relaxed"
"""The annotation: the names of the webhooks whose `failurePolicy` was `Fail` before, comma-separated."""


def relaxed(obj: MeshObject, names: Collection[str]) -> MeshObject:
    """The webhook configuration with these webhooks ignored while they do not answer, and with the mark."""
    body = _with_policy(obj.body, names, "Ignore")
    marked = {*_marked(obj), *names}
    annotations = {**obj.annotations, RELAXED: ",".join(sorted(marked))}
    return replace(obj, body={**body, "metadata": {**body["metadata"], "annotations": annotations}})


def unrelaxed(obj: MeshObject) -> MeshObject:
    """The object as it was before this tool relaxed it; the same object if it did not."""
    if not is_relaxed(obj):
        return obj
    body = _with_policy(obj.body, _marked(obj), "Fail")
    annotations = {name: value for name, value in obj.annotations.items() if name != RELAXED}
    metadata = {**body["metadata"], "annotations": annotations}
    if not annotations:
        del metadata["annotations"]
    return replace(obj, body={**body, "metadata": metadata})


def is_relaxed(obj: MeshObject) -> bool:
    """Whether it bears the mark."""
    return RELAXED in obj.annotations


def _marked(obj: MeshObject) -> list[str]:
    return [name for name in (obj.annotations.get(RELAXED) or "").split(",") if name]


def _with_policy(body: Body, names: Collection[str], policy: str) -> Body:
    result: Body = clone(body)
    for hook in result.get("webhooks") or ():
        if hook.get("name") in names:
            hook["failurePolicy"] = policy
    return result
