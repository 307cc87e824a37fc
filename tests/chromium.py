"""Open pages in Chromium and ask what a user would see.

Speaks the DevTools protocol over a pipe. The browser reaches this computer only.
Source: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no browser: install Chromium (Debian: apt-get install chromium)"
)

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--remote-debugging-pipe", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

PAGE_TEXT = "document.body.innerText.slice(-3000)"

SECONDS = 300.0
"""The longest wait for one answer or condition, so that a test cannot hang."""

START = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
"""Chromium reads its file 3 and writes its file 4."""


class Browser:
    """A browser with one tab."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = os.fdopen(answers, "rb")
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; events that arrive before it are collected."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._last:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(
        self, page: Path | str, *, width: int = 1200, height: int = 900, dark: bool = False
    ) -> None:
        """Open a file or an address in a window of this size; `events` are those of this page."""
        phone = width < 600
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.events = []
        self.send("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def run(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def run_script(self, body: str) -> Any:
        """Run the body of an async function in the page and return what it returns."""
        return self.run(f"(async () => {{ {body} }})()")

    def wait_for(self, expression: str) -> Any:
        """Return the value of an expression as soon as it is true, whatever the page does meanwhile."""
        deadline = time.monotonic() + SECONDS
        while not (value := self.run(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}\n{self.run(PAGE_TEXT)}"
            time.sleep(0.1)
        return value

    def type(self, text: str) -> None:
        """Type into the field that has the focus."""
        self.send("Input.insertText", text=text)

    def click(self, element: str) -> None:
        """Click with the mouse on an element, which an expression finds.

        A page that is still being laid out moves its elements, so a click can miss. The element
        is clicked only where it stands still and nothing covers it, again until it was hit.
        """
        deadline = time.monotonic() + SECONDS
        while not self._try_click(element):
            assert time.monotonic() < deadline, f"cannot be clicked: {element}"

    def _try_click(self, element: str) -> bool:
        point = self.run_script(
            f"""const element = {element};
            const frame = () => new Promise(requestAnimationFrame);
            element.scrollIntoView({{block: "center"}});
            await frame();
            const before = element.getBoundingClientRect();
            await frame(); await frame();
            const box = element.getBoundingClientRect();
            const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
            if (before.left !== box.left || before.top !== box.top) return null;
            if (!element.contains(document.elementFromPoint(x, y))) return null;
            window.wasHit = false;
            element.addEventListener("click", () => window.wasHit = true, {{once: true}});
            return [x, y];"""
        )
        if point is None:
            return False
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=point[0], y=point[1],
                      button="left", clickCount=1)  # fmt: skip
        return bool(self.run("window.wasHit"))

    def fill(self, field: str, text: str) -> None:
        """Click on a field, which an expression finds, and type over what it contains."""
        self.click(field)
        self.run(f"({field}).select()")
        if text:
            self.type(text)
        else:
            self.press("Backspace")

    def press(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode={"Backspace": 8}[key])  # fmt: skip

    def find_events(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the events of one kind since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def print_pdf(self, path: Path) -> None:
        """Print the page, in the size that its style sheet sets."""
        pdf = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(b64decode(pdf["data"]))

    def take_screenshot(self, path: Path, *, whole: bool = True, of: str = "") -> None:
        """Write a picture of the page, or of the element that an expression finds."""
        clip = {}
        if of:
            box = self.run(
                f"(b => ({{x: b.x, y: b.y, width: b.width, height: b.height, scale: 1}}))(({of}).getBoundingClientRect())"
            )
            clip = {"clip": box}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole, **clip)
        path.write_bytes(b64decode(shot["data"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select([self._answers], [], [], SECONDS)[0], "the browser does not answer"
            part = os.read(self._answers.fileno(), 1 << 20)
            assert part, "the browser ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    assert BROWSER is not None
    their_input, our_output = os.pipe()
    our_input, their_output = os.pipe()
    command = [sys.executable, "-c", START, str(their_input), str(their_output), BROWSER, *OPTIONS]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        pass_fds=(their_input, their_output),
        stderr=subprocess.DEVNULL,
    )
    os.close(their_input)
    os.close(their_output)
    browser = None
    try:
        browser = Browser(our_output, our_input)
        yield browser
    finally:
        os.close(our_output)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if browser:
            browser._answers.close()
