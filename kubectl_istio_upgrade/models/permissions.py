"""What somebody may do in a cluster, in Kubernetes' own words for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Permission(NamedTuple):
    """One verb on one type: in one namespace, or ("") in the whole cluster; on one object, or ("") on all."""

    verb: str
    group: str
    plural: str
    namespace: str = ""
    name: str = ""

    @property
    def resource(self) -> str:
        """`deployments.apps`, or `configmaps` in the core group: kubectl's own spelling."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def __str__(self) -> str:
        if self.resource == "namespaces" and self.namespace:  # a namespace counts as being in itself
            return f"{self.verb} namespaces/{self.namespace}"
        about = f"{self.resource}/{self.name}" if self.name else self.resource
        return f"{self.verb} {about} {f'in namespace {self.namespace}' if self.namespace else 'in the whole cluster'}"


class Use(StrEnum):
    """What a permission is for."""

    READING = "reader"
    WRITING = "writer"
    WORKLOADS = "restarter"


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission that a role of this tool's users holds, and why it has to."""

    permission: Permission
    use: Use
    why: str
