"""How fast a plan of refunds is carried out, its journal included, against one at a time.

    python -m tests.benchmarks.carry_out [--rows 10000] [--smoke]

A server in its own process, on a core of its own where there are two, keeps what was refunded
and answers every request after 50 ms. A row costs four answers: payment, event log, refund, event
log. Bare sockets that ask for the same show that the server is not what is being measured.

"One at a time" is measured on a sample and scaled to the rows: the same carrying with one row in
flight, and a script of a loop around POST refund, which reads nothing, judges nothing and keeps no
journal. Disk and database are this machine's own, PostgreSQL with its flushes on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import orjson

from tests.benchmarks.server_process import HOST, measure_rate, serve_protocol, start_server
from tests.crash.databases import databases
from tests.crash.simulator_process import (
    AMOUNT,
    KEYS,
    MSN,
    PaymentCase,
    make_numbered_plan,
    make_payment_line,
)
from tests.payments import make_amount
from tests.postgres import binaries
from vippsrecon.api.client import Client
from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.execution.carry_out import DEFAULT_IN_FLIGHT, carry_out
from vippsrecon.bulk.plan.model import Plan
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Settings
from vippsrecon.store import open_store, verify_journal

LATENCY_SECONDS = 0.05
ANSWERS_A_ROW = 4
AIM = 20.0


class _Server(asyncio.Protocol):
    """Shows every reference as a payment with 1000.00 captured, and keeps its refunds."""

    refunded: dict[str, tuple[int, str]] = {}  # noqa: RUF012 (one for all connections)
    latency = LATENCY_SECONDS

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, _, received_body = self._held.partition(b"\r\n\r\n")
            fields = dict(
                line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
            )
            length = int(fields.get(b"content-length", 0))
            if len(received_body) < length:
                return
            body, self._held = received_body[:length], received_body[length:]
            path = head.split(b" ", 2)[1].decode()
            if path == "/accesstoken/get":
                self._transport.write(_http(b'{"access_token":"token","expires_in":"86400"}'))
                continue
            key = fields.get(b"idempotency-key", b"").decode()
            self._loop.call_later(self.latency / 2, self._act, path.split("/"), key, body)

    def _act(self, parts: list[str], key: str, body: bytes) -> None:
        reference = parts[4]
        if parts[-1] == "refund":
            value = orjson.loads(body)["modificationAmount"]["value"]
            self.refunded.setdefault(reference, (value, key))
        answer = _http(self._answer(reference, parts[-1]))
        self._loop.call_later(self.latency / 2, self._write, answer)

    def _answer(self, reference: str, operation: str) -> bytes:
        value, key = self.refunded.get(reference, (0, ""))
        line = make_payment_line(reference, "2026-01-30T12:00:00", captured=AMOUNT, refunded=value)
        if operation == "events":
            if value:
                line["events"][-1] |= {"idempotencyKey": key, "timestamp": _now()}
            return orjson.dumps(line["events"])
        if operation == "refund":
            names = ("amount", "state", "aggregate", "pspReference", "reference")
            return orjson.dumps({name: line["payment"][name] for name in names})
        return orjson.dumps(line["payment"])

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _http(body: bytes) -> bytes:
    date = format_datetime(datetime.now(UTC), usegmt=True).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        b"Date: %s\r\nContent-Length: %d\r\n\r\n%s"
    ) % (date, len(body), body)


@contextlib.contextmanager
def serving(latency: float = LATENCY_SECONDS) -> Iterator[str]:
    """Start the server in a separate process and yield its URL."""
    with start_server("tests.benchmarks.carry_out", str(latency)) as port:
        yield f"http://{HOST}:{port}"


def plan_for(rows: int, seed: int) -> Plan:
    """Return a plan of this many refunds; another seed gives other payments."""
    dice = random.Random(seed)
    rows_made = []
    for number in range(rows):
        case = PaymentCase("refund", seed * 1_000_000 + number, dice)
        amount = dice.randrange(200, AMOUNT)
        rows_made.append(case.row(1, amount_minor=amount, refunded_minor=0))
    return make_numbered_plan("refund", rows_made, dice, datetime.now(UTC))


def settings_for(base_url: str, folder: Path, database_url: str) -> Settings:
    """Return the settings to call the server."""
    return load_settings(
        folder=folder,
        environment="simulator",
        base_url=base_url,
        msn=MSN,
        database_url=database_url,
        in_flight=256,
        **KEYS,
    )


def carried(settings: Settings, plan: Plan, in_flight: int) -> float:
    """Carry out a plan; return the seconds from the approved plan to the last commit."""
    with open_store(settings.database_url) as store, Client(settings) as client:
        approve(plan, store, approver="ola", os_account="ola", host="here")
        began = time.perf_counter()
        carried = carry_out(
            plan, client, live=True, confirm=plan.totals, store=store, in_flight=in_flight
        )
        seconds = time.perf_counter() - began
        if (
            carried.counts["done"] != plan.count
            or not verify_journal(store, plan.plan_id, carried.head).ok
        ):
            raise RuntimeError(f"not carried out: {carried.stopped} {carried.counts}")
    return seconds


def script(base_url: str, plan: Plan) -> float:
    """Refund the payments one by one, as a script would, without reading and without a journal."""
    with httpx.Client(base_url=base_url, trust_env=False) as http:
        began = time.perf_counter()
        for row in plan.rows:
            body = {"modificationAmount": make_amount(row.amount_minor)}
            path = f"/epayment/v1/payments/{row.reference}/refund"
            http.post(path, json=body, headers={"Idempotency-Key": row.reference})
        return time.perf_counter() - began


async def _ceiling(base_url: str, in_flight: int, seconds: float) -> float:
    """Return the answers per second of bare sockets that do nothing with what they read."""
    answers = 0

    async def ask(number: int) -> None:
        nonlocal answers
        reader, writer = await asyncio.open_connection(HOST, int(base_url.rpartition(":")[2]))
        with contextlib.closing(writer):
            while True:
                path = b"/epayment/v1/payments/bare-%06d/events" % number
                writer.write(b"GET %s HTTP/1.1\r\nAccept: */*\r\n\r\n" % path)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.rpartition(b": ")[2]))
                answers += 1

    tasks = [asyncio.create_task(ask(number)) for number in range(in_flight)]
    return await measure_rate(tasks, lambda: answers, seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--smoke", action="store_true", help="short: shows that it runs")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        _Server.latency = arguments.serve
        asyncio.run(serve_protocol(_Server))
        return
    rows, sample, seconds = (300, 10, 0.3) if arguments.smoke else (arguments.rows, 100, 3.0)
    flights = (64,) if arguments.smoke else (DEFAULT_IN_FLIGHT, 64, 128)
    kinds = ("sqlite", "postgresql") if binaries() else ("sqlite",)
    seeds = itertools.count(1)  # each run refunds payments that no other run has
    with tempfile.TemporaryDirectory() as place, serving() as base_url:
        print(f"{rows} refunds, {LATENCY_SECONDS * 1000:.0f} ms an answer, journal included")
        ceiling = asyncio.run(_ceiling(base_url, 256, seconds)) / ANSWERS_A_ROW
        print(f"bare sockets, 256 in flight: {ceiling:.0f} rows a second, were reading all")
        bare = script(base_url, plan_for(sample, next(seeds))) / sample
        print(f"a script, one at a time, no journal: {bare * 1000:.0f} ms a row ({sample} rows)")
        for kind in kinds:
            with databases(kind, sync=True) as make:
                folder = Path(place) / kind
                settings = settings_for(base_url, folder, make(folder))
                seconds_per_row = carried(settings, plan_for(sample, next(seeds)), 1) / sample
                print(
                    f"{kind}: one at a time {seconds_per_row * 1000:.0f} ms a row ({sample} rows)"
                )
                for in_flight in flights:
                    took = carried(settings, plan_for(rows, next(seeds)), in_flight)
                    print(
                        f"{kind}: {in_flight:4} in flight {took:7.1f} s, {rows / took:6.0f} rows a "
                        f"second, {seconds_per_row * rows / took:5.1f} × one at a time (aim {AIM:.0f}), "
                        f"{bare * rows / took:5.1f} × the script",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
