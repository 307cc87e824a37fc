"""Test the rows one by one: which are rejected and why, which are kept, and that none is lost."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.sources.conftest import Writer
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError, InputError, SourceError
from vippsrecon.sources import OrderFiles, read_orders

HEAD = "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at"
GOOD = "123456,ord-000001,1001,NOK,499.00,0.00,fulfilled,2026-01-03T10:00:00+01:00,"


def read(write: Writer, *lines: str, **options: object) -> OrderFiles:
    """Read a plain export of these rows, a good one first."""
    return read_orders(write("\n".join([HEAD, GOOD, *lines]) + "\n"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "column", "value", "reason"),
    [
        ("123456,ord-2xxx,2,NOK,4.5055,,open,,", "total", "4.5055", "has more decimals than NOK has (2)"),
        ("123456,ord-2xxx,2,NOK,4.505,,open,,", "total", "4.505", "three digits after its only mark"),
        ("123456,ord-2xxx,2,NOK,-4.50,,open,,", "total", "-4.50", "is negative"),
        ("123456,ord-2xxx,2,NOK,,,open,,", "total", None, "is missing"),
        ("123456,ord-2xxx,2,NOK,abc,,open,,", "total", "abc", "is not an amount with a decimal point"),
        ("123456,ord-2xxx,2,NOK,1e5,,open,,", "total", "1e5", "is not an amount with a decimal point"),
        ("123456,ord-2xxx,2,NOK,99999999999999,,open,,", "total", "99999999999999", "has more than fifteen digits"),
        ("123456,ord-2xxx,2,NOK,5,-1,open,,", "refunded", "-1", "is negative"),
        ("123456,ord-2xxx,2,NOK,5,1.001,open,,", "refunded", "1.001", "three digits after its only mark"),
        ("123456,ord-2xxx,2,XXX,5,,open,,", "currency", "XXX", "is not a currency of Vipps MobilePay"),
        ("12-34,ord-2xxx,2,NOK,5,,open,,", "msn", "12-34", "is not a merchant serial number"),
        ("123456,ord-2xxx,2,NOK,5,,open,31.02.2026,", "ordered_at", "31.02.2026", "is not a date or time"),
        ("123456,ord-2xxx,2,NOK,5,,open,2026-02-31,", "ordered_at", "2026-02-31", "is not a date or time"),
        ("123456,ord-2xxx,2,NOK,5,,open,,yesterday", "fulfilled_at", None, "is not a date or time"),
        (f"123456,{'r' * 65},2,NOK,5,,open,,", "reference", "r" * 65, "is longer than the 64 characters"),
        ("123456,ord-2xxx,2,NOK", None, None, "is it cut off?"),
        ("123456,ord-2xxx,2,NOK,5,,open,,,more", None, None, "10 cells"),
        ('123456,"ord"-2xxx,2,NOK,5,,open,,', None, None, "quotation marks"),
    ],
    ids=lambda value: str(value)[:40] if value and "," in str(value) else "",
)  # fmt: skip
def test_invalid_row_is_rejected_and_the_others_are_read(
    write: Writer, line: str, column: str | None, value: str | None, reason: str
):
    """An accountant must find the cell: file, line, heading, content and reason.

    A word in place of a date may be a name, so it is not shown.
    """
    got = read(write, line, "123456,ord-000003,1003,NOK,1.00,,open,,")
    assert list(got.orders["reference"]) == ["ord-000001", "ord-000003"]
    (reject,) = got.rejects.astype(object).where(got.rejects.notna(), None).to_dict("records")
    assert (reject["source_file"], reject["source_row"]) == ("orders.csv", 3)
    assert reject["column"] == column
    assert (reject["value"] or None) == value
    assert reason in reject["reason"]
    (reading,) = got.files
    assert reading.rows == 3 == reading.orders + reading.rejected


def test_exact_duplicates_are_reduced_to_one_row(write: Writer):
    """An identical row would double the sum; if any value differs, the reconciliation decides."""
    got = read(write, GOOD, GOOD.replace("499.00", "498.00"))
    assert list(got.orders["total_minor"]) == [49900, 49800]
    assert list(got.rejects["source_row"]) == [3]


def test_exact_duplicates_in_two_files_both_stay(write: Writer):
    """Exports often overlap: the reconciliation decides about one order seen at two times."""
    first, second = write(f"{HEAD}\n{GOOD}\n", "a.csv"), write(f"{HEAD}\n{GOOD}\n", "b.csv")
    os.utime(first, (1_700_000_000, 1_700_000_000))
    os.utime(second, (1_700_086_400, 1_700_086_400))
    got = read_orders([first, second])
    assert list(got.orders["source_file"]) == ["a.csv", "b.csv"]
    assert [reading.rejected for reading in got.files] == [0, 0]
    assert got.orders["exported_at_guessed"].all()
    stated = read_orders([first, second], exported_at=datetime(2026, 11, 1, tzinfo=UTC))
    assert not stated.orders["exported_at_guessed"].any()


def test_two_files_of_one_name_are_refused(write: Writer, tmp_path: Path):
    """A row is identified by file name and line, so two files must not have the same name."""
    (tmp_path / "other").mkdir()
    paths = [write(f"{HEAD}\n{GOOD}\n"), write(f"{HEAD}\n{GOOD}\n", "other/orders.csv")]
    with pytest.raises(SourceError, match="rename one"):
        read_orders(paths)


@pytest.mark.parametrize(
    "reference", ["1E+11", "1,00E+11", "17", "#71733.1"], ids=["1E+11", "comma", "short", "manual"]
)
def test_unusual_reference_is_kept_and_noted(write: Writer, reference: str):
    """Only a comparison with Vipps MobilePay can show if a spreadsheet damaged the reference."""
    got = read(write, f'123456,"{reference}",1002,NOK,1.00,,open,,')
    assert list(got.orders["reference"]) == ["ord-000001", reference]
    assert any(reference in note for note in got.files[0].notes)


@pytest.mark.parametrize("cell", ["'000000123", '"=""000000123"""'], ids=["apostrophe", "formula"])
def test_apostrophe_before_an_id_is_removed(write: Writer, cell: str):
    """Shops write `'0012` so that Excel keeps the zeros; the apostrophe is not part of the id."""
    got = read(write, f"123456,{cell},1002,NOK,1.00,,open,,")
    assert got.orders["reference"][1] == "000000123"


