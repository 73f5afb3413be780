"""Which verbs this tool uses on which types, beside the lists of a capture: those follow from `scope` alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..models.permissions import Grant, Permission, Use
from .derived import is_derived_type
from .keeping import KEPT
from .matching import EVERY_TYPE, Types, types
from .scope import CRD, NAMESPACE

RBAC_GROUP = "rbac.authorization.k8s.io"

ROLES = types(f"roles.{RBAC_GROUP}", f"clusterroles.{RBAC_GROUP}")
BINDINGS = types(f"rolebindings.{RBAC_GROUP}", f"clusterrolebindings.{RBAC_GROUP}")

ESCALATE, BIND = "escalate", "bind"

LEASE_NAME = "kubectl-istio-upgrade"
"""The Lease that whoever changes a mesh holds, so that nobody else does at the same time."""

LEASE_FALLBACK_NAMESPACE = "kube-system"
"""Where it is when there is no root namespace, which may be what a rollback creates."""

_LEASES = ("coordination.k8s.io", "leases")

IDENTITY = Permission("get", "", NAMESPACE, name="kube-system")

NODES = Permission("list", "", "nodes")


@dataclass(frozen=True, slots=True)
class Verbs:
    """One row."""

    types: Types
    verbs: tuple[str, ...]
    why: str


WRITES: tuple[Verbs, ...] = (
    Verbs(
        types(NAMESPACE),
        ("get", "create", "patch"),
        "only the labels that steer Istio are changed; one that is missing is made; none is ever deleted",
    ),
    Verbs(
        types(CRD),
        ("get", "create", "update", "patch", "delete"),
        "deleted by `abort` alone: one that the aborted operation has made, if every object of its type is of that "
        "operation, too, for they go with it. Leave the verb out, and such an abort names it as missing",
    ),
    *(
        Verbs(row.types, ("get", "create", "patch"), f"by `apply` alone; a rollback keeps them: {row.why}")
        for row in KEPT
        if not row.unless_named
    ),
    Verbs(
        EVERY_TYPE,
        ("get", "create", "update", "patch", "delete"),
        "update reverts, create brings back, delete removes what was added, patch applies and restores field ownership",
    ),
)
"""First match wins. Looking an object up again is part of writing it: it may have moved since the plan was made."""

GRANTING: tuple[Verbs, ...] = (
    Verbs(
        ROLES,
        (BIND, ESCALATE),
        "Kubernetes lets nobody put back a role or a binding that grants more than they hold themselves, unless they "
        "may escalate and bind. Whoever may can make themselves administrator: leave this rule out for users who hold "
        "all that Istio's roles grant",
    ),
)
"""Beside `WRITES`, and instead of holding every permission that a restored role grants."""


RESTARTING: tuple[Verbs, ...] = (
    Verbs(
        types("deployments.apps", "daemonsets.apps", "statefulsets.apps"),
        ("get", "patch"),
        "an annotation of the template is all that is changed; that makes the controller replace the pods. Whoever may "
        "patch workloads may let them run anything as their service accounts",
    ),
    Verbs(types("replicasets.apps"), ("get",), "which Deployment a pod belongs to, and of which revision it is"),
    Verbs(
        types("pods"),
        ("list", "create"),
        "created as a dry run only, to see which proxy new pods would get; Kubernetes cannot grant just that. Leave it "
        "out, and workloads are compared by image and revision",
    ),
    Verbs(types("poddisruptionbudgets.policy"), ("list",), "a rollout that takes pods away first waits for them"),
    Verbs(types("pods/log"), ("get",), "the last lines of what does not become ready"),
    Verbs(types("events"), ("list",), "the warnings about what does not become ready"),
)
"""What `restart` takes beside reading the mesh, in the namespaces of the workloads."""


def restarting(namespaces: Iterable[str]) -> Iterator[Grant]:
    """Restarting workloads in these namespaces, or ("") in all."""
    for namespace in namespaces:
        for row in RESTARTING:
            for resource in row.types.patterns:
                plural, _, group = resource.partition(".")
                for verb in row.verbs:
                    yield Grant(Permission(verb, group, plural, namespace), Use.WORKLOADS, row.why)


def verbs_of_writing(resource: str) -> Iterator[tuple[str, str]]:
    """Each verb that writing objects of this type takes, with the reason. None for what is never state."""
    if is_derived_type(resource):
        return
    row = next(row for row in WRITES if resource in row.types)
    yield from ((verb, row.why) for verb in row.verbs)
    for granting in GRANTING:
        if resource in granting.types:
            yield from ((verb, granting.why) for verb in granting.verbs)


def bound_plural(binding: Mapping[str, object]) -> str:
    """Which type of role a binding refers to: that is what `bind` is asked for."""
    reference = binding.get("roleRef")
    kind = reference.get("kind") if isinstance(reference, dict) else None
    return "roles" if kind == "Role" else "clusterroles"


def reading_besides() -> tuple[Grant, ...]:
    """What reading takes beside the lists of a capture."""
    return (
        Grant(IDENTITY, Use.READING, "its UID tells one cluster from another, whatever their contexts are called"),
        Grant(
            Permission("list", "apiregistration.k8s.io", "apiservices"),
            Use.READING,
            "types that another server answers for have resource versions of their own",
        ),
        Grant(NODES, Use.READING, "whether they have room for a rolling upgrade; without it that is not looked at"),
    )


def lease_of_reading(root_namespace: str) -> tuple[Grant, ...]:
    """Seeing who is changing the mesh."""
    why = "who is changing the mesh at this moment"
    places = dict.fromkeys((root_namespace, LEASE_FALLBACK_NAMESPACE))
    return tuple(Grant(Permission("get", *_LEASES, place, LEASE_NAME), Use.READING, why) for place in places)


def lease_of_writing(root_namespace: str, *, fallback: bool = True) -> tuple[Grant, ...]:
    """Keeping others from changing the mesh at the same time, also where the root namespace may be missing.

    Without `fallback` it is known to be there; then the other place is only looked at.
    """
    why = "held while the mesh is being changed, so that nobody else changes it meanwhile"
    places = dict.fromkeys((root_namespace, *((LEASE_FALLBACK_NAMESPACE,) if fallback else ())))
    named = [Permission(verb, *_LEASES, place, LEASE_NAME) for place in places for verb in ("get", "update", "delete")]
    looked_at = Permission("get", *_LEASES, LEASE_FALLBACK_NAMESPACE, LEASE_NAME)
    unnamed = [Permission("create", *_LEASES, place) for place in places]  # it has no name yet when it is authorised
    return tuple(Grant(permission, Use.WRITING, why) for permission in dict.fromkeys((*named, looked_at, *unnamed)))
