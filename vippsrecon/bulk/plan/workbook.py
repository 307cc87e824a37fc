"""Write a plan as a workbook that people read and sign. The plan itself is its JSON file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.money import to_major
from vippsrecon.spreadsheet.formats import NAVY, WorkbookFormats
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.sheets import SheetColumn, atomic_workbook, write_sheet
from vippsrecon.spreadsheet.workbook_file import set_up_printing

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

SIGNERS = ("Planned by", "Approved by", "Second approval")

_B, _C, _D, _E = 1, 2, 3, 4

PLAN_ROW_COLUMNS = (
    SheetColumn("row", "Row", "count", 6, "Row number in the plan."),
    SheetColumn("msn", "Sales unit", width=10),
    SheetColumn("reference", "Reference", width=24),
    SheetColumn("order_number", "Order", width=13),
    SheetColumn("currency", "Currency", width=8.5),
    SheetColumn("amount_minor", "Amount", "money", 13),
    SheetColumn("reason", "Reason", width=15),
    SheetColumn("document_ref", "Document", width=16),
    SheetColumn("note", "Note", "wrapped", 34),
    SheetColumn("vat_minor", "VAT", "money", 11, printed=False),
    SheetColumn("duplicate", "Deliberate repeat", "flag", 10, printed=False),
    SheetColumn("authorized_minor", "Authorized", "money", 13, printed=False),
    SheetColumn("captured_minor", "Captured", "money", 13, printed=False),
    SheetColumn("refunded_minor", "Refunded", "money", 13, printed=False),
    SheetColumn("cancelled_minor", "Cancelled", "money", 13, printed=False),
    SheetColumn("discrepancy_id", "Discrepancies", "text", 40, printed=False),
)
REJECT_COLUMNS = (
    SheetColumn("source_row", "Row", "count", 7),
    SheetColumn("value", "Value", "wrapped", 28),
    SheetColumn("column", "Column", width=14),
    SheetColumn("reason", "Why it is not in the plan", "wrapped", 80),
    SheetColumn("source_file", "File", width=24),
)


def write_plan_workbook(plan: Plan, path: str | Path) -> Path:
    """Write a plan as a workbook: its sums, its rows, the refused requests, and lines to sign.

    The same plan gives the same bytes. An earlier workbook of that name is kept beside it.

    Raises:
        OutputError: The name does not end in .xlsx, or the file cannot be written.
    """
    path = Path(path)
    title = f"Plan of {plan.verb}s"
    with atomic_workbook(path, "workbook", title=title, made_at=plan.made_at) as book:
        formats = WorkbookFormats(book)
        footer = f"plan {plan.plan_id}, digest {compute_digest(plan)[:16]}"
        sheets: dict[str, Worksheet] = {
            name: book.add_worksheet(name) for name in ("Plan", "Rows", "Refused")
        }
        for name, sheet in sheets.items():
            set_up_printing(sheet, name, footer)
        _write_cover(sheets["Plan"], formats, plan, title)
        write_sheet(
            sheets["Rows"],
            formats,
            PLAN_ROW_COLUMNS,
            _list_cells(plan),
            title="Rows",
            about="One operation per payment. Amounts are in major units of their currency.",
            frozen=3,
        )
        write_sheet(
            sheets["Refused"],
            formats,
            REJECT_COLUMNS,
            (
                [getattr(reject, column.name) for column in REJECT_COLUMNS]
                for reject in plan.refused
            ),
            title="Refused",
            about="Requests that are not in the plan. They are not carried out.",
        )
        sheets["Plan"].activate()
        sheets["Plan"].set_tab_color(NAVY)
    return path


def _list_cells(plan: Plan) -> Iterator[list[Any]]:
    positions = [PlanRow._fields.index(column.name) for column in PLAN_ROW_COLUMNS]
    for row in plan.rows:
        yield [row[position] for position in positions]


def _write_cover(sheet: Worksheet, formats: WorkbookFormats, plan: Plan, title: str) -> None:
    page = SheetLayout(sheet)
    page.text(0, _B, title, formats["title"])
    page.height(0, 30)
    about = "For reading and signing only. The JSON file of the plan is approved and carried out."
    page.text(1, _B, about, formats["muted"])
    at = _write_facts(page, formats, plan, 3)
    at = _write_sums(page, formats, plan, at + 1)
    for note in plan.notes:
        page.text(at, _B, note, formats["text"])
        at += 1
    _write_signatures(page, formats, at + 1)
    for column, width in enumerate((1.5, 22, 34, 18, 18)):
        sheet.set_column(column, column, width)
    sheet.hide_gridlines(2)
    page.write()


def _write_facts(page: SheetLayout, formats: WorkbookFormats, plan: Plan, row: int) -> int:
    source = plan.source
    facts = [
        ("Plan", plan.plan_id),
        ("Digest (SHA-256)", compute_digest(plan)),
        ("Environment", f"{plan.environment} ({plan.host})"),
        ("Sales units", ", ".join(plan.msns)),
        ("Planned by", plan.planner),
        ("Made at (UTC)", plan.made_at),
        ("Expires at (UTC)", plan.expires_at),
        ("Made from", f"{source.kind} {source.name}".strip()),
        ("Source SHA-256", source.sha256),
        ("Payments read at (UTC)", source.fetched_at),
    ]
    for name, value in facts:
        page.text(row, _B, name, formats["muted"])
        hashed = name in ("Digest (SHA-256)", "Source SHA-256", "Plan")
        page.text(row, _C, value, formats["mono" if hashed else "text"])
        row += 1
    return row


def _write_sums(page: SheetLayout, formats: WorkbookFormats, plan: Plan, row: int) -> int:
    """Write the number of rows and the sum per currency, as formulas over the *Rows* sheet."""
    for column, text in ((_B, "Sum"), (_C, ""), (_D, "Rows"), (_E, "Amount")):
        right = column in (_D, _E)
        page.text(row, column, text, formats["head_right" if right else "head"])
    row += 1
    last = plan.count + 4
    column_letters = {
        column.name: chr(ord("A") + index) for index, column in enumerate(PLAN_ROW_COLUMNS)
    }
    currencies = f"'Rows'!${column_letters['currency']}$5:${column_letters['currency']}${last}"
    amounts = f"'Rows'!${column_letters['amount_minor']}$5:${column_letters['amount_minor']}${last}"
    for currency, total in plan.totals.items():
        count = sum(plan_row.currency == currency for plan_row in plan.rows)
        page.text(row, _B, currency, formats["bold"])
        page.formula(row, _D, f'=COUNTIFS({currencies},"{currency}")', count, formats["count"])
        page.formula(
            row,
            _E,
            f'=SUMIFS({amounts},{currencies},"{currency}")',
            to_major(total, currency),
            formats.money(currency),
        )
        row += 1
    return row + 1


def _write_signatures(page: SheetLayout, formats: WorkbookFormats, row: int) -> None:
    for column, text in ((_B, ""), (_C, "Name"), (_D, "Date"), (_E, "Signature")):
        page.text(row, column, text, formats["head"])
    for signer in SIGNERS:
        row += 1
        page.text(row, _B, signer, formats["bold"])
        page.blank(row, range(_C, _D), formats["signature"])
        page.blank(row, range(_D, _E), formats["input_date"])
        page.blank(row, range(_E, _E + 1), formats["signature"])
        page.height(row, 20)
