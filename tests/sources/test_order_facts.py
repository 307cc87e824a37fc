"""Test what an export states about an order besides its amounts, and what it cannot state."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from tests.sources.conftest import SHOPIFY, Writer, as_csv
from tests.sources.test_shops import OSLO, SHOPWARE, WOO, rows, shopify, woo
from tests.sources.test_woocommerce_rest import make_rest_order
from vippsrecon import preview
from vippsrecon.schemas import ORDERS, to_polars
from vippsrecon.sources import find_candidate_references, read_orders
from vippsrecon.sources.orders.fields.references import RULES_AFTER_NOT_FOUND

HEAD = "reference,order_number,currency,total,refunded,status,fulfilled_at,refunded_at"
UUID = "0189d5b8e0f17a0c9c2f3c8b1a2b3c4d"


def plain(write: Writer, *lines: str) -> list[dict[str, object]]:
    """Read a plain export of these lines."""
    return rows(write("\n".join([HEAD, *lines]) + "\n"))


def test_date_without_time_is_the_whole_day(write: Writer):
    """An order shipped on 4 November must not look overdue the next morning."""
    day, timed, none = plain(
        write,
        "ord-000001,1,NOK,5,1,fulfilled,2026-11-04,2026-10-25",
        "ord-000002,2,NOK,5,1,fulfilled,2026-11-04T00:00:00+01:00,2026-11-04 07:00",
        "ord-000003,3,NOK,5,1,fulfilled,,",
    )
    assert day["fulfilled_at"] == pd.Timestamp("2026-11-04T22:59:59.999999Z")
    # The clocks are put back on this day: it ends an hour later.
    assert day["refunded_at"] == pd.Timestamp("2026-10-25T22:59:59.999999Z")
    assert timed["fulfilled_at"] == pd.Timestamp("2026-11-03T23:00:00Z")
    assert [order["dates_without_time"] for order in (day, timed, none)] == [True, False, False]
    assert day["fulfilled_day"] == (dt.date(2026, 11, 4) - dt.date(1970, 1, 1)).days


def test_excel_date_cell_is_the_whole_day(write_xlsx: Writer):
    """Excel shows 04.11.2026 but stores midnight."""
    path = write_xlsx(
        [HEAD.split(","), ("ord-000001", 1, "NOK", 5, 0, "fulfilled", dt.date(2026, 11, 4), None)]
    )
    (order,) = rows(path)
    assert order["fulfilled_at"] == pd.Timestamp("2026-11-04T22:59:59.999999Z")
    assert order["dates_without_time"] is True


def test_order_date_without_time_begins_at_midnight(write: Writer):
    """Only a date from which a waiting time is counted means the end of the day."""
    path = write("reference,currency,total,ordered_at\nord-000001,NOK,5,2026-11-04\n")
    (order,) = rows(path)
    assert order["ordered_at"] == pd.Timestamp("2026-11-03T23:00:00Z")


@pytest.mark.parametrize(
    ("state", "authorization"),
    [("voided", "voided"), ("Expired", "expired"), ("paid", None), ("pending", None), ("", None)],
)
def test_shopify_states_that_an_authorization_ended(
    write: Writer, state: str, authorization: str | None
):
    """The merchant cancelled the authorization, or it expired: no money is reserved now."""
    (order,) = rows(write(as_csv(SHOPIFY, [shopify(Financial_Status=state)])))
    assert order["shop_authorization"] == authorization


@pytest.mark.parametrize(
    ("answers", "by_hand"),
    [([False], True), ([True], False), ([True, False], True), ([None], None), ([], None), (["false"], True)],
)  # fmt: skip
def test_woocommerce_refund_recorded_by_hand(
    write: Writer, answers: list[object], by_hand: bool | None
):
    """Staff can record a refund in the shop that was never sent to Vipps.

    They do so because no order status shows a partial refund.
    """
    entries = [{"id": n, "total": "-5.00", "refunded_payment": answer} for n, answer in enumerate(answers)]  # fmt: skip
    entries = [{k: v for k, v in entry.items() if v is not None} for entry in entries]
    (order,) = rows(write(json.dumps([make_rest_order(refunds=entries)]), "orders.json"))
    assert order["recorded_by_hand"] is by_hand
    assert order["refunded_minor"] == 500 * len(answers)


@pytest.mark.parametrize(
    ("cell", "by_hand"),
    [("yes", True), ("Ja", True), ("x", True), ("No", False), ("nei", False), ("0", False), ("", None)],
)  # fmt: skip
def test_plain_export_can_mark_a_refund_recorded_by_hand(
    write: Writer, cell: str, by_hand: bool | None
):
    """Any text that is not a clear "no" means recorded by hand, so no refund is proposed."""
    path = write(f"reference,currency,total,refunded,refunded_by_hand\nord-000001,NOK,5,1,{cell}\n")
    (order,) = rows(path)
    assert order["recorded_by_hand"] is by_hand


@pytest.mark.parametrize(
    ("state", "refunded"),
    [("paid", None), ("refunded_partially", None), ("refunded", 45000), ("open", None)],
)
def test_shopware_refund_states_have_no_amount(write: Writer, state: str, refunded: int | None):
    """The export has no refunds. Unknown is not zero, and only *refunded* gives the amount."""
    line = f"{UUID};10001;s;Kari;a@b.no;450;{UUID};1x;2026-10-05 10:00:00;{state};shipped"
    path = write(f"{SHOPWARE};transaction_state;delivery_state\n{line}\n")
    (order,) = rows(path)
    assert order["refunded_minor"] == refunded


@pytest.mark.parametrize(
    ("status", "amount", "refunded"),
    [("Refunded", "", 49950), ("Refunded", "-10.00", 1000), ("Completed", "", 0)],
)
def test_woocommerce_refund_amount_counts_before_the_status(
    write: Writer, status: str, amount: str, refunded: int
):
    """If the file has a refund amount, the amount is used and not the status."""
    cells = woo(Order_Status=status, Order_Refund_Amount=amount)
    order, _ = rows(write(as_csv(WOO, [cells, woo(Order_ID="2", Order_Number="2")])))
    assert order["refunded_minor"] == refunded


def test_refund_formula_without_a_value_is_a_reject(tmp_path: Path):
    """In a column that other rows fill, one cell without a value is a fault that can be repaired."""
    workbook = openpyxl.Workbook()
    for row in (
        HEAD.split(","),
        ("ord-000001", "1", "NOK", 100, "=10+10", "fulfilled"),
        ("ord-000002", "2", "NOK", 100, 5, "fulfilled"),
        ("ord-000003", "3", "NOK", 100, None, "fulfilled"),
        ("ord-000004", "4", "NOK", "=50*2", 0, "fulfilled"),
        ("=A1", "5", "NOK", 100, 0, "fulfilled"),
    ):
        workbook.active.append(row)
    workbook.save(tmp_path / "orders.xlsx")
    read = read_orders(tmp_path / "orders.xlsx", units=(OSLO,))
    assert read.orders["refunded_minor"].to_list() == [500, 0]
    reasons = dict(zip(read.rejects["source_row"], read.rejects["reason"], strict=True))
    assert list(reasons) == [2, 5, 6]
    assert (read.rejects["column"][0], read.rejects["value"][0]) == ("refunded", "=10+10")
    assert reasons[2].startswith("is a formula without a value")
    assert reasons[5].startswith("is a formula without a value")
    assert reasons[6].startswith("reference is a formula without a value")


def test_column_of_refund_formulas_without_values_is_unknown(tmp_path: Path):
    """An empty cell in a column of formulas without values does not mean zero either."""
    workbook = openpyxl.Workbook()
    for row in (HEAD.split(","), ("ord-000001", 1, "NOK", 9, "=1+1"), ("ord-000002", 2, "NOK", 9)):
        workbook.active.append(row)
    workbook.save(tmp_path / "orders.xlsx")
    read = read_orders(tmp_path / "orders.xlsx", units=(OSLO,))
    assert read.orders["refunded_minor"].isna().all()
    assert any("Orders whose refund is a formula without a value: 1" in note for note in read.files[0].notes)  # fmt: skip


def test_export_time_of_a_copied_file_is_guessed(write: Writer):
    """A copy can change the file's time, so without another source the export time is uncertain."""
    path = write(f"{HEAD}\nord-000001,1,NOK,5,0,open,,\n")
    assert rows(path)[0]["exported_at_guessed"] is True
    taken = dt.datetime(2026, 11, 5, 6, tzinfo=dt.UTC)
    assert rows(path, exported_at=taken)[0]["exported_at_guessed"] is False


