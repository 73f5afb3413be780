"""The format as specified: the schema, the example, and what the store really writes, agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_istio_upgrade.adapters.store import GitStore, codec, layout
from kubectl_istio_upgrade.adapters.store.codec import managers_bytes, read_managers, read_versions, server_of
from kubectl_istio_upgrade.adapters.yamlio import load
from kubectl_istio_upgrade.canonical import to_yaml
from kubectl_istio_upgrade.models.objects import Key, MeshObject, NotCaptured, ResourceType, ServerFields, Version
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotDraft, SnapshotMeta, WorkloadProxy
from tests.unit.json_values import mappings, texts

from .meshes import draft, small_mesh

FORMAT = Path(__file__).parents[2] / "snapshots"
EXAMPLE = FORMAT / "example"
SCHEMA = json.loads((FORMAT / "schema.json").read_text())


def example_files() -> dict[str, bytes]:
    return {str(file.relative_to(EXAMPLE)): file.read_bytes() for file in EXAMPLE.rglob("*") if file.is_file()}


def kind_of(path: str) -> str:
    """Which of the schema's definitions a file follows."""
    kinds = {
        layout.SNAPSHOT: "snapshot",
        layout.TYPES: "types",
        layout.WORKLOADS: "workloads",
        layout.OPERATION: "operation",
        "managers": "managers",
        "sealed": "sealed",
        "objects": "object",
    }
    return kinds.get(path) or kinds[path.split("/")[0]]


def check(path: str, content: bytes) -> None:
    """Raises ValidationError for a file that is not as the schema says."""
    value = json.loads(content) if path.endswith(".json") else load(content)
    jsonschema.validate(value, {"$ref": f"#/$defs/{kind_of(path)}", "$defs": SCHEMA["$defs"]})


def files_of(git: Callable[..., str], commit: str) -> dict[str, bytes]:
    paths = git("ls-tree", "-r", "--name-only", commit).splitlines()
    return {path: git("show", f"{commit}:{path}").encode() for path in paths}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted(example_files()))
def test_the_example_follows_the_schema_and_is_canonical(path: str) -> None:
    content = example_files()[path]

    check(path, content)
    if path.endswith(".yaml"):
        assert to_yaml(load(content)).encode() == content


def test_every_written_file_follows_the_schema(store: GitStore, git: Callable[..., str]) -> None:
    workloads = (WorkloadProxy("shop", "Deployment", "app", ("proxyv2:1.28.3",), ("default",), ("ab12",), 3),)
    first = draft(
        small_mesh(),
        operation={"id": "1", "kind": "upgrade"},
        not_captured=(NotCaptured("telemetries.telemetry.istio.io", "asked"),),
    )

    info = store.commit("prod-1", SnapshotDraft(first.meta, first.objects, workloads))

    for path, content in files_of(git, info.commit).items():
        check(path, content)


