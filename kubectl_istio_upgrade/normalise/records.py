"""What Helm's release records say beyond their labels.

Of all that is in them the chart's name and version leave them, and by which of its two ways Helm applied it.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib

from ..models.objects import MeshObject
from ..models.settings import NO_RECORD, ReleaseRecord
from ..rules.helm import SERVER_SIDE

RELEASE = "release"
"""The key in the Secret's data: JSON, gzipped, in base64, which the Secret's own base64 comes on top of.
Source: helm/helm, pkg/storage/driver/util.go (encodeRelease)."""


def read_record(record: MeshObject) -> ReleaseRecord:
    """What a record says of its revision; `NO_RECORD` where it cannot be read.

    An object's label names the subchart that it was rendered from. What the release as a whole is, only this tells.
    """
    held = record.withheld.get((record.body.get("data") or {}).get(RELEASE, ""), "")
    try:
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(held))))
        chart = release["chart"]["metadata"]
        method = release.get("apply_method")
        return ReleaseRecord(str(chart["name"]), str(chart.get("version", "")), method == SERVER_SIDE)
    except (binascii.Error, OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError):
        return NO_RECORD
