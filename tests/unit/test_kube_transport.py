"""What becomes of answers that are not success, on a real socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_istio_upgrade import __version__
from kubectl_istio_upgrade.adapters.kube.request import Request
from kubectl_istio_upgrade.adapters.kube.retry import RetryPolicy, Trouble, parse_retry_after
from kubectl_istio_upgrade.adapters.kube.transport import Transport, parse_warnings
from kubectl_istio_upgrade.errors import (
    ApiError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
)

from .kube_server import FAST, FakeServer, Reply, serving, status, transport_to, write_kubeconfig

LIST = Request("GET", "/api/v1/configmaps", "list", "configmaps")
WRITE = Request("PUT", "/api/v1/namespaces/n/configmaps/c", "update", "configmaps", "n", "c", body=b"{}")
SECRET = Request("PUT", "/api/v1/namespaces/n/secrets/s", "update", "secrets", "n", "s", body=b"{}")
THROTTLED = Reply(429, status(429, "TooManyRequests", "later").body, {"Retry-After": "0"})
FINE = Reply(200, {"kind": "List", "items": []})


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as fake:
        yield fake


@pytest.fixture
def transport(server: FakeServer, tmp_path: Path) -> Iterator[Transport]:
    opened = transport_to(write_kubeconfig(tmp_path / "config", server.url, {"token": "t0ken"}))
    yield opened
    opened.close()


def test_success_is_parsed_and_says_who_asks(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(200, {"items": [{"a": 1.5}]}, {"Warning": '299 - "old \\"thing\\""'}))
    answer = transport.send(LIST)
    assert answer.body == {"items": [{"a": 1.5}]}
    assert answer.warnings == ('old "thing"',)
    [seen] = server.seen
    assert seen.header("User-Agent") == [f"kubectl-istio_upgrade/{__version__}"]
    assert seen.header("Authorization") == ["Bearer t0ken"]
    assert seen.header("Accept") == ["application/json"]


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", InvalidError),
        (401, "Unauthorized", UnauthorizedError),
        (403, "Forbidden", ForbiddenError),
        (404, "NotFound", NotFoundError),
        (405, "MethodNotAllowed", ApiError),
        (409, "Conflict", ConflictError),
        (410, "Expired", ExpiredError),
        (413, "RequestEntityTooLarge", InvalidError),
        (422, "Invalid", InvalidError),
        (500, "InternalError", ApiError),
    ],
)
def test_each_status_is_one_class_and_is_asked_once(
    server: FakeServer, transport: Transport, code: int, reason: str, kind: type[Exception]
) -> None:
    server.answer(status(code, reason, "because"))
    with pytest.raises(kind) as caught:
        transport.send(LIST)
    assert type(caught.value) is kind
    assert len(server.seen) == 1


def test_what_the_server_would_not_read_to_its_end_is_not_sent(server: FakeServer, transport: Transport) -> None:
    """It answers 413 and breaks off while we still send, and what arrives of that is a broken connection."""
    server.answer(FINE)
    transport.send(replace(WRITE, body=b"x" * (3 << 20)))
    with pytest.raises(InvalidError) as caught:
        transport.send(replace(WRITE, body=b"x" * (50 << 20)))
    assert caught.value.message == "configmaps n/c: 50.0 MiB, and the API server takes 3 at most"
    assert len(server.seen) == 1


def test_unauthorized_says_how_to_check(server: FakeServer, transport: Transport) -> None:
    server.answer(status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(UnauthorizedError) as caught:
        transport.send(LIST)
    assert "'test'" in caught.value.message
    assert "kubectl auth whoami --kubeconfig=" in (caught.value.hint or "")


def test_forbidden_in_the_servers_own_words(server: FakeServer, transport: Transport) -> None:
    message = (
        'virtualservices.networking.istio.io is forbidden: User "jane" cannot list resource "virtualservices" '
        'in API group "networking.istio.io" in the namespace "prod"'
    )
    server.answer(status(403, "Forbidden", message))
    with pytest.raises(ForbiddenError) as caught:
        transport.send(LIST)
    assert caught.value.message == "user 'jane' may not list virtualservices.networking.istio.io in namespace prod"
    assert (caught.value.hint or "").startswith("kubectl auth can-i list virtualservices.networking.istio.io -n prod")


def test_forbidden_to_impersonate_is_not_forbidden_to_list(server: FakeServer, transport: Transport) -> None:
    message = (
        'users "x" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    server.answer(status(403, "Forbidden", message))
    with pytest.raises(ForbiddenError, match="user 'jane' may not impersonate users in the whole cluster"):
        transport.send(LIST)


def test_a_namespace_that_is_forbidden_is_not_said_to_be_in_itself(server: FakeServer, transport: Transport) -> None:
    message = (
        'namespaces "kube-system" is forbidden: User "jane" cannot get resource "namespaces" in API group "" '
        'in the namespace "kube-system"'
    )
    server.answer(status(403, "Forbidden", message))
    with pytest.raises(ForbiddenError) as caught:
        transport.send(Request("GET", "/x", "get", "namespaces", "", "kube-system"))
    assert caught.value.message == "user 'jane' may not get namespaces/kube-system"
    assert (caught.value.hint or "").startswith("kubectl auth can-i get namespaces/kube-system --kubeconfig")


@pytest.mark.parametrize(
    ("plural", "body", "verb"),
    [
        ("clusterroles", b"{}", "escalate clusterroles.rbac.authorization.k8s.io"),
        ("clusterrolebindings", b'{"roleRef": {"kind": "ClusterRole"}}', "bind clusterroles.rbac"),
        ("rolebindings", b'{"roleRef": {"kind": "Role"}}', "bind roles.rbac"),
        ("rolebindings", b"[]", "bind clusterroles.rbac"),
    ],
)
def test_who_may_not_grant_what_they_lack_is_told_the_verb(
    server: FakeServer, transport: Transport, plural: str, body: bytes, verb: str
) -> None:
    message = f'{plural} "x" is forbidden: user "j" is attempting to grant RBAC permissions not currently held:\n{{}}'
    server.answer(status(403, "Forbidden", message))
    request = Request("PUT", "/x", "update", f"{plural}.rbac.authorization.k8s.io", "", "x", body=body)
    with pytest.raises(InvalidError, match=f"you may not {verb}") as caught:
        transport.send(request)
    assert "not currently held" in caught.value.message
    assert "rbac" in (caught.value.hint or "")


def test_forbidden_without_words_uses_the_requests_own(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(403, b"<html>go away</html>"))
    with pytest.raises(ForbiddenError, match="these credentials may not list configmaps in the whole cluster"):
        transport.send(LIST)


def test_an_admission_denial_is_no_missing_permission(server: FakeServer, transport: Transport) -> None:
    server.answer(status(403, "Forbidden", 'admission webhook "x.io" denied the request: no'))
    with pytest.raises(InvalidError, match="configmaps n/c: admission webhook"):
        transport.send(WRITE)


def test_a_404_that_is_not_an_api_servers_is_no_absence(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(404, b"<html>404 Not Found, nginx</html>"))
    with pytest.raises(ApiError) as caught:
        transport.send(LIST)
    assert not isinstance(caught.value, NotFoundError)
    server.answer(Reply(404, b"404 page not found\n"))
    with pytest.raises(NotFoundError):
        transport.send(LIST)


def test_a_secrets_rejection_quotes_no_value(server: FakeServer, transport: Transport) -> None:
    cause = {"field": "data[key]", "reason": "FieldValueInvalid", "message": 'Invalid value: "hunter2"'}
    server.answer(status(422, "Invalid", 'Secret "s" is invalid: data[key]: "hunter2"', causes=[cause]))
    with pytest.raises(InvalidError) as caught:
        transport.send(SECRET)
    assert "hunter2" not in str(caught.value)
    assert "secrets n/s: 422 Invalid: data[key]: FieldValueInvalid" in caught.value.message


def test_throttling_is_waited_out_for_writes_too(server: FakeServer, transport: Transport) -> None:
    server.answer(*[THROTTLED] * 6, FINE)
    transport.send(WRITE)
    assert len(server.seen) == 7


def test_throttling_is_waited_out_only_so_long(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(429, THROTTLED.body, {"Retry-After": "60"}))
    started = time.monotonic()
    with pytest.raises(ApiError) as caught:
        transport.send(LIST)
    assert caught.value.status == 429
    assert time.monotonic() - started < 1
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Reply(503, status(503, "ServiceUnavailable", "no").body),
        Reply(502, b"bad gateway"),
        Reply(504, status(504, "Timeout", "no").body),
        Reply(429, status(429, "TooManyRequests", "no time given").body),
        Reply(reset=True),
        Reply(body={"items": ["x" * 100]}, cut=20),
        Reply(body=b'{"items": ['),
    ],
    ids=["503", "502", "504", "429", "reset", "truncated", "half-json"],
)
def test_reads_are_repeated_and_writes_are_not(server: FakeServer, transport: Transport, fault: Reply) -> None:
    server.answer(fault, fault, FINE)
    assert transport.send(LIST).body == FINE.body
    assert len(server.seen) == 3
    server.seen.clear()
    server.answer(fault, FINE)
    with pytest.raises((ApiError, UnreachableError)) as caught:
        transport.send(WRITE)
    assert len(server.seen) == 1
    assert fault.status != 200 or caught.value.__cause__ is not None


def test_reads_are_given_up_after_a_few_tries(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(reset=True))
    with pytest.raises(UnreachableError, match="broke off"):
        transport.send(LIST)
    assert len(server.seen) == FAST.max_retries + 1


def test_a_server_that_stalls_is_given_up(server: FakeServer, tmp_path: Path) -> None:
    transport = transport_to(write_kubeconfig(tmp_path / "config", server.url), request_timeout="100ms")
    server.answer(Reply(delay=1.0))
    with pytest.raises(UnreachableError, match="no answer in time"):
        transport.send(LIST)
    assert len(server.seen) == 1


def test_a_server_that_trickles_is_given_up(server: FakeServer, tmp_path: Path) -> None:
    transport = transport_to(write_kubeconfig(tmp_path / "config", server.url), request_timeout="200ms")
    server.answer(Reply(body={"x": "y" * 1000}, trickle=0.05))
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer in time"):
        transport.send(LIST)
    assert time.monotonic() - started < 2


def test_gzip_is_asked_for_and_understood(server: FakeServer, transport: Transport, tmp_path: Path) -> None:
    server.answer(Reply(body={"items": ["x" * 1_000_000]}, headers={"Content-Encoding": "gzip"}))
    assert transport.send(LIST).body == {"items": ["x" * 1_000_000]}
    assert server.seen[-1].header("Accept-Encoding") == ["gzip"]
    plain = write_kubeconfig(tmp_path / "plain", server.url, None, **{"disable-compression": True})
    transport_to(plain).send(LIST)
    assert server.seen[-1].header("Accept-Encoding") == ["identity"]


def test_a_truncated_gzip_body_is_noticed(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(body={"items": ["x"] * 1000}, headers={"Content-Encoding": "gzip"}, cut=40))
    with pytest.raises(UnreachableError, match="broke off"):
        transport.send(WRITE)


def test_nobody_listens(server: FakeServer, tmp_path: Path) -> None:
    transport = transport_to(write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1"))
    with pytest.raises(UnreachableError) as caught:
        transport.send(LIST)
    assert caught.value.message == "http://127.0.0.1:1: cannot connect (connection refused)"
    assert caught.value.__cause__ is not None


def test_no_such_host(server: FakeServer, tmp_path: Path) -> None:
    transport = transport_to(write_kubeconfig(tmp_path / "config", "http://nowhere.invalid"))
    with pytest.raises(UnreachableError, match=r"http://nowhere.invalid: its host name does not resolve"):
        transport.send(LIST)


def test_a_redirect_is_not_followed_with_our_credentials(server: FakeServer, transport: Transport) -> None:
    server.answer(Reply(302, headers={"Location": "/login"}))
    with pytest.raises(ApiError) as caught:
        transport.send(LIST)
    assert caught.value.status == 302
    assert len(server.seen) == 1


def test_cancelling_ends_the_waiting(server: FakeServer, tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", server.url)
    transport = transport_to(path, RetryPolicy(max_wait=60))
    server.answer(Reply(429, THROTTLED.body, {"Retry-After": "30"}))
    cancelled = threading.Event()
    threading.Timer(0.05, cancelled.set).start()
    started = time.monotonic()
    with pytest.raises(ApiError):
        transport.send(LIST, cancelled=cancelled)
    assert time.monotonic() - started < 5


def test_one_connection_serves_many_threads(server: FakeServer, transport: Transport) -> None:
    server.script = lambda seen: Reply(body={"path": seen.target})
    paths = [f"/api/v1/{n}" for n in range(50)]
    results: dict[str, str] = {}

    def ask(path: str) -> None:
        results[path] = transport.send(Request("GET", path, "get")).body["path"]

    threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {path: path for path in paths}


def test_the_retry_table() -> None:
    policy = RetryPolicy(max_wait=10, max_retries=2, first_delay=1, longest_delay=4)

    def delay(
        trouble: Trouble, *, reads: bool, retries: int = 0, waited: float = 0, after: float | None = None
    ) -> object:
        return policy.delay(trouble, reads=reads, retries=retries, waited=waited, retry_after=after)

    for trouble in Trouble:
        assert (delay(trouble, reads=False) is not None) == (trouble is Trouble.THROTTLED)
        assert (delay(trouble, reads=True) is not None) == (trouble is not Trouble.FINAL)
    assert delay(Trouble.BROKEN, reads=True, retries=2) is None
    assert delay(Trouble.THROTTLED, reads=True, retries=50) is not None
    assert delay(Trouble.THROTTLED, reads=True, waited=9.9) is None
    waited = delay(Trouble.THROTTLED, reads=True, after=3)
    assert isinstance(waited, float)
    assert 3 <= waited <= 3.5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("3", 3.0), ("-1", 0.0), ("Mon, 23 Nov 2026 17:00:10 GMT", 10.0), ("soon", None)],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    now = 1795453200.0  # Mon, 23 Nov 2026 17:00:00 GMT
    assert parse_retry_after(header, now) == seconds


def test_the_text_of_warnings() -> None:
    headers = ["299 - nothing", '299 - "a"', '299 - "b, \\"c\\"" "Mon, 23 Nov 2026 17:00:10 GMT"']
    assert parse_warnings(headers) == ("a", 'b, "c"')
