"""Follow the money after the payment: to the ledger, the payouts and the bank.

    payments, events ──► payment_ledger ──► ledger entries
    ledger entries   ──► ledger_payout  ──► payouts
    payouts          ──► payout_bank    ──► bank lines

A leg is compared only where both of its sides are given. Nothing is said about any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import to_day_number
from vippsrecon.errors import InputError
from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    detect_engine,
    materialize,
    prepare_frame,
    refuse_large_sums,
)
from vippsrecon.reconciliation.engines.local_rows import put_beside
from vippsrecon.reconciliation.ledger_payouts.payout_legs import (
    PayoutLegs,
    collect_in_polars,
    compare_payout_legs,
)
from vippsrecon.reconciliation.payments_ledger.bridge import (
    LEDGER_LINES,
    build_ledger_sums,
    sum_events_in_time,
)
from vippsrecon.reconciliation.payments_ledger.buckets import leave_entries_unchecked
from vippsrecon.reconciliation.payments_ledger.compare import (
    LedgerComparison,
    PaymentSideFrames,
    compare_payments_with_ledger,
)
from vippsrecon.reconciliation.payments_ledger.coverage import (
    UncoveredUnit,
    describe_uncovered_units,
)
from vippsrecon.reconciliation.payments_ledger.movements import (
    select_movements,
    sum_payments_without_events,
)
from vippsrecon.reconciliation.results.bridge import build_balanced_rows
from vippsrecon.schemas import BANK_LINES, LEDGER_ENTRIES, PAYMENTS, PAYOUTS, Frame
from vippsrecon.schemas.failure_effects import build_effect_condition
from vippsrecon.texts import say

MONEY_LEGS = ("payment_ledger", "ledger_payout", "payout_bank")

_LEG_BY_SIDE = {
    "ledger_entries": "payment_ledger",
    "payouts": "ledger_payout",
    "bank_lines": "payout_bank",
}
_PAYMENT_COLUMNS = (
    *("msn", "reference", "currency", "payment_method"),
    *("captured_minor", "refunded_minor", "fetched_at"),
)


@dataclass(frozen=True)
class MoneyInputs:
    """The frames of money on its way to the bank, validated; None where not given.

    Attributes:
        ledger_entries: On the engine that the orders are on.
        payouts, bank_lines: In Polars, because they are few.
        beside: One of the lazy frames that the orders' engine has; None if none was given.
    """

    ledger_entries: LazyFrame | None
    payouts: pl.DataFrame | None
    bank_lines: pl.DataFrame | None
    beside: LazyFrame | None


@dataclass(frozen=True)
class MoneyOptions:
    """Settings of the legs after the first.

    Attributes:
        run_date: Local day of the cut-off time.
        period: First and last day, as day numbers; None for all days.
        waived: (msn, reference) of payments that the user ignores.
        contracts: What captures cost.
        ledger_days: Sales unit to the first and last day of its ledger that was read.
        statement_days: Account to the first and last day that its statements cover.
        known_accounts: Ledger to the account that an earlier run saw its payouts go to.
        units: Sales units, for the time at which a day of their ledger ends.
    """

    run_date: date
    period: tuple[int, int] | None = None
    waived: frozenset[tuple[str, str]] = frozenset()
    contracts: Sequence[FeeContract] = ()
    ledger_days: Mapping[str, tuple[date, date]] | None = None
    statement_days: Mapping[str, tuple[date, date]] | None = None
    known_accounts: Mapping[str, str] | None = None
    units: Sequence[SalesUnit] = ()


@dataclass(frozen=True)
class MoneyLegs:
    """The results of the legs after the first.

    Attributes:
        compared: The legs that were compared.
        findings, kinds: Leg to its discrepancies (`run_checks.FINDING_COLUMNS`), and their kinds.
        buckets: One row per input row (`run_checks.BUCKET_COLUMNS`), a frame per side.
        ledger: The comparison of payments with the ledger; None if it was not made.
        without_events: Result of `movements.sum_payments_without_events`.
        payout_legs: The comparisons of payouts with ledger and bank.
        ledger_not_compared: A ledger was given, and payments have no event logs to compare it with.
    """

    compared: tuple[str, ...] = ()
    findings: tuple[tuple[str, LazyFrame], ...] = ()
    kinds: frozenset[str] = frozenset()
    buckets: tuple[LazyFrame, ...] = ()
    ledger: LedgerComparison | None = None
    without_events: LazyFrame | None = None
    payout_legs: PayoutLegs = field(default_factory=PayoutLegs)
    ledger_not_compared: bool = False

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that say what was not compared with the ledger."""
        not_compared = (say("notices.ledger_not_compared"),) if self.ledger_not_compared else ()
        return not_compared or describe_uncovered_units(self.uncovered)

    @property
    def uncovered(self) -> tuple[UncoveredUnit, ...]:
        """The sales units that moved money and have no entry on the ledger."""
        return () if self.ledger is None else self.ledger.uncovered


