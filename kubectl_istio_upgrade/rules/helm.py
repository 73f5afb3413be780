"""Where Helm keeps its release records: as Secrets, one for each revision, in the release's namespace.

Their content is a gzipped JSON of chart, values and manifest: values may hold credentials, so it is withheld like any
Secret's. Their labels are not, and say which revision is deployed.
Source: helm/helm, pkg/storage/driver/secrets.go and pkg/storage/storage.go.
"""

from __future__ import annotations

from ..models.objects import MeshObject

RECORD_PREFIX = "sh.helm.release.v1."
"""Of the name, followed by `NAME.vREVISION`."""

RECORD_OWNER = ("owner", "helm")
RELEASE_LABEL, REVISION_LABEL, STATUS_LABEL = "name", "version", "status"
DEPLOYED = "deployed"


def is_record(obj: MeshObject) -> bool:
    """Whether this object is Helm's record of one revision of a release."""
    owner, helm = RECORD_OWNER
    return obj.key.name.startswith(RECORD_PREFIX) and obj.labels.get(owner) == helm
