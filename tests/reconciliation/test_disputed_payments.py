"""A payment whose money is retained for a dispute is not refunded: the customer would be paid twice."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from tests.reconciliation.example_batch import reconcile_examples
from tests.reconciliation.ledger_rows import LEDGER_ID, Ledger
from vippsrecon.bulk.plan.make import NothingToPlanError, plan_refunds
from vippsrecon.config.load import load_settings
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.codes import CODES
from vippsrecon.reconciliation.example_rows import NOW, days_before_now, make_order_row
from vippsrecon.report import write_workbook

CASES = {
    "cancelled_but_captured": {"status": "cancelled", "Or": 1000},
    "duplicate_capture": {"captures": (500, 500), "O": 500},
    "over_captured": {"O": 800},
    "refund_failed": {"Or": 300, "failed_refund": 300},
    "refund_missing_at_vipps": {"Or": 300},
    "under_captured": {"C": 400},
    "fulfilled_not_captured": {"C": 0},
    "remainder_open": {"O": 800, "C": 800},
}
"""One case for each code that proposes an operation, but for `duplicate_payment`: a cancel is proposed
for a second payment only if nothing was captured of it, and then nothing can be disputed."""

RETAINED, RETURNED = "retained-disputed-capture", "returned-disputed-capture"
STILL_RETAINED = {
    "retained": [(RETAINED, -1000)],
    "returned in part": [(RETAINED, -1000), (RETURNED, 400)],
    "retained again": [(RETAINED, -1000), (RETURNED, 1000), (RETAINED, -1000)],
    "after the return of an earlier dispute": [(RETURNED, 1000), (RETAINED, -1000)],
    "more returned before": [(RETAINED, -600), (RETURNED, 1000), (RETAINED, -600)],
    "two retentions, one return": [(RETAINED, -500), (RETAINED, -500), (RETURNED, 500)],
    "without a reference": [(RETAINED, -1000, {"reference": None})],
    "without an operation": [(RETAINED, -1000, {"psp_reference": None})],
}
ENDED = {
    "returned": [(RETAINED, -1000), (RETURNED, 1000)],
    "returned twice": [(RETAINED, -700), (RETURNED, 700)] * 2,
    "returned in two parts": [(RETAINED, -1000), (RETURNED, 400), (RETURNED, 600)],
    "both retentions returned": [(RETAINED, -400), (RETAINED, -600), (RETURNED, 1000)],
    "returned on the same day": [(RETURNED, 1000, {"days": 2}), (RETAINED, -1000, {"days": 2})],
    "only an earlier dispute": [(RETURNED, 1000)],
    "of another sales unit": [(RETAINED, -1000, {"msn": "999999"})],
}


def book(example, history):
    """Return the entries of a payment's dispute, one per hour, three days ago."""
    [payment] = example.payments
    captures = [event for event in example.events if event["name"] == "CAPTURED"]
    operation = captures[0]["psp_reference"] if captures else "none"
    entries = []
    for number, (entry_type, amount, *given) in enumerate(history):
        facts = given[0] if given else {}
        at = days_before_now(facts.get("days", 3)) + timedelta(hours=number)
        entries.append(
            {
                "ledger_id": f"{LEDGER_ID}{payment['msn']}",
                "msn": payment["msn"],
                "topic": "funds",
                "psp_reference": operation,
                "reference": payment["reference"],
                "entry_type": entry_type,
                "entry_at": None if "days" in facts else at,
                "ledger_date": at.date(),
                "currency": payment["currency"],
                "amount_minor": amount,
            }
            | {name: value for name, value in facts.items() if name != "days"}
        )
    return entries


def compare(history):
    """Return the discrepancies of orders and payments of each case, by case."""
    results = reconcile_examples(list(CASES.values()), lambda example: book(example, history))
    return {
        name: rows[rows["leg"] == "order_payment"]
        for name, result in zip(CASES, results, strict=True)
        for rows in [result.discrepancies]
    }


def propose(rows):
    """Return the proposals of some discrepancies: kind, verb and amount."""
    proposed = rows[rows["proposal"].notna()]
    return list(
        zip(proposed["kind"], proposed["proposal"], proposed["proposal_minor"], strict=True)
    )


@pytest.fixture(scope="module")
def undisputed():
    """Return the discrepancies of each case without a ledger."""
    results = reconcile_examples(list(CASES.values()))
    return {name: result.discrepancies for name, result in zip(CASES, results, strict=True)}