def prepare_money_inputs(
    ledger_entries: Any, payouts: Any, bank_lines: Any, orders: Any
) -> MoneyInputs:
    """Validate the frames; each must be on the engine that the orders are on.

    Raises:
        SchemaError: A frame does not fit its schema.
        InputError: A frame is on another engine, or its amounts are too large.
    """

    def prepare(data: Any, frame: Frame) -> LazyFrame | None:
        if data is None:
            return None
        engine, expected = detect_engine(data), detect_engine(orders)
        if engine != expected:
            raise InputError(
                f"{frame.name} is a frame of {engine} and orders are of {expected}: pass all frames "
                "of one engine"
            )
        prepared = prepare_frame(data, frame)
        refuse_large_sums(prepared, frame)
        return prepared

    prepared = {
        frame.name: prepare(data, frame)
        for data, frame in (
            (ledger_entries, LEDGER_ENTRIES),
            (payouts, PAYOUTS),
            (bank_lines, BANK_LINES),
        )
    }
    return MoneyInputs(
        prepared["ledger_entries"],
        None if payouts is None else collect_in_polars(payouts, PAYOUTS),
        None if bank_lines is None else collect_in_polars(bank_lines, BANK_LINES),
        next((rows for rows in prepared.values() if rows is not None), None),
    )


def select_payment_side(
    payments: Any, events: LazyFrame | None, failures: LazyFrame | None
) -> PaymentSideFrames | None:
    """Return what the ledger is compared with; None without event logs.

    The totals of a payment do not say which of its captures the ledger lacks.
    """
    if events is None:
        return None
    rows = prepare_frame(payments, PAYMENTS, _PAYMENT_COLUMNS)
    movements = select_movements(events, rows)
    unanswered = None
    if failures is not None:
        unanswered = materialize(failures.filter(build_effect_condition("unanswered")))
    return PaymentSideFrames(
        rows,
        movements.rows,
        materialize(sum_payments_without_events(movements.unmoved, events)),
        unanswered,
    )


def compare_money_legs(
    side: PaymentSideFrames | None, inputs: MoneyInputs, options: MoneyOptions
) -> MoneyLegs:
    """Compare every leg whose two sides are given."""
    compared: list[str] = []
    findings: list[tuple[str, LazyFrame]] = []
    buckets: list[LazyFrame] = []
    ledger = None
    if inputs.ledger_entries is not None and side is not None:
        ledger = compare_payments_with_ledger(
            side,
            inputs.ledger_entries,
            run_day=to_day_number(options.run_date),
            period=options.period,
            contracts=options.contracts,
            ledger_days=options.ledger_days,
            waived=options.waived,
            units=options.units,
        )
        compared.append("payment_ledger")
        findings.append(("payment_ledger", ledger.findings))
        buckets.append(ledger.buckets)
    elif inputs.ledger_entries is not None:
        buckets.append(leave_entries_unchecked(inputs.ledger_entries))
    payout_legs = compare_payout_legs(
        inputs.ledger_entries,
        inputs.payouts,
        inputs.bank_lines,
        run_date=options.run_date,
        period=options.period,
        statement_days=options.statement_days,
        known_accounts=options.known_accounts,
    )
    for leg, found in payout_legs.findings.items():
        compared.append(leg)
        findings.append((leg, _place(found, inputs)))
    payout_buckets = payout_legs.list_buckets()
    if payout_buckets.height:
        buckets.append(_place(payout_buckets, inputs))
    kinds = frozenset(
        row["kind"] for _, rows in findings for row in collect_rows(rows.select("kind").unique())
    )
    return MoneyLegs(
        tuple(compared),
        tuple(findings),
        kinds,
        tuple(buckets),
        ledger,
        None if side is None else side.without_events,
        payout_legs,
        ledger is None and inputs.ledger_entries is not None,
    )


