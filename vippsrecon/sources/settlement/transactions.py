"""Compute the entries and payouts of older files from their transactions and settlements.

An older file has no ledger: it lists transactions with their fees, and settlements with their sums.
The payout is computed from the transactions and compared with the one stated. One known form states a
sum that leaves out refunds (https://github.com/vippsas/vipps-developers/issues/87): there the computed
one counts. Any other difference means that transactions are missing, so the stated one counts. A note
names both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

import polars as pl

from vippsrecon.sources.reject_frames import RejectCells
from vippsrecon.sources.settlement.result import ENTRY_COLUMNS, PAYOUT_COLUMNS
from vippsrecon.texts import format_spaced_money, say, say_number
from vippsrecon.vipps_rules import PAYOUT_SCHEDULED

_MAX_DIFFERENCES_NAMED = 5

SettlementKey = tuple[str, str, str]
"""(msn, settlement ID, currency)."""


class Transaction(NamedTuple):
    """One capture or refund of an older file.

    Attributes:
        row: Its row.
        msn, settlement_id, currency: The settlement it belongs to.
        day: Its accounting day.
        at: Its time, where the file has one.
        psp_reference: The ID of the operation.
        reference: The merchant's id of the payment; None for a payment without one.
        amount_minor: Positive for a capture, negative for a refund.
        fee_minor: At least 0, except for a fee that is given back.
    """

    row: int
    msn: str
    settlement_id: str
    currency: str
    day: date
    at: datetime | None
    psp_reference: str | None
    reference: str | None
    amount_minor: int
    fee_minor: int

    @property
    def key(self) -> SettlementKey:
        """The settlement it belongs to."""
        return self.msn, self.settlement_id, self.currency


class StatedSettlement(NamedTuple):
    """One settlement as an older file states it.

    Attributes:
        row: Its row; of XML, the number of its last transaction.
        msn, settlement_id, currency: Which one.
        day: The day it was settled.
        account: The account it is paid to.
        is_net: Whether the fees are retained from it; else they are invoiced. None where the file
            does not say: then they are retained, unless the stated sum is the gross one.
        stated_minor: The amount paid out, as stated; None where it is not.
        stated_count: The number of its transactions, as stated; None where it is not.
    """

    row: int
    msn: str
    settlement_id: str
    currency: str
    day: date
    account: str | None
    is_net: bool | None
    stated_minor: int | None
    stated_count: int | None = None

    @property
    def key(self) -> SettlementKey:
        """Which one it is."""
        return self.msn, self.settlement_id, self.currency


class ComputedFrames(NamedTuple):
    """Entries, payouts, and notes on what was computed.

    Attributes:
        entries: `schemas.LEDGER_ENTRIES`.
        payouts: `schemas.PAYOUTS`.
        notes: Sentences on payouts that are not as stated.
        rejects: Rows that repeat others.
        is_short: Whether a settlement states another number of transactions than it has, and the
            rejects do not explain it.
    """

    entries: pl.DataFrame
    payouts: pl.DataFrame
    notes: list[str]
    rejects: list[RejectCells]
    is_short: bool


def compute_frames(
    transactions: Sequence[Transaction],
    settlements: Sequence[StatedSettlement],
    file: str,
    rejected: int = 0,
) -> ComputedFrames:
    """Compute entries and payouts, and compare each payout with the one stated.

    Args:
        transactions: Those that can be read.
        settlements: As the file states them.
        file: Its name.
        rejected: Number of its rows that cannot be read.
    """
    sums: dict[SettlementKey, list[Transaction]] = {}
    for transaction in transactions:
        sums.setdefault(transaction.key, []).append(transaction)
    settled = {settlement.key: settlement for settlement in settlements}
    missing = [key for key in sums if key not in settled]
    copies = {copy for key, own in sums.items() for copy in _find_copies(own, settled.get(key))}
    transactions = [t for t in transactions if t not in copies]
    sums = {key: [t for t in own if t not in copies] for key, own in sums.items()}
    for key in missing:
        last = max(sums[key], key=lambda transaction: transaction.day)
        settled[key] = StatedSettlement(last.row, *key, last.day, None, True, None)
    entries = [entry for transaction in transactions for entry in _list_entries(transaction, file)]
    payouts = []
    notes = []
    unstated = 0
    is_short = False
    for key, settlement in settled.items():
        gross = sum(transaction.amount_minor for transaction in sums.get(key, ()))
        fees = sum(transaction.fee_minor for transaction in sums.get(key, ()))
        if settlement.is_net is None:
            settlement = settlement._replace(is_net=settlement.stated_minor != gross)  # noqa: PLW2901
        computed = gross - fees if settlement.is_net else gross
        unstated += settlement.stated_minor is None and key not in missing
        amount, note = _choose_amount(settlement, computed, sums.get(key, ()))
        entries += _list_settlement_entries(settlement, amount, fees, file)
        payouts.append(_build_payout(settlement, amount, file))
        found = len({transaction.row for transaction in sums.get(key, ())})
        stated = found if settlement.stated_count is None else settlement.stated_count
        is_short = is_short or abs(found - stated) > rejected
        notes += [text for text in (note, _compare_count(settlement, found)) if text]
    if len(notes) > _MAX_DIFFERENCES_NAMED:
        more = len(notes) - _MAX_DIFFERENCES_NAMED
        notes = [
            *notes[:_MAX_DIFFERENCES_NAMED],
            say_number("settlement_notes.more_differ", more),
        ]
    if missing or unstated:
        notes.append(say_number("settlement_notes.no_sum", len(missing) + unstated))
    rows = sorted({(copy.row, copy.psp_reference) for copy in copies})
    return ComputedFrames(
        pl.DataFrame(entries, schema=ENTRY_COLUMNS, orient="row"),
        pl.DataFrame(payouts, schema=PAYOUT_COLUMNS, orient="row"),
        notes,
        [(file, row, None, psp, say("reasons.repeated_row")) for row, psp in rows],
        is_short,
    )


def _find_copies(
    transactions: Sequence[Transaction], settlement: StatedSettlement | None
) -> list[Transaction]:
    """Return transactions that repeat others and their id, unless the stated sum counts them."""
    seen: set[Transaction] = set()
    copies = []
    for transaction in transactions:
        cells = transaction._replace(row=0)
        if cells in seen and transaction.psp_reference is not None:
            copies.append(transaction)
        seen.add(cells)
    if not copies or settlement is None or settlement.stated_minor is None:
        return copies
    gross = sum(t.amount_minor for t in transactions)
    fees = sum(t.fee_minor for t in transactions)
    proven = (
        (gross, gross - fees) if settlement.is_net is None else (gross - fees * settlement.is_net,)
    )
    return [] if settlement.stated_minor in proven else copies


def _list_entries(transaction: Transaction, file: str) -> Iterable[tuple[object, ...]]:
    t = transaction
    common = (t.at, t.day, t.currency)
    if t.amount_minor or not t.fee_minor:
        kind = "refund" if t.amount_minor < 0 else "capture"
        yield (
            t.msn, t.msn, "funds", t.psp_reference, t.reference, kind, *common, t.amount_minor,
            None, None, file, t.row,
        )  # fmt: skip
    if t.fee_minor:
        yield (
            t.msn, t.msn, "fees", t.psp_reference, t.reference, "capture-fee", *common,
            -t.fee_minor, None, None, file, t.row,
        )  # fmt: skip


def _list_settlement_entries(
    settlement: StatedSettlement, amount: int, fees: int, file: str
) -> Iterable[tuple[object, ...]]:
    s = settlement

    def entry(topic: str, kind: str, minor: int, reference: str | None) -> tuple[object, ...]:
        return (
            s.msn, s.msn, topic, None, reference, kind, None, s.day, s.currency, minor, None, None,
            file, s.row,
        )  # fmt: skip

    if fees and s.is_net:
        yield entry("funds", "fees-retained", -fees, s.settlement_id)
        yield entry("fees", "fees-retained", fees, s.settlement_id)
    yield entry("funds", PAYOUT_SCHEDULED, -amount, _build_bank_text(s))


def _build_payout(settlement: StatedSettlement, amount: int, file: str) -> tuple[object, ...]:
    s = settlement
    return (
        s.msn, s.msn, s.settlement_id, s.day, s.currency, amount, None, "scheduled", s.account,
        _build_bank_text(s), file, s.row,
    )  # fmt: skip


def _build_bank_text(settlement: StatedSettlement) -> str | None:
    """Return the text of a Norwegian payout on the bank statement; other countries have their own.

    Source: https://developer.vippsmobilepay.com/docs/settlements/
    """
    if settlement.currency != "NOK":
        return None
    return f"Utb. {settlement.settlement_id} Vippsnr {settlement.msn}"


def _choose_amount(
    settlement: StatedSettlement, computed: int, transactions: Sequence[Transaction]
) -> tuple[int, str]:
    """Return the amount of the payout, and why it is not as stated or not as computed."""
    stated = settlement.stated_minor
    if stated is None or stated == computed:
        return computed, ""
    currency = settlement.currency
    refunds = sum(t.amount_minor for t in transactions if t.amount_minor < 0)
    facts = {
        "settlement": settlement.settlement_id,
        "msn": settlement.msn,
        "stated": format_spaced_money(stated, currency),
        "computed": format_spaced_money(computed, currency),
    }
    if refunds and stated - computed == -refunds:
        left_out = format_spaced_money(-refunds, currency)
        return computed, say("settlement_notes.without_refunds", **facts, refunds=left_out)
    return stated, say("settlement_notes.rows_missing", **facts)


def _compare_count(settlement: StatedSettlement, found: int) -> str:
    """Return a note where the file states another number of transactions than it has."""
    if settlement.stated_count is None or settlement.stated_count == found:
        return ""
    return say(
        "settlement_notes.transactions_counted",
        settlement=settlement.settlement_id,
        msn=settlement.msn,
        stated=settlement.stated_count,
        found=found,
    )
