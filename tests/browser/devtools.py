"""A headless Chromium, told what to do through its DevTools protocol, over a pipe: no port, no library.

https://chromedevtools.github.io/devtools-protocol/ has the commands. Messages are JSON, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .provide import Program

PATIENCE = 60.0
"""Seconds for one answer: a browser on a busy machine takes its time to start."""

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)

_START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads descriptor 3 and writes descriptor 4, and nothing of this process's has to make room for that."""

Message = dict[str, Any]


class BrowserError(Exception):
    """The browser died, fell silent, or refused a command."""


class Browser:
    """A running browser with a profile of its own; leaving the context ends it."""

    def __init__(self, program: Program) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="istio-upgrade-browser-", ignore_cleanup_errors=True)
        self._log = Path(self._profile.name) / "log"
        to_them, self._to = os.pipe()
        self._from, from_them = os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_them, from_them)]  # out of the way of 3 and 4
        command = [sys.executable, "-I", "-S", "-c", _START, *map(str, theirs), str(program.path), *FLAGS]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--user-data-dir={self._profile.name}/profile"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=theirs,
                env={**program.environment, "HOME": self._profile.name},
            )
        for end in (to_them, from_them, *theirs):
            os.close(end)
        self._waiting = b""
        self._number = 0
        self.events: list[Message] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._to)
        os.close(self._from)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def page(self, address: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """A page in a window of this size, loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        page.call("Emulation.setEmulatedMedia", features=scheme)
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        page.load(address)
        return page

    def call(self, method: str, session: str = "", **parameters: Any) -> Message:
        """A command, and its answer. Events that come first are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._to, data) :]
        except BrokenPipeError as error:
            raise self._ended("ended") from error
        while True:
            answer = self.receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            self.events.append(answer)

    def receive(self) -> Message:
        """The next message, whatever it is."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._from, 1 << 20) if ready else b""
            if not data:
                raise BrowserError(
                    f"the browser {'ended' if ready else 'fell silent'}: {self._log.read_text()[-2000:]}"
                )
            self._waiting += data
        message, _, self._waiting = self._waiting.partition(b"\0")
        return dict(json.loads(message))

    def _ended(self, how: str) -> BrowserError:
        return BrowserError(f"the browser {how}: {self._log.read_text('utf-8', 'replace')[-2000:]}")


@dataclass
class Page:
    """One page, and what happened while it was looked at."""

    browser: Browser
    session: str
    address: str = ""

    def call(self, method: str, **parameters: Any) -> Message:
        """A command to this page."""
        return self.browser.call(method, self.session, **parameters)

    def load(self, address: str) -> None:
        """Go there, and wait until it is there."""
        self.address = address
        self.call("Page.navigate", url=address)
        while not any(self._is(event, "Page.loadEventFired") for event in self.browser.events):
            self.browser.events.append(self.browser.receive())

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to. Raises BrowserError where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    @property
    def complaints(self) -> list[str]:
        """What the console would show: errors, warnings, violations of the policy."""
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self.browser.events if self._is(event, *kinds)]

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for."""
        events = (event for event in self.browser.events if self._is(event, "Network.requestWillBeSent"))
        return [event["params"]["request"]["url"] for event in events]

    @property
    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        return int(self.value("document.documentElement.scrollWidth - window.innerWidth"))

    def screenshot(self, path: Path) -> None:
        """All of the page, as PNG."""
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(image))

    def pdf(self, path: Path) -> None:
        """As it would be printed, on A4."""
        printed = self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"]
        path.write_bytes(base64.b64decode(printed))

    def _is(self, event: Message, *methods: str) -> bool:
        return event.get("method") in methods and event.get("sessionId") == self.session
