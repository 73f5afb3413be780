"""Manifests and backups: every object is found, and what is none is refused by file and document."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from kubectl_istio_upgrade.adapters.manifests import ManifestFiles
from kubectl_istio_upgrade.errors import BadManifestError, ExitCode
from kubectl_istio_upgrade.ports import ManifestDocument, ManifestReader

A = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: x}\n"
B = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: x}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(*paths: str) -> tuple[ManifestDocument, ...]:
    reader: ManifestReader = ManifestFiles()
    return reader.read(paths)


def found(*paths: str) -> list[tuple[str, str]]:
    return [(document.body["metadata"]["name"], document.where) for document in read(*paths)]


def test_documents_of_a_file(folder: Path) -> None:
    (folder / "f.yaml").write_text(f"---\n{A}---\n# nothing\n---\n{B}")

    assert found("f.yaml") == [("a", "f.yaml, document 1"), ("b", "f.yaml, document 3")]


def test_files_of_a_folder_but_not_of_its_folders(folder: Path) -> None:
    (folder / "d" / "sub").mkdir(parents=True)
    (folder / "d" / "2.yml").write_text(A)
    (folder / "d" / "1.json").write_text(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}))
    (folder / "d" / "3.txt").write_text("not this")
    (folder / "d" / "sub" / "4.yaml").write_text("nor: this")

    assert found("d") == [("s", "d/1.json, document 1"), ("a", "d/2.yml, document 1")]


def test_a_link_in_a_folder_that_leads_nowhere_is_not_passed_over(folder: Path) -> None:
    """As if it were not there, an object would be missing from what is applied."""
    (folder / "d").mkdir()
    (folder / "d" / "1.yaml").write_text(A)
    (folder / "d" / "2.yaml").symlink_to(folder / "gone.yaml")

    with pytest.raises(BadManifestError, match=r"cannot read d/2\.yaml: No such file or directory"):
        read("d")
    (folder / "gone.yaml").write_text(B)
    assert [name for name, _ in found("d")] == ["a", "b"]


def test_links_in_a_circle_end(folder: Path) -> None:
    (folder / "1.yaml").symlink_to(folder / "2.yaml")
    (folder / "2.yaml").symlink_to(folder / "1.yaml")

    for path in ("1.yaml", "."):
        with pytest.raises(BadManifestError, match=r"cannot read 1\.yaml: Too many levels of symbolic links"):
            read(path)


def test_an_empty_name_is_not_the_current_folder(folder: Path) -> None:
    (folder / "mesh.yaml").write_text(A)
    with pytest.raises(BadManifestError, match="the name of a manifest is empty"):
        read("")


def test_a_manifest_in_the_place_of_its_name_is_no_name(folder: Path) -> None:
    with pytest.raises(BadManifestError, match=r"cannot read .*: File name too long"):
        read(A * 100)


def test_many_json_documents_take_no_longer_each_than_one(folder: Path) -> None:
    """Their number must not count twice; that would be minutes here."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"long": "x" * 2_000}}
    bodies = ({**body, "metadata": {"name": f"map-{number}"}} for number in range(20_000))
    (folder / "f.json").write_text(" \n".join(map(json.dumps, bodies)) + "\n\n")

    started = time.monotonic()

    assert len(read("f.json")) == 20_000
    assert time.monotonic() - started < 20


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"\xef\xbb\xbf" + A.encode())))

    assert found("-") == [("a", "standard input, document 1")]


def test_lists_are_opened_and_their_items_typed(folder: Path) -> None:
    item = {"metadata": {"name": "c"}}
    typed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [item]}
    mixed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [typed, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}],
    }
    (folder / "l.json").write_text(
        json.dumps(mixed) + "\n" + json.dumps({"apiVersion": "v1", "kind": "PodList", "items": None})
    )

    documents = read("l.json")

    assert [document.where for document in documents] == [
        "l.json, document 1, item 1, item 1",
        "l.json, document 1, item 2",
    ]
    assert documents[0].body == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}


