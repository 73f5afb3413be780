"""What `--set` says: paths and values, read as the program reads them that upgrades the mesh. Pure.

The two differ. helm (pkg/strvals/parser.go) takes several settings with commas between them and lists in braces, and a
backslash takes the meaning from what follows it. istioctl (operator/pkg/values/map.go) takes one setting, and knows
fractions. Neither reads YAML: what is no number, truth or (helm) null is text, as it is written.

Where istioctl would spoil a value it is kept: text with an equals sign, and a fraction that would be written otherwise
(its 1.30 is 1.3, which as the tag of an image is another release). Wherever a number is meant, Istio reads it in text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...errors import UsageError
from ...models.objects import Json
from .merging import Steps, steps_of

FORM = "write PATH=VALUE, such as "
OF_ISTIOCTL = "values.pilot.autoscaleMin=2 or values.global.imagePullSecrets[0]=registry"
OF_HELM = "autoscaleMin=2 or global.imagePullSecrets[0]=registry"
COMMAS = "to helm a comma ends a setting and { begins a list, unless a backslash is before it"

ISTIOCTL_TEXTS = (
    "spec.values.compatibilityVersion",
    "spec.tag",
    "spec.values.global.tag",
    "spec.meshConfig.defaultConfig.proxyMetadata.",
    "spec.values.meshConfig.defaultConfig.proxyMetadata.",
    "spec.compatibilityVersion",
)
"""Beginnings of paths whose values are always text (istioctl's `alwaysString`)."""

ISTIOCTL_TRUTHS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
"""Go's strconv.ParseBool, but for 1 and 0, which are numbers before."""

HELM_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
"""In any mixture of cases."""

_WHOLE = re.compile(r"[-+]?[0-9]+")
_FRACTION = re.compile(r"[-+]?[0-9]{0,7}\.[0-9]{1,8}")
"""As long as every digit of it comes back."""
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)


class Assignment(NamedTuple):
    """One value, and where it belongs."""

    steps: Steps
    value: Json


def of_istioctl(text: str) -> Assignment:
    """`PATH=VALUE`, in an IstioOperator below `spec` unless it says otherwise. Raises UsageError."""
    path, equals, value = text.partition("=")
    steps = steps_of(path.strip()) if equals else ()
    if not steps:
        raise UsageError(f"cannot read setting {text!r}", hint=f"{FORM}{OF_ISTIOCTL}")
    steps = steps if steps[0] in ("spec", "metadata") else ("spec", *steps)
    is_text = ".".join(map(str, steps)).startswith(ISTIOCTL_TEXTS)
    return Assignment(steps, value.strip() if is_text else _of_istioctl(value.strip()))


def of_helm(text: str) -> tuple[Assignment, ...]:
    """`PATH=VALUE[,PATH=VALUE ...]`. Raises UsageError."""
    return tuple(_Reader(text).assignments())


def _of_istioctl(text: str) -> Json:
    if _WHOLE.fullmatch(text) and _fits(int(text)):
        return int(text)
    if _FRACTION.fullmatch(text) and not text.endswith("0"):
        return float(text)
    return ISTIOCTL_TRUTHS.get(text, text.replace("\\,", ","))


def _of_helm(text: str) -> Json:
    if text.lower() in HELM_WORDS:
        return HELM_WORDS[text.lower()]
    if text == "0" or (_WHOLE.fullmatch(text) and not text.startswith("0") and _fits(int(text))):
        return int(text)
    return text


def _fits(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 63


class _Reader:
    """Goes through helm's form of `--set`, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def assignments(self) -> Iterator[Assignment]:
        while self._at < len(self._text) or not self._text:
            path, stop = self._until("=,")
            steps = steps_of(path) if stop == "=" else ()
            if not steps:
                raise self._unreadable(f"{FORM}{OF_HELM}")
            yield Assignment(steps, self._value())

    def _value(self) -> Json:
        if self._text[self._at : self._at + 1] != "{":
            return _of_helm(_plain(self._until(",")[0]))
        self._at += 1
        items, stop = [], ","
        while stop == ",":
            item, stop = self._until(",}")
            items.append(_of_helm(_plain(item)))
        behind, _ = self._until(",")
        if not stop or behind:
            raise self._unreadable("a list is written {one,two}, with a comma before whatever follows it")
        return items

    def _until(self, stops: Sequence[str]) -> tuple[str, str]:
        """What comes before the next of these without a backslash, and which that is; "" for the end."""
        start = self._at
        while self._at < len(self._text):
            here = self._text[self._at]
            self._at += 2 if here == "\\" else 1
            if here in stops:
                return self._text[start : self._at - 1], here
        self._at = len(self._text)
        return self._text[start:], ""

    def _unreadable(self, how: str) -> UsageError:
        hint = f"{how}; {COMMAS}" if "," in self._text or "{" in self._text else how
        return UsageError(f"cannot read setting {self._text!r}", hint=hint)


def _plain(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)
