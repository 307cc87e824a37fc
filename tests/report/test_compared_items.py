"""Test what proves that a discrepancy of an earlier run is gone: each leg needs its own two sides."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from tests.payouts import (
    CURRENCY,
    FIRST_DAY,
    LEDGER,
    MSN,
    add_balances,
    at,
    build_frame,
    make_bank_line,
    make_entry,
    make_payout,
)
from tests.report.example_results import Month
from vippsrecon import schemas
from vippsrecon.report.frames import read_sides
from vippsrecon.report.money.compared import EarlierItem, find_compared_items

LEGS = ["order_payment", "payment_ledger", "ledger_payout", "payout_bank"]
NEXT_DAY = FIRST_DAY + timedelta(days=1)

CASES = [
    ("under_captured", "matched", "", True),
    ("capture_not_on_ledger", "matched", "", True),
    ("capture_not_on_ledger", "no-entry", "", False),
    ("capture_not_on_ledger", "elsewhere", "", False),
    ("refund_not_on_ledger", "matched", "", False),
    ("refund_not_on_ledger", "refunded", "", True),
    ("ledger_amount_difference", "refunded", "refund", True),
    ("ledger_without_event", "outside", "", False),
    ("fee_missing", "matched", "", True),
    ("fee_variance", "refunded", "", False),
    ("dispute_retained", "matched", "", True),
    ("dispute_retained", "refunded", "", False),
    ("manual_correction", "", f"funds:{LEDGER}-co:correction", True),
    ("manual_correction", "", f"funds:{LEDGER}-other:correction", False),
    ("balance_chain_break", "", f"{LEDGER}:funds:NOK:{NEXT_DAY}", True),
    ("balance_chain_break", "", f"{LEDGER}:funds:NOK:{FIRST_DAY}", False),
    ("payout_amount_difference", "2000591", "", True),
    ("payout_amount_difference", "2000592", "", False),
    ("payout_amount_difference", "2000591", "bank", True),
    ("payout_amount_difference", "2000592", "bank", False),
    ("payout_not_in_bank", "2000591", "", True),
    ("payout_not_in_bank", "2000592", "", False),
    ("payout_number_gap", "2000591", "", True),
    ("payout_number_gap", "2000590", "", False),
    ("bank_credit_unexplained", "", "line-1", True),
    ("bank_credit_unexplained", "", "line-9", False),
    ("payout_aborted", "2000591", "", False),
    ("payout_account_changed", "2000591", "", False),
    ("negative_balance_carried", "2000591", "", False),
    ("a_code_of_later", "matched", "", False),
]
"""Code, reference or payout number, discriminator, and whether this run proves that it is gone."""


def make_movement(reference: str, kind: str, day: date = FIRST_DAY) -> dict:
    """Return an entry of a payment, with the operation that `make_event` has."""
    amount = 1000 if kind == "capture" else -400
    return make_entry(
        kind, amount, reference=reference, psp_reference=f"{reference}-{kind}", ledger_date=day
    )


def make_event(reference: str, kind: str) -> dict:
    """Return the event of that entry."""
    names = {"capture": "CAPTURED", "refund": "REFUNDED"}
    return {
        "msn": MSN, "reference": reference, "psp_reference": f"{reference}-{kind}",
        "name": names[kind], "amount_minor": 1000, "currency": CURRENCY, "event_at": at(FIRST_DAY),
        "event_day": 0, "idempotency_key": None, "success": True,
    }  # fmt: skip


@pytest.fixture(scope="module")
def result():
    """Return a run over two days: what each payment has is in its reference."""
    entries = [
        make_movement("matched", "capture"),
        make_movement("refunded", "capture"),
        make_movement("refunded", "refund"),
        make_movement("outside", "capture"),
        make_movement("next-day", "capture", NEXT_DAY),
        make_entry("correction", 5, psp_reference=f"{LEDGER}-co", ledger_date=NEXT_DAY),
        make_entry(
            "payout-scheduled", -100_000, psp_reference=f"{LEDGER}-2000591", ledger_date=NEXT_DAY
        ),
    ]
    fee = {"topic": "fees", "psp_reference": "matched-capture", "reference": "matched"}
    entries = [*add_balances(entries), make_entry("capture-fee", -20, **fee)]
    events = [
        *(make_event(name, "capture") for name in ("matched", "refunded", "no-entry", "next-day")),
        make_event("refunded", "refund"),
    ]
    buckets = [
        {
            "side": "ledger_entries",
            "row_key": f"{LEDGER}:{row['topic']}:{row['psp_reference']}:{row['entry_type']}:1",
            "bucket": "ignored" if row["reference"] == "outside" else "matched",
            "kind": "outside_period" if row["reference"] == "outside" else "",
            "flags": "",
        }
        for row in entries
    ]
    month = Month()
    month.pair("matched", 1000, 1000, msn=MSN)
    base = month.reconciliation()
    returned = {
        "discrepancy_id": f"dispute_returned:{MSN}:matched", "leg": "payment_ledger",
        "question": "dispute", "kind": "dispute_returned", "severity": "info", "msn": MSN,
        "reference": "matched", "currency": CURRENCY, "at_risk_minor": 0, "flags": "",
        "difference_minor": 0, "first_seen_date": FIRST_DAY, "cause": "", "next_step": "",
    }  # fmt: skip
    match = {
        "ledger_id": LEDGER, "msn": MSN, "payout_number": "2000591", "currency": CURRENCY,
        "source_file": "bank.csv", "source_row": 1, "amount_minor": 100_000,
        "matched_by": "reference", "proposed": False,
    }  # fmt: skip
    proposed = match | {"payout_number": "2000592", "proposed": True, "matched_by": "set_proposed"}
    return base.with_changes(
        ledger_entries=build_frame(entries, schemas.LEDGER_ENTRIES),
        events=build_frame(events, schemas.EVENTS),
        payouts=build_frame([make_payout(2000591), make_payout(2000592)], schemas.PAYOUTS),
        bank_lines=build_frame([make_bank_line(bank_reference="line-1")], schemas.BANK_LINES),
        payout_matches=build_frame([match, proposed], schemas.PAYOUT_MATCHES),
        discrepancies=build_frame([returned], schemas.DISCREPANCIES),
        buckets=pl.concat(
            [base.polars_frame("buckets"), build_frame(buckets, schemas.BUCKETS)]
        ),
        manifest=base.manifest | {"legs": LEGS},
    )  # fmt: skip


def make_item(kind: str, subject: str, discriminator: str) -> EarlierItem:
    """Return the item of an earlier run."""
    parts = [kind, MSN, subject, *([discriminator] if discriminator else [])]
    is_payment = subject and not subject.isdigit()
    return EarlierItem(":".join(parts), kind, MSN, subject if is_payment else None)


def find(result, items) -> set[str]:
    """Return which of these items the run compared."""
    return find_compared_items(result, *read_sides(result), items)


def test_item_is_cleared_by_its_own_leg(result):
    """A payout that is in the bank says nothing about a capture, nor the other way round."""
    items = {make_item(*case[:3]): case[3] for case in CASES}
    assert find(result, items) == {item.discrepancy_id for item, gone in items.items() if gone}


def test_leg_that_was_not_compared_clears_nothing(result):
    """A run without --ledger compared the order and its payment only."""
    items = [make_item(*case[:3]) for case in CASES]
    without = result.with_changes(manifest=result.manifest | {"legs": LEGS[:1]})
    assert find(without, items) == {f"under_captured:{MSN}:matched"}
