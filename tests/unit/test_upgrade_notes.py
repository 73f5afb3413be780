"""Every row of the upgrade notes: a mesh that it concerns, and one that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kubectl_istio_upgrade.models.evidence import Evidence
from kubectl_istio_upgrade.models.findings import About, Severity, Unknown
from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.plan.assessment import assess
from kubectl_istio_upgrade.plan.checks.notes import looks_like
from kubectl_istio_upgrade.rules.traces import ANY, Look, UpgradeNote
from kubectl_istio_upgrade.rules.upgrade_notes import NOTES

from .assessing import ROOT, cni, cni_config, crd, evidence, istiod, pod, thing, workload, ztunnel

HELM = {"meta.helm.sh/release-name": "istio-base", "meta.helm.sh/release-namespace": ROOT}
GATEWAYS_BY_HELM = crd("gateways.networking.istio.io", annotations=HELM)
STATUS = {"sidecar.istio.io/status": "{}"}
AMBIENT_NAMESPACE = thing("Namespace", "shop", labels={"istio.io/dataplane-mode": "ambient"})
TLS = {"mode": "SIMPLE"}


def rule(**policy: Any) -> MeshObject:
    return thing("DestinationRule", "shop/web", spec={"host": "web", "trafficPolicy": policy})


def subset(**policy: Any) -> MeshObject:
    ports = {"portLevelSettings": [{"port": {"number": 443}, **policy}]}
    return thing("DestinationRule", "shop/web", spec={"host": "web", "subsets": [{"trafficPolicy": ports}]})


def entry(name: str = "shop/web", **spec: Any) -> MeshObject:
    return thing("ServiceEntry", name, spec={"hosts": ["web.example"], **spec})


def mesh(**config: Any) -> dict[str, Any]:
    return {"mesh_configs": {"default": config}}


def recorded(**values: Any) -> dict[str, Any]:
    return {"recorded": {"default": values}}


def variable(**values: str) -> MeshObject:
    return istiod("1.19.0", env=values)


def telemetry(**spec: Any) -> MeshObject:
    return thing("Telemetry", "shop/logs", spec=spec)


def filtered(operation: str) -> MeshObject:
    return thing("EnvoyFilter", "shop/lua", spec={"configPatches": [{"patch": {"operation": operation}}]})


def patched(*, to: str = "HTTP_FILTER", match: Body | None = None, **value: Any) -> MeshObject:
    patch = {"applyTo": to, "match": {"listener": match or {}}, "patch": {"operation": "MERGE", "value": value}}
    return thing("EnvoyFilter", "shop/lua", spec={"configPatches": [patch]})


def chain(name: str, inner: str = "") -> Body:
    return {"filterChain": {"filter": {"name": name, **({"subFilter": {"name": inner}} if inner else {})}}}


def gateway(**resources: Any) -> MeshObject:
    container = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.17.0", "resources": resources}
    return thing("Deployment", f"{ROOT}/gateway", spec={"template": {"spec": {"containers": [container]}}})


def matching(header: Body) -> MeshObject:
    return thing("VirtualService", "shop/web", spec={"http": [{"match": [{"headers": {"x": header}}]}]})


def route(**parent: str) -> MeshObject:
    return thing("HTTPRoute", "shop/web", spec={"parentRefs": [{"name": "web", **parent}]})


def of_gateway(**annotations: str) -> Body:
    made = pod("shop/gw", annotations=annotations)
    return {**made, "metadata": {**made["metadata"], "labels": {"istio.io/gateway-name": "gw"}}}


LUA_V2 = "type.googleapis.com/envoy.config.filter.http.lua.v2.Lua"
LUA_V3 = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
MANAGER, LUA = "envoy.filters.network.http_connection_manager", "envoy.filters.http.lua"

Side = tuple[tuple[MeshObject, ...], Mapping[str, Any]]


def of(*objects: MeshObject, **surroundings: Any) -> Side:
    return objects, surroundings


CASES: Mapping[str, tuple[Side, Side]] = {
    "gateway-concurrency": (of(gateway(limits={"cpu": "2"})), of(gateway(requests={"cpu": "2"}))),
    "deployed-gateways": (
        of(thing("KubernetesGateway", "shop/gateway", spec={"gatewayClassName": "istio"})),
        of(thing("KubernetesGateway", "shop/gateway", spec={"gatewayClassName": "istio", "addresses": [{}]})),
    ),
    "deployed-gateway-config": (
        of(pods=(of_gateway(**{"proxy.istio.io/config": "{}"}),)),
        of(pods=(of_gateway(), pod("shop/a", annotations={"proxy.istio.io/config": "{}"}))),
    ),
    "alpha-routes": (
        of(thing("TCPRoute", "shop/db")),
        of(thing("TCPRoute", "shop/db"), variable(PILOT_ENABLE_ALPHA_GATEWAY_API="true")),
    ),
    "empty-header-prefix": (of(matching({"prefix": ""})), of(matching({"prefix": "a"}))),
    "mesh-certificates": (of(**mesh(certificates=[{"secretName": "x"}])), of(**mesh(certificates=[]))),
    "old-filter-names": (
        of(patched(match=chain("envoy.http_connection_manager"))),
        of(patched(match=chain(MANAGER, LUA), name=LUA, typed_config={"@type": LUA_V3})),
    ),
    "untyped-filters": (
        of(patched(name=LUA)),
        of(patched(to="CLUSTER", name="web"), patched(name=LUA, typed_config={"@type": LUA_V3})),
    ),
    "types-of-v2": (
        of(patched(name=LUA, typed_config={"@type": LUA_V2})),
        of(patched(name=LUA, typed_config={"@type": LUA_V3})),
    ),
    "base-chart-duplicates": (
        of(thing("ServiceAccount", f"{ROOT}/istiod-service-account"), GATEWAYS_BY_HELM),
        of(thing("ServiceAccount", f"{ROOT}/istiod-service-account")),
    ),
    "service-parents": (
        of(route(kind="Service", group="gateway.networking.k8s.io")),
        of(route(kind="Service", group=""), route(kind="Gateway", group="gateway.networking.k8s.io")),
    ),
    "default-timeout": (of(variable(ISTIO_DEFAULT_REQUEST_TIMEOUT="5s")), of(variable(SOMETHING="5s"))),
    "retired-variables": (of(variable(REWRITE_TCP_PROBES="false")), of(variable(SOMETHING="false"))),
    "filter-order": (of(filtered("INSERT_BEFORE")), of(filtered("MERGE"))),
    "automatic-sni": (of(rule(tls=TLS)), of(rule(tls={**TLS, "sni": "web.example"}))),
    "server-certificates": (of(subset(tls=TLS)), of(rule(tls={**TLS, "caCertificates": "/ca"}))),
    "gateway-name-label": (
        of(thing("AuthorizationPolicy", "shop/p", spec={"selector": {"matchLabels": {"istio.io/gateway-name": "gw"}}})),
        of(thing("AuthorizationPolicy", "shop/p", spec={"selector": {"matchLabels": {"app": "gw"}}})),
    ),
    "default-tracing": (
        of(thing("Service", f"{ROOT}/zipkin")),
        of(thing("Service", f"{ROOT}/zipkin"), **mesh(extensionProviders=[{"name": "z", "zipkin": {"port": 9411}}])),
    ),
    "resource-scoping": (
        of(**mesh(discoverySelectors=[{"matchLabels": {"istio": "yes"}}])),
        of(**mesh(discoverySelectors=[])),
    ),
    "target-ports": (
        of(entry(ports=[{"number": 80, "targetPort": 8080}])),
        of(entry(ports=[{"number": 80, "targetPort": 8080}], resolution="DNS")),
    ),
    "waypoint-attachment": (
        of(thing("KubernetesGateway", "shop/waypoint", spec={"gatewayClassName": "istio-waypoint"})),
        of(thing("KubernetesGateway", "shop/gateway", spec={"gatewayClassName": "istio"})),
    ),
    "dns-exclusion": (
        of(
            pods=(pod("shop/a", annotations={"traffic.sidecar.istio.io/excludeOutboundPorts": "53"}),),
            **mesh(defaultConfig={"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}}),
        ),
        of(pods=(pod("shop/a", annotations={"traffic.sidecar.istio.io/excludeOutboundPorts": "53"}),)),
    ),
    "sidecar-scope": (
        of(thing("Sidecar", "shop/default")),
        of(thing("Sidecar", "shop/default"), variable(PILOT_UNIFIED_SIDECAR_SCOPE="false")),
    ),
    "telemetry-attributes": (
        of(telemetry(accessLogging=[{"filter": {"expression": 'filter_state["wasm.downstream_peer"].namespace'}}])),
        of(telemetry(accessLogging=[{"filter": {"expression": "response.code >= 400"}}])),
    ),
    "definitions-by-helm": (
        of(
            crd("gateways.networking.istio.io", labels={"app.kubernetes.io/managed-by": "Helm"}),
            crd("authorizationpolicies.security.istio.io", annotations=HELM),
        ),
        of(crd("authorizationpolicies.security.istio.io", annotations=HELM)),
    ),
    "in-cluster-operator": (
        of(thing("IstioOperator", f"{ROOT}/mine")),
        of(thing("IstioOperator", f"{ROOT}/installed-state")),
    ),
    "remote-chart": (
        of(thing("Service", f"{ROOT}/istiod-remote", labels={"helm.sh/chart": "istiod-remote-1.23.0"})),
        of(thing("Service", f"{ROOT}/istiod", labels={"helm.sh/chart": "istiod-1.23.0"})),
    ),
    "ambient-dns-order": (
        of(ztunnel(), cni_config(AMBIENT_DNS_CAPTURE="true")),
        of(cni_config(AMBIENT_DNS_CAPTURE="true")),
    ),
    "external-ca": (of(variable(ENABLE_CA_SERVER="false")), of(variable(ENABLE_CA_SERVER="true"))),
    "open-census": (
        of(**mesh(extensionProviders=[{"name": "o", "opencensus": {"port": 1}}])),
        of(**mesh(extensionProviders=[{"name": "o", "opentelemetry": {"port": 1}}])),
    ),
    "ztunnel-names": (
        of(ztunnel(annotations={**HELM, "meta.helm.sh/release-name": "mine"})),
        of(ztunnel(annotations={**HELM, "meta.helm.sh/release-name": "ztunnel"})),
    ),
    "ambient-dns-default": (
        of(ztunnel(), cni_config(AMBIENT_DNS_CAPTURE="false")),
        of(ztunnel(), cni_config(AMBIENT_DNS_CAPTURE="true")),
    ),
    "ztunnel-names-again": (of(ztunnel(name="mine")), of(ztunnel())),
    "native-sidecars": (
        of(pods=(pod("shop/a", annotations=STATUS, owner="web"),)),
        of(
            pods=(
                pod("shop/native", annotations=STATUS, native=True),
                pod("shop/gateway", annotations={**STATUS, "inject.istio.io/templates": "gateway"}),
            )
        ),
    ),
    "telemetry-providers": (
        of(**mesh(defaultConfig={"tracing": {"lightstep": {"address": "x"}}})),
        of(**mesh(defaultConfig={"tracing": {"zipkin": {"address": "x"}}})),
    ),
    "metric-rotation": (of(variable(METRIC_ROTATION_INTERVAL="1h")), of(variable(SOMETHING="1h"))),
    "passthrough-entries": (of(ztunnel(), entry()), of(ztunnel(), entry(resolution="STATIC"))),
    "tag-services": (
        of(thing("MutatingWebhookConfiguration", "istio-revision-tag-prod")),
        of(thing("MutatingWebhookConfiguration", "istio-sidecar-injector")),
    ),
    "gateway-spans": (
        of(**mesh(defaultProviders={"tracing": ["otel"]})),
        of(telemetry(tracing=[{}]), variable(PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY="false")),
    ),
    "compatibility-profile": (
        of(**recorded(compatibilityVersion="1.24")),
        of(**recorded(compatibilityVersion="1.26")),
    ),
    "stats-compression": (
        of(pods=(pod("shop/a", annotations={"sidecar.istio.io/statsCompression": "true"}),)),
        of(pods=(pod("shop/a", annotations=STATUS),)),
    ),
    "ambient-dns": (
        of(ztunnel(), cni_config(AMBIENT_DNS_CAPTURE="false")),
        of(ztunnel(), cni_config(AMBIENT_DNS_CAPTURE="true")),
    ),
    "ambient-reconcile": (
        of(ztunnel(), cni_config(AMBIENT_ENABLED="true")),
        of(ztunnel(), cni_config(AMBIENT_RECONCILE_POD_RULES_ON_STARTUP="true")),
    ),
    "dry-run-policies": (
        of(
            ztunnel(),
            variable(AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY="true"),
            thing("AuthorizationPolicy", "shop/p", annotations={"istio.io/dry-run": "true"}),
        ),
        of(ztunnel(), thing("AuthorizationPolicy", "shop/p", annotations={"istio.io/dry-run": "true"})),
    ),
    "circuit-breaker-metrics": (
        of(rule(connectionPool={"tcp": {"maxConnections": 1}})),
        of(rule(connectionPool={"tcp": {}}), variable(DISABLE_TRACK_REMAINING_CB_METRICS="false")),
    ),
    "base-chart-roles": (
        of(thing("ClusterRole", "istiod-reader-istio-system")),
        of(thing("ClusterRole", "istiod-clusterrole-istio-system")),
    ),
    "image-registry": (of(), of(**recorded(**{"global": {"hub": "docker.io/istio"}}))),
    "cni-excluded-namespaces": (
        of(ztunnel(), AMBIENT_NAMESPACE, cni_config(EXCLUDE_NAMESPACES="kube-system,shop")),
        of(ztunnel(), AMBIENT_NAMESPACE, cni_config(EXCLUDE_NAMESPACES="kube-system")),
    ),
    "cni-file-mode": (of(cni()), of()),
    "untaint-variable": (of(variable(PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS="true")), of()),
    "shared-hosts": (of(entry("shop/web"), entry("other/web")), of(entry("shop/web"), entry("shop/again"))),
    "retired-registries": (
        of(istiod(spec={"containers": [{"name": "discovery", "image": "gcr.io/istio-release/pilot:1.30.1"}]})),
        of(istiod("1.30.1")),
    ),
    "unhealthy-endpoints": (
        of(rule(outlierDetection={"consecutive5xxErrors": 1})),
        of(rule(outlierDetection={"minHealthPercent": 50})),
    ),
    "auto-registered": (of(ztunnel(), thing("WorkloadGroup", "shop/vm")), of(thing("WorkloadGroup", "shop/vm"))),
    "gateway-spans-always": (of(variable(PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY="false")), of()),
    "strict-gateways": (
        of(thing("Gateway", "shop/gw", spec={"selector": {"gateway.networking.k8s.io/gateway-name": "gw"}})),
        of(thing("Gateway", "shop/gw", spec={"selector": {"istio": "ingressgateway"}})),
    ),
    "default-export": (
        of(**mesh(defaultServiceExportTo=[".", "shared"])),
        of(**mesh(defaultServiceExportTo=["."], defaultVirtualServiceExportTo=["*"])),
    ),
}

SEEN = [note for note in NOTES if not note.unseen]


def concerning(note: UpgradeNote, side: Side) -> tuple[About, ...]:
    """What an upgrade over this very release finds of the row; the istiod is of the release before."""
    objects, surroundings = side
    found = assess(_one_before(note, evidence(*objects, **surroundings)), Release(1, note.minor))
    return next((finding.objects for finding in found.findings if finding.code == note.code), ())


def _one_before(note: UpgradeNote, gathered: Evidence) -> Evidence:
    """The same mesh, its istiod of the minor release before the row's, wherever its image comes from."""
    changed = {}
    for key, obj in gathered.state.load(gathered.state.versions).items():
        if obj.labels.get("operator.istio.io/component") == "Pilot":
            (container,) = obj.body["spec"]["template"]["spec"]["containers"]
            name = container["image"].rpartition(":")[0]
            containers = [{**container, "image": f"{name}:1.{note.minor - 1}.0"}]
            template = {**obj.body["spec"]["template"], "spec": {"containers": containers}}
            body = {**obj.body, "spec": {**obj.body["spec"], "template": template}}
            changed[key] = MeshObject(key, body, obj.server)
    return evidence(*{**gathered.state.load(gathered.state.versions), **changed}.values(), **_surroundings(gathered))


