"""A control plane that goes as a whole: what goes with it, and when. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from ..models.objects import MeshObject
from ..models.plans import Action, PlannedChange
from ..normalise.inventory import REVISION
from ..rules.components import COMPONENT_LABEL
from ..rules.helm import NO_RELEASE, Release, chart_label_of, is_record, release_of, release_of_record
from ..rules.order import RETIRED, RETIRED_RECORDS, RETIRED_WEBHOOKS, stage_named

TAG = "istio.io/tag"
DEFAULT = "default"

CONTROL_PLANE = ("Pilot",)
"""Components that exist once for each revision. Definitions and what reads them are shared, and gateways carry
traffic: istioctl's own uninstall of a revision takes those along that were upgraded in place (istio/istio 33822)."""

_WEBHOOKS = "admissionregistration.k8s.io"


class Origin(NamedTuple):
    """A chart as Helm has installed it: a release may hold several, as subcharts of one."""

    release: Release
    chart: str


def revision_of(obj: MeshObject) -> str:
    """The revision that an object belongs to; `default` for one without a name."""
    return obj.labels.get(REVISION, DEFAULT)


def is_control_plane(obj: MeshObject) -> bool:
    """Whether an object is of a component that exists once for each revision."""
    return obj.labels.get(COMPONENT_LABEL, "") in CONTROL_PLANE


def members(objects: Collection[MeshObject], revision: str) -> list[MeshObject]:
    """Those of the objects that go with a control plane, and with nothing else. A tag may lead elsewhere by now.

    istioctl marks every object with its component. Helm does not, and the charts mark only some: accounts, roles and
    the validator of a revision are known by the release and the chart that its istiod is of. Where another revision's
    istiod is of the same, they cannot be told apart, and stay.
    """
    istiods = [obj for obj in objects if is_istiod(obj)]
    origins = {_origin(obj) for obj in istiods if revision_of(obj) == revision}
    origins -= {_origin(obj) for obj in istiods if revision_of(obj) != revision}
    return [obj for obj in objects if TAG not in obj.labels and _is_of(obj, revision, origins)]


def retired_last(changes: Iterable[PlannedChange]) -> list[PlannedChange]:
    """The changes, the deletions of each control plane whose istiod goes in the stages that come after restarts."""
    changes = list(changes)
    deleted = [change.live for change in changes if change.action is Action.DELETE and change.live]
    istiods = [obj for obj in deleted if is_istiod(obj)]
    going = {obj.key for revision in map(revision_of, istiods) for obj in members(deleted, revision)}
    releases = {release_of(obj) for obj in istiods} - {NO_RELEASE}
    going |= {obj.key for obj in deleted if is_record(obj) and release_of_record(obj) in releases}
    return [_staged(change) if change.action is Action.DELETE and change.key in going else change for change in changes]


def is_istiod(obj: MeshObject) -> bool:
    """Whether an object is the Deployment of a control plane."""
    return obj.key.resource == "deployments.apps" and is_control_plane(obj)


def _is_of(obj: MeshObject, revision: str, origins: Collection[Origin]) -> bool:
    if is_control_plane(obj):
        return revision_of(obj) == revision
    return release_of(obj) != NO_RELEASE and _origin(obj) in origins and obj.labels.get(REVISION, revision) == revision


def _origin(obj: MeshObject) -> Origin:
    return Origin(release_of(obj), chart_label_of(obj).name)


def _staged(change: PlannedChange) -> PlannedChange:
    if change.key.group == _WEBHOOKS:
        return replace(change, stage=stage_named(RETIRED_WEBHOOKS))
    is_helms = change.live is not None and is_record(change.live)
    return replace(change, stage=stage_named(RETIRED_RECORDS if is_helms else RETIRED))
