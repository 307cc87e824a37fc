"""Laws that hold for any payments and any ledger: nothing is lost, and the bridge foots."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.ledger_rows import LEDGER_ID
from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import NOW, make_order_row, make_payment_rows
from vippsrecon.reconciliation.result import build_table
from vippsrecon.schemas import EVENTS, FAILURES, LEDGER_ENTRIES, ORDERS, PAYMENTS

MSNS = st.sampled_from(["123456", "654321"])
REFERENCES = st.sampled_from([f"order-{number}" for number in range(4)])
AMOUNTS = st.integers(1, 3000)
DAYS_AGO = st.integers(-1, 20)
CURRENCIES = st.sampled_from(["NOK", "NOK", "DKK"])
TYPES = st.sampled_from(
    [
        ("funds", "capture"),
        ("funds", "capture"),
        ("funds", "refund"),
        ("fees", "capture-fee"),
        ("funds", "retained-disputed-capture"),
        ("funds", "returned-disputed-capture"),
        ("funds", "correction"),
        ("funds", "payout-scheduled"),
        ("funds", "new-type"),
        ("fees", "capture"),
    ]
)
PERIODS = st.sampled_from([None, (date(2026, 10, 15), date(2026, 10, 28))])


@st.composite
def draw_payments(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Draw payments with distinct references, some without events or with an event twice."""
    payments, events = [], []
    for reference in draw(st.lists(REFERENCES, unique=True)):
        row, log = make_payment_rows(
            reference=reference,
            captures=draw(st.lists(AMOUNTS, max_size=2)),
            R=draw(st.sampled_from([0, 0, 50])),
            captured=NOW - timedelta(days=draw(DAYS_AGO)),
            refunded=NOW - timedelta(days=draw(DAYS_AGO)),
            msn=draw(MSNS),
            currency=draw(CURRENCIES),
        )
        row["payment_method"] = draw(st.sampled_from(["WALLET", "CARD", None]))
        row["captured_minor"] += draw(st.sampled_from([0, 0, 0, 7]))
        payments.append(row)
        events += draw(st.sampled_from([log, log, log, [], log[:1], [*log, *log[-1:]]]))
    return payments, events


@st.composite
def draw_entry(draw: st.DrawFn, events: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw an entry: of an event, nearly so, or of none."""
    topic, entry_type = draw(TYPES)
    amount = draw(AMOUNTS) * draw(st.sampled_from([1, -1]))
    facts = {
        "msn": draw(MSNS),
        "psp_reference": draw(st.sampled_from(["a", "b", None])),
        "reference": draw(REFERENCES | st.none()),
        "currency": draw(CURRENCIES),
    }
    if events and draw(st.booleans()):
        event = draw(st.sampled_from(events))
        facts = {name: event[name] for name in facts}
        if event["name"] in ("CAPTURED", "REFUNDED") and topic == "funds":
            entry_type = "capture" if event["name"] == "CAPTURED" else "refund"
            amount = event["amount_minor"] if entry_type == "capture" else -event["amount_minor"]
            amount += draw(st.sampled_from([0, 0, 0, 5]))
        facts["psp_reference"] = draw(st.sampled_from([facts["psp_reference"], "a", None]))
    at = NOW - timedelta(days=draw(DAYS_AGO), minutes=draw(st.integers(0, 2)))
    known = draw(st.booleans())
    before = draw(st.sampled_from([0, 100]))
    return facts | {
        "ledger_id": draw(st.sampled_from([LEDGER_ID, "302322"])),
        "topic": topic,
        "entry_type": entry_type,
        "entry_at": at if known else None,
        "ledger_date": at.date(),
        "amount_minor": amount,
        "balance_before_minor": before if known else None,
        "balance_after_minor": before + amount if known else None,
        "source_file": None,
        "source_row": None,
    }


@st.composite
def draw_books(draw: st.DrawFn) -> tuple[Any, ...]:
    """Draw orders, payments, events, failures and ledger entries as Arrow tables."""
    payments, events = draw(draw_payments())
    orders = [
        make_order_row(
            reference=row["reference"],
            msn=row["msn"],
            currency=row["currency"],
            total_minor=row["authorized_minor"],
            source_row=number,
        )
        for number, row in enumerate(payments, start=2)
    ]
    entries = draw(st.lists(draw_entry(events), max_size=8))
    parts = (
        (orders, ORDERS),
        (payments, PAYMENTS),
        (events, EVENTS),
        ([], FAILURES),
        (entries, LEDGER_ENTRIES),
    )
    return tuple(build_table(rows, schema) for rows, schema in parts)


CONTRACTS = (FeeContract("2", "NOK"), FeeContract("3", "NOK", payment_method="CARD"))


@draw_examples(8)
@given(draw_books(), PERIODS)
def test_any_books_are_accounted_for(books, period):
    """Each entry is in one bucket, the total of the bridge is the ledger's, and ids are unique.

    `reconcile` itself raises an error if the bridge does not foot.
    """
    *frames, entries = books
    first, last = period or (None, None)
    result = reconcile(
        *frames,
        ledger_entries=entries,
        contracts=CONTRACTS,
        first=first,
        last=last,
        as_of=NOW,
    )
    rows = entries.to_pylist()
    buckets = result.buckets[result.buckets["side"] == "ledger_entries"]
    keys = Counter(key.rsplit(":", 1)[0] for key in buckets["row_key"])

    assert buckets["row_key"].is_unique
    assert keys == Counter(
        f"{row['ledger_id']}:{row['topic']}:{row['psp_reference'] or ''}:{row['entry_type']}"
        for row in rows
    )
    assert result.discrepancies["discrepancy_id"].is_unique
    if not books[2].num_rows:
        return
    booked: Counter[tuple[str, str]] = Counter()
    for row in rows:
        in_period = period is None or period[0] <= row["ledger_date"] <= period[1]
        is_movement = row["topic"] == "funds" and row["entry_type"] in ("capture", "refund")
        booked[row["msn"], row["currency"]] += row["amount_minor"] * in_period * is_movement
    totals = {
        (row.msn, row.currency): row.amount_minor
        for row in result.bridge.itertuples()
        if row.leg == row.line == "ledger"
    }
    assert {key: totals.get(key, 0) for key in booked} == dict(booked)
    ledger_rows = result.discrepancies[result.discrepancies["leg"] == "payment_ledger"]
    assert (ledger_rows["at_risk_minor"] >= 0).all()


@pytest.mark.ci
@draw_examples(8)
@given(draw_books())
def test_order_of_the_rows_does_not_matter(books):
    """Engines read rows in any order."""
    *frames, entries = books
    backwards = entries.take(pa.array(range(entries.num_rows - 1, -1, -1), pa.int64()))
    one, other = (
        reconcile(*frames, ledger_entries=rows, contracts=CONTRACTS, as_of=NOW)
        for rows in (entries, backwards)
    )

    for name in ("discrepancies", "buckets", "summary", "bridge"):
        assert getattr(one, name).to_dict("records") == getattr(other, name).to_dict("records")