DAMAGED = ["nord-000001\u200b", "\ufeffnord-000001", "nord\u2011000001", "nord\u2212000001"]
DAMAGED_ANSI = ["nord\u00ad-000001", "nord\u2013000001", "nord-\u00a0000001"]


@pytest.mark.parametrize(
    ("reference", "encoding"),
    [(text, code) for text in (*DAMAGED, *DAMAGED_ANSI) for code in ("utf-8", "utf-16")]
    + [(text, "cp1252") for text in DAMAGED_ANSI],
)
def test_repaired_reference_is_requested(write: Writer, reference: str, encoding: str):
    """It is kept unchanged, so that the report can name it. The repaired reference is requested."""
    content = f"reference;currency;total\n{reference};NOK;5\n".encode(encoding)
    read = read_orders(write(content), units=(OSLO,))
    assert read.orders["reference"].tolist() == [reference]
    candidates = find_candidate_references(to_polars(read.orders, ORDERS))
    assert candidates["candidate"].to_list() == ["nord-000001"]
    assert set(candidates["rule"]) <= RULES_AFTER_NOT_FOUND
    assert any("cannot be seen" in note for note in read.files[0].notes)


@pytest.mark.parametrize("around", [" ", "\u00a0", "\t"])
def test_spaces_around_a_reference_are_removed(write: Writer, around: str):
    """In an export, spaces around a reference are removed, as around all other values."""
    path = write(f"reference;currency;total\n{around}nord-000001{around};NOK;5\n")
    assert rows(path)[0]["reference"] == "nord-000001"


