"""Vipps MobilePay's side is consistent, and nothing is wrong but what was planted."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from vippsrecon.scenario import CLOCK_START, EXPORTED_AT, write_month
from vippsrecon.scenario.ledgers import compute_check_digit

from .conftest import REFERENCE, read

NAMES = {
    "authorizedAmount": ("AUTHORIZED",),
    "capturedAmount": ("CAPTURED",),
    "refundedAmount": ("REFUNDED",),
    "cancelledAmount": ("CANCELLED", "TERMINATED"),
}
TOTAL = {
    "plain": "total",
    "shopify": "Total",
    "woocommerce": "Order Total Amount",
    "magento": "Grand Total (Purchased)",
    "shopware": "amount_total",
}
REFUNDED = {
    "plain": "refunded",
    "shopify": "Refunded Amount",
    "woocommerce": "Order Refund Amount",
    "magento": "Total Refunded",
}
NUMBER = {
    "plain": "order_number",
    "shopify": "Name",
    "woocommerce": "Order Number",
    "magento": "ID",
    "shopware": "order_number",
}
CANCELLED = {
    "plain": ("status", "cancelled"),
    "woocommerce": ("Order Status", "cancelled"),
    "magento": ("Status", "Canceled"),
    "shopware": ("deliveries.stateMachineState", "cancelled"),
}


def sums(events):
    """Sum the successful events by name."""
    totals = Counter()
    for event in events:
        if event["success"]:
            totals[event["name"]] += event["amount"]["value"]
    return totals


def first_attempt(reference):
    """Remove the suffix of a retry."""
    return re.sub(r"(?<=\d)-\d$", "", reference)


def is_cancelled(order, shop):
    """Return whether the export says that an order is cancelled."""
    if shop == "shopify":
        return bool(order["Cancelled at"])
    column, value = CANCELLED[shop]
    return order[column] == value


def compute_net(order, shop, kept_fees):
    """Return the total less refunds; Shopware shows only that there are refunds."""
    total = Decimal(order[TOTAL[shop]])
    if shop != "shopware":
        return total - Decimal(order[REFUNDED[shop]])
    state = order["transactions.stateMachineState"]
    if state == "refunded":
        return Decimal(0)
    if state == "refunded_partially" and 0 < kept_fees < total * 100:
        return Decimal(kept_fees) / 100
    return total


def test_events_sum_to_the_aggregate_except_where_planted(month):
    """Every other check is decided by the events."""
    wrong = {
        reference
        for reference, payment in month.payments.items()
        if any(
            payment["aggregate"][name]["value"]
            != sum(sums(month.events[reference])[event] for event in events)
            for name, events in NAMES.items()
        )
    }
    planted = {row["reference"] for row in month.truth if row["kind"] == "aggregate_mismatch"}
    assert planted
    assert wrong == planted


def test_event_log_is_in_order_and_fits_the_state(month):
    """CREATED comes first, times increase, and the state follows from the events."""
    for reference, events in month.events.items():
        times = [event["timestamp"] for event in events]
        assert times == sorted(times), reference
        names = [event["name"] for event in events]
        assert names[0] == "CREATED"
        state = month.payments[reference]["state"]
        ends = {"ABORTED", "EXPIRED", "TERMINATED", "AUTHORIZED"} & set(names)
        assert ends == ({state} if state != "CREATED" else set()), reference
        assert all(
            event["timestamp"] < datetime.fromtimestamp(CLOCK_START, UTC).isoformat()
            for event in events
        )


def test_psp_reference_belongs_to_one_event(month):
    """Events and ledger entries are joined by them."""
    counts = Counter(event["pspReference"] for log in month.events.values() for event in log)
    assert max(counts.values()) == 1


@pytest.mark.parametrize("currency", ["DKK", "EUR"])
def test_danish_and_finnish_payouts_carry_a_check_digit(currency, tmp_path):
    """The last of twenty digits is computed from the others."""
    write_month(tmp_path, payments=100, currency=currency)
    statement = (tmp_path / "bank.xml").read_text(encoding="utf-8")
    references = re.findall(r"<Ref>(\d{20})</Ref>", statement)
    assert len(references) > 20
    assert all(compute_check_digit(reference[:-1]) == reference[-1] for reference in references)


def test_only_planted_discrepancies_exist(month):
    """By the simplest rule: what is not in the truth nets to zero and has nothing reserved."""
    planted = {first_attempt(row["reference"]) for row in month.truth}
    numbers = {row["order_number"] for row in month.truth}
    net_captured, owed = Counter(), Counter()
    for reference, events in month.events.items():
        totals = sums(events)
        net_captured[first_attempt(reference)] += totals["CAPTURED"] - totals["REFUNDED"]
        reserved = totals["AUTHORIZED"] - totals["CAPTURED"] - totals["CANCELLED"]
        assert reserved == 0 or first_attempt(reference) in planted, reference
    for order in month.orders:
        key = first_attempt(order[REFERENCE[month.shop]])
        for part in order.get("Payment References", "").split(", ")[1:]:
            net_captured[key] += net_captured.pop(part)
        fee = is_cancelled(order, month.shop) and net_captured[key] > 0
        if order.get("Financial Status") in {"voided", "expired"} and not net_captured[key]:
            continue
        if not order[TOTAL[month.shop]] or order[NUMBER[month.shop]] in numbers or fee:
            continue
        net = compute_net(order, month.shop, net_captured[key])
        owed[key] += 0 if is_cancelled(order, month.shop) else int(net * 100)
    compared = {key: amount for key, amount in owed.items() if key not in planted}
    assert len(compared) > 1000
    assert compared == {key: net_captured[key] for key in compared}


def test_cancelled_order_keeps_only_its_fee(month):
    """The test above leaves out cancelled orders that kept a fee on purpose."""
    planted = {row["reference"] for row in month.truth}
    for order in month.orders:
        reference = order[REFERENCE[month.shop]]
        if not order[TOTAL[month.shop]] or not is_cancelled(order, month.shop):
            continue
        totals = sums(month.events.get(reference, ()))
        net_captured = totals["CAPTURED"] - totals["REFUNDED"]
        if net_captured and reference not in planted:
            fee = Decimal(order[TOTAL[month.shop]]) - Decimal(order[REFUNDED[month.shop]])
            assert net_captured == int(fee * 100)


@pytest.mark.parametrize("currency", ["DKK", "EUR"])
def test_short_deadlines_are_met_unless_planted(currency, tmp_path):
    """In Denmark and Finland an order that is open for two weeks loses its reservation."""
    write_month(tmp_path, payments=2000, currency=currency)
    month = read(tmp_path, "plain")
    planted = {
        row["reference"]
        for row in month.truth
        if row["kind"] == "authorization_expiring" or row["bucket"] == "blind_spot"
    }
    warned_from = datetime.fromtimestamp(EXPORTED_AT, UTC) - timedelta(days=11)
    early = set()
    for reference, events in month.events.items():
        totals = sums(events)
        reserved = totals["AUTHORIZED"] - totals["CAPTURED"] - totals["CANCELLED"]
        approved = [e["timestamp"] for e in events if e["name"] == "AUTHORIZED"]
        if reserved > 0 and datetime.fromisoformat(approved[0]) < warned_from:
            early.add(reference)
    assert early
    assert early <= planted


def test_planted_payments_without_orders_are_on_the_ledger(month):
    """Payments without an order can only be found in October's ledger.

    A second attempt that is only reserved is on no ledger: the first one's reference leads to it.
    """
    hidden = {"missing_in_orders", "reference_mangled", "duplicate_payment"}
    funds = next(entries for (_, topic), entries in month.entries.items() if topic == "funds")
    october = {e["reference"] for e in funds if e["ledgerDate"] <= "2026-10-31"}
    planted_references = {
        row["reference"]
        for row in month.truth
        if row["kind"] in hidden | {"timing_outside_export"} and row["proposal"] != "cancel"
    }
    assert planted_references <= october


def test_planted_missing_references_are_missing(month):
    """The truth names references that are really missing on one side."""
    for row in month.truth:
        if row["kind"] == "missing_in_vipps":
            assert row["reference"] not in month.payments
        if row["kind"] in {"missing_in_orders", "timing_outside_export"}:
            assert row["reference"] in month.payments
            shown = {order[REFERENCE[month.shop]] for order in month.orders}
            assert row["reference"] not in shown


def test_undetectable_payment_is_on_no_ledger_and_in_no_order(month):
    """This is what no run can find, and the report must say so."""
    funds = next(entries for (_, topic), entries in month.entries.items() if topic == "funds")
    unseen = {row["reference"] for row in month.truth if row["bucket"] == "blind_spot"}
    assert unseen <= set(month.payments)
    assert not unseen & {entry["reference"] for entry in funds}
    assert not unseen & {order[REFERENCE[month.shop]] for order in month.orders}
