"""How many answers a second the client reads, against latency and against other clients.

    python -m tests.benchmarks.bulk_read [--smoke]

A server in its own process answers every GET after 50 ms, so the most that N requests in
flight can bring is N ÷ 0.05 a second. A bare socket client, which does nothing with what it
reads, is timed first: it shows that the server is not what is being measured. All figures of
one table are from one run, so their ratios hold on a busy machine too; what they say in
requests per second does not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from tests.benchmarks.server_process import HOST, measure_rate, serve_protocol, start_server
from tests.payments import MSN
from tests.simulator_settings import load_simulator_settings
from vippsrecon.api import AsyncClient

LATENCY_SECONDS = 0.05
MODULE = "tests.benchmarks.bulk_read"

NOK = {"currency": "NOK", "value": 0}


def _payment(reference: str) -> bytes:
    amounts = ("authorizedAmount", "capturedAmount", "refundedAmount")
    return orjson.dumps(
        {
            "aggregate": {name: {"currency": "NOK", "value": 49900} for name in amounts}
            | {"cancelledAmount": NOK},
            "amount": {"currency": "NOK", "value": 49900},
            "state": "AUTHORIZED",
            "paymentMethod": {"type": "WALLET", "cardBin": "123456"},
            "profile": {},
            "pspReference": "37c34d8c-2649-448e-864b-060d5d93e4c4",
            "reference": reference,
        }
    )


def _events(reference: str) -> bytes:
    return orjson.dumps(
        [
            {
                "reference": reference,
                "pspReference": f"{2018200034 + number}",
                "name": name,
                "amount": {"currency": "NOK", "value": 49900},
                "timestamp": f"2026-01-{number + 10}T10:51:44.5333258Z",
                "idempotencyKey": "19986263-dedf-4b8e-a424-8d042eee4013",
                "success": True,
            }
            for number, name in enumerate(("CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED"))
        ]
    )


class _Slow(asyncio.Protocol):
    """Answers each GET after 50 ms and a token request at once; it supports no other HTTP."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, _, self._held = self._held.partition(b"\r\n\r\n")
            method, path, _ = head.split(b" ", 2)
            if method == b"POST":
                body = b'{"access_token":"token","expires_in":"86400"}'
                self._transport.write(_http(body))
                continue
            parts = path.decode().split("/")
            make = _events if parts[-1] == "events" else _payment
            self._loop.call_later(LATENCY_SECONDS, self._write, _http(make(parts[4])))

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _http(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        b"Date: Sat, 31 Jan 2026 23:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s"
    ) % (len(body), body)


Read = Callable[[str], Awaitable[object]]
"""Reads one payment and its event log: two answers."""


async def _rate(read: Read, in_flight: int, seconds: float) -> float:
    """Return the answers per second with `in_flight` readers, measured after a warm-up."""
    answers = 0

    async def reader(number: int) -> None:
        nonlocal answers
        turn = 0
        while True:
            await read(f"order-{number:04d}-{turn:08d}")
            turn += 1
            answers += 2

    readers = [asyncio.create_task(reader(number)) for number in range(in_flight)]
    return await measure_rate(readers, lambda: answers, seconds)


@contextlib.asynccontextmanager
async def _ours(port: int, in_flight: int):
    with tempfile.TemporaryDirectory() as empty:
        settings = load_simulator_settings(
            Path(empty), base_url=f"http://{HOST}:{port}", in_flight=in_flight
        )
    async with AsyncClient(settings) as client:
        yield lambda reference: client.read(reference, MSN)


@contextlib.asynccontextmanager
async def _through_httpx(port: int, client: httpx.AsyncClient):
    async def read(reference: str) -> None:
        url = f"http://{HOST}:{port}/epayment/v1/payments/{reference}"
        orjson.loads((await client.get(url)).content)
        orjson.loads((await client.get(url + "/events")).content)

    async with client:
        yield read


def _httpx_default(port: int, in_flight: int):
    return _through_httpx(port, httpx.AsyncClient(timeout=60))


def _httpx_raised(port: int, in_flight: int):
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    return _through_httpx(port, httpx.AsyncClient(timeout=60, limits=limits))


def _httpx_aiohttp(port: int, in_flight: int):
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    transport = AiohttpTransport(limits=limits)
    return _through_httpx(port, httpx.AsyncClient(timeout=60, transport=transport))


@contextlib.asynccontextmanager
async def _aiohttp(port: int, in_flight: int):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def read(reference: str) -> None:
            url = f"http://{HOST}:{port}/epayment/v1/payments/{reference}"
            for address in (url, url + "/events"):
                async with session.get(address) as answer:
                    orjson.loads(await answer.read())

        yield read


@contextlib.asynccontextmanager
async def _sockets(port: int, in_flight: int):
    idle = [await asyncio.open_connection(HOST, port) for _ in range(in_flight)]

    async def read(reference: str) -> None:
        reader, writer = idle.pop()
        for path in (reference, reference + "/events"):
            writer.write(b"GET /epayment/v1/payments/%s HTTP/1.1\r\n\r\n" % path.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b": ")[2]))
        idle.append((reader, writer))

    yield read
    for _, writer in idle:
        writer.close()


def _median(make, port: int, in_flight: int, seconds: float, runs: int) -> float:
    async def once() -> float:
        async with make(port, in_flight) as read:
            return await _rate(read, in_flight, seconds)

    return statistics.median(asyncio.run(once()) for _ in range(runs))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="short: shows that it runs")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve_protocol(_Slow))
        return
    seconds, runs = (0.3, 1) if arguments.smoke else (arguments.seconds, arguments.runs)
    flights = (8, 32, 128, 256)
    with start_server(MODULE) as port:
        print(f"answers a second at {LATENCY_SECONDS * 1000:.0f} ms each, median of {runs}")
        print(f"{'':34}" + "".join(f"{n:>8}" for n in flights))
        print(f"{'ceiling':34}" + "".join(f"{n / LATENCY_SECONDS:8.0f}" for n in flights))
        rates = {}
        for name, make in (
            ("bare sockets (is the server enough)", _sockets),
            ("vippsrecon", _ours),
            ("aiohttp", _aiohttp),
        ):
            rates[name] = [_median(make, port, n, seconds, runs) for n in flights]
            print(f"{name:34}" + "".join(f"{rate:8.0f}" for rate in rates[name]))
        own_rate = rates["vippsrecon"]
        peers = {
            "httpx over httpx-aiohttp": _httpx_aiohttp,
            "httpx, default limits": _httpx_default,
            "httpx, limits raised to 128": _httpx_raised,
        }
        at_128 = {name: _median(make, port, 128, seconds, runs) for name, make in peers.items()}
        for name, rate in at_128.items():
            print(f"{name:34}{'':16}{rate:8.0f}")
    shares = [rate * LATENCY_SECONDS / n for rate, n in zip(own_rate, flights, strict=True)]
    print(f"{'share of the ceiling':34}" + "".join(f"{share:8.2f}" for share in shares))
    print(f"from 128 to 256 in flight: {own_rate[3] / own_rate[2] - 1:+.1%} (floor -5 %)")
    for name, rate in at_128.items():
        print(f"times {name}: {own_rate[2] / max(rate, 1.0):.1f}")


if __name__ == "__main__":
    main()
