"""Reconciling a month from the order to the bank, beside orders and payments alone.

    python -m tests.benchmarks.four_legs                 # 1,000,000 payments
    python -m tests.benchmarks.four_legs --rows 300000
    python -m tests.benchmarks.four_legs --smoke         # small: shows that it runs

Each run is in a process of its own, Arrow in and Arrow out. The ledger has an entry and a fee for each
capture and an entry for each refund, one in a thousand missing; there are 20 sales units with a payout
a day each, and a bank line for each payout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.reconcile import SIDES, make

UNITS = 20
FRAMES = (*SIDES, "ledger_entries", "payouts", "bank_lines")


def make_month(folder: Path, count: int) -> None:
    """Write the six frames as Arrow files."""
    import polars as pl
    from pyarrow import feather

    make(folder, count)
    msn = (pl.lit("1234") + (pl.col("reference").str.tail(2).cast(pl.Int64) % UNITS).cast(pl.String)
           .str.zfill(2)).alias("msn")  # fmt: skip
    for side in SIDES:
        frame = pl.from_arrow(feather.read_table(folder / f"{side}.arrow")).with_columns(msn)
        if side == "events":
            frame = frame.with_columns(psp_reference=pl.concat_str("reference", "name"))
            events = frame
        _write(folder, side, frame)
    _write_money(folder, events)


def _write_money(folder: Path, events: Any) -> None:
    import polars as pl

    booked = (
        events.filter(pl.col("name").is_in(["CAPTURED", "REFUNDED"]) & pl.col("success"))
        .filter(pl.col("psp_reference").hash(3) % 1000 != 0)
        .select(
            "msn",
            "psp_reference",
            "reference",
            ledger_id="msn",
            topic=pl.lit("funds"),
            entry_type=pl.when(pl.col("name") == "CAPTURED")
            .then(pl.lit("capture"))
            .otherwise(pl.lit("refund")),
            entry_at="event_at",
            ledger_date=pl.col("event_at").dt.date(),
            currency=pl.lit("NOK"),
            amount_minor=pl.when(pl.col("name") == "CAPTURED")
            .then("amount_minor")
            .otherwise(-pl.col("amount_minor")),
        )
    )
    fees = booked.filter(pl.col("entry_type") == "capture").with_columns(
        topic=pl.lit("fees"),
        entry_type=pl.lit("capture-fee"),
        amount_minor=-(pl.col("amount_minor") * 2 // 100),
    )
    days = booked.group_by("msn", "ledger_id", "ledger_date").agg(pl.col("amount_minor").sum())
    number = pl.col("ledger_date").rank("dense").over("msn").cast(pl.Int64) + 2_000_000
    numbered = days.filter(pl.col("amount_minor") > 0).with_columns(
        payout_number=number.cast(pl.String)
    )
    scheduled = numbered.select(
        "msn",
        "ledger_id",
        "ledger_date",
        psp_reference=pl.concat_str("msn", pl.lit("-"), "payout_number"),
        reference=pl.lit(""),
        topic=pl.lit("funds"),
        entry_type=pl.lit("payout-scheduled"),
        entry_at=pl.col("ledger_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        + timedelta(days=1),
        currency=pl.lit("NOK"),
        amount_minor=-pl.col("amount_minor"),
    )
    running = pl.col("amount_minor").cum_sum().over("ledger_id", "topic")
    entries = pl.concat([booked, fees, scheduled], how="diagonal").sort("ledger_date", "entry_at")
    entries = entries.with_columns(
        balance_after_minor=running, balance_before_minor=running - pl.col("amount_minor")
    )
    text = pl.concat_str(pl.lit("Utb. "), "payout_number", pl.lit(" Vippsnr "), "msn")
    _write(folder, "ledger_entries", entries)
    _write(
        folder,
        "payouts",
        numbered.with_columns(
            currency=pl.lit("NOK"),
            status=pl.lit("scheduled"),
            expected_bank_date=pl.col("ledger_date") + timedelta(days=3),
            bank_text=text,
        ),
    )
    _write(
        folder,
        "bank_lines",
        numbered.with_row_index("source_row", 1).select(
            "amount_minor",
            currency=pl.lit("NOK"),
            booked_date=pl.col("ledger_date") + timedelta(days=3),
            text=text,
            source_file=pl.lit("bank.xml"),
            source_row=pl.col("source_row").cast(pl.Int64),
        ),
    )


def _write(folder: Path, name: str, frame: Any) -> None:
    import polars as pl
    import pyarrow as pa
    from pyarrow import feather

    from vippsrecon.schemas import FRAMES as SCHEMAS
    from vippsrecon.schemas import polars_schema

    schema = next(each for each in SCHEMAS if each.name == name)
    filled = frame.select(
        (pl.col(key) if key in frame.columns else pl.lit(None)).cast(kind).alias(key)
        for key, kind in polars_schema(schema).items()
    )
    table = pa.table(filled.to_arrow()).cast(schema.arrow_schema())
    feather.write_feather(table, folder / f"{name}.arrow", "uncompressed")


def run_once(legs: str, folder: Path) -> dict[str, float]:
    """Reconcile in this process; return seconds, CPU seconds and peak memory in MB."""
    from pyarrow import feather

    from vippsrecon.reconciliation import reconcile

    names = FRAMES if legs == "four" else SIDES
    frames = {name: feather.read_table(folder / f"{name}.arrow") for name in names}

    def compare(tables: dict[str, Any]) -> Any:
        given = {name: tables[name] for name in names[3:]}
        days = {"": (date(2026, 10, 1), date(2026, 11, 5))} if given else None
        return reconcile(*(tables[name] for name in SIDES), **given, statement_days=days)

    compare({name: table.slice(0, 100) for name, table in frames.items()})
    start, cpu = time.perf_counter(), time.process_time()
    result = compare(frames)
    done = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    expected = {"order_payment"} if legs == "one" else {*result.manifest["legs"]}
    assert expected == set(result.manifest["legs"])
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next((line.split()[1] for line in status if line.startswith("VmHWM")), "0")
    return done | {"peak_mb": int(peak) / 1024, "findings": len(result.discrepancies)}


def measure(count: int, rounds: int) -> None:
    """Print the best of some rounds for orders and payments alone and for all legs."""
    with tempfile.TemporaryDirectory() as name:
        make_month(Path(name), count)
        runs: dict[str, list[dict[str, float]]] = {"one": [], "four": []}
        for _ in range(rounds):
            for legs, results in runs.items():
                command = [sys.executable, "-m", "tests.benchmarks.four_legs", "--once", legs, name]
                answer = subprocess.run(command, capture_output=True, text=True, check=False)
                if answer.returncode:
                    raise SystemExit(f"{legs} broke:\n{answer.stderr}")
                results.append(json.loads(answer.stdout.splitlines()[-1]))
    best = {
        legs: {key: min(run[key] for run in results) for key in results[0]}
        for legs, results in runs.items()
    }
    print(f"\n{count:,} payments, best of {rounds}, load {os.getloadavg()[0]:.1f}")
    for legs, row in best.items():
        ratio = row["cpu"] / best["one"]["cpu"]
        print(
            f"{legs:5} {row['seconds']:8.2f} s {row['cpu']:8.2f} CPU s {ratio:5.2f} × CPU "
            f"{row['peak_mb']:7.0f} MB {row['findings']:9,.0f} discrepancies"
        )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", nargs=2, metavar=("LEGS", "FOLDER"))
    options = parser.parse_args()
    if options.once:
        print(json.dumps(run_once(options.once[0], Path(options.once[1]))))
    elif options.smoke:
        measure(5_000, 1)
    else:
        measure(options.rows, options.rounds)


if __name__ == "__main__":
    main()
