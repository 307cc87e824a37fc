"""Join the fees of captures, and compute what they should be by contract.

A capture may have several fees, and a fee may be charged days later than its capture.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.dates import to_day_number
from vippsrecon.reconciliation.engines.backends import LazyFrame, is_empty, materialize
from vippsrecon.reconciliation.engines.joins import join_large
from vippsrecon.reconciliation.payments_ledger.coverage import is_in_period
from vippsrecon.reconciliation.payments_ledger.entries import number_rows
from vippsrecon.reconciliation.payments_ledger.pairs import BY_OPERATION
from vippsrecon.reconciliation.payments_ledger.variables import LedgerOptions

FEE_MISSING_AFTER_DAYS = 10
"""Local days after which the fee of a capture counts as missing, not as late."""

_MILLION = 1_000_000
_BY_OPERATION = ["msn", "currency", "psp_reference"]
_BY_REFERENCE = ["msn", "currency", "reference", "reference_n"]
_FEE_COLUMNS = ("fee_minor", "fee_in", "fee_psp")
_NO_AMOUNT = nw.lit(None).cast(nw.Int64)


@dataclass(frozen=True)
class ChargedPairs:
    """Captures with their fees.

    Attributes:
        pairs: The rows that were given with `fee_minor` (negative; null where there is none),
            `fee_psp` (the pspReference of its entries), `agreed_fee_minor` (null where no contract
            is known), `fee_tolerance`, `fee_expected` and `fee_overdue`.
        lone_fees: msn, currency and psp_reference of fees that do not have their capture's.
    """

    pairs: LazyFrame
    lone_fees: LazyFrame


def add_fees(
    pairs: LazyFrame, entries: LazyFrame, contracts: Sequence[FeeContract], options: LedgerOptions
) -> ChargedPairs:
    """Add the fee of each capture, and the fee by contract.

    Args:
        pairs: Captures and refunds with the variables of `variables.add_pair_variables`.
        entries: Result of `entries.prepare_entries`.
        contracts: What captures cost; none: fees are not compared, only missed.
        options: Settings of the comparison.
    """
    fees = materialize(
        entries.filter(nw.col("role") == "fee").select(
            *_BY_OPERATION,
            "reference",
            "match_n",
            "entry_us",
            fee_minor=nw.col("amount_minor"),
            fee_in=is_in_period(nw.col("ledger_day"), options.period),
        )
    )
    has_entry = ~nw.col("entry_minor").is_null()
    is_capture = (nw.col("entry_type") == "capture") & (nw.col("match_n") == 1)
    joined = _join_fees(pairs, _sum_operations(fees))
    read_until = (
        nw.when(nw.col("last_day") < options.run_day)
        .then(nw.col("last_day"))
        .otherwise(nw.lit(options.run_day))
    )
    agreed, tolerance = _build_agreed_fee(contracts)
    compared = nw.col("fee_in").fill_null(value=False) & ~nw.col("waived_payment")
    expected = is_capture & has_entry & nw.col("entry_in") & nw.col("has_fees")
    overdue = read_until - nw.col("ledger_day") > FEE_MISSING_AFTER_DAYS
    with_fees = (
        joined.pairs.with_columns(agreed=agreed, fee_tolerance=tolerance)
        .with_columns(
            agreed_fee_minor=nw.when(compared | nw.col("fee_minor").is_null()).then(
                nw.col("agreed")
            ),
            fee_expected=expected
            & ~nw.col("waived_payment")
            & (nw.col("agreed") != 0).fill_null(value=True),
            fee_overdue=overdue.fill_null(value=False),
        )
        .drop("agreed", "fee_in")
    )
    return ChargedPairs(with_fees, joined.lone_fees)


def _sum_operations(fees: LazyFrame) -> LazyFrame:
    """Return the fees with one row per operation: one capture may have several.

    Fees without a pspReference are told apart by their reference.
    """
    columns = [*_BY_OPERATION, "reference", "fee_minor", "fee_in", "entry_us"]
    if is_empty(fees.filter(nw.col("match_n") > 1)):
        return fees.select(columns)
    single, no_text = nw.lit(1, nw.Int64), nw.lit("")
    return materialize(
        fees.with_columns(
            inside=nw.when(nw.col("fee_in")).then(single).otherwise(nw.lit(0)),
            apart=nw.when(nw.col("psp_reference") == "")
            .then(nw.col("reference"))
            .otherwise(no_text),
        )
        .group_by(*_BY_OPERATION, "apart")
        .agg(
            reference=nw.col("reference").min(),
            fee_minor=nw.col("fee_minor").sum().cast(nw.Int64),
            inside=nw.col("inside").max(),
            entry_us=nw.col("entry_us").min(),
        )
        .with_columns(fee_in=nw.col("inside") > 0)
        .select(columns)
    )


def _join_fees(pairs: LazyFrame, fees: LazyFrame) -> ChargedPairs:
    """Join fees by pspReference; those left, by reference, in order of time.

    Until 2025 the pspReference of a fee was not that of its capture.
    """
    # The operation of the capture that each fee is charged for.
    charged = fees.select(
        "msn",
        "currency",
        "fee_minor",
        "fee_in",
        psp_reference=nw.when(nw.col("psp_reference") != "").then(nw.col("psp_reference")),
        fee_psp=nw.col("psp_reference"),
        fee_reference=nw.col("reference"),
        fee_us=nw.col("entry_us"),
        entry_type=nw.lit("capture"),
        match_n=nw.lit(1, nw.Int64),
    )
    joined = join_large(pairs, charged, BY_OPERATION, add=("fee_minor", "fee_in"))
    has_fee = ~nw.col("fee_minor").is_null()
    rows = joined.rows.with_columns(fee_psp=nw.when(has_fee).then(nw.col("psp_reference")))
    unmatched = materialize(joined.unmatched)
    is_capture = (nw.col("entry_type") == "capture") & (nw.col("match_n") == 1)
    bare = is_capture & nw.col("fee_minor").is_null()
    lone_fees = unmatched.with_columns(psp_reference=nw.col("fee_psp")).select(_BY_OPERATION)
    if is_empty(unmatched) or is_empty(rows.filter(bare)):
        return ChargedPairs(rows, lone_fees)
    when = nw.coalesce(nw.col("entry_us"), nw.col("event_us"))
    numbered = number_rows(
        rows.filter(bare).drop(*_FEE_COLUMNS).with_columns(at_us=when),
        ("msn", "currency", "reference"),
        ["at_us", "psp_reference"],
        "reference_n",
    ).drop("at_us")
    found = number_rows(
        unmatched.with_columns(reference=nw.col("fee_reference")),
        ("msn", "currency", "reference"),
        ["fee_us", "fee_psp"],
        "reference_n",
    ).select(*_BY_REFERENCE, *_FEE_COLUMNS)
    by_reference = materialize(numbered.join(found, on=_BY_REFERENCE, how="left"))
    return ChargedPairs(
        nw.concat(
            [
                rows.filter(~bare),
                by_reference.select(rows.collect_schema().names()),
            ],
            how="vertical",
        ),
        lone_fees,
    )


def _build_agreed_fee(contracts: Sequence[FeeContract]) -> tuple[nw.Expr, nw.Expr]:
    """Return the fee by contract (negative), and its tolerance; null where none is known.

    Where only the payment method decides and is not known, the fee is not known either.
    """
    agreed, tolerance = _NO_AMOUNT, _NO_AMOUNT
    amount = nw.coalesce(nw.col("entry_minor"), nw.col("event_minor"))
    day = nw.coalesce(nw.col("ledger_day"), nw.col("accounting_day"))
    for contract in sorted(contracts, key=_specificity):
        applies = nw.col("currency") == contract.currency
        if contract.msn is not None:
            applies = applies & (nw.col("msn") == contract.msn)
        if contract.from_date is not None:
            applies = applies & (day >= to_day_number(contract.from_date))
        method = nw.col("payment_method")
        if contract.payment_method is not None:
            unsure = (applies & method.is_null()).fill_null(value=False)
            agreed = nw.when(unsure).then(_NO_AMOUNT).otherwise(agreed)
            applies = applies & (method == contract.payment_method)
        applies = applies.fill_null(value=False)
        fee = -compute_fee(amount, contract.parts_per_million, contract.fixed_minor)
        agreed = nw.when(applies).then(fee).otherwise(agreed)
        tolerance = (
            nw.when(applies).then(nw.lit(contract.tolerance_minor, nw.Int64)).otherwise(tolerance)
        )
    return agreed, tolerance


def _specificity(contract: FeeContract) -> tuple[bool, bool, int]:
    day = contract.from_date
    return (
        contract.msn is not None,
        contract.payment_method is not None,
        to_day_number(day) if day is not None else -(10**6),
    )


def compute_fee(amount: nw.Expr, parts_per_million: int, fixed_minor: int) -> nw.Expr:
    """Return percentage plus fixed amount, half an øre rounded up, for an amount of at least 0.

    An amount of fifteen digits times a million would not fit into 64 bits, so whole millions and the
    rest are multiplied apart.
    """
    millions = amount // _MILLION
    rest = amount - millions * _MILLION
    share = millions * parts_per_million + (rest * parts_per_million + _MILLION // 2) // _MILLION
    return (share + fixed_minor).cast(nw.Int64)
