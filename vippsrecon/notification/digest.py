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
from vippsrecon.reconciliation.codes import CODE_BY_NAME
from vippsrecon.sources.reviewed_report.cover import read_cover
from vippsrecon.sources.reviewed_report.read import ReportRow, read_reviewed_report
from vippsrecon.texts import format_money, say, use_language

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
        language: The language of the message.
    """

    failed: bool
    headline: str
    lines: tuple[str, ...]
    report: Path | None = None
    language: str = "en"

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


def build_report_digest(report: Path, language: str | None = None) -> Digest:
    """Make the message about a report, whose run may be incomplete.

    Args:
        report: The workbook, as `vippsrecon reconcile` wrote it. The worst discrepancies are the first
            rows of its sheet Discrepancies.
        language: Of the message; None: that of the report. The headline is as the report has it.

    Raises:
        SourceError: It is not a report of vippsrecon.
    """
    cover = read_cover(report)
    reviewed = read_reviewed_report(report)
    count = len(reviewed.rows) + len(reviewed.refused)
    lines = [cover.about]
    with use_language(language or cover.language) as chosen:
        if reviewed.rows:
            worst = reviewed.rows[:MAX_DISCREPANCIES]
            heading = (
                say("digest.worst_of", shown=len(worst), count=count)
                if len(worst) < count
                else say("digest.worst")
            )
            lines += ["", heading, *map(_describe_row, worst)]
        if reviewed.refused:
            lines += ["", say("digest.changed", count=len(reviewed.refused))]
    return Digest(not cover.complete, cover.headline, tuple(lines), report, chosen)


def build_failure_digest(sentence: str, language: str | None = None) -> Digest:
    """Make the message about a run that could not finish.

    Args:
        sentence: What went wrong, for the person who is responsible for the job.
        language: Of the message; None: English, or what `set_language` chose.
    """
    reason = printable(" ".join(sentence.split()))
    with use_language(language) as chosen:
        headline = say("digest.failed", sentence=reason)
        return Digest(True, headline, (say("digest.no_report"),), language=chosen)


def build_exit_code_digest(exit_code: int, language: str | None = None) -> Digest:
    """Make the message about a run that ended with an exit code of a failure.

    Args:
        exit_code: 2 or more.
        language: As for `build_failure_digest`.
    """
    with use_language(language):
        return build_failure_digest(say("digest.exit_code", code=str(exit_code)))


def _describe_row(row: ReportRow) -> str:
    names = [
        say("digest.order", number=row.order_number) if _is_safe_number(row.order_number) else "",
        say("digest.payment", reference=row.reference) if _is_safe_number(row.reference) else "",
    ]
    subject = ", ".join(name for name in names if name)
    title = CODE_BY_NAME[row.kind].title if row.kind in CODE_BY_NAME else ""
    about = (
        say("digest.code", code=row.kind, title=title)
        if title
        else say("digest.row", row=str(row.row))
    )
    return say(
        "digest.discrepancy",
        about=about,
        subject=subject or say("digest.row_of_report", row=str(row.row)),
        amount=format_money(row.at_risk_minor, row.currency),
    )


def _is_safe_number(text: str | None) -> bool:
    """Return whether a text has the form of an order number or a reference, and not of a name.

    >>> [_is_safe_number(text) for text in ("#1001", "wc-1001-ab12", "Kari", "+4799999999", "")]
    [True, True, False, False, False]
    """
    return _NUMBER.fullmatch(text or "") is not None
