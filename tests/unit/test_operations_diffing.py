"""Two states whose digests are of different keys: what they tell apart, and what they cannot."""

from __future__ import annotations

from dataclasses import replace

from kubectl_istio_upgrade.diff.paths import dotted
from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.models.changes import Comparison
from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.operations.diffing import between_keys

from .builders import obj, state

ONE, OTHER = f"hmac-sha256:{'1' * 64}", f"hmac-sha256:{'2' * 64}"
SECRETS = "secrets (taken with different digest keys)"


def between(before: MeshObject, after: MeshObject) -> Comparison:
    same = obj("ConfigMap", "istio-system/same")
    return between_keys(compare(state(before, same, label="before"), state(after, same)))


def tokens(digest: str, version: str = "1", **more: str) -> MeshObject:
    text = f"header: {digest}\nfooter: none\n"
    return obj("ConfigMap", "istio-system/tokens", version=version, data={"token": digest, "text": text, **more})


UNKNOWN = "configmaps istio-system/tokens: its withheld values (taken with different digest keys)"


def test_what_nothing_but_digests_tells_apart_is_neither_different_nor_the_same() -> None:
    comparison = between(tokens(ONE), tokens(OTHER, "2"))
    assert comparison.diffs == ()
    assert comparison.same == 1
    assert comparison.not_compared == (SECRETS, UNKNOWN)


def test_what_else_differs_is_told_without_the_digests() -> None:
    managed = ({"manager": "kubectl-edit", "fieldsV1": {"f:data": {"f:other": {}, "f:token": {}}}},)
    after = tokens(OTHER, "2", other="b")
    after = replace(after, server=replace(after.server, managed_fields=managed))
    comparison = between(tokens(ONE, other="a"), after)
    (diff,) = comparison.diffs
    assert [dotted(field.path) for field in diff.fields] == ["data.other"]
    assert [author.paths for author in diff.authors] == [("data.other",)]
    assert OTHER not in str((diff.view_after, diff.fields))
    assert comparison.not_compared == (SECRETS, UNKNOWN)


def test_a_text_that_changes_around_a_digest_is_a_difference() -> None:
    before, after = (
        obj("EnvoyFilter", "shop/a", version=digest[-1], spec={"lua": f"-- {words}\nlocal key = '{digest}'\n"})
        for digest, words in ((ONE, "then"), (OTHER, "now"))
    )
    comparison = between(before, after)
    assert [dotted(field.path) for diff in comparison.diffs for field in diff.fields] == ["spec.lua"]
    assert len(comparison.not_compared) == 2


def test_objects_without_withheld_values_are_compared_as_ever() -> None:
    before, after = (obj("VirtualService", "shop/a", version=v, spec={"hosts": [v], "x": None}) for v in "12")
    comparison = between(before, after)
    assert [dotted(field.path) for diff in comparison.diffs for field in diff.fields] == ["spec.hosts[0]"]
    assert comparison.not_compared == (SECRETS,)


def test_a_field_that_is_null_is_no_digest() -> None:
    before = obj("VirtualService", "shop/a", spec={})
    after = obj("VirtualService", "shop/a", version="2", spec={"tls": None})
    assert [dotted(field.path) for diff in between(before, after).diffs for field in diff.fields] == ["spec.tls"]
