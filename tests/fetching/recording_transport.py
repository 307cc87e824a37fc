"""Provide a transport that can fail for one payment, and that counts the requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx


class RecordingTransport(httpx.AsyncBaseTransport):
    """Call the simulator in this process; `instead` may answer a path.

    Count paths and open requests.
    """

    def __init__(
        self, app: object, instead: Callable[[str, int], httpx.Response | None] | None = None
    ) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._instead = instead
        self.request_counts: Counter[str] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Count the request, and answer it."""
        path = request.url.path
        self.request_counts[path] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            own = self._instead(path, self.request_counts[path]) if self._instead else None
            return own or await self._inner.handle_async_request(request)
        finally:
            self.in_flight -= 1
