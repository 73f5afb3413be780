"""Permissions as roles and bindings that `kubectl apply` takes, each rule with its reason as a comment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from ..canonical import to_yaml
from ..models.objects import Body
from ..models.permissions import Grant, Permission, Use
from ..rules.derived import OWN_NAME
from ..rules.permissions import RBAC_GROUP

_API_VERSION = f"{RBAC_GROUP}/v1"

_VERBS = ("get", "list", "create", "update", "patch", "delete", "bind", "escalate")
"""In the order in which people write them."""

_ABOUT = {
    Use.READING: "Reading the mesh: snapshot, diff, status. Beside this only discovery and access reviews are asked "
    "for, which Kubernetes opens to every user (system:discovery, system:basic-user).",
    Use.WRITING: "Changing the mesh, in addition to reading it: apply, rollback, resume, abort. It takes as much with "
    "--dry-run: the API server authorises the trial of a write like the write itself.",
    Use.WORKLOADS: "Restarting workloads of the mesh, in addition to reading and writing it: restart, and what "
    "rollback, resume and abort do about restarts.",
}
_NAME_MATTERS = f"A rollback leaves roles and bindings alone that are called {OWN_NAME}-*, so keep the name."

_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom roles are bound to."""

    kind: str
    name: str
    namespace: str = ""

    @property
    def body(self) -> Body:
        """As a binding has it."""
        if self.namespace:
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"apiGroup": RBAC_GROUP, "kind": self.kind, "name": self.name}


@dataclass(frozen=True, slots=True)
class Document:
    """One object, and what a person should know about it."""

    body: Body
    about: str = ""
    reasons: tuple[str, ...] = ()
    """One for each of a role's rules."""


def role_documents(grants: Iterable[Grant], subjects: Sequence[Subject]) -> tuple[Document, ...]:
    """A ClusterRole, and a Role for each namespace, for each use; and bindings, where there is anybody to bind to."""
    parts: dict[tuple[Use, str], list[Grant]] = defaultdict(list)
    for grant in grants:
        parts[grant.use, grant.permission.namespace].append(grant)
    roles = [_role(use, namespace, found) for (use, namespace), found in parts.items()]
    return (*roles, *(_binding(role.body, subjects) for role in roles if subjects))


def as_list(documents: Iterable[Document]) -> Body:
    """For `-o json`."""
    return {"apiVersion": "v1", "kind": "List", "items": [document.body for document in documents]}


def as_yaml(documents: Iterable[Document]) -> str:
    """With the reasons as comments."""
    return "---\n".join(_commented(document) for document in documents).rstrip("\n")


def _role(use: Use, namespace: str, grants: Iterable[Grant]) -> Document:
    rules = sorted(_rules(grants), key=lambda rule: (rule[0]["apiGroups"], rule[0]["resources"], rule[0]["verbs"]))
    metadata = {"name": f"{OWN_NAME}-{use}", **({"namespace": namespace} if namespace else {})}
    kind = "Role" if namespace else "ClusterRole"
    body = {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "rules": [rule for rule, _ in rules]}
    return Document(body, f"{_ABOUT[use]} {_NAME_MATTERS}", tuple(why for _, why in rules))


def _rules(grants: Iterable[Grant]) -> Iterator[tuple[Body, str]]:
    """Types of one group that are granted the same for the same reason share a rule; groups never do: a rule grants
    every one of its types in every one of its groups.
    """
    verbs: dict[tuple[Permission, str], list[str]] = defaultdict(list)
    for grant in grants:
        verbs[grant.permission._replace(verb=""), grant.why].append(grant.permission.verb)
    plurals: dict[tuple[str, str, tuple[str, ...], str], list[str]] = defaultdict(list)
    for (what, why), found in verbs.items():
        plurals[what.group, what.name, tuple(sorted(found, key=_VERBS.index)), why].append(what.plural)
    for (group, name, allowed, why), resources in plurals.items():
        named = {"resourceNames": [name]} if name else {}
        yield {"apiGroups": [group], "resources": sorted(resources), **named, "verbs": list(allowed)}, why


def _binding(role: Body, subjects: Sequence[Subject]) -> Document:
    reference = {"apiGroup": RBAC_GROUP, "kind": role["kind"], "name": role["metadata"]["name"]}
    body = {
        "apiVersion": _API_VERSION,
        "kind": f"{role['kind']}Binding",
        "metadata": role["metadata"],
        "roleRef": reference,
        "subjects": [subject.body for subject in subjects],
    }
    return Document(body)


def _commented(document: Document) -> str:
    body = document.body
    if not document.reasons:
        return _comment(document.about) + to_yaml(body)
    head = to_yaml({name: value for name, value in body.items() if name != "rules"})
    rules = (_comment(why) + to_yaml([rule]) for why, rule in zip(document.reasons, body["rules"], strict=True))
    return f"{_comment(document.about)}{head}rules:\n{''.join(rules)}"


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(text, _WIDTH, break_on_hyphens=False))
