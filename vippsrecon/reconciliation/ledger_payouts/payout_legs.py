"""Compare payouts with the ledger before them and with the bank after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.dates import EPOCH
from vippsrecon.reconciliation.engines.backends import LazyFrame
from vippsrecon.reconciliation.ledger_payouts.bridge import build_payout_bridge
from vippsrecon.reconciliation.ledger_payouts.compare import LedgerPayouts, compare_ledger_payouts
from vippsrecon.reconciliation.payouts_bank.bridge import build_bank_bridge
from vippsrecon.reconciliation.payouts_bank.compare import PayoutsBank, compare_payouts_bank
from vippsrecon.reconciliation.results.findings import BUCKET_TYPES

_NO_LIMIT_DAYS = 10**5
"""More than two centuries after 1970: a period without an end."""


@dataclass(frozen=True)
class PayoutLegs:
    """The comparisons of payouts; a leg that was not compared is None.

    Attributes:
        ledger: Payouts compared with the ledger.
        bank: Payouts compared with bank lines.
        unchecked: Buckets of payouts and bank lines that have no other side.
    """

    ledger: LedgerPayouts | None = None
    bank: PayoutsBank | None = None
    unchecked: pl.DataFrame | None = None

    @property
    def findings(self) -> dict[str, pl.DataFrame]:
        """Leg to its discrepancies, of the legs that were compared."""
        legs = {"ledger_payout": self.ledger, "payout_bank": self.bank}
        return {name: leg.findings for name, leg in legs.items() if leg is not None}

    @property
    def matches(self) -> pl.DataFrame | None:
        """Which bank lines belong to which payouts; None if they were not compared."""
        return None if self.bank is None else self.bank.matches

    def build_bridge(self) -> list[dict[str, Any]]:
        """Return the bridge's rows of the legs that were compared.

        Raises:
            BridgeError: A leg does not balance.
        """
        rows: list[dict[str, Any]] = []
        if self.ledger is not None and self.ledger.sums:
            rows += build_payout_bridge(self.ledger.sums)
        if self.bank is not None:
            rows += build_bank_bridge(self.bank.sums)
        return rows

    def list_buckets(self) -> pl.DataFrame:
        """Return one row per payout and bank line.

        A payout is in the bucket of the bank, which is the later side, unless it differs from the
        ledger.
        """
        rows = [self._list_compared()]
        if self.unchecked is not None:
            rows.append(self.unchecked)
        return pl.concat(rows)

    def _list_compared(self) -> pl.DataFrame:
        if self.bank is None:
            return pl.DataFrame(schema=BUCKET_TYPES) if self.ledger is None else self.ledger.buckets
        if self.ledger is None:
            return self.bank.buckets
        numbered = [
            rows.with_columns(copy=pl.int_range(pl.len()).over("side", "row_key", "amount_minor"))
            for rows in (self.bank.buckets, self.ledger.buckets)
        ]
        keys = ["side", "row_key", "amount_minor", "copy"]
        joined = numbered[0].join(
            numbered[1].select(*keys, earlier="bucket", earlier_kind="kind", earlier_flags="flags"),
            on=keys,
            how="left",
        )
        differs = (pl.col("earlier") == "discrepancy").fill_null(value=False) & (
            pl.col("bucket") != "discrepancy"
        )
        flags = pl.concat_str("flags", pl.lit(" "), pl.col("earlier_flags").fill_null(""))
        return joined.with_columns(
            bucket=pl.when(differs).then(pl.col("earlier")).otherwise("bucket"),
            kind=pl.when(differs).then(pl.col("earlier_kind")).otherwise("kind"),
            flags=flags.str.split(" ").list.unique().list.sort().list.join(" ").str.strip_chars(),
        ).select(list(BUCKET_TYPES))


def compare_payout_legs(
    ledger_entries: LazyFrame | None,
    payouts: pl.DataFrame | None,
    bank_lines: pl.DataFrame | None,
    *,
    run_date: date,
    period: tuple[int, int] | None = None,
    statement_days: Mapping[str, tuple[date, date]] | None = None,
    known_accounts: Mapping[str, str] | None = None,
) -> PayoutLegs:
    """Compare payouts with each side that is given.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES`, lazy, on any engine.
        payouts: `schemas.PAYOUTS`; without them nothing is compared.
        bank_lines: `schemas.BANK_LINES`.
        run_date: Local day of the cut-off time.
        period: First and last day, as day numbers; None for all days.
        statement_days: Account to the first and last day that its statements cover.
        known_accounts: Ledger to the account that an earlier run saw its payouts go to.
    """
    if payouts is None:
        return PayoutLegs(unchecked=_leave_unchecked(None, bank_lines))
    first_day, last_day = _find_limits(period)
    ledger = bank = None
    if ledger_entries is not None:
        ledger = compare_ledger_payouts(
            ledger_entries,
            payouts,
            known_accounts=known_accounts,
            as_of_day=run_date,
            first_day=first_day,
            last_day=last_day,
        )
    if bank_lines is not None:
        bank = compare_payouts_bank(
            payouts,
            bank_lines,
            statement_days,
            run_date,
            first_day=first_day,
            last_day=last_day,
        )
    unchecked = _leave_unchecked(payouts if ledger is None and bank is None else None, None)
    return PayoutLegs(ledger, bank, unchecked)


def _leave_unchecked(payouts: pl.DataFrame | None, bank_lines: pl.DataFrame | None) -> pl.DataFrame:
    """Return the buckets of rows that have nothing to be compared with."""
    keys = {"payouts": ("ledger_id", "payout_number"), "bank_lines": ("source_file", "source_row")}
    empty, unknown = pl.lit(""), pl.lit("not_checked")
    parts = [
        rows.select(
            side=pl.lit(side),
            row_key=pl.concat_str(
                *(pl.col(name).cast(pl.String) for name in keys[side]), separator=":"
            ),
            bucket=unknown,
            kind=empty,
            flags=empty,
            msn=pl.col("msn") if "msn" in rows.columns else empty,
            currency="currency",
            amount_minor="amount_minor",
        )
        for side, rows in (("payouts", payouts), ("bank_lines", bank_lines))
        if rows is not None
    ]
    return pl.concat([pl.DataFrame(schema=BUCKET_TYPES), *parts])


def _find_limits(period: tuple[int, int] | None) -> tuple[date | None, date | None]:
    """Return the days of a period as dates; None where it has no limit."""
    first, last = period or (-_NO_LIMIT_DAYS, _NO_LIMIT_DAYS)
    day = EPOCH.date()
    return (
        None if first <= -_NO_LIMIT_DAYS else day + timedelta(days=first),
        None if last >= _NO_LIMIT_DAYS else day + timedelta(days=last),
    )


def collect_in_polars(data: Any, frame: schemas.Frame) -> pl.DataFrame:
    """Return a small frame in Polars, whatever its engine: payouts and bank lines are few."""
    module = type(data).__module__.partition(".")[0].lstrip("_")
    if module == "pyspark":
        data = data.select(list(frame.names)).toArrow()
    elif module == "duckdb":
        data = data.project(", ".join(f'"{name}"' for name in frame.names)).to_arrow_table()
    if module in ("pyspark", "duckdb"):
        data = data.cast(frame.arrow_schema())
    return schemas.to_polars(data, frame)
