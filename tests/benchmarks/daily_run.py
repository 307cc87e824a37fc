"""A daily run of a history of payments, against the same fetch from nothing.

    python -m tests.benchmarks.daily_run [--smoke] [--sizes 20000 100000]
    python -m tests.benchmarks.daily_run --sizes 20000 --histories 1000000   # the daily run alone

Of N payments, all captured, 0.5 % were refunded since the earlier fetch. The daily run reads the feed
of the ledger, those payments, and takes the others from the earlier fetch; from nothing, every payment
and its event log is requested. Both end with the same folder on disk, and the ratio of the two times is
printed. The server runs in another process and answers after 50 ms, as in `bulk_read`.

With `--histories`, the earlier folder is not fetched: the answer for one payment is written for each
reference, with pspReferences of its own, by the package's own writer, so the folder is the one that a
fetch would write.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import orjson
import polars as pl

from tests.benchmarks.bulk_read import LATENCY_SECONDS, _events, _http, _payment
from tests.benchmarks.server_process import HOST, serve_protocol, start_server
from tests.payments import MSN

if TYPE_CHECKING:
    from vippsrecon.api import Client

MODULE = "tests.benchmarks.daily_run"
SIZES = (20_000, 100_000)
CHANGED_SHARE = 0.005
PAGE = 1_000
LEDGER = "302321"


class Server(asyncio.Protocol):
    """Answers payments, event logs, the ledgers, and a feed of as many entries as its cursor names."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request, a token at once and the rest after 50 ms."""
        self._held += data
        while b"\r\n\r\n" in self._held:
            head, _, self._held = self._held.partition(b"\r\n\r\n")
            method, path, _ = head.split(b" ", 2)
            if method == b"POST":
                self._transport.write(_http(b'{"access_token":"token","expires_in":"86400"}'))
                continue
            self._loop.call_later(LATENCY_SECONDS, self._write, _http(answer(path.decode())))

    def _write(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(body)


def answer(target: str) -> bytes:
    """Return the body for a path."""
    url = urlsplit(target)
    parts = url.path.split("/")
    if url.path == "/settlement/v1/ledgers":
        ledger = {"ledgerId": LEDGER, "currency": "NOK"}
        ledger["settlesForRecipientHandles"] = [f"api:{MSN}"]
        return orjson.dumps({"cursor": "", "items": [ledger]})
    if parts[-1] == "feed":
        return build_feed_page(parse_qs(url.query)["cursor"][0])
    make = _events if parts[-1] == "events" else _payment
    return make(parts[4])


def build_feed_page(cursor: str) -> bytes:
    """Return a page of the feed; a cursor is "entries read/entries in all"."""
    done, total = map(int, cursor.split("/"))
    last = min(total, done + PAGE)
    items = [
        {
            "pspReference": f"refund-{number}",
            "time": "2026-01-31T12:00:00.000000Z",
            "ledgerDate": "2026-01-31",
            "entryType": "refund",
            "reference": name(number),
            "currency": "NOK",
            "amount": -100,
            "balanceBefore": -100 * number,
            "balanceAfter": -100 * number - 100,
            "recipientHandle": f"api:{MSN}",
        }
        for number in range(done, last)
    ]
    body = {"items": items, "cursor": f"{last}/{total}", "tryLater": last == total}
    return orjson.dumps(body)


def name(number: int) -> str:
    """Return the reference of a payment."""
    return f"order-{number:08d}"


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="2,000 payments")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--histories", type=int, nargs="+", default=())
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--run", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--written", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve_protocol(Server))
        return
    if options.run:
        run = measure(*options.run, in_flight=options.in_flight, written=options.written)
        print(json.dumps(run))
        return
    sizes = (2_000,) if options.smoke else options.sizes
    print(f"{options.in_flight} in flight, 50 ms an answer, {CHANGED_SHARE:.1%} changed")
    print(f"{'payments':>10}{'from nothing, s':>17}{'daily run, s':>14}{'times faster':>14}")
    with start_server(MODULE) as port:
        for size in sizes:
            seconds = run_apart(port, size, options.in_flight)
            ratio = seconds["whole"] / seconds["daily"]
            print(f"{size:>10,}{seconds['whole']:>17.1f}{seconds['daily']:>14.2f}{ratio:>14.1f}")
        for size in options.histories:
            seconds = run_apart(port, size, options.in_flight, "--written")
            print(
                f"{size:>10,}{'not run':>17}{seconds['daily']:>14.2f}    "
                f"{seconds['cpu']:.1f} CPU s, {seconds['peak_mb']:.0f} MB"
            )


