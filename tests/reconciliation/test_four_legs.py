"""All legs together: from the order to the bank in one call, on every engine of one machine."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl
import pytest

from tests.payouts import make_bank_line, make_payout
from tests.reconciliation.ledger_rows import Ledger, list_bridge
from tests.reconciliation.spark_frames import build_spark_frame, spark_is_missing
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import EXAMPLE_MSN, NOW
from vippsrecon.reconciliation.result import build_table
from vippsrecon.schemas import (
    BANK_LINES,
    BRIDGE,
    BUCKETS,
    DISCREPANCIES,
    EVENTS,
    FAILURES,
    LEDGER_ENTRIES,
    ORDERS,
    PAYMENTS,
    PAYOUT_MATCHES,
    PAYOUTS,
    SUMMARY,
    validate,
)

LEGS = ["order_payment", "payment_ledger", "ledger_payout", "payout_bank"]
RESULTS = ("discrepancies", "buckets", "summary", "bridge", "groups", "payout_matches")


def make_month():
    """Return two payments, their ledger, its payout, and the credit in the bank."""
    ledger = Ledger()
    ledger.pay("order-1", 1000, days=10.2)
    ledger.book_events("order-1", fee=30)
    ledger.pay("order-2", 500, refund=200, days=10.1)
    ledger.book_events("order-2", fee=20)
    ledger.book("fees-retained", -50, days=9.9, ledger_date=date(2026, 10, 21))
    ledger.close(10)
    payout = make_payout(
        "2000010", msn=EXAMPLE_MSN, amount_minor=1250, ledger_date=date(2026, 10, 21)
    )
    line = make_bank_line(
        amount_minor=1250,
        text=f"Utb. 2000010 Vippsnr {EXAMPLE_MSN}",
        booked_date=date(2026, 10, 24),
    )
    return ledger, payout, line


def compare(ledger, payout, line, engine=lambda table: table, **given):
    """Reconcile a month's frames on an engine."""
    *frames, entries = map(engine, ledger.tables())
    return reconcile(
        *frames,
        as_of=NOW,
        ledger_entries=entries,
        payouts=engine(build_table([payout], PAYOUTS)),
        bank_lines=engine(build_table([line], BANK_LINES)),
        **given,
    )


def test_money_is_followed_to_the_bank():
    """Each leg of the bridge begins with the total of the one before, and the last is the bank."""
    result = compare(*make_month())

    assert result.verdict == "clean"
    assert result.manifest["legs"] == LEGS
    assert list_bridge(result, "ledger") == {
        "captured_as_fetched": 1500,
        "refunded_as_fetched": -200,
        "ledger": 1300,
    }
    assert list_bridge(result, "payouts") == {
        "ledger": 1300,
        "fees_retained": -50,
        "payouts": 1250,
    }
    assert list_bridge(result, "bank") == {"payouts": 1250, "bank": 1250}
    assert len(result.payout_matches) == len(result.payouts) == len(result.bank_lines) == 1
    summary = result.summary
    assert dict(summary.groupby("leg")["rows"].sum()) == {
        "order_payment": 2, "payment_ledger": 7, "ledger_payout": 1, "payout_bank": 1
    }  # fmt: skip
    for frame, schema in (
        (result.discrepancies, DISCREPANCIES),
        (result.buckets, BUCKETS),
        (summary, SUMMARY),
        (result.bridge, BRIDGE),
        (result.payout_matches, PAYOUT_MATCHES),
    ):
        validate(frame, schema)


def records(result):
    """Return every result frame as rows, so that engines can be compared."""
    collected = result.collect()
    return {name: getattr(collected, name).to_dict("records") for name in RESULTS}


@pytest.mark.ci
@pytest.mark.parametrize("own_connection", [False, True])
def test_duckdb_agrees_with_arrow(own_connection):
    """Payouts are compared in Polars, so their rows come back to the connection of the ledger."""
    ledger, payout, line = make_month()
    ledger.book("correction", 7, days=5)
    ledger.pay("order-3", 400, days=7)
    connection = duckdb.connect() if own_connection else duckdb
    on_duckdb = compare(ledger, payout, line, connection.from_arrow)

    assert records(on_duckdb) == records(compare(ledger, payout, line))
    assert records(compare(ledger, payout, line, pl.from_arrow)) == records(on_duckdb)


def test_rows_without_another_side_are_not_checked():
    """Bank lines alone prove nothing, and nothing about them is called clean."""
    ledger, payout, line = make_month()
    frames = ledger.tables()[:4]
    payouts, lines = build_table([payout], PAYOUTS), build_table([line], BANK_LINES)
    only_lines = reconcile(*frames, as_of=NOW, bank_lines=lines)
    only_payouts = reconcile(*frames, as_of=NOW, payouts=payouts)

    for result, side in ((only_lines, "bank_lines"), (only_payouts, "payouts")):
        rows = result.buckets
        assert list(rows[rows["side"] == side]["bucket"]) == ["not_checked"]
        assert result.manifest["legs"] == ["order_payment"]


def test_payouts_can_be_compared_with_the_bank_alone():
    """A merchant without keys has settlement files and statements only."""
    ledger, payout, line = make_month()
    result = reconcile(
        *ledger.tables()[:4],
        as_of=NOW,
        payouts=build_table([payout], PAYOUTS),
        bank_lines=build_table([line], BANK_LINES),
    )

    assert result.manifest["legs"] == ["order_payment", "payout_bank"]
    assert result.verdict == "clean"


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_is_missing()), reason=spark_is_missing() or "-")
@pytest.mark.filterwarnings("default")
def test_spark_agrees_with_arrow(spark):
    """The ledger is compared on the cluster, and payouts come back to it."""
    ledger, payout, line = make_month()
    ledger.book("correction", 7, days=5)
    ledger.book("capture", 90, days=5, reference="other", psp_reference="x")
    ledger.pay("order-3", 400, days=7)
    schemas = (ORDERS, PAYMENTS, EVENTS, FAILURES, LEDGER_ENTRIES)
    *frames, entries = (
        build_spark_frame(spark, table, schema)
        for table, schema in zip(ledger.tables(), schemas, strict=True)
    )
    result = reconcile(
        *frames,
        as_of=NOW,
        ledger_entries=entries,
        payouts=build_spark_frame(spark, build_table([payout], PAYOUTS), PAYOUTS),
        bank_lines=build_spark_frame(spark, build_table([line], BANK_LINES), BANK_LINES),
    )

    assert records(result) == records(compare(ledger, payout, line))