def _surroundings(gathered: Evidence) -> dict[str, Any]:
    return {name: getattr(gathered, name) for name in ("pods", "mesh_configs", "recorded")}


def test_every_row_has_its_cases_and_a_name_of_its_own() -> None:
    assert set(CASES) == {note.code for note in SEEN}
    assert len({note.code for note in NOTES}) == len(NOTES)


@pytest.mark.parametrize("note", SEEN, ids=lambda note: note.code)
def test_a_mesh_that_it_concerns(note: UpgradeNote) -> None:
    about = concerning(note, CASES[note.code][0])
    assert about, "it names what it concerns"


@pytest.mark.parametrize("note", SEEN, ids=lambda note: note.code)
def test_a_mesh_that_it_does_not(note: UpgradeNote) -> None:
    assert concerning(note, CASES[note.code][1]) == ()


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.code)
def test_it_says_what_follows_and_whose_word_that_is(note: UpgradeNote) -> None:
    assert "istio" in note.source
    if note.unseen:
        assert not note.found
    else:
        assert note.what
        assert note.do or note.severity is Severity.INFO


def test_only_releases_that_are_crossed_count() -> None:
    gathered = evidence(rule(connectionPool={}), rule(outlierDetection={}))
    found = assess(gathered, Release(1, 29, 1))
    assert [(each.minor, each.concern) for each in found.notes] == [(29, 0)]
    gathered = evidence(thing("DestinationRule", "shop/a", spec={"trafficPolicy": {"connectionPool": {"tcp": {}}}}))
    found = assess(gathered, Release(1, 31, 0))
    assert [(each.minor, each.concern) for each in found.notes] == [(29, 1), (30, 1), (31, 0)]
    assert assess(gathered, Release(1, 27, 0)).notes == (), "a downgrade crosses none"


