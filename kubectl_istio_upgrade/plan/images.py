"""Does what was rendered for a release of Istio run that release? A chart of the target may name images of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..models.objects import Body, Json, MemoryState, MeshObject
from ..models.releases import Release
from ..rules.helm import release_of
from ..rules.images import COMPONENTS, CONTAINERS, IMAGES, Runs
from .installation import INJECTED_IMAGE, containers_of, installation_of
from .manifests import Manifests
from .reviewing import sidecar_image
from .settings.images import setting_at

_RELEASE = re.compile(r"\d+\.\d+(\.\d+)?(-(alpha|beta|rc)[.\d]*)?")
_WHOLE = re.compile(r"v?\d+\.\d+\.\d+")
OVERLAY = "an overlay of spec.components.*.k8s names it: lay another over that with -f"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of Istio's that the new manifest has."""

    runs: Runs
    obj: MeshObject
    name: str
    """As the manifest has it."""

    @property
    def tag(self) -> str:
        """ "" where there is none, as with a digest alone."""
        return self.name.partition("@")[0].rpartition("/")[2].partition(":")[2]

    @property
    def release(self) -> Release | None:
        """What the tag tells; None where it tells no release, or only a minor one (`1.29`)."""
        return Release.of_image(self.name) if _WHOLE.match(self.tag) else None

    def is_of_another(self, target: Release) -> bool:
        """Whether its tag tells another release; one that tells a minor release alone may be of any of it."""
        told = Release.of_image(self.name)
        if told is None:
            return False
        return told != target if self.release else told.line != target.line

    def __str__(self) -> str:
        return f"{self.obj.kind} {self.obj.key.namespace}/{self.obj.key.name} ({self.runs}): {self.name}"


def images_of(manifests: Manifests) -> tuple[Image, ...]:
    """The images that Istio's own programs run, and that sidecars get; not `auto`, which stands for the latter."""
    return tuple(image for image in _images(manifests.state()) if image.name not in ("", INJECTED_IMAGE))


def _images(state: MemoryState) -> Iterator[Image]:
    for component in installation_of(state).components:
        if component.part in CONTAINERS:
            runs, container = CONTAINERS[component.part]
            own = (each for each in containers_of(component.obj) if each.get("name") == container)
            yield from (Image(runs, component.obj, str(each.get("image", ""))) for each in own)
    for key in sorted(state.objects):
        yield Image(Runs.SIDECAR, state.objects[key], sidecar_image(state.objects[key]))


@dataclass(frozen=True)
class Remedy:
    """Says what to set so that an image is of the target."""

    settings: Body
    """An IstioOperator; of Helm the values of each release, as `NAMESPACE/NAME`."""
    target: Release

    def of(self, image: Image) -> str:
        """The option of `upgrade` that settles it, or in words what else would."""
        if "spec" in self.settings:
            return self._in_operator(image, self.settings["spec"])
        release = release_of(image.obj)
        prefix = "" if image.runs in (Runs.ISTIOD, Runs.SIDECAR) else f"{release.name}:"
        values = self.settings.get(f"{release.namespace}/{release.name}")
        return self._option(prefix, *_deciding(values, image.runs, ("global", "tag")))

    def _in_operator(self, image: Image, spec: Body) -> str:
        components = spec.get("components") or {}
        if any(image.name in _patched(entry) for entry in _entries(components)):
            return OVERLAY
        for name, runs in COMPONENTS.items():
            if runs is image.runs and (found := _tag_of(components.get(name), image.obj.key.name)):
                return self._option(f"components.{name}", *found)
        path, value = _deciding(spec.get("values"), image.runs, ())
        return self._option("values.", path, value) if path else self._option("", ("tag",), spec.get("tag"))

    def _option(self, prefix: str, path: tuple[str, ...], value: Json) -> str:
        return f"--set {prefix}{'.'.join(path)}={_renamed(str(value or ''), str(self.target))}"


def _deciding(values: Json, runs: Runs, otherwise: tuple[str, ...]) -> tuple[tuple[str, ...], Json]:
    """The setting that says which image it is, and what it says."""
    for row in IMAGES:
        value = setting_at(values, row.path)
        if runs in row.of and value and ("/" in str(value) or not row.whole):
            return row.path, value
    return otherwise, ""


def _tag_of(component: Json, name: str) -> tuple[tuple[str, ...], Json] | None:
    """The tag of a component's own, or of that gateway among them; with the rest of its path."""
    if isinstance(component, dict) and "tag" in component:
        return ("", "tag"), component["tag"]
    for number, entry in enumerate(component if isinstance(component, list) else ()):
        if entry.get("name") == name and "tag" in entry:
            return (f"[{number}]", "tag"), entry["tag"]
    return None


def _entries(components: Body) -> Iterator[Body]:
    for entry in components.values():
        yield from entry if isinstance(entry, list) else (entry or {},)


def _patched(entry: Body) -> list[Json]:
    """Every value that the overlays of a component lay over what its chart renders."""
    overlays = (entry.get("k8s") or {}).get("overlays") or ()
    return [patch.get("value") for overlay in overlays for patch in overlay.get("patches") or ()]


def _renamed(text: str, target: str) -> str:
    """A tag, or an image, that names the target; what is around the release in the tag stays."""
    place, slash, image = text.partition("@")[0].rpartition("/")
    name, _, tag = image.partition(":") if slash else ("", "", image)
    tag = _RELEASE.sub(target, tag, count=1) if _RELEASE.search(tag) else target
    return f"{place}/{name}:{tag}" if slash else tag
