"""Applying manifests, with a way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..apply.sender import Sender
from ..apply.trial import Trial
from ..capture import Capture
from ..models.plans import Plan
from ..normalise.secrets import without_values
from ..plan.manifests import Manifests, check_scope, plan_apply, read_manifests, wanted_changes
from ..ports import Digester, ManifestDocument
from .running import Finished, Review, Task, carry_out
from .session import Session, WritingSession


@dataclass(frozen=True)
class Planned:
    """An apply that has been planned and tried on the server, and not begun."""

    manifests: Manifests
    captured: Capture
    plan: Plan


def read(session: Session, documents: Sequence[ManifestDocument], label: str, namespace: str) -> Manifests:
    """The documents as objects of the cluster's types. Raises BadManifestError."""
    return read_manifests(documents, session.reader.discover(), label, namespace)


def withheld(manifests: Manifests, digester: Digester) -> Manifests:
    """The manifests as they may be shown, compared and recorded: Secret values digested."""
    objects = {key: without_values(obj, digester) for key, obj in manifests.objects.items()}
    return replace(manifests, objects=objects)


def prepare(session: WritingSession, manifests: Manifests, *, force_conflicts: bool) -> Planned:
    """Plan an apply by asking the server what each write would do. Changes nothing.

    Raises RefusedError for objects outside the mesh, and with every refusal of the server: a failed validation, or a
    field that another manager owns.
    """
    check_scope(manifests, session.options.root_namespace, session.options.exclude)
    captured = session.capture()
    digester = session.store.digester()
    changes = wanted_changes(captured.state, manifests, force=force_conflicts)
    trial = Trial(Sender(session.reader, session.connect_writer()), session.progress)
    previews = {key: without_values(obj, digester) for key, obj in trial.previews(changes).items()}
    plan = plan_apply(captured.state, withheld(manifests, digester), changes, previews)
    return Planned(manifests, captured, plan)


def run(session: WritingSession, planned: Planned, review: Review) -> Finished:
    """Carry out a prepared apply."""
    promised = withheld(planned.manifests, session.store.digester()).state()
    planned_keys = set(promised.objects)
    task = Task(planned.plan, planned.captured, promised, planned_keys.__contains__, planned.manifests.label)
    return carry_out(session, task, review)
