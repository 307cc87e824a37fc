"""The cut-off pack: what Vipps MobilePay owes at the end of a day, each line with the rows behind it.

    ledger_balance         receivable: the balance of the funds ledger, proven from its entries
    not_on_ledger          captured or refunded by then, on the ledger later or not at all
    in_transit             payouts ordered by then, booked by the bank later or not at all
    fees_accrued           the fees ledger: fees not retained yet, a liability
    refunds_after_cut_off  later refunds of money captured by then
    reservations           authorized, neither captured nor cancelled: off balance

A line whose input was not given is empty and *not_compared*: unknown is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing.balances import LedgerBalance, read_balances
from vippsrecon.closing.event_totals import (
    list_later_refunds,
    list_missing_entries,
    list_reservations,
)
from vippsrecon.closing.payout_receipts import list_open_payouts, list_receipts

_ITEM_COLUMNS = schemas.polars_schema(schemas.CUT_OFF_ITEMS)


class CutOff(NamedTuple):
    """The cut-off pack of one day.

    Attributes:
        lines: `schemas.CUT_OFF`.
        items: `schemas.CUT_OFF_ITEMS`; the items of a line sum to it.
    """

    lines: pl.DataFrame
    items: pl.DataFrame


def build_cut_off(
    at: date,
    *,
    ledger_entries: Any = None,
    payouts: Any = None,
    payout_matches: Any = None,
    bank_lines: Any = None,
    events: Any = None,
    bank_until: date | None = None,
    capture_days: Mapping[str, int] | None = None,
) -> CutOff:
    """Build the cut-off pack of any day, from data that begins before it.

    Args:
        at: The last day that counts: a ledger date, a local day of events, a day in the bank.
        ledger_entries: `schemas.LEDGER_ENTRIES`, both topics; None: not given.
        payouts: `schemas.PAYOUTS`.
        payout_matches: `schemas.PAYOUT_MATCHES`.
        bank_lines: `schemas.BANK_LINES`.
        events: `schemas.EVENTS`; later ones are needed for the refunds after the cut-off.
        bank_until: Last day that the statements cover; None: they cover the cut-off.
        capture_days: Sales unit to days in which a reservation can be captured; a sales unit that is
            missing has those of its currency's market.

    Returns:
        A line per sales unit and currency that any of the inputs has.
    """
    entries = _to_polars(ledger_entries, schemas.LEDGER_ENTRIES)
    funds = None if entries is None else entries.filter(pl.col("topic") == "funds")
    fees = None if entries is None else entries.filter(pl.col("topic") == "fees")
    all_payouts = _to_polars(payouts, schemas.PAYOUTS)
    lines = _to_polars(bank_lines, schemas.BANK_LINES)
    log = _to_polars(events, schemas.EVENTS)
    items: list[pl.DataFrame] = []
    proofs: dict[tuple[str, str, str], str] = {}
    if funds is not None:
        items.append(_list_balances(funds, all_payouts, at, "ledger_balance", proofs))
    if fees is not None:
        items.append(_list_balances(fees, None, at, "fees_accrued", proofs))
    compared = {
        "ledger_balance": funds is not None,
        "fees_accrued": fees is not None and fees.height > 0,
        "not_on_ledger": funds is not None and log is not None,
        "refunds_after_cut_off": log is not None,
        "reservations": log is not None,
        "in_transit": all_payouts is not None
        and lines is not None
        and payout_matches is not None
        and (bank_until is None or at <= bank_until),
    }
    if compared["in_transit"] and all_payouts is not None and lines is not None:
        items.append(_list_in_transit(all_payouts, funds, payout_matches, lines, at))
    if log is not None:
        items.append(_add_line(list_later_refunds(log, at), "refunds_after_cut_off"))
        items.append(_add_line(list_reservations(log, at, capture_days or {}), "reservations"))
        if funds is not None:
            items.append(_add_line(list_missing_entries(log, funds, at), "not_on_ledger"))
    all_items = pl.concat(
        [frame.with_columns(cut_off_date=pl.lit(at)).select(list(_ITEM_COLUMNS)) for frame in items]
        or [pl.DataFrame(schema=_ITEM_COLUMNS)]
    ).filter(pl.col("amount_minor") != 0)
    units = _list_units(f for f in (entries, all_payouts, log) if f is not None)
    return CutOff(
        _sum_lines(at, units, all_items, compared, proofs),
        schemas.cast_to_schema(all_items.sort(list(_ITEM_COLUMNS)), schemas.CUT_OFF_ITEMS),
    )


def _to_polars(data: Any, frame: schemas.Frame) -> pl.DataFrame | None:
    return None if data is None else schemas.to_polars(data, frame)


def _list_units(frames: Iterable[pl.DataFrame]) -> list[tuple[str, str]]:
    return sorted(
        {unit for frame in frames for unit in frame.select("msn", "currency").unique().rows()}
    )


def _list_balances(
    entries: pl.DataFrame,
    payouts: pl.DataFrame | None,
    at: date,
    line: str,
    proofs: dict[tuple[str, str, str], str],
) -> pl.DataFrame:
    """Return the entries that make up a ledger's balance: those since its latest payout."""
    parts = [pl.DataFrame(schema=_ITEM_COLUMNS)]
    for balance in read_balances(entries, at):
        unit = balance.msn, balance.currency, line
        proofs[unit] = _weaker(proofs.get(unit), balance.proof)
        if balance.balance_minor is not None:
            parts.append(_list_ledger_items(entries, payouts, balance, at, line))
    return pl.concat(parts)