def test_the_example_is_what_the_store_writes(
    store: GitStore, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte: a change of the format does not go unnoticed."""
    files = example_files()
    monkeypatch.setattr(codec, "__version__", load(files[layout.SNAPSHOT])["program"])
    info = store.commit("prod-5d0c1f7e", _example_draft(files))

    assert files_of(git, info.commit) == files


def test_the_store_reads_back_what_it_wrote(store: GitStore) -> None:
    example = _example_draft(example_files())
    written = store.commit("prod-5d0c1f7e", example)

    info = store.resolve("prod-5d0c1f7e", "latest")

    assert info.meta == written.meta
    assert store.state(info).load(example.objects) == dict(example.objects)
    assert store.state(info).types == example.meta.types
    assert store.state(info).not_captured == example.meta.not_captured
    assert store.workloads(info) == example.workloads


def test_a_snapshot_without_a_scope_was_taken_with_the_first() -> None:
    header: Any = load(example_files()[layout.SNAPSHOT])
    del header["scope"]

    assert codec.read_meta(header, (), None).scope_version == 1


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("istio", "istio.yaml"),
        ("a.b_c-D", "a.b_c-D.yaml"),
        ("system:node", "system%3Anode.yaml"),
        (".", "%2E.yaml"),
        ("..", "%2E%2E.yaml"),
        (".git", "%2Egit.yaml"),
        ("a.", "a%2E.yaml"),
        ("a~1", "a%7E1.yaml"),
        ("a%2F", "a%252F.yaml"),
        ("_cluster", "_cluster.yaml"),
        ("é\n", "%C3%A9%0A.yaml"),
    ],
)
def test_names_in_paths(name: str, file: str) -> None:
    key = Key("", "configmaps", "", name)

    assert layout.object_path(key) == f"objects/core/configmaps/_cluster/{file}"


@pytest.mark.parametrize("group", [layout.Group("", "configmaps", "x"), layout.Group("a.io", "as", "")])
def test_groups_and_their_paths(group: layout.Group) -> None:
    assert layout.group_at(layout.managers_path(group)) == group


def _example_draft(files: dict[str, bytes]) -> SnapshotDraft:
    header: Any = load(files[layout.SNAPSHOT])
    types = tuple(
        ResourceType(
            group=type_["group"],
            version=type_["version"],
            kind=type_["kind"],
            plural=type_["plural"],
            namespaced=type_["namespaced"],
            verbs=frozenset(type_["verbs"]),
            singular=type_["singular"],
            short_names=tuple(type_["shortNames"]),
        )
        for type_ in load(files[layout.TYPES])["types"]
    )
    meta = SnapshotMeta(
        purpose=Purpose.AFTER,
        cluster=ClusterIdentity("5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11", "prod", "v1.34.4"),
        created=datetime(2026, 11, 23, 8, 4, 31, tzinfo=UTC),
        message=header["message"],
        resource_version=header["resourceVersion"],
        istio_versions=tuple(header["istioVersions"]),
        types=types,
        not_captured=tuple(NotCaptured(**entry) for entry in header["notCaptured"]),
        counts=header["counts"],
        secret_key_id=header["secretKeyId"],
        ca_fingerprints={name: tuple(prints) for name, prints in header["caFingerprints"].items()},
        scope_version=header["scope"],
        operation=load(files[layout.OPERATION]),
    )
    (proxy,) = load(files[layout.WORKLOADS])["workloads"]
    lists = {name: tuple(proxy[name]) for name in ("images", "revisions", "templates")}
    return SnapshotDraft(meta, _example_objects(files), (WorkloadProxy(**{**proxy, **lists}),))


def _example_objects(files: dict[str, bytes]) -> dict[Key, MeshObject]:
    objects = {}
    for path in files:
        if path.startswith(layout.MANAGERS):
            group = layout.group_at(path)
            for name, entry in read_managers(files[path]).items():
                key = Key(*group, name)
                objects[key] = MeshObject(key, load(files[layout.object_path(key)]), server_of(entry))
    return objects


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
servers = st.builds(
    ServerFields,
    uid=st.one_of(st.just(""), st.uuids().map(str), texts),
    resource_version=st.one_of(st.just(""), st.integers(0, 2**63).map(str), texts),
    generation=st.one_of(st.none(), st.integers(0, 9)),
    managed_fields=st.lists(mappings, max_size=2).map(tuple),
)


@given(st.dictionaries(names, servers, max_size=4))
@example({"a": ServerFields("u", "1", managed_fields=({"x": {"resourceVersion": "2", "uid": "v"}},))})
@example({"a": ServerFields("", "1", managed_fields=({"resourceVersion": "2", "uid": "v"},))})
@example({"a": ServerFields("u", "1"), "b": ServerFields("v", "")})
def test_versions_are_found_in_a_managers_file_as_if_it_were_parsed(entries: dict[str, ServerFields]) -> None:
    assert read_versions(managers_bytes(entries)) == {name: fields.version for name, fields in entries.items()}


@pytest.mark.parametrize(
    "data", [b"", b"[]\n", b"{\n", b'{\n"a":{"resourceVersion":"1","uid":"u"}\n', b'{\n"a":1\n}\n'], ids=repr
)
def test_a_damaged_managers_file_has_no_versions(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_versions(data)


def test_versions_are_found_however_the_file_is_written() -> None:
    written = json.dumps({"a": {"uid": "u", "resourceVersion": "1"}, "b": {}}, indent=1).encode()
    assert read_versions(written) == {"a": Version("u", "1"), "b": None}
