"""Flags before environment before `config.yaml` before defaults: every setting with its value and where it is from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..models.configurable import VARIABLE_PREFIX, Setting
from ..models.configuration import Configuration, Configured, Origin
from ..rules.settings import FILE_VARIABLE, FOREIGN_VARIABLES, SETTINGS
from .paths import expanded

CONTEXTS = "contexts"
"""The key in the file that has settings of single contexts below it."""

_PROGRAM_FOLDER = "kubectl-istio-upgrade"


def configure(flags: Mapping[str, Any]) -> Configuration:
    """Find the value of each setting. `flags` are the options of the command line by their parameters' names.

    The kubeconfig is read only if the file has settings of single contexts. Raises UsageError for a file that cannot be
    read or understood, naming the line, and for a variable that has no value that its setting can have.
    """
    file = file_of_the_user()
    content = _Content.read(file)
    context = _context(flags) if content.contexts else ""
    return Configuration(file, context, tuple(_configured(setting, flags, content, context) for setting in SETTINGS))


def file_of_the_user() -> Path:
    """`config.yaml` in the XDG configuration folder, or the file that a variable names."""
    if named := os.environ.get(FILE_VARIABLE):
        return expanded(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return expanded(folder) / _PROGRAM_FOLDER / "config.yaml"


def default_store() -> Path:
    """In the XDG data folder."""
    folder = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return expanded(folder) / _PROGRAM_FOLDER / "store.git"


def unknown_variables() -> tuple[str, ...]:
    """Variables that look like ours and mean nothing: most likely mistyped."""
    known = {FILE_VARIABLE, *(setting.variable for setting in SETTINGS)}
    mine = (name for name in os.environ if name.startswith(VARIABLE_PREFIX) and not name.startswith(FOREIGN_VARIABLES))
    return tuple(sorted(set(mine) - known))


def unknown_contexts(flags: Mapping[str, Any]) -> tuple[str, ...]:
    """Contexts that the file has settings of and the kubeconfig does not name: mistyped, or of another kubeconfig."""
    from .kube.contexts import names

    configured = _Content.read(file_of_the_user()).contexts
    try:
        known = names(flags.get("kubeconfig", "")).contexts if configured else ()
    except UsageError:  # it is told by whatever needs it
        return ()
    return tuple(name for name in configured if name not in known) if known else ()


def did_you_mean(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """A hint: what comes near, or everything that there is."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def _context(flags: Mapping[str, Any]) -> str:
    from .kube.contexts import names

    return str(flags.get("context") or names(flags.get("kubeconfig", "")).current)


def _configured(setting: Setting, flags: Mapping[str, Any], content: _Content, context: str) -> Configured:
    if setting.name in flags:
        value = flags[setting.name]
        return Configured(setting, _value(setting, value, Path()), Origin.FLAG, setting.option)
    if text := os.environ.get(setting.variable):
        return Configured(setting, _from_environment(setting, text), Origin.ENVIRONMENT, setting.variable)
    for place in content.places(setting, context):
        value = _value(setting, content.at[place], content.file.parent)
        return Configured(setting, value, Origin.FILE, content.where(place))
    return Configured(setting, default_store() if setting.name == "store" else None, Origin.DEFAULT)


def _from_environment(setting: Setting, text: str) -> Any:
    parts = text.split(os.pathsep) if setting.is_path else re.split("[,\n]", text)
    value = [part.strip() for part in parts if part.strip()] if setting.many else text
    if problem := _problem(setting, value):
        raise UsageError(f"{setting.variable} {problem}", hint=_hint(setting, value))
    return _value(setting, value, Path())


def _value(setting: Setting, value: Any, folder: Path) -> Any:
    """What was said, in the type that commands work with."""
    convert = (lambda text: folder / expanded(text)) if setting.is_path else str
    return tuple(map(convert, value)) if setting.many else convert(value)


