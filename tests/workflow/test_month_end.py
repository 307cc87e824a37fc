"""Test what a run with a ledger adds for the end of the month."""

from __future__ import annotations

from datetime import date

import pytest

from tests.report.example_results import Month, frame
from tests.report.test_money_sheets import ENTRIES, payout
from vippsrecon import schemas
from vippsrecon.config.load import load_settings
from vippsrecon.workflow.inputs.ledger_source import LedgerSource
from vippsrecon.workflow.inputs.money_files import MoneyFiles
from vippsrecon.workflow.month_end.papers import add_month_end

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


@pytest.fixture(scope="module")
def add(tmp_path_factory):
    """Return `add(result)`, the result with what a month end needs."""
    folder = tmp_path_factory.mktemp("month_end")
    settings = load_settings(
        offline=True, folder=folder, database_url=f"sqlite:///{folder / 'runs.db'}"
    )
    nothing = {name: schemas.to_polars(None, schemas.PAYOUTS) for name in ("entries", "payouts")}
    ledger = LedgerSource(
        **nothing,
        completeness=schemas.to_polars(None, schemas.LEDGER_COMPLETENESS),
        rejects=schemas.to_polars(None, schemas.REJECTS),
        notes=(), inputs={}, coverage={},
    )  # fmt: skip

    def add_to(result, **changes):
        given = {"period": OCTOBER, "cutoff": None} | changes
        return add_month_end(result, settings, MoneyFiles(ledger=ledger), **given)

    return add_to


def make_month():
    """Return October: an order with VAT, one without, and one with VAT that was paid by card."""
    month = Month()
    month.pair("with-vat", 12_500, 12_500)
    month.pair("without", 1_000, 1_000)
    month.pair("by-card", 2_500, 0, kind="other_payment_method", bucket="ignored")
    month.orders[0]["vat_minor"] = 2_500
    month.orders[2]["vat_minor"] = 500
    return month.reconciliation(
        ledger_entries=frame(schemas.LEDGER_ENTRIES, ENTRIES),
        payouts=frame(schemas.PAYOUTS, [payout("2000001", 10_200)]),
    )


def test_vat_is_that_of_the_orders_that_vipps_was_to_collect(add):
    """An order paid by card has VAT, but no money here; an export may state the VAT of some orders."""
    vat = add(make_month()).polars_frame("vat_tie_out")

    assert vat.select("rate_basis_points", "orders", "difference_minor", "orders_without_vat").rows() == [
        (None, 0, None, 1),
        (2500, 1, 0, 0),
    ]  # fmt: skip


def test_month_without_a_day_has_vouchers_and_vat_only(add):
    """A cut-off pack, a clearing account and the age of refunds are those of a day."""
    result = add(make_month(), period=(None, None))

    assert not result.vouchers.empty
    assert not result.vat_tie_out.empty
    assert [result.cut_off.empty, result.clearing.empty, result.refund_ageing.empty] == [True] * 3


def test_clearing_account_has_the_vouchers_before_the_period(add):
    """The ledger begins on 5 October, and the period on the 6th: the account is that of both."""
    result = add(make_month(), period=(date(2026, 10, 6), date(2026, 10, 31)))

    assert result.vouchers.empty
    clearing = result.polars_frame("clearing")
    assert clearing.select("item", "amount_minor", "account_minor").rows() == [
        ("payout", 10_200, 10_200)
    ]
