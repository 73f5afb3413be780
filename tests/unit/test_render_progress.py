from __future__ import annotations

import io

from kubectl_istio_upgrade.render.progress import TerminalProgress
from kubectl_istio_upgrade.render.terminal import Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_a_phase_is_one_line() -> None:
    stream = io.StringIO()
    with TerminalProgress(Terminal(stream)).phase("reading", total=3) as advance:
        advance(3)
    assert stream.getvalue().startswith("reading (3): ")
    assert stream.getvalue().count("\n") == 1


def test_phases_may_be_nested_on_a_terminal() -> None:
    progress = TerminalProgress(Terminal(Screen()))
    with progress.phase("writing", total=2) as outer:
        outer(1)
        with progress.phase("waiting", total=1) as inner:
            inner(1)
        outer(1)
    with progress.phase("reading"):
        pass


def test_a_note_is_said_once_with_or_without_bars() -> None:
    for stream in (Screen(), io.StringIO()):
        progress = TerminalProgress(Terminal(stream))
        with progress.phase("writing"):
            progress.note("a [deprecated] field")
            progress.note("a [deprecated] field")
        assert stream.getvalue().count("note: a [deprecated] field") == 1


def test_quiet_means_quiet() -> None:
    stream = io.StringIO()
    progress = TerminalProgress(Terminal(stream), quiet=True)
    with progress.phase("writing"):
        progress.note("text")
    assert stream.getvalue() == ""
