"""The mesh's certificate authority, by the fingerprints of its certificates: they are public, its keys are not."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from ..models.objects import MeshObject
from ..rules.scope import SECRET

Fingerprints = Mapping[str, tuple[str, ...]]
"""`NAMESPACE/SECRET/FILE` to the SHA-256 of each certificate in that file, in its order."""

CA_FILES: Mapping[str, tuple[str, ...]] = {
    "istio-ca-secret": ("ca-cert.pem", "root-cert.pem"),
    "cacerts": ("ca-cert.pem", "root-cert.pem", "tls.crt", "ca.crt"),
}
"""The Secrets that hold istiod's CA, and the files in them that hold its certificates (security/pkg/pki/ca)."""

_SHORT = 16
_certificate = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def ca_fingerprints(objects: Iterable[MeshObject]) -> Fingerprints:
    """Of every CA among the objects whose values are at hand. What is no certificate has none."""
    found = {}
    for obj in objects:
        if obj.key.resource == SECRET:
            for name in CA_FILES.get(obj.key.name, ()):
                value = obj.withheld.get(str((obj.body.get("data") or {}).get(name)))
                if prints := tuple(_fingerprints(value)):
                    found[f"{obj.key.namespace}/{obj.key.name}/{name}"] = prints
    return dict(sorted(found.items()))


def _fingerprints(value: object) -> Iterator[str]:
    for match in _certificate.finditer(_decoded(value)):
        if der := _decoded(b"".join(match[1].split()).decode("ascii", "replace")):
            yield hashlib.sha256(der).hexdigest()


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
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
