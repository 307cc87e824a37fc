"""Compare payments with the ledger: find what is missing, different, retained or corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import narwhals.stable.v2 as nw

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.engines.backends import LazyFrame, materialize
from vippsrecon.reconciliation.engines.joins import select_candidates
from vippsrecon.reconciliation.payments_ledger.balances import check_balances
from vippsrecon.reconciliation.payments_ledger.bridge import sum_ledger_lines
from vippsrecon.reconciliation.payments_ledger.buckets import build_entry_buckets
from vippsrecon.reconciliation.payments_ledger.checks import QUESTIONS
from vippsrecon.reconciliation.payments_ledger.coverage import (
    LedgerDays,
    UncoveredUnit,
    find_ledger_days,
    find_uncovered_units,
    is_in_period,
)
from vippsrecon.reconciliation.payments_ledger.disputes import (
    follow_disputes,
    number_disputes,
    number_text,
)
from vippsrecon.reconciliation.payments_ledger.entries import number_rows, prepare_entries
from vippsrecon.reconciliation.payments_ledger.fees import add_fees
from vippsrecon.reconciliation.payments_ledger.pairs import pair_movements_and_entries
from vippsrecon.reconciliation.payments_ledger.variables import LedgerOptions, add_pair_variables
from vippsrecon.reconciliation.run_checks import find_first_kind, select_findings

_PAYMENT_ENTRIES = ["msn", "reference", "entry_type"]


@dataclass(frozen=True)
class PaymentSideFrames:
    """What is known of payments.

    Attributes:
        payments: msn, reference, currency, payment_method, captured_minor, refunded_minor and
            fetched_at_us.
        movements: See `movements.Movements`.
        without_events: Result of `movements.sum_payments_without_events`.
        unanswered: msn and reference of payments that could not be read; None for none.
    """

    payments: LazyFrame
    movements: LazyFrame
    without_events: LazyFrame
    unanswered: LazyFrame | None


@dataclass(frozen=True)
class LedgerComparison:
    """What the comparison of payments with the ledger found.

    Attributes:
        findings: One row per discrepancy (`run_checks.FINDING_COLUMNS`).
        buckets: One row per ledger entry (`run_checks.BUCKET_COLUMNS`).
        bridge_sums: Result of `bridge.sum_ledger_lines`.
        days: Sales unit to the days that its ledger covers.
        uncovered: Sales units that moved money and have no ledger entry: they were not compared.
    """

    findings: LazyFrame
    buckets: LazyFrame
    bridge_sums: LazyFrame
    days: Mapping[str, LedgerDays]
    uncovered: tuple[UncoveredUnit, ...]


def compare_payments_with_ledger(
    side: PaymentSideFrames,
    ledger_entries: LazyFrame,
    *,
    run_day: int,
    period: tuple[int, int] | None = None,
    contracts: Sequence[FeeContract] = (),
    ledger_days: Mapping[str, tuple[date, date]] | None = None,
    waived: frozenset[tuple[str, str]] = frozenset(),
    units: Sequence[SalesUnit] = (),
) -> LedgerComparison:
    """Compare the captures and refunds of payments with the entries of their ledgers.

    Args:
        side: The payments and their captures and refunds.
        ledger_entries: `schemas.LEDGER_ENTRIES`, with `ledger_day` and `entry_at_us`.
        run_day: Local day of the cut-off time, as a day number.
        period: First and last day, as day numbers; None for all days.
        contracts: What captures cost.
        ledger_days: Sales unit to the first and last day of its ledger that was read.
        waived: (msn, reference) of payments that the user ignores.
        units: Sales units, for the time at which a day of their ledger ends.
    """
    entries = prepare_entries(ledger_entries)
    days = find_ledger_days(entries, period, ledger_days or {})
    options = LedgerOptions(run_day, days, period, waived, units)
    movements = side.movements.filter(nw.col("msn").is_in(sorted(days)))
    pairs = add_pair_variables(
        pair_movements_and_entries(movements, entries), side.payments, side.unanswered, options
    )
    charged = add_fees(pairs, entries, contracts, options)
    kinds = (find_first_kind(question, QUESTIONS[question]) for question in ("entry", "fee"))
    charged = replace(charged, pairs=materialize(charged.pairs.with_columns(*kinds)))
    disputed = number_disputes(entries)
    cycles = materialize(
        follow_disputes(disputed, period).with_columns(
            find_first_kind("dispute", QUESTIONS["dispute"])
        )
    )
    bookings = materialize(
        entries.filter(nw.col("role").is_in(["correction", "unknown"])).with_columns(
            find_first_kind("booking", QUESTIONS["booking"])
        )
    )
    findings = [
        *_find_in_pairs(charged.pairs),
        _find(cycles, "dispute"),
        _find(_number_bookings(bookings, period), "booking"),
        _find(
            check_balances(entries).with_columns(find_first_kind("balance", QUESTIONS["balance"])),
            "balance",
        ),
    ]
    return LedgerComparison(
        materialize(nw.concat(findings, how="vertical")),
        materialize(
            build_entry_buckets(entries, charged, bookings, disputed, cycles, period=period),
            large=True,
        ),
        materialize(sum_ledger_lines(charged.pairs)),
        days,
        find_uncovered_units(side.movements, days, period),
    )


def _find(rows: LazyFrame, question: str) -> LazyFrame:
    named = rows.with_columns(
        reference=nw.when(nw.col("reference") != "").then(nw.col("reference"))
    )
    return select_findings(named, question, QUESTIONS[question])


def _find_in_pairs(pairs: LazyFrame) -> list[LazyFrame]:
    """Return the discrepancies of captures and refunds; those of one payment are numbered."""
    wrong = materialize(
        pairs.filter(~nw.col("entry_kind").is_null() | ~nw.col("fee_kind").is_null())
        .select(*_PAYMENT_ENTRIES)
        .unique()
    )
    without_reference = nw.col("reference") == ""
    in_order = number_rows(
        select_candidates(pairs, wrong, _PAYMENT_ENTRIES)
        .join(wrong, on=_PAYMENT_ENTRIES, how="semi")
        .with_columns(
            # Entries without a reference are told apart by their operation.
            operation=nw.when(without_reference)
            .then(nw.col("psp_reference"))
            .otherwise(nw.lit("")),
            order_us=nw.coalesce(nw.col("event_us"), nw.col("entry_us")),
            order_key=nw.coalesce(nw.col("row_key"), nw.lit("")),
        ),
        (*_PAYMENT_ENTRIES, "operation"),
        ["order_us", "psp_reference", "match_n", "currency", "order_key"],
        "number",
    )
    refund_of_both = (nw.col("entry_type") == "refund") & nw.col("entry_kind").is_in(
        ["ledger_without_event", "ledger_amount_difference"]
    ).fill_null(value=False)
    numbered = materialize(
        in_order.with_columns(
            discriminator=_join_parts(
                nw.when(refund_of_both).then(nw.lit("refund")).otherwise(nw.lit("")),
                nw.col("operation"),
                number_text(nw.col("number")),
            )
        )
    )
    return [_find(numbered, question) for question in ("entry", "fee")]


def _number_bookings(bookings: LazyFrame, period: tuple[int, int] | None) -> LazyFrame:
    booked = materialize(bookings.filter(is_in_period(nw.col("ledger_day"), period)))
    keys = ("msn", "reference", "topic", "psp_reference", "entry_type")
    order = ["entry_us", "ledger_id", "n", "currency"]
    return number_rows(booked, keys, order, "number").with_columns(
        discriminator=_join_parts(
            nw.col("topic"),
            nw.col("psp_reference"),
            nw.col("entry_type"),
            number_text(nw.col("number")),
        )
    )


def _join_parts(*parts: nw.Expr) -> nw.Expr:
    """Join texts by colons, without the empty ones."""
    with_colons = [
        nw.when(part != "").then(nw.concat_str(nw.lit(":"), part)).otherwise(nw.lit(""))
        for part in parts
    ]
    return nw.concat_str(*with_colons).str.strip_chars(":")
