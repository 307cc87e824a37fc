"""Drive a page of a headless Chromium that reaches this computer only."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.display.browser import BROWSER
from tests.waiting import wait_until

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1400,1000",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SECONDS = 300.0
"""The longest wait for one condition, so that a test cannot hang."""


class Page:
    """One page, driven by the Chrome DevTools Protocol.

    Source: https://chromedevtools.github.io/devtools-protocol/
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last_id = 0

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the protocol and return its result."""
        self._last_id += 1
        await self._socket.send_json({"id": self._last_id, "method": method, "params": arguments})
        async with asyncio.timeout(SECONDS):
            while (answer := await self._socket.receive_json()).get("id") != self._last_id:
                pass
        assert "error" not in answer, answer
        return answer["result"]

    async def run(self, script: str) -> Any:
        """Run the body of an async function in the page and return what it returns."""
        answer = await self.call(
            "Runtime.evaluate",
            expression=f"(async () => {{ {script} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in answer, json.dumps(answer["exceptionDetails"])[:2000]
        return answer["result"].get("value")

    async def wait_for(self, expression: str) -> Any:
        """Return the value of an expression as soon as it is true, whatever the page does meanwhile."""
        deadline = asyncio.get_running_loop().time() + SECONDS
        while True:
            answer = await self.call(
                "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
            )
            if value := answer["result"].get("value"):
                return value
            assert asyncio.get_running_loop().time() < deadline, f"never true: {expression}"
            await asyncio.sleep(0.1)

    async def open(self, address: str) -> None:
        """Open an address in the page."""
        await self.call("Page.navigate", url=address)

    async def type(self, text: str) -> None:
        """Type into the field that has the focus."""
        await self.call("Input.insertText", text=text)


@asynccontextmanager
async def open_page(folder: Path) -> AsyncIterator[Page]:
    """Start Chromium with a profile in `folder` and yield an empty page."""
    profile = folder / "profile"
    assert BROWSER is not None
    with subprocess.Popen(
        [BROWSER, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            port_file = profile / "DevToolsActivePort"
            wait_until(lambda: port_file.exists() and "\n" in port_file.read_text(), SECONDS)
            port = port_file.read_text().splitlines()[0]
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                async with session.get("/json/list") as answer:
                    pages = [one for one in await answer.json() if one["type"] == "page"]
                async with session.ws_connect(
                    pages[0]["webSocketDebuggerUrl"], max_msg_size=0
                ) as socket:
                    page = Page(socket)
                    await page.call("Page.enable")
                    await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
                    yield page
        finally:
            process.kill()
