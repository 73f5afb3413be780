"""Webhook configurations as Istio installs them, and a mesh around them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from kubectl_istio_upgrade.models.objects import Body, MeshObject

from .builders import obj

VALIDATOR, WEBHOOK = "istio-validator-istio-system", "rev.validation.istio.io"
ISTIOD = "istio-system/istiod"
POD_LABELS = {"app": "istiod", "sidecar.istio.io/inject": "false"}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"


def bundle(*certificates: str) -> str:
    return base64.b64encode("".join(CERTIFICATE % each for each in certificates).encode()).decode()


def validator(*, policy: str = "Fail", ca: str = "", version: str = "1", **settings: Body | list[Body]) -> MeshObject:
    hook: Body = {
        "name": WEBHOOK,
        "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod"}, "caBundle": ca},
        "failurePolicy": policy,
        "rules": [
            {
                "apiGroups": ["networking.istio.io", "security.istio.io"],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["*"],
            }
        ],
        **settings,
    }
    labels: Mapping[str, str] = {"istio.io/rev": "default"}
    return obj("ValidatingWebhookConfiguration", VALIDATOR, version=version, labels=labels, webhooks=[hook])


def istiod(version: str = "1", **spec: object) -> MeshObject:
    template = {"metadata": {"labels": POD_LABELS}, "spec": {"image": spec.pop("image", "good")}}
    return obj("Deployment", ISTIOD, version=version, spec={"replicas": 1, "template": template, **spec})


def service() -> MeshObject:
    return obj("Service", ISTIOD, spec={"selector": {"app": "istiod"}})


def route(host: str = "old", version: str = "1") -> MeshObject:
    return obj("VirtualService", "shop/web", version=version, spec={"hosts": [host]})
