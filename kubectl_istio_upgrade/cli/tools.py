"""The programs of others that a command may start: found when they are asked for, and led to the command's cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapters.paths import expanded
from ..adapters.tools.fetching import RELEASES, fetch
from ..adapters.tools.finding import HELM_VARIABLE, ISTIOCTL_VARIABLE, Candidate, Places, find_helm, find_istioctl
from ..adapters.tools.helm import HelmProgram
from ..adapters.tools.istioctl import IstioctlProgram
from ..adapters.tools.reach import Destination, kubeconfig_for, led
from ..errors import ToolError, UsageError
from ..models.releases import Release
from ..operations.upgrading.request import Means
from ..ports import Helm, Istioctl
from ..rules.variables import DRIVER, RECORDS

if TYPE_CHECKING:
    from .settings import Settings

GET_HELM = "see https://helm.sh/docs/intro/install, or pass --helm PATH"


def get_istioctl(release: Release | None) -> str:
    """How to get istioctl, for a hint."""
    if release is None:
        return "pass --istioctl PATH, or see https://istio.io/latest/docs/ops/diagnostic-tools/istioctl"
    by_hand = f"curl -L https://istio.io/downloadIstio | ISTIO_VERSION={release} sh -"
    return f"--download fetches it with its checksum; by hand: {by_hand}\nthen --istioctl istio-{release}/bin/istioctl"


def get_reference(release: Release) -> str:
    """How to get the istioctl that proves settings, for a hint: `--istioctl` names that of the target."""
    by_hand = f"curl -L https://istio.io/downloadIstio | ISTIO_VERSION={release} sh -"
    return f"--download fetches it with its checksum; by hand: {by_hand}\nthen put istio-{release}/bin into the PATH"


def target_release(text: str) -> Release:
    """`--to`. Raises UsageError for anything but a whole release: which patch is nobody's guess."""
    release = Release.parse(text)
    if release is None or text.count(".") < 2:
        raise UsageError(f"{text!r} is no release of Istio", hint="write it with its patch number, such as 1.29.1")
    return release


@dataclass
class Toolbox:
    """Programs that lead to one cluster."""

    settings: Settings
    destination: Destination
    root_namespace: str
    _open: ExitStack
    began: Means = field(default_factory=Means)
    """What the operation was begun with that goes on."""
    _found: dict[Release | None, Istioctl] = field(default_factory=dict)

    @cached_property
    def environment(self) -> dict[str, str]:
        """What leads a program to the cluster.

        Its file is made for the first program, so that a command that is killed before that leaves nothing behind.
        """
        return self._open.enter_context(kubeconfig_for(self.destination))

    @property
    def named(self) -> Means:
        """What the command line and variables name, for whoever goes on with an operation."""
        programs = {
            name: self.settings.values.get(name) or os.environ.get(variable) or None
            for name, variable in (("helm", HELM_VARIABLE), ("istioctl", ISTIOCTL_VARIABLE))
        }
        charts = self.settings.values.get("charts")
        place = charts if charts and "://" in charts else _absolute(charts)
        return Means(place, **{name: _absolute(path) for name, path in programs.items()})

    def going_on(self, began: Means) -> Toolbox:
        """The same for an operation that goes on: what it was begun with is looked for where it was."""
        return replace(self, began=began)

    def istioctl(self, version: str) -> Istioctl:
        """Of this release; fetched first where `--download` says so. Raises ToolError saying how to get it."""
        return self._istioctl(target_release(version))

    def istioctl_of(self, release: Release | None) -> Istioctl:
        """The same; with None, any. Raises ToolError saying how to get it."""
        return self._istioctl(release)

    def istioctl_at_hand(self, version: str = "") -> Istioctl | None:
        """The same, or (without a version) any; None where there is none. Nothing is fetched.

        Raises ToolError for one that `--istioctl` names and that is not it: what was asked for is not passed over.
        """
        try:
            return self._istioctl(Release.parse(version) if version else None, download=False)
        except ToolError:
            if "istioctl" in self.settings.values:
                raise
            return None

    def reference(self, release: Release, *, download: bool = True) -> Istioctl:
        """Of the release that runs, wherever it is but in `--istioctl`: that one is of the target.

        Fetched first where `--download` says so. Raises ToolError saying how to get it.
        """
        if release not in self._found:
            found = self._find(release, None, get_reference(release), download=download)
            self._found[release] = self._program(found)
        return self._found[release]

    def reference_at_hand(self, version: str) -> Istioctl | None:
        """The same; None where there is none, or no release is known. Nothing is fetched."""
        release = Release.parse(version)
        try:
            return self.reference(release, download=False) if release else None
        except ToolError:
            return None

    def helm(self) -> Helm:
        """Raises ToolError saying how to get it, or that its records are where nobody here looks."""
        _refuse_driver(os.environ.get(DRIVER, ""))
        places = Places("helm", self.settings.values.get("helm"), HELM_VARIABLE, before=_path(self.began.helm))
        found = find_helm(places, hint=GET_HELM)
        environment = {**self.environment, **self.destination.helm_variables}
        return HelmProgram(led(found.path, environment), str(found.release))

    def _istioctl(self, release: Release | None, *, download: bool = True) -> Istioctl:
        if release not in self._found:
            given = self.settings.values.get("istioctl")
            self._found[release] = self._program(self._find(release, given, get_istioctl(release), download=download))
        return self._found[release]

    def _program(self, found: Candidate) -> Istioctl:
        program, flags = led(found.path, self.environment), self.destination.istioctl_flags
        return IstioctlProgram(program, str(found.release), self.root_namespace, flags)

    def _find(self, release: Release | None, given: Path | None, hint: str, *, download: bool = True) -> Candidate:
        places = Places("istioctl", given, ISTIOCTL_VARIABLE, cache_folder(), _path(self.began.istioctl))
        try:
            return find_istioctl(places, release, hint=hint)
        except ToolError:
            if given or release is None or not (download and self.settings.values.get("download")):
                raise
        base = self.settings.values.get("releases", RELEASES)
        fetch(release, base, cache_folder(), self.settings.err.line)
        return find_istioctl(places, release, hint=hint)


@contextmanager
def toolbox(settings: Settings, destination: Destination, root_namespace: str) -> Iterator[Toolbox]:
    """Programs for as long as the context lasts."""
    with ExitStack() as stack:
        yield Toolbox(settings, destination, root_namespace, stack)


def _absolute(path: str | Path | None) -> str:
    return "" if path is None else str(expanded(str(path)).absolute())


def _path(name: str) -> Path | None:
    return Path(name) if name else None


def _refuse_driver(driver: str) -> None:
    if driver not in RECORDS:
        message = f"{DRIVER} is {driver!r}, and of Helm's records this tool knows those that are Secrets"
        hint = f"if those of this mesh are Secrets, unset {DRIVER} for this command; else upgrade with helm itself"
        raise ToolError(message, hint=hint)


def cache_folder() -> Path:
    """Where fetched programs are kept: they can be removed at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "kubectl-istio-upgrade" / "tools"
