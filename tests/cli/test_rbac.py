"""The printed roles under real RBAC: enough for everything, nothing too much, and each missing verb named in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubectl_istio_upgrade.models.permissions import Permission

from .mesh import Json, Mesh, config_map, definition, sidecar
from .permissions import (
    RBAC,
    ROLE_BINDING,
    ROOT,
    USER,
    Roles,
    drifted,
    existing,
    permission_asked_for,
    permission_of,
    permissions_in,
)
from .program import Program, Result, wait_for
from .proxy import Proxy
from .test_unfinished import killed_while_it_writes

pytestmark = pytest.mark.cluster

LEASES = "coordination.k8s.io"


@pytest.fixture
def roles(mesh: Mesh) -> Iterator[Roles]:
    roles = Roles(mesh)
    yield roles
    roles.remove()


@pytest.fixture
def limited(taken: Program, mesh: Mesh) -> Program:
    """The product as a user without any rights, with a snapshot of the mesh."""
    return taken.having(KUBECONFIG=str(mesh.plane.kubeconfig_for(USER)))


@pytest.fixture
def writer(taken: Program, limited: Program, roles: Roles) -> Program:
    """The product as a user with the roles for writing."""
    roles.give(taken("rbac", "--for", f"user:{USER}").done().out)
    return limited


@pytest.fixture
def drift(mesh: Mesh) -> Iterator[None]:
    """Something of every kind of change."""
    with drifted(mesh):
        yield


def test_with_the_roles_for_writing_everything_goes(
    writer: Program, mesh: Mesh, roles: Roles, drift: None, manifest: Callable[..., str]
) -> None:
    writer("snapshot", "--name", "drifted").done()
    assert "VirtualService shop/added" in writer("diff", "friday").done(1).out
    writer("history").done()
    new = sidecar("applied")
    mesh.adopt(new)
    writer("apply", "-f", manifest(new, config_map("added-too", word="applied")), "--yes").done()
    with mesh.unchanged():
        writer("rollback", "friday", "--dry-run").done()
    done = writer("rollback", "friday", "--yes", "-o", "json").done().json
    assert done["proof"]["holds"]
    assert {change["action"] for change in done["plan"]["changes"]} == {"create", "update", "delete"}
    assert mesh.get(ROLE_BINDING)
    assert mesh.get(new) is None
    assert roles.lacking(roles.permissions) == set(), "a rollback to before the roles must leave them alone"


def test_with_the_roles_for_reading_the_mesh_is_read_and_nothing_else(
    taken: Program, limited: Program, mesh: Mesh, roles: Roles, drift: None
) -> None:
    roles.give(taken("rbac", "--read-only", "--for", f"user:{USER}").done().out)
    limited("snapshot").done()
    limited("diff", "friday").done(1)
    with mesh.unchanged():
        for options in (["--yes"], ["--dry-run"]):
            result = limited("rollback", "friday", *options).failed(3, "nothing was changed", hint="rbac")
            for missing in (
                "delete virtualservices.networking.istio.io in namespace shop",
                "create rolebindings.rbac.authorization.k8s.io in namespace istio-system",
                "update clusterroles.rbac.authorization.k8s.io in the whole cluster",
                "patch namespaces/shop",
                "create leases.coordination.k8s.io in namespace istio-system",
            ):
                assert f"\n  {missing}" in result.err


def test_nothing_is_written_that_was_not_asked_about(
    writer: Program, proxy: Proxy, tmp_path: Path, drift: None
) -> None:
    """The check before the first write knows of everything that follows it."""
    through = writer.having(KUBECONFIG=str(proxy.kubeconfig(tmp_path / "limited.kubeconfig", USER)))
    through("rollback", "friday", "--yes").done()
    asked = {permission for seen in proxy.seen if (permission := permission_asked_for(seen))}
    written = [seen for seen in proxy.seen if seen.writes or seen.tries or "/leases" in seen.target]
    taken = {permission for seen in written if (permission := permission_of(seen))}
    assert {permission.verb for permission in taken} >= {"create", "update", "patch", "delete"}
    for permission in taken:
        unnamed = permission._replace(name="")
        assert {permission, unnamed, unnamed._replace(namespace="")} & asked, str(permission)


TAKEN = (
    (Permission("delete", "networking.istio.io", "virtualservices"), "in namespace shop"),
    (Permission("get", "networking.istio.io", "virtualservices"), "in namespace shop"),
    (Permission("delete", "", "configmaps"), "in namespace istio-system"),
    (Permission("update", RBAC, "clusterroles"), "in the whole cluster"),
    (Permission("patch", RBAC, "clusterroles"), "in the whole cluster"),
    (Permission("create", RBAC, "rolebindings"), "in namespace istio-system"),
    (Permission("create", LEASES, "leases", ROOT), "in namespace istio-system"),
    (Permission("delete", LEASES, "leases", ROOT, "kubectl-istio-upgrade"), "in namespace istio-system"),
)


def test_one_missing_verb_is_named_before_anything_is_tried(
    writer: Program, proxy: Proxy, tmp_path: Path, roles: Roles, drift: None
) -> None:
    through = writer.having(KUBECONFIG=str(proxy.kubeconfig(tmp_path / "limited.kubeconfig", USER)))
    patch = Permission("patch", "", "namespaces")
    for taken, where in (*TAKEN, (patch, "")):
        with roles.without(taken):
            result = through("rollback", "friday", "--yes").failed(3, "nothing was changed", hint="rbac")
        object_ = f"/{taken.name}" if taken.name else ""
        named = "patch namespaces/shop" if taken == patch else f"{taken.verb} {taken.resource}{object_} {where}"
        assert result.err.split("nothing was changed:\n  ")[1].splitlines()[0] == named
        assert "takes a permission that" in result.err, f"{named} is the only one"
    assert not [seen for seen in proxy.seen if seen.tries or seen.writes]


@pytest.mark.parametrize("verb", ["escalate", "bind"])
def test_without_escalate_or_bind_the_dry_run_names_it(
    writer: Program, mesh: Mesh, roles: Roles, drift: None, verb: str
) -> None:
    with roles.without(Permission(verb, RBAC, "roles"), Permission(verb, RBAC, "clusterroles")), mesh.unchanged():
        result = writer("rollback", "friday", "--yes").failed(3, "nothing was changed", hint="escalate and bind")
    role = "roles" if verb == "bind" else "clusterroles"
    assert f"you may not {verb} {role}.{RBAC}, and do not hold all that it grants" in result.err


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (Permission("list", "networking.istio.io", "sidecars"), "list sidecars.networking.istio.io in the whole"),
        (Permission("list", "", "secrets", ROOT), "list secrets in namespace istio-system"),
        (Permission("get", "", "namespaces", name="kube-system"), "get namespaces/kube-system"),
    ],
)
def test_what_may_not_be_read_is_named(gone: Permission, words: str, writer: Program, roles: Roles, mesh: Mesh) -> None:
    also = [Permission("get", "", "namespaces")] if gone.name else []  # which writing takes, for every namespace
    with roles.without(gone, *also), mesh.unchanged():
        writer("snapshot").failed(5, f"user {USER!r} may not {words}")
        writer("rollback", "friday", "--yes").failed(5, f"user {USER!r} may not {words}")


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_an_apply_names_what_it_lacks(
    writer: Program, mesh: Mesh, roles: Roles, manifest: Callable[..., str], verb: str
) -> None:
    with roles.without(Permission(verb, "networking.istio.io", "sidecars")), mesh.unchanged():
        result = writer("apply", "-f", manifest(sidecar("new")), "--yes").failed(3, "nothing was changed", hint="rbac")
    assert f"\n  {verb} sidecars.networking.istio.io in namespace shop\n" in result.err


MADE = definition("mades", "Made", "made.istio.io")


def test_a_type_that_is_made_must_be_one_that_may_be_listed(
    writer: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    """Else nobody could prove it, nor take it back: whoever may not list a type cannot read the mesh."""
    with mesh.unchanged():
        result = writer("apply", "-f", manifest(MADE), "--yes").failed(3, "nothing was changed", hint="rbac")
    assert "takes a permission that you do not have; nothing was changed:\n  list mades.made.istio.io in" in result.err


def test_an_abort_may_delete_the_definition_that_its_operation_has_made(
    taken: Program,
    limited: Program,
    proxy: Proxy,
    tmp_path: Path,
    roles: Roles,
    mesh: Mesh,
    manifest: Callable[..., str],
) -> None:
    with existing(mesh, MADE):
        roles.give(taken("rbac", "--for", f"user:{USER}").done().out)
    through = limited.having(KUBECONFIG=str(proxy.kubeconfig(tmp_path / "limited.kubeconfig", USER)))
    killed_while_it_writes(through, proxy, "apply", "-f", manifest(MADE), "--yes", after=0)
    wait_for(lambda: mesh.get(MADE) is not None, "it is not made")
    lacking = Permission("delete", "apiextensions.k8s.io", "customresourcedefinitions")
    with roles.without(lacking):
        limited("abort", "--yes").failed(3, "nothing was changed", f"\n  {lacking}", hint="rbac")
    limited("abort", "--yes").done()
    wait_for(lambda: mesh.get(MADE) is None, "it is still there")


def test_each_verb_that_is_taken_away_is_missed(writer: Program, roles: Roles) -> None:
    """Of all types at once, one verb after another; by the server's word, which the commands go by."""
    for verb in sorted({permission.verb for permission in roles.permissions}):
        with roles.without(*(permission for permission in roles.permissions if permission.verb == verb)):
            among = {permission for permission in roles.permissions if permission.group in (RBAC, LEASES)}
            taken = {permission for permission in among if permission.verb == verb}
            assert taken
            assert roles.lacking(among) == taken


