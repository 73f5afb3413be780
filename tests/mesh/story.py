"""An upgrade and a drift, taken back, and taken back again; then objects that only the newer release can hold."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.support.cli import Ran

from .comparison import Dump
from .mesh import NEW, START, Mesh, install_definitions, settled

INJECTOR = "istio-sidecar-injector"
ROLE = "istiod-clusterrole-istio-system"
NOTES = "configmaps istio-system/notes"
ADDED = "authorizationpolicies.security.istio.io shop/added"
POLICY = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: added, namespace: shop}
spec: {action: DENY, rules: [{from: [{source: {namespaces: [elsewhere]}}]}]}
"""
# The newer definition allows the last one, but its istiod does not: hence a revision that no istiod validates.
ONLY_NEWER = """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: newer, namespace: shop, labels: {istio.io/rev: unwatched}}
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      match: {context: WAYPOINT, waypoint: {filter: {name: envoy.filters.network.http_connection_manager}}}
      patch: {operation: INSERT_BEFORE, value: {name: example}}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: newer, namespace: shop, labels: {istio.io/rev: unwatched}}
spec: {tracing: [{customTags: {host: {formatter: {value: "%REQ(:AUTHORITY)%"}}}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: newer, namespace: shop, labels: {istio.io/rev: unwatched}}
spec:
  host: newer
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 10s, aggression: 0.5}}}
"""


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    mesh: Mesh
    before: Dump
    pods: str
    drifted: Dump
    rollback: Ran
    back: Dump
    istiods: list[str]
    history: tuple[str, str]
    again: Ran
    diff: Ran
    forth: Dump
    back_again: Dump


def tell(mesh: Mesh) -> Story:
    """Upgrade and drift, and then there, back and there and back again."""
    before, pods = mesh.dump(), mesh.kubectl("get", "pods", "-n", "shop", "-o", "yaml")
    mesh.install(NEW)
    drift(mesh)
    drifted = settled(mesh)
    rollback = mesh.plugin.ok("rollback", "--yes", "-o", "json")
    back, istiods, history = settled(mesh), mesh.istiod.versions(), _history(mesh)
    again = mesh.plugin.ok("rollback", "--yes")
    diff = mesh.plugin.ok("diff", START)
    histories = (history, _history(mesh))
    mesh.plugin.ok("rollback", rollback.data["before"], "--yes")
    forth = settled(mesh)
    mesh.plugin.ok("rollback", START, "--yes")
    back_again = settled(mesh)
    return Story(mesh, before, pods, drifted, rollback, back, istiods, histories, again, diff, forth, back_again)


def drift(mesh: Mesh) -> None:
    """What people do to a mesh by hand."""
    mesh.kubectl("delete", "destinationrule", "web", "-n", "shop")
    mesh.kubectl("apply", "-f-", manifest=POLICY)
    mesh.patch("virtualservice", "web", '[{"op": "remove", "path": "/spec/http/0"}]', how="json")
    text = mesh.plane.api.request("GET", "/api/v1/namespaces/istio-system/configmaps/istio")["data"]["mesh"]
    edited = text.replace("accessLogFile: /dev/stdout", 'accessLogFile: ""')
    assert edited != text
    mesh.patch("configmap", "istio", json.dumps({"data": {"mesh": edited}}), namespace="istio-system")
    mesh.kubectl("label", "namespace", "shop", "istio-injection=disabled", "--overwrite")
    mesh.kubectl("delete", "mutatingwebhookconfiguration", INJECTOR)
    mesh.patch("clusterrole", ROLE, '[{"op": "remove", "path": "/rules/0/verbs/0"}]', how="json")
    _overwrite_what_is_easily_lost(mesh)


def small_drift(mesh: Mesh) -> None:
    """Less of that, and without a new release."""
    mesh.patch("virtualservice", "web", '{"spec": {"hosts": ["web", "other"]}}')
    mesh.patch("destinationrule", "web", '{"spec": {"host": "other"}}')
    mesh.patch("configmap", "notes", '{"data": {"text": "changed"}}', namespace="istio-system")
    mesh.kubectl("apply", "-f-", manifest=POLICY)


def _overwrite_what_is_easily_lost(mesh: Mesh) -> None:
    rules = '{"spec": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}}'
    mesh.patch("authorizationpolicy", "allow-all", rules)
    mesh.patch("peerauthentication", "default", '{"spec": {"mtls": {"mode": "STRICT"}}}')
    lua = "/spec/configPatches/0/patch/value/typed_config/inlineCode"
    mesh.patch("envoyfilter", "lua", json.dumps([{"op": "replace", "path": lua, "value": "-- none"}]), how="json")
    mesh.patch("configmap", "notes", '{"data": {"empty": null, "text": "trimmed"}}', namespace="istio-system")


def _history(mesh: Mesh) -> str:
    return mesh.plugin.ok("history", "-o", "name").out


@dataclass(frozen=True)
class Sequel:
    """What became of objects that only the newer release can hold."""

    upgraded: list[str]
    """The istiods after the next upgrade with istioctl."""
    dry_run: Ran
    rollback: Ran
    gone: Dump
    newer: Dump
    keep_added: Ran
    kept: Dump


def tell_on(mesh: Mesh) -> Sequel:
    """Upgrade and roll back over objects of the newer release; then only the definitions, and around the objects."""
    mesh.install(NEW)
    upgraded = mesh.istiod.versions()
    mesh.kubectl("apply", "--server-side", "-f-", manifest=ONLY_NEWER)
    dry_run = mesh.plugin.ending(3, "rollback", START, "--keep-added", "--dry-run", "-o", "json")
    rollback = mesh.plugin.ok("rollback", "--yes", "-o", "json")
    gone = settled(mesh)
    install_definitions(mesh.plane, NEW)
    mesh.kubectl("apply", "--server-side", "-f-", manifest=ONLY_NEWER)
    newer = settled(mesh)
    keep_added = mesh.plugin.ok("rollback", "--keep-added", "--yes", "-o", "json")
    return Sequel(upgraded, dry_run, rollback, gone, newer, keep_added, settled(mesh))
