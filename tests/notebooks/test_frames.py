"""Result frames converted for pandas and Excel, and the recipes of the documentation."""

from __future__ import annotations

import io
import re
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from openpyxl import load_workbook

from tests.report.example_results import make_month
from vippsrecon import SalesUnit, for_excel, in_major, local_time
from vippsrecon.errors import InputError
from vippsrecon.schemas import DISCREPANCIES, ORDERS, PAYMENTS


@pytest.fixture(scope="module")
def result():
    """Return a month in two currencies."""
    return make_month().reconciliation()


FRAMES = ["orders", "payments", "events", "failures", "rejects", "discrepancies", "buckets",
          "summary", "bridge", "groups"]  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_can_be_written_to_excel(result, name):
    """The cells hold numbers, times and dates, not their texts."""
    frame = getattr(result, name)
    before = frame.copy()
    book = io.BytesIO()
    for_excel(frame).to_excel(book, index=False)
    sheet = load_workbook(book).active
    columns = {column[0].value: [cell.value for cell in column[1:]] for column in sheet.columns}

    assert not [column for column in columns if column.endswith("_minor")]
    for column in [column for column in frame.columns if column.endswith("_minor")]:
        major = column.removesuffix("_minor")
        cells = columns[f"{major}_amount" if major in frame.columns else major]
        expected = [None if pd.isna(minor) else minor / 100 for minor in frame[column]]
        assert cells == expected
    for column in [column for column in frame.columns if column.endswith("_at")]:
        assert all(cell is None or isinstance(cell, datetime) for cell in columns[column])
    pd.testing.assert_frame_equal(frame, before)


def test_amounts_are_exact_in_the_currency_of_their_row(result):
    """The sums of the copy are those of the frame, to the øre."""
    payments = in_major(result.payments)
    sums = payments.groupby("currency")["captured"].sum()
    minor = result.payments.groupby("currency")["captured_minor"].sum()

    assert all(isinstance(amount, Decimal) for amount in payments["captured"])
    assert sums.to_dict() == {
        currency: Decimal(int(total)) / 100 for currency, total in minor.items()
    }
    discrepancies = in_major(result.discrepancies)
    unknown = result.discrepancies["actual_minor"].isna()
    assert discrepancies["actual"].isna().tolist() == unknown.tolist()
    assert list(discrepancies.columns) == [
        "proposal_amount" if name == "proposal_minor" else name.removesuffix("_minor")
        for name in DISCREPANCIES.names
    ]


def test_amounts_after_a_groupby_take_the_currency_of_the_index(result):
    """A sum by currency has the currency in its index."""
    grouped = result.payments.groupby(["currency", "state"])[["captured_minor"]].sum()

    assert in_major(grouped)["captured"].map(type).unique().tolist() == [Decimal]
    with pytest.raises(InputError, match="neither a column nor an index level currency"):
        in_major(result.payments.groupby("state")[["captured_minor"]].sum())


@pytest.mark.parametrize(
    ("numbers", "in_file", "merged"),
    [
        pytest.param(["1001", "1002"], "1001\n1002", 2, id="numbers"),
        pytest.param(["1001", None], "1001\n1002", 1, id="numbers and unknown"),
        pytest.param(["#1001", "1002"], "#1001\n1002", 2, id="text"),
        pytest.param(["007", "8"], '"#7"\n8', 1, id="leading zeros stay"),
    ],
)
def test_order_numbers_can_be_merged_with_a_file_of_the_shop(numbers, in_file, merged):
    """`read_csv` makes numbers of order numbers, and pandas refuses to merge text with numbers."""
    orders = pd.DataFrame({"order_number": pd.Series(numbers, dtype="string[pyarrow]")})
    shop = pd.read_csv(io.StringIO(f"order_number\n{in_file}\n"))

    for convert in (in_major, local_time, for_excel):
        assert len(convert(orders).dropna().merge(shop, on="order_number")) == merged
    assert "007" not in numbers or in_major(orders)["order_number"].tolist() == numbers


