"""A control plane that goes as a whole: the deletions that wait until the workloads have left it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..models.objects import MeshObject
from ..models.plans import Action, PlannedChange
from ..normalise.inventory import REVISION
from ..rules.components import COMPONENT_LABEL
from ..rules.order import RETIRED, RETIRED_WEBHOOKS, stage_named

TAG = "istio.io/tag"
DEFAULT = "default"

CONTROL_PLANE = ("Pilot",)
"""Components that exist once for each revision. Definitions and what reads them are shared, and gateways carry
traffic: istioctl's own uninstall of a revision takes those along that were upgraded in place (istio/istio 33822)."""

_WEBHOOKS = "admissionregistration.k8s.io"


def revision_of(obj: MeshObject) -> str:
    """The revision that an object belongs to; `default` for one without a name."""
    return obj.labels.get(REVISION, DEFAULT)


def is_of(obj: MeshObject, revision: str) -> bool:
    """Whether an object goes with a control plane, and with nothing else."""
    return is_control_plane(obj) and revision_of(obj) == revision and TAG not in obj.labels


def is_control_plane(obj: MeshObject) -> bool:
    """Whether an object is of a component that exists once for each revision."""
    return obj.labels.get(COMPONENT_LABEL, "") in CONTROL_PLANE


def retired_last(changes: Iterable[PlannedChange]) -> list[PlannedChange]:
    """The changes, the deletions of each control plane whose istiod goes in the stages that come after restarts."""
    changes = list(changes)
    deleted = [change.live for change in changes if change.action is Action.DELETE and change.live]
    gone = {revision_of(obj) for obj in deleted if obj.key.resource == "deployments.apps" and is_control_plane(obj)}
    return [_staged(change) if _goes_with(change, gone) else change for change in changes]


def _goes_with(change: PlannedChange, gone: Iterable[str]) -> bool:
    live = change.live
    return change.action is Action.DELETE and live is not None and any(is_of(live, revision) for revision in gone)


def _staged(change: PlannedChange) -> PlannedChange:
    return replace(change, stage=stage_named(RETIRED_WEBHOOKS if change.key.group == _WEBHOOKS else RETIRED))
