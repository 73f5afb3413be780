"""What `diff` prints, to the letter: in full, with other context lines, by `--stat`, with what is ignored."""

from __future__ import annotations

import io

import pytest

from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.models.changes import Comparison
from kubectl_istio_upgrade.models.objects import Body, MemoryState
from kubectl_istio_upgrade.render.differences import DiffView, comparison_data, print_comparison
from kubectl_istio_upgrade.render.terminal import Color, Terminal

from .builders import obj, state

MESH = """\
accessLogFile: /dev/stdout
defaultConfig:
  discoveryAddress: istiod:15012
  tracing: {}
enableAutoMtls: true
rootNamespace: istio-system
trustDomain: cluster.local
"""
JANE: Body = {
    "manager": "jane",
    "operation": "Apply",
    "time": "2026-11-23T08:00:00Z",
    "fieldsV1": {"f:spec": {"f:hosts": {}}},
}


def before() -> MemoryState:
    return state(
        obj("ConfigMap", "istio-system/istio", data={"mesh": MESH}),
        obj("DestinationRule", "shop/reviews", spec={"host": "reviews"}),
        obj("VirtualService", "shop/reviews", spec={"hosts": ["reviews"]}),
        obj("Deployment", "istio-system/istiod", spec={"replicas": 1}, status={"replicas": 1}),
        obj("Service", "istio-system/istiod", spec={"clusterIP": "10.0.0.1", "ports": [{"port": 443}]}),
        label="snapshot 3f2a91c",
        without=["sidecars.networking.istio.io"],
    )


def after() -> MemoryState:
    mesh = MESH.replace("trustDomain: cluster.local", "trustDomain: example.com")
    revised = {"deployment.kubernetes.io/revision": "2"}
    return state(
        obj("ConfigMap", "istio-system/istio", version="2", data={"mesh": mesh}),
        obj("AuthorizationPolicy", "shop/lock", version="2", managed=[JANE], spec={"rules": [{}]}),
        obj("VirtualService", "shop/reviews", version="2", managed=[JANE], spec={"hosts": ["reviews", "v2"]}),
        obj(
            "Deployment",
            "istio-system/istiod",
            version="2",
            annotations=revised,
            spec={"replicas": 1},
            status={"replicas": 2},
        ),
        obj("Service", "istio-system/istiod", version="2", spec={"clusterIP": "10.0.0.9", "ports": [{"port": 443}]}),
    )


def printed(view: DiffView, comparison: Comparison | None = None, color: Color = Color.AUTO) -> str:
    stream = io.StringIO()
    print_comparison(Terminal(stream, color), comparison or compare(before(), after()), view)
    return stream.getvalue()


CHANGED = """\
# root namespace
~ ConfigMap istio-system/istio: changed
--- snapshot 3f2a91c
+++ live
@@ -7,7 +7,7 @@
       tracing: {}
     enableAutoMtls: true
     rootNamespace: istio-system
-    trustDomain: cluster.local
+    trustDomain: example.com
 kind: ConfigMap
 metadata:
   name: istio

# traffic
"""
REMOVED = """\
- DestinationRule shop/reviews: removed
--- snapshot 3f2a91c
+++ /dev/null
@@ -1,7 +0,0 @@
-apiVersion: networking.istio.io/v1
-kind: DestinationRule
-metadata:
-  name: reviews
-  namespace: shop
-spec:
-  host: reviews

"""
ATTRIBUTED = """\
~ VirtualService shop/reviews: changed
  by jane at 2026-11-23T08:00:00Z: spec.hosts[1]
--- snapshot 3f2a91c
+++ live
@@ -6,3 +6,4 @@
 spec:
   hosts:
   - reviews
+  - v2

# security
"""
ADDED = """\
+ AuthorizationPolicy shop/lock: added
  by jane at 2026-11-23T08:00:00Z
--- /dev/null
+++ live
@@ -0,0 +1,8 @@
+apiVersion: security.istio.io/v1
+kind: AuthorizationPolicy
+metadata:
+  name: lock
+  namespace: shop
+spec:
+  rules:
+  - {}

"""
IGNORED = """\
ignored: services istio-system/istiod: spec.clusterIP [cluster-ip: immutable while the service lives]
ignored: deployments.apps istio-system/istiod: status [status: what is, not what should be]
ignored: deployments.apps istio-system/istiod: metadata.annotations.deployment.kubernetes.io/revision \
[deployment-revision: counts rollouts]
"""
TOTALS = """\
not compared: sidecars.networking.istio.io
between snapshot 3f2a91c and live: 1 added, 1 removed, 2 changed; 2 the same
"""


