"""One request: what counts as an answer, and in what words it is said when there is none."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.probing.asking import asking
from kubectl_istio_upgrade.adapters.probing.targets import probes_of, statuses_of
from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.probes import Pace
from tests.support.web import Answer, Web, drips, says, status

QUICK = Pace(timeout=0.5)
TOKEN = "bearer abcdefghij0123456789"


def ask_url(url: str, pace: Pace = QUICK) -> str:
    (probe,) = probes_of([url], [])
    return asking(probe, pace)()


def ask_command(command: str, pace: Pace = QUICK) -> str:
    (probe,) = probes_of([], [command])
    return asking(probe, pace)()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(200), ""),
        (status(204, ""), ""),
        (status(302), ""),
        (status(403), "status 403"),
        (status(404), "status 404"),
        (status(503), "status 503"),
        (says("HTTP/1.1 200 OK\r\n\r\nuntil the end"), ""),
        (says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), ""),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), "answer cut off after 5 of 10 bytes"),
        (says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), "no proper answer: IncompleteRead"),
        (says(""), "remote end closed connection without response"),
        (says("SSH-2.0-OpenSSH_9.6\r\n"), "no proper answer: SSH-2.0-OpenSSH_9.6"),
        (None, "timed out after 0.5 s"),
        (drips, "timed out after 0.5 s"),
    ],
)
def test_an_answer_is_what_a_kubelet_takes_for_one_and_complete_and_in_time(answer: Answer | None, said: str) -> None:
    with Web(answer) as web:
        started = time.monotonic()
        assert ask_url(web.url).startswith(said) if said else ask_url(web.url) == ""
        assert time.monotonic() - started < 2.5


def test_redirects_are_not_followed_and_each_request_has_a_connection_of_its_own() -> None:
    with Web(status(301)) as web:
        (probe,) = probes_of([f"{web.url}health?ready=1"], [])
        ask = asking(probe, QUICK)
        assert (ask(), ask()) == ("", "")
        assert [text.splitlines()[0] for text in web.requests] == ["GET /health?ready=1 HTTP/1.1"] * 2


def test_the_expected_status_may_be_another() -> None:
    with Web(status(401)) as web:
        assert ask_url(web.url, Pace(statuses=statuses_of(["200-299", "401"]))) == ""
        assert ask_url(web.url, Pace(statuses=statuses_of(["200-299"]))) == "status 401"


def test_nobody_listening_and_nobody_of_that_name_are_told_apart() -> None:
    with Web() as web:
        web.close()
        assert ask_url(web.url) == "connection refused"
    assert "not known" in ask_url("http://nobody.invalid/") or "name resolution" in ask_url("http://nobody.invalid/")


def test_a_server_that_does_not_speak_tls_is_a_failure_of_an_https_probe() -> None:
    with Web(status(200)) as web:
        assert "ssl" in ask_url(web.url.replace("http:", "https:"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("true", ""),
        ("false", "exit status 1"),
        ("sh -c 'echo fine; echo \"not so\" >&2; exit 7'", "exit status 7: not so"),
        (f"sh -c 'echo refused: {TOKEN} >&2; exit 1'", "exit status 1: refused: bearer …"),
        ("sh -c 'kill -9 $$'", "exit status -9"),
        ("sleep 30", "timed out after 0.5 s"),
    ],
)
def test_the_exit_status_of_a_command_is_its_answer(command: str, said: str) -> None:
    assert ask_command(command) == said


def test_a_command_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert ask_command(f"sh -c 'sleep 60 & echo $! > {pid}; wait'") == "timed out after 0.5 s"
    deadline = time.monotonic() + 5
    while alive(int(pid.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_program_of_this_folder_is_found_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "check").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "check").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert ask_command("./check") == "exit status 3"


def test_names_tell_probes_apart_and_give_nothing_away() -> None:
    urls = ["https://shop.example.com/a?token=hunter2", "http://shop.example.com", "https://shop.example.com/a?b=c"]
    commands = ["true --password hunter2", os.fspath(Path("/bin/true")), "true x"]
    assert [probe.name for probe in probes_of(urls, commands)] == [
        "https://shop.example.com/a?…",
        "http://shop.example.com/",
        "https://shop.example.com/a?… (2)",
        "true …",
        "true",
        "true … (2)",
    ]
    assert "hunter2" not in repr(probes_of(urls, commands))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("shop.example.com", "is no http or https URL"),
        ("ftp://shop.example.com/", "is no http or https URL"),
        ("http:///path", "is no http or https URL"),
        ("http://shop.example.com/gr\u00f6\u00dfe", "is not ASCII"),
        ("http://shop..example.com/", "is no host name"),
        (f"http://{'a' * 64}.example.com/", "is no host name"),
        ("http://shop.example.com/a b", "is no http or https URL"),
        ("http://shop.example.com:eighty/", "is no URL"),
        ("http://[::1/", "is no URL"),
        ("https://joe:hunter2@shop.example.com/", "no user name and password"),
    ],
)
def test_what_is_no_url_is_refused_without_repeating_a_password(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        probes_of([url], [])
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("command", "words"),
    [("", "empty"), ("no-such-program --now", "no program 'no-such-program'"), ("sh -c 'open", "no closing quotation")],
)
def test_a_command_that_cannot_be_run_is_refused(command: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        probes_of([], [command])


@pytest.mark.parametrize("text", ["", "99", "600", "abc", "299-200", "200-", "2xx"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no HTTP status"):
        statuses_of([text])