def _place(rows: pl.DataFrame, inputs: MoneyInputs) -> LazyFrame:
    if inputs.beside is None:
        raise RuntimeError("rows of payouts need a frame of payouts")
    return put_beside(rows, inputs.beside)


def build_ungraded_rows(legs: MoneyLegs) -> tuple[LazyFrame, ...]:
    """Return the discrepancies of the legs as `results.discrepancies` grades them."""
    no_text = nw.lit(None).cast(nw.String)
    key = nw.coalesce(nw.col("reference"), nw.col("payout_number"), nw.lit(""))
    expected, actual = nw.col("expected"), nw.col("actual")
    return tuple(
        rows.select(
            discrepancy_id=nw.concat_str(
                nw.col("kind"),
                nw.lit(":"),
                nw.col("msn"),
                nw.lit(":"),
                key,
                nw.when(nw.col("discriminator") != "")
                .then(nw.concat_str(nw.lit(":"), nw.col("discriminator")))
                .otherwise(nw.lit("")),
            ),
            leg=nw.lit(leg),
            question=nw.col("question"),
            kind=nw.col("kind"),
            msn=nw.col("msn"),
            reference=nw.col("reference"),
            order_number=nw.col("order_number"),
            payout_number=nw.col("payout_number"),
            currency=nw.col("currency"),
            expected_minor=expected,
            actual_minor=actual,
            difference_minor=actual.fill_null(0) - expected.fill_null(0),
            at_risk_minor=nw.col("at_risk"),
            proposal=no_text,
            proposal_minor=nw.lit(None).cast(nw.Int64),
            flags=nw.col("flags"),
            hints=nw.concat_str(nw.col("flags"), nw.lit(" "), nw.col("variant")),
            near=nw.lit(value=False),
            store=no_text,
        )
        for leg, rows in legs.findings
    )


def sum_money_buckets(legs: MoneyLegs) -> tuple[LazyFrame, ...]:
    """Return the summary's rows of what is no discrepancy: input rows, and events on no ledger yet."""
    keys = ["leg", "currency", "bucket", "kind"]
    leg: nw.Expr = nw.lit(None).cast(nw.String)
    for side, name in _LEG_BY_SIDE.items():
        leg = nw.when(nw.col("side") == side).then(nw.lit(name)).otherwise(leg)
    nothing = nw.lit(0, nw.Int64)
    sums = [
        rows.filter(nw.col("bucket") != "discrepancy")
        .select(
            "currency",
            "bucket",
            "kind",
            leg=leg,
            each=nw.lit(1, nw.Int64),
            amount=nw.col("amount_minor"),
        )
        .group_by(*keys)
        .agg(
            rows=nw.col("each").sum().cast(nw.Int64),
            total_minor=nw.col("amount").sum().cast(nw.Int64),
        )
        for rows in legs.buckets
    ]
    if legs.ledger is not None:
        sums.append(sum_events_in_time(legs.ledger.bridge_sums))
    return tuple(
        rows.with_columns(difference_minor=nothing, at_risk_minor=nothing) for rows in sums
    )


def build_money_bridge(legs: MoneyLegs, first_legs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the bridge's rows of the legs that were compared.

    Raises:
        BridgeError: A leg does not balance.
    """
    rows: list[dict[str, Any]] = []
    if legs.ledger is not None and legs.without_events is not None:
        sums = build_ledger_sums(
            first_legs, legs.ledger.bridge_sums, legs.without_events, set(legs.ledger.days)
        )
        rows += build_balanced_rows("ledger", sums, LEDGER_LINES)
    return rows + legs.payout_legs.build_bridge()
