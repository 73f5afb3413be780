"""What Istio 1.20 to 1.26 changed: see `upgrade_notes`."""

from __future__ import annotations

from .matching import types
from .traces import (
    AMBIENT,
    ANY,
    BLOCKER,
    CNI_CONFIG,
    CONFIG_MAPS,
    DESTINATION_RULES,
    HELM_BASE,
    SERVICE_ENTRIES,
    WARNING,
    Look,
    MeshConfig,
    Objects,
    Pods,
    UpgradeNote,
    Variable,
    changes,
    config_data,
    page,
    policies,
    unseen,
)

ENVOY_FILTERS = types("envoyfilters.networking.istio.io")
TELEMETRIES = types("telemetries.telemetry.istio.io")
MESH_CRDS = types("customresourcedefinitions.apiextensions.k8s.io")
TLS_ORIGINATION = (("mode",), ("SIMPLE", "MUTUAL"))
OLD_ATTRIBUTES = ('*"wasm.*', "*istio_response*", "*node.metadata*")
GATEWAY_NAME = "istio.io/gateway-name"

EARLIER_NOTES: tuple[UpgradeNote, ...] = (
    UpgradeNote(
        "filter-order",
        20,
        WARNING,
        "the order of Istio's own filters changed, so what these insert may come to stand elsewhere",
        "compare the listeners of a proxy before and after (istioctl proxy-config listeners)",
        page(20),
        found=(
            Objects(
                ENVOY_FILTERS,
                (
                    Look(
                        ("spec", "configPatches", ANY, "patch", "operation"),
                        values=("INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST"),
                    ),
                ),
            ),
        ),
    ),
    unseen(
        "startup-probe",
        20,
        "sidecars get a startup probe: a pod whose proxy does not start within 10 minutes is ended",
        page(20),
    ),
    UpgradeNote(
        "automatic-sni",
        21,
        WARNING,
        "the SNI of these TLS connections is set from the request's host, where none is named",
        "name it: trafficPolicy.tls.sni",
        page(21),
        found=(
            Objects(
                DESTINATION_RULES,
                tuple(Look(place, having=(TLS_ORIGINATION,), lacking=(("sni",),)) for place in policies("tls")),
            ),
        ),
        unless=(Variable(("ENABLE_AUTO_SNI",), ("false",)),),
    ),
    UpgradeNote(
        "server-certificates",
        21,
        WARNING,
        "the server's certificate is verified on these TLS connections, by the system's CAs where none is named",
        "name the CA (caCertificates, credentialName), or set insecureSkipVerify",
        page(21),
        found=(
            Objects(
                DESTINATION_RULES,
                tuple(
                    Look(
                        place,
                        having=(TLS_ORIGINATION,),
                        lacking=(("caCertificates",), ("credentialName",), ("insecureSkipVerify",)),
                    )
                    for place in policies("tls")
                ),
            ),
        ),
        unless=(Variable(("VERIFY_CERTIFICATE_AT_CLIENT", "VERIFY_CERT_AT_CLIENT"), ("false",)),),
    ),
    UpgradeNote(
        "gateway-name-label",
        21,
        WARNING,
        f"istiod will stop labelling gateways {GATEWAY_NAME}, by which these find theirs",
        "select by gateway.networking.k8s.io/gateway-name",
        page(21),
        found=(
            Objects(
                types("*.security.istio.io", "*.networking.istio.io", "*.telemetry.istio.io", "*.extensions.istio.io"),
                (
                    Look(("spec", "selector", "matchLabels", GATEWAY_NAME)),
                    Look(("spec", "workloadSelector", "labels", GATEWAY_NAME)),
                    Look(("spec", "selector", GATEWAY_NAME)),
                ),
            ),
        ),
    ),
    unseen(
        "external-names",
        21,
        "Services of type ExternalName are aliases now: their ports and DestinationRules mean nothing",
        page(21),
    ),
    UpgradeNote(
        "default-tracing",
        22,
        WARNING,
        "traces are not sent to this Service any more unless the mesh configuration says so",
        "name it as a provider in meshConfig.extensionProviders",
        page(22),
        found=(Objects(types("services"), names=("zipkin",)),),
        unless=(
            MeshConfig(Look(("extensionProviders", ANY, "zipkin"))),
            MeshConfig(Look(("defaultConfig", "tracing", "zipkin"))),
        ),
    ),
    UpgradeNote(
        "resource-scoping",
        22,
        WARNING,
        "istiod ignores configuration in namespaces that discoverySelectors leave out",
        "see that they select every namespace with configuration",
        page(22),
        found=(MeshConfig(Look(("discoverySelectors", ANY))),),
        unless=(Variable(("ENABLE_ENHANCED_RESOURCE_SCOPING",), ("false",)),),
    ),
    UpgradeNote(
        "target-ports",
        22,
        WARNING,
        "these entries of resolution NONE lead to their targetPort now, which was ignored",
        "take targetPort out where it is not meant",
        page(22),
        found=(
            Objects(
                SERVICE_ENTRIES,
                (Look(("spec",), having=((("resolution",), ("NONE", None)), (("ports", ANY, "targetPort"), ()))),),
            ),
        ),
    ),
    UpgradeNote(
        "waypoint-attachment",
        22,
        BLOCKER,
        "a waypoint serves only what is labelled istio.io/use-waypoint, no more a whole namespace or account by itself",
        "label the namespaces, services or pods that these serve",
        page(22),
        found=(
            Objects(
                types("gateways.gateway.networking.k8s.io"),
                (Look(("spec", "gatewayClassName"), values=("istio-waypoint",)),),
            ),
        ),
    ),
    unseen(
        "validation-rules",
        23,
        "definitions validate more (CEL): an object that they would refuse stays, and cannot be updated",
        "istio: manifests/charts/base/files/crd-all.gen.yaml",
    ),
    UpgradeNote(
        "dns-exclusion",
        23,
        WARNING,
        "UDP to port 53 obeys the exclusions of these pods now, too",
        "see that they leave DNS alone where Istio's DNS proxy is wanted",
        page(25),
        found=(
            Pods(Look(("metadata", "annotations", "traffic.sidecar.istio.io/excludeOutboundPorts"), unlike=("",))),
            Pods(Look(("metadata", "annotations", "traffic.sidecar.istio.io/excludeOutboundIPRanges"), unlike=("",))),
        ),
        also=(MeshConfig(Look(("defaultConfig", "proxyMetadata", "ISTIO_META_DNS_CAPTURE"), values=("true", True))),),
    ),
    UpgradeNote(
        "sidecar-scope",
        24,
        WARNING,
        "where a host is defined more than once, what these leave visible is chosen by other rules: the proxy's own "
        "namespace, then a Kubernetes Service",
        "PILOT_UNIFIED_SIDECAR_SCOPE=false on istiod keeps it as it was",
        page(24),
        found=(Objects(types("sidecars.networking.istio.io")),),
        unless=(Variable(("PILOT_UNIFIED_SIDECAR_SCOPE",), ("false",)),),
    ),
    UpgradeNote(
        "telemetry-attributes",
        24,
        BLOCKER,
        "these expressions use attributes that are not there any more, so what they select is lost",
        "use Envoy's attributes, such as filter_state.downstream_peer and xds.node",
        page(24),
        found=(
            Objects(
                TELEMETRIES,
                (
                    Look(("spec", "accessLogging", ANY, "filter", "expression"), like=OLD_ATTRIBUTES),
                    Look(("spec", "metrics", ANY, "overrides", ANY, "tagOverrides", ANY, "value"), like=OLD_ATTRIBUTES),
                ),
            ),
        ),
    ),
    UpgradeNote(
        "definitions-by-helm",
        24,
        BLOCKER,
        "the base chart brings the definitions itself now, and Helm refuses those that it does not own",
        "label them app.kubernetes.io/managed-by=Helm, and annotate them meta.helm.sh/release-name and "
        "meta.helm.sh/release-namespace with those of the base chart's release",
        page(24),
        found=(
            Objects(
                MESH_CRDS,
                (Look(("metadata",), lacking=(("annotations", "meta.helm.sh/release-name"),)),),
                ("*.istio.io",),
            ),
        ),
        also=(HELM_BASE,),
    ),
    UpgradeNote(
        "in-cluster-operator",
        24,
        BLOCKER,
        "the in-cluster operator is gone: nothing acts on these any more",
        "install with istioctl or Helm, then delete them and the operator",
        changes(24),
        found=(Objects(types("istiooperators.install.istio.io"), but=("installed-state*",)),),
    ),
    UpgradeNote(
        "remote-chart",
        24,
        BLOCKER,
        "the chart istiod-remote is gone",
        "install the chart istiod with profile=remote",
        page(24),
        found=(
            Objects(
                types("services", "configmaps", "mutatingwebhookconfigurations.admissionregistration.k8s.io"),
                (Look(("metadata", "labels", "helm.sh/chart"), like=("istiod-remote-*",)),),
            ),
        ),
    ),
    UpgradeNote(
        "ambient-dns-order",
        24,
        WARNING,
        "with DNS capture on, names do not resolve in ambient pods unless the order is: CNI, the pods, ztunnel",
        "restart ambient workloads after the CNI node agent and before ztunnel",
        page(24),
        found=(Objects(CONFIG_MAPS, (config_data("AMBIENT_DNS_CAPTURE", "true"),), CNI_CONFIG),),
        also=(AMBIENT,),
    ),
    UpgradeNote(
        "external-ca",
        24,
        WARNING,
        "connections to a CA outside istiod are checked for ALPN, which cert-manager's istio-csr lacks up to 0.12",
        "upgrade it first, or set GRPC_ENFORCE_ALPN_ENABLED=false in meshConfig.defaultConfig.proxyMetadata",
        page(24),
        found=(Variable(("ENABLE_CA_SERVER",), ("false", "0")),),
    ),
    unseen(
        "helm-values",
        24,
        "Helm values without effect are refused, such as global.autoscalingV2API and pilot.useMCP",
        "istio: releasenotes/notes/51987.yaml",
    ),
    UpgradeNote(
        "open-census",
        25,
        BLOCKER,
        "Envoy has no OpenCensus any more: no traces would be sent through it",
        "use an OpenTelemetry provider",
        page(25),
        found=(
            MeshConfig(Look(("extensionProviders", ANY, "opencensus"))),
            MeshConfig(Look(("defaultConfig", "tracing", "openCensusAgent"))),
        ),
    ),
    UpgradeNote(
        "ztunnel-names",
        25,
        BLOCKER,
        "the chart names ztunnel's objects after its release: those of today would be deleted, and traffic cut",
        "--set resourceName=ztunnel keeps them",
        page(25),
        found=(
            Objects(
                types("daemonsets.apps"),
                (Look(("metadata", "annotations", "meta.helm.sh/release-name"), unlike=("ztunnel",)),),
                ("ztunnel",),
            ),
        ),
    ),
    UpgradeNote(
        "ambient-dns-default",
        25,
        WARNING,
        "DNS queries of new ambient pods go through ztunnel by default",
        "--set values.cni.ambient.dnsCapture=false keeps it off",
        page(25),
        found=(Objects(CONFIG_MAPS, (config_data("AMBIENT_DNS_CAPTURE", "false"),), CNI_CONFIG),),
        also=(AMBIENT,),
    ),
    UpgradeNote(
        "ztunnel-names-again",
        26,
        BLOCKER,
        "the chart calls ztunnel's objects `ztunnel` again: those of today would be deleted, and traffic cut",
        "--set resourceName=NAME keeps them, NAME being the one that they have",
        page(26),
        found=(
            Objects(
                types("daemonsets.apps"),
                (Look(("metadata", "labels", "app.kubernetes.io/name"), values=("ztunnel",)),),
                but=("ztunnel",),
            ),
        ),
    ),
)
