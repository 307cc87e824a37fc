"""Test who handled a payment: only Vipps MobilePay's own gateways count, whatever the title is."""

from __future__ import annotations

import json

import pytest

from tests.sources.conftest import SHOPIFY, Writer, as_csv
from tests.sources.test_shops import MAGENTO, OSLO, WOO, magento, rows, shopify, woo
from tests.sources.test_woocommerce_rest import make_rest_order
from vippsrecon.sources import read_orders

OURS, THEIRS, UNSURE, NOT_SAID = (True, False), (False, False), (None, True), (None, False)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Vipps", OURS), ("MobilePay", OURS), ("Vipps MobilePay", OURS), ("Vipps/MobilePay", OURS),
        ("vipps / mobilepay", OURS), ("Vipps Checkout", OURS), ("MobilePay Express Checkout", OURS),
        ("Credit Card / Visa", OURS), ("Vipps Hurtigkasse", OURS),
        ("Nexi Checkout (MobilePay)", THEIRS), ("MobilePay (QuickPay)", THEIRS),
        ("Stripe MobilePay", THEIRS), ("Klarna", THEIRS), ("Faktura", THEIRS), ("Kort", THEIRS),
        ("Kortbetaling", THEIRS), ("Bankoverføring", THEIRS), ("Gavekort", THEIRS), ("PayPal", THEIRS),
        ("Betal med Vipps", UNSURE), ("Vipps - enkelt og raskt", UNSURE), ("Hent og betal", UNSURE),
        ("", NOT_SAID),
    ],
)  # fmt: skip
def test_payment_title_alone_is_unknown_unless_listed(
    write: Writer, title: str, expected: tuple[bool | None, bool]
):
    """A title that is in no list may belong to any provider, so the result is unknown."""
    (order,) = rows(write(as_csv(WOO, [woo(Payment_Method_Title=title)])))
    assert (order["by_vipps"], order["method_unsure"]) == expected


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        ("vipps", OURS), ("vipps_card", OURS), ("vipps_checkout", OURS),
        ("stripe_mobilepay", THEIRS), ("mollie_wc_gateway_mobilepay", THEIRS), ("dibs_easy", THEIRS),
        ("quickpay_mobilepay", THEIRS), ("adyen_mobilepay", THEIRS), ("klarna_payments", THEIRS),
        ("reepay_vipps", THEIRS), ("acme_mobilepay", UNSURE), ("acmemobilepay", UNSURE),
        ("vipps_by_acme", UNSURE), ("acme_vipps_recurring", UNSURE),
        ("bacs", THEIRS), ("stripe", THEIRS), ("some_new_gateway", THEIRS), ("avhenting", THEIRS),
    ],
)  # fmt: skip
def test_gateway_id_decides_before_the_title(
    write: Writer, gateway: str, expected: tuple[bool | None, bool]
):
    """Stripe's gateway has the title MobilePay, and a shop can choose the official one's title."""
    title = "Betal trygt" if expected == OURS else "MobilePay"
    order = make_rest_order(payment_method=gateway, payment_method_title=title)
    (read,) = rows(write(json.dumps([order]), "orders.json"))
    assert (read["by_vipps"], read["method_unsure"]) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"payment_method_title": "MobilePay"}, UNSURE),
        ({"payment_method_title": "Kort"}, THEIRS),
        ({"transaction_id": "pi_3Qk", "meta_data": []}, THEIRS),
        ({"transaction_id": "chr-Inv3nT1"}, OURS),
    ],
)
def test_title_or_transaction_decides_an_unlisted_gateway_id(
    write: Writer, fields: dict[str, object], expected: tuple[bool | None, bool]
):
    """For any plugin: its title MobilePay proves nothing, the form of its transaction does."""
    (read,) = rows(
        write(json.dumps([make_rest_order(payment_method="acme_mobilepay", **fields)]), "o.json")
    )
    assert (read["by_vipps"], read["method_unsure"]) == expected


@pytest.mark.parametrize(
    ("method", "expected"),
    [("vipps", OURS), ("vippsmobilepay", OURS), ("acme_mobilepay", UNSURE), ("adyen_mobilepay", THEIRS), ("checkmo", THEIRS), ("Vipps", OURS)],
)  # fmt: skip
def test_magento_payment_methods_are_read(
    write: Writer, method: str, expected: tuple[bool | None, bool]
):
    """The grid has the code of the payment method, or its title."""
    (order,) = rows(write(as_csv(MAGENTO, [magento(Payment_Method=method)])))
    assert (order["by_vipps"], order["method_unsure"]) == expected


@pytest.mark.parametrize(
    "transaction", ["pi_3QkInventedCCC", "ch_3Inv", "tr_InventedD1", "pspInventedR5T7Y9"]
)
def test_transaction_id_of_another_provider_decides_an_unclear_title(
    write: Writer, transaction: str
):
    """The gateways of Stripe and Mollie also have the title MobilePay."""
    for title in ("MobilePay", "Betal med Vipps", ""):
        cells = woo(Payment_Method_Title=title, Transaction_ID=transaction)
        (order,) = rows(write(as_csv(WOO, [cells])))
        assert order["by_vipps"] is False
        assert order["reference"] is None


