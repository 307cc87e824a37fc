"""Propose vouchers by the clearing-account model.

    capture              debit clearing    credit sales     gross
    refund               debit refunds     credit clearing
    fee retained         debit fees        credit clearing
    payout               debit bank        credit clearing

The clearing account then holds what Vipps MobilePay owes: what is not paid out yet, and what is paid
out and not in the bank yet. A payout is a transfer between two own accounts, never income.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing.accounts import find_account, find_market, find_vat_code
from vippsrecon.closing.entry_types import role_of_entry
from vippsrecon.closing.payout_receipts import (
    Receipt,
    assign_payouts,
    list_receipts,
    read_entry_numbers,
)
from vippsrecon.config.vouchers import VoucherSettings
from vippsrecon.texts import say

_ROLE_ORDER = {role: number for number, role in enumerate(schemas.VOUCHER_ROLES)}


class _Voucher(NamedTuple):
    """One voucher: the sum of each role's entries, as the ledger has it (a capture is positive)."""

    number: str
    day: date
    kind: str
    ledger_id: str
    msn: str
    currency: str
    payout_number: str | None
    sums: Mapping[str, tuple[int, int]]


def build_vouchers(
    ledger_entries: Any,
    payouts: Any,
    settings: VoucherSettings | None = None,
    *,
    markets: Mapping[str, str] | None = None,
    payout_matches: Any = None,
    bank_lines: Any = None,
    first: date | None = None,
    last: date | None = None,
) -> pl.DataFrame:
    """Propose the vouchers of a period, each balanced, as new ones.

    Args:
        ledger_entries: `schemas.LEDGER_ENTRIES`; only the funds topic is booked.
        payouts: `schemas.PAYOUTS`.
        settings: Grouping, when payouts are booked, and accounts; None: the defaults.
        markets: Sales unit to country; one that is missing has the country of its currency.
        payout_matches: `schemas.PAYOUT_MATCHES`; None: no payout is known to be in the bank.
        bank_lines: `schemas.BANK_LINES`.
        first: First accounting day; None: no limit.
        last: Last accounting day.

    Returns:
        `schemas.VOUCHERS`, sorted by date and number.
    """
    settings = settings or VoucherSettings()
    entries = schemas.to_polars(ledger_entries, schemas.LEDGER_ENTRIES).filter(
        pl.col("topic") == "funds"
    )
    all_payouts = schemas.to_polars(payouts, schemas.PAYOUTS)
    vouchers = [
        *_group_entries(entries, all_payouts, settings.grouping),
        *_book_payouts(entries, all_payouts, settings.payouts_on, payout_matches, bank_lines),
    ]
    in_period = (
        voucher
        for voucher in vouchers
        if (first is None or first <= voucher.day) and (last is None or voucher.day <= last)
    )
    rows = [
        row
        for voucher in sorted(in_period, key=lambda voucher: (voucher.day, voucher.number))
        for row in _write_lines(voucher, settings, markets or {})
    ]
    frame = pl.DataFrame(rows, schema=schemas.polars_schema(schemas.VOUCHERS), orient="row")
    return schemas.cast_to_schema(frame, schemas.VOUCHERS)


def _group_entries(
    entries: pl.DataFrame, payouts: pl.DataFrame, grouping: str
) -> Iterator[_Voucher]:
    booked = assign_payouts(entries, payouts).with_columns(
        role=role_of_entry(), month=pl.col("ledger_date").dt.strftime("%Y-%m")
    )
    booked = booked.filter(~pl.col("role").is_in(["payout", "aborted"]))
    by_payout = grouping == "payout"
    unit = ["ledger_id", "msn", "currency"]
    part = ["payout_number", "month"] if by_payout else ["ledger_date"]
    sums = booked.group_by(*unit, *part, "role").agg(
        amount=pl.col("amount_minor").sum(), count=pl.len(), day=pl.col("ledger_date").max()
    )
    for group in sums.sort(*unit, *part, "role", nulls_last=True).partition_by(
        *unit, *part, maintain_order=True
    ):
        row = group.row(0, named=True)
        day: date = max(group["day"])
        name = f"{row['payout_number'] or 'OPEN'}-{row['month']}" if by_payout else f"{day:%Y%m%d}"
        by_role = {
            role: (amount, count)
            for role, amount, count in group.select("role", "amount", "count").iter_rows()
            if amount
        }
        if by_role:
            yield _Voucher(
                _number(row["ledger_id"], row["msn"], name),
                day,
                "payout" if by_payout else "day",
                row["ledger_id"],
                row["msn"],
                row["currency"],
                row["payout_number"] if by_payout else None,
                by_role,
            )


