"""Test that rows written in bulk are the cells that XlsxWriter writes one by one."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import load_workbook
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from tests.hypothesis_sizes import draw_examples
from vippsrecon.spreadsheet.bulk_rows import can_append_rows
from vippsrecon.spreadsheet.columns import TableColumn
from vippsrecon.spreadsheet.formats import WorkbookFormats
from vippsrecon.spreadsheet.table import (
    ROWS_PER_SLICE,
    SheetTable,
    build_row_formats,
    convert_to_cells,
    write_cells,
    write_rows,
)
from vippsrecon.spreadsheet.workbook_file import open_workbook

if TYPE_CHECKING:
    from pathlib import Path

KINDS = (
    *("text", "wrapped", "code", "mono", "flag", "count"),
    *("money", "moment", "day", "date", "input", "link"),
)
LINK = 'HYPERLINK("#\'Rows\'!A"&IF(A2<B2,2,3),"<&>")'
INT64 = 2**63 - 1
ODD_TEXTS = [
    *("", " ", "  a", "a ", "\ta", "a\n", "two\nlines", "a\rb", "\x00", "\x0b", "\x1f", "\x7f"),
    *("\x85a", "a\xa0", "\u2003a", "\u200ba", "\ufeffa", "\ufffe", "\uffff", "_x000D_", "_x005f_"),
    *(
        "_x41_",
        "x_x0041_x",
        "=1+1",
        "{=1}",
        "+47",
        "-2",
        "@SUM(A1)",
        "http://example.org",
        "mailto:a@b",
    ),
    *("<r>", "<r>a</r>", "<r>&<t>b</t></r>", "a<r>b</r>", "&amp;", "<&>", "\"'", "]]>", "<!--"),
    *("000123", "1E+11", "TRUE", "#N/A", "Ærlig 💶 日本", "👩‍👩‍👧", "e\u0301", "word " * 60),
    *(
        "x" * 32_767,
        "x" * 32_768,
        "x" * 32_000,
        "x" * 31_999,
        "é" * 32_000,
        "💶" * 16_384,
        "&" * 32_000,
    ),
]
ODD_NUMBERS = [
    *(0, 1, -1, 5, 99, 100, -99, -100, 10**15, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1),
    *(10**16 - 1, 10**16, 10**16 + 1, INT64, -INT64, -INT64 - 1),
]


def make_table(rows: list[dict[str, object]], dtypes: dict[str, pl.DataType] | None = None):
    """Return a table with one column per kind, named after its kind, and the currency."""
    columns = (
        *(TableColumn(kind, kind, kind, link_text="<&>") for kind in KINDS),
        TableColumn("currency", "currency"),
    )
    schema = {
        **dict.fromkeys(
            ("text", "wrapped", "code", "mono", "input", "currency", "link"), pl.String
        ),
        **dict.fromkeys(("count", "money"), pl.Int64),
        "flag": pl.Boolean,
        "moment": pl.Datetime("us", "UTC"),
        "day": pl.Int32,
        "date": pl.Date,
    }
    data = pl.DataFrame(rows, schema={**schema, **(dtypes or {})}, orient="row")
    return SheetTable("rows", "Rows", "", columns, data)


def write_in_bulk(worksheet, table, row_formats):
    """Write the rows as reports do."""
    write_rows(worksheet, 1, table, row_formats)


def write_each_cell(worksheet, table, row_formats):
    """Write the rows with one call of XlsxWriter per cell."""
    data = table.data
    cells = [convert_to_cells(data[c.name], c.kind) for c in table.columns]
    rows = zip(zip(*cells, strict=True), data["currency"], strict=True)
    write_cells(worksheet, 1, table.columns, rows, row_formats)


def write_file(path: Path, table: SheetTable, write, worksheet_class=Worksheet) -> Path:
    """Write a workbook with one sheet: a header and the rows."""
    with open_workbook(path) as workbook:
        workbook.set_properties({"created": datetime(2026, 11, 2, tzinfo=UTC)})
        worksheet = workbook.add_worksheet("Rows", worksheet_class)
        row_formats = build_row_formats(table, WorkbookFormats(workbook), suffix=True)
        for place, column in enumerate(table.columns):
            worksheet.write_string(0, place, column.header)
        write(worksheet, table, row_formats)
        worksheet.write_string(table.data.height + 3, 0, "below the rows")
    return path


def read_sheet_xml(path: Path) -> str:
    """Return the sheet's XML without style numbers, which depend on the order of first use."""
    with zipfile.ZipFile(path) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    return re.sub(r' s="\d+"', "", xml)


