"""Read and extend the ignore file: payments the user decided to ignore, why, and until when."""

from __future__ import annotations

import csv
from datetime import date, datetime
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.input_files import read_small_text
from vippsrecon.output_files import atomic_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vippsrecon.config.settings import Settings

_REQUIRED_COLUMNS = ("reference", "reason", "who")
_NEW_FILE = "msn,reference,reason,who,until\n"


class Waiver(NamedTuple):
    """A payment to ignore, why, who decided, and the last day; None: permanently."""

    msn: str
    reference: str
    reason: str
    who: str
    until: date | None = None


def read_waivers(settings: Settings, cutoff: datetime) -> list[Waiver]:
    """Return the payments that the ignore file of the settings lists at the cut-off time.

    Raises:
        SourceError: As `read_ignore_file`.
    """
    if settings.ignore_file is None:
        return []
    return read_ignore_file(settings.ignore_file, settings.default_msn, cutoff.date())


def read_ignore_file(path: Path, default_msn: str | None, today: date) -> list[Waiver]:
    """Return each row of an ignore file that applies on `today`.

    The file is CSV with the columns reference, reason, who and until (a day, included; empty:
    permanently), and msn if there are several sales units.

    Raises:
        SourceError: A column is missing or there twice. The reference, the reason or the name is
            missing: ignoring money needs all three. Or there are several sales units and no msn, or
            `until` is not a day.
    """
    _, rows = _read_rows(path)
    waivers: list[Waiver] = []
    for number, row in enumerate(rows, start=2):
        for column in _REQUIRED_COLUMNS:
            if not (row.get(column) or "").strip():
                raise SourceError(
                    "is empty; an ignored payment needs a reference, a reason and who decided",
                    file=path.name,
                    row=number,
                    column=column,
                )
        msn = (row.get("msn") or default_msn or "").strip()
        if not msn:
            raise SourceError(
                "is empty, but there are several sales units; name the one this row is for",
                file=path.name,
                row=number,
                column="msn",
            )
        until = (row.get("until") or "").strip()
        try:
            last_day = date.fromisoformat(until) if until else None
        except ValueError:
            raise SourceError(
                f"{until!r} is not a day such as 2026-12-31",
                file=path.name,
                row=number,
                column="until",
            ) from None
        if last_day is None or last_day >= today:
            reference, reason, who = (row[name].strip() for name in _REQUIRED_COLUMNS)
            waivers.append(Waiver(msn, reference, reason, who, last_day))
    return waivers


def add_waivers(
    path: Path, waivers: Iterable[Waiver], until: date | None, default_msn: str | None
) -> int:
    """Add payments to an ignore file, and make the file if it does not exist.

    A payment that the file ignores until that day already is not added again. The existing file is
    renamed to `<name>.before-1.csv`.

    Args:
        path: The ignore file.
        waivers: What to add.
        until: Last day on which they apply; None: permanently.
        default_msn: Sales unit of rows without one.

    Returns:
        How many were added.

    Raises:
        SourceError: The existing file cannot be read, or lacks a column that is needed.
        OutputError: The file cannot be written.
    """
    existing, headings, ignored = _NEW_FILE, _NEW_FILE.strip().split(","), set()
    if path.exists():
        existing = read_small_text(path)
        headings, _ = _read_rows(path)
        ignored = {waiver[:2] for waiver in read_ignore_file(path, default_msn, until or date.max)}
    new = [waiver for waiver in waivers if (waiver.msn, waiver.reference) not in ignored]
    if not new:
        return 0
    for column, needed in (
        ("until", until is not None),
        ("msn", any(waiver.msn != default_msn for waiver in new)),
    ):
        if needed and column not in headings:
            raise SourceError(
                f"it has no column {column!r}, which a new row needs; add it to the first line",
                file=path.name,
            )
    text = StringIO()
    writer = csv.DictWriter(text, headings, restval="", extrasaction="ignore", lineterminator="\n")
    last_day = until.isoformat() if until else ""
    writer.writerows(waiver._asdict() | {"until": last_day} for waiver in new)
    joint = "" if existing.endswith("\n") else "\n"
    with atomic_file(path, "ignore file") as temporary:
        temporary.write_text(existing + joint + text.getvalue(), encoding="utf-8")
    return len(new)


def _read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return headings and rows of an ignore file."""
    try:
        reader = csv.DictReader(StringIO(read_small_text(path), newline=""), strict=True)
        headings = list(reader.fieldnames or ())
        rows = list(reader)
    except csv.Error as error:
        raise SourceError(f"it is not CSV: {error}", file=path.name) from None
    for column in _REQUIRED_COLUMNS if headings else ():
        if headings.count(column) != 1:
            problem = "several columns" if column in headings else "no column"
            raise SourceError(
                f"it has {problem} {column!r}; write the columns reference, reason, who and until "
                "once each, separated by commas",
                file=path.name,
            )
    return headings, rows