def run_apart(port: int, size: int, in_flight: int, *more: str) -> dict[str, float]:
    """Measure one size in a process of its own."""
    command = [sys.executable, "-m", MODULE, "--run", str(port), str(size)]
    command += ["--in-flight", str(in_flight), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def write_history(folder: Path, references: pl.DataFrame, client: Client, like: Path) -> None:
    """Write the folder of a complete fetch of these references, each answered as the one in `like`."""
    from vippsrecon.fetching import part_files
    from vippsrecon.fetching.results import load_fetched
    from vippsrecon.fetching.run_folder import build_run_info, write_run_info
    from vippsrecon.fetching.stored_files.recorded_hashes import hash_files
    from vippsrecon.fetching.worklist import Worklist
    from vippsrecon.output_files import make_private_folder

    one, info = load_fetched(like)
    payments, events = (
        references.join(rows.drop("reference"), how="cross", maintain_order="left_right").select(
            rows.columns
        )
        for rows in (one.payments, one.events)
    )
    own = pl.concat_str("reference", pl.lit("-"), "psp_reference").alias("psp_reference")
    payments, events = payments.with_columns(own), events.with_columns(own)
    make_private_folder(folder)
    counts = part_files.write_results(folder, payments, events, one.failures)
    new_info = build_run_info(
        Worklist(references, client.default_msn), client.settings, events=True, now=client.now()
    )
    new_info["counts"] |= counts | {"missing": 0, "read_again": 0}
    write_run_info(
        folder,
        new_info
        | {name: info[name] for name in ("fetched_at", "oldest_row_at")}
        | {"complete": True, "sha256": hash_files(folder, part_files.RESULT_FILES)},
    )


def measure(port: int, size: int, *, in_flight: int, written: bool) -> dict[str, float]:
    """Fetch `size` payments from nothing, then from the earlier fetch; return both times.

    With `written`, the earlier fetch is only written.
    """
    from tests.simulator_settings import load_simulator_settings
    from vippsrecon.api import Client
    from vippsrecon.fetching import fetch_changes, fetch_into

    changed = round(size * CHANGED_SHARE)
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        settings = load_simulator_settings(
            folder, base_url=f"http://{HOST}:{port}", in_flight=in_flight
        )
        # A frame, as the references of an order export are.
        references = pl.DataFrame({"reference": [name(number) for number in range(size)]})
        with Client(settings) as client:
            fetch_into(folder / "warm", ["order-warm"], client)
            began = time.perf_counter()
            if written:
                write_history(folder / "whole", references, client, folder / "warm")
            else:
                fetch_into(folder / "whole", references, client)
            whole = time.perf_counter() - began
            _set_cursor(folder / "whole", f"0/{changed}")
            began, cpu = time.perf_counter(), time.process_time()
            result = fetch_changes(references, client, folder / "whole", folder / "daily")
            daily, cpu = time.perf_counter() - began, time.process_time() - cpu
        assert result.choice.asked == {"on_ledger": changed}, result.choice.asked
        assert len(result.fetched.payments) == size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"whole": whole, "daily": daily, "cpu": cpu, "peak_mb": peak}


def _set_cursor(folder: Path, cursor: str) -> None:
    path = folder / "fetch.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(info | {"ledger_cursors": {LEDGER: cursor}}), encoding="utf-8")


if __name__ == "__main__":
    main()
