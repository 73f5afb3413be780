"""Objects in files that no API server would understand: each is told by its field, and none is a bug of the program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.errors import BadManifestError, ExitCode, IstioUpgradeError
from kubectl_istio_upgrade.models.objects import Body, Completeness, Json, MemoryState
from kubectl_istio_upgrade.normalise.objects import split
from kubectl_istio_upgrade.normalise.secrets import without_values
from kubectl_istio_upgrade.plan.manifests import Manifests, check_scope, read_manifests, wanted_changes
from kubectl_istio_upgrade.plan.rollback import plan_rollback
from kubectl_istio_upgrade.ports import ManifestDocument

from .builders import TYPES

GOOD = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: istio-system
  labels: {istio.io/rev: default, operator.istio.io/component: Pilot}
  annotations: {note: hello}
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: other, uid: u, controller: false}]
  managedFields: [{manager: helm, operation: Apply, fieldsV1: {"f:data": {"f:mesh": {}}}}]
data: {mesh: "x: 1"}
---
apiVersion: v1
kind: Secret
metadata: {name: cacerts, namespace: istio-system, annotations: {note: hello}}
type: Opaque
data: {ca-cert.pem: YWJj}
stringData: {password: hunter2}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  replicas: 1
  template:
    metadata: {annotations: {kubectl.kubernetes.io/restartedAt: then}}
    spec:
      containers:
      - {name: discovery, image: istio/pilot:1.28.3, env: [{name: A, value: b}], ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: istiod, namespace: istio-system}
spec:
  clusterIP: 10.0.0.1
  clusterIPs: [10.0.0.1]
  healthCheckNodePort: 30001
  ports: [{port: 80, protocol: TCP, nodePort: 30000}]
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: virtualservices.networking.istio.io}
spec:
  group: networking.istio.io
  names: {kind: VirtualService, plural: virtualservices}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: istio-validator, labels: {istio.io/rev: default}}
webhooks: [{name: a.b.c, failurePolicy: Fail, clientConfig: {service: {namespace: istio-system, name: istiod}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: istiod}
subjects: [{kind: ServiceAccount, name: istiod, namespace: istio-system}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: istiod, namespace: istio-system}
spec: {scaleTargetRef: {kind: Deployment, name: istiod}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}, weight: 10}]}]}
"""
OBJECTS: tuple[Body, ...] = tuple(yaml.safe_load_all(GOOD))
GONE = object()
WRONG: tuple[Any, ...] = (GONE, None, "", "kind plural", 0, 1.5, True, [], {}, ["x"], {"x": 1}, [None], [[]], [{}])
IDENTITY = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")}
"""What `adapters.manifests` has looked at before."""


class Digests:
    """A digester that gives every value away, as nothing is kept here."""

    key_id = "k"

    def digest(self, context: str, value: bytes) -> str:
        return f"{context}={value!r}"


def read(*bodies: Body) -> Manifests:
    documents = [ManifestDocument(body, "mesh.yaml, document 1") for body in bodies]
    return read_manifests(documents, TYPES, "manifests", "default")


