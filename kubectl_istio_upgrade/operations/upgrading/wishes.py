"""What the user sets beyond what was recovered."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import UsageError
from ...models.objects import Body
from ...plan.settings.assignments import of_istioctl
from ...plan.settings.merging import laid_over, with_value


@dataclass(frozen=True)
class SettingsFile:
    """An IstioOperator, or values."""

    name: str
    """As it was given."""
    body: Body
    release: str = ""
    """The Helm release that it is for; "" for istiod's own, and for an IstioOperator."""


@dataclass(frozen=True)
class Wishes:
    """What the user sets."""

    files: tuple[SettingsFile, ...] = ()
    """Laid over the recovered settings one after another."""
    settings: tuple[str, ...] = ()
    """`PATH=VALUE`, as with `istioctl --set`; on a Helm mesh as with helm's, and `RELEASE:PATH=VALUE`, too."""

    def over(self, operator: Body) -> Body:
        """An IstioOperator with these laid over it. Raises UsageError."""
        for file in self.files:
            _refuse_release(file.release, f"-f {file.name}")
            operator = laid_over(operator, file.body)
        for text in self.settings:
            _refuse_release(apart(text.partition("=")[0])[0], f"--set {text}")
            operator = with_value(operator, *of_istioctl(text))
        return operator


def apart(text: str) -> tuple[str, str]:
    """`RELEASE:REST` as its parts; the release is "" where none is named. A colon after a backslash parts nothing."""
    release, colon, rest = text.partition(":")
    return (release, rest) if colon and not release.endswith("\\") else ("", text)


def _refuse_release(release: str, given: str) -> None:
    if release:
        hint = "leave the name and the colon out; in a key a colon is written \\:"
        raise UsageError(f"{given} names a Helm release, and Helm did not install this mesh", hint=hint)
