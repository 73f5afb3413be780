"""What was listed, sorted into what is state of the mesh and what is passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..models.objects import Body, Key, MeshObject, ResourceType
from ..ports import Digester
from ..rules.derived import derived_by
from ..rules.scope import ScopeRule, belongs, is_namespace, steering_only
from .objects import is_being_deleted, split
from .secrets import without_values


@dataclass(frozen=True)
class Sifter:
    """Turns what was listed into objects of the mesh."""

    digester: Digester
    root_namespace: str
    earlier: Mapping[Key, MeshObject]
    passed_over: dict[Key, MeshObject] = field(default_factory=dict)

    def of_mesh(self, type_: ResourceType, rule: ScopeRule, items: Iterable[Body]) -> Iterator[MeshObject]:
        """Those of the listed that a rule takes and that are state. What is known from before is the same object."""
        for item in items:
            known = self.earlier.get(type_.key(item))
            if known and _still_reads(item, known):
                yield known
                continue
            obj = split(item, type_)
            if is_namespace(obj.key):
                yield steering_only(obj)
            elif belongs(rule, obj, self.root_namespace):
                obj = without_values(obj, self.digester)
                if derived_by(obj) or is_being_deleted(obj):
                    self.passed_over[obj.key] = obj
                else:
                    yield obj


def _still_reads(item: Body, known: MeshObject) -> bool:
    """Whether this is the known object. Its version alone would not tell: a definition that changes shows other fields.

    What was withheld from the known one makes them differ; it is withheld anew.
    """
    metadata = item["metadata"]
    if known.server.version != (metadata.get("uid"), metadata.get("resourceVersion")):
        return False
    body = known.body
    return item.keys() == body.keys() and all(item[name] == body[name] for name in item if name != "metadata")
