"""Reconciling a million orders with a million payments, beside datacompy comparing them.

    python -m tests.benchmarks.reconcile            # 1,000,000 × 1,000,000, 4,000,000 events
    python -m tests.benchmarks.reconcile --linear   # 100 k to 5 M: is it linear?
    python -m tests.benchmarks.reconcile --small    # one order and one payment, several times
    python -m tests.benchmarks.reconcile --smoke    # small: shows that it runs

Each contender runs in a process of its own, pandas in and pandas out, rounds interleaved; the
frames are read from one Arrow file, and peak memory is the process's own above what it held
with its inputs loaded, with the inputs' own size beside it. datacompy compares the amounts the
two sides share (captured with the order's total, refunded with refunded) and says which rows
only one side has; it classifies nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SIDES = ("orders", "payments", "events")
CONTENDERS = {
    "amounts": "vippsrecon: captured, refunded and presence codes",
    "everything": "vippsrecon: all codes, events, sentences, buckets, bridge",
    "datacompy_polars": "datacompy on Polars",
    "datacompy_pandas": "datacompy on pandas",
    "spark": "vippsrecon: everything, PySpark local mode",
}


def make(folder: Path, count: int) -> None:
    """Write orders, payments and events as Arrow files: a month with 1 in 40 pairs wrong."""
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from pyarrow import feather

    from vippsrecon.schemas import EVENTS, ORDERS, PAYMENTS, polars_schema

    draw = np.random.default_rng(7)
    now = int(datetime(2026, 11, 5, 6, tzinfo=UTC).timestamp()) * 1_000_000
    at = now - draw.integers(5 * 86400, 30 * 86400, count) * 1_000_000
    day = at // 86_400_000_000
    total = draw.integers(1_900, 500_000, count)
    luck = draw.random(count)
    status = np.where(luck < 0.9, "fulfilled", np.where(luck < 0.95, "open", "cancelled"))
    captured = np.where(luck < 0.9, total, 0)
    captured = np.where(draw.random(count) < 0.01, captured // 2, captured)
    refunded = np.where(draw.random(count) < 0.05, captured // 2, 0)
    by_shop = np.where(draw.random(count) < 0.005, 0, refunded)
    cancelled = np.where(status == "cancelled", total, 0)
    names = pl.Series("reference", np.arange(count)).cast(pl.String).str.zfill(9)
    shared = pl.DataFrame(
        {"reference": "shop-2026-" + names, "msn": pl.repeat("123456", count, eager=True)}
    )

    def moment(values):
        return pl.Series(values).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")

    def write(name, schema, columns):
        frame = columns if isinstance(columns, pl.DataFrame) else shared.with_columns(**columns)
        types = polars_schema(schema)
        filled = frame.select(
            (pl.col(key) if key in frame.columns else pl.lit(None)).cast(kind).alias(key)
            for key, kind in types.items()
        )
        feather.write_feather(
            pa.table(filled.to_arrow()).cast(schema.arrow_schema()),
            folder / f"{name}.arrow",
            "uncompressed",
        )

    write(
        "orders",
        ORDERS,
        {
            "order_number": names,
            "currency": pl.lit("NOK"),
            "ordered_at": moment(at),
            "ordered_day": pl.Series(day),
            "total_minor": pl.Series(total),
            "refunded_minor": pl.Series(by_shop),
            "status": pl.Series(status),
            "paid": pl.lit("yes"),
            "payment_method": pl.lit("Vipps"),
            "by_vipps": pl.lit(value=True),
            "recurring": pl.lit(value=False),
            "split_tender": pl.lit(value=False),
            "shop_currency_only": pl.lit(value=False),
            "fulfilled_at": moment(at),
            "fulfilled_day": pl.Series(day),
            "exported_at": moment(np.full(count, now)),
            "store": pl.lit("oslo"),
            "source_file": pl.lit("orders.csv"),
            "source_row": pl.Series(np.arange(count) + 2),
        },
    )
    # One payment in a thousand is missing, and the rows come in another order.
    rows_left = draw.permutation(np.flatnonzero(draw.random(count) >= 0.001))
    payments = shared.with_columns(
        psp_reference="reference",
        state=pl.lit("AUTHORIZED"),
        currency=pl.lit("NOK"),
        amount_minor=pl.Series(total),
        authorized_minor=pl.Series(total),
        captured_minor=pl.Series(captured),
        refunded_minor=pl.Series(refunded),
        cancelled_minor=pl.Series(cancelled),
        payment_method=pl.lit("WALLET"),
        created_at=moment(at),
        created_day=pl.Series(day),
        authorized_at=moment(at),
        authorized_day=pl.Series(day),
        discovered_by=pl.lit("orders"),
        fetched_at=moment(np.full(count, now)),
    )[rows_left]
    write("payments", PAYMENTS, payments)
    logged = {
        "CREATED": total,
        "AUTHORIZED": total,
        "CAPTURED": captured,
        "REFUNDED": refunded,
        "CANCELLED": cancelled,
        "NOTED": total,
    }
    events = pl.concat(
        shared.with_columns(
            psp_reference="reference",
            name=pl.lit(name),
            amount_minor=pl.Series(amounts),
            currency=pl.lit("NOK"),
            event_at=moment(at),
            event_day=pl.Series(day),
            success=pl.lit(value=True),
        ).filter(pl.Series((amounts > 0) & (draw.random(count) < (0.99 if name == "NOTED" else 1))))
        for name, amounts in logged.items()
    )
    write("events", EVENTS, events.sample(fraction=1, shuffle=True, seed=7))


def frames(folder: Path):
    """Read the three frames as pandas, sharing the files' memory."""
    from pyarrow import feather

    from vippsrecon.schemas import to_pandas

    return [to_pandas(feather.read_table(folder / f"{side}.arrow")) for side in SIDES]


