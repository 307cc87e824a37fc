"""Read the older flat form, CSV or workbook: one row per transaction, one row per payout.

A workbook has a title block above the headings, and each settlement ends with a row *Til utbetaling
netto*, the only one with the sum and the account. Names and messages of customers are never read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.errors import SourceError
from vippsrecon.sources.bank.accounts import normalize_account
from vippsrecon.sources.customer_texts import hide_words
from vippsrecon.sources.files.headings import normalize_heading, refuse_second_column
from vippsrecon.sources.files.table import NATIVE_MARK, Table
from vippsrecon.sources.orders.fields.amounts import (
    AmountStyle,
    detect_decimal_mark,
    parse_amounts,
)
from vippsrecon.sources.reject_frames import RejectCells, make_rejects
from vippsrecon.sources.settlement.cells import (
    CellError,
    parse_date,
    parse_msn,
    parse_settlement_id,
)
from vippsrecon.sources.settlement.result import ParsedSettlement
from vippsrecon.sources.settlement.transactions import (
    StatedSettlement,
    Transaction,
    compute_frames,
)
from vippsrecon.texts import say

FORMAT = "vipps-flat"
CURRENCY = "NOK"
"""The form is Norwegian and names no currency."""

_REQUIRED = {
    "day": "Salgsdato",
    "msn": "Vippsnummer",
    "psp": "Transaksjons-ID",
    "reference": "Ordre-ID",
    "gross": "Brutto",
    "fee": "Gebyr",
    "net": "Netto",
    "kind": "Transaksjonstype",
    "settlement": "Oppgjørs-ID",
    "settled": "Oppgjørsdato",
}
_OPTIONAL = {"sum": "Oppgjørssum", "account": "Oppgjørskonto"}
_AMOUNT_FIELDS = ("gross", "fee", "net", "sum")
_PAYOUT_ROW = "til utbetaling netto"
_SALE, _REFUND = "salg", "refundering"
_STYLE = AmountStyle("auto", groups=" \u00a0\u202f")


def read_flat_table(path: Path, table: Table) -> ParsedSettlement:
    """Read one file.

    Raises:
        SourceError: A column is missing, or the decimal mark of an amount is not clear.
    """
    rows = _read_columns(table, path.name)
    transactions: list[Transaction] = []
    settlements: list[StatedSettlement] = []
    sums: dict[tuple[str, str], StatedSettlement] = {}
    rejects: list[RejectCells] = []
    for cells in rows.iter_rows(named=True):
        try:
            read = _read_row(cells)
        except CellError as error:
            column = error.column or None
            rejects.append(
                (path.name, cells["row"], column, error.value[:80] or None, error.reason)
            )
            continue
        if read.transaction is not None:
            transactions.append(read.transaction)
        if read.is_payout_row and read.settlement is not None:
            settlements.append(read.settlement)
        elif read.settlement is not None and read.settlement.stated_minor is not None:
            sums[read.settlement.key[:2]] = read.settlement
    known = {settlement.key[:2] for settlement in settlements}
    # A CSV may repeat the sum in each row instead of a row of its own.
    settlements += [settlement for key, settlement in sums.items() if key not in known]
    computed = compute_frames(transactions, settlements, path.name)
    return ParsedSettlement(
        path.name,
        FORMAT,
        table.encoding,
        rows.height,
        computed.entries,
        computed.payouts,
        hide_words(make_rejects([*rejects, *computed.rejects])),
        (*table.notes, *computed.notes),
    )


class _Row(NamedTuple):
    """What one row holds."""

    transaction: Transaction | None
    settlement: StatedSettlement | None
    is_payout_row: bool


def _read_columns(table: Table, file: str) -> pl.DataFrame:
    """Return the rows with the cells as text, and the amounts as minor units beside them."""
    places = {normalize_heading(text): place for place, text in enumerate(table.headings)}
    for name in (_REQUIRED | _OPTIONAL).values():
        own = [
            text for text in table.headings if normalize_heading(text) == normalize_heading(name)
        ]
        refuse_second_column(own, file)
    lacking = [name for name in _REQUIRED.values() if normalize_heading(name) not in places]
    if lacking:
        raise SourceError(f"it has no column {', '.join(map(repr, lacking))}", file=file)
    columns = {
        field: name
        for field, name in (_REQUIRED | _OPTIONAL).items()
        if normalize_heading(name) in places
    }
    read = table.columns(
        [places[normalize_heading(name)] for name in columns.values()], of_money=True
    )
    rows = read.rename({f"c{n}": field for n, field in enumerate(columns)})
    rows = rows.with_columns(pl.lit("").alias(field) for field in _OPTIONAL if field not in columns)
    currency = pl.Series([CURRENCY], dtype=pl.String).new_from_index(0, rows.height)
    for field in _AMOUNT_FIELDS:
        mark = detect_decimal_mark(rows[field], _STYLE)
        if mark is None:
            raise SourceError(
                "the amounts have neither a decimal point nor a decimal comma throughout",
                file=file,
                column=columns[field],
            )
        parsed = parse_amounts(rows[field], currency, AmountStyle(mark, groups=_STYLE.groups))
        rows = rows.with_columns(
            parsed.minor.alias(f"{field}_minor"), parsed.reason.alias(f"{field}_reason")
        )
    return rows


def _read_row(cells: dict[str, Any]) -> _Row:
    if cells["fault"]:
        raise CellError("", "", str(cells["fault"]))
    texts = {name: str(value).removeprefix(NATIVE_MARK) for name, value in cells.items()}
    is_payout_row = normalize_heading(texts["day"]) == _PAYOUT_ROW
    msn = parse_msn(texts["msn"], _REQUIRED["msn"])
    settlement_id = parse_settlement_id(texts["settlement"], _REQUIRED["settlement"])
    settled = parse_date(texts["settled"], _REQUIRED["settled"])
    stated = None
    if texts["sum"] or is_payout_row:
        stated = _get_amount(cells, texts, "sum")
    settlement = StatedSettlement(
        cells["row"], msn, settlement_id, CURRENCY, settled,
        normalize_account(texts["account"]), True, stated,
    )  # fmt: skip
    if is_payout_row:
        return _Row(None, settlement, True)
    gross, fee, net = (_get_amount(cells, texts, name) for name in ("gross", "fee", "net"))
    kind = normalize_heading(texts["kind"])
    if kind not in (_SALE, _REFUND):
        raise CellError(
            _REQUIRED["kind"],
            texts["kind"],
            say("reasons.neither", one="Salg", other="Refundering"),
        )
    amount = -abs(gross) if kind == _REFUND else gross
    if net not in (gross + fee, amount + fee):
        raise CellError(_REQUIRED["net"], texts["net"], say("reasons.not_gross_plus_fee"))
    transaction = Transaction(
        cells["row"], msn, settlement_id, CURRENCY,
        parse_date(texts["day"], _REQUIRED["day"]), None,
        texts["psp"] or None, texts["reference"] or None, amount, -fee,
    )  # fmt: skip
    return _Row(transaction, settlement, False)


def _get_amount(cells: dict[str, Any], texts: dict[str, str], field: str) -> int:
    minor = cells[f"{field}_minor"]
    if not isinstance(minor, int):
        name = (_REQUIRED | _OPTIONAL)[field]
        reason = cells[f"{field}_reason"] or say("reasons.no_such_amount")
        raise CellError(name, texts[field], str(reason))
    return minor