def test_in_full() -> None:
    assert printed(DiffView()) == CHANGED + REMOVED + ATTRIBUTED + ADDED + TOTALS


def test_with_one_line_around_a_change() -> None:
    """What came or went as a whole is shown as a whole."""
    changed = """\
# root namespace
~ ConfigMap istio-system/istio: changed
--- snapshot 3f2a91c
+++ live
@@ -9,3 +9,3 @@
     rootNamespace: istio-system
-    trustDomain: cluster.local
+    trustDomain: example.com
 kind: ConfigMap

# traffic
"""
    attributed = ATTRIBUTED.replace("@@ -6,3 +6,4 @@\n spec:\n   hosts:\n", "@@ -8 +8,2 @@\n")
    assert printed(DiffView(context_lines=1)) == changed + REMOVED + attributed + ADDED + TOTALS


def test_with_nothing_around_a_change() -> None:
    """The numbers of the lines tell where it is."""
    changed = """\
# root namespace
~ ConfigMap istio-system/istio: changed
--- snapshot 3f2a91c
+++ live
@@ -10 +10 @@
-    trustDomain: cluster.local
+    trustDomain: example.com

# traffic
"""
    attributed = ATTRIBUTED.replace("@@ -6,3 +6,4 @@\n spec:\n   hosts:\n   - reviews\n", "@@ -8,0 +9 @@\n")
    assert printed(DiffView(context_lines=0)) == changed + REMOVED + attributed + ADDED + TOTALS


def test_with_more_lines_than_there_are() -> None:
    text = printed(DiffView(context_lines=10**12))
    assert "@@ -1,14 +1,14 @@\n apiVersion: v1\n data:\n   mesh: |\n     accessLogFile: /dev/stdout\n" in text
    assert text.endswith(ADDED + TOTALS)


STAT = """\
# root namespace
 ~ ConfigMap istio-system/istio | +1 -1
# traffic
 - DestinationRule shop/reviews | +0 -7
 ~ VirtualService shop/reviews | +1 -0
# security
 + AuthorizationPolicy shop/lock | +8 -0
"""


def test_in_a_line_for_each_object() -> None:
    assert printed(DiffView(stat=True)) == STAT + TOTALS
    assert printed(DiffView(stat=True, context_lines=9)) == STAT + TOTALS, "lines around a change are none of it"


@pytest.mark.parametrize("stat", [True, False])
def test_with_what_is_ignored_and_by_which_rule(stat: bool) -> None:
    differences = STAT if stat else CHANGED + REMOVED + ATTRIBUTED + ADDED
    assert printed(DiffView(stat=stat, show_ignored=True)) == differences + IGNORED + TOTALS


def test_only_ignored_differences_are_none() -> None:
    """They are shown when asked for, and the answer is the same."""

    def service(address: str, version: str) -> MemoryState:
        spec = {"clusterIP": address, "ports": [{"port": 443}]}
        return state(obj("Service", "istio-system/istiod", version=version, spec=spec), label=f"snapshot {version}")

    comparison = compare(service("10.0.0.1", "1"), service("10.0.0.9", "2"))
    none = "no differences between snapshot 1 and snapshot 2: 1 object the same\n"
    assert printed(DiffView(), comparison) == none
    assert printed(DiffView(show_ignored=True), comparison) == IGNORED.splitlines(keepends=True)[0] + none
    data = comparison_data(comparison, show_ignored=True)
    assert (data["different"], data["objects"]) == (False, [])
    (ignored,) = data["ignored"]
    assert ignored == {
        "object": "services istio-system/istiod",
        "path": "spec.clusterIP",
        "rule": "cluster-ip",
        "why": "immutable while the service lives",
    }
    assert "ignored" not in comparison_data(comparison, show_ignored=False)


def test_colours_mark_lines_and_carry_nothing() -> None:
    coloured = printed(DiffView(context_lines=0), color=Color.ALWAYS).splitlines()
    plain = printed(DiffView(context_lines=0)).splitlines()
    styles = {"-": "\x1b[31m", "+": "\x1b[32m", "@": "\x1b[36m", "#": "\x1b[1m"}
    for line, bare in zip(coloured, plain, strict=True):
        is_title = bare.endswith((": changed", ": added", ": removed"))
        is_name = bare.startswith(("--- ", "+++ "))
        style = "" if is_name else "\x1b[1m" if is_title else styles.get(bare[:1], "")
        assert line == (f"{style}{bare}\x1b[0m" if style else bare)