def test_cases_cover_every_code_that_proposes_something(undisputed):
    """Each case proposes an operation for its code, so that what follows proves something."""
    assert {*CASES, "duplicate_payment"} == {code.name for code in CODES if code.proposes}
    for name, rows in undisputed.items():
        assert [kind for kind, _, _ in propose(rows)] == [name]


@pytest.mark.parametrize("history", STILL_RETAINED.values(), ids=STILL_RETAINED)
def test_nothing_is_proposed_while_money_is_retained(history):
    """The row says why, and what a person should do."""
    for name, rows in compare(history).items():
        if name == "fulfilled_not_captured" and history[0][2:] == ({"reference": None},):
            continue  # no capture leads from the entry to the payment
        assert propose(rows) == []
        [row] = rows.itertuples()
        assert (row.kind, "disputed" in row.flags.split()) == (name, True)
        assert "would pay the customer twice" in row.next_step


@pytest.mark.parametrize("history", ENDED.values(), ids=ENDED)
def test_a_dispute_that_ended_stops_nothing(history, undisputed):
    """The money was returned, so the customer did not get it."""
    for name, rows in compare(history).items():
        assert propose(rows) == propose(undisputed[name])
        assert not rows["flags"].str.contains("disputed").any()


def make_disputed_ledger():
    """Return a ledger with one payment to refund, whose capture is disputed."""
    ledger = Ledger()
    ledger.pay("order-1", 1000, days=9)
    ledger.orders[0] |= {
        "refunded_minor": 300,
        "refunded_at": days_before_now(5),
        "refunded_day": 20752,
    }
    ledger.book_events("order-1")
    ledger.book(RETAINED, -1000, reference="order-1", psp_reference="order-1-2", days=4)
    return ledger


def test_plan_from_a_report_leaves_a_disputed_payment_out(tmp_path):
    """Neither the proposals nor a decision in the report bring it into a plan."""
    facts = {"environment": "test", "fetched_at": "2026-10-31T12:00:00Z"}
    result = make_disputed_ledger().reconcile(manifest=facts)
    settings = load_settings(folder=tmp_path, environment="test", msn="123456", offline=True)
    report = write_workbook(result, tmp_path / "report.xlsx")
    rows = result.discrepancies.assign(decision="refund")
    for source in (result, report, rows):
        given = {} if source is not rows else {"payments": result.payments}
        with pytest.raises(NothingToPlanError):
            plan_refunds(source, settings=settings, now=NOW, **given)


def test_dispute_of_a_period_before_still_counts():
    """The money is retained until it is returned, in whichever period that is."""
    ledger = make_disputed_ledger()
    result = ledger.reconcile(first=days_before_now(2).date())
    rows = result.discrepancies

    assert list(zip(rows["kind"], rows["flags"], strict=True)) == [
        ("refund_missing_at_vipps", "disputed")
    ]


def test_a_part_of_a_split_payment_is_disputed():
    """The order is compared as a sum, so the row is that of the order."""
    ledger = Ledger()
    for reference, amount in (("order-1", 600), ("order-1-1", 400)):
        ledger.pay(reference, amount, days=9)
        ledger.book_events(reference)
    ledger.orders = [make_order_row(reference="order-1", total_minor=1000, refunded_minor=200)]
    ledger.book(RETAINED, -400, reference="order-1-1", psp_reference="order-1-1-2", days=4)
    rows = ledger.reconcile().discrepancies

    assert "disputed split_payment" in set(rows["flags"])


@pytest.mark.ci
def test_disputes_are_found_on_duckdb():
    """Running sums are windows, which each engine has to order in the same way."""
    ledger = make_disputed_ledger()
    ledger.book(RETURNED, 1000, reference="order-1", psp_reference="order-1-2", days=3)
    ledger.book(RETAINED, -1000, reference="order-1", psp_reference="order-1-2", days=2)
    frames = [duckdb.from_arrow(table) for table in ledger.tables()]
    result = reconcile(*frames[:4], ledger_entries=frames[4], as_of=NOW)
    expected = ledger.reconcile()

    assert result.polars_frame("discrepancies").equals(expected.polars_frame("discrepancies"))
    assert result.polars_frame("buckets").equals(expected.polars_frame("buckets"))
    assert "disputed" in set(expected.discrepancies["flags"])


def test_without_a_dispute_nothing_is_flagged():
    """A ledger without entries, and one without disputes, flag nothing."""
    ledger = make_disputed_ledger()
    ledger.entries = ledger.entries[:-1]
    results = [ledger.reconcile()]
    ledger.entries = []
    results.append(ledger.reconcile())

    assert [set(result.discrepancies["flags"]) for result in results] == [{""}, {""}]
