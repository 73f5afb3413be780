"""What an upgrade leaves as it is, and the command that sees to it."""

from __future__ import annotations

from collections.abc import Iterator

from ...models.installations import Part
from ...models.objects import State
from ...models.plans import FollowUp
from ...plan import dropping
from ...plan.installation import installation_of
from ...plan.manifests import Manifests
from .by_helm import ByHelm
from .request import Request
from .ways import Way

AGAIN = "kubectl istio-upgrade upgrade --to {to}"
AGENTS = (
    "it upgrades {names}, of which each node has one, once `promote {revision}` has led the tag default there, or "
    "`retire` has left no other control plane"
)
LATE = "release {name} came after this upgrade had begun, and is no part of it"


def left_behind(request: Request, way: Way, live: State, manifests: Manifests) -> Iterator[FollowUp]:
    """Objects that nobody deletes with the release that they are of, node agents, and releases that came meanwhile.

    Beside a new control plane the objects of the release before are wanted, and there is no room for its node agents.
    """
    again = AGAIN.format(to=request.to)
    if isinstance(way, ByHelm):
        yield from (FollowUp(again, LATE.format(name=name)) for name in way.late)
    if not request.beside:
        dropped = request.dropped.objects if request.dropped else ()
        yield from dropping.left_behind(dropped, live.versions, request.label)
        return
    agents = installation_of(live).of(Part.CNI, Part.ZTUNNEL)
    if names := " and ".join(str(each.part) for each in agents if each.obj.key not in manifests.objects):
        yield FollowUp(again, AGENTS.format(names=names, revision=request.revision))
