"""Read the older CSV in sections: the organisation, settlements, fees, transactions.

Each section has a heading row of its own, and each row of the last three begins with the section's
name. Published files write the net amount with an unquoted decimal comma, which gives the row one
cell too many, and name another sales unit and settlement with the transactions than with the
settlement. Both are read, with a warning.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from vippsrecon.errors import SourceError
from vippsrecon.money import DECIMALS
from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.customer_texts import hide_words
from vippsrecon.sources.files.csv_file import read_text_lines
from vippsrecon.sources.files.detect import MAX_CELL_LENGTH, detect_encoding
from vippsrecon.sources.reject_frames import RejectCells, make_rejects
from vippsrecon.sources.settlement.cells import (
    CellError,
    parse_count,
    parse_date,
    parse_minor,
    parse_msn,
    parse_settlement_id,
)
from vippsrecon.sources.settlement.result import ParsedSettlement
from vippsrecon.sources.settlement.transactions import (
    StatedSettlement,
    Transaction,
    compute_frames,
)
from vippsrecon.texts import say, say_number

FORMAT = "vipps-sectioned"

_SETTLEMENT = "SettlementInfo"
_TRANSACTION = "TransactionInfo"
_HEADINGS = {
    _SETTLEMENT: (
        "SalesUnitName", "SaleUnitNumber", "SettlementDate", "SettlementID", "SettlementAccount",
        "Gross", "Currency", "Fee", "Refund", "Net", "NumberOfTransactions",
    ),
    _TRANSACTION: (
        "SalesDate", "SaleUnitName", "SaleUnitNumber", "TransactionId", "SettlementId", "OrderID",
        "SettlementDate", "Gross", "Currency", "Fee", "Refund", "Net",
    ),
}  # fmt: skip
"""Headings after the section's name, in the published order; a file's own heading row has priority."""

_AMOUNTS = frozenset({"Gross", "Fee", "Refund", "Net"})


def read_sectioned_csv(path: Path) -> ParsedSettlement:
    """Read one file.

    Raises:
        SourceError: It cannot be read, or has no transactions and no settlements.
    """
    reading = _Reading(path.name)
    for row, cells in _read_rows(path):
        reading.add(row, cells)
    if not reading.rows:
        raise SourceError("there is no settlement and no transaction in it", file=path.name)
    transactions, notes = _join_other_ids(reading.transactions, reading.settlements)
    computed = compute_frames(transactions, reading.settlements, path.name, len(reading.rejects))
    if reading.joined:
        notes.append(say_number("settlement_notes.comma_not_quoted", reading.joined))
    return ParsedSettlement(
        path.name,
        FORMAT,
        detect_encoding(path),
        reading.rows,
        computed.entries,
        computed.payouts,
        hide_words(make_rejects([*reading.rejects, *computed.rejects])),
        (*notes, *computed.notes),
        computed.is_short,
    )


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    for row, line in read_text_lines(path):
        if len(line) > MAX_CELL_LENGTH:
            raise SourceError("a line is larger than 1 MB", file=path.name, row=row)
        try:
            yield row, [cell.strip() for cell in next(csv.reader([line]), [])]
        except csv.Error:
            yield row, [line]


class _Reading:
    """Collects the rows of each section."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._headings: dict[str, Sequence[str]] = dict(_HEADINGS)
        self.rows = 0
        self.joined = 0
        self.transactions: list[Transaction] = []
        self.settlements: list[StatedSettlement] = []
        self.rejects: list[RejectCells] = []

    def add(self, row: int, cells: list[str]) -> None:
        """Read one row; rows about the organisation are passed over."""
        section = cells[0] if cells else ""
        if section not in _HEADINGS:
            return
        if "Gross" in cells:
            self._headings[section] = cells[1:]
            return
        self.rows += 1
        try:
            fields = self._fit(section, cells[1:])
            if section == _SETTLEMENT:
                self.settlements.append(_build_settlement(row, fields))
            else:
                self.transactions.append(_build_transaction(row, fields))
        except CellError as error:
            self.rejects.append(
                (self._file, row, error.column or None, error.value[:80] or None, error.reason)
            )

    def _fit(self, section: str, cells: list[str]) -> dict[str, str]:
        """Return the cells by heading, after joining amounts that a decimal comma split."""
        headings = self._headings[section]
        if len(cells) == len(headings):
            return dict(zip(headings, cells, strict=True))
        fitted = _join_amounts(headings, cells)
        if len(fitted) != 1:
            counts = {"cells": len(cells), "width": len(headings)}
            raise CellError("", "", say("reasons.cells_too_many", **counts))
        self.joined += 1
        return fitted[0]


