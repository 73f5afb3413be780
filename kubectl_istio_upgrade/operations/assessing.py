"""Looking at a mesh before an upgrade: everything is gathered, then judged. Nothing is written anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..apply.lease import holder_of
from ..capture import Capture
from ..errors import ClusterError, ForbiddenError, ToolError
from ..models.assessments import Assessment
from ..models.evidence import Evidence, Unprovable
from ..models.findings import About, Finding, Severity, Skipped, Unknown
from ..models.installations import RECOVERED, Component, Part
from ..models.objects import Body, Json, ResourceType
from ..models.permissions import Permission
from ..models.releases import Release
from ..models.snapshots import Purpose
from ..models.tools import Level, MeshVersions, ToolMessage
from ..plan import assessment
from ..plan.installation import installation_of, is_installed
from ..plan.permissions import needed_for_upgrade
from ..plan.settings.recorded import MESH, VALUES, config_map, suffixed
from ..ports import Istioctl, ListQuery
from ..rules.findings import CODES
from .session import Session, unfinished_text
from .snapshots import check_mesh
from .webhooks import PODS, find_dead_webhooks, root_certificate

VERSION, PRECHECK, ANALYZE = "istioctl version", "istioctl x precheck", "istioctl analyze"
NO_ISTIOCTL = "there is no istioctl to ask"

NODES = ResourceType("", "v1", "Node", "nodes", namespaced=False)

BY_PRECHECK: Mapping[Level, Severity] = {
    Level.ERROR: Severity.BLOCKER,
    Level.WARNING: Severity.WARNING,
    Level.INFO: Severity.INFO,
}
BY_ANALYZE: Mapping[Level, Severity] = {**BY_PRECHECK, Level.ERROR: Severity.WARNING}
"""What `analyze` finds is a fault of the configuration as it is: an upgrade neither causes nor mends it."""


@dataclass(frozen=True)
class Helpers:
    """What an assessment needs from the outside beside the cluster and the store."""

    parse: Callable[[str], Json]
    """Reads YAML. Raises ValueError."""
    istioctl: Callable[[Release | None], Istioctl]
    """Of a release, or any. Raises ToolError saying how to get it."""
    reference: Callable[[Release], Istioctl]
    """Of a release that runs, to prove settings with. Raises ToolError saying how to get it."""
    insist: bool = False
    """A missing istioctl ends the assessment; else the checks that need it are left out, and named."""


def assess(
    session: Session,
    helpers: Helpers,
    target: Release | None = None,
    *,
    revision: str = "",
    gateways: bool = False,
    ignore: Collection[str] = (),
) -> Assessment:
    """Look at everything and judge it; without a target, whether the mesh is in order as it is. Changes nothing.

    Raises UsageError for a code that cannot be ignored, RefusedError where there is no mesh, ClusterError where the
    mesh cannot be read, ToolError where `insist` says so.
    """
    assessment.check_codes(ignore)
    captured = session.capture()
    check_mesh(captured.state, session.root_namespace)
    evidence = _Gatherer(session, captured, helpers.parse).evidence()
    evidence = _asked(session, helpers, evidence, target, revision)
    if target is not None:
        installed = installation_of(evidence.state, evidence.workloads)
        planes = installed.origins(revision, gateways=gateways)
        evidence = replace(evidence, unprovable=tuple(_unprovable(helpers, planes, target)))
    return assessment.assess(evidence, target, revision, ignore)


@dataclass(frozen=True)
class _Gatherer:
    """Asks the cluster and the store; what may not be looked at becomes an `Unknown`."""

    session: Session
    captured: Capture
    parse: Callable[[str], Json]

    def evidence(self) -> Evidence:
        session, captured = self.session, self.captured
        newest = session.store.tip(session.branch)
        unfinished = session.store.unfinished(session.branch)
        comparable = newest is not None and newest.meta.purpose is not Purpose.IMPORT
        with session.progress.phase("looking around", total=None):
            return Evidence(
                cluster=captured.cluster,
                root_namespace=captured.root_namespace,
                taken=captured.taken,
                state=captured.state,
                workloads=captured.workloads,
                pods=self._listed(PODS),
                nodes=self._listed(NODES),
                mesh_configs=dict(self._mesh_configs()),
                recorded=dict(self._recorded()),
                missing=self._missing(),
                dead=find_dead_webhooks(session.reader, captured, captured.state),
                published_root=root_certificate(session.reader, captured.root_namespace),
                recorded_ca=newest.meta.ca_fingerprints if newest and comparable else None,
                unfinished=unfinished_text(unfinished) if unfinished else "",
                locked=self._locked(),
                sealing=bool(session.store.recipients()),
            )

    def _listed(self, type_: ResourceType) -> tuple[Body, ...] | Unknown:
        try:
            answers = self.session.reader.list_all([ListQuery(type_)], "")
            return tuple(item for _, items in answers for item in items)
        except ForbiddenError as error:
            return Unknown(error.message)

    def _mesh_configs(self) -> Iterator[tuple[str, Body]]:
        for revision in self._revisions():
            data = config_map(self.captured.state, self.captured.root_namespace, suffixed(MESH, revision))
            try:
                parsed = self.parse(str(data.get("mesh", "")))
            except ValueError:
                continue  # istiod says what is wrong with it, and so does `istioctl analyze`
            if isinstance(parsed, dict):
                yield revision, parsed

    def _recorded(self) -> Iterator[tuple[str, Body]]:
        for revision in self._revisions():
            data = config_map(self.captured.state, self.captured.root_namespace, suffixed(VALUES, revision))
            try:
                parsed = json.loads(data.get("original-values", "null"))
            except ValueError:
                continue
            if isinstance(parsed, dict):
                yield revision, parsed

    def _revisions(self) -> list[str]:
        installed = installation_of(self.captured.state)
        return [each.revision for each in installed.of(Part.CONTROL_PLANE)]

    def _missing(self) -> tuple[Permission, ...] | Unknown:
        state = self.captured.state
        installed = (key for key, obj in state.objects.items() if is_installed(obj))
        try:
            return self.session.reader.missing(needed_for_upgrade(installed, self.captured.root_namespace))
        except ClusterError as error:
            return Unknown(error.message)

    def _locked(self) -> str:
        try:
            holder = holder_of(self.session.reader, self.session.root_namespace)
        except ForbiddenError:
            return ""
        return str(holder) if holder and not holder.has_expired(datetime.now(UTC)) else ""


def _asked(session: Session, helpers: Helpers, evidence: Evidence, target: Release | None, revision: str) -> Evidence:
    """The evidence with what istioctl says, or with a finding where there is none to ask."""
    installed = installation_of(evidence.state, evidence.workloads)
    plane = installed.origin(revision)
    release = target or (plane.version if plane else None)
    try:
        istioctl = _one_of(helpers, release, any_will_do=target is None)
    except ToolError as error:
        if helpers.insist:
            raise
        return replace(evidence, connected=Unknown(NO_ISTIOCTL), told=tuple(_without(error)))
    revisions = [each.revision for each in installed.of(Part.CONTROL_PLANE) if each.revision]
    with session.progress.phase(f"asking istioctl {istioctl.version}", total=3) as advance:
        connected = _connected(istioctl, revisions)
        advance(1)
        told = tuple(_told(istioctl, plane.revision if plane else "", connected, advance))
    return replace(evidence, connected=connected, told=told)


def _without(error: ToolError) -> Iterator[Finding | Skipped]:
    code = CODES["istioctl-missing"]
    yield Finding(code.code, code.severity, error.message, error.hint or "")
    for check in (VERSION, PRECHECK, ANALYZE):
        yield Skipped(check, NO_ISTIOCTL)


def _unprovable(helpers: Helpers, planes: Iterable[Component], target: Release) -> Iterator[Unprovable]:
    """Whose settings no istioctl can prove; that of the target is needed anyway."""
    for plane in planes:
        if plane.method not in RECOVERED or plane.version == target:
            continue
        if plane.version is None:
            yield Unprovable(plane.revision, "its image's tag is no release, so no istioctl is known to be of it", "")
            continue
        try:
            helpers.reference(plane.version)
        except ToolError as error:
            yield Unprovable(plane.revision, error.message, error.hint or "")


def _one_of(helpers: Helpers, release: Release | None, *, any_will_do: bool) -> Istioctl:
    try:
        return helpers.istioctl(release)
    except ToolError:
        if not any_will_do or release is None:
            raise
        return helpers.istioctl(None)


def _connected(istioctl: Istioctl, revisions: Collection[str]) -> MeshVersions | Unknown:
    try:
        versions = istioctl.versions(revisions)
    except ToolError as error:
        return Unknown(error.message)
    return Unknown(versions.unreached) if versions.unreached and not versions.control_plane else versions


def _told(
    istioctl: Istioctl, revision: str, connected: MeshVersions | Unknown, advance: Callable[[int], None]
) -> Iterator[Finding | Skipped]:
    if isinstance(connected, Unknown):
        yield Skipped(VERSION, connected.why)
    questions = (
        (PRECHECK, istioctl.precheck, BY_PRECHECK),
        (ANALYZE, lambda: istioctl.analyze(revision), BY_ANALYZE),
    )
    for check, ask, severities in questions:
        try:
            yield from (_finding(each, severities) for each in ask())
        except ToolError as error:
            yield Skipped(check, error.message)
        advance(1)


def _finding(message: ToolMessage, severities: Mapping[Level, Severity]) -> Finding:
    kind, _, name = message.origin.partition(" ")
    about = (About(kind, "", name),) if message.origin else ()
    return Finding(message.code, severities[message.level], message.message, "", about, message.documentation)
