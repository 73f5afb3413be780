"""All objects of a type, as they are now: also those that no snapshot holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..errors import ForbiddenError, NotFoundError
from ..models.objects import Key, MeshObject, ResourceType
from ..normalise.objects import split
from ..plan.allocations import ServicesOf
from ..plan.definitions import Instances, InstancesOf, defined_type
from ..ports import ClusterReader, ListQuery
from ..rules.fields import SERVICES


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


def live_services(reader: ClusterReader, types: Iterable[ResourceType]) -> ServicesOf:
    """Reads all Services of the cluster: a capture has those of the mesh alone. Raises ClusterError."""
    queries = [ListQuery(type_) for type_ in types if type_.resource in SERVICES]

    def read() -> list[MeshObject]:
        return [split(item, query.type) for query, items in reader.list_all(queries, "") for item in items]

    return read
