"""Which settings a mesh was installed with: recovered from the mesh, and proved by asking the server.

The proof: the istioctl of the release that runs renders the recovered settings, and the server is asked, by a dry run
under istioctl's own name, what installing that would change. Nothing, if they are the settings. What it would change
becomes a setting (`plan.settings.remainder`), and the server is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...capture import Capture
from ...models.changes import ObjectDiff
from ...models.objects import Body, Json
from ...models.settings import OperatorSettings
from ...normalise.secrets import pooled, revealed
from ...plan.manifests import Manifests, read_manifests
from ...plan.settings.installed import as_istioctl_installs
from ...plan.settings.operator import Origin, first_guess, for_release
from ...plan.settings.recorded import VALUES, suffixed
from ...plan.settings.remainder import Amendment, Parse, is_record, settable
from ...ports import Istioctl, ManifestDocument
from .. import applying
from ..session import WritingSession

ISTIOCTL = "istio-operator"
"""istioctl's field manager (operator/pkg/install/install.go)."""

ROUNDS = 3
"""How often what is still different becomes settings: a setting may bring forth objects with settings of their own."""


@dataclass(frozen=True)
class Recovery:
    """Recovers the settings of one control plane."""

    session: WritingSession
    captured: Capture
    origin: Origin
    parse: Parse
    by_istioctl: bool = True
    """Whether istioctl itself installed it, which labels everything, and removes what it does not render any more."""

    def by(self, istioctl: Istioctl) -> OperatorSettings:
        """The settings, with this istioctl as the reference: that of the running release, else that of the target.

        Only the former proves anything: what the latter would change may be a setting or may be the new release. Of
        that is told what settings could say.
        """
        guess = first_guess(self.captured.state, self.origin, _recorded_defaults(istioctl.render(_nothing())))
        guess = replace(guess, body=self._with_credentials(guess.body))
        if istioctl.version != self.origin.version:
            return replace(guess, at_risk=self._at_risk(istioctl, guess.body))
        amendment = Amendment(guess.body, self.parse, self.origin.revision, list(guess.sources))
        residual = self._would_change(istioctl, amendment.body)
        for _ in range(ROUNDS):
            before = amendment.body
            amendment.keep(residual)
            amendment.body = self._with_credentials(amendment.body)
            if amendment.body == before:
                break
            residual = self._would_change(istioctl, amendment.body)
        return replace(
            guess,
            body=amendment.body,
            sources=tuple(dict.fromkeys(amendment.sources)),
            proved_with=istioctl.version,
            lost=tuple(diff for diff in residual if not is_record(diff)),
        )

    def _with_credentials(self, settings: Body) -> Body:
        """The settings as istioctl must have them: of what looks like a credential a capture holds only digests."""
        return revealed(settings, pooled(self.captured.state.objects.values()))

    def _at_risk(self, target: Istioctl, guess: Body) -> tuple[ObjectDiff, ...]:
        settings = for_release(guess, self.origin.version, target.version)
        return tuple(settable(self._would_change(target, settings), self.origin.revision, self.parse))

    def _would_change(self, istioctl: Istioctl, settings: Body) -> tuple[ObjectDiff, ...]:
        """From what is live to what installing with these settings would make of it."""
        manifests = read_rendered(self.session, istioctl.render(settings), f"Istio {istioctl.version}")
        if self.by_istioctl:
            manifests = as_istioctl_installs(manifests, self.captured.state, settings, istioctl.version)
        manager = ISTIOCTL if self.by_istioctl else ""
        planned = applying.prepare(
            self.session, manifests, force_conflicts=True, force_crds=None, captured=self.captured, manager=manager
        )
        return tuple(change.diff for change in planned.plan.changes if change.diff is not None)


def read_rendered(session: WritingSession, documents: Sequence[Body], label: str) -> Manifests:
    """What a tool has rendered, as objects of the cluster's types."""
    numbered = [ManifestDocument(body, f"{label}, object {number}") for number, body in enumerate(documents, start=1)]
    return read_manifests(numbered, session.reader.discover(session.options.groups), label, session.root_namespace)


def _nothing() -> Body:
    return {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": {}}


def _recorded_defaults(documents: Sequence[Body]) -> Json:
    """The values that an installation without settings records; empty for a release that records none."""
    for body in documents:
        if body["kind"] == "ConfigMap" and body["metadata"]["name"] == suffixed(VALUES, "default"):
            return json.loads(body["data"]["original-values"])
    return {}
