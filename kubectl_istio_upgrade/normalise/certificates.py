"""Until when an X.509 certificate is valid: the one thing of it that has to be known here.

A few lines of DER (ITU-T X.690) instead of a library: the way to the field is fixed (RFC 5280, section 4.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0
_FORMATS = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_LONG_FORM = 0x80


def ends(der: bytes) -> datetime | None:
    """`notAfter` of a certificate; None for bytes that are none."""
    try:
        ((_, certificate),) = _values(der)
        tag, to_be_signed = next(_values(certificate))
        fields = [field for field in _values(to_be_signed) if field[0] != _VERSION]
        _serial, _algorithm, _issuer, (validity_tag, validity), *_ = fields
        (_, _), (time_tag, text) = _values(validity)
        if tag != _SEQUENCE or validity_tag != _SEQUENCE:
            return None
        return datetime.strptime(text.decode("ascii"), _FORMATS[time_tag]).replace(tzinfo=UTC)
    except (ValueError, KeyError, IndexError, StopIteration):
        return None


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The values that follow one another, each with its tag. Raises ValueError or IndexError for damage."""
    position = 0
    while position < len(data):
        tag, length, position = data[position], data[position + 1], position + 2
        if length & _LONG_FORM:
            count = length & ~_LONG_FORM
            length, position = int.from_bytes(data[position : position + count]), position + count
        if position + length > len(data):
            raise ValueError("a value is longer than what holds it")
        yield tag, data[position : position + length]
        position += length
