"""Read a reviewed report back: its discrepancies, decisions and payments.

Hidden columns of the workbook identify the rows. A row whose hash does not match its content is
rejected, since part of it may belong to another payment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from vippsrecon.dates import parse_recorded_time
from vippsrecon.errors import InputError, SourceError
from vippsrecon.money import to_minor
from vippsrecon.sources.files.detect import compute_file_sha256, detect_file_type
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.reviewed_report.row_hash import compute_row_hash

_SHEETS = ("Discrepancies", "Controls")
_PAYMENTS_SHEET = "Payments"
"""Left out of a report of findings, whose discrepancies have the columns of their payments."""
_DISCREPANCY_HEADINGS = {
    "kind": "Code",
    "order_number": "Order",
    "reference": "Reference",
    "msn": "Sales unit",
    "currency": "Currency",
    "expected": "Expected",
    "actual": "Actual",
    "at_risk": "At risk",
    "proposal": "Proposed",
    "proposal_amount": "Proposed amount",
    "next_step": "Next step",
    "owner": "Owner",
    "decision": "Decision",
    "note": "Note",
    "flags": "Flags",
    "discrepancy_id": "discrepancy_id",
    "row_hash": "row_hash",
}
_PAYMENT_HEADINGS = {
    "reference": "Reference",
    "msn": "Sales unit",
    "currency": "Currency",
    "state": "State",
    "authorized": "Authorized",
    "captured": "Captured",
    "refunded": "Refunded",
    "cancelled": "Cancelled",
    "fetched": "Fetched (UTC)",
}
_MAX_ROWS_ABOVE_HEADER = 200
"""Title, totals and notes are above a header."""


class ReportRow(NamedTuple):
    """One discrepancy of the workbook, with the decision of its reviewer.

    `note` is one line, for a plan; `entry_note` is the note as it was written.
    """

    row: int
    discrepancy_id: str
    kind: str
    msn: str
    reference: str
    order_number: str | None
    currency: str
    expected_minor: int | None
    actual_minor: int | None
    at_risk_minor: int
    proposal: str | None
    proposal_minor: int | None
    next_step: str
    flags: str
    decision: str
    note: str
    owner: str = ""
    entry_note: str = ""


class ReportPayment(NamedTuple):
    """One payment, as it was when the report's figures were fetched."""

    msn: str
    reference: str
    currency: str
    state: str
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    cancelled_minor: int
    fetched_at: datetime


class ReviewedReport(NamedTuple):
    """A reviewed report, as read.

    Attributes:
        name, sha256: The workbook.
        environment: Environment of its payments.
        fetched_at: When the last payment was read.
        rows: Its discrepancies, in the sheet's order.
        payments: By (msn, reference).
        refused: Rows that cannot be trusted.
        refused_ids: Ids of discrepancies that stand in those rows.
        as_of: Its cut-off time; None if the sheet Controls does not have it.
    """

    name: str
    sha256: str
    environment: str
    fetched_at: datetime
    rows: tuple[ReportRow, ...]
    payments: Mapping[tuple[str, str], ReportPayment]
    refused: tuple[Reject, ...]
    refused_ids: frozenset[str] = frozenset()
    as_of: datetime | None = None


def read_reviewed_report(path: str | Path) -> ReviewedReport:
    """Read the workbook of a report, as `vippsrecon reconcile` wrote it and people edited it.

    Raises:
        SourceError: It is not a report of vippsrecon, or its sheets were changed too much.
    """
    path = Path(path)
    if detect_file_type(path) != "workbook":
        raise SourceError(
            "this is not a workbook, so it is not a report; give the .xlsx that reconcile wrote",
            file=path.name,
        )
    sheet_rows, controls, payments = _read_sheets(path)
    facts = {str(row[1]): str(row[2]) for row in controls if len(row) > 2}
    environment, fetched = facts.get("Environment", ""), facts.get("Fetched at", "")
    fetched_at = parse_recorded_time(fetched)
    if fetched_at is None:
        raise SourceError(
            "its sheet Controls does not say when payments were fetched, so it cannot be read back",
            file=path.name,
        )
    rows: list[ReportRow] = []
    refused: list[Reject] = []
    refused_ids: set[str] = set()
    for number, cells in _iterate_rows(
        sheet_rows, _DISCREPANCY_HEADINGS, path.name, "Discrepancies"
    ):
        parsed = _parse_row(number, cells, path.name)
        if isinstance(parsed, Reject):
            refused.append(parsed)
            refused_ids.add(_format_text(cells["discrepancy_id"]))
        else:
            rows.append(parsed)
    return ReviewedReport(
        path.name,
        compute_file_sha256(path),
        environment,
        fetched_at,
        tuple(rows),
        _parse_payments(payments, path.name, fetched_at)
        if payments
        else _parse_payments(sheet_rows, path.name, fetched_at, "Discrepancies"),
        tuple(refused),
        frozenset(refused_ids),
        parse_recorded_time(facts.get("As of", "")),
    )


