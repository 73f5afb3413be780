"""A state as a folder of manifests."""

from __future__ import annotations

from pathlib import Path

import yaml

from kubectl_istio_upgrade.adapters.folders import export
from kubectl_istio_upgrade.diff.states import everything

from .builders import obj, state


def test_what_only_the_cluster_of_then_can_mean_is_left_out(tmp_path: Path) -> None:
    """An object that is applied with the UID of an owner that is gone is deleted by the garbage collector."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "of the past"}
    owned = obj("Service", "shop/web", ownerReferences=[owner], spec={"ports": []}, status={"loadBalancer": {}})
    assert export(state(owned), tmp_path, everything).written == 1
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.relative_to(tmp_path) == Path("shop", "service-web.yaml")
    assert yaml.safe_load(file.read_text("utf-8")) == obj("Service", "shop/web", spec={"ports": []}).body
    assert owned.body["metadata"]["ownerReferences"] == [owner], "the state is as it was"
