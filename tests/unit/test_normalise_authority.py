from __future__ import annotations

import base64
import hashlib

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.normalise.authority import ca_alarms, ca_fingerprints
from kubectl_istio_upgrade.normalise.secrets import without_values

from .builders import obj
from .test_normalise_secrets import Digester


def pem(*contents: bytes) -> str:
    body = "".join(
        f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(content).decode()}-----END CERTIFICATE-----\n"
        for content in contents
    )
    return base64.b64encode(body.encode()).decode()


def ca(name: str = "istio-ca-secret", **data: str) -> MeshObject:
    return without_values(obj("Secret", f"istio-system/{name}", data=data), Digester())


def test_the_fingerprint_is_that_of_the_certificate_as_other_tools_show_it() -> None:
    der = bytes(range(200))
    found = ca_fingerprints([ca(**{"ca-cert.pem": pem(der), "ca-key.pem": pem(b"never looked at")})])
    assert found == {"istio-system/istio-ca-secret/ca-cert.pem": (hashlib.sha256(der).hexdigest(),)}


def test_a_bundle_has_one_for_each_certificate() -> None:
    ((_, prints),) = ca_fingerprints([ca("cacerts", **{"root-cert.pem": pem(b"one", b"two")})]).items()
    assert prints == (hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest())


def test_a_ca_that_is_folded_has_the_same_ones() -> None:
    folded = base64.encodebytes(base64.b64decode(pem(b"one"))).decode()
    assert "\n" in folded
    assert ca_fingerprints([ca("cacerts", **{"root-cert.pem": folded})]) == ca_fingerprints(
        [ca("cacerts", **{"root-cert.pem": pem(b"one")})]
    )


def test_what_is_no_certificate_or_no_ca_has_none() -> None:
    assert ca_fingerprints([ca(**{"ca-cert.pem": "bm9uZQ=="}), ca("other", **{"ca-cert.pem": pem(b"x")})]) == {}


def test_a_change_of_the_ca_is_an_alarm_that_names_both() -> None:
    name = "istio-system/cacerts/ca-cert.pem"
    (alarm,) = ca_alarms({name: ("a" * 64,)}, {name: ("b" * 64,)}, "snapshot 3f2a91c")
    start = f"the mesh's CA has changed since snapshot 3f2a91c: {name} is sha256:{'a' * 16}, was sha256:{'b' * 16};"
    assert alarm.startswith(start)
    (gone,) = ca_alarms({}, {name: ("b" * 64,)}, "friday")
    assert "is not there, was sha256:" in gone
    assert list(ca_alarms({name: ("a",)}, {name: ("a",)}, "friday")) == []
