"""A month of 50,000 payments as a report: the workbook in full, of findings, and a plain loop.

    python -m tests.benchmarks.write_report [--smoke]

The peer writes the same rows of the same sheets with XlsxWriter's plain loop in constant-memory mode,
its values made ready beforehand. All run in one process, interleaved. Ours also writes Summary, Figures,
Controls, links, formulas and the hashes of the rows. Sizes are those of the files; the limit of a
report of findings is 2 MB.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
from xlsxwriter import Workbook

from tests.benchmarks.reconcile import SIDES, make
from tests.benchmarks.write_xlsx import OPTIONS
from vippsrecon import SalesUnit, reconcile
from vippsrecon.report import write_workbook
from vippsrecon.report.excel.tables import build_sheet_tables
from vippsrecon.report.figures import compute_figures
from vippsrecon.report.frames import build_report_frames

MAX_FINDINGS_BYTES = 2_000_000
EPOCH = 25_569


def make_month(folder: Path, payments: int):
    """Return a reconciled month."""
    make(folder, payments)
    frames = [pl.read_ipc(folder / f"{side}.arrow") for side in SIDES]
    return reconcile(
        *frames,
        units=(SalesUnit("123456", market="NO"),),
        as_of=datetime.fromisoformat("2026-11-05T06:00:00+00:00"),
    )


def list_sheets(month) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of each sheet as values that a plain loop can write."""
    frames = build_report_frames(month)
    tables = build_sheet_tables(frames, compute_figures(frames))
    return {
        name: [
            tuple(map(convert, row))
            for row in table.data.select(
                [c.name for c in table.columns if c.name in table.data.columns]
            ).iter_rows()
        ]
        for name, table in tables.items()
    }


def convert(value: object) -> object:
    """Return a value as a cell has it."""
    if isinstance(value, datetime):
        return value.timestamp() / 86_400 + EPOCH
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days + EPOCH
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value).scaleb(-2)
    return value if value is None else str(value)


def write_plainly(sheets: dict[str, list[tuple[object, ...]]], path: Path) -> None:
    """Write the rows with one call per cell, as XlsxWriter's documentation shows."""
    with Workbook(str(path), OPTIONS) as workbook:
        text, number = workbook.add_format(), workbook.add_format({"num_format": "#,##0.00"})
        for name, rows in sheets.items():
            worksheet = workbook.add_worksheet(name)
            for place, row in enumerate(rows):
                for column, value in enumerate(row):
                    if value is None:
                        continue
                    if isinstance(value, str):
                        worksheet.write_string(place, column, value, text)
                    else:
                        worksheet.write_number(place, column, value, number)


def main() -> int:
    """Run, and print one JSON object; return 1 if a report of findings is too large to mail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a small run that shows it works")
    parser.add_argument("--payments", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    payments, rounds = (1_000, 1) if chosen.smoke else (chosen.payments, chosen.rounds)
    seconds: dict[str, list[tuple[float, float]]] = {"full": [], "findings": [], "plain loop": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        month = make_month(folder, payments)
        sheets = list_sheets(month)
        writers = {
            "full": lambda path: write_workbook(month, path, detail="full"),
            "findings": lambda path: write_workbook(month, path, detail="findings"),
            "plain loop": lambda path: write_plainly(sheets, path),
        }
        sizes = {}
        for _ in range(rounds):
            for what, write in writers.items():
                gc.collect()
                path = folder / f"{what.replace(' ', '_')}.xlsx"
                began = time.process_time(), time.perf_counter()
                write(path)
                seconds[what].append(
                    (time.process_time() - began[0], time.perf_counter() - began[1])
                )
                sizes[what] = path.stat().st_size
    cpu, wall = (
        {
            what: round(statistics.median(run[clock] for run in runs), 2)
            for what, runs in seconds.items()
        }
        for clock in (0, 1)
    )
    print(
        json.dumps(
            {
                "payments": payments,
                "cells": sum(len(row) for rows in sheets.values() for row in rows),
                "discrepancies": len(sheets["discrepancies"]),
                "cpu_seconds": cpu,
                "wall_seconds": wall,
                "full_over_plain_loop": round(cpu["full"] / cpu["plain loop"], 3),
                "bytes": sizes,
            },
            indent=2,
        )
    )
    return int(sizes["findings"] > MAX_FINDINGS_BYTES)


if __name__ == "__main__":
    raise SystemExit(main())
