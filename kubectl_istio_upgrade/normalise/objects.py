"""What the API server answers, taken apart: the object, and what only the server may write."""

from __future__ import annotations

from ..models.objects import Body, MeshObject, ResourceType, ServerFields

SERVER_FIELDS = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"})
"""Fields of `metadata` that a body in a store, a plan or a manifest never has.

The rest stays: status, finalizers, owner references and a deletion timestamp say something about the object.
"""


def is_being_deleted(obj: MeshObject) -> bool:
    """Whether somebody has asked for its deletion, and finalizers hold it: nobody can take that back."""
    return bool(obj.body["metadata"].get("deletionTimestamp"))


def held_by(body: Body) -> str:
    """`, held by a/b, c/d`, of an object that does not go; "" where nothing is known to hold it."""
    finalizers = ", ".join(body["metadata"].get("finalizers") or ())
    return f", held by {finalizers}" if finalizers else ""


def split(body: Body, type_: ResourceType) -> MeshObject:
    """The mesh object in an answer of the API server (or in a backup of one); `body` itself is left alone.

    The two upper levels are new, all below is shared. LIST leaves `apiVersion` and `kind` out of the items of built-in
    types; they are put back. Raises KeyError when the object has no name.
    """
    metadata = body["metadata"]
    kept = {name: value for name, value in metadata.items() if name not in SERVER_FIELDS}
    server = ServerFields(
        uid=metadata.get("uid") or "",
        resource_version=metadata.get("resourceVersion") or "",
        generation=metadata.get("generation"),
        creation_timestamp=metadata.get("creationTimestamp") or "",
        managed_fields=tuple(metadata.get("managedFields") or ()),
    )
    whole = {"apiVersion": type_.api_version, "kind": type_.kind, **body, "metadata": kept}
    return MeshObject(type_.key(body), whole, server)
