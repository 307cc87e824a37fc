"""Test the export of each shop as the shop writes it, and how it must be read."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.sources.conftest import SHOPIFY, Writer, as_csv
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import SourceError
from vippsrecon.sources import read_orders
from vippsrecon.sources.orders.profiles import load_builtin_profiles

OSLO = SalesUnit("123456", market="NO", currency="NOK")


def rows(path: Path, **options: object) -> list[dict[str, object]]:
    """Read one file and return its orders, with None for unknown values."""
    frame = read_orders(path, units=(OSLO,), **options).orders  # type: ignore[arg-type]
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def shopify(**cells: str) -> dict[str, str]:
    """Return a Shopify row of a paid and shipped order, with these cells changed."""
    cells_full = {
        "Name": "#1001",
        "Email": "kunde@example.com",
        "Financial Status": "paid",
        "Paid at": "2025-12-06 10:37:33 -0500",
        "Fulfillment Status": "fulfilled",
        "Fulfilled at": "2025-12-07 09:00:00 +0100",
        "Currency": "NOK",
        "Taxes": "99.80",
        "Total": "499.00",
        "Created at": "2025-12-06 10:37:00 -0500",
        "Lineitem name": "Vare A",
        "Billing Name": "Kari Kunde",
        "Billing Phone": "+4799999999",
        "Payment Method": "Vipps MobilePay",
        "Payment Reference": "rGwene1234567890abcdefghi",
        "Refunded Amount": "0.00",
        "Outstanding Balance": "0.00",
        "Id": "5550001",
    }
    return cells_full | {name.replace("_", " "): value for name, value in cells.items()}


@pytest.mark.parametrize(
    ("cells", "first", "noted"),
    [
        pytest.param({"Payment_Reference": "rAAAAAAA1 + rBBBBBBB2"}, "rAAAAAAA1", True, id="plus"),
        pytest.param({"Payment_Reference": "rAAAAAAA1, rBBBBBBB2"}, "rAAAAAAA1", True, id="comma"),
        pytest.param(
            {"Payment_Reference": "rAAAAAAA1;rBBBBBBB2"}, "rAAAAAAA1", True, id="semicolon"
        ),
        pytest.param(
            {"Payment_Reference": "rAAAAAAA1\nrBBBBBBB2"}, "rAAAAAAA1", True, id="newline"
        ),
        pytest.param(
            {"Payment_Reference": "#1001.1 + rAAAAAAA1"},
            "rAAAAAAA1",
            False,
            id="no reference first",
        ),
        pytest.param({"Payment_Reference": "rAAAAAAA1, rAAAAAAA1"}, "rAAAAAAA1", False, id="twice"),
        pytest.param(
            {"Payment_Reference": "rAAAAAAA1", "Payment_References": "rAAAAAAA1, rBBBBBBB2"},
            "rAAAAAAA1",
            True,
            id="in the column behind",
        ),
        pytest.param({"Payment_Reference": "#1001.1, a"}, "#1001.1, a", False, id="none at all"),
    ],
)
def test_cell_of_several_references_is_split(
    write: Writer, cells: dict[str, str], first: str, noted: bool
):
    """An order was paid by two payments; the separator that the shop writes is not documented."""
    path = write(as_csv(SHOPIFY, [shopify(**cells), shopify(Name="#1002", Id="2")]))
    read = read_orders(path, units=(OSLO,))

    assert read.orders["reference"].tolist() == [first, "rGwene1234567890abcdefghi"]
    note_start = "Orders whose cell lists several references: 1;"
    assert any(note.startswith(note_start) for note in read.files[0].notes) is noted


def test_shopify_order_is_read_in_full(write: Writer):
    """This is the most common file. Only Shopify writes offsets without a colon."""
    (order,) = rows(write(as_csv(SHOPIFY, [shopify()])))
    assert order["reference"] == "rGwene1234567890abcdefghi"
    assert (order["total_minor"], order["refunded_minor"], order["vat_minor"]) == (49900, 0, 9980)
    assert order["ordered_at"] == pd.Timestamp("2025-12-06T15:37:00Z")
    assert order["fulfilled_at"] == pd.Timestamp("2025-12-07T08:00:00Z")
    assert (order["status"], order["paid"], order["by_vipps"]) == ("fulfilled", "yes", True)
    assert order["shop_currency_only"] is True
    assert order["order_number"] == "#1001"


@pytest.mark.parametrize(
    ("cells", "status", "paid"),
    [
        pytest.param({"Fulfillment_Status": "unfulfilled"}, "open", "yes", id="unfulfilled"),
        pytest.param({"Fulfillment_Status": ""}, "open", "yes", id="never shipped"),
        pytest.param({"Fulfillment_Status": "partial"}, "partial", "yes", id="part shipped"),
        pytest.param({"Cancelled_at": "2025-12-08 10:00:00 +0100"}, "cancelled", "yes", id="cancelled"),
        pytest.param({"Fulfillment_Status": "quantum"}, "unknown", "yes", id="a word not known"),
        pytest.param({"Financial_Status": "authorized", "Paid_at": "", "Outstanding_Balance": "499.00"}, "fulfilled", "yes", id="authorized"),
        pytest.param({"Paid_at": "", "Outstanding_Balance": "499.00"}, "fulfilled", "unknown", id="paid without proof"),
        pytest.param({"Paid_at": "", "Outstanding_Balance": "0.00"}, "fulfilled", "yes", id="nothing owing"),
        pytest.param({"Financial_Status": "pending", "Paid_at": ""}, "fulfilled", "no", id="pending"),
    ],
)  # fmt: skip
def test_shopify_payment_states_are_read(
    write: Writer, cells: dict[str, str], status: str, paid: str
):
    """Shopify's `paid` proves nothing: orders made through its API have it without a payment."""
    (order,) = rows(write(as_csv(SHOPIFY, [shopify(**cells)])))
    assert (order["status"], order["paid"]) == (status, paid)


