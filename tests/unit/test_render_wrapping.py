"""Prose fits a terminal, and what people copy from it is whole."""

from __future__ import annotations

import io

import pytest

from kubectl_istio_upgrade.render.terminal import Color, Terminal
from kubectl_istio_upgrade.render.wrapping import wrapped

RESUME = "kubectl istio-upgrade resume -f mesh/ --yes"
FETCH = "curl -L https://istio.io/downloadIstio | ISTIO_VERSION=1.29.1 sh -"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "40")
    return Terminal(Screen())


def written(out: Terminal) -> list[str]:
    assert isinstance(out.stream, io.StringIO)
    return out.stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("short enough", ["short enough"]),
        ("it is broken between words", ["it is broken", "between words"]),
        ("a-name-that-is-longer-than-a-line", ["a-name-that-is-longer-than-a-line"]),
        ("then `kubectl get pods -n shop` shows it", ["then", "`kubectl get pods -n shop`", "shows it"]),
        (f"or {RESUME}, or not at all", ["or", f"{RESUME},", "or not at all"]),
        (f"({RESUME})", [f"({RESUME})"]),
        ("none is here: --istioctl PATH", ["none is here:", "--istioctl PATH"]),
        (f"by hand: {FETCH}", ["by hand:", FETCH]),
        ("kubectl get pods -n istio-system", ["kubectl get pods -n istio-system"]),
        ("what helm and kubectl do is well known", ["what helm and", "kubectl do is", "well known"]),
    ],
)
def test_commands_and_names_are_whole(text: str, lines: list[str]) -> None:
    assert wrapped(text, 14) == lines


def test_lines_after_the_first_begin_where_it_does(narrow: Terminal) -> None:
    narrow.prose("the server did not accept the write that was planned", "error: ")
    narrow.prose("first\n  - a point of which there is a lot to say", "hint: ")
    narrow.prose("")
    assert written(narrow) == [
        "error: the server did not accept the",
        "       write that was planned",
        "hint: first",
        "        - a point of which there is a",
        "        lot to say",
        "",
    ]


def test_colour_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    out = Terminal(Screen(), Color.ALWAYS)
    out.prose("these are altogether six words", f"{out.style('failed', fg='red')} ")
    assert written(out) == ["\x1b[31mfailed\x1b[0m these are altogether", "       six words"]


def test_in_a_pipe_a_text_is_one_line() -> None:
    out = Terminal(io.StringIO())
    out.prose("word " * 100, "note: ")
    assert written(out) == [f"note: {'word ' * 100}".rstrip()]


def test_text_from_elsewhere_moves_no_cursor(narrow: Terminal) -> None:
    narrow.prose("red \x1b[31m bell \x07 back\r", "error: ")
    assert written(narrow) == ["error: red \\u001b[31m bell \\u0007", "       back\\u000d"]


def test_a_stream_that_is_no_terminal_after_all_has_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert Terminal(Screen()).width == 80
