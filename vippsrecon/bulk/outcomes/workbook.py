"""The outcomes as a workbook: a one-page summary of a run, and its rows, the ones to check first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES, RunResult
from vippsrecon.bulk.outcomes.columns import RUN_OUTCOME_COLUMNS
from vippsrecon.bulk.outcomes.frame import (
    DRY_RUN_OUTCOMES,
    OUTCOMES_WORST_FIRST,
    build_outcomes,
    compute_control_totals,
)
from vippsrecon.bulk.outcomes.html import summarize_run
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.wording import describe_card_refunds
from vippsrecon.spreadsheet.control_totals import ControlSheet, ControlTotalLine
from vippsrecon.spreadsheet.formats import NAVY, VERDICT_COLOURS, WorkbookFormats
from vippsrecon.spreadsheet.layout import SheetLayout
from vippsrecon.spreadsheet.sheets import (
    HEADER_ROW,
    SheetColumn,
    WrittenSheet,
    atomic_workbook,
    write_sheet,
)
from vippsrecon.spreadsheet.workbook_file import set_up_printing
from vippsrecon.texts import use_language

if TYPE_CHECKING:
    import pandas as pd
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

SUMMARY_SHEET, RESULTS_SHEET = "Summary", "Outcomes"

OUTCOME_COLOURS = {
    "done": VERDICT_COLOURS["clean"],
    "already_done": VERDICT_COLOURS["clean"],
    "would_do": ("#E6EBF0", "#46525E"),
    "skipped": ("#FBF3D0", "#5F5200"),
    "refused": VERDICT_COLOURS["discrepancies"],
    "unknown": VERDICT_COLOURS["incomplete"],
}
"""Fill and text colour for each outcome, as on the report's sheets."""

_VERB_TITLES = {"refund": "Refunds", "cancel": "Cancels", "capture": "Captures"}


def write_outcomes(carried: RunResult, path: str | Path) -> Path:
    """Write the outcomes of a run as an Excel workbook. The same run gives the same bytes.

    Sheets: Summary (control totals as live formulas, what is left to do, who and what),
    Outcomes (one row per plan row, the ones to check first), Columns. Amounts are in major units.

    Args:
        carried: The run's result, from the run itself or rebuilt from the journal.
        path: Ends in .xlsx; an existing workbook is renamed to `<name>.before-1.xlsx`.

    Returns:
        The path.

    Raises:
        OutputError: The name does not end in .xlsx, or the file cannot be written.
    """
    plan = carried.plan
    title = f"{_VERB_TITLES[plan.verb]}: {'outcomes' if carried.live else 'dry run'}"
    with atomic_workbook(path, "outcomes", title=title, made_at=plan.made_at) as book:
        _fill_outcomes_workbook(book, carried, title)
    return Path(path)


def _fill_outcomes_workbook(book: Workbook, run: RunResult, title: str) -> None:
    formats = WorkbookFormats(book)
    summary, rows, columns = (
        book.add_worksheet(name) for name in (SUMMARY_SHEET, RESULTS_SHEET, "Columns")
    )
    for worksheet in (summary, rows, columns):
        set_up_printing(worksheet, worksheet.get_name(), f"plan {run.plan.plan_id}")
    frame = build_outcomes(run)
    written = write_sheet(
        rows,
        formats,
        RUN_OUTCOME_COLUMNS,
        _list_sheet_rows(frame),
        title=title,
        about="One row per row of the plan, the ones to check first.",
        frozen=4,
    )
    colour_outcomes(rows, formats, written)
    _write_summary_sheet(
        ControlSheet(SheetLayout(summary), formats, title, _describe_plan(run)),
        run,
        frame,
        written,
    )
    write_sheet(
        columns,
        formats,
        (
            SheetColumn("header", "Heading", width=24),
            SheetColumn("name", "Column of the frame", "code", 28),
            SheetColumn("about", "What it says", "wrapped", 90),
        ),
        [(column.header, column.name, column.about) for column in RUN_OUTCOME_COLUMNS],
        title="Columns",
        about="The meaning of each column of Outcomes.",
    )
    summary.activate()
    summary.set_tab_color(NAVY)


