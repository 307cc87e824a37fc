"""Turn the rows of the portal's report into ledger entries and payouts."""

from __future__ import annotations

import polars as pl

from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.settlement.result import ENTRY_COLUMNS, PAYOUT_COLUMNS
from vippsrecon.vipps_rules import PAYOUT_ABORTED, PAYOUT_SCHEDULED, read_payout_number

_PAYOUT_TYPES = (PAYOUT_SCHEDULED, PAYOUT_ABORTED)
_LEDGER_PATTERN = r"^([0-9]+)-[0-9]+$"


def build_entries(rows: pl.DataFrame, file: str) -> pl.DataFrame:
    """Return the entries of readable rows, in the order of the file.

    A label that is not known stays as the type of its entry, and its sign decides how it is booked.
    """
    rows = add_ledger_ids(rows)
    known = pl.coalesce("known_type", pl.col("type").str.to_lowercase())
    # The type decides the sign of a refund; a portal may write it without one.
    amount = (
        pl.when(pl.col("known_type") == "refund")
        .then(-pl.col("amount_minor").abs())
        .otherwise("amount_minor")
    )
    common = {
        "ledger_id": pl.col("ledger_id"),
        "msn": pl.col("msn"),
        "psp_reference": _null_if_empty("psp_reference"),
        "reference": _null_if_empty("reference"),
        "entry_at": pl.col("entry_at"),
        "ledger_date": pl.col("day_date"),
        "currency": pl.col("currency"),
        "source_file": pl.lit(file),
        "source_row": pl.col("row"),
    }
    funds = rows.select(
        **common,
        topic=pl.lit("funds"),
        entry_type=known,
        amount_minor=amount,
        balance_before_minor=pl.col("balance_minor") - amount,
        balance_after_minor=pl.col("balance_minor"),
    )
    no_balance = {
        "balance_before_minor": pl.lit(None, pl.Int64),
        "balance_after_minor": pl.lit(None, pl.Int64),
    }
    is_retained = pl.col("known_type") == "fees-retained"
    fees = rows.filter(~is_retained & (pl.col("fee_minor") != 0)).select(
        **common,
        **no_balance,
        topic=pl.lit("fees"),
        entry_type=pl.lit("capture-fee"),
        amount_minor=pl.col("fee_minor"),
    )
    returned = rows.filter(is_retained).select(
        **common,
        **no_balance,
        topic=pl.lit("fees"),
        entry_type=pl.lit("fees-retained"),
        amount_minor=-pl.col("amount_minor"),
    )
    columns = [pl.col(name).cast(kind) for name, kind in ENTRY_COLUMNS.items()]
    entries = pl.concat([part.select(columns) for part in (funds, fees, returned)])
    return entries.sort("source_row", maintain_order=True)


def build_payouts(rows: pl.DataFrame, file: str) -> pl.DataFrame:
    """Return the payouts of readable rows."""
    rows = add_ledger_ids(rows).filter(pl.col("known_type").is_in(_PAYOUT_TYPES))
    # A payout names its own ledger, also where its sales unit has two.
    own_ledger = pl.coalesce(pl.col("psp_reference").str.extract(_LEDGER_PATTERN), "ledger_id")
    stated = rows.select("psp_reference", "reference", own_ledger.alias("ledger"), "day_date")
    numbers = [read_payout_number(*row) for row in stated.iter_rows()]
    accounts = {text: normalize_account(text) for text in rows["account"].unique()}
    payouts = rows.with_columns(
        payout_number=pl.coalesce(
            _null_if_empty("payout_number"), pl.Series(numbers, dtype=pl.String)
        ),
        account=pl.col("account").replace_strict(accounts, default=None, return_dtype=pl.String),
    )
    payouts = payouts.select(
        ledger_id="ledger_id",
        msn="msn",
        payout_number="payout_number",
        ledger_date="day_date",
        currency="currency",
        amount_minor=-pl.col("amount_minor"),
        expected_bank_date="bank_date_date",
        status=pl.when(pl.col("known_type") == PAYOUT_ABORTED)
        .then(pl.lit("aborted"))
        .otherwise(pl.lit("scheduled")),
        account="account",
        bank_text=_null_if_empty("reference"),
        source_file=pl.lit(file),
        source_row="row",
    )
    return payouts.select(pl.col(name).cast(kind) for name, kind in PAYOUT_COLUMNS.items())


def add_ledger_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `ledger_id`: from the references of fees and payouts, else the sales unit's number."""
    is_own = pl.col("known_type").is_in([*_PAYOUT_TYPES, "fees-retained"])
    found = (
        rows.filter(is_own)
        .select("msn", ledger_id=pl.col("psp_reference").str.extract(_LEDGER_PATTERN))
        .drop_nulls()
        .unique()
    )
    # A sales unit that moved to another ledger has two; then each row would have to name its own.
    single = found.filter(pl.len().over("msn") == 1)
    return rows.join(single, on="msn", how="left", maintain_order="left").with_columns(
        ledger_id=pl.coalesce("ledger_id", "msn")
    )


def _null_if_empty(column: str) -> pl.Expr:
    return pl.when(pl.col(column) != "").then(pl.col(column))
