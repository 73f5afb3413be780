"""Settings that name images' tags, for another release: where a tag names the old one, it gets to name the new one."""

from __future__ import annotations

import re

from ...models.objects import Body, Json
from ...rules.images import IMAGES
from .merging import with_value


def values_for_release(values: Body, before: str, to: str) -> Body:
    """Values (of a chart, or below `spec.values`) for another release of Istio. What names no tag of it stays."""
    for row in IMAGES:
        found = setting_at(values, row.path)
        if isinstance(found, str) and (new := renewed(found, before, to)) != found:
            values = with_value(values, row.path, new)
    return values


def renewed(text: str, before: str, to: str) -> str:
    """A tag, or an image, of another release: `1.28.3-distroless` becomes `1.29.1-distroless`.

    Only where it names the whole of the old one: a tag such as `1.28` is left for people, as is what a digest pins.
    """
    if not before:
        return text
    place, slash, image = text.rpartition("/")
    name, colon, tag = image.rpartition(":")  # behind a digest's colon no release is found
    tag = re.sub(rf"(?<![0-9.]){re.escape(before)}(?![0-9]|\.[0-9])", to, tag) if colon or not slash else tag
    return f"{place}{slash}{name}{colon}{tag}"


def setting_at(values: Json, path: tuple[str, ...]) -> Json:
    """What is set at a path; None where nothing is."""
    for step in path:
        values = values.get(step) if isinstance(values, dict) else None
    return values