def _weaker(one: str | None, other: str) -> str:
    order = ("proven", "computed", "unknown", "contradicted")
    return other if one is None else max(one, other, key=order.index)


def _list_ledger_items(
    entries: pl.DataFrame,
    payouts: pl.DataFrame | None,
    balance: LedgerBalance,
    at: date,
    line: str,
) -> pl.DataFrame:
    since = _find_latest_payout(payouts, balance, at)
    mine = (pl.col("ledger_id") == balance.ledger_id) & (pl.col("currency") == balance.currency)
    ledger = entries.filter(mine, pl.col("ledger_date") <= at)
    recent = ledger if since is None else ledger.filter(pl.col("ledger_date") > since)
    items = recent.select(
        "currency",
        "ledger_id",
        "reference",
        "psp_reference",
        "amount_minor",
        item="entry_type",
        item_date="ledger_date",
        payout_number=pl.lit(None, dtype=pl.String),
        msn=pl.lit(balance.msn),
        line=pl.lit(line),
        cut_off_date=pl.lit(at),
    ).select(list(_ITEM_COLUMNS))
    assert balance.balance_minor is not None
    rest = balance.balance_minor - int(items["amount_minor"].sum())
    opening = pl.DataFrame(
        [(at, balance.msn, balance.currency, line, balance.ledger_id, "opening")],
        schema=list(_ITEM_COLUMNS)[:6],
        orient="row",
    ).with_columns(
        reference=pl.lit(None),
        psp_reference=pl.lit(None),
        payout_number=pl.lit(None),
        item_date=pl.lit(since),
        amount_minor=pl.lit(rest),
    )
    return pl.concat(
        [items, opening.select(pl.col(name).cast(kind) for name, kind in _ITEM_COLUMNS.items())]
    )


def _find_latest_payout(
    payouts: pl.DataFrame | None, balance: LedgerBalance, at: date
) -> date | None:
    if payouts is None:
        return None
    dates = payouts.filter(
        pl.col("ledger_id") == balance.ledger_id,
        pl.col("currency") == balance.currency,
        pl.col("status") != "aborted",
        pl.col("ledger_date") <= at,
    )["ledger_date"]
    latest: date | None = dates.max()  # type: ignore[assignment]
    return latest


def _list_in_transit(
    payouts: pl.DataFrame,
    funds: pl.DataFrame | None,
    matches: Any,
    lines: pl.DataFrame,
    at: date,
) -> pl.DataFrame:
    received = pl.DataFrame(
        [
            (receipt.ledger_id, receipt.currency, receipt.payout_number, receipt.amount_minor)
            for receipt in list_receipts(payouts, matches, lines)
            if receipt.booked_date <= at
        ],
        schema={"ledger_id": pl.String, "currency": pl.String, "payout_number": pl.String}
        | {"received": pl.Int64},
        orient="row",
    )
    key = ["ledger_id", "currency", "payout_number"]
    entries = pl.DataFrame(schema=schemas.polars_schema(schemas.LEDGER_ENTRIES))
    ordered = list_open_payouts(payouts, entries if funds is None else funds, at)
    return (
        ordered.join(received.group_by(key).agg(pl.col("received").sum()), on=key, how="left")
        .select(
            "msn",
            "currency",
            "ledger_id",
            "payout_number",
            line=pl.lit("in_transit"),
            item=pl.lit("payout"),
            reference=pl.lit(None, dtype=pl.String),
            psp_reference=pl.lit(None, dtype=pl.String),
            item_date="ledger_date",
            amount_minor=pl.col("amount_minor") - pl.col("received").fill_null(0),
            cut_off_date=pl.lit(at),
        )
        .select(list(_ITEM_COLUMNS))
    )


def _add_line(items: pl.DataFrame, line: str) -> pl.DataFrame:
    missing = {"ledger_id": pl.String, "payout_number": pl.String}
    return items.with_columns(
        line=pl.lit(line), **{name: pl.lit(None, dtype=kind) for name, kind in missing.items()}
    )


def _sum_lines(
    at: date,
    units: list[tuple[str, str]],
    items: pl.DataFrame,
    compared: Mapping[str, bool],
    proofs: Mapping[tuple[str, str, str], str],
) -> pl.DataFrame:
    sums = {
        tuple(row[:3]): row[3:]
        for row in items.group_by("msn", "currency", "line")
        .agg(pl.col("amount_minor").sum(), count=pl.len())
        .iter_rows()
    }
    rows = []
    for msn, currency in units:
        for position, line in enumerate(schemas.CUT_OFF_LINES, start=1):
            amount, count = sums.get((msn, currency, line), (0, 0))
            proof = _line_proof(proofs, (msn, currency, line), compared[line])
            known = proof not in ("unknown", "not_compared")
            rows.append(
                (
                    *(at, msn, currency, line, position),
                    *(amount if known else None, count if known else 0, proof),
                    line == "reservations",
                )
            )
    schema = schemas.polars_schema(schemas.CUT_OFF)
    return schemas.cast_to_schema(pl.DataFrame(rows, schema=schema, orient="row"), schemas.CUT_OFF)


def _line_proof(
    proofs: Mapping[tuple[str, str, str], str], unit: tuple[str, str, str], compared: bool
) -> str:
    if not compared:
        return "not_compared"
    if unit[2] in ("ledger_balance", "fees_accrued"):
        # A sales unit without a ledger in the data: nothing was given that could tell its balance.
        return proofs.get(unit, "not_compared")
    return "computed"