def _list_sheet_rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return the frame's rows in the sheet's columns, the ones to check first."""
    import pyarrow as pa

    shown = frame[[column.name for column in RUN_OUTCOME_COLUMNS]]
    table = pa.Table.from_pandas(shown, preserve_index=False)
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    # The sort is stable: rows with the same outcome stay in the plan's order.
    return sorted(rows, key=lambda row: OUTCOMES_WORST_FIRST.index(row[0]))


def colour_outcomes(worksheet: Worksheet, formats: WorkbookFormats, written: WrittenSheet) -> None:
    """Colour each outcome as everywhere else, and draw lines between the rows."""
    outcome_column = written.column("outcome")
    first, last = HEADER_ROW + 1, HEADER_ROW + max(written.rows, 1)
    # Not on the outcome column: LibreOffice applies only one condition per cell.
    ruled = {"type": "formula", "criteria": "=TRUE", "format": formats.get_rule_format()}
    for left, right in ((0, outcome_column - 1), (outcome_column + 1, len(written.columns) - 1)):
        if left <= right:
            worksheet.conditional_format(first, left, last, right, ruled)
    for outcome, (fill, ink) in OUTCOME_COLOURS.items():
        worksheet.conditional_format(
            first,
            outcome_column,
            last,
            outcome_column,
            {
                "type": "cell",
                "criteria": "==",
                "value": f'"{outcome}"',
                "format": formats.get_colour_format(fill, ink),
            },
        )


def _describe_plan(run: RunResult) -> str:
    plan = run.plan
    return f"Plan {plan.plan_id}, {plan.environment}, sales units {', '.join(plan.msns)}."


def _write_summary_sheet(
    sheet: ControlSheet, run: RunResult, frame: pd.DataFrame, written: WrittenSheet
) -> None:
    verdict = ("clean", "discrepancies", "incomplete")[run.exit_code]
    with use_language("en"):
        summary = summarize_run(run)
    sheet.add_banner(summary, sheet.formats.verdict(verdict))
    names = LIVE_OUTCOMES if run.live else DRY_RUN_OUTCOMES
    lines = []
    for total in compute_control_totals(run.plan, run.results, live=run.live):
        where, parts = {"currency": total.currency}, total.by_outcome
        rows, minor = total.planned
        lines += [
            ControlTotalLine(
                ("Rows", total.currency), where, rows, {n: parts[n][0] for n in parts}
            ),
            ControlTotalLine(
                ("Amount", total.currency),
                where,
                minor,
                {n: parts[n][1] for n in parts},
                currency=total.currency,
            ),
        ]
    sheet.control("Control total", ("", "Currency"), names, lines, written)
    _write_follow_up(sheet, run.counts, frame, written)
    sheet.pairs("Who and what", _list_run_facts(run))
    sheet.finish()


def _write_follow_up(
    sheet: ControlSheet, counts: Mapping[str, int], frame: pd.DataFrame, written: WrittenSheet
) -> None:
    flags = {name: int(frame[name].sum()) for name in ("credit_note_needed", "shop_to_update")}
    sheet.add_section("What is left to do")
    lines: Sequence[tuple[str, str, int, str]] = (
        (
            "Unknown",
            written.count_if(outcome="unknown"),
            counts.get("unknown", 0),
            "Run the same command again: it reads again and never sends twice. For rows that stay "
            "unknown: vippsrecon journal settle.",
        ),
        (
            "Refused",
            written.count_if(outcome="refused"),
            counts.get("refused", 0),
            "Final for this plan. Read the sentence and make a new plan if you still want it.",
        ),
        (
            "Skipped",
            written.count_if(outcome="skipped"),
            counts.get("skipped", 0),
            "Nothing was done. Run the same command again to process these rows.",
        ),
        (
            "Credit notes needed",
            written.count_if(credit_note_needed="yes"),
            flags["credit_note_needed"],
            "Captured money was refunded, but the row names no document.",
        ),
        (
            "Shop orders to update",
            written.count_if(shop_to_update="yes"),
            flags["shop_to_update"],
            "Enter it in the shop; otherwise the next reconciliation finds a difference.",
        ),
    )
    for line in lines:
        sheet.counted(*line)
    for notice, count in frame["customer_notice"].value_counts().items():
        formula = written.count_if(customer_notice=str(notice))
        sheet.counted("Customers to tell", formula, int(count), str(notice))
    sheet.row += 1


def _list_run_facts(run: RunResult) -> list[tuple[str, str]]:
    plan = run.plan
    source = f"{plan.source.kind} {plan.source.name}".strip()
    facts = [
        ("Plan", plan.plan_id),
        ("Digest (SHA-256)", compute_digest(plan)),
        ("Planned by", f"{plan.planner}, {plan.made_at}"),
        ("Made from", f"{source}, payments as fetched {plan.source.fetched_at}"),
        ("SHA-256 of that file", plan.source.sha256),
        ("Approved by", run.approver or "not approved yet"),
        ("Carried out by", run.carrier if run.live else "not carried out: this was a dry run"),
        ("Environment", f"{plan.environment}, {plan.host}"),
    ]
    facts.append(("Refunds to cards", describe_card_refunds(plan.verb, plan.totals)))
    if run.stopped:
        facts.append(("Stopped", run.stopped))
    if run.head is not None:
        seq, last = run.head
        facts += [
            ("Journal head", f"{seq}:{last}"),
            (
                "Save the head elsewhere",
                "Only this head shows that the journal's end was cut off or that the whole journal "
                f"was rewritten. Check: vippsrecon journal --plan {plan.plan_id} --verify --head {seq}:…",
            ),
        ]
    return [(name, value) for name, value in facts if value]
