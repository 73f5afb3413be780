"""What each minor release of Istio changed that a mesh may notice: one row a change, found by its traces in the mesh.

A row that finds nothing is only counted. Changes that leave no trace in what is read are named as `unseen`, so that
nobody takes silence for an answer. Sources: Istio's upgrade notes and change notes (istio.io/news/releases).
"""

from __future__ import annotations

from ..models.installations import Part
from .earlier_notes import EARLIER_NOTES
from .matching import types
from .oldest_notes import OLDEST_NOTES
from .traces import (
    AMBIENT,
    ANY,
    BLOCKER,
    CNI_CONFIG,
    CONFIG_MAPS,
    DESTINATION_RULES,
    INFO,
    SERVICE_ENTRIES,
    WARNING,
    Image,
    Installed,
    Look,
    MeshConfig,
    Objects,
    Pods,
    Recorded,
    Repeated,
    UpgradeNote,
    Variable,
    changes,
    config_data,
    page,
    policies,
    unseen,
)

RECENT_NOTES: tuple[UpgradeNote, ...] = (
    UpgradeNote(
        "native-sidecars",
        27,
        WARNING,
        "at their next restart the proxy of these pods becomes an init container (a native sidecar); webhooks, "
        "controllers and scripts that expect a container called istio-proxy do not find it there",
        "test one workload first; ENABLE_NATIVE_SIDECARS=false on istiod, or the annotation "
        "sidecar.istio.io/nativeSidecar=false on a pod, keeps it as it was",
        page(27),
        found=(
            Pods(
                Look(
                    (),
                    having=(
                        (("spec", "containers", ANY, "name"), ("istio-proxy",)),
                        (("metadata", "annotations", "sidecar.istio.io/status"), ()),
                    ),
                    lacking=(("metadata", "annotations", "inject.istio.io/templates"),),
                )
            ),
        ),
        unless=(Variable(("ENABLE_NATIVE_SIDECARS",), ("false",)),),
    ),
    UpgradeNote(
        "telemetry-providers",
        27,
        BLOCKER,
        "the providers for OpenCensus and Lightstep are gone: no traces would be sent through them any more",
        "use an OpenTelemetry provider",
        page(27),
        found=(
            MeshConfig(Look(("extensionProviders", ANY, "opencensus"))),
            MeshConfig(Look(("extensionProviders", ANY, "lightstep"))),
            MeshConfig(Look(("defaultConfig", "tracing", "openCensusAgent"))),
            MeshConfig(Look(("defaultConfig", "tracing", "lightstep"))),
        ),
    ),
    UpgradeNote(
        "metric-rotation",
        28,
        WARNING,
        "istiod does not know METRIC_ROTATION_INTERVAL and METRIC_GRACEFUL_DELETION_INTERVAL any more: metrics of "
        "destinations that are gone would stay",
        "use the pod annotation sidecar.istio.io/statsEvictionInterval",
        page(28),
        found=(Variable(("METRIC_ROTATION_INTERVAL", "METRIC_GRACEFUL_DELETION_INTERVAL")),),
    ),
    UpgradeNote(
        "passthrough-entries",
        28,
        WARNING,
        "a ztunnel that is still older rejects these entries of resolution NONE (a NACK) and passes their traffic "
        "through until it is upgraded as well",
        "upgrade ztunnel soon after istiod",
        page(28),
        found=(Objects(SERVICE_ENTRIES, (Look(("spec",), having=((("resolution",), ("NONE", None)),)),)),),
        also=(AMBIENT,),
    ),
    UpgradeNote(
        "tag-services",
        28,
        INFO,
        "each of these revision tags gets a Service beside its webhook when it is set again",
        "",
        changes(28),
        found=(
            Objects(
                types("mutatingwebhookconfigurations.admissionregistration.k8s.io"), names=("istio-revision-tag-*",)
            ),
        ),
    ),
    UpgradeNote(
        "gateway-spans",
        28,
        INFO,
        "gateways report a span of their own for each request to a backend, so traces get longer",
        "PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY=false on istiod keeps them as they were, until 1.31",
        changes(28),
        found=(
            MeshConfig(Look(("defaultProviders", "tracing", ANY))),
            Objects(types("telemetries.telemetry.istio.io"), (Look(("spec", "tracing", ANY)),)),
        ),
        unless=(Variable(("PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY",)),),
    ),
    UpgradeNote(
        "compatibility-profile",
        28,
        BLOCKER,
        "the compatibility profile that this mesh was installed with is not in the charts any more: they refuse it",
        "set compatibilityVersion to 1.25 or newer, or leave it out, and read what it kept as it was",
        "istio: manifests/helm-profiles",
        found=(Recorded(Look(("compatibilityVersion",), like=("1.1?", "1.20", "1.21", "1.22", "1.23", "1.24"))),),
    ),
    unseen("inference-pool", 28, "InferencePools of versions before v1 are not read any more", page(28)),
    UpgradeNote(
        "stats-compression",
        29,
        WARNING,
        "the annotation sidecar.istio.io/statsCompression of these pods means nothing any more; metrics are "
        "compressed as the scraper asks",
        "set statsCompression in meshConfig.defaultConfig, or in the annotation proxy.istio.io/config",
        page(29),
        found=(Pods(Look(("metadata", "annotations", "sidecar.istio.io/statsCompression"))),),
    ),
    UpgradeNote(
        "ambient-dns",
        29,
        WARNING,
        "DNS queries of ambient pods go through ztunnel by default: of new pods at once, of running ones when the new "
        "CNI node agent renews their rules",
        "--set values.cni.ambient.dnsCapture=false keeps it off",
        page(29),
        found=(Objects(CONFIG_MAPS, (config_data("AMBIENT_DNS_CAPTURE", "false"),), CNI_CONFIG),),
        also=(AMBIENT,),
    ),
    UpgradeNote(
        "ambient-reconcile",
        29,
        WARNING,
        "the new CNI node agent renews the iptables rules of running ambient pods when it starts",
        "--set values.cni.ambient.reconcileIptablesOnStartup=false keeps it from that",
        page(29),
        found=(
            Objects(
                CONFIG_MAPS,
                (Look(("data",), having=((("AMBIENT_RECONCILE_POD_RULES_ON_STARTUP",), ("false", "", None)),)),),
                CNI_CONFIG,
            ),
        ),
        also=(AMBIENT,),
    ),
    UpgradeNote(
        "dry-run-policies",
        29,
        WARNING,
        "istiod sends these dry-run policies to ztunnel now, and a ztunnel before 1.29 enforces them",
        "take AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY off istiod until every ztunnel is of 1.29",
        page(29),
        found=(
            Objects(
                types("authorizationpolicies.security.istio.io"),
                (Look(("metadata", "annotations", "istio.io/dry-run"), values=("true",)),),
            ),
        ),
        also=(AMBIENT, Variable(("AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY",), ("true",))),
    ),
    UpgradeNote(
        "circuit-breaker-metrics",
        29,
        INFO,
        "the metrics of what is left until these circuit breakers open (remaining_cx and the like) are off by default",
        "DISABLE_TRACK_REMAINING_CB_METRICS=false on istiod keeps them",
        page(29),
        found=(Objects(DESTINATION_RULES, tuple(Look(place) for place in policies("connectionPool"))),),
        unless=(Variable(("DISABLE_TRACK_REMAINING_CB_METRICS",)),),
    ),
    UpgradeNote(
        "base-chart-roles",
        29,
        WARNING,
        "the base chart does not bring these any more; Helm deletes them, istioctl leaves them behind",
        "see that nothing of yours is bound to them",
        page(29),
        found=(
            Objects(types("clusterroles.rbac.authorization.k8s.io"), names=("istiod-istio-system", "istiod-reader-*")),
            Objects(types("clusterrolebindings.rbac.authorization.k8s.io"), names=("istiod-istio-system",)),
            Objects(types("serviceaccounts"), names=("istiod-service-account",)),
        ),
    ),
    unseen(
        "debug-endpoints",
        29,
        "tools outside the root namespace (Kiali, for one) read less of istiod's debug endpoints",
        page(29),
    ),
    UpgradeNote(
        "image-registry",
        30,
        WARNING,
        "the charts' default registry is registry.istio.io instead of docker.io/istio: nodes that may not pull from "
        "there get no new pods",
        "allow it, or set hub",
        changes(30),
        found=(Image(("docker.io/istio/*", "istio/*")),),
        unless=(Recorded(Look(("global", "hub"))),),
    ),
    UpgradeNote(
        "cni-excluded-namespaces",
        30,
        WARNING,
        "ambient pods in the namespaces that this list excludes leave the mesh: only the CNI plugin heeded it so far",
        "take from excludeNamespaces what belongs to the ambient mesh",
        page(30),
        found=(Objects(CONFIG_MAPS, (Look(("data", "EXCLUDE_NAMESPACES"), unlike=("", "kube-system")),), CNI_CONFIG),),
        also=(
            AMBIENT,
            Objects(
                types("namespaces"), (Look(("metadata", "labels", "istio.io/dataplane-mode"), values=("ambient",)),)
            ),
        ),
    ),
    UpgradeNote(
        "cni-file-mode",
        30,
        INFO,
        "the CNI configuration on the nodes becomes readable for root alone (mode 0600)",
        "--set values.cni.env.CNI_CONF_GROUP_READ=true lets its group read it",
        page(30),
        found=(Installed(Part.CNI),),
    ),
    UpgradeNote(
        "untaint-variable",
        30,
        INFO,
        "the chart sets PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS itself where taint.enabled is set",
        "take it out of your settings",
        page(30),
        found=(Variable(("PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS",)),),
    ),
    UpgradeNote(
        "shared-hosts",
        30,
        WARNING,
        "these entries share a host across namespaces: of those that a sidecar sees it now takes a Kubernetes Service, "
        "else the oldest entry, where it took the first namespace by its name",
        "see which one is meant; PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE=false on istiod keeps it as it was",
        page(30),
        found=(Repeated(SERVICE_ENTRIES, ("spec", "hosts", ANY)),),
        unless=(Variable(("PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE",), ("false",)),),
    ),
    unseen(
        "debug-streams",
        30,
        "`istioctl --plaintext` and tools that read debug streams on port 15010 have to log in",
        page(30),
    ),
    UpgradeNote(
        "retired-registries",
        31,
        WARNING,
        "images of 1.31 are not in gcr.io/istio-release and registry.istio.io any more",
        "set hub to docker.io/istio, or to a mirror of yours",
        page(31),
        found=(
            Image(("gcr.io/istio-release/*", "registry.istio.io/*")),
            Recorded(Look(("global", "hub"), like=("gcr.io/istio-release*", "registry.istio.io/*"))),
        ),
    ),
    UpgradeNote(
        "unhealthy-endpoints",
        31,
        WARNING,
        "proxies are sent unhealthy endpoints, too, and decide by themselves, unless minHealthPercent is set",
        "set outlierDetection.minHealthPercent, or PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=false on istiod",
        page(31),
        found=(
            Objects(
                DESTINATION_RULES,
                tuple(Look(place, lacking=(("minHealthPercent",),)) for place in policies("outlierDetection")),
            ),
        ),
        unless=(Variable(("PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS",), ("false",)),),
    ),
    UpgradeNote(
        "auto-registered",
        31,
        WARNING,
        "workloads that registered by these groups before the upgrade stay reachable in plain text only",
        "let them register anew, or label their WorkloadEntry networking.istio.io/tunnel=http",
        page(31),
        found=(Objects(types("workloadgroups.networking.istio.io")),),
        also=(AMBIENT,),
    ),
    UpgradeNote(
        "gateway-spans-always",
        31,
        WARNING,
        "PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY is gone: gateways always report a span for each request to a backend",
        "take it out of your settings",
        page(31),
        found=(Variable(("PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY",)),),
    ),
    UpgradeNote(
        "strict-gateways",
        31,
        WARNING,
        "these Gateways are not merged any more with one of the Gateway API that istiod deploys in another namespace",
        "move them there; PILOT_ENABLE_STRICT_GATEWAY_MERGING=false on istiod keeps it as it was",
        changes(31),
        found=(
            Objects(
                types("gateways.networking.istio.io"),
                (Look(("spec", "selector", "gateway.networking.k8s.io/gateway-name")),),
            ),
        ),
        unless=(Variable(("PILOT_ENABLE_STRICT_GATEWAY_MERGING",), ("false",)),),
    ),
    UpgradeNote(
        "default-export",
        31,
        INFO,
        "namespaces beside `.` in defaultServiceExportTo and defaultVirtualServiceExportTo count now",
        "see that they are meant",
        changes(31),
        found=(
            MeshConfig(Look(("defaultServiceExportTo", ANY), unlike=(".", "~", "[*]"))),
            MeshConfig(Look(("defaultVirtualServiceExportTo", ANY), unlike=(".", "~", "[*]"))),
        ),
    ),
    unseen(
        "large-ambient",
        31,
        "of some 40,000 ambient workloads on, ISTIO_GPRC_MAXRECVMSGSIZE has to be raised on istiod",
        page(31),
    ),
    unseen(
        "config-consumers",
        31,
        "consumers of istiod's configuration (MCP) outside the root namespace are refused",
        page(31),
    ),
)
"""Of 1.27 and later."""

NOTES: tuple[UpgradeNote, ...] = (*OLDEST_NOTES, *EARLIER_NOTES, *RECENT_NOTES)
"""All of them, the oldest release first."""
