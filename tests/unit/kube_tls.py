"""Certificates that vouch for themselves, made once with OpenSSL for a hundred years; their keys guard nothing."""

from __future__ import annotations

import ssl
from pathlib import Path

PAIRS = {
    "server": (
        """\
-----BEGIN CERTIFICATE-----
MIIBijCCATCgAwIBAgIUKEDzFtVkHSOnPy5mjVY4MidJe3wwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGc2VydmVyMCAXDTI2MTEzMDE3MzM0MVoYDzIxMjYxMTA2MTcz
MzQxWjARMQ8wDQYDVQQDDAZzZXJ2ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATG0qxjLDYUP/Fis4t4fPYSd66VPfr0OsVvD2beucKDQYvpu8/YvfQly8BhSyXK
QANVRnVabXJDfDIEhi7Ek43Lo2QwYjAdBgNVHQ4EFgQUNLF7uWkLahnbifVumtp5
rWOMKckwHwYDVR0jBBgwFoAUNLF7uWkLahnbifVumtp5rWOMKckwDwYDVR0TAQH/
BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIQDwH2l4
PJFm66BMJlWF5rkdNrI2Ob4CcC4mJJeRmRcDcQIgcs6bH8gZKVGNQesAm9uWDYB8
gW5qWBu9hHenzW9Bqvw=
-----END CERTIFICATE-----
""",
        """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyKwtQ/jPmeUPfbus
Q2ukC7siBvJ4Ciq51MgihDutExmhRANCAATG0qxjLDYUP/Fis4t4fPYSd66VPfr0
OsVvD2beucKDQYvpu8/YvfQly8BhSyXKQANVRnVabXJDfDIEhi7Ek43L
-----END PRIVATE KEY-----
""",
    ),
    "one": (
        """\
-----BEGIN CERTIFICATE-----
MIIBhDCCASqgAwIBAgIUQdW2cBY/yFLZgd6B3EpsnQkvifwwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEzMDE3MzM0MVoYDzIxMjYxMTA2MTczMzQx
WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATMCcd5
JEw6Y5r7UJODhapFmxFLTXvEAYwRiKYW7oW7+GPawOLy4n4BH0tV2iWqEbQNnm5f
BN7GbRSlWmJpIuO3o2QwYjAdBgNVHQ4EFgQUQpT14Es6kp11QcorJgjky9RAS/ww
HwYDVR0jBBgwFoAUQpT14Es6kp11QcorJgjky9RAS/wwDwYDVR0TAQH/BAUwAwEB
/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIG9VWa84Z6qbPJBP
v05/PfzUlx2G4VO4OoHeNO6p08OkAiEA569RVnvT51F8OVpRAVxtP+2+KJ023s7/
6CFEuDqQpk8=
-----END CERTIFICATE-----
""",
        """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+GYsUmdXBQ2boKXE
ITRYOU4B/SCwUAVaZaejpmI38XKhRANCAATMCcd5JEw6Y5r7UJODhapFmxFLTXvE
AYwRiKYW7oW7+GPawOLy4n4BH0tV2iWqEbQNnm5fBN7GbRSlWmJpIuO3
-----END PRIVATE KEY-----
""",
    ),
    "two": (
        """\
-----BEGIN CERTIFICATE-----
MIIBhDCCASqgAwIBAgIUdr3p90mfTjJ5k07ap+/DjotigX4wCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEzMDE3MzM0MVoYDzIxMjYxMTA2MTczMzQx
WjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAScFmHl
/ERCloUWKb+1LXogCWklRzRs+s2YtTIBzaHxvUIkXU+WKPm9eVtn8verw/q8UqMm
HERqKmlJ+WohwtToo2QwYjAdBgNVHQ4EFgQU1Qn8Qg/JhAGr6AznB89/UHyo2how
HwYDVR0jBBgwFoAU1Qn8Qg/JhAGr6AznB89/UHyo2howDwYDVR0TAQH/BAUwAwEB
/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIEs6q3YJmSPgV+J/
tq8TX+YeZQ6ayZt5Q0M7jF6XIQWrAiEA4Z98UZ0flAbAvLvo7MU409B3kIQGxv7w
pSp0/PeBQ1E=
-----END CERTIFICATE-----
""",
        """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZEdW26CtNkQ3Skjh
O9YvvZJXi0+ap9qiBQdKYsb+5z6hRANCAAScFmHl/ERCloUWKb+1LXogCWklRzRs
+s2YtTIBzaHxvUIkXU+WKPm9eVtn8verw/q8UqMmHERqKmlJ+WohwtTo
-----END PRIVATE KEY-----
""",
    ),
}
"""A certificate and its key, by the common name."""


def asking_for_certificates(folder: Path) -> ssl.SSLContext:
    """Of a server on 127.0.0.1 that takes clients with a certificate that it knows, and without any."""
    files = folder / "server.crt", folder / "server.key"
    for file, text in zip(files, PAIRS["server"], strict=True):
        file.write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.load_verify_locations(cadata=PAIRS["one"][0] + PAIRS["two"][0])
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
