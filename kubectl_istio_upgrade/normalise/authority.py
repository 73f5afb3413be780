"""The mesh's certificate authority, by the fingerprints of its certificates: they are public, its keys are not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from ..models.objects import MeshObject
from ..rules.scope import SECRET
from .encoding import from_base64

Fingerprints = Mapping[str, tuple[str, ...]]
"""`NAMESPACE/SECRET/FILE` to the SHA-256 of each certificate in that file, in its order."""

CA_FILES: Mapping[str, tuple[str, ...]] = {
    "istio-ca-secret": ("ca-cert.pem", "root-cert.pem"),
    "cacerts": ("ca-cert.pem", "root-cert.pem", "tls.crt", "ca.crt"),
}
"""The Secrets that hold istiod's CA, and the files in them that hold its certificates (security/pkg/pki/ca)."""

_SHORT = 16
_certificate = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def ca_certificates(objects: Iterable[MeshObject]) -> Mapping[str, tuple[bytes, ...]]:
    """By the same names, the certificates themselves (DER) of every CA among the objects whose values are at hand."""
    found = {}
    for obj in objects:
        if obj.key.resource == SECRET:
            for name in CA_FILES.get(obj.key.name, ()):
                value = obj.withheld.get(str((obj.body.get("data") or {}).get(name)))
                if certificates := tuple(certificates_in(_decoded(value))):
                    found[f"{obj.key.namespace}/{obj.key.name}/{name}"] = certificates
    return dict(sorted(found.items()))


def ca_fingerprints(objects: Iterable[MeshObject]) -> Fingerprints:
    """Of every CA among the objects whose values are at hand. What is no certificate has none."""
    return {name: tuple(map(fingerprint, found)) for name, found in ca_certificates(objects).items()}


def fingerprint(der: bytes) -> str:
    """The SHA-256 of a certificate, in hex."""
    return hashlib.sha256(der).hexdigest()


def certificates_in(pem: bytes) -> Iterator[bytes]:
    """Every certificate of a PEM file, as DER."""
    for match in _certificate.finditer(pem):
        if der := _decoded(b"".join(match[1].split()).decode("ascii", "replace")):
            yield der


def _decoded(value: object) -> bytes:
    try:
        return from_base64(value) if isinstance(value, str) else b""
    except ValueError:
        return b""


def ca_alarms(live: Fingerprints, recorded: Fingerprints, since: str) -> Iterator[str]:
    """One line for each certificate of the CA that is not what it was in the snapshot called `since`."""
    for name in sorted({*live, *recorded}):
        now, then = live.get(name, ()), recorded.get(name, ())
        if now != then:
            yield (
                f"the mesh's CA has changed since {since}: {name} is {_short(now)}, was {_short(then)}; workloads that "
                "still have certificates of the other CA may be refused until they are restarted"
            )


def _short(fingerprints: tuple[str, ...]) -> str:
    return " + ".join(f"sha256:{print_[:_SHORT]}" for print_ in fingerprints) or "not there"
