"""Admission webhooks that do not answer, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .objects import Body, Key


class ServiceName(NamedTuple):
    """A service that webhooks call."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Backing:
    """What stands behind a service, as the cluster has it now."""

    exists: bool = True
    ready: bool = True
    """Whether anything that could answer is ready."""
    known: bool = True
    """False where it may not be looked at. It is then taken for served: relaxing a webhook that answers after all would
    let pass what it guards, while writing to what a silent one guards is refused by the server, in the dry run."""


@dataclass(frozen=True, slots=True)
class DeadWebhook:
    """One webhook that cannot answer."""

    configuration: Key
    webhook: str
    failure_policy: str
    """`Fail`: what it would be asked about is refused. `Ignore`: that passes unchecked."""
    rules: tuple[Body, ...]
    why: str
    service: ServiceName
    needs_service: bool = False
    """The service must come back before it can answer."""
    needs_workload: bool = True
    """What serves it must start (anew) before it can answer: with its CA, too, which istiod renews when it starts."""
    object_selector: Body | None = None
    namespace_selector: Body | None = None

    @property
    def fails_closed(self) -> bool:
        """Whether it blocks what it guards."""
        return self.failure_policy == "Fail"
