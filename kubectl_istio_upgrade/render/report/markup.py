"""HTML, element by element. Text is escaped unless it is `Markup`, which only this module makes.

A template engine would be one more dependency for a single page, and its escaping a setting; here it is a type.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ..names import harmless

VOID = frozenset(("meta", "link"))
"""Elements without content, as far as they are used here."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Iterable[str] | None


def element(name: str, /, *children: Child, **attributes: str | bool | None) -> Markup:
    """An element. `class_` is the attribute `class`, `aria_label` is `aria-label`; None and False leave one out."""
    head = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(head if name in VOID else f"{head}{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Several, one after the other."""
    return Markup("".join(_child(child) for child in children))


def raw(text: str) -> Markup:
    """Text of this program's own that must not be escaped: its style sheet, the document type."""
    return Markup(text)


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    return escape(harmless(child), quote=False) if isinstance(child, str) else joined(child)


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    spelled = name.rstrip("_").replace("_", "-")
    return f" {spelled}" if value is True else f' {spelled}="{escape(harmless(value))}"'
