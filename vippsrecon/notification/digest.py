"""Make the message about a run: the headline, the worst discrepancies, the report.

The figures are those of the report itself, read back. A message has no text that people wrote, and no
order number with a space or a plus sign, which names and phone numbers have.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from vippsrecon.dates import parse_named_period
from vippsrecon.errors import InputError, printable
from vippsrecon.money import format_count
from vippsrecon.report.names import CODE_TITLES
from vippsrecon.report.sentences import format_money
from vippsrecon.sources.reviewed_report.cover import read_cover
from vippsrecon.sources.reviewed_report.read import ReportRow, read_reviewed_report

MAX_DISCREPANCIES = 10

_NUMBER = re.compile(r"(?=.*[0-9])#?[A-Za-z0-9_./-]{1,64}")
"""A payment reference has up to 64 characters. Source: ePayment API, `reference`."""


class Digest(NamedTuple):
    """A message about a run.

    Attributes:
        failed: Whether the run could not finish, so that it is for those responsible for the job.
        headline: One or two sentences.
        lines: What follows it.
        report: The workbook; None without one.
    """

    failed: bool
    headline: str
    lines: tuple[str, ...]
    report: Path | None = None

    @property
    def report_name(self) -> str:
        """The name of the workbook for its receivers; "" without one.

        A workbook in a folder of `reconcile --into` gets the name of its period.
        """
        if self.report is None:
            return ""
        period = self.report.absolute().parent.name
        try:
            parse_named_period(period)
        except InputError:
            return printable(self.report.name)
        return printable(f"{self.report.stem}-{period}{self.report.suffix}")

    def format_text(self, *notes: str) -> str:
        """Return the message as plain text, with notes at its end."""
        return "\n".join([self.headline, *self.lines, *(("", *notes) if notes else ())])


def build_report_digest(report: Path) -> Digest:
    """Make the message about a report, whose run may be incomplete.

    Args:
        report: The workbook, as `vippsrecon reconcile` wrote it. The worst discrepancies are the first
            rows of its sheet Discrepancies.

    Raises:
        SourceError: It is not a report of vippsrecon.
    """
    cover = read_cover(report)
    reviewed = read_reviewed_report(report)
    count = len(reviewed.rows) + len(reviewed.refused)
    lines = [cover.about]
    if reviewed.rows:
        worst = reviewed.rows[:MAX_DISCREPANCIES]
        of_all = f" {len(worst)} of {count}" if len(worst) < count else ""
        lines += ["", f"Worst{of_all}:", *map(_describe_row, worst)]
    if reviewed.refused:
        changed = format_count(len(reviewed.refused), "row")
        lines += ["", f"{changed} of the report changed since it was written, so not listed here."]
    return Digest(not cover.complete, cover.headline, tuple(lines), report)


def build_failure_digest(sentence: str) -> Digest:
    """Make the message about a run that could not finish.

    Args:
        sentence: What went wrong, for the person who is responsible for the job.
    """
    headline = printable(" ".join(sentence.split()))
    return Digest(True, f"FAILED. {headline}", ("There is no report of this run.",))


def _describe_row(row: ReportRow) -> str:
    names = [
        f"order {row.order_number}" if _is_safe_number(row.order_number) else "",
        f"payment {row.reference}" if _is_safe_number(row.reference) else "",
    ]
    subject = ", ".join(name for name in names if name) or f"row {row.row} of the report"
    title = CODE_TITLES.get(row.kind, "")
    about = f"{row.kind} ({title})" if title else f"row {row.row}"
    return f"- {about}: {subject}, {format_money(row.at_risk_minor, row.currency)} at risk"


def _is_safe_number(text: str | None) -> bool:
    """Return whether a text has the form of an order number or a reference, and not of a name.

    >>> [_is_safe_number(text) for text in ("#1001", "wc-1001-ab12", "Kari", "+4799999999", "")]
    [True, True, False, False, False]
    """
    return _NUMBER.fullmatch(text or "") is not None
