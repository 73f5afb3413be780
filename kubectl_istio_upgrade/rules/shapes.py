"""What an object must be like for this program to read it: only what is read before the server has seen it.

The API server decodes built-in types, and every object's metadata, into typed structures, and answers 400 for any of
these (k8s.io/apimachinery, `ObjectMeta`; k8s.io/api). A comparison or an import never asks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .fields import ANY

Kind = tuple[str, str]
"""API group and kind, as a manifest says them."""

DEFINITION: Kind = ("apiextensions.k8s.io", "CustomResourceDefinition")
_AUTOSCALER: Kind = ("autoscaling", "HorizontalPodAutoscaler")
_BINDINGS = tuple(("rbac.authorization.k8s.io", kind) for kind in ("RoleBinding", "ClusterRoleBinding"))
_SECRET: Kind = ("", "Secret")
_SERVICE: Kind = ("", "Service")
_WEBHOOKS = tuple(
    ("admissionregistration.k8s.io", f"{kind}WebhookConfiguration") for kind in ("Mutating", "Validating")
)


class Form(Enum):
    """What a field holds."""

    MAPPING = "a mapping"
    TEXTS = "a mapping of texts"
    LIST = "a list"
    TEXT = "a text"


@dataclass(frozen=True, slots=True)
class Shape:
    """One row: a field, and what it holds."""

    path: tuple[str, ...]
    form: Form
    why: str
    kinds: tuple[Kind, ...] = ()
    """Empty: of every kind."""
    required: bool = False
    """Nobody can do without it; all others may be left out, or null."""


_OWNED = "owners decide whether an object is derived"
_MANAGED = "who wrote a field"
_ALLOWED = "what an older definition would take from objects"
_DEFINED = "which type it defines, for objects of that type beside it"
_REACHED = "whether it calls into the root namespace"
_SCALED = "whose replicas it decides"
_ALLOCATED = "which node ports and addresses it asks for"

SHAPES: tuple[Shape, ...] = (
    Shape(("metadata", "labels"), Form.TEXTS, "labels decide what belongs to a mesh"),
    Shape(("metadata", "annotations"), Form.TEXTS, "annotations mark what controllers made"),
    Shape(("metadata", "ownerReferences"), Form.LIST, _OWNED),
    Shape(("metadata", "ownerReferences", ANY), Form.MAPPING, _OWNED, required=True),
    Shape(("metadata", "managedFields"), Form.LIST, _MANAGED),
    Shape(("metadata", "managedFields", ANY), Form.MAPPING, _MANAGED, required=True),
    Shape(("data",), Form.MAPPING, "each value is withheld under its name", (_SECRET,)),
    Shape(("stringData",), Form.MAPPING, "each value is withheld under its name", (_SECRET,)),
    Shape(("spec",), Form.MAPPING, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "group"), Form.TEXT, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "names"), Form.MAPPING, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "names", "kind"), Form.TEXT, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "names", "plural"), Form.TEXT, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "versions"), Form.LIST, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "versions", ANY), Form.MAPPING, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "versions", ANY, "name"), Form.TEXT, _DEFINED, (DEFINITION,), required=True),
    Shape(("spec", "versions", ANY, "schema"), Form.MAPPING, _ALLOWED, (DEFINITION,)),
    Shape(("spec", "versions", ANY, "schema", "openAPIV3Schema"), Form.MAPPING, _ALLOWED, (DEFINITION,)),
    Shape(("webhooks",), Form.LIST, _REACHED, _WEBHOOKS),
    Shape(("webhooks", ANY), Form.MAPPING, _REACHED, _WEBHOOKS, required=True),
    Shape(("webhooks", ANY, "clientConfig"), Form.MAPPING, _REACHED, _WEBHOOKS),
    Shape(("webhooks", ANY, "clientConfig", "service"), Form.MAPPING, _REACHED, _WEBHOOKS),
    Shape(("webhooks", ANY, "clientConfig", "service", "namespace"), Form.TEXT, _REACHED, _WEBHOOKS, required=True),
    Shape(("webhooks", ANY, "clientConfig", "service", "name"), Form.TEXT, _REACHED, _WEBHOOKS, required=True),
    Shape(("subjects",), Form.LIST, "whom it permits something", _BINDINGS),
    Shape(("subjects", ANY), Form.MAPPING, "whom it permits something", _BINDINGS, required=True),
    Shape(("spec",), Form.MAPPING, _SCALED, (_AUTOSCALER,)),
    Shape(("spec", "scaleTargetRef"), Form.MAPPING, _SCALED, (_AUTOSCALER,)),
    Shape(("spec",), Form.MAPPING, _ALLOCATED, (_SERVICE,)),
    Shape(("spec", "ports"), Form.LIST, _ALLOCATED, (_SERVICE,)),
    Shape(("spec", "ports", ANY), Form.MAPPING, _ALLOCATED, (_SERVICE,), required=True),
    Shape(("spec", "clusterIPs"), Form.LIST, _ALLOCATED, (_SERVICE,)),
)
"""From the outside in: a row may rely on those above it."""


def shapes_of(kind: Kind) -> tuple[Shape, ...]:
    """The rows for objects of a kind."""
    return tuple(row for row in SHAPES if not row.kinds or kind in row.kinds)
