"""Going on with an upgrade that was cut short: with the settings that it began with, from what the cluster has now."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import RefusedError
from ...models.operations import Operation
from ...normalise.secrets import has_withheld_values
from ..run import Finished
from ..running import Review
from ..session import WritingSession
from . import running
from .choosing import Chooser, Tools
from .phases import Phases
from .preparing import Prepared, prepare
from .request import Request
from .wishes import Wishes


@dataclass(frozen=True)
class Rest:
    """The rest of an upgrade, planned and tried on the server."""

    session: WritingSession
    operation: Operation
    prepared: Prepared
    phases: Phases

    def run(self, review: Review) -> Finished:
        """Carry it out. Phases look for themselves whether anything is left of them."""
        watch = self.session.progress.note
        return running.run(self.session, self.prepared, self.phases, review, watch, self.operation)


def go_on(session: WritingSession, operation: Operation, tools: Tools) -> Rest:
    """Plan the rest. Raises as `preparing.prepare`, and RefusedError where the journal may not hold its settings."""
    request = Request.of_data(operation.opening.request)
    if has_withheld_values(request.settings or {}):
        hint = "take it back with `kubectl istio-upgrade abort`, then run the upgrade again with the same settings"
        raise RefusedError("its settings hold what looks like a credential, which no journal keeps", hint=hint)
    phases = Phases(session.progress, operation)
    before = session.store.state(session.store.resolve(session.branch, operation.opening.before))
    choose = Chooser(tools, request.to, Wishes(), request.revision, request.gateways, request.settings, before)
    return Rest(session, operation, prepare(session, request, choose, phases), phases)
