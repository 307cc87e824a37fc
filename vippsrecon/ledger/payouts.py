"""Derive payouts from the entries of the funds ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.bank_days import choose_market, compute_payout_bank_date
from vippsrecon.vipps_rules import (
    OLD_ENTRY_TYPES,
    PAYOUT_ABORTED,
    PAYOUT_SCHEDULED,
    read_payout_number,
)

if TYPE_CHECKING:
    from vippsrecon.config.settings import SalesUnit

PAYOUT_COLUMNS = schemas.polars_schema(schemas.PAYOUTS)

_KEY = ["ledger_id", "payout_number"]


def derive_payouts(
    ledger_entries: Any,
    *,
    units: Sequence[SalesUnit] = (),
    accounts: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return the payouts that ledger entries state, one row per ledger and number.

    An entry `payout-aborted` makes the payout of its number `aborted`; where no payout has its number,
    the latest earlier payout of the same amount on the ledger. One whose payout is not among the
    entries has a row of its own. `amount_minor` is what was sent, also of an aborted payout.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES` of any kind. Not changed.
        units: Configured sales units: their markets decide on which days banks are open.
        accounts: Ledger to the bank account that it pays to now. Only its newest payout has it: the
            Report API does not state to which account an earlier one went.

    Returns:
        `schemas.PAYOUTS`, sorted by ledger, date and number.
    """
    entries = schemas.to_polars(ledger_entries, schemas.LEDGER_ENTRIES).with_columns(
        pl.col("entry_type").replace(OLD_ENTRY_TYPES)
    )
    rows = entries.filter(
        (pl.col("topic") == "funds")
        & pl.col("entry_type").is_in([PAYOUT_SCHEDULED, PAYOUT_ABORTED])
    )
    rows = rows.with_columns(payout_number=list_payout_numbers(rows))
    is_scheduled = pl.col("entry_type") == PAYOUT_SCHEDULED
    scheduled = rows.filter(is_scheduled).unique(_KEY, keep="first", maintain_order=True)
    aborted = _find_aborted_numbers(rows.filter(~is_scheduled), scheduled)
    keys = aborted.select(*_KEY, is_aborted=pl.lit(value=True)).unique()
    all_rows = pl.concat(
        [
            scheduled.join(keys, on=_KEY, how="left", maintain_order="left"),
            aborted.join(scheduled, on=_KEY, how="anti", maintain_order="left")
            .unique(_KEY, keep="first", maintain_order=True)
            .with_columns(is_aborted=pl.lit(value=True)),
        ]
    )
    return _build_payouts(all_rows, units, accounts or {})


def list_payout_numbers(entries: pl.DataFrame) -> pl.Series:
    """Return the number of each payout, in the order of their entries."""
    columns = ("psp_reference", "reference", "ledger_id", "ledger_date")
    numbers = [read_payout_number(*row) for row in entries.select(columns).iter_rows()]
    return pl.Series("payout_number", numbers, dtype=pl.String)


def _find_aborted_numbers(aborted: pl.DataFrame, scheduled: pl.DataFrame) -> pl.DataFrame:
    """Return the aborted payouts, with the number of the payout that each one takes back."""
    known = set(scheduled.select(_KEY).iter_rows())
    numbers = []
    taken = set()
    for row in aborted.iter_rows(named=True):
        number = row["payout_number"]
        if (row["ledger_id"], number) not in known:
            candidates = [
                other["payout_number"]
                for other in scheduled.filter(
                    (pl.col("ledger_id") == row["ledger_id"])
                    & (pl.col("amount_minor") == -row["amount_minor"])
                    & (pl.col("ledger_date") <= row["ledger_date"])
                ).iter_rows(named=True)
                if (row["ledger_id"], other["payout_number"]) not in taken
            ]
            number = candidates[-1] if candidates else number
        taken.add((row["ledger_id"], number))
        numbers.append(number)
    return aborted.with_columns(payout_number=pl.Series(numbers, dtype=pl.String))


def _build_payouts(
    rows: pl.DataFrame, units: Sequence[SalesUnit], accounts: Mapping[str, str]
) -> pl.DataFrame:
    market_of_msn = {unit.msn: unit.market for unit in units}
    days = [
        compute_payout_bank_date(day, choose_market(market_of_msn.get(msn), currency))
        for msn, currency, day in rows.select("msn", "currency", "ledger_date").iter_rows()
    ]
    payouts = rows.with_columns(
        amount_minor=pl.when(pl.col("entry_type") == PAYOUT_SCHEDULED)
        .then(-pl.col("amount_minor"))
        .otherwise("amount_minor"),
        expected_bank_date=pl.Series(days, dtype=pl.Date),
        status=pl.when("is_aborted").then(pl.lit("aborted")).otherwise(pl.lit("scheduled")),
        bank_text="reference",
    )
    ordered = payouts.sort(
        "ledger_id", "ledger_date", pl.col("payout_number").str.len_bytes(), "payout_number"
    )
    account_now = pl.col("ledger_id").replace_strict(
        dict(accounts), default=None, return_dtype=pl.String
    )
    is_newest = pl.int_range(pl.len()) == pl.len() - 1
    with_accounts = ordered.with_columns(
        account=pl.when(is_newest.over("ledger_id")).then(account_now)
    )
    return schemas.cast_to_schema(with_accounts, schemas.PAYOUTS)