def test_times_are_local_to_each_row(result):
    """Payments just after midnight belong to the next month, in the zone of their sales unit."""
    midnight = pd.Timestamp("2026-10-31T22:30:00Z")
    frame = result.payments.head(3).assign(
        created_at=midnight, msn=["1", "2", "3"], currency=["NOK", "EUR", "DKK"]
    )
    frame = frame.set_axis([7, 7, 9])  # labels that repeat

    local = local_time(frame)["created_at"]
    assert local.to_list() == [
        pd.Timestamp("2026-10-31 23:30"),
        pd.Timestamp("2026-11-01 00:30"),
        pd.Timestamp("2026-10-31 23:30"),
    ]
    assert local.index.tolist() == [7, 7, 9]
    assert local.dt.to_period("M").astype(str).tolist() == ["2026-10", "2026-11", "2026-10"]
    units = [SalesUnit("1", market="FI"), SalesUnit("2", market="FI"), SalesUnit("3", market="NO")]
    assert local_time(frame, units)["created_at"].dt.month.tolist() == [11, 11, 10]
    assert local_time(frame, "Asia/Tokyo")["created_at"].dt.day.tolist() == [1, 1, 1]


def test_times_without_a_known_zone_are_refused():
    """A wrong zone would move payments to another day without a word."""
    frame = pd.DataFrame({"at": pd.to_datetime(["2026-10-31T22:30:00Z"])})
    for zone, message in (
        (None, "no currency, which says the time zone"),
        ("Europe/Olso", "'Europe/Olso', which is not known"),
        ([SalesUnit("1", market="NO")], "no msn"),
    ):
        with pytest.raises(InputError, match=message):
            local_time(frame, zone)
    with pytest.raises(InputError, match="no time zone is known for currency USD"):
        local_time(frame.assign(currency="USD"))
    taken = {"currency": ["NOK"], "total_minor": [1], "total": [1], "total_amount": [1]}
    with pytest.raises(InputError, match="has total_minor, total and total_amount"):
        in_major(pd.DataFrame(taken))
    with pytest.raises(InputError, match="more digits than Excel stores"):
        for_excel(pd.DataFrame({"currency": ["NOK"], "total_minor": [10**15]}))
    with pytest.raises(InputError, match="is not a frame"):
        in_major([1])


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_frames_of_other_libraries_are_converted_too(make):
    """Dates are dates in Excel, and a text that starts as a formula does stays text."""
    rows = {
        "currency": ["NOK", "NOK"],
        "amount_minor": [1999, None],
        "booked_date": [date(2026, 10, 31), None],
        "note": ["=HYPERLINK(1)", None],
    }
    book = io.BytesIO()
    for_excel(make(rows)).to_excel(book, index=False)
    heads, first, second = load_workbook(book).active.iter_rows(values_only=True)

    assert heads == ("currency", "amount", "booked_date", "note")
    assert first == ("NOK", 19.99, pd.Timestamp("2026-10-31"), "'=HYPERLINK(1)")
    assert second == ("NOK", None, None, None)
    assert local_time(make(rows))["booked_date"].dt.to_period("M")[0] == pd.Period("2026-10")


@pytest.mark.parametrize("frame", [ORDERS, PAYMENTS, DISCREPANCIES], ids=lambda f: f.name)
def test_empty_frames_are_converted(frame):
    """A month without discrepancies is no error."""
    for convert in (in_major, local_time, for_excel):
        assert convert(frame.empty()).empty


@pytest.mark.ci
def test_the_ten_recipes_run_as_printed(root, tmp_path, monkeypatch):
    """Each recipe gives what its heading says."""
    monkeypatch.chdir(tmp_path)
    page = (root / "docs" / "how-to" / "pandas.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^## \d+\. ", page, re.MULTILINE)) == 10
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    result = names["result"]

    assert sorted(path.name for path in tmp_path.iterdir()) == ["discrepancies.xlsx", "month.xlsx"]
    assert load_workbook("discrepancies.xlsx").active.max_row == len(result.discrepancies) + 1
    assert load_workbook("month.xlsx").sheetnames == ["Payments", "Events"]
    assert len(names["beside"]) >= result.orders["order_number"].nunique()
    captured = result.events.query("name == 'CAPTURED' and success")
    total = Decimal(int(captured["amount_minor"].sum())) / 100
    assert names["per_month"].sum() == total
    assert names["per_day"].xs("CAPTURED", axis=1, level="name").sum().sum() == total
    at_risk = Decimal(int(result.discrepancies["at_risk_minor"].sum())) / 100
    assert names["at_risk"]["at_risk"].sum() == at_risk
    assert names["counts"].sum().sum() == len(result.discrepancies)
    assert (names["reserved"]["open"] > 0).all()
    assert len(names["reserved"]) > 0
    assert names["history"]["reference"].unique().tolist() == names["worst"]["reference"].tolist()
    assert names["files"].rejects.empty
    assert len(names["files"].orders) == len(names["own"])
