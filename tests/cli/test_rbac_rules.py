"""Every verb of every rule of `rules/permissions.py`: whoever lacks just that is told so, and nothing is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.models.permissions import Permission
from kubectl_istio_upgrade.rules.permissions import (
    IDENTITY,
    LEASE_FALLBACK_NAMESPACE,
    LEASE_NAME,
    NODES,
    RESTARTING,
    WRITES,
    Verbs,
    lease_of_reading,
    lease_of_writing,
    reading_besides,
)

from .mesh import NAMESPACE, Json, Mesh, definition
from .permissions import RBAC, ROOT, USER, Roles, drifted, existing
from .program import Program, clean_environment
from .proxy import Proxy

pytestmark = pytest.mark.cluster

BACK = ("rollback", "friday", "--yes")
APPLY = ("apply", "-f", "made.yaml", "--yes")
RESTART = ("restart", "--workloads", "all", "--yes")

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
LEASES = ("coordination.k8s.io", "leases")
VOLUMES, JOBS = ("", "persistentvolumeclaims"), ("batch", "jobs")
ROOTED, SHOPPED, EVERYWHERE = f"in namespace {ROOT}", f"in namespace {NAMESPACE}", "in the whole cluster"

REFUSED, FORBIDDEN = 3, 5
"""Exit codes: by the check before the first write; by the API server, which does not let it be read."""


@dataclass(frozen=True)
class Lack:
    """One row: a permission that is taken away, the command that takes it, and where it is said to be missing."""

    permission: Permission
    command: tuple[str, ...]
    where: str
    code: int = REFUSED
    besides: tuple[Permission, ...] = ()
    """What would do in its place, and is taken away with it."""

    def __str__(self) -> str:
        named = f"-{self.permission.name}" if self.permission.name else ""
        return f"{self.command[0]}-{self.permission.verb}-{self.permission.resource}{named}{self.permission.namespace}"

    @property
    def words(self) -> str:
        """As the error has it."""
        name = f"/{self.permission.name}" if self.permission.name else ""
        return f"{self.permission.verb} {self.permission.resource}{name}{self.where}"


def _lacks(command: tuple[str, ...], where: str, *verbs: str, of: tuple[str, str], code: int = REFUSED) -> list[Lack]:
    namespace = ROOT if of in (VOLUMES, JOBS) else ""
    return [Lack(Permission(verb, *of, namespace), command, where, code) for verb in verbs]


def _lease(verb: str, namespace: str, name: str = LEASE_NAME) -> Lack:
    return Lack(Permission(verb, *LEASES, namespace, name), BACK, f" in namespace {namespace}")


LACKS: tuple[Lack, ...] = (
    *_lacks(BACK, f"/{NAMESPACE}", "get", "patch", of=("", "namespaces")),
    *_lacks(APPLY, f" {EVERYWHERE}", "create", of=("", "namespaces")),
    *_lacks(BACK, f" {EVERYWHERE}", "get", "update", "patch", of=DEFINITIONS),
    *_lacks(APPLY, f" {EVERYWHERE}", "create", of=DEFINITIONS),
    *_lacks(APPLY, f" {ROOTED}", "get", "create", "patch", of=VOLUMES),
    *_lacks(APPLY, f" {ROOTED}", "get", "create", "patch", of=JOBS),
    *_lacks(BACK, f" {ROOTED}", "get", "delete", of=("", "configmaps")),
    *_lacks(BACK, f" {ROOTED}", "create", of=(RBAC, "rolebindings")),
    *_lacks(BACK, f" {EVERYWHERE}", "update", "patch", of=(RBAC, "clusterroles")),
    _lease("create", ROOT, ""),
    *(_lease(verb, ROOT) for verb in ("get", "update", "delete")),
    _lease("get", LEASE_FALLBACK_NAMESPACE),
    Lack(IDENTITY, BACK, "", FORBIDDEN, besides=(Permission("get", "", "namespaces"),)),
    *_lacks(RESTART, f" {SHOPPED}", "get", of=("apps", "deployments"), code=FORBIDDEN),
    *_lacks(RESTART, f" {SHOPPED}", "patch", of=("apps", "deployments")),
    *_lacks(RESTART, f" {SHOPPED}", "get", of=("apps", "replicasets"), code=FORBIDDEN),
    *_lacks(RESTART, f" {EVERYWHERE}", "list", of=("", "pods"), code=FORBIDDEN),
    # Listed in the root namespace, too, at the same time: whichever is refused first is named.
    *_lacks(RESTART, " in ", "list", of=("policy", "poddisruptionbudgets"), code=FORBIDDEN),
)

ELSEWHERE: dict[tuple[str, str], str] = {
    ("delete", "customresourcedefinitions.apiextensions.k8s.io"): "`abort` alone takes it: tests/cli/test_rbac.py",
    ("create", "pods"): "without, workloads are compared by image: tests/mesh/test_restart_others.py",
    ("get", "pods/log"): "read only to explain what has not become ready; without, less is explained",
    ("list", "events"): "as the logs",
    ("list", NODES.resource): "without, room on the nodes is not looked at",
    ("list", "apiservices.apiregistration.k8s.io"): "without, no type is taken for one that another server answers for",
}
"""Verbs that no plan of these commands takes, and why."""

MADE = definition("mades", "Made", "made.istio.io")
SIDECARS: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "sidecars.networking.istio.io"},
}

LEASE_ELSEWHERE = "asked for only where a plan makes the root namespace: tests/unit/test_plan_permissions.py"


@dataclass(frozen=True)
class Ground:
    """A drifted mesh, and the product as somebody with all that `rbac --workloads` prints."""

    mesh: Mesh
    roles: Roles
    program: Program
    proxy: Proxy


@pytest.fixture(scope="module")
def ground(installed: Mesh, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("rules")
    shutil.copytree(template, folder / "store")
    (folder / "made.yaml").write_text(yaml.safe_dump_all(_made()), "utf-8")
    environment = clean_environment(folder, ISTIO_UPGRADE_STORE=str(folder / "store"))
    administrator = Program({**environment, "KUBECONFIG": str(installed.plane.kubeconfig)}, folder=folder)
    roles, proxy = Roles(installed), Proxy(installed.plane)
    with existing(installed, MADE):
        roles.give(administrator("rbac", "--workloads", "--for", f"user:{USER}").done().out)
    _add_workload(installed)
    with drifted(installed), _relabelled(installed):
        kubeconfig = str(proxy.kubeconfig(folder / "limited.kubeconfig", USER))
        yield Ground(installed, roles, administrator.having(KUBECONFIG=kubeconfig), proxy)
    proxy.close()
    roles.remove()
    installed.remove_made()


def _made() -> list[Json]:
    """One object for each rule of what only `apply` makes."""
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made", "labels": {"istio.io/rev": "made"}}},
        MADE,
        _object("v1", "PersistentVolumeClaim", "made", ROOT, wanted),
        _object("batch/v1", "Job", "made", ROOT, {"template": {"spec": pod}}),
    ]


def _object(api_version: str, kind: str, name: str, namespace: str, spec: Json) -> Json:
    metadata: Json = {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


@contextmanager
def _relabelled(mesh: Mesh) -> Iterator[None]:
    """A definition that a rollback puts back, owners included."""
    mesh.patch(SIDECARS, {"metadata": {"labels": {"made": "anew"}}})
    yield
    mesh.patch(SIDECARS, {"metadata": {"labels": {"made": None}}})


def _add_workload(mesh: Mesh) -> None:
    """A Deployment with a proxy, ready, whose rollouts take pods away; no controller is there to do so."""
    labels = {"app": "web", "service.istio.io/canonical-name": "web"}
    template: Json = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "istio-proxy", "image": "i"}]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template, "strategy": {"type": "Recreate"}}
    revision = {"deployment.kubernetes.io/revision": "1"}
    deployment = _object("apps/v1", "Deployment", "web", NAMESPACE, spec)
    replicas = _object(
        "apps/v1", "ReplicaSet", "web", NAMESPACE, {name: spec[name] for name in ("selector", "template")}
    )
    pod = _object("v1", "Pod", "web", NAMESPACE, template["spec"])
    for body in (deployment, replicas):
        body["metadata"]["annotations"] = revision
    pod["metadata"]["labels"] = labels
    replicas["metadata"]["ownerReferences"] = [_owner(mesh.add(deployment))]
    pod["metadata"]["ownerReferences"] = [_owner(mesh.add(replicas))]
    mesh.add(pod)
    mesh.patch_status(pod, {"status": {"phase": "Running"}})


def _owner(made: Json) -> Json:
    metadata = made["metadata"]
    known = {"apiVersion": "apps/v1", "kind": made["kind"], "controller": True}
    return {**known, "name": metadata["name"], "uid": metadata["uid"]}


@pytest.mark.parametrize("lack", LACKS, ids=str)
def test_the_missing_verb_is_named_and_nothing_is_written(lack: Lack, ground: Ground) -> None:
    assert lack.permission in ground.roles.permissions
    known = len(ground.proxy.writes)
    with ground.roles.without(lack.permission, *lack.besides):
        result = ground.program(*lack.command).done(lack.code)
    (error,) = result.errors
    assert lack.words in result.err
    if lack.code == REFUSED:
        assert "takes a permission that you do not have; nothing was changed" in error
    assert ground.proxy.writes[known:] == []


def test_with_all_of_them_each_of_these_commands_is_planned(ground: Ground) -> None:
    """The premise: what is refused above is refused for that verb alone."""
    for command in (BACK, APPLY):
        ground.program(*command[:-1], "--dry-run").done()
    assert "1 workload" in ground.program("restart", "--workloads", "all", "--plan").done().out


def test_every_verb_of_every_rule_is_among_them() -> None:
    tried = {(lack.permission.verb, lack.permission.resource) for lack in LACKS}
    for rules in (WRITES, RESTARTING):
        for rule in rules:
            covered = {verb for verb, resource in (*tried, *ELSEWHERE) if _first(rules, resource) is rule}
            assert covered >= set(rule.verbs), rule.why
    besides = {grant.permission for grant in (*reading_besides(), *lease_of_reading(ROOT), *lease_of_writing(ROOT))}
    alone = {lack.permission for lack in LACKS}
    untried = {permission for permission in besides - alone if (permission.verb, permission.resource) not in ELSEWHERE}
    assert {permission.namespace for permission in untried} == {LEASE_FALLBACK_NAMESPACE}, LEASE_ELSEWHERE


def _first(rules: Iterable[Verbs], resource: str) -> Verbs | None:
    return next((rule for rule in rules if resource in rule.types), None)
