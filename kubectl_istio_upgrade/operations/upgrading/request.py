"""What is asked of an upgrade, in values that its journal keeps, so that `resume` goes on with the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ...models.objects import Body
from ...plan import dropping
from ...plan.choosing import PLAN, Choice, chosen
from ...plan.dropping import Dropped
from ...rules.restarts import BATCH


@dataclass(frozen=True)
class Means:
    """What it is done with, as far as that was named; "" is for what is found, or usual. Paths are absolute."""

    charts: str = ""
    """A folder, or the address of a repository."""
    helm: str = ""
    istioctl: str = ""
    """Of the target."""

    @classmethod
    def of_data(cls, data: Body) -> Means:
        """As the journal has it; one of before these were kept has nothing."""
        return cls(*(str(data.get(name, "")) for name in ("charts", "helm", "istioctl")))


@dataclass(frozen=True)
class Request:
    """What the user asks for. Plain values, so that the journal can keep them for `resume`."""

    to: str
    revision: str = ""
    """Of the control plane; "" for the default one."""
    gateways: bool = False
    """With a revision: gateways move to it, too."""
    ignore: tuple[str, ...] = ()
    """Codes of findings that stop nothing."""
    settings: Body | None = None
    """As they were recovered at the first run."""
    workloads: tuple[str, ...] = ()
    """`none`, `plan`, `all` or selectors; nothing means what is out of date."""
    batch: int = BATCH
    at: str = ""
    """The value of the annotation that restarts, the same for the whole operation; "" until it begins."""
    failed: Mapping[str, Sequence[str]] | None = None
    """What did not hold before the first run, by check: that is no failure of the upgrade."""
    dropped: Dropped | None = None
    """What the manifests of the release before have, and those of this one do not; None before the first run."""
    means: Means = Means()
    beside: bool | None = None
    """Whether the revision is a new one beside those that are there, which nothing follows yet; None until it is known.
    """

    @property
    def choice(self) -> Choice:
        """Which workloads are restarted. Raises UsageError for a selector that means nothing."""
        return chosen([word for word in self.workloads if word != PLAN])

    @property
    def only_looks(self) -> bool:
        """Whether workloads are looked at, and left as they are."""
        return PLAN in self.workloads

    @property
    def label(self) -> str:
        """What it aims at, in words."""
        return f"Istio {self.to}" + (f" as revision {self.revision}" if self.revision else "")

    def to_data(self) -> Body:
        """As the journal has it."""
        return {
            "to": self.to,
            "revision": self.revision,
            "gateways": self.gateways,
            "ignore": [*self.ignore],
            "settings": self.settings,
            "workloads": [*self.workloads],
            "batch": self.batch,
            "at": self.at,
            "failed": {check: [*details] for check, details in (self.failed or {}).items()},
            "dropped": dropping.to_data(self.dropped or Dropped()),
            "means": asdict(self.means),
            "beside": self.beside,
        }

    @classmethod
    def of_data(cls, data: Body) -> Request:
        """The inverse. Raises KeyError or TypeError for damage."""
        return cls(
            to=data["to"],
            revision=data["revision"],
            gateways=data["gateways"],
            ignore=tuple(data["ignore"]),
            settings=data["settings"],
            workloads=tuple(data["workloads"]),
            batch=int(data["batch"]),
            at=str(data["at"]),
            failed=dict(data["failed"]),
            dropped=dropping.of_data(data.get("dropped", ())),
            means=Means.of_data(data.get("means", {})),
            beside=data.get("beside", bool(data["revision"])),
        )
