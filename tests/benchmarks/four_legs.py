"""Reconciling a month from the order to the bank, beside orders and payments alone.

    python -m tests.benchmarks.four_legs                 # 1,000,000 payments
    python -m tests.benchmarks.four_legs --rows 300000
    python -m tests.benchmarks.four_legs --smoke         # small: shows that it runs
    python -m tests.benchmarks.four_legs --spark         # PySpark in local mode, from partitioned files

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
    return done | {"peak_mb": _read_peak_mb("self"), "findings": len(result.discrepancies)}


def run_on_spark(folder: Path) -> dict[str, float]:
    """Reconcile all legs on two cores of Spark; the CPU seconds and the memory are those of Java.

    The files are partitioned by msn and day, as docs/how-to/spark.md shows. Writing them is not
    measured. A first run of few rows, which is not counted, loads what Spark needs.
    """
    from pyspark.sql import SparkSession

    from vippsrecon.reconciliation import reconcile

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "6g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.local.dir", str(folder))
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    write_partitions(folder)
    frames = {name: spark.read.parquet(str(folder / "parquet" / name)) for name in FRAMES}

    def compare(tables: dict[str, Any]) -> tuple[Any, int]:
        given = {name: tables[name] for name in FRAMES[3:]}
        days = {"": (date(2026, 10, 1), date(2026, 11, 5))}
        result = reconcile(*(tables[name] for name in SIDES), **given, statement_days=days)
        return result, result.discrepancies.count()

    compare({name: table.limit(100) for name, table in frames.items()})
    start, before = time.perf_counter(), _read_children_cpu()
    result, findings = compare(frames)
    done = {"seconds": time.perf_counter() - start, "cpu": _read_children_cpu() - before}
    assert {"order_payment", "payment_ledger", "ledger_payout", "payout_bank"} == set(
        result.manifest["legs"]
    )
    return done | {
        "peak_mb": max(_read_peak_mb(pid) for pid in _list_children()),
        "findings": findings,
    }


def write_partitions(folder: Path) -> None:
    """Write the six frames as Parquet, the large ones partitioned by msn and day."""
    import polars as pl
    from pyarrow import feather

    days = {"orders": "ordered_day", "payments": "created_day", "events": "event_day"}
    for name in FRAMES:
        frame = pl.from_arrow(feather.read_table(folder / f"{name}.arrow"))
        target = folder / "parquet" / name
        target.mkdir(parents=True)
        if name not in {*days, "ledger_entries"}:
            frame.write_parquet(target / "0.parquet")
            continue
        day = (
            pl.col(days[name]).cast(pl.Int32).cast(pl.Date)
            if name in days
            else pl.col("ledger_date")
        )
        for (msn, on), part in frame.group_by("msn", day.cast(pl.String).alias("day")):
            path = target / f"msn={msn}" / f"day={on}"
            path.mkdir(parents=True)
            part.drop("msn", "day", strict=False).write_parquet(path / "0.parquet")


def _list_children() -> list[str]:
    """Return the processes that this one has started, and those that they have."""
    found, rest = [], [str(os.getpid())]
    while rest:
        for file in Path(f"/proc/{rest.pop()}/task").glob("*/children"):
            rest += file.read_text(encoding="utf-8").split()
        found += [pid for pid in rest if pid not in found]
    return found


def _read_children_cpu() -> float:
    ticks = 0
    for pid in _list_children():
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _read_peak_mb(pid: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next((line.split()[1] for line in status if line.startswith("VmHWM")), "0")) / 1024


def measure(count: int, rounds: int, kinds: tuple[str, ...]) -> None:
    """Print the best of some rounds, beside the first of these kinds of run."""
    with tempfile.TemporaryDirectory() as name:
        make_month(Path(name), count)
        runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
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
        ratio = row["cpu"] / best[kinds[0]]["cpu"]
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
    parser.add_argument("--spark", action="store_true", help="needs the extra `spark` and Java")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", nargs=2, metavar=("LEGS", "FOLDER"))
    options = parser.parse_args()
    if options.once:
        legs, folder = options.once[0], Path(options.once[1])
        print(json.dumps(run_on_spark(folder) if legs == "spark" else run_once(legs, folder)))
        return
    kinds = ("four", "spark") if options.spark else ("one", "four")
    if options.smoke:
        measure(5_000, 1, kinds)
    else:
        measure(options.rows, 1 if options.spark else options.rounds, kinds)


if __name__ == "__main__":
    main()
