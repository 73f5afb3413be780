"""The responsibility matrix for this mesh: which parts of the installation have to be restarted, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..models.objects import Key, MeshObject, ResourceType, State
from ..models.restarts import Currency, Need, Part, Workload
from ..normalise.authority import ca_fingerprints, certificates_in, fingerprint
from ..normalise.inventory import REVISION
from ..rules.components import COMPONENT_LABEL
from ..rules.fields import WORKLOADS
from ..rules.restarts import (
    CA_ROOT,
    CA_ROOT_SOURCE,
    OWN_TEMPLATE,
    PARTS,
    READ_AT_START,
    ROLLING,
    ROLLS_ITSELF,
    TRUST_DOMAIN,
    StartInput,
    When,
)

_ROOTS = ("root-cert.pem", "ca.crt")
"""Files of the Secret `cacerts` that hold the root: istiod's own names, and those of a TLS Secret."""


@dataclass(frozen=True)
class Running:
    """What the cluster says of the pods of one workload of the installation."""

    started: str = ""
    """When the container that runs longest began, RFC 3339; "" when none runs."""
    unready: str = ""
    """Why it has not rolled out; "" when it has."""


@dataclass(frozen=True)
class Installation:
    """What the matrix is made from."""

    live: State
    root_namespace: str
    running: Mapping[Key, Running]
    types: Mapping[str, ResourceType]
    root_certificate: str = ""
    """The root that istiod distributes, in PEM; "" where it is not known."""


def workloads_of(live: State) -> tuple[MeshObject, ...]:
    """The workloads of istiod, CNI and ztunnel."""
    keys = sorted(key for key in live.versions if key.resource in WORKLOADS)
    return tuple(obj for obj in live.load(keys).values() if component_named(obj) in PARTS)


def component_named(obj: MeshObject) -> str:
    """The component by the label that both installers set; ztunnel's chart has none of its own."""
    named = obj.labels.get(COMPONENT_LABEL, "")
    return named or ("Ztunnel" if obj.labels.get("app.kubernetes.io/name") == "ztunnel" else "")


def parts(installation: Installation, workloads: Sequence[Workload]) -> tuple[Part, ...]:
    """Every row: the parts of the installation, then gateways and applications."""
    judge = _Judge(installation)
    rows = [judge.part(obj) for obj in workloads_of(installation.live)]
    rows += _many("gateways", [each for each in workloads if each.gateway])
    rows += _many("applications", [each for each in workloads if not each.gateway])
    return tuple(rows)


@dataclass(frozen=True)
class _Judge:
    installation: Installation

    def part(self, obj: MeshObject) -> Part:
        component = component_named(obj)
        name, source = PARTS[component]
        where = f"{obj.key.namespace}/{obj.key.name}"
        running = self.installation.running.get(obj.key, Running())
        if running.unready:
            reason = ROLLING.format(kind=obj.kind, why=running.unready)
            return Part(name, where, Need.AUTOMATIC, reason, source)
        for why, where_from in self._reasons(obj, component, running):
            workload = Workload(obj.key, obj.kind, 0, Currency.OUT_OF_DATE, (why,), live=obj, type=self._type(obj.key))
            return Part(name, where, Need.NEEDED, why, where_from, workload)
        reason = OWN_TEMPLATE.format(kind=obj.kind)
        if component == "Pilot" and self._changed("configmaps", f"istio{_suffix(obj)}", running):
            reason = f"{reason}; {TRUST_DOMAIN}"
        return Part(name, where, Need.NOT_NEEDED, reason, source)

    def _reasons(self, obj: MeshObject, component: str, running: Running) -> Iterator[tuple[str, str]]:
        if component == "Pilot" and self._has_another_root():
            yield f"the root in Secret cacerts is not the one that istiod distributes: {CA_ROOT}", CA_ROOT_SOURCE
        for row in READ_AT_START:
            if row.component == component and (word := self._happened(row, obj, running)):
                what = f"{row.types.patterns[0]} {row.name.format(_suffix(obj))}"
                yield f"{what} was {word} after its pods started: {row.why}", row.source

    def _happened(self, row: StartInput, obj: MeshObject, running: Running) -> str:
        name = row.name.format(_suffix(obj))
        made = self._found(row.types.patterns[0], name, obj.key.namespace)
        if made is None or not running.started:
            return ""
        moment = made.server.creation_timestamp if row.when is When.APPEARED else _last_write(made)
        return row.when.value if moment > running.started else ""

    def _changed(self, plural: str, name: str, running: Running) -> bool:
        found = self._found(plural, name, self.installation.root_namespace)
        return found is not None and bool(running.started) and _last_write(found) > running.started

    def _found(self, plural: str, name: str, namespace: str) -> MeshObject | None:
        key = Key("", plural, namespace, name)
        live = self.installation.live
        return live.load([key])[key] if key in live.versions else None

    def _has_another_root(self) -> bool:
        """Known only where both roots are: that of the Secret, and the one that istiod distributes."""
        distributed = {fingerprint(der) for der in certificates_in(self.installation.root_certificate.encode())}
        secret = self._found("secrets", "cacerts", self.installation.root_namespace)
        if secret is None or not distributed:
            return False
        found = ca_fingerprints([secret])
        roots = {one for name, prints in found.items() if name.rpartition("/")[2] in _ROOTS for one in prints}
        return bool(roots) and not roots & distributed

    def _type(self, key: Key) -> ResourceType | None:
        return self.installation.types.get(key.resource)


def _suffix(obj: MeshObject) -> str:
    revision = obj.labels.get(REVISION, "default")
    return "" if revision in ("", "default") else f"-{revision}"


def _last_write(obj: MeshObject) -> str:
    """When anybody but a controller of its status has last written it."""
    writes = (entry for entry in obj.server.managed_fields if entry.get("subresource") != "status")
    return max((str(entry.get("time", "")) for entry in writes), default=obj.server.creation_timestamp)


def _many(component: str, workloads: Iterable[Workload]) -> Iterator[Part]:
    """One row for what is there in numbers; none where there is nothing."""
    source = "`kubectl istio-upgrade restart --plan` names each"
    found = tuple(workloads)
    if not found:
        return
    stale = [each for each in found if each.currency.is_stale]
    left = [each for each in stale if each.obstacle != ROLLS_ITSELF]
    if left:
        yield Part(component, "", Need.NEEDED, f"{len(left)} of {len(found)} out of date: {_names(left)}", source)
    elif stale:
        yield Part(component, "", Need.AUTOMATIC, f"{_names(stale)}: {ROLLS_ITSELF}", source)
    else:
        yield Part(
            component, "", Need.NOT_NEEDED, f"new pods of {len(found)} of {len(found)} would be what runs", source
        )


def _names(workloads: Sequence[Workload]) -> str:
    shown = [f"{each.key.namespace}/{each.key.name}" for each in workloads[:3]]
    more = f" and {len(workloads) - 3} more" if len(workloads) > 3 else ""
    return ", ".join(shown) + more
