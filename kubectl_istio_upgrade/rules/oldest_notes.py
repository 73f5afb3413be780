"""What Istio 1.18 and 1.19 changed: see `upgrade_notes`."""

from __future__ import annotations

from .matching import types
from .traces import (
    ANY,
    HELM_BASE,
    INFO,
    WARNING,
    Look,
    MeshConfig,
    Objects,
    Path,
    Pods,
    UpgradeNote,
    Variable,
    changes,
    page,
    unseen,
)

ENVOY_FILTERS = types("envoyfilters.networking.istio.io")
DEPLOYMENTS = types("deployments.apps", "daemonsets.apps")

PATCHES: Path = ("spec", "configPatches", ANY)
MATCHED: Path = (*PATCHES, "match", "listener", "filterChain", "filter")
FILTERS = ("HTTP_FILTER", "NETWORK_FILTER")


def _old_name(*path: str) -> Look:
    """A name of before Envoy 1.14, as `envoy.router`; today's tell the kind, as `envoy.filters.http.router`."""
    return Look(path, like=("envoy.*",), unlike=("envoy.*.*",))


OLDEST_NOTES: tuple[UpgradeNote, ...] = (
    UpgradeNote(
        "gateway-concurrency",
        18,
        WARNING,
        "these gateways get as many worker threads as their CPU limit allows, where they had one for each core",
        "take the limit away, or keep it as it was by `concurrency: 0` in the annotation proxy.istio.io/config",
        page(18),
        found=(
            Objects(
                DEPLOYMENTS,
                (
                    Look(
                        ("spec", "template", "spec", "containers", ANY),
                        having=((("name",), ("istio-proxy",)), (("resources", "limits", "cpu"), ())),
                    ),
                ),
            ),
        ),
        unless=(MeshConfig(Look(("defaultConfig", "concurrency"))),),
    ),
    UpgradeNote(
        "deployed-gateways",
        18,
        WARNING,
        "istiod writes the whole Deployment of these Gateways, and rolls it when its revision changes; an istiod "
        "before 1.16.5 or 1.17.3 that still runs would write to the same objects",
        "upgrade to 1.17.3 or newer (1.16.5 of 1.16) first",
        page(18),
        found=(
            Objects(
                types("gateways.gateway.networking.k8s.io"),
                (Look(("spec",), having=((("gatewayClassName",), ("istio",)),), lacking=(("addresses",),)),),
            ),
        ),
    ),
    UpgradeNote(
        "deployed-gateway-config",
        18,
        WARNING,
        "the annotation proxy.istio.io/config of these pods, which belong to a Gateway of the Gateway API, means "
        "nothing any more",
        "use a ProxyConfig that selects istio.io/gateway-name",
        changes(18),
        found=(
            Pods(
                Look(
                    ("metadata",),
                    having=(
                        (("annotations", "proxy.istio.io/config"), ()),
                        (("labels", "istio.io/gateway-name"), ()),
                    ),
                )
            ),
        ),
    ),
    UpgradeNote(
        "alpha-routes",
        18,
        WARNING,
        "istiod leaves the alpha kinds of the Gateway API alone by default, and with them these routes",
        "set PILOT_ENABLE_ALPHA_GATEWAY_API=true on istiod",
        changes(18),
        found=(Objects(types("tcproutes.gateway.networking.k8s.io", "tlsroutes.gateway.networking.k8s.io")),),
        unless=(Variable(("PILOT_ENABLE_ALPHA_GATEWAY_API",), ("true",)),),
    ),
    UpgradeNote(
        "empty-header-prefix",
        18,
        WARNING,
        "istiod refuses the next write of these: they match a header by an empty prefix",
        "match that the header is there: `regex: .*`",
        changes(18),
        found=(
            Objects(
                types("virtualservices.networking.istio.io"),
                (Look(("spec", "http", ANY, "match", ANY, "headers", ANY, "prefix"), values=("",)),),
            ),
        ),
    ),
    UpgradeNote(
        "mesh-certificates",
        18,
        INFO,
        "the field `certificates` of the mesh configuration means nothing any more",
        "take it out",
        changes(18),
        found=(MeshConfig(Look(("certificates", ANY))),),
    ),
    UpgradeNote(
        "old-filter-names",
        19,
        WARNING,
        "these call Envoy's filters by names of before Envoy 1.14, and match none any more",
        "use today's names, such as envoy.filters.network.http_connection_manager",
        page(19),
        found=(
            Objects(
                ENVOY_FILTERS,
                (
                    _old_name(*MATCHED, "name"),
                    _old_name(*MATCHED, "subFilter", "name"),
                    _old_name(*PATCHES, "patch", "value", "name"),
                ),
            ),
        ),
    ),
    UpgradeNote(
        "untyped-filters",
        19,
        WARNING,
        "istiod does not look an extension up by its name any more, and these name no type",
        "give each a typed_config with its @type, nested ones too; `istioctl analyze` tells them, as well",
        page(19),
        found=(
            Objects(
                ENVOY_FILTERS,
                (
                    Look(
                        PATCHES,
                        having=((("applyTo",), FILTERS), (("patch", "value", "name"), ())),
                        lacking=(("patch", "value", "typed_config"), ("patch", "value", "typedConfig")),
                    ),
                ),
            ),
        ),
    ),
    UpgradeNote(
        "types-of-v2",
        19,
        WARNING,
        "istiod refuses types of Envoy's API v2, which these use",
        "use the types of v3",
        changes(19),
        found=(
            Objects(
                ENVOY_FILTERS,
                (
                    Look(
                        (*PATCHES, "patch", "value", "typed_config", "@type"),
                        like=("*/envoy.api.v2.*", "*/envoy.config.*.v2.*", "*/envoy.config.*.v2alpha*"),
                    ),
                ),
            ),
        ),
    ),
    UpgradeNote(
        "base-chart-duplicates",
        19,
        WARNING,
        "the base chart does not bring these any more: Helm deletes them; istiod's chart has its own",
        "see that nothing of yours is bound to them, and that istiod's release is upgraded with it",
        page(19),
        found=(
            Objects(types("clusterroles.rbac.authorization.k8s.io"), names=("istiod-istio-system", "istiod-reader-*")),
            Objects(types("clusterrolebindings.rbac.authorization.k8s.io"), names=("istiod-istio-system",)),
            Objects(
                types("roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
                names=("istiod-istio-system",),
            ),
            Objects(types("serviceaccounts"), names=("istiod-service-account",)),
        ),
        also=(HELM_BASE,),
    ),
    UpgradeNote(
        "service-parents",
        19,
        WARNING,
        'these routes are led to a Service without `group: ""`, and istiod does not attach them to it any more',
        'write `group: ""` beside `kind: Service`',
        page(19),
        found=(
            Objects(
                types("*routes.gateway.networking.k8s.io"),
                (
                    Look(
                        ("spec", "parentRefs", ANY),
                        having=(
                            (("kind",), ("Service",)),
                            (("group",), ("gateway.networking.k8s.io", None)),
                        ),
                    ),
                ),
            ),
        ),
    ),
    UpgradeNote(
        "default-timeout",
        19,
        WARNING,
        "istiod does not know ISTIO_DEFAULT_REQUEST_TIMEOUT any more: requests have only timeouts set elsewhere",
        "set `timeout` in VirtualServices",
        changes(19),
        found=(Variable(("ISTIO_DEFAULT_REQUEST_TIMEOUT",)),),
    ),
    UpgradeNote(
        "retired-variables",
        19,
        WARNING,
        "istiod does not know variables any more that it has here; what they kept as it was, changes",
        "take them out: ENABLE_AUTO_MTLS_CHECK_POLICIES, ENABLE_LEGACY_LB_ALGORITHM_DEFAULT, "
        "ENABLE_LEGACY_FSGROUP_INJECTION and others of the change notes",
        changes(19),
        found=(
            Variable(
                (
                    "ENABLE_AUTO_MTLS_CHECK_POLICIES",
                    "ENABLE_LEGACY_FSGROUP_INJECTION",
                    "ENABLE_LEGACY_LB_ALGORITHM_DEFAULT",
                    "PILOT_ENABLE_LEGACY_AUTO_PASSTHROUGH",
                    "PILOT_ENABLE_LEGACY_ISTIO_MUTUAL_CREDENTIAL_NAME",
                    "PILOT_ENABLE_PROTOCOL_SNIFFING_FOR_INBOUND",
                    "PILOT_ENABLE_PROTOCOL_SNIFFING_FOR_OUTBOUND",
                    "PILOT_INBOUND_PROTOCOL_DETECTION_TIMEOUT",
                    "PILOT_LEGACY_INGRESS_BEHAVIOR",
                    "REWRITE_TCP_PROBES",
                    "SIDECAR_IGNORE_PORT_IN_HOST_MATCH",
                    "SPIFFE_BUNDLE_ENDPOINTS",
                )
            ),
        ),
    ),
    unseen(
        "gateway-replicas",
        19,
        "the gateway chart sets the number of replicas only where replicaCount does",
        page(19),
    ),
)