def test_shopify_continuation_rows_belong_to_the_order_above(write: Writer):
    """There is a row for each product; the later rows have no total and must not be rejected."""
    more = {"Name": "#1001", "Email": "kunde@example.com", "Lineitem name": "Vare B"}
    other = shopify(Name="#1002", Id="5550002", Payment_Reference="rGwene2234567890abcdefghi")
    read = read_orders(write(as_csv(SHOPIFY, [shopify(), more, more, other])), units=(OSLO,))
    assert list(read.orders["order_number"]) == ["#1001", "#1002"]
    assert list(read.orders["source_row"]) == [2, 5]
    assert read.rejects.empty
    (reading,) = read.files
    assert (reading.rows, reading.orders, reading.continuations) == (4, 2, 2)


def test_shopify_orders_of_one_name_stay_two(write: Writer):
    """Imported orders may have the same Name; only a row without a total continues an order."""
    again = shopify(Id="5550009", Payment_Reference="rGwene3334567890abcdefghi", Total="10.00")
    assert [order["total_minor"] for order in rows(write(as_csv(SHOPIFY, [shopify(), again])))] == [
        49900,
        1000,
    ]


def test_gift_card_and_vipps_together_are_a_split_tender(write: Writer):
    """The export has one total for both payment methods, so the difference is not a discrepancy."""
    (order,) = rows(write(as_csv(SHOPIFY, [shopify(Payment_Method="Gift Card + Vipps")])))
    assert (order["by_vipps"], order["split_tender"]) == (True, True)


def test_second_reference_column_is_used_if_the_first_is_empty(write: Writer):
    """Payment providers differ in which of Shopify's three columns has the reference."""
    row = shopify(Payment_Reference="", Payment_ID="rPaymentId67890abcdefghij")
    read = read_orders(write(as_csv(SHOPIFY, [row])), units=(OSLO,))
    assert list(read.orders["reference"]) == ["rPaymentId67890abcdefghij"]
    assert read.files[0].reference_column == "Payment ID"


WOO = [
    "Order Number", "Order ID", "Order Status", "Order Date", "Completed Date", "Currency",
    "Email (Billing)", "Payment Method Title", "Transaction ID", "Order Refund Amount",
    "Order Total Amount",
]  # fmt: skip


def woo(**cells: str) -> dict[str, str]:
    """Return a row of Advanced Order Export, with these cells changed."""
    cells_full = {
        "Order Number": "1001",
        "Order ID": "1001",
        "Order Status": "Completed",
        "Order Date": "2026-01-31 23:30",
        "Completed Date": "2026-02-01 08:00",
        "Currency": "NOK",
        "Email (Billing)": "kunde@example.com",
        "Payment Method Title": "Vipps",
        "Transaction ID": "woo-butikk-1001-2",
        "Order Refund Amount": "-10.00",
        "Order Total Amount": "499.50",
    }
    return cells_full | {name.replace("_", " "): value for name, value in cells.items()}