def read_cells(path: Path) -> list[tuple[object, ...]]:
    """Return every cell and everything about it that a person can see."""
    sheet = load_workbook(path)["Rows"]
    cells: list[tuple[object, ...]] = [
        (
            *(cell.coordinate, cell.value, cell.data_type, cell.number_format, cell.hyperlink),
            *(repr(look) for look in (cell.font, cell.fill, cell.alignment, cell.border)),
            repr(cell.protection),
        )
        for row in sheet.iter_rows()
        for cell in row
    ]
    heights = [(row, size.height) for row, size in sheet.row_dimensions.items() if size.height]
    return [*cells, *heights]


def assert_equal_both_ways(table: SheetTable, folder: Path) -> None:
    """Assert that both ways give the same cells, and the same XML up to style numbers."""
    bulk = write_file(folder / "bulk.xlsx", table, write_in_bulk)
    cell_by_cell = write_file(folder / "cells.xlsx", table, write_each_cell)
    assert read_sheet_xml(bulk) == read_sheet_xml(cell_by_cell)
    assert read_cells(bulk) == read_cells(cell_by_cell)


texts = st.none() | st.sampled_from(ODD_TEXTS) | st.text(max_size=12)
numbers = st.none() | st.sampled_from(ODD_NUMBERS) | st.integers(-(10**10), 10**10)
rows_of_any_kind = st.fixed_dictionaries(
    {
        **dict.fromkeys(("text", "wrapped", "code", "mono", "input"), texts),
        **dict.fromkeys(("count", "money"), numbers),
        "currency": st.sampled_from([None, "", "NOK", "EUR", "DKK", "<&>"]),
        "flag": st.none() | st.booleans(),
        "link": st.sampled_from([None, LINK]),
        "moment": st.none()
        | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "day": st.none() | st.integers(0, 80_000),
        "date": st.none() | st.dates(date(1901, 1, 1)),
    }
)


@example([dict.fromkeys(KINDS)])
@example([{"text": "a"}, dict.fromkeys(KINDS), {"text": "b"}])
@draw_examples(15)
@given(st.lists(rows_of_any_kind, min_size=1, max_size=9))
def test_bulk_rows_equal_cell_by_cell(tmp_path, rows):
    """A report must not depend on how its rows got into the file."""
    assert_equal_both_ways(make_table(rows), tmp_path)


def test_each_odd_value_equals_cell_by_cell(tmp_path):
    """Every text and number that XlsxWriter treats in a special way, in each kind of column."""
    odd_texts = [
        dict.fromkeys(("text", "wrapped", "code", "mono"), text) | {"currency": "NOK"}
        for text in ODD_TEXTS
    ]
    odd_numbers = [{"count": number, "money": number} for number in ODD_NUMBERS]
    plain = [{"text": "plain", "currency": "NOK", "flag": True}]
    assert_equal_both_ways(make_table([*plain, *odd_texts, *plain, *odd_numbers]), tmp_path)


def test_row_without_cells_equals_cell_by_cell(tmp_path):
    """XlsxWriter writes nothing for a row whose values are all unknown."""
    rows = [{"text": text} for text in ("a", None, None, "b", "", "c", None)]
    table = make_table(rows)
    assert_equal_both_ways(replace(table, columns=table.columns[:1]), tmp_path)


def test_every_character_equals_cell_by_cell(tmp_path):
    """Which characters need an escape or a preserved blank is XlsxWriter's decision, not ours."""
    characters = [chr(n) for n in (*range(0x2100), *range(0x2FF0, 0x3010), *range(0xFE00, 0x10010))]
    table = make_table([{"text": f"{c}a", "code": f"a{c}", "mono": f"a{c}b"} for c in characters])
    bulk = write_file(tmp_path / "bulk.xlsx", table, write_in_bulk)
    cell_by_cell = write_file(tmp_path / "cells.xlsx", table, write_each_cell)
    assert read_sheet_xml(bulk) == read_sheet_xml(cell_by_cell)


class CountingWorksheet(Worksheet):
    """Counts the cells that XlsxWriter was called for."""

    calls = 0

    def write_string(self, *cell):
        """Count and write."""
        CountingWorksheet.calls += 1
        return super().write_string(*cell)


