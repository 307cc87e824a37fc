"""Compare orders with payments: frames in, a `Reconciliation` out. No network, no disk access."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation.days import (
    local_date,
    microseconds_to_datetime,
    to_day_bounds,
    to_microseconds,
)
from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    count_rows,
    detect_engine,
    materialize,
)
from vippsrecon.reconciliation.engines.input_frames import (
    count_polars_rows,
    find_latest_fetch,
    prepare_frames,
)
from vippsrecon.reconciliation.engines.plans import planned, reuse_plans
from vippsrecon.reconciliation.money_legs import (
    MoneyLegs,
    MoneyOptions,
    build_ungraded_rows,
    compare_money_legs,
    prepare_money_inputs,
    select_payment_side,
)
from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS
from vippsrecon.reconciliation.orders_payments.pairs import (
    ComparisonOptions,
    pair_orders_and_payments,
)
from vippsrecon.reconciliation.orders_payments.period import exclude_outside_period
from vippsrecon.reconciliation.payments_ledger.disputes import find_disputed_payments
from vippsrecon.reconciliation.result import (
    Reconciliation,
    build_table,
    export_frame,
    use_empty_if_none,
)
from vippsrecon.reconciliation.results.accounts import build_accounting_frames
from vippsrecon.reconciliation.results.discrepancies import (
    assign_buckets,
    build_discrepancies,
    select_schema_columns,
)
from vippsrecon.reconciliation.results.groups import (
    GROUPS,
    build_groups,
    describe_large_groups,
    sum_by_store,
)
from vippsrecon.reconciliation.results.notices import (
    collect_uncompared,
    describe_uncompared,
    describe_unpaid_columns,
    find_unpaid_files,
    sum_uncompared,
)
from vippsrecon.reconciliation.results.whole_totals import count_whole_totals, mark_whole_totals
from vippsrecon.reconciliation.run_checks import answer_questions, collect_kinds, select_kinds
from vippsrecon.schemas import (
    BRIDGE,
    BUCKETS,
    DISCREPANCIES,
    EVENTS,
    FAILURES,
    OPEN_ITEMS,
    REJECTS,
    SUMMARY,
)
from vippsrecon.schemas.failure_effects import build_effect_condition
from vippsrecon.texts import get_language, in_chosen_language


@in_chosen_language
def reconcile(
    orders: Any,
    payments: Any,
    events: Any = None,
    failures: Any = None,
    *,
    rejects: Any = None,
    units: Sequence[SalesUnit] = (),
    rules: Rules | None = None,
    as_of: datetime | None = None,
    first: date | None = None,
    last: date | None = None,
    waived: Collection[tuple[str, str]] = (),
    ours: Collection[str] = (),
    unsettled: Collection[tuple[str, str]] = (),
    first_seen: Mapping[str, date] | None = None,
    earlier_files: Collection[str] = (),
    only: str | None = None,
    questions: Collection[str] = tuple(QUESTIONS),
    language: str | None = None,
    manifest: dict[str, Any] | None = None,
    ledger_entries: Any = None,
    payouts: Any = None,
    bank_lines: Any = None,
    contracts: Sequence[FeeContract] = (),
    statement_days: Mapping[str, tuple[date, date]] | None = None,
    ledger_days: Mapping[str, tuple[date, date]] | None = None,
    known_accounts: Mapping[str, str] | None = None,
    disputed: Collection[tuple[str, str]] = (),
) -> Reconciliation:
    """Compare a shop's orders with their payments and report every discrepancy.

    Each pair is checked for four questions: do order and payment both exist, is the captured
    amount right, is the refunded amount right, and is money still reserved that should not be?
    Each question gives at most one discrepancy, so no amount is counted twice. Both sides are compared
    at one cut-off time: the earliest of `as_of`, the time of the export and the time of the fetch.

    Args:
        orders: `schemas.ORDERS`. Like all frames here: pandas, Polars, pyarrow, DuckDB or
            Spark; never changed. `vippsrecon.reconcile` also takes a frame of the user's own, as
            `read_orders` does; its rows that cannot be used become rejects.
        payments: `schemas.PAYMENTS`, one row per payment.
        events: `schemas.EVENTS`. Without them the payments' totals are compared, and the rows are
            flagged `amounts_as_fetched`.
        failures: `schemas.FAILURES`. A payment that could not be read is not checked, and the run
            is incomplete. A 404 is an answer: the payment does not exist.
        rejects: `schemas.REJECTS`; returned unchanged in the result.
        units: Sales units whose market, time zone or capture setting is not the default for their
            currency.
        rules: Tolerances and grace periods; None for the documented defaults.
        as_of: Cut-off time: events after it do not count. None for the time of the latest fetch.
        first: First local day of the period, inclusive; None for no lower limit. The figures are
            those of the events dated in the period; a pair without any day in it is
            `outside_period`, unless it began before its end and is not settled.
        last: Last local day of the period, inclusive; None for no upper limit.
        waived: (msn, reference) of payments to ignore.
        ours: Idempotency keys of operations made with this toolkit, from its journal. A refund
            that is not recorded in the shop is flagged `refunded_by_us` if its event has one of
            these keys, otherwise `made_elsewhere`.
        unsettled: (msn, reference) of payments with an operation made with this toolkit whose
            outcome is unknown. They are flagged `possible_duplicate`, and nothing is proposed.
        earlier_files: `source_file` of orders from earlier runs. They are compared, and say nothing
            about the days that the export covers.
        first_seen: discrepancy_id to the day of the first run that reported it. Age and severity
            count from that day; a discrepancy that is not listed is first seen by this run.
        only: Report discrepancies of this kind only.
        questions: The questions to check; fewer are faster. Buckets, summary and bridge are empty
            unless all questions are checked.
        language: Of sentences and report, not of codes and columns: en, nb, da, sv or fi. None for
            English, or for what `set_language` chose.
        manifest: Facts about the inputs, stored in the result's manifest.
        ledger_entries: `schemas.LEDGER_ENTRIES`, both topics. None: the payments are not compared
            with the ledger, and nothing about it is called clean. The same holds for the next two.
        payouts: `schemas.PAYOUTS`, as the ledger or the settlement files have them.
        bank_lines: `schemas.BANK_LINES`, of the accounts that payouts arrive on.
        contracts: What each capture costs. Fees are compared only where a contract is known.
        statement_days: First and last day that the bank statements of an account cover. A payout
            that is expected after the last one is in transit.
        ledger_days: First and last day of each sales unit's ledger that was read. Without it, a
            ledger covers the period from its first day, else from its first entry, and ends with
            its last entry. What happened after the last day cannot be on it yet.
        known_accounts: The bank account that an earlier run saw the payouts of a ledger go to.
        disputed: (msn, reference) of payments of which an earlier run saw money retained. They, and
            those of which the ledger shows it, are flagged `disputed`, and nothing is proposed.

    Returns:
        A Reconciliation, in pandas, made when a frame is first read; on Spark the large frames
        stay on the cluster until `.collect()`.

    Raises:
        SchemaError: A frame does not fit its schema.
        InputError: `payments` has the same payment twice, or the language is not one of the five.
        BridgeError: The bridge does not balance.
    """
    rules = rules or Rules()
    frames = prepare_frames(orders, payments, events, failures, keyed=bool(ours))
    money_inputs = prepare_money_inputs(ledger_entries, payouts, bank_lines, orders)
    as_of_us = to_microseconds(as_of) if as_of is not None else find_latest_fetch(frames)
    options = ComparisonOptions(
        as_of_us,
        tuple(units),
        rules,
        to_day_bounds(first, last),
        frozenset(waived),
        frozenset(ours),
        frozenset(unsettled),
        find_disputed_payments(money_inputs.ledger_entries, frames.events).union(disputed),
        frozenset(earlier_files),
    )
    run_date = local_date(as_of_us, (units[0] if units else SalesUnit("")).zone)
    spark = detect_engine(orders) == "spark"
    with reuse_plans(count_polars_rows(frames)):
        paired = pair_orders_and_payments(
            frames.orders,
            frames.payments,
            frames.events,
            frames.failures,
            options,
            refunds=frames.refunds,
        )
        failed_requests = frames.failures
        side = None
        if ledger_entries is not None:
            side = select_payment_side(payments, frames.events, frames.failures)
        del frames  # frees the events, by far the largest frame: no later step needs them
        checked_questions = tuple(question for question in QUESTIONS if question in questions)
        answers = _answer(paired.pairs, checked_questions, in_period=options.period is not None)
        answered = mark_whole_totals(answers.pairs, paired.exact_matches, answers.whole_totals)
        kinds = collect_kinds(answers.kinds, QUESTIONS)
        legs = MoneyLegs()
        if checked_questions == tuple(QUESTIONS):
            legs = compare_money_legs(
                side,
                money_inputs,
                MoneyOptions(
                    run_date,
                    options.period,
                    options.waived,
                    tuple(contracts),
                    ledger_days,
                    statement_days,
                    known_accounts,
                    options.units,
                ),
            )
        reported = build_discrepancies(
            answered,
            kinds,
            rules.rounding_cap_minor,
            run_date,
            first_seen or {},
            other_legs=build_ungraded_rows(legs),
            other_kinds=legs.kinds,
        )
        if only is not None:
            reported = materialize(reported.filter(nw.col("kind") == only))
        sums = _sum_results(answered, reported)
        buckets, summary, bridge = (
            build_accounting_frames(answered, reported, kinds, paired, legs=legs, spark=spark)
            if checked_questions == tuple(QUESTIONS)
            else (use_empty_if_none(None, frame) for frame in (BUCKETS, SUMMARY, BRIDGE))
        )
    compared = int(collect_rows(sums.compared)[0]["rows"]) + paired.exact_match_count
    uncompared = collect_uncompared(sums.uncompared)
    grouped = build_groups(sums.by_store, compared)
    counts = _count_results(sums.severities, failed_requests, compared, rejects)
    return Reconciliation(
        orders=orders,
        payments=payments,
        events=use_empty_if_none(events, EVENTS),
        failures=use_empty_if_none(failures, FAILURES),
        rejects=use_empty_if_none(rejects, REJECTS),
        discrepancies=export_frame(select_schema_columns(reported), DISCREPANCIES, spark),
        buckets=buckets,
        summary=summary,
        bridge=bridge,
        groups=build_table(grouped, GROUPS),
        open_items=build_table([], OPEN_ITEMS),
        notices=(
            *describe_uncompared(uncompared),
            *legs.notices,
            *describe_large_groups(grouped, compared),
            *describe_unpaid_columns(sums.unpaid_files),
        ),
        manifest={
            **(manifest or {}),
            "language": get_language(),
            "as_of": microseconds_to_datetime(as_of_us).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "complete": bool((manifest or {}).get("complete", True)) and counts["holes"] == 0,
            "counts": {**(manifest or {}).get("counts", {}), **counts},
            "uncompared": {currency: minor for currency, (minor, _) in uncompared.items()},
            "period": [str(day) if day else None for day in (first, last)]
            if first or last
            else None,
            "legs": ["order_payment", *legs.compared],
            "units_without_ledger": [unit._asdict() for unit in legs.uncovered],
            "ledger_not_compared": legs.ledger_not_compared,
            **({"only": only} if only is not None else {}),
        },
        ledger_entries=ledger_entries,
        payouts=payouts,
        bank_lines=bank_lines,
        payout_matches=legs.payout_legs.matches,
    )


@dataclass(frozen=True)
class _Answers:
    """The pairs with their kinds, the kinds that occur, and the whole totals per file."""

    pairs: LazyFrame
    kinds: LazyFrame
    whole_totals: LazyFrame


@planned
def _answer(pairs: LazyFrame, checked_questions: tuple[str, ...], *, in_period: bool) -> _Answers:
    """Run the checks; with all questions, add the buckets too."""
    checked = answer_questions(pairs, QUESTIONS, checked_questions)
    if in_period:
        checked = exclude_outside_period(materialize(checked))
    answered = materialize(
        assign_buckets(checked) if checked_questions == tuple(QUESTIONS) else checked
    )
    return _Answers(answered, select_kinds(answered, QUESTIONS), count_whole_totals(answered))


@dataclass(frozen=True)
class _Sums:
    """What is counted of the answers: small frames, whose rows become figures and notices."""

    severities: LazyFrame
    compared: LazyFrame
    uncompared: LazyFrame
    unpaid_files: LazyFrame
    by_store: LazyFrame


@planned
def _sum_results(answered: LazyFrame, reported: LazyFrame) -> _Sums:
    belongs = (nw.col("there_kind") != "outside_period").fill_null(value=True)
    return _Sums(
        reported.select(
            worse=nw.when(nw.col("severity") == "info").then(nw.lit(0)).otherwise(nw.lit(1))
        ).select(rows=nw.len(), above_info=nw.col("worse").sum()),
        answered.filter(belongs).select(rows=nw.len()),
        sum_uncompared(answered),
        find_unpaid_files(answered),
        sum_by_store(reported),
    )


def _count_results(
    severities: LazyFrame, failures: LazyFrame | None, compared: int, rejects: Any
) -> dict[str, int]:
    reported = collect_rows(severities)[0]
    unread = not_sent = not_found = 0
    if failures is not None:
        unread, not_sent, not_found = (
            count_rows(failures.filter(build_effect_condition(effect)))
            for effect in ("unanswered", "not_sent", "not_found")
        )
    return {
        "pairs": compared,
        "discrepancies": int(reported["rows"]),
        "above_info": int(reported["above_info"] or 0),
        "holes": unread,
        "not_found": not_found,
        "not_sent": not_sent,
        "rejects": 0 if rejects is None else len(rejects),
    }
