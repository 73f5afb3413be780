"""Node ports and addresses that a Service had, and that another one has by now. Pure.

The API server gives each to one Service at a time (kubernetes/kubernetes, pkg/registry/core/service/storage/alloc.go),
and refuses whoever asks for one that is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..models.objects import Body, Json, Key, MeshObject, State
from ..models.plans import Action, PlannedChange, Write
from ..normalise.objects import held_by, is_being_deleted
from ..rules.fields import SERVICES
from ..rules.order import FREED, stage_named, stage_of
from .revise import as_recreation, deletion_of

STAYS = "{claim} is not put back: {holder} has it now, and stays"
COMES_BACK = "{claim} comes back: {holder}, which has it now, is deleted first"
MAKES_ROOM = "deleted first: {name} gets {claim} back"
GOING = "its deletion was asked for already{held}"

STAYS_HEADLESS = "it is headless now, and the API server gives no address to a Service that has none"
"""Why an update is a recreation, where it would ask for no address, or be tried without one: that passes, and does
nothing."""

_ASKING = (Write.POST, Write.PUT, Write.RECREATE)
_HEADLESS = "None"
_ADDRESS = "cluster IP"

ServicesOf = Callable[[], Collection[MeshObject]]
"""Looks up all Services of the cluster, those that no snapshot holds included."""


class Claim(NamedTuple):
    """What one Service at a time can have."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


def services_in(state: State) -> ServicesOf:
    """Those of a state that holds them all."""
    return lambda: state.load([key for key in state.versions if key.resource in SERVICES]).values()


def claims(service: Body) -> frozenset[Claim]:
    """What a Service has, or asks for. Ports for health checks are node ports like any other."""
    spec = service.get("spec") or {}
    ports = [port.get("nodePort") for port in spec.get("ports") or ()]
    addresses = [spec.get("clusterIP"), *(spec.get("clusterIPs") or ())]
    return frozenset(
        (
            *(Claim("node port", str(port)) for port in (*ports, spec.get("healthCheckNodePort")) if port),
            *(Claim(_ADDRESS, str(address)) for address in addresses if address and address != _HEADLESS),
        )
    )


def without(service: Body, taken: Collection[Claim]) -> Body:
    """A Service that leaves it to the API server to give it others. Of its addresses, all: they belong together."""
    found = claims(service) & frozenset(taken)
    if not found:
        return service
    spec = service["spec"]
    if any(claim.kind == _ADDRESS for claim in found):
        spec = {name: value for name, value in spec.items() if name not in ("clusterIP", "clusterIPs")}
    spec = _without_port(spec, "healthCheckNodePort", found)
    if spec.get("ports"):
        spec = {**spec, "ports": [_without_port(port, "nodePort", found) for port in spec["ports"]]}
    return {**service, "spec": spec}


def _without_port(holder: Body, name: str, taken: Collection[Claim]) -> Body:
    if Claim("node port", str(holder.get(name))) not in taken:
        return holder
    return {field: value for field, value in holder.items() if field != name}


def freed_first(changes: Iterable[PlannedChange], services: ServicesOf) -> list[PlannedChange]:
    """The changes, with what each Service gets back, and what not, because another one has it now.

    Where the plan deletes that other Service, it does so first; else the API server gives this one something new.
    `services` is asked only where a Service asks for something that it does not have.
    """
    changes = list(changes)
    asked = {change.key: _asked(change) for change in changes}
    if not any(asked.values()):
        return changes
    found = services()
    changes += _going(found, changes, frozenset[Claim]().union(*asked.values()))
    holders = {claim: service.key for service in found for claim in claims(service.body)}
    asked |= {change.key: frozenset() for change in changes if change.key not in asked}
    allocation = _Allocation(holders, {change.key for change in changes if _may_go_first(change)}, asked)
    return [allocation.of(change) for change in changes]


def _going(
    services: Iterable[MeshObject], changes: Sequence[PlannedChange], asked: frozenset[Claim]
) -> list[PlannedChange]:
    """Services that are being deleted and still have what is asked for, as deletions: they are waited for."""
    planned = {change.key for change in changes}
    type_ = next(change.type for change in changes if change.key.resource in SERVICES)
    return [
        deletion_of(service, type_, GOING.format(held=held_by(service.body)))
        for service in services
        if service.key not in planned and is_being_deleted(service) and claims(service.body) & asked
    ]


def freed_by(changes: Iterable[PlannedChange]) -> frozenset[Claim]:
    """What the deletions that come first leave to others."""
    first = (change for change in changes if change.action is Action.DELETE and change.stage == stage_named(FREED))
    return frozenset(claim for change in first if change.live for claim in claims(change.live.body))


def _asked(change: PlannedChange) -> frozenset[Claim]:
    """What a write asks for that its Service does not have."""
    if change.key.resource not in SERVICES or change.write not in _ASKING or change.body is None:
        return frozenset()
    return claims(change.body) - (claims(change.live.body) if change.live else frozenset())


def _may_go_first(change: PlannedChange) -> bool:
    """A deletion that has its place for another reason (the end of a control plane, say) keeps it."""
    deleted = change.action is Action.DELETE and change.key.resource in SERVICES
    return deleted and change.stage == stage_of(change.key)


@dataclass(frozen=True)
class _Allocation:
    holders: Mapping[Claim, Key]
    going: Collection[Key]
    """Services that may be deleted first."""
    asked: Mapping[Key, frozenset[Claim]]

    def of(self, change: PlannedChange) -> PlannedChange:
        if notes := tuple(self._room(change)):
            return replace(change, stage=stage_named(FREED), notes=(*change.notes, *notes))
        held = [(claim, self.holders[claim]) for claim in sorted(self.asked[change.key]) if claim in self.holders]
        held = [(claim, holder) for claim, holder in held if holder != change.key]
        if not held or change.body is None:
            return change
        notes = tuple(
            (COMES_BACK if holder in self.going else STAYS).format(claim=claim, holder=_name(holder))
            for claim, holder in held
        )
        body = without(change.body, {claim for claim, holder in held if holder not in self.going})
        change = replace(change, body=body, notes=(*change.notes, *notes))
        needs_address = any(claim.kind == _ADDRESS for claim, _ in held)
        return as_recreation(change, STAYS_HEADLESS) if needs_address and _is_headless(change.live) else change

    def _room(self, change: PlannedChange) -> Iterator[str]:
        """For whom a deletion makes room, and of what."""
        if change.key in self.going and change.live:
            for claim in sorted(claims(change.live.body)):
                for key in (key for key, asked in self.asked.items() if claim in asked):
                    yield MAKES_ROOM.format(name=_name(key), claim=claim)


def _is_headless(service: MeshObject | None) -> bool:
    return service is not None and (service.body.get("spec") or {}).get("clusterIP") == _HEADLESS


def _name(key: Key) -> str:
    return f"Service {key.namespace}/{key.name}"


def tryable(change: PlannedChange, freed: Collection[Claim]) -> PlannedChange:
    """The change as the server can be asked about it before those deletions: without what they leave to it."""
    body: Json = change.body
    if change.key.resource not in SERVICES or body is None:
        return change
    return replace(change, body=without(body, freed))
