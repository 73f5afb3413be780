"""Who we are: tokens, credential plugins that fail and that rotate, impersonation."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.kube import plugin as plugin_module
from kubectl_istio_upgrade.adapters.kube.request import get_path
from kubectl_istio_upgrade.errors import UnauthorizedError, UsageError

from .kube_server import FakeServer, Reply, Seen, serving, status, transport_to, write_kubeconfig

EXEC_API = "client.authentication.k8s.io/v1"
PING = get_path("/version")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


def exec_user(tmp_path: Path, script: str, **more: Any) -> dict[str, Any]:
    """A user whose plugin is a shell script beside the kubeconfig."""
    path = tmp_path / "login"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": EXEC_API, "command": "./login", "interactiveMode": "Never", **more}}


def prints(**status_: str) -> str:
    credential = {"apiVersion": EXEC_API, "kind": "ExecCredential", "status": status_}
    return f"cat <<'END'\n{json.dumps(credential)}\nEND"


def authorization(server: FakeServer, path: Path, **options: Any) -> list[str]:
    transport_to(path, **options).send(PING)
    return server.seen[-1].header("Authorization")


def test_no_credentials_no_header(server: FakeServer, tmp_path: Path) -> None:
    assert authorization(server, write_kubeconfig(tmp_path / "config", server.url)) == []


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "abc\n"}, "Bearer abc"),
        ({"username": "me", "password": "secret"}, "Basic bWU6c2VjcmV0"),
        ({"token": "no", "tokenFile": "token"}, "Bearer from-file"),
    ],
)
def test_tokens_and_passwords(server: FakeServer, tmp_path: Path, user: dict[str, str], header: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert authorization(server, write_kubeconfig(tmp_path / "config", server.url, user)) == [header]


def test_a_token_file_is_read_again(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    transport = transport_to(write_kubeconfig(tmp_path / "config", server.url, {"tokenFile": "token"}))
    transport.send(PING)
    file.write_text("two")
    transport.send(PING)
    monkeypatch.setattr(plugin_module, "TOKEN_FILE_PERIOD", 0.0)
    transport.send(PING)
    file.unlink()
    transport.send(PING)
    assert [seen.header("Authorization") for seen in server.seen] == [
        ["Bearer one"],
        ["Bearer one"],
        ["Bearer two"],
        ["Bearer two"],
    ]


def test_a_rotated_token_file_is_noticed_at_once_when_the_old_token_is_refused(
    server: FakeServer, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    transport = transport_to(write_kubeconfig(tmp_path / "config", server.url, {"tokenFile": "token"}))
    server.script = accepts("Bearer two")
    with pytest.raises(UnauthorizedError):
        transport.send(PING)
    assert len(server.seen) == 1
    file.write_text("two")
    transport.send(PING)


def accepts(header: str) -> Any:
    def script(seen: Seen) -> Reply:
        return Reply() if seen.header("Authorization") == [header] else status(401, "Unauthorized", "Unauthorized")

    return script


def test_a_plugins_token_is_used_until_it_expires(server: FakeServer, tmp_path: Path) -> None:
    count = tmp_path / "count"
    for expiry, runs in (("2100-01-01T00:00:00Z", 1), ("2020-01-01T00:00:00Z", 3)):
        count.write_text("")
        user = exec_user(tmp_path, f"echo x >> {count}\n{prints(token='t', expirationTimestamp=expiry)}")
        transport = transport_to(write_kubeconfig(tmp_path / "config", server.url, user))
        transport.send(PING)
        transport.send(PING)
        assert server.seen[-1].header("Authorization") == ["Bearer t"]
        assert len(count.read_text().split()) == runs


def test_a_refused_plugin_token_is_renewed_once(server: FakeServer, tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("")
    body = json.dumps({"apiVersion": EXEC_API, "kind": "ExecCredential", "status": {"token": "t%s"}})
    user = exec_user(tmp_path, f"echo x >> {count}\nprintf '{body}' $(wc -l < {count})")
    transport = transport_to(write_kubeconfig(tmp_path / "config", server.url, user))
    server.script = accepts("Bearer t2")
    transport.send(PING)
    assert [seen.header("Authorization") for seen in server.seen] == [["Bearer t1"], ["Bearer t2"]]
    server.script = accepts("nobody")
    with pytest.raises(UnauthorizedError):
        transport.send(PING)
    assert len(count.read_text().split()) == 3


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'token hunter2 is bad' >&2; exit 3", "failed with exit code 3"),
        ("echo hunter2", "gave no valid ExecCredential"),
        (prints(clientCertificateData="hunter2"), "gave no valid ExecCredential"),
        (prints(token="hunter2", expirationTimestamp="soon"), "gave no valid ExecCredential"),
        ('echo \'{"apiVersion":"x/v1","kind":"ExecCredential","status":{}}\'', "gave no valid ExecCredential"),
    ],
)
def test_a_plugin_that_fails_ends_the_run_and_is_not_quoted(
    server: FakeServer, tmp_path: Path, script: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_kubeconfig(tmp_path / "config", server.url, exec_user(tmp_path, script))
    with pytest.raises(UnauthorizedError, match=message) as caught:
        transport_to(path)
    captured = capfd.readouterr()
    assert "hunter2" not in str(caught.value) + str(caught.value.hint) + captured.out
    assert captured.err == ("token hunter2 is bad\n" if ">&2" in script else ""), "what it says is its own affair"
    assert caught.value.hint == "see whether kubectl gets on with it: kubectl --context test get --raw /version"
    assert caught.value.__cause__ is None


def test_a_plugin_that_must_ask_is_not_run_without_a_terminal(server: FakeServer, tmp_path: Path) -> None:
    user = exec_user(tmp_path, f"touch {tmp_path / 'ran'}", interactiveMode="Always")
    with pytest.raises(UnauthorizedError, match="wants to ask at a terminal, and standard input is none") as caught:
        transport_to(write_kubeconfig(tmp_path / "config", server.url, user))
    assert "at a terminal" in str(caught.value.hint)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"command": ""}, 'credential plugin of user "test" has no command'),
        ({"apiVersion": None}, 'credential plugin of user "test" has no apiVersion'),
        ({"interactiveMode": "Sometimes"}, "interactiveMode 'Sometimes' of user \"test\" means nothing"),
    ],
)
def test_a_plugin_that_cannot_be_meant_is_the_kubeconfigs_fault(
    server: FakeServer, tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        transport_to(write_kubeconfig(tmp_path / "config", server.url, exec_user(tmp_path, "exit 1", **more)))


def test_a_plugin_gets_its_arguments_and_its_environment_over_ours(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILE", "ours")
    monkeypatch.setenv("REGION", "north")
    more = {"args": ["get-token", "a b"], "env": [{"name": "PROFILE", "value": "its"}]}
    script = f'echo "$#" "$2" "$PROFILE" "$REGION" > {tmp_path / "seen"}\n{prints(token="t")}'
    transport_to(write_kubeconfig(tmp_path / "config", server.url, exec_user(tmp_path, script, **more)))
    assert (tmp_path / "seen").read_text() == "2 a b its north\n"


def test_a_plugin_that_is_missing(server: FakeServer, tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": EXEC_API, "command": "no-such-login", "installHint": "get it at example.com"}}
    with pytest.raises(UnauthorizedError, match="credential plugin 'no-such-login' is not installed") as caught:
        transport_to(write_kubeconfig(tmp_path / "config", server.url, user))
    assert caught.value.hint == "get it at example.com"


def test_a_plugins_certificate_is_used_beside_its_token(tmp_path: Path) -> None:
    script = prints(token="t", clientCertificateData="CERTIFICATE", clientKeyData="KEY")
    path = write_kubeconfig(tmp_path / "config", "https://c.example", exec_user(tmp_path, script))
    transport = transport_to(path)
    configuration = transport._client.configuration
    assert Path(configuration.cert_file).read_text() == "CERTIFICATE"
    assert Path(configuration.key_file).read_text() == "KEY"
    assert stat.S_IMODE(Path(configuration.key_file).stat().st_mode) == 0o600
    assert transport._access.present().authorization == "Bearer t"


def test_a_plugin_is_told_the_cluster_with_the_authority_as_data(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("CA")
    seen = tmp_path / "info"
    user = exec_user(tmp_path, f'echo "$KUBERNETES_EXEC_INFO" > {seen}\n{prints(token="t")}', provideClusterInfo=True)
    extension = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}]
    path = write_kubeconfig(
        tmp_path / "config", server.url, user, **{"certificate-authority": "ca.pem", "extensions": extension}
    )
    transport_to(path)
    cluster = json.loads(seen.read_text())["spec"]["cluster"]
    assert cluster["server"] == server.url
    assert cluster["certificate-authority-data"] == "Q0E="
    assert cluster["config"] == {"audience": "x"}
    assert "extensions" not in cluster


def test_an_auth_provider_without_a_token_is_no_anonymous_login(server: FakeServer, tmp_path: Path) -> None:
    user = {"auth-provider": {"name": "azure", "config": {}}}
    with pytest.raises(UnauthorizedError, match="the auth provider gave no token"):
        transport_to(write_kubeconfig(tmp_path / "config", server.url, user))


def test_an_oidc_token_that_is_still_valid_is_used(server: FakeServer, tmp_path: Path) -> None:
    jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.x"  # {"exp": 2100-01-01}
    user = {"auth-provider": {"name": "oidc", "config": {"id-token": jwt}}}
    assert authorization(server, write_kubeconfig(tmp_path / "config", server.url, user)) == [f"Bearer {jwt}"]


def test_a_refreshed_oidc_token_is_written_back(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a provider that rotates refresh tokens would leave the user with one that no longer works."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    server.route(
        {
            "/.well-known/openid-configuration": Reply(body={"token_endpoint": f"{server.url}/token"}),
            "/token": Reply(
                body={"id_token": "new", "refresh_token": "r2", "access_token": "a", "token_type": "bearer"},
                headers={"Content-Type": "application/json"},
            ),
        }
    )
    expired = "eyJhbGciOiJub25lIn0.eyJleHAiOjE1Nzc4MzY4MDB9.x"  # {"exp": 2020-01-01}
    config = {"id-token": expired, "refresh-token": "r1", "client-id": "c", "client-secret": "s"}
    user = {"auth-provider": {"name": "oidc", "config": {**config, "idp-issuer-url": server.url}}}
    path = write_kubeconfig(tmp_path / "config", server.url, user)
    assert transport_to(path)._access.present().authorization == "Bearer new"
    assert "refresh-token: r2" in path.read_text()


def test_impersonation_of_the_options_and_of_the_kubeconfig(server: FakeServer, tmp_path: Path) -> None:
    user = {
        "as": "from-config",
        "as-groups": ["a", "b"],
        "as-uid": "1",
        "as-user-extra": {"Example.com/scope": ["x", "y"]},
    }
    path = write_kubeconfig(tmp_path / "config", server.url, user)
    transport_to(path).send(PING)
    seen = server.seen[-1]
    assert seen.header("Impersonate-User") == ["from-config"]
    assert seen.header("Impersonate-Group") == ["a", "b"]
    assert seen.header("Impersonate-Uid") == ["1"]
    assert seen.header("Impersonate-Extra-example.com%2Fscope") == ["x", "y"]
    transport_to(path, as_user="jané", as_groups=("c",)).send(PING)
    seen = server.seen[-1]
    assert [value.encode("latin-1").decode() for value in seen.header("Impersonate-User")] == ["jané"]
    assert seen.header("Impersonate-Group") == ["c"]


@pytest.mark.parametrize("text", ["jane\nadmin", "jane\r\nImpersonate-Group: system:masters", "\udcff", "\x00", "\x7f"])
def test_what_no_header_can_hold_is_not_impersonated(server: FakeServer, tmp_path: Path, text: str) -> None:
    config = write_kubeconfig(tmp_path / "config", server.url)
    for options in ({"as_user": text}, {"as_user": "jane", "as_groups": (text,)}):
        with pytest.raises(UsageError, match=r"cannot be impersonated: no Impersonate-(User|Group) header can hold it"):
            transport_to(config, **options)
    assert server.seen == []


@pytest.mark.parametrize("token", ["two\nlines", "naïve", "\x01"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_quoted(
    server: FakeServer, tmp_path: Path, token: str
) -> None:
    (tmp_path / "token").write_text(token)
    for user in ({"token": token}, {"tokenFile": "token"}, exec_user(tmp_path, prints(token=token))):
        transport = transport_to(write_kubeconfig(tmp_path / "config", server.url, user))
        with pytest.raises(UnauthorizedError, match="the token has characters in it that cannot be sent") as caught:
            transport.send(PING)
        assert token not in str(caught.value)
    assert server.seen == []


def test_a_group_without_a_user_is_refused(server: FakeServer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be impersonated without a user"):
        transport_to(write_kubeconfig(tmp_path / "config", server.url), as_groups=("system:masters",))