def test_woocommerce_order_is_read_in_full(write: Writer):
    """Its times are in the site's time zone, its refund is negative, and it is a third attempt."""
    (order,) = rows(write(as_csv(WOO, [woo()], ";")))
    assert (order["total_minor"], order["refunded_minor"]) == (49950, 1000)
    assert order["ordered_at"] == pd.Timestamp("2026-01-31T22:30:00Z")
    assert order["attempt_base"] == "woo-butikk-1001"
    assert (order["status"], order["paid"], order["by_vipps"]) == ("fulfilled", "yes", True)


@pytest.mark.parametrize(
    ("status_text", "status"),
    [
        ("wc-processing", "open"), ("On hold", "open"), ("Venter på betaling", "open"),
        ("Refunded", "open"), ("Fullført", "fulfilled"), ("Gennemført", "fulfilled"),
        ("Slutförd", "fulfilled"), ("Peruttu", "cancelled"), ("failed", "open"),
        ("Abgeschlossen", "fulfilled"), ("awaiting-pickup", "unknown"),
    ],
)  # fmt: skip
def test_woocommerce_statuses_in_any_language(write: Writer, status_text: str, status: str):
    """Depending on a setting, the plugin writes the label in the site's language, or the slug."""
    (order,) = rows(write(as_csv(WOO, [woo(Order_Status=status_text)])))
    assert order["status"] == status


@pytest.mark.parametrize("status_text", ["Failed", "wc-failed", "Mislyktes", "Feilet", "Mislykket"])
def test_woocommerce_failed_order_is_unpaid_and_not_cancelled(write: Writer, status_text: str):
    """The customer may have paid: the shop only did not hear of it."""
    (order,) = rows(write(as_csv(WOO, [woo(Order_Status=status_text)])))
    assert (order["status"], order["paid"]) == ("open", "no")


@pytest.mark.parametrize("repeated", [True, False], ids=["cells repeated", "cells blank"])
def test_woocommerce_product_rows_count_once(write: Writer, repeated: bool):
    """With a row for each product, each row has the order's total, so it must count once."""
    headings = [*WOO, "SKU"]
    further = woo(SKU="b") if repeated else {"Order Number": "1001", "SKU": "b"}
    read = read_orders(write(as_csv(headings, [woo(SKU="a"), further])), units=(OSLO,))
    assert list(read.orders["total_minor"]) == [49950]
    assert read.rejects.empty
    assert read.files[0].totals == {
        "NOK": {"orders": 1, "total_minor": 49950, "refunded_minor": 1000}
    }


def test_woocommerce_without_transaction_id_names_the_export_setting(write: Writer):
    """The plugin does not export this column by default, so the message names it."""
    headings = [name for name in WOO if name != "Transaction ID"]
    with pytest.raises(SourceError, match="Transaction ID"):
        read_orders(write(as_csv(headings, [woo()])), units=(OSLO,))


def test_prefix_in_the_mapping_makes_references_from_order_ids(write: Writer):
    """The plugin puts zeros between prefix and order id to make eight characters."""
    headings = [name for name in WOO if name != "Transaction ID"]
    own = write('extends = "woocommerce"\nprefix = "Woo"\n', "own.toml")
    path = write(as_csv(headings, [woo(Order_ID="17", Order_Number="17")]))
    (order,) = rows(path, mapping=own)
    assert order["reference"] == "Woo00017"


@pytest.mark.parametrize(
    ("references", "repaired"),
    [
        pytest.param(["woo-b-{}"] * 3, "woo-b-1005", id="all the others"),
        pytest.param(["woo-b-{}", "woo-b-{}-1", "woo-b-{}", "woob{}"], "woo-b-1005", id="most"),
        pytest.param(["woo-b-{}"] * 2, None, id="too few to decide"),
        pytest.param(["woo-b-{}", "woob{}"] * 2, None, id="no majority"),
        pytest.param(["ch_3Abcdefghij"] * 3, None, id="no order's id in them"),
        pytest.param(["woo-b-0{}"] * 3, None, id="not filled up as the plugin does"),
    ],
)
def test_prefix_of_other_rows_makes_a_missing_reference(
    write: Writer, references: list[str], repaired: str | None
):
    """Other plugins empty or overwrite the field that holds the reference."""
    cells = [
        woo(
            Order_ID=str(1001 + place),
            Order_Number=f"B{place}",
            Transaction_ID=text.format(1001 + place),
        )
        for place, text in enumerate(references)
    ]
    cells += [
        woo(Order_ID="1005", Order_Number="B5", Transaction_ID=""),
        woo(Order_ID="1006", Order_Number="B6", Transaction_ID="", Payment_Method_Title="Klarna"),
        woo(Order_ID="1007", Order_Number="B7", Transaction_ID="", Payment_Method_Title=""),
    ]
    read = read_orders(write(as_csv(WOO, cells, ";")), units=(OSLO,))
    reference_of = dict(zip(read.orders["order_number"], read.orders["reference"], strict=True))

    assert (None if pd.isna(reference_of["B5"]) else reference_of["B5"]) == repaired
    assert pd.isna(reference_of["B6"])
    assert pd.isna(reference_of["B7"])
    assert any("the prefix 'woo-b-'" in note for note in read.files[0].notes) is bool(repaired)