def _problem(setting: Setting, value: Any) -> str:
    """What is wrong with a value that somebody wrote; "" for nothing."""
    if setting.many:
        return "" if isinstance(value, list) and all(map(_is_text, value)) else "is not a list of texts"
    if not _is_text(value):
        return "is not a text; put it in quotes" if isinstance(value, int | float) else "is not a text"
    if setting.choices and value not in setting.choices:
        return f"is {value!r}, and not one of {', '.join(setting.choices)}"
    if setting.form and not re.fullmatch(setting.form, value, re.ASCII):
        return f"is {value!r}, which means nothing"
    return ""


def _hint(setting: Setting, value: Any) -> str | None:
    if setting.choices:
        return did_you_mean(str(value), setting.choices)
    if setting.many and _is_text(value):
        return f"a list is in brackets: {setting.key}: [{value}]"
    return f"write it as {setting.such_as}" if setting.such_as else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_Place = tuple[str, ...]


@dataclass(frozen=True)
class _Content:
    """What the file says, checked; nothing where there is none."""

    file: Path
    at: Mapping[_Place, Any]
    """Values by their keys from the outside in."""
    lines: Mapping[_Place, int]

    @property
    def contexts(self) -> tuple[str, ...]:
        """Those of which it has settings, in order."""
        return tuple(dict.fromkeys(place[1] for place in self.at if place[0] == CONTEXTS))

    def places(self, setting: Setting, context: str) -> Iterator[_Place]:
        """Where the file speaks of a setting, the most particular place first."""
        for place in ((CONTEXTS, context, setting.key), (setting.key,)):
            if place in self.at:
                yield place

    def where(self, place: _Place) -> str:
        """A place, for people."""
        return f"{self.file.name}, line {self.lines[place]}"

    @classmethod
    def read(cls, file: Path) -> _Content:
        """Raises UsageError, naming the file and, as far as there is one, the line."""
        try:
            text = file.read_bytes()
        except FileNotFoundError as error:
            if os.environ.get(FILE_VARIABLE):
                raise UsageError(f"{file} does not exist", hint=f"{FILE_VARIABLE} names it") from error
            return cls(file, {}, {})
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {(error.strerror or 'error').lower()}") from error
        from .yamlio import YamlError, load_with_lines

        try:
            document, lines = load_with_lines(text)
        except YamlError as error:
            raise UsageError(f"{file}, {error}" if error.line else f"{file}: {error}") from error
        return cls(file, dict(_Check(file, lines).document(document)), lines)


@dataclass(frozen=True)
class _Check:
    """Goes through the file; raises UsageError for what nobody could mean."""

    file: Path
    lines: Mapping[_Place, int]

    def document(self, document: Any) -> Iterator[tuple[_Place, Any]]:
        """Each value with its place."""
        content = self._mapping((), document)
        contexts = self._mapping((CONTEXTS,), content.pop(CONTEXTS, None))
        yield from self._settings((), content, ("contexts",))
        for context, settings in contexts.items():
            place = (CONTEXTS, context)
            yield from self._settings(place, self._mapping(place, settings), ())

    def _settings(self, above: _Place, content: Mapping[str, Any], others: _Place) -> Iterator[tuple[_Place, Any]]:
        known = {setting.key: setting for setting in SETTINGS}
        for key, value in content.items():
            place = (*above, key)
            if key not in known:
                self._refuse(place, f"there is no setting {key!r}", did_you_mean(key, (*known, *others)))
            if problem := _problem(known[key], value):
                self._refuse(place, f"{key} {problem}", _hint(known[key], value))
            yield place, value

    def _mapping(self, place: _Place, value: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            self._refuse(place, f"{place[-1] if place else 'the file'} is not a mapping of names to values")
        return dict(value or {})

    def _refuse(self, place: _Place, problem: str, hint: str | None = None) -> None:
        where = f"{self.file}, line {self.lines[place]}" if place else str(self.file)
        raise UsageError(f"{where}: {problem}", hint=hint)
