"""What kwok is told: how a pretended kubelet treats nodes and pods here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .components import RELEASES

Json = dict[str, Any]
NAMESPACE = "istio-system"
ISTIO_PORTS = (15010, 15012, 15014, 15017, 8080)
_VERSION = "kwok.x-k8s.io/v1alpha1"
_RUNNABLE = "|".join(release.replace(".", "[.]") for release in RELEASES)
UNPULLABLE = (
    "[.spec.containers[], (.spec.initContainers // [])[]] | .[].image"
    ' | select(. == "auto" or test("(^|/)(pilot|proxyv2|install-cni|ztunnel)[:@]"))'
    f' | select(test(":({_RUNNABLE})(-distroless|-debug)?$") | not)'
)
"""The jq expression for images of a pod that a kubelet could not pull: Istio's, with a tag that we cannot run.

`auto` is the placeholder in gateway pods that istiod's webhook replaces.
"""
PROXIED = "testbed-proxy"
"""The annotation of pods whose proxy really runs: see tests/dataplane."""
REAL = f'(.spec.containers[].image | select(test("(^|/)pilot:"))), (.metadata.annotations["{PROXIED}"] // empty)'
"""The jq expression for what marks a pod of which something really runs, istiod or a proxy: kwok says only that the pod
runs; whether it is ready, the real process says."""
_IMAGE_PULL = """
phase: Pending
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: false
  restartCount: 0
  state:
    waiting:
      reason: ImagePullBackOff
      message: {{ printf "Back-off pulling image %q" .image | Quote }}
{{ end }}
"""


def stages(folder: Path) -> list[Json]:
    """Kwok's own stages, from this folder, with ours."""
    documents: list[Json] = []
    for path in sorted(folder.glob("*.yaml")):
        stage = yaml.safe_load(path.read_text())
        if stage["metadata"]["name"] == "pod-ready":
            documents += _pod_ready(stage)
        else:
            documents.append(stage)
    return [*documents, _image_pull_stage()]


def port_forwards(newest: str, istiods: Mapping[str, str]) -> list[Json]:
    """Port forwards to the named pods lead to their addresses, to others in the namespace to the newest istiod."""
    documents = [_forward("PortForward", {"name": name, "namespace": NAMESPACE}, at) for name, at in istiods.items()]
    rest = _forward("ClusterPortForward", {"name": "istiod"}, newest)
    rest["spec"]["selector"] = {"matchNamespaces": [NAMESPACE]}
    return [*documents, rest]


def _pod_ready(stage: Json) -> list[Json]:
    """Kwok's stage that makes pods ready, and a variant that only makes them run."""
    conditions: list[Json] = stage["spec"]["selector"]["matchExpressions"]
    template = stage["spec"]["next"]["statusTemplate"]
    running = re.sub(r'"True"(\s+type: (?:Ready|ContainersReady))\b', r'"False"\1', template)
    running = running.replace("ready: true", "ready: false")
    result = []
    for name, text, operator in (("pod-ready", template, "DoesNotExist"), ("pod-running", running, "Exists")):
        selector: list[Json] = [
            *conditions,
            {"key": UNPULLABLE, "operator": "DoesNotExist"},
            {"key": REAL, "operator": operator},
        ]
        result.append(_pod_stage(name, selector, text))
    return result


def _image_pull_stage() -> Json:
    """What a kubelet reports of a pod whose image does not exist."""
    selector: list[Json] = [
        {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
        {"key": ".status.phase", "operator": "In", "values": ["Pending"]},
        {"key": ".status.containerStatuses.[].name", "operator": "DoesNotExist"},
        {"key": UNPULLABLE, "operator": "Exists"},
    ]
    return _pod_stage("pod-image-pull", selector, _IMAGE_PULL)


def _pod_stage(name: str, selector: list[Json], template: str) -> Json:
    spec = {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": selector},
        "next": {"statusTemplate": template},
    }
    return {"apiVersion": _VERSION, "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def _forward(kind: str, metadata: Json, address: str) -> Json:
    forwards = [{"ports": [port], "target": {"port": port, "address": address}} for port in ISTIO_PORTS]
    return {"apiVersion": _VERSION, "kind": kind, "metadata": metadata, "spec": {"forwards": forwards}}