SKYVERGE = [
    "order_id", "order_number_formatted", "order_number", "date", "status", "shipping_total",
    "tax_total", "order_total", "refunded_total", "order_currency", "payment_method",
    "billing_email", "line_items", "transaction_id",
]  # fmt: skip


def test_skyverge_order_is_read_in_full(write: Writer):
    """The headings are in snake case, and the order number differs from the order id."""
    row = {
        "order_id": "2001", "order_number_formatted": "N-77", "order_number": "77",
        "date": "2026-03-01 12:00:00", "status": "processing", "order_total": "100",
        "refunded_total": "0", "order_currency": "NOK", "payment_method": "vipps",
        "transaction_id": "woo-butikk-2001",
    }  # fmt: skip
    (order,) = rows(write(as_csv(SKYVERGE, [row])))
    assert (order["order_number"], order["attempt_base"]) == ("N-77", "woo-butikk-2001")
    assert (order["total_minor"], order["status"]) == (10000, "open")


MAGENTO = [
    "ID", "Purchase Point", "Purchase Date", "Bill-to Name", "Grand Total (Base)",
    "Grand Total (Purchased)", "Status", "Customer Email", "Payment Method", "Total Refunded",
]  # fmt: skip


def magento(**cells: str) -> dict[str, str]:
    """Return a row of Magento's grid, with these cells changed."""
    return {
        "ID": "000000123",
        "Purchase Point": "Main Website\n    Main Website Store\n        Default Store View",
        "Purchase Date": "Oct 5, 2026 9:12:33 AM",
        "Bill-to Name": "Kari Kunde",
        "Grand Total (Base)": "45.0000",
        "Grand Total (Purchased)": "499.0000",
        "Status": "Complete",
        "Payment Method": "Vipps",
        "Total Refunded": "0.0000",
    } | {name.replace("_", " "): value for name, value in cells.items()}


def test_magento_order_is_read_in_full(write: Writer):
    """ID with its zeros is the reference; the plugin sends the purchased total."""
    (order,) = rows(write(as_csv(MAGENTO, [magento()])))
    assert (order["reference"], order["order_number"]) == ("000000123", "000000123")
    assert (order["total_minor"], order["currency"]) == (49900, "NOK")
    assert order["ordered_at"] == pd.Timestamp("2026-10-05T07:12:33Z")
    assert order["store"] == "Main Website Main Website Store Default Store View"


@pytest.mark.parametrize(
    ("status_text", "status"),
    [
        ("Pending", "open"), ("Processing", "open"), ("On Hold", "open"),
        ("Payment Review", "open"), ("Complete", "fulfilled"), ("Closed", "fulfilled"),
        ("Canceled", "cancelled"), ("Custom", "unknown"),
    ],
)  # fmt: skip
def test_magento_statuses_are_read(write: Writer, status_text: str, status: str):
    """*Closed* means fully refunded after shipping, not cancelled."""
    (order,) = rows(write(as_csv(MAGENTO, [magento(Status=status_text)])))
    assert order["status"] == status


@pytest.mark.parametrize(
    ("cells", "status", "rest_refunded"),
    [
        ({"Status": "Processing", "Total_Refunded": "100.0000"}, "open", True),
        ({"Status": "Processing", "Total_Refunded": "0.0000"}, "open", False),
        ({"Status": "Processing", "Total_Refunded": "499.0000"}, "open", False),
        ({"Status": "Closed", "Total_Refunded": "100.0000"}, "fulfilled", False),
        ({"Status": "Canceled", "Total_Refunded": "100.0000"}, "cancelled", False),
    ],
)
def test_magento_partly_refunded_order_stays_processing(
    write: Writer, cells: dict[str, str], status: str, rest_refunded: bool
):
    """What was refunded is not sent; only the captured amount shows whether the rest was sent."""
    (order,) = rows(write(as_csv(MAGENTO, [magento(**cells)])))
    assert (order["status"], order["rest_refunded"]) == (status, rest_refunded)


