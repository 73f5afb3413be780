"""What Helm's release records say beyond their labels: of all that is in them, the chart's name alone leaves them."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib

from ..models.objects import MeshObject

RELEASE = "release"
"""The key in the Secret's data: JSON, gzipped, in base64, which the Secret's own base64 comes on top of.
Source: helm/helm, pkg/storage/driver/util.go (encodeRelease)."""


def chart_of(record: MeshObject) -> str:
    """The name of the chart that a record's revision was installed from; "" where the record cannot be read.

    An object's label names the subchart that it was rendered from. What the release as a whole is, only this tells.
    """
    held = record.withheld.get((record.body.get("data") or {}).get(RELEASE, ""), "")
    try:
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(held))))
        return str(release["chart"]["metadata"]["name"])
    except (binascii.Error, OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return ""
