"""Until when a certificate is valid, read from certificates that OpenSSL's own rules would make."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubectl_istio_upgrade.normalise.certificates import ends


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def time(text: str) -> bytes:
    return der(0x17 if len(text) == 13 else 0x18, text.encode())


def certificate(begins: str, ends_: str, serial: int = 1, *, version: bool = True) -> bytes:
    """The skeleton of a certificate, by RFC 5280."""
    fields = [
        der(0xA0, der(0x02, b"\x02")) if version else b"",
        der(0x02, bytes((serial,))),
        der(0x30, der(0x06, b"\x2a\x03")),
        der(0x30, b""),
        der(0x30, time(begins) + time(ends_)),
        der(0x30, b""),
        der(0x30, b"k" * 300),
    ]
    return der(0x30, der(0x30, b"".join(fields)) + der(0x30, b"") + der(0x03, b"\x00s"))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("261231235959Z", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("490101000000Z", datetime(2049, 1, 1, tzinfo=UTC)),
        ("20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("version", [True, False])
def test_the_end_of_a_certificate(last: str, expected: datetime, version: bool) -> None:
    assert ends(certificate("200101000000Z", last, version=version)) == expected


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x05abc", b"\x04\x01a", b"not a certificate", b"\x30\x00"])
def test_what_is_no_certificate_has_no_end(data: bytes) -> None:
    assert ends(data) is None


def test_a_certificate_cut_anywhere_has_no_end_and_harms_nobody() -> None:
    whole = certificate("200101000000Z", "261231235959Z")
    assert all(ends(whole[:length]) is None for length in range(len(whole)))
