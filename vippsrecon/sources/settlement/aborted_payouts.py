"""Make one row of a payout that was scheduled and then aborted: a file lists both as rows."""

from __future__ import annotations

import polars as pl

_KEY = ["ledger_id", "payout_number"]


def mark_aborted(payouts: pl.DataFrame) -> pl.DataFrame:
    """Return the payouts, each once; one that a later row aborts has the status `aborted`.

    An aborted payout whose own row is in no file stays a row. Its amount is what had been sent.
    """
    is_aborted = pl.col("status") == "aborted"
    aborted = payouts.filter(is_aborted).with_columns(pl.col("amount_minor").abs())
    if aborted.is_empty():
        return payouts
    sent = payouts.filter(~is_aborted).join(
        aborted.select(_KEY).unique().with_columns(came_back=pl.lit(value=True)),
        on=_KEY,
        how="left",
        maintain_order="left",
    )
    status = pl.when("came_back").then(pl.lit("aborted")).otherwise("status")
    alone = aborted.join(sent, on=_KEY, how="anti", maintain_order="left")
    marked = sent.with_columns(status=status).select(payouts.columns)
    return pl.concat([marked, alone]).sort("ledger_date", maintain_order=True)