@pytest.fixture
def narrowed(taken: Program, mesh: Mesh) -> Iterator[str]:
    """A definition that allows more than in `friday`, where it matters whether anybody makes use of that."""
    name = "sidecars.networking.istio.io"
    metadata = {"name": name}
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata}
    before = mesh.get(body)
    assert before
    wider = json.loads(json.dumps(before["spec"]["versions"]))
    for version in wider:
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["later"] = {"type": "string"}
    mesh.patch(body, {"spec": {"versions": wider}})
    yield name
    mesh.patch(body, {"spec": {"versions": before["spec"]["versions"]}})


def test_a_definition_stays_where_nobody_may_look_at_its_objects(
    taken: Program, limited: Program, roles: Roles, narrowed: str
) -> None:
    excluded = ("--exclude-type", narrowed)
    roles.give(taken("rbac", *excluded, "--for", f"user:{USER}").done().out)
    back = ("rollback", "friday", "--dry-run", "-o", "json", *excluded)
    kept, restored = (_planned(program(*back), narrowed) for program in (limited, taken))
    assert kept["action"] == "keep"
    assert f"its objects cannot be read: user {USER!r} may not list {narrowed}" in kept["reason"]
    assert restored["action"] == "update"


def _planned(result: Result, name: str) -> Json:
    (change,) = (change for change in result.done().json["plan"]["changes"] if change["name"] == name)
    return dict(change)


