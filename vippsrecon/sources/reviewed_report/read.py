"""Read a reviewed report back: its discrepancies, decisions and payments.

Hidden columns of the workbook identify the rows. A row whose hash does not match its content is
rejected, since part of it may belong to another payment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from vippsrecon.dates import parse_recorded_time
from vippsrecon.errors import InputError, SourceError
from vippsrecon.sources.files.detect import compute_file_sha256, detect_file_type
from vippsrecon.sources.rejects import Reject
from vippsrecon.sources.reviewed_report.cells import (
    format_entry,
    format_text,
    iterate_rows,
    parse_amount,
    parse_time,
)
from vippsrecon.sources.reviewed_report.language import (
    find_report_language,
    get_headings,
    get_sheet_name,
    translate_back,
)
from vippsrecon.sources.reviewed_report.row_hash import compute_row_hash
from vippsrecon.texts import list_texts_in

_PAYMENTS_SHEET = "payments"
"""Left out of a report of findings, whose discrepancies have the columns of their payments."""
_DISCREPANCY_COLUMNS = {
    "kind": "kind",
    "order_number": "order_number",
    "reference": "reference",
    "msn": "msn",
    "currency": "currency",
    "expected": "expected_minor",
    "actual": "actual_minor",
    "at_risk": "at_risk_minor",
    "proposal": "proposal",
    "proposal_amount": "proposal_minor",
    "next_step": "next_step",
    "owner": "owner",
    "decision": "decision",
    "note": "note",
    "flags": "flags",
    "discrepancy_id": "discrepancy_id",
    "row_hash": "row_hash",
}
_PAYMENT_COLUMNS = {
    "reference": "reference",
    "msn": "msn",
    "currency": "currency",
    "state": "state",
    "authorized": "authorized_minor",
    "captured": "captured_minor",
    "refunded": "refunded_minor",
    "cancelled": "cancelled_minor",
    "fetched": "fetched_at",
}
"""Field of a row to the column of the report that has it; the heading depends on the language."""


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
        language: The language of the report.
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
    language: str = "en"


def read_reviewed_report(path: str | Path) -> ReviewedReport:
    """Read the workbook of a report, as `vippsrecon reconcile` wrote it and people edited it.

    The report may be in any language. A decision from the list of its language is returned as the
    English word, any other as it was written.

    Raises:
        SourceError: It is not a report of vippsrecon, or its sheets were changed too much.
    """
    path = Path(path)
    if detect_file_type(path) != "workbook":
        raise SourceError(
            "this is not a workbook, so it is not a report; give the .xlsx that reconcile wrote",
            file=path.name,
        )
    language, sheet_rows, controls, payments = _read_sheets(path)
    facts = {str(row[1]): str(row[2]) for row in controls if len(row) > 2}
    names = list_texts_in("facts", language)
    environment, fetched = (facts.get(names[name], "") for name in ("environment", "fetched_at"))
    fetched_at = parse_recorded_time(fetched)
    if fetched_at is None:
        raise SourceError(
            "its sheet Controls does not say when payments were fetched, so it cannot be read back",
            file=path.name,
        )
    rows: list[ReportRow] = []
    refused: list[Reject] = []
    refused_ids: set[str] = set()
    headings = _list_headings("discrepancies", _DISCREPANCY_COLUMNS, language)
    decisions = translate_back("decisions", language)
    for number, cells in iterate_rows(sheet_rows, headings, path.name, "Discrepancies"):
        parsed = _parse_row(number, cells, path.name, decisions)
        if isinstance(parsed, Reject):
            refused.append(parsed)
            refused_ids.add(format_text(cells["discrepancy_id"]))
        else:
            rows.append(parsed)
    return ReviewedReport(
        path.name,
        compute_file_sha256(path),
        environment,
        fetched_at,
        tuple(rows),
        _parse_payments(
            payments or sheet_rows, path.name, fetched_at, language, of_findings=not payments
        ),
        tuple(refused),
        frozenset(refused_ids),
        parse_recorded_time(facts.get(names["as_of"], "")),
        language,
    )


def _list_headings(section: str, columns: Mapping[str, str], language: str) -> dict[str, str]:
    headings = get_headings(section, tuple(columns.values()), language)
    return {field: headings[column] for field, column in columns.items()}


def looks_like_report(path: Path) -> bool:
    """Return whether a file is a workbook with the sheets of a report."""
    from python_calamine import CalamineWorkbook

    if not path.is_file() or detect_file_type(path) != "workbook":
        return False
    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            return find_report_language(workbook.sheet_names) is not None
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        return False


class _Sheets(NamedTuple):
    """The language of a report and the rows of its sheets; no payments: it is one of findings."""

    language: str
    discrepancies: list[list[Any]]
    controls: list[list[Any]]
    payments: list[list[Any]]


def _read_sheets(path: Path) -> _Sheets:
    from python_calamine import CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(str(path)) as workbook:
            language = find_report_language(workbook.sheet_names)
            if language is not None:
                names = [
                    get_sheet_name(sheet, language)
                    for sheet in ("discrepancies", "controls", _PAYMENTS_SHEET)
                ]
                read = [
                    workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
                    if name in workbook.sheet_names
                    else []
                    for name in names
                ]
    # calamine's panics do not even derive from Exception.
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:
        raise SourceError(
            "the workbook cannot be opened; save it again in Excel", file=path.name
        ) from None
    if language is None:
        raise SourceError(
            "this is not a report of vippsrecon: it does not have the sheets Discrepancies, Controls",
            file=path.name,
        )
    return _Sheets(language, *read)


def _parse_row(
    number: int, cells: Mapping[str, Any], file: str, decisions: Mapping[str, str]
) -> ReportRow | Reject:
    text = {name: format_text(cells[name]) for name in _DISCREPANCY_COLUMNS}
    try:
        expected, actual, at_risk, proposed = (
            parse_amount(cells[name], text["currency"])
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
        decisions.get(text["decision"], text["decision"]),
        text["note"],
        text["owner"],
        format_entry(cells["note"]),
    )


def _parse_payments(
    sheet: Sequence[Sequence[Any]],
    file: str,
    fetched_at: datetime,
    language: str,
    *,
    of_findings: bool,
) -> dict[tuple[str, str], ReportPayment]:
    parsed = {}
    headings = _list_headings("payments", _PAYMENT_COLUMNS, language)
    name = "Discrepancies" if of_findings else "Payments"
    for number, cells in iterate_rows(sheet, headings, file, name):
        if of_findings and cells["state"] in ("", None):
            continue  # A discrepancy without a payment.
        msn, reference, currency = (
            format_text(cells[name]) for name in ("msn", "reference", "currency")
        )
        try:
            authorized, captured, refunded, cancelled = (
                parse_amount(cells[name], currency) or 0
                for name in ("authorized", "captured", "refunded", "cancelled")
            )
        except InputError as error:
            raise SourceError(str(error), file=file, row=number, column="Captured") from None
        at = parse_time(cells["fetched"]) or fetched_at
        parsed[msn, reference] = ReportPayment(
            msn,
            reference,
            currency,
            format_text(cells["state"]),
            authorized,
            captured,
            refunded,
            cancelled,
            at,
        )
    return parsed
