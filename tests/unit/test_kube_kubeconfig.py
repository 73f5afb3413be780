"""The kubeconfig as kubectl reads it: finding, merging, selecting, and each way to get it wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from urllib3 import ProxyManager

from kubectl_istio_upgrade.adapters.kube import kubeconfig
from kubectl_istio_upgrade.adapters.kube.connection import (
    ConnectionOptions,
    connect,
    is_loopback,
    parse_timeout,
)
from kubectl_istio_upgrade.adapters.kube.contexts import names
from kubectl_istio_upgrade.errors import UsageError


@pytest.fixture(autouse=True)
def _no_kubeconfig_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def write(path: Path, **content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **content}))
    return path


def context(name: str, cluster: str = "c", user: str = "u", **more: str) -> dict[str, Any]:
    return {"name": name, "context": {"cluster": cluster, "user": user, **more}}


def cluster(name: str = "c", server: str = "https://c.example", **more: Any) -> dict[str, Any]:
    return {"name": name, "cluster": {"server": server, **more}}


def user(called: str = "u", /, **more: Any) -> dict[str, Any]:
    return {"name": called, "user": more}


def test_the_flag_comes_before_the_variable_and_that_before_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "home/.kube/config", **{"current-context": "home"})
    assert names().current == "home"
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path / "variable", **{"current-context": "variable"})))
    assert names().current == "variable"
    flag = write(tmp_path / "flag", **{"current-context": "flag"})
    assert names(str(flag)).current == "flag"


def test_of_a_list_the_first_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(
        tmp_path / "1/config",
        **{"current-context": "a", "contexts": [context("a")], "clusters": [cluster(server="https://first")]},
    )
    second = write(
        tmp_path / "2/config",
        **{
            "current-context": "b",
            "contexts": [context("a", cluster="other"), context("b")],
            "clusters": [cluster(server="https://second", **{"tls-server-name": "kept out"})],
            "users": [user()],
        },
    )
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(first), str(tmp_path / "missing"), "", str(second)]))
    loaded = kubeconfig.load()
    assert loaded.files == (first, second)
    assert loaded.current == "a"
    assert loaded.select().cluster == {"server": "https://first"}
    assert names().contexts == ("a", "b")


def test_each_path_is_relative_to_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1/ca.pem", "2/me.pem", "2/me.key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    first = write(
        tmp_path / "1/config",
        **{
            "current-context": "a",
            "contexts": [context("a")],
            "clusters": [cluster(**{"certificate-authority": "ca.pem"})],
        },
    )
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login"}
    second = write(
        tmp_path / "2/config",
        users=[user("u", **{"client-certificate": "me.pem", "client-key": "me.key", "exec": plugin, "token": ""})],
    )
    monkeypatch.setenv("KUBECONFIG", f"{first}{os.pathsep}{second}")
    chosen = kubeconfig.load().select()
    assert chosen.cluster["certificate-authority"] == str(tmp_path / "1/ca.pem")
    assert chosen.user["client-certificate"] == str(tmp_path / "2/me.pem")
    assert chosen.user["client-key"] == str(tmp_path / "2/me.key")
    assert chosen.user["exec"]["command"] == str(tmp_path / "2/bin/login")
    assert "token" not in chosen.user


def test_cluster_and_user_override_the_contexts(tmp_path: Path) -> None:
    path = write(
        tmp_path / "config",
        contexts=[context("a", namespace="web")],
        clusters=[cluster(), cluster("d", "https://d")],
        users=[user(), user("v", token="t")],
    )
    chosen = kubeconfig.load(str(path)).select("a", "d", "v")
    assert (chosen.context, chosen.cluster["server"], chosen.user, chosen.namespace) == (
        "a",
        "https://d",
        {"token": "t"},
        "web",
    )
    assert kubeconfig.load(str(path)).select(cluster="d").context == "d"


def test_an_unknown_context_names_the_nearest_first(tmp_path: Path) -> None:
    path = write(tmp_path / "config", contexts=[context(n) for n in ("alpha", "prod-eu", "prod-us")])
    with pytest.raises(UsageError) as caught:
        connect(ConnectionOptions(kubeconfig=str(path), context="prod-ue"))
    assert caught.value.message == 'no context "prod-ue" in the kubeconfig'
    assert caught.value.hint in ("contexts: prod-eu, prod-us, alpha", "contexts: prod-us, prod-eu, alpha")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"contexts": [context("a")]}, "no context is selected in the kubeconfig"),
        ({"current-context": "a", "contexts": [context("a")]}, 'no cluster "c" in the kubeconfig'),
        (
            {"current-context": "a", "contexts": [context("a")], "clusters": [cluster()]},
            'no user "u" in the kubeconfig',
        ),
        ({"contexts": {"a": 1}}, "contexts is not a list|no kubeconfig"),
        ({"contexts": [{"context": {}}]}, "no name|no kubeconfig"),
        (
            {"current-context": "a", "contexts": [context("a", user="")], "clusters": [{"name": "c", "cluster": {}}]},
            'cluster "c" has no server address',
        ),
        (
            {
                "current-context": "a",
                "contexts": [context("a", user="")],
                "clusters": [cluster(**{"certificate-authority": "/nowhere/ca.pem"})],
            },
            "certificate-authority of cluster 'c': /nowhere/ca.pem does not exist",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_meant(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "config", **content)
    with pytest.raises(UsageError, match=message):
        connect(ConnectionOptions(kubeconfig=str(path)))


def test_no_kubeconfig_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no kubeconfig: .*home/.kube/config does not exist"):
        connect(ConnectionOptions())
    assert names().current == ""
    assert names().contexts == ()
    with pytest.raises(UsageError, match="nowhere does not exist"):
        connect(ConnectionOptions(kubeconfig="nowhere"))


def test_a_file_that_is_not_yaml_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("users:\n- token: hunter2\n  : [\n")
    with pytest.raises(UsageError) as caught:
        connect(ConnectionOptions(kubeconfig=str(path)))
    assert "not readable as YAML, line" in caught.value.message
    assert "hunter2" not in caught.value.message
    assert caught.value.__cause__ is None


def test_an_empty_file_is_an_empty_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    assert names(str(tmp_path / "config")).contexts == ()
    with pytest.raises(UsageError, match="is a directory"):
        names(str(tmp_path))


def test_inside_a_pod_without_a_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("pod-token\n")
    (tmp_path / "ca.crt").write_text("ca")
    (tmp_path / "namespace").write_text("ops")
    monkeypatch.setattr(kubeconfig, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(kubeconfig, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    transport = connect(ConnectionOptions())
    assert transport.site.server == "https://[fd00::1]:443"
    assert transport.site.namespace == "ops"
    assert transport._access.present().authorization == "Bearer pod-token"
    with pytest.raises(UsageError, match="no kubeconfig"):
        connect(ConnectionOptions(context="x"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", None),
        ("0s", None),
        ("30", 30.0),
        ("1s", 1.0),
        ("2m", 120.0),
        ("3h", 10800.0),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        ("250ms", 0.25),
    ],
)
def test_request_timeouts_as_in_kubectl(text: str, seconds: float | None) -> None:
    assert parse_timeout(text) == seconds


@pytest.mark.parametrize("text", ["", "1d", "-1s", "-1", "s", "1 s", "1.5", "1s2", "٣"])
def test_other_request_timeouts_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid --request-timeout"):
        parse_timeout(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://[::1]:6443/prefix", True),
        ("https://localhost:6443", True),
        ("https://10.0.0.1", False),
        ("https://api.example", False),
    ],
)
def test_is_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_proxies_as_in_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:p%40ss@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "d.example")
    path = write(
        tmp_path / "config",
        contexts=[context(n, n, "") for n in ("far", "near", "listed", "own")],
        clusters=[
            cluster("far", "https://far.example"),
            cluster("near", "https://127.0.0.1:6443"),
            cluster("listed", "https://d.example"),
            cluster("own", "https://d.example", **{"proxy-url": "http://own.example:1"}),
        ],
    )

    def proxy(name: str) -> str | None:
        pool = connect(ConnectionOptions(kubeconfig=str(path), context=name))._pool
        return str(pool.proxy) if pool.proxy else None

    assert (proxy("near"), proxy("listed")) == (None, None)
    assert proxy("own") == "http://own.example:1"
    far = connect(ConnectionOptions(kubeconfig=str(path), context="far"))
    assert isinstance(far._pool, ProxyManager)
    assert far._pool.proxy_headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("proxy", ["socks5://p.example", "ftp://p.example"])
def test_a_proxy_that_cannot_be_used(tmp_path: Path, proxy: str) -> None:
    path = write(
        tmp_path / "config",
        contexts=[context("a", user="")],
        clusters=[cluster(**{"proxy-url": proxy})],
    )
    with pytest.raises(UsageError, match=r"proxy"):
        connect(ConnectionOptions(kubeconfig=str(path), context="a"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "contexts:\n",
        "current-context: b\ncontexts: [{name: b, context: {cluster: c}}, {name: a, context: }]\n",
        "clusters: [{name: c, cluster: {}}]\nusers: [{name: 1, user: {}}, {name: u, user: {}}]\ncurrent-context:\n",
        "current-context: twice\ncurrent-context: other\n",
    ],
)
def test_the_names_alone_are_those_of_the_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    whole = kubeconfig.load(str(path))
    alone = names(str(path))
    assert alone.current == whole.current
    for section in ("contexts", "clusters", "users"):
        assert getattr(alone, section) == tuple(sorted(getattr(whole, section)))


@pytest.mark.parametrize(
    "text", ["contexts: [", "- x\n", "contexts: [x]\n", "contexts: {a: 1}\n", "users: [{name: }]\n"]
)
def test_what_is_no_kubeconfig_has_no_names_either(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError) as whole:
        kubeconfig.load(str(path))
    with pytest.raises(UsageError) as alone:
        names(str(path))
    assert alone.value.message == whole.value.message