def looks_like_report(path: Path) -> bool:
    """Return whether a file is a workbook with the sheets of a report."""
    from python_calamine import CalamineWorkbook

    if not path.is_file() or detect_file_type(path) != "workbook":
        return False
    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            return set(_SHEETS) <= set(workbook.sheet_names)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        return False


def _read_sheets(path: Path) -> list[list[list[Any]]]:
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            names = workbook.sheet_names
            has_sheets = all(name in names for name in _SHEETS)
            read = [
                workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
                for name in (*_SHEETS, _PAYMENTS_SHEET)
                if has_sheets and name in names
            ]
    # calamine's panics do not even derive from Exception.
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        raise SourceError(
            "the workbook cannot be opened; save it again in Excel", file=path.name
        ) from None
    if not read:
        raise SourceError(
            f"this is not a report of vippsrecon: it does not have the sheets {', '.join(_SHEETS)}",
            file=path.name,
        )
    return read if len(read) > len(_SHEETS) else [*read, []]


def _iterate_rows(
    sheet: Sequence[Sequence[Any]], columns: Mapping[str, str], file: str, name: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the sheet row's number and its cells by field, for each row below the header."""
    required = set(columns.values())
    head = next(
        (
            n
            for n, row in enumerate(sheet[:_MAX_ROWS_ABOVE_HEADER])
            if required <= set(map(str, row))
        ),
        None,
    )
    if head is None:
        raise SourceError(
            f"its sheet {name} lacks columns of a report, some of which are hidden; take the "
            "workbook as vippsrecon wrote it, decisions added",
            file=file,
        )
    titles = [str(cell) for cell in sheet[head]]
    places = {field: titles.index(title) for field, title in columns.items()}
    for number, row in enumerate(sheet[head + 1 :], start=head + 2):
        cells = {field: row[place] for field, place in places.items()}
        if any(cell not in ("", None) for cell in cells.values()):
            yield number, cells


def _parse_row(number: int, cells: Mapping[str, Any], file: str) -> ReportRow | Reject:
    text = {name: _format_text(cells[name]) for name in _DISCREPANCY_HEADINGS}
    try:
        expected, actual, at_risk, proposed = (
            _parse_amount(cells[name], text["currency"])
            for name in ("expected", "actual", "at_risk", "proposal_amount")
        )
        hashed = compute_row_hash(
            (
                *(text[name] for name in ("discrepancy_id", "msn", "reference", "kind")),
                *(text["currency"], expected, actual, at_risk, text["proposal"], proposed),
            )
        )
    except InputError:
        hashed = ""
    if hashed != text["row_hash"]:
        return Reject(
            file,
            number,
            None,
            text["reference"],
            "was changed or shifted: its figures differ from those reconcile wrote. Make "
            "the report again, or put the payment on a list of your own",
        )
    return ReportRow(
        number,
        text["discrepancy_id"],
        text["kind"],
        text["msn"],
        text["reference"],
        text["order_number"] or None,
        text["currency"],
        expected,
        actual,
        at_risk or 0,
        text["proposal"] or None,
        proposed,
        text["next_step"],
        text["flags"],
        text["decision"],
        text["note"],
        text["owner"],
        _format_entry(cells["note"]),
    )


def _parse_payments(
    sheet: Sequence[Sequence[Any]], file: str, fetched_at: datetime, name: str = _PAYMENTS_SHEET
) -> dict[tuple[str, str], ReportPayment]:
    parsed = {}
    for number, cells in _iterate_rows(sheet, _PAYMENT_HEADINGS, file, name):
        if name != _PAYMENTS_SHEET and cells["state"] in ("", None):
            continue  # A discrepancy without a payment.
        msn, reference, currency = (
            _format_text(cells[name]) for name in ("msn", "reference", "currency")
        )
        try:
            authorized, captured, refunded, cancelled = (
                _parse_amount(cells[name], currency) or 0
                for name in ("authorized", "captured", "refunded", "cancelled")
            )
        except InputError as error:
            raise SourceError(str(error), file=file, row=number, column="Captured") from None
        at = _parse_time(cells["fetched"]) or fetched_at
        parsed[msn, reference] = ReportPayment(
            msn,
            reference,
            currency,
            _format_text(cells["state"]),
            authorized,
            captured,
            refunded,
            cancelled,
            at,
        )
    return parsed


def _format_entry(cell: Any) -> str:
    """Format a cell that a person filled in, with its line breaks."""
    return str(cell).strip() if isinstance(cell, str) else _format_text(cell)


def _format_text(cell: Any) -> str:
    """Format a cell as one line of text; whole numbers without a decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(str(cell).split()) if cell is not None else ""


def _parse_amount(cell: Any, currency: str) -> int | None:
    if cell in ("", None):
        return None
    return to_minor(repr(cell) if isinstance(cell, float) else str(cell), currency)


def _parse_time(cell: Any) -> datetime | None:
    """Return a time rounded to the second, because a workbook stores times as fractions of a day."""
    if isinstance(cell, datetime):
        rounded = cell + timedelta(microseconds=500_000)
        return rounded.replace(microsecond=0, tzinfo=UTC)
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=UTC)
    return None
