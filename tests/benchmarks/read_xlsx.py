"""How fast a workbook of orders is read, beside openpyxl on the same file in the same run.

    python -m tests.benchmarks.read_xlsx [--smoke]

Both give the same thing: every cell of the sheet's rows as Python has it. Ours also brings the
mapped columns to a frame of text; the last line is the whole way to validated orders. openpyxl
is measured as people use it and in its faster read-only mode.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import openpyxl
import xlsxwriter

from vippsrecon.sources import read_orders
from vippsrecon.sources.files.excel_file import open_excel_table

HEADINGS = (
    "msn", "reference", "order_number", "currency", "total", "refunded", "status", "ordered_at",
    "fulfilled_at", "payment_method", "paid", "store", "note", "weight", "pieces",
)  # fmt: skip
ROWS, SMOKE_ROWS = 100_000, 5_000
AT_LEAST = 8.0


def write_export(path: Path, rows: int) -> None:
    """Write an export of `rows` orders with fifteen columns of texts, numbers and dates."""
    workbook = xlsxwriter.Workbook(path, {"constant_memory": True})
    day = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, HEADINGS)
    start = dt.datetime(2026, 1, 1, 8)  # noqa: DTZ001  a sheet has no zones
    for row in range(1, rows + 1):
        ordered = start + dt.timedelta(minutes=row % 40_000)
        texts = ("123456", f"shop-2026-{row:08d}", f"{row}", "NOK")
        sheet.write_row(row, 0, texts)
        sheet.write_number(row, 4, (row * 37 % 500_000) / 100)
        sheet.write_number(row, 5, 0)
        sheet.write_string(row, 6, "fulfilled")
        sheet.write_datetime(row, 7, ordered, day)
        sheet.write_datetime(row, 8, ordered + dt.timedelta(hours=20), day)
        sheet.write_row(row, 9, ("Vipps", "yes", "Storgata", "left at the door", 1.25, row % 7))
    workbook.close()


def seconds(work: Callable[[], object]) -> float:
    """Return how long a function takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def through_openpyxl(path: Path, *, read_only: bool) -> int:
    """Read every cell through openpyxl."""
    workbook = openpyxl.load_workbook(path, read_only=read_only, data_only=True)
    count = sum(len(row) for row in workbook.worksheets[0].iter_rows(values_only=True))
    workbook.close()
    return count


def main() -> None:
    """Measure and print the times; fail if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="few rows, no promise")
    smoke = parser.parse_args().smoke
    rows = SMOKE_ROWS if smoke else ROWS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.xlsx"
        write_export(path, rows)
        places = range(len(HEADINGS))
        # One small read first, so that imports are not measured on either side.
        open_excel_table(path).columns([0])
        own_seconds = min(seconds(lambda: open_excel_table(path).columns(places)) for _ in range(3))
        orders = seconds(lambda: read_orders(path))
        streamed = seconds(lambda: through_openpyxl(path, read_only=True))
        openpyxl_seconds = seconds(lambda: through_openpyxl(path, read_only=False))
    print(f"{rows:,} rows x {len(HEADINGS)} columns")
    print(f"vippsrecon, all cells to a frame of text {own_seconds:8.2f} s")
    print(
        f"openpyxl                                 {openpyxl_seconds:8.2f} s  {openpyxl_seconds / own_seconds:5.1f} x"
    )
    print(
        f"openpyxl, read-only                      {streamed:8.2f} s  {streamed / own_seconds:5.1f} x"
    )
    print(
        f"vippsrecon, to validated orders          {orders:8.2f} s  {openpyxl_seconds / orders:5.1f} x"
    )
    if not smoke and openpyxl_seconds / own_seconds < AT_LEAST:
        raise SystemExit(f"below the {AT_LEAST:.0f} x promised over openpyxl")


if __name__ == "__main__":
    main()