@pytest.mark.parametrize(
    ("text", "moment", "day"),
    [
        pytest.param("2026-10-25 02:30", "2026-10-25T00:30:00Z", "2026-10-25", id="first of the hour twice"),
        pytest.param("2026-03-29 02:30", "2026-03-29T01:30:00Z", "2026-03-29", id="hour that is not"),
        pytest.param("2026-01-31T23:30:00Z", "2026-01-31T23:30:00Z", "2026-02-01", id="next day here"),
        pytest.param("2026-01-31", "2026-01-30T23:00:00Z", "2026-01-31", id="a day"),
        pytest.param("2026-07-01 12:00:00.123456", "2026-07-01T10:00:00.123456Z", "2026-07-01", id="summer"),
        pytest.param("2026-01-31 23:30 +0530", "2026-01-31T18:00:00Z", "2026-01-31", id="offset"),
    ],
)  # fmt: skip
def test_times_and_their_local_days(write: Writer, text: str, moment: str, day: str):
    """A time without an offset is in the sales unit's time zone, and so are the days."""
    got = read(
        write, f"123456,ord-000002,1002,NOK,1.00,,open,{text},", units=(SalesUnit("123456"),)
    )
    order = got.orders.iloc[1]
    assert order["ordered_at"] == pd.Timestamp(moment)
    assert order["ordered_day"] == (date.fromisoformat(day) - date(1970, 1, 1)).days


def test_order_day_is_in_the_sales_units_zone(write: Writer):
    """23:30 in Oslo is the next day in Helsinki."""
    units = (SalesUnit("123456"), SalesUnit("654321", market="FI"))
    got = read(write, "654321,ord-000002,2,EUR,1.00,,open,2026-01-31T22:30:00Z,", units=units)
    assert got.orders["ordered_day"][1] == (date(2026, 2, 1) - date(1970, 1, 1)).days


def test_unknown_is_not_zero(write: Writer):
    """An export without a refunds column does not state that nothing was refunded."""
    path = write("reference,currency,total\nord-000001,NOK,5\n")
    got = read_orders(path, default_msn="123456")
    assert got.orders["refunded_minor"].isna().all()
    assert any("refunded" in note for note in got.files[0].notes)


def test_multi_line_cells_keep_the_lines_of_later_rows(write: Writer):
    """The line number is where a text editor shows the row."""
    path = write('reference,currency,total,note\nord-000001,NOK,5,"a\nb\nc"\n\nord-000002,NOK,x,\n')
    got = read_orders(path, default_msn="123456")
    assert list(got.orders["source_row"]) == [2]
    assert list(got.rejects["source_row"]) == [6]


@pytest.mark.parametrize(
    ("units", "default", "names"),
    [
        ((), None, "VIPPS_MSN"),
        ((SalesUnit("111111", market="NO"), SalesUnit("222222", market="NO")), None, "stores"),
    ],
    ids=["none configured", "several and no store"],
)
def test_missing_sales_unit_names_the_setting(
    write: Writer, units: tuple[SalesUnit, ...], default: str | None, names: str
):
    """An order must not be compared with the payments of another sales unit."""
    path = write("reference,currency,total\nord-000001,NOK,5\n")
    with pytest.raises(SourceError, match=names):
        read_orders(path, units=units, default_msn=default)


