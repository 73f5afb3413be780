"""`operation.yaml` as values; see snapshots/README.md. What is not there is left out, what is unknown passed over.

Raises AttributeError, KeyError, TypeError or ValueError for a record that cannot be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from ...models.objects import Body, Json, ResourceType
from ...models.plans import FollowUp
from ...models.reports import (
    AttemptReport,
    CheckReport,
    FindingReport,
    LeftReport,
    PhaseReport,
    ProbePhase,
    ProbeReport,
    ProofReport,
    RestartReport,
    StepReport,
)
from ...models.snapshots import Versions
from ...models.upgrades import ReviewPoint

Name = Callable[[str], str]
"""How an object of a record is shown: `deployments.apps istio-system/istiod` as `Deployment istio-system/istiod`."""


def naming(types: Iterable[ResourceType]) -> Name:
    """Kinds in place of the resource names of a record, where the types are known."""
    kinds = {type_.resource: type_.kind for type_ in types}

    def name(text: str) -> str:
        resource, blank, rest = text.partition(" ")
        return f"{kinds.get(resource, resource)}{blank}{rest}"

    return name


def moment(text: Json) -> datetime | None:
    """A time, or None where there is none."""
    return datetime.fromisoformat(text) if text else None


def holder_of(body: Body) -> str:
    """`alice@bastion`."""
    holder = body.get("holder") or {}
    return "@".join(str(holder[part]) for part in ("user", "host") if holder.get(part))


def versions_of(body: Body | None) -> Versions | None:
    """One side of `versions`."""
    if body is None:
        return None
    proxies = {str(version): int(pods) for version, pods in (body.get("proxies") or {}).items()}
    return Versions(tuple(map(str, body.get("controlPlane") or ())), proxies)


def steps_of(record: Body, name: Name) -> tuple[StepReport, ...]:
    """Every write. One that took no time at all was another program's, or of an earlier run: nobody has measured it."""
    return tuple(
        StepReport(
            object=name(step["object"]),
            action=step["action"],
            outcome=step["outcome"],
            seconds=step.get("seconds") or None,
            reason=step.get("reason") or "",
        )
        for step in record.get("steps") or ()
    )


def proof_of(record: Body, name: Name) -> ProofReport | None:
    """The proof, where there was one."""
    proof = record.get("proof")
    if proof is None:
        return None
    kept = tuple(LeftReport(name(one["object"]), one.get("reason", "")) for one in proof.get("kept") or ())
    residual = tuple(
        LeftReport(name(one["object"]), one.get("change", ""), tuple(one.get("fields") or ()))
        for one in proof.get("residual") or ()
    )
    return ProofReport(proof.get("identical", 0), proof.get("reads"), kept, residual)


def phases_of(record: Body) -> tuple[PhaseReport, ...]:
    """The steps of the guide."""
    return tuple(
        PhaseReport(
            phase=one["phase"],
            outcome=one["outcome"],
            started=moment(one.get("started")),
            seconds=one.get("seconds"),
            detail=one.get("detail") or "",
            reason=one.get("reason") or "",
        )
        for one in record.get("phases") or ()
    )


def findings_of(record: Body, name: Name) -> tuple[FindingReport, ...]:
    """What the plan and the precheck found."""
    return tuple(
        FindingReport(
            code=one["code"],
            severity=one["severity"],
            what=one["what"],
            hint=one.get("hint") or "",
            objects=tuple(map(name, one.get("objects") or ())),
            ignored=bool(one.get("ignored")),
        )
        for one in record.get("findings") or ()
    )


def review_of(record: Body) -> tuple[ReviewPoint, ...]:
    """What there was to look at in the new manifest."""
    points = record.get("review") or ()
    return tuple(ReviewPoint(one["aspect"], one["where"], one["before"], one["after"]) for one in points)


def checks_of(record: Body) -> tuple[CheckReport, ...]:
    """What validation looked at."""
    checks = record.get("checks") or ()
    return tuple(CheckReport(one["check"], one["outcome"], one.get("detail") or "") for one in checks)


def probes_of(record: Body) -> tuple[ProbeReport, ...]:
    """Probes, with what they counted."""
    return tuple(
        ProbeReport(
            probe=one["probe"],
            phases=tuple(ProbePhase(p["phase"], int(p["sent"]), int(p["failed"])) for p in one.get("phases") or ()),
            first_failure=_failure(one.get("firstFailure")),
            longest_gap=one.get("longestGap"),
        )
        for one in record.get("probes") or ()
    )


def _failure(first: Mapping[str, str] | None) -> str:
    return " ".join(part for part in (first.get("at", ""), first.get("reason", "")) if part) if first else ""


def restarts_of(record: Body, name: Name) -> tuple[RestartReport, ...]:
    """Workloads that were restarted, or not."""
    return tuple(
        RestartReport(
            object=name(one["object"]),
            before=one.get("proxyBefore") or "",
            after=one.get("proxyAfter") or "",
            outcome=one["outcome"],
            reason=one.get("reason") or "",
        )
        for one in record.get("restarts") or ()
    )


def follow_ups_of(record: Body) -> tuple[FollowUp, ...]:
    """What was left for people to run."""
    return tuple(FollowUp(one["command"], one.get("why") or "") for one in record.get("followUps") or ())


def attempts_of(record: Body) -> tuple[AttemptReport, ...]:
    """Every run."""
    return tuple(
        AttemptReport(
            command=one.get("command") or "",
            aim=one.get("aim") or "",
            holder=holder_of(one),
            started=moment(one.get("started")),
            writes=_count(one.get("steps")),
        )
        for one in record.get("attempts") or ()
    )


def _count(steps: Json) -> int | None:
    """How many writes a run set out to make: a number, or the list of them."""
    return len(steps) if isinstance(steps, list) else steps
