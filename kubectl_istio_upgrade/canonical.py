"""One spelling for every JSON value: canonical YAML for people, canonical JSON for machines.

The YAML is a subset that YAML 1.1, YAML 1.2 and Go's libraries (hence kubectl) read alike: block style, sorted keys,
strings plain only where nobody could take them for something else. It is written by hand because it is the store's
format, and because a general emitter takes eight times as long; `tests/unit/test_canonical.py` proves it lossless.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from functools import lru_cache
from json.encoder import encode_basestring

import orjson

from .models.objects import Json

_LONGEST_KEY = 1000
"""YAML readers refuse `key:` from 1024 characters on; longer ones are written as `? key`."""

# Begins like a word or an option, so it is no number, date or indicator; space and colon only before another of these.
_plain = re.compile(r"""(?:--)?[A-Za-z_/](?:[ :]?[A-Za-z0-9_./+=@%,;()'"*&<>!?$~^|\[\]{}\\-])*""").fullmatch
_RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
# What JSON leaves as it is, but YAML takes for a line break or a byte order mark, or forbids.
_escape = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]").sub
# What block style cannot hold, having no escapes; and a last line of blanks, which could be taken for indentation.
_not_block = re.compile(
    "[^\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    r"|(?:\A[ \t]*|\n[ \t]+)\n*\Z"
).search
_line_start = re.compile(r"\n(?!\n)").sub


def to_yaml(value: Json) -> str:
    """The canonical YAML of a JSON value: values that are the `same` give equal text, and nothing is lost.

    Refuses what JSON does not have: NaN and infinities by ValueError, other types and keys by TypeError.
    """
    out: list[str] = []
    if type(value) is dict and value:
        _mapping(value, "", "", out)
    elif type(value) is list and value:
        _sequence(value, "", "", out)
    else:  # a text at the top has no parent to be indented against, so it is never in block style
        out.append(f"{_quoted(value) if type(value) is str else _scalar(value, '')}\n")
    return "".join(out)


def json_bytes(value: Json) -> bytes:
    """The canonical JSON: compact, keys sorted, UTF-8; `1`, `1.0` and `true` differ."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # orjson stops at 64 bits
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()


def haystack(value: Json) -> bytes:
    """Compact JSON in which to look for words: much faster than walking the value, and no canonical form."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json_bytes(value)


def same(a: Json, b: Json) -> bool:
    """Whether two JSON values are equal, types included: Python's `==` takes `1`, `1.0` and `True` for one."""
    return a is b or (a == b and json_bytes(a) == json_bytes(b))


def digest(value: Json) -> str:
    """The SHA-256 of the canonical JSON, in hex: equal exactly for values that are the `same`."""
    return hashlib.sha256(json_bytes(value)).hexdigest()


def _mapping(value: dict[str, Json], lead: str, pad: str, out: list[str]) -> None:
    """Write a mapping; `lead` goes before its first key (`- ` inside a list), `pad` before the others."""
    deeper = pad + "  "
    for key in sorted(value):
        item = value[key]
        name = _key(key)
        head = f"{lead}{name}:" if len(name) < _LONGEST_KEY else f"{lead}? {name}\n{pad}:"
        lead = pad
        kind = type(item)
        if kind is dict and item:
            out.append(f"{head}\n")
            _mapping(item, deeper, deeper, out)
        elif kind is list and item:
            out.append(f"{head}\n")
            _sequence(item, pad, pad, out)
        else:
            out.append(f"{head} {_scalar(item, deeper)}\n")


def _sequence(value: list[Json], lead: str, pad: str, out: list[str]) -> None:
    """Write a list, its dashes under the first letter of its key, as kubectl does."""
    deeper = pad + "  "
    for item in value:
        head = f"{lead}- "
        lead = pad
        kind = type(item)
        if kind is dict and item:
            _mapping(item, head, deeper, out)
        elif kind is list and item:
            _sequence(item, head, deeper, out)
        else:
            out.append(f"{head}{_scalar(item, deeper)}\n")


def _scalar(value: Json, pad: str) -> str:
    """Anything on one line, or a text in block style with its lines after `pad`."""
    kind = type(value)
    if kind is str:
        if _is_plain(value):
            return str(value)
        return _block(value, pad) if "\n" in value and not _not_block(value) else _quoted(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return _float(value)
    if kind in (dict, list):
        return "{}" if kind is dict else "[]"
    raise TypeError(f"not a JSON value: {kind.__name__}")


@lru_cache(maxsize=16_384)
def _key(key: str) -> str:
    """A mapping's key; the same few hundred come again and again."""
    return key if _is_plain(key) else _quoted(key)


def _is_plain(text: str) -> bool:
    return _plain(text) is not None and (len(text) > 5 or text.lower() not in _RESERVED)


def _quoted(text: str) -> str:
    return _escape(lambda match: f"\\u{ord(match[0]):04x}", encode_basestring(text))


def _block(text: str, pad: str) -> str:
    """The text after a `|`, whose `+` or `-` tells how many line ends it has and whose 2 how deep it is indented."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    chomp = "" if ends == 1 else "+" if ends else "-"
    depth = "2" if text[0] in " \t\n" else ""
    return f"|{depth}{chomp}" + _line_start("\n" + pad, f"\n{body}") + "\n" * (ends - 1)


def _float(value: float) -> str:
    """As Python writes it, but always with a point: YAML 1.1 takes `1e+21` for a string."""
    if not math.isfinite(value):
        raise ValueError(f"not a JSON number: {value}")
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")
