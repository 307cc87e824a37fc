"""Follow each dispute from the retained capture to the returned money."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import LazyFrame, align_columns, materialize
from vippsrecon.reconciliation.payments_ledger.coverage import is_in_period
from vippsrecon.reconciliation.payments_ledger.entries import number_rows

_CAPTURE = ("msn", "currency", "reference", "capture")
_CYCLE = [*_CAPTURE, "cycle_n"]
_ORDER = ["entry_us", "psp_reference", "n"]
_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(_CAPTURE, nw.String),
    "cycle_n": nw.Int64,
    "psp_reference": nw.String,
    "entry_us": nw.Int64,
    "retained_minor": nw.Int64,
    "returned_minor": nw.Int64,
    "retained_key": nw.String,
    "returned_key": nw.String,
    "inside": nw.Boolean,
}


def follow_disputes(entries: LazyFrame, period: tuple[int, int] | None) -> LazyFrame:
    """Return one row per dispute: the money retained for a capture, and what was returned of it.

    A capture may be disputed again. Its first retention belongs to its first return, and so on.

    Args:
        entries: Result of `entries.prepare_entries`.
        period: A dispute without an entry in it is left out; None for all days.

    Returns:
        `held_minor` (what is still retained, negative; or what was returned of a retention that is
        not in these entries), `retained`, `retained_key` and `returned_key` (row keys of its
        entries, null where absent), and `discriminator` ("" for the first of a payment).
    """
    disputed = materialize(
        entries.filter(nw.col("role") == "dispute").with_columns(
            capture=nw.col("psp_reference"),
            inside=is_in_period(nw.col("ledger_day"), period),
            retaining=nw.col("entry_type") == "retained-disputed-capture",
        )
    )
    retained, returned = (
        materialize(
            number_rows(
                disputed.filter(nw.col("retaining") if retaining else ~nw.col("retaining")),
                _CAPTURE,
                _ORDER,
                "cycle_n",
            )
        )
        for retaining in (True, False)
    )
    returns = returned.select(
        *_CYCLE,
        returned_minor=nw.col("amount_minor"),
        returned_key=nw.col("row_key"),
        returned_inside=nw.col("inside"),
    )
    opened = retained.with_columns(
        retained_minor=nw.col("amount_minor"), retained_key=nw.col("row_key")
    ).join(returns, on=_CYCLE, how="left")
    only_returned = returned.with_columns(
        returned_minor=nw.col("amount_minor"), returned_key=nw.col("row_key")
    ).join(retained.select(*_CYCLE), on=_CYCLE, how="anti")
    cycles = nw.concat(
        [
            align_columns(
                opened.with_columns(
                    inside=nw.col("inside") | nw.col("returned_inside").fill_null(value=False)
                ),
                _COLUMNS,
            ),
            align_columns(only_returned, _COLUMNS),
        ],
        how="vertical",
    ).with_columns(key_order=nw.coalesce(nw.col("retained_key"), nw.col("returned_key")))
    numbered = number_rows(
        materialize(cycles), ("msn", "reference"), ["entry_us", "key_order"], "dispute_n"
    )
    return materialize(
        numbered.filter(nw.col("inside")).select(
            "msn",
            "currency",
            "retained_key",
            "returned_key",
            reference=nw.col("reference"),
            retained=~nw.col("retained_minor").is_null(),
            held_minor=nw.col("retained_minor").fill_null(0)
            + nw.col("returned_minor").fill_null(0),
            discriminator=number_text(nw.col("dispute_n")),
        )
    )


def number_text(number: nw.Expr) -> nw.Expr:
    """Return a number as text; "" for the first, so that a single one has none."""
    return nw.when(number > 1).then(number.cast(nw.String)).otherwise(nw.lit(""))
