"""Orders in a user's own frame are read as an export in the plain form is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from vippsrecon import preview, read_orders
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import InputError, SourceError
from vippsrecon.scenario import write_month

UNITS = (SalesUnit("123456", market="NO"),)
AT = datetime(2026, 10, 31, 12, tzinfo=UTC)
ROWS = {
    "reference": ["order-0001", "order-0002", "order-0003"],
    "currency": ["NOK", "NOK", "NOK"],
    "total": [Decimal("499.50"), Decimal("12"), Decimal("0.30")],
}


def read(data, **options):
    """Read with one sales unit, as of one time."""
    return read_orders(data, units=UNITS, exported_at=AT, **options)


def to_csv(write, data):
    """Write a pandas frame as a file in the plain form."""
    return write(data.to_csv(index=False), "frame")


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table], ids=lambda make: make.__name__
)
def test_every_library_gives_the_rows_of_a_file(make, write):
    """A frame of three columns is filled as the same CSV is, hashes apart."""
    expected = read(to_csv(write, pd.DataFrame(ROWS)))
    frame = read(make(ROWS))

    differing = ["source_row"]  # a file's heading is row 1
    pd.testing.assert_frame_equal(
        frame.orders.drop(columns=differing), expected.orders.drop(columns=differing)
    )
    assert frame.orders["source_row"].to_list() == [1, 2, 3]
    assert frame.files[0].sha256 == read(pd.DataFrame(ROWS)).files[0].sha256


@pytest.mark.parametrize(
    ("totals", "minor"),
    [
        (["499.50", "12", "0.3"], [49950, 1200, 30]),
        ([499, 12, 0], [49900, 1200, 0]),
        ([499.5, 3 * 19.9, 0.1 + 0.2], [49950, 5970, 30]),
    ],
    ids=["text", "whole", "float"],
)
def test_major_units_may_have_any_exact_type(totals, minor):
    """Floats count with the 15 digits that Excel shows."""
    assert read(pd.DataFrame(ROWS | {"total": totals})).orders["total_minor"].to_list() == minor


@pytest.mark.parametrize(
    ("total", "value", "reason"),
    [
        (12.345, "12.345", "has more decimals than NOK has"),
        (19.9 + 1e-9, "19.900000001", "has more decimals"),
        (float("inf"), "inf", "is not an amount"),
        (float("nan"), "", "is missing"),
        (Decimal("-1.50"), "-1.5", "is negative"),
        (Decimal("1E+20"), "1" + "0" * 20, "more than fifteen digits"),
        ("1.234,50", "1.234,50", "is not an amount with a decimal point"),
    ],
)
def test_reject_names_column_row_and_value(total, value, reason):
    """The other rows are read."""
    frame = pd.DataFrame(ROWS | {"total": pd.Series([Decimal(1), total, Decimal(2)], dtype=object)})
    result = read(frame)

    assert result.orders["source_row"].to_list() == [1, 3]
    (reject,) = result.rejects.fillna("").to_dict("records")
    assert (reject["source_file"], reject["source_row"]) == ("frame", 2)
    assert (reject["column"], reject["value"]) == ("total", value)
    assert reason in reject["reason"]


def test_minor_units_are_whole_numbers():
    """`total_minor` is not divided, and a fraction of an øre is refused with its value."""
    frame = pd.DataFrame(ROWS).drop(columns="total")
    result = read(frame.assign(total_minor=[49950, 1200.5, 30], refunded_minor=[100, 0, None]))

    assert result.orders["total_minor"].to_list() == [49950, 30]
    assert result.orders["refunded_minor"].to_list() == [100, 0]
    assert result.rejects[["column", "value"]].to_numpy().tolist() == [["total_minor", "1200.5"]]


def test_numbers_times_and_missing_values_are_read_as_meant():
    """Sales units become text, midnight a day, and an index level a column."""
    frame = pd.DataFrame(ROWS).assign(
        msn=[123456.0, None, 123456.0],
        order_number=[1001, 1002, None],
        fulfilled_at=pd.to_datetime(["2026-10-01", "2026-10-02", None]),
        paid=[True, False, None],
    )
    orders = read(frame.set_index("reference")).orders

    assert orders["msn"].to_list() == ["123456"] * 3
    assert orders["order_number"].fillna("").to_list() == ["1001", "1002", ""]
    assert orders["fulfilled_at"][0] == pd.Timestamp("2026-10-01 21:59:59.999999", tz="UTC")
    assert orders["paid"].to_list() == ["yes", "no", "unknown"]
    assert orders["dates_without_time"].to_list() == [True, True, False]


def test_unusable_frame_is_refused_with_what_it_needs():
    """Each error names what is wrong and what to do."""
    frame = pd.DataFrame(ROWS)
    for data, message in (
        (frame.rename(columns={"total": "sum of it"}), "needs the columns reference, currency and"),
        (frame.assign(total_minor=1), "total and total_minor hold the same amount"),
        (read(frame).orders, "is read already"),
    ):
        with pytest.raises(SourceError, match=message):
            read(data)
    doubled = pd.concat([frame, frame[["total"]]], axis=1)
    for data, message in (
        (5, "a int is neither"),
        (ROWS, "a dict is neither.*Make a frame"),
        (frame["reference"], "a Series is neither.*Make a frame"),
        (doubled, "several columns with the name total"),
        (frame.head(0), "it has no rows"),
    ):
        with pytest.raises(InputError, match=message):
            read(data)


def test_several_frames_have_names_and_can_be_previewed():
    """Rows are known by the frame's name and their number."""
    files = read([pd.DataFrame(ROWS), pl.DataFrame(ROWS)])

    assert files.orders["source_file"].unique().tolist() == ["frame 1", "frame 2"]
    (entry,) = preview(pd.DataFrame(ROWS), units=UNITS)["files"]
    assert entry["totals"]["NOK"]["total_minor"] == 49950 + 1200 + 30


def test_frame_of_an_export_gives_what_the_file_gives(tmp_path):
    """An invented month read with pandas as text is the same month."""
    write_month(tmp_path, payments=60, seed=3, shop="plain")
    path = tmp_path / "orders.csv"
    from_file = read(path)
    from_frame = read(pd.read_csv(path, dtype="str"))

    place = ["source_file", "source_row"]
    pd.testing.assert_frame_equal(
        from_frame.orders.drop(columns=place), from_file.orders.drop(columns=place)
    )
    assert len(from_frame.orders) > 50
    assert from_frame.rejects["reason"].to_list() == from_file.rejects["reason"].to_list()


def test_example_of_the_documentation_runs_as_printed(root, capsys):
    """The printed reject names row, column, value and reason."""
    page = (root / "docs" / "order-exports.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(block, {})

    assert re.search(r"2\s+total\s+12\.345\s+has more decimals", capsys.readouterr().out)


def test_frame_without_a_sales_unit_is_told_every_way_to_name_it():
    """A notebook has no environment variables, and a frame may have a column."""
    frame = pd.DataFrame({"reference": ["order-0001"], "currency": ["NOK"], "total": ["10.00"]})

    with pytest.raises(SourceError, match=r"column msn, set VIPPS_MSN, or .* units=\["):
        read_orders(frame, units=())
