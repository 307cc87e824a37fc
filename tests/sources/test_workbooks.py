"""Test Excel workbooks: numbers, dates, text that looks like them, and unusual files."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.sources.conftest import Writer
from vippsrecon.sources import read_orders
from vippsrecon.sources.files.workbook.cell_texts import format_cell, format_cells

NEAR_MIDNIGHT = dt.datetime.fromisoformat("2026-01-31T23:30")
HEAD = ("reference", "currency", "total", "refunded", "ordered_at", "order_number")


def test_workbook_numbers_and_dates_need_no_profile(write: Writer, write_xlsx: Writer):
    """A number cell is a number, whatever decimal mark the profile has for text."""
    own = write('extends = "plain"\n[amounts]\ndecimal = ","\n', "own.toml")
    path = write_xlsx(
        [
            HEAD,
            ("ord-000001", "NOK", 1234.5, "10,25", NEAR_MIDNIGHT, 1001),
            ("ord-000002", "NOK", 0.301, None, dt.date(2026, 1, 31), "1002"),
            ("ord-000003", "NOK", "1234.5", None, None, None),
        ]
    )
    got = read_orders(path, mapping=own, default_msn="123456")
    assert list(got.orders["total_minor"]) == [123450]
    assert list(got.orders["refunded_minor"]) == [1025]
    assert got.orders["ordered_at"][0] == pd.Timestamp("2026-01-31T22:30:00Z")
    assert list(got.orders["order_number"]) == ["1001"]
    reasons = dict(zip(got.rejects["source_row"], got.rejects["reason"], strict=True))
    assert reasons == {
        3: "has more decimals than NOK has (2)",
        4: "is not an amount with a decimal comma",
    }
    assert list(got.rejects["value"]) == ["0.301", "1234.5"]


def test_a_reference_stored_as_a_number_keeps_its_digits(write_xlsx: Writer):
    """Excel stores 100000000000 and shows 1E+11, so no digit is lost."""
    got = read_orders(
        write_xlsx([HEAD, (100000000000, "NOK", 5), (123456789, "NOK", 5)]), default_msn="123456"
    )
    assert list(got.orders["reference"]) == ["100000000000", "123456789"]


def test_sheet_rows_are_counted_as_excel_shows_them(write_xlsx: Writer):
    """Blank rows above or between do not change the row numbers."""
    got = read_orders(
        write_xlsx([(), HEAD, (), ("ord-000001", "NOK", 5), (), ("ord-000002", "NOK", "x")]),
        default_msn="123456",
    )
    assert list(got.orders["source_row"]) == [4]
    assert list(got.rejects["source_row"]) == [6]


def test_openpyxl_reads_what_calamine_refuses(write_xlsx: Writer, monkeypatch: pytest.MonkeyPatch):
    """One reader refuses some workbooks that the other reads; both give the same orders."""
    rows = [
        (*HEAD, "fulfilled_at"),
        ("ord-000001", "NOK", 12.5, 0, NEAR_MIDNIGHT, 7, dt.date(2026, 2, 1)),
        ("ord-000002", "NOK", 12.5, 2, NEAR_MIDNIGHT, 8, NEAR_MIDNIGHT),
        ("ord-000003", "NOK", 12.5, "=1+1", NEAR_MIDNIGHT, 9, NEAR_MIDNIGHT),
    ]
    path = write_xlsx(rows)
    usual = read_orders(path, default_msn="123456")
    assert usual.orders["dates_without_time"].tolist() == [True, False]
    assert usual.rejects["source_row"].tolist() == [4]  # a formula that nobody computed
    monkeypatch.setattr("python_calamine.CalamineWorkbook.from_path", None)
    by_openpyxl = read_orders(path, default_msn="123456")
    pd.testing.assert_frame_equal(by_openpyxl.orders, usual.orders)
    pd.testing.assert_frame_equal(by_openpyxl.rejects, usual.rejects)


def test_false_size_in_the_archive_is_detected(write_xlsx: Writer, tmp_path: Path):
    """The limits use the sizes that the archive states.

    If these are false, the checksum is wrong.
    """
    path = write_xlsx([HEAD, ("ord-000001", "NOK", 5)])
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.start_dir
    content[place + 24 : place + 28] = (1).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        read_orders(path, default_msn="123456")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (True, "true"), (12, "\x0112"), (1e15, "\x011000000000000000"), (1e22, "\x0110000000000000000000000"), (2.0**60, "\x011152921504606847000"), (1.5e-7, "\x010.00000015"),
        (float("inf"), "\x01inf"), (dt.time(9, 5), "\x0109:05:00"), ("\x01x", "x"),
        (dt.timedelta(hours=1), "1:00:00"),
    ],
)  # fmt: skip
def test_cell_is_read_as_excel_shows_it(cell: object, text: str):
    """There is no exponent and no decimal that Excel does not show, and text has no number mark."""
    assert format_cell(cell) == text
    assert format_cells([cell]).to_list() == [text]


CELLS = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["\x01forged", "", 0.0, -0.0, 1e-5, 1e15, 2.0**53, 2.0**53 - 1, 1e16, 1.5e300]),
    st.floats(),
    st.integers(-(2**60), 2**60).map(lambda number: number / 100),
    st.datetimes(),
    st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    st.dates(),
)


@draw_examples(50)
@given(st.lists(CELLS, max_size=12))
def test_reading_by_column_equals_reading_by_cell(cells: list[object]):
    """The fast way must give the same numbers, dates and texts as the slow way."""
    assert format_cells(cells).to_list() == [format_cell(cell) for cell in cells]
