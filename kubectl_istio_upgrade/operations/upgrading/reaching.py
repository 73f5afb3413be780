"""What the user sets on a Helm mesh, led to the release that it is meant for; and what of it no chart reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...errors import UsageError
from ...models.objects import Body
from ...models.settings import HelmRelease
from ...plan.settings.assignments import of_helm
from ...plan.settings.merging import laid_over, with_value
from ...plan.settings.recorded import VALUES
from ...rules.helm import ISTIOD_CHART
from .wishes import SettingsFile, Wishes, apart

FOREIGN = ("values", "spec")
"""What paths begin with in an IstioOperator, and in no chart of Istio's."""

HOW = "write --set RELEASE:PATH=VALUE or -f RELEASE:FILE, without a release for istiod's own; the releases are {}"

Render = Callable[[HelmRelease, Body], Sequence[Body]]
"""The objects of a release with these values."""


@dataclass(frozen=True)
class Laid:
    """The values of each release with the wishes laid over them."""

    values: Mapping[str, Body]
    idle: tuple[str, ...] = ()
    """Wishes that change nothing of what their release's chart renders, in words."""


@dataclass(frozen=True)
class Reaching:
    """Leads wishes to the releases of one upgrade."""

    wishes: Wishes
    releases: Sequence[HelmRelease]

    def over(self, values: Mapping[str, Body], render: Render) -> Laid:
        """The values with everything laid over them. Raises UsageError for a release that is not there."""
        found, idle = dict(values), []
        for name, given, lay in self._wishes():
            release = self._meant(name, given)
            before, after = found[release.label], lay(found[release.label])
            if after != before and _seen(render(release, after)) == _seen(render(release, before)):
                idle.append(
                    f"{given} changes nothing: chart {release.chart} of release {release.name} does not read it"
                )
            found[release.label] = after
        return Laid(found, tuple(idle))

    def _wishes(self) -> Iterator[tuple[str, str, Callable[[Body], Body]]]:
        """The release that each is for ("" for istiod's own), what was given, and what it does to values."""
        for file in self.wishes.files:
            yield file.release, f"-f {file.name}", _file(file)
        for text in self.wishes.settings:
            path, equals, value = text.partition("=")
            release, rest = apart(path)
            yield release, f"--set {text}", self._settings(f"--set {text}", f"{rest}{equals}{value}")

    def _settings(self, given: str, text: str) -> Callable[[Body], Body]:
        """What one `--set` does, which is for one release: helm has no names of releases in it."""
        assignments = of_helm(text)
        for steps, _ in assignments:
            _refuse_foreign(steps[0], given)
            if str(steps[0]).partition(":")[0] in {name for each in self.releases for name in (each.name, each.label)}:
                raise UsageError(f"{given}: {steps[0]!r} names a release again", hint="write a --set for each release")

        def lay(values: Body) -> Body:
            for assignment in assignments:
                values = with_value(values, *assignment)
            return values

        return lay

    def _meant(self, name: str, given: str) -> HelmRelease:
        if not name:
            return next(each for each in self.releases if each.chart == ISTIOD_CHART)
        found = [each for each in self.releases if name in (each.name, each.label)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(each.label if found else each.name for each in self.releases)
        what = f"there are {len(found)} releases {name!r}" if found else f"this upgrade has no release {name!r}"
        raise UsageError(f"{given}: {what}", hint=HOW.format(known))


def _file(file: SettingsFile) -> Callable[[Body], Body]:
    for name in file.body:
        _refuse_foreign(name, f"-f {file.name}")
    return lambda values: laid_over(values, file.body)


def _refuse_foreign(name: object, given: str) -> None:
    if name in FOREIGN:
        hint = "write it as for helm: meshConfig.accessLogFile=/dev/stdout, autoscaleMin=2"
        raise UsageError(f"{given}: {name!r} is for a mesh that istioctl installed; this one is Helm's", hint=hint)


def _seen(bodies: Sequence[Body]) -> list[Body]:
    """Without istiod's record of the values that it was rendered with: nothing reads that."""
    return [body for body in bodies if not _is_record(body)]


def _is_record(body: Body) -> bool:
    name = str((body.get("metadata") or {}).get("name", ""))
    return body.get("kind") == "ConfigMap" and (name == VALUES or name.startswith(f"{VALUES}-"))
