"""Others who manage the objects of a mesh: how they are recognised, whether they undo a change, how to pause them.

The label `app.kubernetes.io/managed-by` proves nothing: istioctl renders the charts, so its objects carry `Helm`, too.
Neither does `app.kubernetes.io/instance`, which Argo CD once tracked by: most charts set it themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from .matching import EVERY_TYPE, Types, types

RELEASE_NAME = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
"""Annotations that Helm gives to every object of a release."""

ANYTHING = "(?P<name>.+)"


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """One row. An object has this owner if any of its marks is there: a label or annotation, a manager, a reference."""

    id: str
    kind: str
    """What the owner is called, before its name; `{kind}` is that of the owner reference."""
    will_revert: str
    """What it does about a change of its objects, after "it"."""
    source: str
    pause: str = ""
    """The command; `{name}`, `{namespace}` and `{qualified}` (both, where both are known) are filled in."""
    marks: tuple[str, ...] = ()
    """Labels or annotations; the first of them names the owner."""
    pattern: str = ANYTHING
    """What the first mark must look like, and where in it the name is, if it is there, and perhaps the namespace."""
    namespace_mark: str = ""
    """The label or annotation that holds the owner's namespace."""
    managers: tuple[str, ...] = ()
    """Field managers; they do not tell the owner's name."""
    reference_groups: tuple[str, ...] = ()
    """API groups of owner references, as patterns."""
    types: Types = EVERY_TYPE
    is_whole_type: bool = False
    """Every object of `types` has this owner, without any mark."""
    witness: str = ""
    """A type: the owner is real only if the mesh holds an object of it with the owner's name."""


ITS_OWN_STATE = "puts its own state back"

OWNERS: tuple[OwnerRule, ...] = (
    OwnerRule(
        "argo-cd",
        "Argo CD Application",
        "undoes changes within seconds if it heals itself, else at its next sync",
        "argo-cd: docs/user-guide/resource_tracking.md, auto_sync.md; common/common.go ArgoCDSSAManager",
        "argocd app set {qualified} --sync-policy none",
        marks=("argocd.argoproj.io/tracking-id",),
        pattern="(?:(?P<namespace>[^_:]+)_)?(?P<name>[^:]+):.*",
        managers=("argocd-controller", "argocd-application-controller"),
    ),
    OwnerRule(
        "flux-kustomization",
        "Flux Kustomization",
        f"{ITS_OWN_STATE} at the end of each interval",
        "fluxcd.io/flux/components/kustomize/kustomizations: labels, suspend; fluxcd/pkg/ssa: field manager",
        "flux suspend kustomization {name} -n {namespace}",
        marks=("kustomize.toolkit.fluxcd.io/name",),
        namespace_mark="kustomize.toolkit.fluxcd.io/namespace",
        managers=("kustomize-controller",),
    ),
    OwnerRule(
        "flux-helm-release",
        "Flux HelmRelease",
        f"{ITS_OWN_STATE} if it detects drift, else at its next upgrade",
        "fluxcd.io/flux/components/helm/helmreleases: origin labels, driftDetection, suspend",
        "flux suspend helmrelease {name} -n {namespace}",
        marks=("helm.toolkit.fluxcd.io/name",),
        namespace_mark="helm.toolkit.fluxcd.io/namespace",
        managers=("helm-controller",),
    ),
    OwnerRule(
        "fleet",
        "Rancher Fleet bundle",
        f"{ITS_OWN_STATE} if it corrects drift, else at the next commit",
        "rancher/fleet: internal/helmdeployer/postrender.go; fleet.rancher.io: correctDrift, paused",
        'kubectl patch gitrepo NAME -n NAMESPACE --type merge -p \'{{"spec":{{"paused":true}}}}\'',
        marks=("objectset.rio.cattle.io/id",),
    ),
    OwnerRule(
        "kapp",
        "kapp App",
        f"{ITS_OWN_STATE} at every sync under kapp-controller, else when it is run",
        "carvel.dev/kapp/docs: identity annotation; carvel.dev/kapp-controller/docs: kctrl app pause",
        "kctrl app pause -a NAME -n NAMESPACE",
        marks=("kapp.k14s.io/identity",),
        pattern="v1;.*",
    ),
    OwnerRule(
        "sail-resources",
        "Sail operator",
        "installs what these resources ask for, so the control plane follows them",
        "istio-ecosystem/sail-operator: docs/README.md",
        types=types("*.sailoperator.io"),
        is_whole_type=True,
    ),
    OwnerRule(
        "sail",
        "Sail operator's {kind}",
        f"{ITS_OWN_STATE} as soon as one of its objects changes",
        "istio-ecosystem/sail-operator: pkg/helm/postrenderer.go; chart/values.yaml",
        "kubectl scale deployment sail-operator -n sail-operator --replicas=0",
        reference_groups=("sailoperator.io",),
    ),
    OwnerRule(
        "istio-operator",
        "in-cluster IstioOperator",
        f"{ITS_OWN_STATE} while its operator (until Istio 1.23) runs",
        "operator/pkg/helmreconciler (until 1.23): owning-resource labels",
        "kubectl scale deployment istio-operator -n istio-operator --replicas=0",
        marks=("install.operator.istio.io/owning-resource",),
        pattern="(?!unknown$|installed-state)(?P<name>.+)",
        namespace_mark="install.operator.istio.io/owning-resource-namespace",
        witness="istiooperators.install.istio.io",
    ),
    OwnerRule(
        "olm",
        "Operator Lifecycle Manager",
        "sets its operator's objects again when that operator is upgraded",
        "operator-framework/operator-lifecycle-manager: pkg/lib/ownerutil; issue 1853",
        "kubectl patch subscription NAME -n {namespace} --type merge "
        '-p \'{{"spec":{{"installPlanApproval":"Manual"}}}}\'',
        marks=("olm.owner", "olm.managed"),
        namespace_mark="olm.owner.namespace",
    ),
    OwnerRule(
        "other",
        "{kind}",
        f"{ITS_OWN_STATE} if its operator watches these objects; pause that operator",
        "Kubernetes, metadata.ownerReferences",
        reference_groups=("*.*",),
    ),
    OwnerRule(
        "helm",
        "Helm release",
        "acts only when it is run: the next `helm upgrade` sets what its chart sets",
        "helm/helm: pkg/action/validate.go, setMetadataVisitor",
        marks=(RELEASE_NAME,),
        namespace_mark=RELEASE_NAMESPACE,
    ),
)
"""The first row that fits an object names its owner: Flux, Fleet and the Sail operator install by Helm, too."""

BUILT_IN_GROUPS = ("", "apps", "batch", "*.k8s.io")
"""API groups whose owner references are only for garbage collection, or whose objects are derived anyway."""
