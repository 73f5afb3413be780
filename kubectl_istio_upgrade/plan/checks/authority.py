"""Will the restart of istiod change the mesh's CA? Will its certificates last?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from ...models.findings import About, Finding, Severity, Skipped
from ...normalise.authority import ca_alarms, ca_certificates, ca_fingerprints, certificates_in, fingerprint
from ...normalise.certificates import ends
from ...rules.matching import types
from ..installation import containers_of
from .case import Case, found

SECRETS = types("secrets")
SOON = timedelta(days=30)

CACERTS = ("cacerts", ("root-cert.pem", "ca.crt"))
SELF_SIGNED = ("istio-ca-secret", ("ca-cert.pem",))
"""What istiod takes its CA from when it starts: the first of these Secrets that is there, and in it its root
(pilot/pkg/bootstrap/istio_ca.go)."""

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "ENABLE_CA_SERVER": ("false", "0"),
    "EXTERNAL_CA": ("ISTIOD_RA_KUBERNETES_API", "ISTIOD_RA_ISTIO_API"),
}
"""Variables, with their values, by which istiod is not the CA itself."""


def variables(case: Case) -> Mapping[str, str]:
    """The environment of istiod, as far as it is written in its Deployment."""
    if case.plane is None:
        return {}
    entries = (entry for each in containers_of(case.plane.obj) for entry in each.get("env") or ())
    return {str(entry["name"]): str(entry.get("value", "")) for entry in entries}


def change(case: Case) -> Iterator[Finding | Skipped]:
    """Whether the CA that istiod would take at its next start is the one whose root it publishes now."""
    environment = variables(case)
    if any(environment.get(name) in values for name, values in ELSEWHERE.items()):
        yield Skipped("whether the CA will change", "istiod is not the CA of this mesh")
        return
    published = {fingerprint(der) for der in certificates_in(case.evidence.published_root.encode())}
    if not published:
        yield Skipped("whether the CA will change", "the root certificate that istiod publishes could not be read")
        return
    root = case.evidence.root_namespace
    certificates = ca_certificates(case.objects(SECRETS))
    for name, files in (CACERTS, SELF_SIGNED):
        roots = [der for file in files for der in certificates.get(f"{root}/{name}/{file}", ())]
        if roots:
            if published.isdisjoint(map(fingerprint, roots)):
                yield _other(root, name)
            return
    what = "there is no Secret with the CA: at its next start istiod makes a new one, and nobody trusts it yet"
    yield found("ca-will-change", what, "bring back the Secret istio-ca-secret or cacerts from a backup first")


def _other(namespace: str, name: str) -> Finding:
    what = "the root in this Secret is not the one that the mesh has: istiod takes it at its next start"
    do = "add the present root to it, and restart all workloads before and after (istio.io: plugin CA certificates)"
    return found("ca-will-change", what, do, (About("Secret", namespace, name),))


def since_snapshot(case: Case) -> Iterator[Finding | Skipped]:
    """Whether the CA has changed since the newest snapshot."""
    recorded = case.evidence.recorded_ca
    if recorded is None:
        return
    live = ca_fingerprints(case.objects(SECRETS))
    for alarm in ca_alarms(live, recorded, "the newest snapshot"):
        yield found("ca-changed", alarm, "restart what the old CA has certified, or restore it by name")


def ending(case: Case) -> Iterator[Finding | Skipped]:
    """Certificates of the CA that have ended, or will soon."""
    now = case.evidence.taken
    for name, certificates in ca_certificates(case.objects(SECRETS)).items():
        namespace, secret, file = name.split("/")
        last = min((end for der in certificates if (end := ends(der))), default=None)
        if last is not None and last < now + SOON:
            over = last < now
            what = f"a certificate in {file} {'ended' if over else 'ends'} on {last:%Y-%m-%d}"
            severity = Severity.BLOCKER if over else None
            yield found("ca-expiring", what, "renew it first", (About("Secret", namespace, secret),), severity=severity)
