"""A 100,000 × 15 sheet: ours against XlsxWriter's constant-memory mode doing the same cells.

    python -m tests.benchmarks.write_xlsx [--smoke]

Both write the same values with the same formats, columns and options, from the same frame;
the peer is the plain loop XlsxWriter's documentation shows, its values made ready beforehand.
Interleaved in one process, medians. Ours also writes header, totals, filter and names.
Wall and CPU ratios are both printed; the target is held against CPU seconds, which a busy
machine disturbs less, so read the wall ratio on a quiet one.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import polars as pl
from xlsxwriter import Workbook

from vippsrecon.report.excel.table_sheet import write_table
from vippsrecon.spreadsheet.columns import TableColumn
from vippsrecon.spreadsheet.cross_checks import CrossChecks
from vippsrecon.spreadsheet.formats import FONT, WorkbookFormats
from vippsrecon.spreadsheet.table import SheetTable

TARGET = 0.25
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_format_properties": dict(FONT),
}
KINDS = ("text",) * 6 + ("money",) * 5 + ("moment", "day", "count", "text")


def make_table(rows: int) -> SheetTable:
    """Return a table of `rows` rows: 7 texts, 5 amounts, a time, a day and a count."""
    number = pl.int_range(rows, eager=True)
    columns, data = [], {}
    for place, kind in enumerate(KINDS):
        name = "currency" if place == 2 else "msn" if place == 1 else f"c{place}"
        columns.append(TableColumn(f"Column {place}", name, kind, 14))
        data[name] = {
            "text": pl.Series(["NOK"]).extend_constant("NOK", rows - 1)
            if name == "currency"
            else pl.Series([f"text-{place}-{n % 5000:05}" for n in range(rows)]),
            "money": number * 7919 % 9_999_999,
            "moment": pl.from_epoch(number * 61 + 1_790_000_000, time_unit="s")
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC"),
            "day": number % 31 + 20_700,
            "count": number,
        }[kind]
    return SheetTable(
        "payments", "Payments", "A sheet.", tuple(columns), pl.DataFrame(data), ("NOK",), 5
    )


def time_package(table: SheetTable, path: Path) -> tuple[float, float]:
    """Write the table as the report does; return CPU and wall seconds."""
    began = time.process_time(), time.perf_counter()
    with Workbook(str(path), OPTIONS) as workbook:
        write_table(
            workbook,
            workbook.add_worksheet("Payments"),
            table,
            WorkbookFormats(workbook),
            CrossChecks(),
        )
    return time.process_time() - began[0], time.perf_counter() - began[1]


def time_xlsxwriter(table: SheetTable, path: Path) -> tuple[float, float]:
    """Write the same cells with XlsxWriter alone; return CPU and wall seconds."""
    rows = peer_rows(table)
    began = time.process_time(), time.perf_counter()
    with Workbook(str(path), OPTIONS) as workbook:
        looks = WorkbookFormats(workbook)
        worksheet = workbook.add_worksheet("Payments")
        formats = [
            looks.money()
            if kind == "money"
            else looks[{"moment": "moment", "day": "date", "count": "count"}.get(kind, "text")]
            for kind in KINDS
        ]
        for place in range(len(KINDS)):
            worksheet.set_column(place, place, 14)
        for number, row in enumerate(rows, table.head_row + 1):
            for place, value in enumerate(row):
                if isinstance(value, str):
                    worksheet.write_string(number, place, value, formats[place])
                else:
                    worksheet.write_number(number, place, value, formats[place])
    return time.process_time() - began[0], time.perf_counter() - began[1]


def peer_rows(table: SheetTable) -> list[tuple[object, ...]]:
    """Return the rows as plain Python values, prepared before the peer is timed."""
    epoch = 25_569
    turned = {
        "text": list,
        "money": lambda values: [Decimal(v).scaleb(-2) for v in values],
        "moment": lambda values: [v.timestamp() / 86_400 + epoch for v in values],
        "day": lambda values: [v + epoch for v in values],
        "count": list,
    }
    columns = [turned[column.kind](table.data[column.name].to_list()) for column in table.columns]
    return list(zip(*columns, strict=True))


def main() -> int:
    """Run, and print one JSON object; return 1 if the target is missed (never in smoke mode)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a small run that shows it works")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    rows, rounds = (2_000, 1) if chosen.smoke else (chosen.rows, chosen.rounds)
    table = make_table(rows)
    seconds: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            both = (("ours", time_package), ("theirs", time_xlsxwriter))
            for name, write in both if turn % 2 == 0 else reversed(both):
                gc.collect()
                seconds[name].append(write(table, Path(folder) / f"{name}.xlsx"))
    cpu, wall = (
        {name: [round(run[clock], 2) for run in runs] for name, runs in seconds.items()}
        for clock in (0, 1)
    )
    ratio, wall_ratio = (
        round(statistics.median(clock["ours"]) / statistics.median(clock["theirs"]), 3)
        for clock in (cpu, wall)
    )
    figures = {"rows": rows, "columns": len(KINDS), "cpu_s": cpu, "wall_s": wall}
    print(json.dumps({**figures, "ratio": ratio, "wall_ratio": wall_ratio, "target": TARGET}))
    return 0 if chosen.smoke or ratio <= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