def _book_payouts(
    entries: pl.DataFrame, payouts: pl.DataFrame, on: str, matches: Any, bank_lines: Any
) -> Iterator[_Voucher]:
    receipts: Iterable[Receipt] = ()
    if on == "ledger_date":
        receipts = _list_ordered_payouts(entries, payouts)
    elif on == "bank_date" and matches is not None and bank_lines is not None:
        lines = schemas.to_polars(bank_lines, schemas.BANK_LINES)
        receipts = list_receipts(payouts, matches, lines)
    for receipt in receipts:
        yield _Voucher(
            _number(
                receipt.ledger_id,
                receipt.msn,
                f"{receipt.payout_number}-B{receipt.booked_date:%Y%m%d}",
            ),
            receipt.booked_date,
            "receipt",
            receipt.ledger_id,
            receipt.msn,
            receipt.currency,
            receipt.payout_number,
            {"bank": (-receipt.amount_minor, receipt.lines)},
        )


def _list_ordered_payouts(entries: pl.DataFrame, payouts: pl.DataFrame) -> list[Receipt]:
    """Return payouts as received on the day they were ordered; an aborted one leaves again."""
    roles = entries.with_columns(role=role_of_entry()).filter(
        pl.col("role").is_in(["payout", "aborted"])
    )
    # A payout that is not listed, and one that came back, have the number that their entry states.
    sent = roles.with_columns(
        entry_number=read_entry_numbers(roles), amount_minor=-pl.col("amount_minor")
    )
    payout = ["ledger_id", "currency", "ledger_date", "amount_minor"]
    listed = payouts.select(*payout, "payout_number", role=pl.lit("payout"))
    totals = (
        sent.join(listed, on=[*payout, "role"], how="left")
        # Two payouts of one amount may be ordered on one day.
        .sort(pl.col("payout_number") != pl.col("entry_number"), "payout_number")
        .unique([*payout, "entry_number", "role"], keep="first")
        .with_columns(payout_number=pl.coalesce("payout_number", "entry_number"))
        .group_by("ledger_id", "currency", "payout_number", "msn", "ledger_date")
        .agg(pl.col("amount_minor").sum(), lines=pl.len())
        .filter(pl.col("amount_minor") != 0)
    )
    return sorted(Receipt(*row) for row in totals.iter_rows())


def _number(ledger_id: str, msn: str, name: str) -> str:
    unit = msn if ledger_id == msn else f"{ledger_id}-{msn}"
    return f"VM-{unit}-{name}"


def _write_lines(
    voucher: _Voucher, settings: VoucherSettings, markets: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    market = find_market(voucher.msn, voucher.currency, markets)
    facts = _hash_facts(voucher)
    line = 0
    for role in sorted(voucher.sums, key=_ROLE_ORDER.__getitem__):
        amount, count = voucher.sums[role]
        text = _describe_line(voucher, role)
        for side, side_amount in (("clearing", amount), (role, -amount)):
            line += 1
            yield (
                voucher.number,
                voucher.day,
                "new",
                voucher.kind,
                voucher.ledger_id,
                voucher.msn,
                voucher.currency,
                line,
                side,
                find_account(settings, market, side),
                side_amount,
                find_vat_code(settings, market, side),
                text,
                voucher.payout_number,
                None,
                count,
                facts,
            )


def _describe_line(voucher: _Voucher, role: str) -> str:
    if voucher.kind == "receipt":
        return say("vouchers.payout_text", msn=voucher.msn, number=voucher.payout_number)
    what = say(f"vouchers.roles.{role}")
    return f"Vipps MobilePay {voucher.msn}, {what}, {voucher.day}"


def _hash_facts(voucher: _Voucher) -> str:
    """Return the fingerprint of a voucher. Accounts, texts and its number are not part of it.

    A changed account must not reverse a year of vouchers, nor must a payout that gets its number.
    """
    # Two payouts of one amount may be booked on one day.
    payout = voucher.payout_number if voucher.kind == "receipt" else None
    parts = [
        *(voucher.day.isoformat(), voucher.ledger_id, voucher.msn, voucher.currency, payout or ""),
        *(f"{role}={amount}" for role, (amount, _) in sorted(voucher.sums.items())),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
