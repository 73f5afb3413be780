"""Who else manages what a plan writes: recognised by their marks on objects, and told with the way to pause them."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import MemoryState, MeshObject, ResourceType
from kubectl_istio_upgrade.models.plans import ForeignOwner
from kubectl_istio_upgrade.plan.manifests import Manifests, plan_apply, wanted_changes
from kubectl_istio_upgrade.plan.owners import owner_of
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.plan.secrets import SecretSources
from kubectl_istio_upgrade.rules.owners import OWNERS

from .builders import key, obj, state, type_of

FLUX = {"kustomize.toolkit.fluxcd.io/name": "mesh", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
HELM = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system"}
SAIL = ResourceType("sailoperator.io", "v1", "Istio", "istios", namespaced=False)


def changed(name: str = "istio-system/a", **more: Any) -> tuple[MeshObject, MeshObject]:
    """An object as it is, and as it was."""
    now, was = (obj("ConfigMap", name, version=value, data={"is": value}, **more) for value in ("2", "1"))
    return now, was


def owners(*pairs: tuple[MeshObject | None, MeshObject | None]) -> tuple[ForeignOwner, ...]:
    live, target = ([side for side in sides if side] for sides in zip(*pairs, strict=True))
    return plan_rollback(state(*live), state(*target, label="snapshot 1234567")).owners


def only(found: tuple[ForeignOwner, ...]) -> ForeignOwner:
    (owner,) = found
    return owner


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "mesh:/ConfigMap:istio-system/a"}},
            ("Argo CD Application", "mesh", "", "argocd app set mesh --sync-policy none"),
        ),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "team_mesh:/ConfigMap:istio-system/a"}},
            ("Argo CD Application", "mesh", "team", "argocd app set team/mesh --sync-policy none"),
        ),
        (
            {"labels": FLUX},
            ("Flux Kustomization", "mesh", "flux-system", "flux suspend kustomization mesh -n flux-system"),
        ),
        (
            {
                "labels": {"helm.toolkit.fluxcd.io/name": "istiod", "helm.toolkit.fluxcd.io/namespace": "flux-system"},
                "annotations": HELM,
            },
            ("Flux HelmRelease", "istiod", "flux-system", "flux suspend helmrelease istiod -n flux-system"),
        ),
        (
            {"annotations": {"objectset.rio.cattle.io/id": "default-mesh", **HELM}},
            (
                "Rancher Fleet bundle",
                "default-mesh",
                "",
                'kubectl patch gitrepo NAME -n NAMESPACE --type merge -p \'{"spec":{"paused":true}}\'',
            ),
        ),
        (
            {"annotations": {"kapp.k14s.io/identity": "v1;istio-system//ConfigMap/a;v1"}},
            ("kapp App", "", "", "kctrl app pause -a NAME -n NAMESPACE"),
        ),
        (
            {
                "ownerReferences": [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default"}],
                "annotations": HELM,
            },
            (
                "Sail operator's IstioRevision",
                "default",
                "",
                "kubectl scale deployment sail-operator -n sail-operator --replicas=0",
            ),
        ),
        (
            {"labels": {"olm.managed": "true"}},
            (
                "Operator Lifecycle Manager",
                "",
                "",
                "kubectl patch subscription NAME -n NAMESPACE --type merge "
                '-p \'{"spec":{"installPlanApproval":"Manual"}}\'',
            ),
        ),
        (
            {"ownerReferences": [{"apiVersion": "mesh.example.com/v1", "kind": "Mesh", "name": "prod"}]},
            ("Mesh", "prod", "", ""),
        ),
        ({"annotations": HELM}, ("Helm release", "istiod", "istio-system", "")),
    ],
)
def test_an_owner_is_told_with_the_way_to_pause_it(marks: dict[str, Any], expected: tuple[str, ...]) -> None:
    owner = only(owners(changed(**marks)))
    assert (owner.kind, owner.name, owner.namespace, owner.pause) == expected
    assert owner.objects == (key("ConfigMap", "istio-system/a"),)
    assert owner.will_revert


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"labels": {"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "istio"}},
        {"labels": {"install.operator.istio.io/owning-resource": "unknown"}},
        {"annotations": {"objectset.rio.cattle.io/id": ""}},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}]},
        {"ownerReferences": [{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "b"}]},
        {"managed": [{"manager": "helm", "operation": "Apply"}]},
        {"managed": [{"manager": "kustomize-controller", "operation": "Update", "subresource": "status"}]},
    ],
)
def test_what_proves_nothing_is_no_owner(marks: dict[str, Any]) -> None:
    assert owners(changed(**marks)) == ()


def test_a_manager_gives_its_owner_away_but_not_the_name() -> None:
    now = obj("Namespace", "shop", version="2", managed=[{"manager": "kustomize-controller", "operation": "Apply"}])
    owner = only(owners((now, obj("Namespace", "shop", labels={"istio-injection": "enabled"}))))
    assert (owner.kind, owner.name) == ("Flux Kustomization", "")
    assert owner.pause == "flux suspend kustomization NAME -n NAMESPACE"


def test_the_old_operator_is_real_only_if_its_resource_is_there() -> None:
    label = {"install.operator.istio.io/owning-resource": "prod"}
    resource = ResourceType("install.istio.io", "v1alpha1", "IstioOperator", "istiooperators", namespaced=True)
    body = {"apiVersion": resource.api_version, "kind": "IstioOperator", "metadata": {"name": "prod", "namespace": "x"}}
    installed = MeshObject(resource.key(body), body)
    now, _ = changed(labels=label)
    assert owner_of(now, [now.key]) is None, "istioctl gives its objects the name in its file"
    found = owner_of(now, [now.key, installed.key])
    assert found is not None
    assert (found.kind, found.name) == ("in-cluster IstioOperator", "prod")


def test_the_sail_operator_follows_its_resources() -> None:
    body = {"apiVersion": SAIL.api_version, "kind": "Istio", "metadata": {"name": "default"}}
    found = owner_of(MeshObject(SAIL.key(body), body), ())
    assert found is not None
    assert (found.kind, found.rule.pause) == ("Sail operator", "")


def test_objects_of_one_owner_are_told_together_and_helm_last() -> None:
    found = owners(
        changed("istio-system/h", annotations=HELM),
        changed("istio-system/a", labels=FLUX),
        changed("istio-system/b", labels=FLUX),
        changed("istio-system/c"),
    )
    assert [(owner.kind, [each.name for each in owner.objects]) for owner in found] == [
        ("Flux Kustomization", ["a", "b"]), ("Helm release", ["h"]),
    ]  # fmt: skip


def test_what_is_kept_concerns_nobody() -> None:
    added, _ = changed(labels=FLUX)
    kept = plan_rollback(state(added), state(label="snapshot 1234567"), RollbackOptions(delete_added=False))
    assert kept.owners == ()


def test_deletions_and_recreations_concern_their_owners() -> None:
    now, was = changed(labels=FLUX)
    for pair in ((now, None), (None, was)):
        live, target = (state(*([side] if side else [])) for side in pair)
        assert only(plan_rollback(live, target).owners).name == "mesh"


def test_the_owner_that_an_object_is_given_back_to_counts_too() -> None:
    now, (_, was) = changed()[0], changed(labels=FLUX)
    assert only(owners((now, was))).kind == "Flux Kustomization"


def test_an_apply_names_owners_as_well() -> None:
    now, wanted = changed(labels=FLUX)
    manifests = Manifests("a.yaml", {wanted.key: wanted}, {wanted.key: type_of("ConfigMap")})
    live = MemoryState("live", {now.key: now})
    changes = wanted_changes(live, manifests, force=False)
    assert (
        only(plan_apply(live, manifests, changes, {wanted.key: wanted}, SecretSources()).owners).kind
        == "Flux Kustomization"
    )


def test_every_row_says_what_happens_and_where_that_is_written() -> None:
    assert len({rule.id for rule in OWNERS}) == len(OWNERS)
    for rule in OWNERS:
        assert rule.will_revert, rule.id
        assert rule.source, rule.id
        assert rule.marks or rule.managers or rule.reference_groups or rule.is_whole_type, rule.id