def test_reading_asks_for_everything_that_is_granted(
    taken: Program, limited: Program, proxy: Proxy, tmp_path: Path, roles: Roles
) -> None:
    """Not one permission too many."""
    roles.give(taken("rbac", "--read-only", "--for", f"user:{USER}").done().out)
    through = limited.having(KUBECONFIG=str(proxy.kubeconfig(tmp_path / "limited.kubeconfig", USER)))
    through("snapshot").done()
    through("status").done()
    through("precheck").done(3)
    asked = {permission for seen in proxy.seen if (permission := permission_of(seen))}
    covering = {permission._replace(name=name) for permission in asked for name in {"", permission.name}}
    covering |= {permission._replace(namespace="") for permission in asked if permission.plural == "namespaces"}
    assert roles.permissions - covering == set()


def test_who_prints_for_whom(taken: Program, mesh: Mesh) -> None:
    with mesh.unchanged():
        bodies = taken("rbac", "-o", "json", "--for", "group:sre", "--for", "serviceaccount:ci:bot").done().json
    assert bodies["kind"] == "List"
    subjects = [body["subjects"] for body in bodies["items"] if "roleRef" in body]
    assert len(subjects) * 2 == len(bodies["items"])
    assert all([subject["name"] for subject in found] == ["sre", "bot"] for found in subjects)
    assert not {permission for permission in permissions_in(bodies["items"]) if "*" in permission}
    for wrong in ("jane", "user:", "serviceaccount:bot", "robot:x"):
        taken("rbac", "--for", wrong).failed(2, repr(wrong), hint="--for")


def test_without_a_store_and_with_a_snapshot(program: Program, template: Path, mesh: Mesh) -> None:
    """A snapshot's types are counted in: what was deleted with its definition can be brought back."""
    now = program("rbac", "-o", "json").done().json
    then = program("rbac", "friday", "--store", str(template), "-o", "json").done().json
    assert permissions_in(then["items"]) == permissions_in(now["items"])
    program("rbac", "friday").failed(6, "there is no store")
    elsewhere = permissions_in(program("rbac", "--root-namespace", "mesh", "-o", "json").done().json["items"])
    assert {permission.namespace for permission in elsewhere} == {"", "mesh", "kube-system"}
    left_out = program("rbac", "--exclude-type", "secrets", "-o", "json").done().json["items"]
    assert "secrets" not in {permission.plural for permission in permissions_in(left_out)}