def test_vipps_gateway_id_decides_before_a_transaction_id(write: Writer):
    """A shop can choose a prefix that looks like the id of another provider."""
    order = make_rest_order(transaction_id="pi_3Qk", meta_data=[])
    (read,) = rows(write(json.dumps([order]), "orders.json"))
    assert read["by_vipps"] is True


@pytest.mark.parametrize("transaction", ["chr-Inv3nT1", "chg-1nventedXY2", "0", ""])
def test_recurring_charge_is_known_by_its_gateway(write: Writer, transaction: str):
    """An export has no column of charge ids, unless the shop added one."""
    headings = [*WOO, "Payment Method"]
    cells = {"Payment Method": "vipps_recurring", "Transaction ID": transaction}
    others = [woo(Order_ID=str(n), Transaction_ID=f"woo-b-{n}") for n in (1001, 1002, 1003)]
    own = [{**row, "Payment Method": "vipps"} for row in others]
    orders = rows(write(as_csv(headings, [{**woo(), **cells}, *own])))
    assert [order["recurring"] for order in orders] == [True, False, False, False]
    assert orders[0]["reference"] is None


@pytest.mark.parametrize(
    ("keys", "recurring"),
    [
        ({"payment_method_title": "Bank Transfer/ Vipps"}, True),
        ({"meta_data": [{"key": "_vipps_api", "value": "banktransfer"}]}, True),
        ({"meta_data": [{"key": "_vipps_api", "value": "epayment"}]}, False),
        ({"payment_method": "bacs", "payment_method_title": "Bank Transfer"}, False),
    ],
)
def test_bank_transfer_through_vipps_is_not_an_epayment(
    write: Writer, keys: dict[str, object], recurring: bool
):
    """Vipps Checkout once offered bank transfers, and the ePayment API does not have them."""
    (order,) = rows(write(json.dumps([make_rest_order(**keys)]), "orders.json"))
    assert order["recurring"] is recurring
    assert order["by_vipps"] is (keys.get("payment_method") is None)


def test_card_order_keeps_the_reference_of_its_attempt(write: Writer):
    """The attempt may still reserve the customer's money, and it must not be captured."""
    card = make_rest_order(
        payment_method="stripe", payment_method_title="Kort", transaction_id="pi_3Qk"
    )
    (order,) = rows(write(json.dumps([card]), "orders.json"))
    assert (order["by_vipps"], order["reference"]) == (False, "woo-shop-727")


def test_mapping_can_name_own_payment_titles(write: Writer):
    """The shop chooses the name of Vipps in its checkout."""
    own = write('extends = "woocommerce"\nown_tenders = ["Betal med"]\n', "own.toml")
    path = write(as_csv(WOO, [woo(Payment_Method_Title="Betal med Vipps")]))
    (order,) = rows(path, mapping=own)
    assert (order["by_vipps"], order["method_unsure"]) == OURS


def test_all_references_of_one_cell_are_kept(write: Writer):
    """If an order's total is raised, a second payment's reference is added to the same cell."""
    both = "rAAAAAAA1 + rBBBBBBB2"
    cells = {"Payment_Reference": both, "Payment_ID": both, "Payment_References": both}
    read = read_orders(write(as_csv(SHOPIFY, [shopify(**cells)])), units=(OSLO,))
    assert read.orders["reference"][0] == "rAAAAAAA1"
    assert read.orders["further_references"][0] == "rBBBBBBB2"


def test_length_limit_applies_to_each_reference_of_a_cell(write: Writer):
    """The limit of 64 characters applies to one reference, not to the cell."""
    parts = ["0b8b1f0e-1111-4222-8333-abcdefabcdef", "1c9c2f1e-2222-4333-8444-abcdefabcdef"]
    both = " + ".join(parts)
    cells = {"Payment_Reference": both, "Payment_ID": both, "Payment_References": both}
    read = read_orders(write(as_csv(SHOPIFY, [shopify(**cells)])), units=(OSLO,))
    assert len(read.rejects) == 0
    assert [read.orders["reference"][0], read.orders["further_references"][0]] == parts


@pytest.mark.parametrize("separator", [" + ", ", ", "\n"])
def test_gift_card_reference_is_not_a_second_payment(write: Writer, separator: str):
    """Shopify lists the references in the order of the payment methods."""
    cell = separator.join(["giftcard12345", "rAAAAAAA1"])
    row = shopify(Payment_Method="Gift Card + Vipps MobilePay", Payment_Reference=cell)
    (order,) = rows(write(as_csv(SHOPIFY, [row])))
    assert (order["reference"], order["further_references"]) == ("rAAAAAAA1", None)
    assert order["split_tender"] is True


def test_two_vipps_payments_are_not_a_split_tender(write: Writer):
    """No part of the total was paid in another way."""
    row = shopify(Payment_Method="Vipps MobilePay + Vipps MobilePay")
    (order,) = rows(write(as_csv(SHOPIFY, [row])))
    assert (order["by_vipps"], order["split_tender"]) == (True, False)