def test_json_is_json(folder: Path) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "data": {"on": "\U0001f680", "n": 1.0, "big": 2**63},
    }
    (folder / "f.json").write_text(json.dumps(body, indent="\t"))
    (folder / "flow.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: flow}}")

    (document,) = read("f.json")

    assert document.body["data"] == {"on": "\U0001f680", "n": 1, "big": float(2**63)}
    assert type(document.body["data"]["n"]) is int
    assert found("flow.yaml") == [("flow", "flow.yaml, document 1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no Kubernetes object in f.yaml"),
        ("# nothing\n---\n", "no Kubernetes object in f.yaml"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "no Kubernetes object in f.yaml"),
        ("a: [1\n", "f.yaml: not YAML: line 2, column 1: "),
        ("a: 1\na: 2\n", "f.yaml: not YAML: line 2, column 1: the key 'a' is there twice"),
        ('{"a": 1, "a": 2}', "f.yaml: not YAML: the key 'a' is there twice"),
        ('{"a":' * 5000, "f.yaml: not YAML: nested too deeply"),
        ('{"a": 1' + "0" * 5000 + "}", "f.yaml: not YAML: a number is too large"),
        ('{"a": NaN}', "f.yaml: not YAML: a number is too large"),
        ("- 1\n", "f.yaml, document 1: not a Kubernetes object but a list"),
        ("text\n", "f.yaml, document 1: not a Kubernetes object but a text"),
        ("kind: A\nmetadata: {name: a}\n", "f.yaml, document 1: no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "f.yaml, document 1: no kind"),
        ("apiVersion: v1\nkind: A\n", "f.yaml, document 1: A without metadata"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: ''}\n", "f.yaml, document 1: A without metadata.name"),
        ("apiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n", "f.yaml, document 1: A without metadata.name"),
        ("apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: [x]}\n", "metadata.namespace is not a string"),
        (
            "apiVersion: v1\nkind: List\nitems: [3]\n",
            "f.yaml, document 1, item 1: not a Kubernetes object but a number",
        ),
        ("apiVersion: v1\nkind: List\nitems: {a: b}\n", "f.yaml, document 1: items is not a list"),
    ],
)
def test_what_is_no_object_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "f.yaml").write_text(text)

    with pytest.raises(BadManifestError) as caught:
        read("f.yaml")

    assert message in caught.value.message
    assert caught.value.exit_code is ExitCode.USAGE


def test_what_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes(b"a: \xe9\n")
    (folder / "empty").mkdir()

    for path, message in (
        ("none.yaml", "cannot read none.yaml: No such file or directory"),
        ("latin.yaml", "latin.yaml: not UTF-8: byte 3"),
        ("empty", "no Kubernetes object in empty"),
    ):
        with pytest.raises(BadManifestError) as caught:
            read(path)
        assert caught.value.message == message


def test_one_object_twice_is_refused_naming_both_places(folder: Path) -> None:
    (folder / "1.yaml").write_text(A)
    (folder / "2.yaml").write_text(B + "---\n" + A)

    with pytest.raises(BadManifestError) as caught:
        read("1.yaml", "2.yaml")

    assert caught.value.message == "ConfigMap x/a is there twice: 1.yaml, document 1, and 2.yaml, document 2"


def test_two_versions_of_one_object_are_one_object(folder: Path) -> None:
    gateway = "kind: Gateway\nmetadata: {name: g}\n"
    (folder / "f.yaml").write_text(f"apiVersion: a.io/v1\n{gateway}---\napiVersion: a.io/v1beta1\n{gateway}")
    (folder / "g.yaml").write_text(f"apiVersion: a.io/v1\n{gateway}---\napiVersion: b.io/v1\n{gateway}")

    with pytest.raises(BadManifestError, match="Gateway g is there twice"):
        read("f.yaml")
    assert len(read("g.yaml")) == 2