def _join_amounts(headings: Sequence[str], cells: Sequence[str]) -> list[dict[str, str]]:
    """Return the ways in which split amounts, joined, make the row fit; the sums decide.

    >>> headings = ["Gross", "Fee", "Refund", "Net", "NumberOfTransactions"]
    >>> cells = ["16511.71", "-61.09", "-1490.00", "16450", "62", "7"]
    >>> [row["Net"] for row in _join_amounts(headings, cells)]
    ['16450.62']
    """
    surplus = len(cells) - len(headings)
    if not 0 < surplus <= len(_AMOUNTS):
        return []
    ways: list[list[str]] = [[]]
    places: list[int] = [0]
    for heading in headings:
        next_ways, next_places = [], []
        for way, place in zip(ways, places, strict=True):
            if place >= len(cells):
                continue
            next_ways.append([*way, cells[place]])
            next_places.append(place + 1)
            fraction = cells[place + 1] if place + 1 < len(cells) else ""
            if heading in _AMOUNTS and _is_split(cells[place], fraction):
                next_ways.append([*way, f"{cells[place]}.{fraction}"])
                next_places.append(place + 2)
        ways, places = next_ways, next_places
    whole = [
        dict(zip(headings, way, strict=True))
        for way, place in zip(ways, places, strict=True)
        if place == len(cells)
    ]
    footing = [fields for fields in whole if _is_footing(fields)]
    return footing or whole


def _is_split(whole: str, fraction: str) -> bool:
    digits = whole.removeprefix("-")
    return digits.isascii() and digits.isdecimal() and len(fraction) == 2 and fraction.isdecimal()


def _is_footing(fields: dict[str, str]) -> bool:
    """Return whether net is gross plus fee, with or without refunds."""
    try:
        gross, fee, refund, net = (
            parse_minor(fields[name], "NOK", name) for name in ("Gross", "Fee", "Refund", "Net")
        )
    except (CellError, KeyError):
        return False
    return net in (gross + fee, gross + fee + refund)


def _build_settlement(row: int, fields: dict[str, str]) -> StatedSettlement:
    currency = _parse_currency(fields)
    return StatedSettlement(
        row,
        parse_msn(fields.get("SaleUnitNumber", ""), "SaleUnitNumber"),
        parse_settlement_id(fields.get("SettlementID", ""), "SettlementID"),
        currency,
        parse_date(fields.get("SettlementDate", ""), "SettlementDate"),
        normalize_account(fields.get("SettlementAccount", "")),
        True,
        parse_minor(fields.get("Net", ""), currency, "Net"),
        parse_count(fields.get("NumberOfTransactions", "")),
    )


def _build_transaction(row: int, fields: dict[str, str]) -> Transaction:
    currency = _parse_currency(fields)
    gross, refund, fee = (
        parse_minor(fields.get(name, ""), currency, name) for name in ("Gross", "Refund", "Fee")
    )
    if gross and refund:
        raise CellError("Refund", fields["Refund"], say("reasons.gross_too"))
    if refund > 0:
        raise CellError("Refund", fields["Refund"], say("reasons.positive_refund"))
    return Transaction(
        row,
        parse_msn(fields.get("SaleUnitNumber", ""), "SaleUnitNumber"),
        parse_settlement_id(fields.get("SettlementId", ""), "SettlementId"),
        currency,
        parse_date(fields.get("SalesDate", ""), "SalesDate"),
        None,
        fields.get("TransactionId") or None,
        fields.get("OrderID") or None,
        gross + refund,
        -fee,
    )


def _parse_currency(fields: dict[str, str]) -> str:
    currency = fields.get("Currency", "")
    if currency not in DECIMALS:
        raise CellError("Currency", currency, say("reasons.not_paid_out"))
    return currency


def _join_other_ids(
    transactions: list[Transaction], settlements: Sequence[StatedSettlement]
) -> tuple[list[Transaction], list[str]]:
    """Place transactions on the only settlement left, if the file names it differently there."""
    stated = {settlement.key for settlement in settlements}
    named = {transaction.key for transaction in transactions}
    open_settlements, open_groups = stated - named, named - stated
    if len(open_settlements) != 1 or len(open_groups) != 1:
        return transactions, []
    (one,), (other,) = open_settlements, open_groups
    if one[2] != other[2]:
        return transactions, []
    joined = [
        transaction._replace(msn=one[0], settlement_id=one[1])
        if transaction.key == other
        else transaction
        for transaction in transactions
    ]
    ids = {"one": one[1], "one_msn": one[0], "other": other[1], "other_msn": other[0]}
    note = say("settlement_notes.other_ids", **ids)
    return joined, [note]