@pytest.mark.parametrize(
    "row",
    [
        {"total": "300.00"}, {"order_number": "Sum", "total": "300.00"},
        {"reference": "Totalt:", "currency": "NOK", "total": "300.00"},
        {"reference": "Yhteensä", "total": "299.00"}, {"total": "123.00"},
        {"order_number": "I alt", "currency": "NOK", "total": "300", "refunded": "0"},
    ],
)  # fmt: skip
def test_row_of_sums_is_not_an_order(write: Writer, write_xlsx: Writer, row: dict[str, str]):
    """Read as an order, it would be missing at Vipps MobilePay and put the whole month at risk."""
    headings = ["reference", "order_number", "currency", "total", "refunded", "status"]
    order_rows = [
        {"reference": f"ord-00000{n}", "order_number": str(n), "currency": "NOK",
         "total": f"{n}00.00", "refunded": "0", "status": "fulfilled"}
        for n in (1, 2)
    ]  # fmt: skip
    sheet = [[cells.get(name) for name in headings] for cells in [*order_rows, {}, row]]
    for path in (write(as_csv(headings, [*order_rows, row], ";")), write_xlsx([headings, *sheet])):
        read = read_orders(path, units=(OSLO,))
        assert list(read.orders["total_minor"]) == [10000, 20000]
        assert read.rejects["source_row"].tolist() in ([4], [5])
        assert "sum" in read.rejects["reason"][0]


def test_order_without_a_reference_is_not_a_row_of_sums(write: Writer):
    """The row has a number, a status or a date; its total may equal a sum only by chance."""
    got = plain(
        write,
        "ord-000001,1,NOK,100,0,open,,",
        ",2,NOK,100,0,open,,",
        ",,NOK,200,0,fulfilled,,",
    )
    assert [order["reference"] for order in got] == ["ord-000001", None, None]


def test_filtered_export_gives_a_note(tmp_path: Path):
    """No money moves, so hidden rows are read; a note informs the user, who may not want them."""
    workbook = openpyxl.Workbook()
    for row in (
        ("reference", "currency", "total"),
        ("ord-000001", "NOK", 5),
        ("ord-000002", "NOK", 5),
    ):
        workbook.active.append(row)
    workbook.active.row_dimensions[3].hidden = True
    workbook.save(tmp_path / "orders.xlsx")
    (entry,) = preview(tmp_path / "orders.xlsx")["files"]
    assert entry["rows"] == 2
    assert any("Rows hidden in the workbook: 1, such as row 3" in note for note in entry["notes"])


@pytest.mark.parametrize("amount", ["1.100", "12.500", "1,100"])
def test_three_digits_after_the_only_mark_are_rejected(
    write: Writer, write_xlsx: Writer, amount: str
):
    """Some shops write 1.100 for 1100. Read as 1.10, it would lead to a wrong refund of 1098.90."""
    csv = as_csv(WOO, [woo(), woo(Order_ID="2", Order_Number="2", Order_Total_Amount=amount)])
    sheet = write_xlsx([("reference", "currency", "total"), ("ord-000001", "NOK", "5.00"), ("ord-000002", "NOK", amount)])  # fmt: skip
    for path in (write(csv), sheet):
        read = read_orders(path, units=(OSLO,))
        assert len(read.orders) == 1
        assert read.rejects["value"].tolist() == [amount]


def test_computed_total_is_read_as_excel_shows_it(write: Writer, write_xlsx: Writer):
    """Excel stores 3 times 19.90 as 59.699999999999996, and some programs write this to CSV."""
    cells = [("reference", "currency", "total"), ("ord-000001", "NOK", 59.699999999999996)]
    text = "\n".join(",".join(map(str, row)) for row in cells)
    for path in (write_xlsx(cells), write(text)):
        assert rows(path)[0]["total_minor"] == 5970
