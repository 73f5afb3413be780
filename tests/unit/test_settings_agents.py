"""Node agents that go on with the control plane that the mesh goes by, and whose settings go with them."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.settings import OperatorSettings, Source
from kubectl_istio_upgrade.plan.installation import installation_of
from kubectl_istio_upgrade.plan.settings.agents import with_agents_of

from .assessing import ISTIOCTL_LABELS, istiod
from .builders import obj, state


def agent(kind: str, revision: str, **annotations: str) -> MeshObject:
    labels = {"operator.istio.io/component": kind, **ISTIOCTL_LABELS} | ({"istio.io/rev": revision} if revision else {})
    return obj("DaemonSet", f"istio-system/{kind.lower()}", labels=labels, annotations=annotations)


def test_they_bring_their_components_and_their_values_and_nothing_else() -> None:
    cni = {"enabled": True, "namespace": "kube-system", "k8s": {"priorityClassName": "high"}}
    other = {
        "components": {"cni": cni, "pilot": {"k8s": {"replicaCount": 3}}},
        "values": {"cni": {"chained": False, "x": 1}, "pilot": {"y": 1}},
    }
    own = {"revision": "canary", "components": {"cni": {"enabled": False}}, "values": {"cni": {"x": 2}}}
    spec = with_agents_of(OperatorSettings({"spec": own}), OperatorSettings({"spec": other})).body["spec"]
    assert spec == {
        "revision": "canary",
        "components": {"cni": cni},
        "values": {"cni": {"chained": False, "x": 2}},
    }


def test_both_must_be_proved_and_what_is_lost_of_them_is_told() -> None:
    sources = (Source("spec.meshConfig", "m"), Source("spec.components.ztunnel.k8s.env", "z"))
    lost = compare(state(agent("Cni", "default"), agent("Pilot", "default")), state()).diffs
    own = OperatorSettings({"spec": {}}, proved_with="1.29.1")
    both = with_agents_of(own, OperatorSettings({"spec": {}}, sources, "1.28.3", lost))
    assert (both.proved_with, both.sources) == ("1.29.1 and 1.28.3", sources[1:])
    assert [each.key.name for each in both.lost] == ["cni"]
    assert with_agents_of(own, OperatorSettings({"spec": {}})).proved_with == ""


def origins(revision: str, *objects: MeshObject) -> list[str]:
    found = installation_of(state(*objects)).origins(revision, gateways=False)
    return [f"{each.part} {each.revision}" for each in found]


OLD, NEW = istiod("1.28.3"), istiod("1.29.1", "canary")


@pytest.mark.parametrize(
    ("revision", "objects", "expected"),
    [
        ("", (OLD, agent("Cni", "default")), ["control plane default"]),
        ("new", (OLD, agent("Cni", "default")), ["control plane default"]),
        ("canary", (OLD, NEW, agent("Cni", "default")), ["control plane canary"]),
        ("", (NEW, agent("Cni", "default"), agent("Ztunnel", "default")), ["control plane canary", "ztunnel default"]),
        ("", (OLD, NEW, agent("Cni", "canary")), ["control plane default", "control plane canary"]),
        ("", (NEW, agent("Cni", "canary")), ["control plane canary"]),
        ("", (NEW, agent("Cni", "")), ["control plane canary"]),
        ("", (NEW, agent("Cni", "default", **{"meta.helm.sh/release-name": "cni"})), ["control plane canary"]),
    ],
)
def test_an_upgrade_of_the_mesh_takes_those_of_another_revision_along(
    revision: str, objects: tuple[MeshObject, ...], expected: list[str]
) -> None:
    assert origins(revision, *objects) == expected