def test_store_name_decides_the_sales_unit(write: Writer):
    """If one shop has two sales units, the name of the store decides which one."""
    units = (
        SalesUnit("111111", market="NO", stores=("Norge",)),
        SalesUnit("222222", market="DK", stores=("Danmark",)),
    )
    body = [magento(Purchase_Point="Danmark"), magento(ID="000000124", Purchase_Point="Norge")]
    orders = read_orders(write(as_csv(MAGENTO, body)), units=units).orders
    assert list(orders["msn"]) == ["222222", "111111"]
    assert list(orders["currency"]) == ["DKK", "NOK"]


SHOPWARE = (
    "id;order_number;sales_channel_id;customer_firstname;customer_email;amount_total;"
    "order_state_id;line_items;order_date_time"
)


@pytest.mark.parametrize(
    ("total", "minor", "truncated"),
    [("19.99", 1999, 1998), ("20", 2000, 2000), ("0.29", 29, 28), ("1.13", 113, 112)],
)
def test_shopware_amounts_are_truncated_as_by_its_plugin(
    write: Writer, total: str, minor: int, truncated: int
):
    """The plugin cuts off the decimals of a float. One amount in twenty is one øre too low."""
    uuid = "0189d5b8e0f17a0c9c2f3c8b1a2b3c4d"
    line = f"{uuid};10001;98432def39fc4624b33213a56b8c944d;Kari;a@b.no;{total};{uuid};1x;2026-01-05 10:00:00.000"
    (order,) = rows(write(f"{SHOPWARE}\n{line}\n"))
    assert (order["total_minor"], order["truncated_minor"]) == (minor, truncated)
    assert (order["reference"], order["status"]) == (uuid, "unknown")


SQUARESPACE = (
    "Order ID,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Currency,Subtotal,"
    "Taxes,Amount Refunded,Total,Created at,Lineitem quantity,Lineitem variant,Cancelled at,"
    "Private Notes,Payment Method,Payment Reference"
)


def test_squarespace_is_not_taken_for_shopify(write: Writer):
    """The layout is the same but the headings differ, and the states are in capitals."""
    line = "00042,a@b.no,PAID,2026-01-05 10:00:00 +0100,PENDING,,NOK,90,10,5.00,100.00,2026-01-05 10:00:00 +0100,1,x,,,Vipps,sqsp-000042"
    path = write(f"{SQUARESPACE}\n{line}\n")
    (order,) = rows(path)
    assert (order["order_number"], order["refunded_minor"]) == ("00042", 500)
    assert (order["status"], order["paid"]) == ("open", "yes")
    assert read_orders(path, units=(OSLO,)).files[0].format == "squarespace"


def test_plain_headings_in_norwegian_and_comma_decimals_by_mapping(write: Writer):
    """A merchant's own list with semicolons is read with a mapping of a few lines."""
    own = write(
        'extends = "plain"\ndates = ["%d.%m.%Y"]\n[amounts]\ndecimal = ","\ngroups = ". "\n',
        "own.toml",
    )
    path = write(
        "Referanse;Valuta;Beløp;Status;Ordredato\nabc-00001;NOK;1.234,50;Levert;31.01.2026\n"
    )
    (order,) = rows(path, mapping=own)
    assert (order["total_minor"], order["status"]) == (123450, "fulfilled")
    assert order["ordered_at"] == pd.Timestamp("2026-01-30T23:00:00Z")


def test_results_contain_no_customer_data(write: Writer):
    """Most exports have names, addresses and telephone numbers; the results must have none."""
    bad = shopify(Total="x", Name="#9", Id="9")
    read = read_orders(
        write(as_csv(SHOPIFY, [shopify(), shopify(Name="#2", Id="2"), bad])), units=(OSLO,)
    )
    results_text = read.orders.to_csv() + read.rejects.to_csv() + repr(read.files)
    assert not [text for text in ("Kari", "example.com", "99999999") if text in results_text]


def test_every_shop_has_a_test():
    """A profile without an invented export proves nothing; the name of a test contains the shop's."""
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    names = [path.stem for path in Path(__file__).parent.glob("test_*.py")]
    names += [name for text in texts for name in re.findall(r"def (test_\w+)", text)]
    shops = [name for name, profile in load_builtin_profiles().items() if not profile.refused]

    untested = [shop for shop in shops if not any(shop.split("-")[-1] in name for name in names)]
    assert untested == [], "add an invented export and what is read from it to tests/sources"