def places(node: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field of an object, and every item of its lists."""
    steps = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for step in steps:
        yield (*path, step)
        yield from places(node[step], (*path, step))


def changed(node: Json, path: tuple[Any, ...], value: Any) -> Json:
    """A copy with another value there, or with none."""
    copied = node.copy()
    if len(path) > 1:
        copied[path[0]] = changed(node[path[0]], path[1:], value)
    elif value is GONE:
        del copied[path[0]]
    else:
        copied[path[0]] = value
    return copied


def use(body: Body, live: MemoryState) -> None:
    """Whatever is done with an object of a file before the server has seen it."""
    manifests = read(body)
    objects = {key: without_values(obj, Digests()) for key, obj in manifests.objects.items()}
    for completeness in (Completeness.FIELDS, Completeness.OBJECTS):
        state = MemoryState("manifests", objects, TYPES, completeness=completeness)
        compare(live, state)
        compare(state, live)
    check_scope(manifests, "istio-system")
    wanted_changes(live, manifests, force=False)
    for now in (live, MemoryState("live", {}, TYPES)):
        plan_rollback(now, state)


@pytest.mark.parametrize("good", OBJECTS, ids=lambda body: body["kind"])
def test_a_wrong_value_in_any_place_is_understood_or_refused(good: Body) -> None:
    as_answered = {**good, "metadata": {**good["metadata"], "uid": "u", "resourceVersion": "1"}}
    (type_,) = (type_ for type_ in TYPES if type_.kind == good["kind"])
    obj = split(as_answered, type_)
    live = MemoryState("live", {obj.key: obj}, TYPES)
    understood = 0
    for path in set(places(good)) - IDENTITY:
        for value in WRONG:
            body = changed(good, path, value)
            try:
                use(body, live)
                understood += 1
            except IstioUpgradeError as error:
                assert error.exit_code in (ExitCode.USAGE, ExitCode.REFUSED)
            except Exception as error:
                raise AssertionError(f"{path} = {value!r}: {error!r}") from error
    assert understood


def of_kind(kind: str) -> Body:
    return next(body for body in OBJECTS if body["kind"] == kind)


@pytest.mark.parametrize(
    ("kind", "path", "value", "message"),
    [
        ("ConfigMap", ("metadata", "labels"), ["a"], "metadata.labels is not a mapping of texts"),
        ("ConfigMap", ("metadata", "labels", "n"), 1, "metadata.labels.n is not a text; put it in quotes"),
        ("ConfigMap", ("metadata", "annotations"), "a", "metadata.annotations is not a mapping of texts"),
        ("ConfigMap", ("metadata", "ownerReferences"), {}, "metadata.ownerReferences is not a list"),
        ("ConfigMap", ("metadata", "ownerReferences", 0), "a", "metadata.ownerReferences[0] is not a mapping"),
        ("Secret", ("data",), "YWJj", "data is not a mapping"),
        ("Secret", ("stringData",), ["a"], "stringData is not a mapping"),
        ("CustomResourceDefinition", ("spec",), GONE, "spec is not a mapping"),
        ("CustomResourceDefinition", ("spec", "names", "plural"), GONE, "spec.names.plural is not a text"),
        ("CustomResourceDefinition", ("spec", "versions", 0), "v1", "spec.versions[0] is not a mapping"),
        ("ValidatingWebhookConfiguration", ("webhooks", 0), None, "webhooks[0] is not a mapping"),
        ("ClusterRoleBinding", ("subjects",), "istiod", "subjects is not a list"),
        ("HorizontalPodAutoscaler", ("spec", "scaleTargetRef"), "istiod", "spec.scaleTargetRef is not a mapping"),
        ("Service", ("spec", "ports", 0), None, "spec.ports[0] is not a mapping"),
        ("Service", ("spec", "clusterIPs"), "10.0.0.1", "spec.clusterIPs is not a list"),
    ],
)
def test_the_field_is_named(kind: str, path: tuple[Any, ...], value: Any, message: str) -> None:
    body = changed(of_kind(kind), path, value)
    with pytest.raises(BadManifestError) as caught:
        read(body)
    assert caught.value.message == f"mesh.yaml, document 1: {kind} {body['metadata']['name']}: {message}"


@pytest.mark.parametrize("field", ["labels", "annotations", "ownerReferences", "managedFields"])
def test_what_may_be_left_out_may_be_null(field: str) -> None:
    assert read(changed(of_kind("ConfigMap"), ("metadata", field), None)).objects


def test_a_kind_of_the_same_name_in_another_group_is_no_concern() -> None:
    """Only `v1/Secret` has values below `data`."""
    (type_,) = (type_ for type_ in TYPES if type_.kind == "VirtualService")
    body = {"apiVersion": type_.api_version, "kind": type_.kind, "metadata": {"name": "x"}, "data": "text"}
    assert read(body).objects


def test_items_are_matched_by_whatever_stands_in_the_place_of_their_key() -> None:
    """A key that is a list can be compared, too."""
    good = of_kind("Service")
    obj = next(iter(read(good).objects.values()))
    odd = next(iter(read(changed(good, ("spec", "ports", 0, "port"), ["80"])).objects.values()))
    live, wanted = MemoryState("live", {obj.key: obj}, TYPES), MemoryState("m", {odd.key: odd}, TYPES)
    assert [diff.key.name for diff in compare(live, wanted).diffs] == ["istiod"]