def once(contender: str, folder: Path) -> dict[str, float]:
    """Run one contender in this process; return seconds, CPU seconds and memory in MB."""
    run = _CONTENDERS[contender]
    orders, payments, events = frames(folder)
    inputs = sum(int(f.memory_usage(deep=True).sum()) for f in (orders, payments, events))
    small = [f.head(100) for f in (orders, payments, events)]
    run(*small)  # imports and first-time costs are not compared
    before = _peak_mb()
    start, cpu = time.perf_counter(), time.process_time()
    run(orders, payments, events)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "inputs_mb": inputs / 2**20,
        "before_mb": before,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Return this process's peak resident memory in MB; Linux gives it in kilobytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _amounts(orders, payments, events):
    from vippsrecon.reconciliation import reconcile

    result = reconcile(orders, payments, questions=("there", "captured", "refunded"))
    assert len(result.discrepancies) or len(orders) < 1000


def _everything(orders, payments, events):
    from vippsrecon.reconciliation import reconcile

    result = reconcile(orders, payments, events)
    assert len(result.buckets) == len(orders) + len(payments)


def _compared(orders, payments):
    left = orders[["msn", "reference", "total_minor", "refunded_minor"]]
    right = payments[["msn", "reference", "captured_minor", "refunded_minor"]]
    return left, right.rename(columns={"captured_minor": "total_minor"})


def _datacompy_polars(orders, payments, events):
    import datacompy
    import polars as pl
    import pyarrow as pa

    left, right = (
        pl.from_arrow(pa.Table.from_pandas(side, preserve_index=False))
        for side in _compared(orders, payments)
    )
    compare = datacompy.PolarsCompare(left, right, join_columns=["msn", "reference"])
    compare.all_mismatch().to_pandas()


def _datacompy_pandas(orders, payments, events):
    import datacompy

    left, right = _compared(orders, payments)
    compare = datacompy.PandasCompare(left, right, join_columns=["msn", "reference"])
    compare.all_mismatch()


def _spark(orders, payments, events):
    from pyspark.sql import SparkSession

    from vippsrecon.reconciliation import reconcile

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "8g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    import pyarrow as pa

    result = reconcile(
        *(
            session.createDataFrame(pa.Table.from_pandas(side, preserve_index=False))
            for side in (orders, payments, events)
        )
    )
    assert result.discrepancies.count() or len(orders) < 1000


_CONTENDERS = {
    "amounts": _amounts,
    "everything": _everything,
    "datacompy_polars": _datacompy_polars,
    "datacompy_pandas": _datacompy_pandas,
    "spark": _spark,
}


