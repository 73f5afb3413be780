"""The comparison of the other tests can fail: it sees each kind of difference, and only those."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import comparison
from .comparison import Comparison, compare, dump, managers

VS, WEBHOOK, MAP = (
    "virtualservices.networking.istio.io a/x",
    f"validating{comparison.WEBHOOKS[1:]} /w",
    "configmaps a/m",
)


def objects() -> dict[str, Any]:
    return {
        VS: {
            "metadata": {
                "name": "x",
                "namespace": "a",
                "uid": "1",
                "resourceVersion": "7",
                "generation": 1,
                "managedFields": [
                    {"manager": "kubectl", "operation": "Apply", "time": "t1", "fieldsV1": {"f:spec": {}}},
                    {"manager": "istiod", "operation": "Update", "subresource": "status", "fieldsV1": {}},
                ],
            },
            "spec": {"http": [{"match": {}}, {"name": "second"}], "number": 1},
            "status": {"seen": 1},
        },
        WEBHOOK: {
            "metadata": {"name": "w", "uid": "2"},
            "webhooks": [{"name": "v", "failurePolicy": "Ignore", "clientConfig": {"caBundle": "x"}}],
        },
        MAP: {"metadata": {"name": "m", "namespace": "a", "uid": "3"}, "data": {"text": "a \nb", "empty": ""}},
    }


def changed(edit: Callable[[dict[str, Any]], None]) -> Comparison:
    after = copy.deepcopy(objects())
    edit(after)
    return compare(objects(), after)


def test_same_is_same() -> None:
    assert changed(lambda _: None) == Comparison()


@pytest.mark.parametrize(
    ("edit", "name", "path"),
    [
        (lambda o: o[VS]["spec"]["http"][0].pop("match"), VS, "spec.http[0].match"),
        (lambda o: o[VS]["spec"]["http"][0].update(match=None), VS, "spec.http[0].match"),
        (lambda o: o[VS]["spec"]["http"][0].update(match=[]), VS, "spec.http[0].match"),
        (lambda o: o[VS]["spec"]["http"].reverse(), VS, "spec.http[0].match"),
        (lambda o: o[VS]["spec"]["http"].pop(), VS, "spec.http"),
        (lambda o: o[VS]["spec"].update(number=True), VS, "spec.number"),
        (lambda o: o[VS]["spec"].update(number=1.0), VS, "spec.number"),
        (lambda o: o[VS]["metadata"].update(labels={}), VS, "metadata.labels"),
        (lambda o: o[VS]["metadata"]["managedFields"][0].update(manager="us"), VS, "metadata.managedFields[0].manager"),
        (lambda o: o[MAP]["data"].update(text="a\nb"), MAP, "data.text"),
        (lambda o: o[MAP]["data"].pop("empty"), MAP, "data.empty"),
        (lambda o: o[WEBHOOK]["webhooks"][0]["clientConfig"].update(url="x"), WEBHOOK, "webhooks[0].clientConfig.url"),
    ],
)
def test_changes_are_seen(edit: Callable[[dict[str, Any]], None], name: str, path: str) -> None:
    found = changed(edit)
    assert found.counts == (0, 0, 1, 0)
    assert path in found.changed[name]


@pytest.mark.parametrize(
    "edit",
    [
        lambda o: o[VS]["metadata"].update(resourceVersion="8", generation=2),
        lambda o: o[VS]["metadata"]["managedFields"][0].update(time="t2"),
        lambda o: o[VS]["metadata"]["managedFields"].pop(),
        lambda o: o[VS].pop("status"),
        lambda o: o[WEBHOOK]["webhooks"][0].update(failurePolicy="Fail", clientConfig={}),
    ],
)
def test_noise_is_not(edit: Callable[[dict[str, Any]], None]) -> None:
    assert changed(edit) == Comparison()


def test_objects_that_come_go_and_come_back_are_told_apart() -> None:
    before, after = objects(), objects()
    after["secrets a/new"] = after.pop(MAP)
    after[VS]["metadata"]["uid"] = "4"
    found = compare(before, after)
    assert found == Comparison(added=("secrets a/new",), removed=(MAP,), recreated=(VS,))


def test_owners_can_be_left_out_and_listed() -> None:
    before, after = objects(), objects()
    after[VS]["metadata"]["managedFields"][0]["manager"] = "us"
    assert compare(before, after, ownership=False) == Comparison()
    assert managers(after) == {"us", "istiod"}


def test_every_listable_type_is_read_once_in_its_preferred_version() -> None:
    served = {
        "/apis": {
            "groups": [
                {
                    "name": "g",
                    "preferredVersion": {"groupVersion": "g/v1"},
                    "versions": [{"groupVersion": "g/v1"}, {"groupVersion": "g/v1alpha3"}],
                }
            ]
        },
        "/api/v1": {
            "resources": [_type("secrets"), _type("pods"), _type("secrets/status"), _type("bindings", "create")]
        },
        "/apis/g/v1": {"resources": [_type("news")]},
        "/apis/g/v1alpha3": {"resources": [_type("news"), _type("olds")]},
        "/api/v1/secrets": {"items": [{"metadata": {"name": "s", "namespace": "n"}}]},
        "/apis/g/v1/news": {"items": [{"metadata": {"name": "a"}}]},
        "/apis/g/v1alpha3/olds": {"items": [{"metadata": {"name": "b"}}]},
    }
    assert dump(served.__getitem__).keys() == {"secrets n/s", "news.g /a", "olds.g /b"}


def test_nothing_of_the_product_is_in_it() -> None:
    tree = ast.parse(Path(comparison.__file__).read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules | names == {"__future__", "collections.abc", "dataclasses", "fnmatch", "typing"}


def _type(name: str, verb: str = "list") -> dict[str, Any]:
    return {"name": name, "verbs": [verb]}
