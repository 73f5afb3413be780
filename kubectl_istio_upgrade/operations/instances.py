"""All objects of a type, as they are now: also those that no snapshot holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..apply.execution import PARALLEL
from ..capture import Capture
from ..errors import ForbiddenError, NotFoundError
from ..models.objects import Key, MeshObject, ResourceType
from ..normalise.objects import split
from ..normalise.secrets import Redaction
from ..plan.allocations import ServicesOf
from ..plan.definitions import Instances, InstancesOf, defined_type
from ..plan.unlisted import UnlistedOf
from ..ports import ClusterReader, ListQuery
from ..rules.fields import SERVICES
from ..rules.scope import Membership, Where, scope_rules_for


def live_instances(reader: ClusterReader, types: Iterable[ResourceType]) -> InstancesOf:
    """Reads the instances of definitions from the cluster, one LIST each, and none for the others.

    A capture leaves out what the user excludes and what controllers make from other objects; a definition takes fields
    from those as well. `types` are those that were captured: they are read at the same version. A type that must not
    be read, or is not served, is told as that. Raises any other ClusterError.
    """
    known = {type_.resource: type_ for type_ in types}

    def read(definitions: Sequence[MeshObject]) -> Mapping[Key, Instances]:
        defined = {crd.key: defined_type(crd) for crd in definitions}
        queries = {key: ListQuery(known.get(type_.resource, type_)) for key, type_ in defined.items()}
        try:
            return _read(reader, queries)
        except (ForbiddenError, NotFoundError):
            return {key: _or_why_not(reader, key, query) for key, query in queries.items()}

    return read


def _read(reader: ClusterReader, queries: Mapping[Key, ListQuery]) -> dict[Key, Instances]:
    keys = {query: key for key, query in queries.items()}
    return {
        keys[query]: Instances(tuple(split(item, query.type) for item in items))
        for query, items in reader.list_all(tuple(keys), "")
    }


def _or_why_not(reader: ClusterReader, key: Key, query: ListQuery) -> Instances:
    try:
        return _read(reader, {key: query})[key]
    except (ForbiddenError, NotFoundError) as error:
        return Instances(unread=f"its objects cannot be read: {error.message}")


def live_unlisted(reader: ClusterReader, secrets: Redaction, captured: Capture) -> UnlistedOf:
    """Looks up what a capture has passed over, and asks for what it may not have seen: what has no label of Istio's.

    What must not be read counts as absent: whoever writes it needs that permission, too. Raises any other ClusterError.
    """

    def seen(key: Key, type_: ResourceType) -> bool:
        rules = scope_rules_for(key.resource, namespaced=type_.namespaced)
        places = {rule.where for rule in rules if rule.membership is not Membership.OF_ISTIO}
        return Where.EVERYWHERE in places or (Where.ROOT in places and key.namespace == captured.root_namespace)

    def one(key: Key, type_: ResourceType) -> MeshObject | None:
        with contextlib.suppress(ForbiddenError):
            if body := reader.get(type_, key):
                return secrets.withheld(split(body, type_))
        return None

    def read(wanted: Mapping[Key, ResourceType]) -> Mapping[Key, MeshObject]:
        known = {key: captured.passed_over[key] for key in wanted.keys() & captured.passed_over.keys()}
        asked = {key: type_ for key, type_ in wanted.items() if key not in known and not seen(key, type_)}
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = pool.map(one, asked.keys(), asked.values())
            return known | {obj.key: obj for obj in found if obj}

    return read


def live_services(reader: ClusterReader, types: Iterable[ResourceType]) -> ServicesOf:
    """Reads all Services of the cluster: a capture has those of the mesh alone. Raises ClusterError."""
    queries = [ListQuery(type_) for type_ in types if type_.resource in SERVICES]

    def read() -> list[MeshObject]:
        return [split(item, query.type) for query, items in reader.list_all(queries, "") for item in items]

    return read