def measure(contender: str, folder: Path) -> dict[str, float]:
    """Run one contender in a separate process."""
    command = [sys.executable, "-m", "tests.benchmarks.reconcile", "--once", contender, str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"{contender} broke:\n{answer.stderr}")
    return json.loads(answer.stdout.splitlines()[-1])


def present(contender: str) -> bool:
    """Return whether a peer is installed here."""
    if contender == "spark":
        return importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
    if contender.startswith("datacompy"):
        return importlib.util.find_spec("datacompy") is not None
    return True


def compare(count: int, rounds: int, contenders: list[str]) -> None:
    """Print one table: medians of interleaved rounds, and ratios to datacompy on Polars."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, count)
        runs: dict[str, list[dict[str, float]]] = {c: [] for c in contenders}
        for _ in range(rounds):
            for contender in contenders:
                runs[contender].append(measure(contender, folder))
    middles = {
        contender: {key: statistics.median(run[key] for run in results) for key in results[0]}
        for contender, results in runs.items()
    }
    base = middles.get("datacompy_polars")
    load = os.getloadavg()[0]
    print(f"\n{count:,} orders × payments, {rounds} rounds interleaved, load {load:.1f}")
    print(
        f"{'':55} {'s':>7} {'ratio':>6} {'CPU s':>7} {'ratio':>6} {'peak MB':>8} {'over inputs':>11}"
    )
    for contender, middle in middles.items():
        ratios = {
            key: f"{middle[key] / base[key]:6.2f}" if base else "     –"
            for key in ("seconds", "cpu")
        }
        print(
            f"{CONTENDERS[contender]:55} {middle['seconds']:7.2f} {ratios['seconds']} "
            f"{middle['cpu']:7.2f} {ratios['cpu']} "
            f"{middle['peak_mb']:8.0f} {middle['peak_mb'] - middle['before_mb']:11.0f}"
        )


def time_small_calls(rounds: int) -> None:
    """Print what one order and one payment take: the first call, the next, and at another time."""
    from datetime import timedelta

    from vippsrecon.reconciliation.example_rows import NOW, make_order_row, make_payment_rows
    from vippsrecon.reconciliation.result import build_frame
    from vippsrecon.reconciliation.run import reconcile
    from vippsrecon.schemas import EVENTS, ORDERS, PAYMENTS

    payment, log = make_payment_rows(reference="order-0001", captures=(400,))
    rows = (build_frame([make_order_row()], ORDERS), build_frame([payment], PAYMENTS))
    events = build_frame(log, EVENTS)

    def call(minutes: int) -> tuple[float, float]:
        start, cpu = time.perf_counter(), time.process_time()
        reconcile(*rows, events, as_of=NOW - timedelta(minutes=minutes))
        return time.perf_counter() - start, time.process_time() - cpu

    first = call(0)
    again = [call(0) for _ in range(rounds)]
    later = [call(number + 1) for number in range(rounds)]
    print(f"\none order × one payment, {rounds} calls each, load {os.getloadavg()[0]:.1f}")
    print(f"{'':32} {'s':>7} {'CPU s':>7}")
    for name, calls in (("first", [first]), ("again", again), ("at another as-of time", later)):
        seconds, cpu = (statistics.median(values) for values in zip(*calls, strict=True))
        print(f"{name:32} {seconds:7.3f} {cpu:7.3f}")


def main() -> None:
    """Run the comparison that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--linear", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spark", action="store_true", help="PySpark beside the others")
    parser.add_argument("--once", nargs=2, metavar=("CONTENDER", "FOLDER"))
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once(options.once[0], Path(options.once[1]))))
        return
    contenders = [c for c in CONTENDERS if present(c) and (c != "spark" or options.spark)]
    if options.small:
        time_small_calls(20)
    elif options.smoke:
        time_small_calls(2)
        compare(5_000, 1, contenders)
    elif options.linear:
        for count in (100_000, 300_000, 1_000_000, 3_000_000, 5_000_000):
            compare(count, 1, ["everything"])
    else:
        compare(options.rows, options.rounds, contenders)


if __name__ == "__main__":
    main()