def test_the_workload_is_named_and_not_its_pods() -> None:
    annotations = {"sidecar.istio.io/statsCompression": "true"}
    pods = tuple(pod(f"shop/web-{number}", annotations=annotations, owner="web") for number in range(3))
    found = assess(evidence(pods=pods, workloads=(workload("shop/web", "1.28.3"),)), Release(1, 29, 1))
    (finding,) = (each for each in found.findings if each.code == "stats-compression")
    assert finding.objects == (About("Deployment", "shop", "web"),)
    assert finding.what.startswith("1.29: ")


def test_pods_that_may_not_be_listed_are_told() -> None:
    found = assess(evidence(pods=Unknown("pods is forbidden")), Release(1, 29, 1))
    assert ("changes that show in pods alone", "pods is forbidden") in [(s.check, s.why) for s in found.skipped]


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (Look(("a", "b")), True),
        (Look(("a", "c")), False),
        (Look(("a", "c"), values=(None,)), True),
        (Look(("a", "b"), values=(1,)), True),
        (Look(("a", "b"), values=(True,)), False),
        (Look(("l", ANY), values=("x",)), True),
        (Look(("l", ANY), values=("z",)), False),
        (Look(("m", ANY, "v"), like=("on*",)), True),
        (Look(("m", ANY, "v"), unlike=("on*",)), False),
        (Look(("a",), having=((("b",), (1,)), (("c",), (None,)))), True),
        (Look(("a",), having=((("c",), ()),)), False),
        (Look(("a",), lacking=(("c",),)), True),
        (Look(("a",), lacking=(("b",),)), False),
        (Look((), having=((("a", "b"), ()),)), True),
    ],
)
def test_a_look(look: Look, expected: bool) -> None:
    assert looks_like({"a": {"b": 1}, "l": ["x", "y"], "m": {"one": {"v": "one"}}}, look) is expected


@pytest.mark.parametrize(
    "made",
    [
        patched(match=chain("envoy.http_connection_manager")),
        patched(match=chain(MANAGER, "envoy.router")),
        patched(name="envoy.lua", typed_config={"@type": LUA_V3}),
    ],
)
def test_a_filters_name_of_before_is_found_wherever_it_stands(made: MeshObject) -> None:
    (note,) = (each for each in NOTES if each.code == "old-filter-names")
    assert concerning(note, of(made)) == (About("EnvoyFilter", "shop", "lua"),)
