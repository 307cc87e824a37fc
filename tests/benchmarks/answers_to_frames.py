"""Answers to validated frames, against `json` + `pandas.json_normalize`.

    python -m tests.benchmarks.answers_to_frames [--smoke] [--payments N] [--rounds N]

Both begin at the same raw bytes of GET payment and GET event log. The peer ends at two plain
frames, nothing renamed, parsed or checked; ours ends at frames whose moments are moments, whose
local days are counted and which pandera has validated. Rounds are interleaved and the median of
each is taken, so that what else the machine does falls on both. CPU time is given beside, since
ours uses several cores for a part of the work and loses more of them on a busy machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
import pandas as pd

from vippsrecon import schemas
from vippsrecon.api import bulk_decode
from vippsrecon.fetching import frames

MSN = "123456"


class Answers(NamedTuple):
    """The API's raw answers for one payment."""

    reference: str
    payment: bytes
    events: bytes


def make_answers(payments: int) -> list[Answers]:
    """Return answers in the form and size of Vipps MobilePay's, with four events per payment."""
    return [_answers(number) for number in range(payments)]


def decode_with_package(raw: list[Answers]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode the answers, build columns, and validate them."""
    fetched_at = datetime.now(UTC)
    bodies = [
        bulk_decode.RawReading(
            MSN, raw_reading.reference, raw_reading.payment, raw_reading.events, fetched_at
        )
        for raw_reading in raw
    ]
    decoded = bulk_decode.decode_batch(bodies)
    assert decoded is not None
    table = frames.build_tables_from_columns(
        decoded.payments,
        decoded.events,
        owners=decoded.owners,
        fetched_at=[fetched_at] * len(raw),
        zones={MSN: "Europe/Oslo"},
        discovered_by=["orders"] * len(raw),
    )
    return schemas.to_pandas(table.payments), schemas.to_pandas(table.events)


def normalized(raw: list[Answers]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode the answers as the documentation of pandas suggests for nested JSON."""
    payments = pd.json_normalize([json.loads(raw_reading.payment) for raw_reading in raw])
    events = pd.json_normalize(
        [event for raw_reading in raw for event in json.loads(raw_reading.events)]
    )
    return payments, events


def main() -> None:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="2,000 payments, one round")
    options = parser.parse_args()
    payments, rounds = (2_000, 1) if options.smoke else (options.payments, options.rounds)
    raw = make_answers(payments)
    decode_with_package(raw[:10])
    # Both sides get the same answers, so the garbage collector should not scan them.
    gc.freeze()
    took: dict[str, list[float]] = {"decode_with_package": [], "normalized": []}
    cpu: dict[str, list[float]] = {"decode_with_package": [], "normalized": []}
    for _ in range(rounds):
        for way in (decode_with_package, normalized):
            gc.collect()
            began, used = time.perf_counter(), time.process_time()
            result = way(raw)
            took[way.__name__].append(time.perf_counter() - began)
            cpu[way.__name__].append(time.process_time() - used)
            assert [len(frame) for frame in result] == [payments, 4 * payments]
            del result
    print(f"{payments:,} payments, {4 * payments:,} events, median of {rounds}")
    print(f"{'':29}{'seconds':>9}{'CPU s':>9}")
    for name, label in (
        ("decode_with_package", "decoded, typed, validated"),
        ("normalized", "json + pandas.json_normalize"),
    ):
        wall, used = statistics.median(took[name]), statistics.median(cpu[name])
        print(f"{label:29}{wall:9.2f}{used:9.2f}")
    ratios = [
        statistics.median(seconds["normalized"]) / statistics.median(seconds["decode_with_package"])
        for seconds in (took, cpu)
    ]
    print(f"{'ratio (aim: at least 5)':29}{ratios[0]:9.2f}{ratios[1]:9.2f}")


def _answers(number: int) -> Answers:
    reference = f"shop-2026-{number:07d}"
    amount = {"currency": "NOK", "value": 10_000 + number % 5_000}
    nothing = {"currency": "NOK", "value": 0}
    payment = {
        "aggregate": {
            "authorizedAmount": amount,
            "cancelledAmount": nothing,
            "capturedAmount": amount,
            "refundedAmount": amount,
        },
        "amount": amount,
        "state": "AUTHORIZED",
        "paymentMethod": {"type": "WALLET", "cardBin": "540185"},
        "profile": {"sub": "c06c4afe-d9e1-4c5d-939a-177d752a0944"},
        "pspReference": f"37c34d8c-2649-448e-864b-{number:012d}",
        "reference": reference,
        "captureGuaranteedUntil": "2026-09-01T07:53:44.812+00:00",
    }
    events = [
        {
            "reference": reference,
            "pspReference": f"{1_304_787_731 + number}{place}",
            "name": name,
            "amount": amount,
            "timestamp": f"2026-03-{1 + number % 28:02d}T10:{10 + place}:44.5333258Z",
            "idempotencyKey": f"19986263-dedf-4b8e-a424-{number:012d}",
            "success": True,
        }
        for place, name in enumerate(("CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED"))
    ]
    return Answers(reference, orjson.dumps(payment), orjson.dumps(events))


if __name__ == "__main__":
    main()