def make_plain_table(rows: int) -> SheetTable:
    """Return a table without anything unusual."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    return make_table(
        [
            dict(
                *({kind: f"{kind} {n}" for kind in ("text", "wrapped", "code", "mono")},),
                count=n,
                money=n * 7919 - 10_000,
                currency=("NOK", "EUR")[n % 2],
                flag=n % 3 == 0,
                link=LINK if n % 2 else None,
                moment=at + timedelta(seconds=61 * n),
                day=20_000 + n % 31,
                date=at.date(),
            )
            for n in range(rows)
        ]
    )


def test_rows_are_written_in_bulk(tmp_path):
    """If a new XlsxWriter writes rows in another way, reports are right but slow: this test fails."""
    table = make_plain_table(ROWS_PER_SLICE + 10)
    table = replace(table, columns=table.columns[3:7])
    CountingWorksheet.calls = 0
    bulk = write_file(tmp_path / "bulk.xlsx", table, write_in_bulk, CountingWorksheet)
    assert CountingWorksheet.calls < 3 * len(table.columns)
    cell_by_cell = write_file(tmp_path / "cells.xlsx", table, write_each_cell)
    assert read_sheet_xml(bulk) == read_sheet_xml(cell_by_cell)


def test_same_rows_give_the_same_bytes(tmp_path):
    """An auditor can run the report again at any time, and it must give the same file."""
    one, two = (
        write_file(tmp_path / f"{name}.xlsx", make_plain_table(50), write_in_bulk).read_bytes()
        for name in ("one", "two")
    )
    assert one == two


class OtherWorksheet(Worksheet):
    """Writes rows as a later version of XlsxWriter might: with one more attribute."""

    def _write_row(self, row, spans, *others):
        super()._write_row(row, "1:12", *others)


def test_another_form_of_rows_is_written_cell_by_cell(tmp_path):
    """One sheet must not mix two forms of rows when XlsxWriter changes its own."""
    table = make_plain_table(40)
    bulk, cell_by_cell = (
        read_sheet_xml(write_file(tmp_path / "rows.xlsx", table, write, OtherWorksheet))
        for write in (write_in_bulk, write_each_cell)
    )
    assert bulk == cell_by_cell
    assert bulk.count('spans="1:12"') == table.data.height + 2


def test_sheet_without_constant_memory_is_written_cell_by_cell(tmp_path):
    """Without constant memory XlsxWriter has no file of rows to append to."""
    table = make_plain_table(40)
    path = tmp_path / "memory.xlsx"
    with Workbook(str(path)) as workbook:
        worksheet = workbook.add_worksheet("Rows")
        assert not can_append_rows(worksheet)
        write_rows(
            worksheet, 1, table, build_row_formats(table, WorkbookFormats(workbook), suffix=True)
        )
    values = [
        cell.value for row in load_workbook(path)["Rows"].iter_rows(min_row=2) for cell in row
    ]
    bulk = load_workbook(write_file(tmp_path / "bulk.xlsx", table, write_in_bulk))["Rows"]
    assert values == [cell.value for row in bulk.iter_rows(min_row=2, max_row=41) for cell in row]


@pytest.mark.parametrize(
    "dtypes",
    [{"money": pl.Float64}, {"count": pl.Decimal(20, 2)}, {"count": pl.UInt64}, {"day": pl.Null}],
    ids=str,
)
def test_column_of_another_type_equals_cell_by_cell(dtypes, tmp_path):
    """A frame of one's own may hold amounts in another type than the schema's."""
    rows = [{name: 5 for name, dtype in dtypes.items() if dtype != pl.Null} | {"text": "a"}] * 3
    assert_equal_both_ways(make_table(rows, dtypes), tmp_path)


@pytest.mark.office
@pytest.mark.nightly
@pytest.mark.skipif(
    shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed here"
)
def test_libreoffice_reads_the_same_cells(tmp_path):
    """A spreadsheet program must lose nothing of rows written in bulk."""
    rows = [{"text": text, "code": text, "currency": "NOK"} for text in ODD_TEXTS]
    table = make_table([*make_plain_table(300).data.to_dicts(), *rows])
    paths = [
        write_file(tmp_path / f"{write.__name__}.xlsx", table, write)
        for write in (write_in_bulk, write_each_cell)
    ]
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    out = tmp_path / "out"
    subprocess.run(
        [
            *("soffice", profile, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML"),
            *("--outdir", str(out), *map(str, paths)),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    bulk, cell_by_cell = (read_cells(out / path.name) for path in paths)
    assert bulk == cell_by_cell
    assert len(bulk) > 300 * len(KINDS)
    values = {value for _, value, *_ in bulk}
    assert values >= {"text 299", "=1+1", "  a", "two\nlines", "&amp;", "Ærlig 💶 日本"}
