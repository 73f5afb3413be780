"""Ctrl-C and SIGTERM of a process that waits for a server."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAITING = """
import signal, socket, threading
from kubectl_istio_upgrade import interrupts

interrupts.listen()
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # so that the other thread gets them
here, there = socket.socketpair()
try:
    print("waiting", flush=True)
    here.recv(1)
except KeyboardInterrupt:
    print("interrupted")
"""

PATIENCE = 20.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_another_thread_is_given_ends_the_waiting_of_the_main_thread(number: signal.Signals) -> None:
    """As does what arrives just before the wait begins, which no test can time."""
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(number)
            assert process.communicate(timeout=PATIENCE)[0] == "interrupted\n"
        finally:
            process.kill()
    assert process.returncode == 0
