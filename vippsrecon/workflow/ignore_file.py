"""Read the ignore file: payments the user decided to ignore, why, and until when."""

from __future__ import annotations

import csv
from datetime import date
from io import StringIO
from typing import TYPE_CHECKING

from vippsrecon.errors import SourceError
from vippsrecon.input_files import read_small_text

if TYPE_CHECKING:
    from pathlib import Path


_REQUIRED_COLUMNS = ("reference", "reason", "who")


def read_ignore_file(path: Path, default_msn: str | None, today: date) -> list[tuple[str, str]]:
    """Return (msn, reference) of each row of an ignore file that applies on `today`.

    The file is CSV with the columns reference, reason, who and until (a day, included; empty:
    permanently), and msn if there are several sales units.

    Raises:
        SourceError: A column is missing or there twice. The reference, the reason or the name is missing: ignoring money needs all
            three. Or there are several sales units and no msn, or `until` is not a day.
    """
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
    ignored: list[tuple[str, str]] = []
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
            applies = not until or date.fromisoformat(until) >= today
        except ValueError:
            raise SourceError(
                f"{until!r} is not a day such as 2026-12-31",
                file=path.name,
                row=number,
                column="until",
            ) from None
        if applies:
            ignored.append((msn, row["reference"].strip()))
    return ignored