def test_currency_decides_the_sales_unit_if_it_is_unique(write: Writer):
    """One shop with one sales unit in each country: the currency decides which one."""
    units = (SalesUnit("111111", market="NO"), SalesUnit("222222", market="DK"))
    path = write("reference,currency,total\nord-000001,DKK,5\nord-000002,NOK,5\nord-000003,EUR,5\n")
    got = read_orders(path, units=units)
    assert list(got.orders["msn"]) == ["222222", "111111"]
    assert list(got.rejects["source_row"]) == [4]


def test_missing_currency_names_the_setting(write: Writer):
    """If kroner was assumed, euro amounts could be compared with kroner."""
    with pytest.raises(SourceError, match="currency"):
        read_orders(write("reference,total\nord-000001,5\n"), default_msn="123456")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("ord-1xxx;NOK;1.234,50\nord-2xxx;NOK;99,00\n", "decimal = ','"),
        ("ord-1xxx;NOK;499,00\n", "decimal = ','"),
    ],
    ids=["with groups", "one row"],
)
def test_amounts_with_the_other_decimal_mark_refuse_the_file(write: Writer, body: str, names: str):
    """`12.500` in the wrong profile would be wrong by a factor of a thousand, so it is refused."""
    with pytest.raises(SourceError, match=names):
        read_orders(write(f"reference;currency;total\n{body}"), default_msn="123456")


@pytest.mark.parametrize(
    ("cells", "minor"),
    [
        (["1.234,50", "12"], [123450, 1200]),
        (["1234.50", "12"], [123450, 1200]),
        (["12", "13"], [1200, 1300]),
    ],
    ids=["comma", "point", "whole"],
)
def test_decimal_mark_is_decided_for_the_whole_column(
    write: Writer, cells: list[str], minor: list[int]
):
    """The whole column decides, never one cell."""
    own = write('extends = "plain"\n[amounts]\ndecimal = "auto"\ngroups = ".,"\n', "own.toml")
    body = "".join(f"ord-{n:05d};NOK;{cell}\n" for n, cell in enumerate(cells))
    got = read_orders(write(f"reference;currency;total\n{body}"), mapping=own, default_msn="123456")
    assert list(got.orders["total_minor"]) == minor


def test_ambiguous_decimal_mark_is_refused(write: Writer):
    """`12.500` alone may mean twelve and a half, or twelve thousand five hundred."""
    own = write('extends = "plain"\n[amounts]\ndecimal = "auto"\ngroups = ".,"\n', "own.toml")
    path = write("reference;currency;total\nord-00001;NOK;12.500\n")
    with pytest.raises(SourceError, match="it is not clear"):
        read_orders(path, mapping=own, default_msn="123456")


def test_export_time_is_the_argument_or_the_file_time(write: Writer):
    """Orders and payments are compared at one time, so a note states where that time comes from."""
    path = write(f"{HEAD}\n{GOOD}\n")
    os.utime(path, (1_767_600_000.9, 1_767_600_000.9))
    exported_at = datetime(2026, 1, 31, 7, tzinfo=UTC)
    assert read_orders(path).files[0].exported_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    got = read_orders(path, exported_at=exported_at)
    assert (got.files[0].exported_at, got.files[0].exported_at_from) == (exported_at, "argument")
    assert list(got.orders["exported_at"]) == [pd.Timestamp(exported_at)]
    with pytest.raises(InputError, match="time zone"):
        read_orders(path, exported_at=exported_at.replace(tzinfo=None))


def test_order_of_files_does_not_change_the_orders(write: Writer):
    """The same input in another order must give the same report."""
    first = write(f"{HEAD}\n{GOOD}\n", "a.csv")
    second = write(f"{HEAD}\n{GOOD}\n{GOOD.replace('000001', '000002')}\n", "b.csv")
    for path in (first, second):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    in_order, back = read_orders([first, second]), read_orders([second, first])
    pd.testing.assert_frame_equal(in_order.orders, back.orders)
    pd.testing.assert_frame_equal(in_order.rejects, back.rejects)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense = 1",
        "dates = 5",
        'dates = ["%d.%m"]',
        'dates = ["%Y-%q"]',
        '[columns]\ncolour = ["x"]',
        '[amounts]\ndecimal = ";"',
        '[statuses]\nlost = ["x"]',
        'extends = "nowhere"',
        "not toml",
    ],
)
def test_invalid_mapping_is_named(write: Writer, text: str):
    """A misspelt key must not be ignored."""
    own = write(text, "own.toml")
    with pytest.raises(ConfigurationError, match=r"mapping|date pattern|shop"):
        read_orders(write(f"{HEAD}\n{GOOD}\n"), mapping=own)
