"""Choose the order exports of a period from a folder, and find days that none of them covers.

A file is taken if an order in it was placed in the period. Any other file is left out for a reason that the
report states. A file that should be an export and cannot be read may hold orders of the period, so it
makes the run incomplete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon.dates import to_date, to_day_number
from vippsrecon.errors import EmptyTableError, InputError, SourceError
from vippsrecon.money import format_count
from vippsrecon.sources.file_preview import preview_file
from vippsrecon.sources.orders.order_frame import OrderFrame
from vippsrecon.sources.reviewed_report.read import looks_like_report
from vippsrecon.workflow.coverage import Gap

if TYPE_CHECKING:
    from vippsrecon.sources import OrderFiles

ReadExports = Callable[[Sequence[Path | OrderFrame]], "OrderFiles[pl.DataFrame]"]

MAX_FILES = 1000
"""More files than years of daily exports: the folder is another one than was meant."""

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".json")
"""Endings of files that shops export."""

MIN_BOUNDARIES = 3
"""With fewer gaps between exports, a gap in each of them shows no habit of the shop."""

MAX_NAMED = 5
"""Files left out that a notice names."""

_NO_ORDER = "it has no order"

_DATE = re.compile(r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)(?!\d)")


class ChosenExports(NamedTuple):
    """The exports of a period.

    Attributes:
        sources: The files and frames to read.
        left_out: Name of each other file in the folders, and the reason.
        notices: What was chosen, in sentences.
        gaps: Why the period is incomplete.
    """

    sources: list[Path | OrderFrame]
    left_out: dict[str, str]
    notices: tuple[str, ...]
    gaps: tuple[Gap, ...]


class _Export(NamedTuple):
    """An export in a folder: its orders, and the days that its name states."""

    path: Path
    orders: pl.DataFrame
    named_days: tuple[int, int] | None


def choose_exports(
    sources: Sequence[Path | OrderFrame],
    read: ReadExports,
    first: date | None,
    last: date | None,
) -> ChosenExports:
    """Replace each folder among the sources by its exports of the period.

    Args:
        sources: Files, folders and frames.
        read: Reads exports with the user's profile and sales units.
        first: First local day of the period; None: from the beginning.
        last: Last local day, included.

    Raises:
        InputError: A folder holds no export of the period, or too many files.
    """
    chosen = ChosenExports([], {}, (), ())
    for source in sources:
        if isinstance(source, Path) and source.is_dir():
            found = _choose_from_folder(source, read, first, last)
            chosen = ChosenExports(
                chosen.sources + found.sources,
                chosen.left_out | found.left_out,
                chosen.notices + found.notices,
                chosen.gaps + found.gaps,
            )
        else:
            chosen.sources.append(source)
    return chosen


def list_folder_files(folder: Path) -> list[Path]:
    """Return the files in a folder that may be exports: not hidden, and not Excel's lock files.

    Raises:
        InputError: There are too many.
    """
    files = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith((".", "~$")) and not path.is_dir()
    ]
    if len(files) > MAX_FILES:
        raise InputError(
            f"{folder} holds {format_count(len(files), 'file')}, more than the {MAX_FILES} in which "
            "exports are looked for. Name the exports."
        )
    return files


def _choose_from_folder(
    folder: Path, read: ReadExports, first: date | None, last: date | None
) -> ChosenExports:
    left_out: dict[str, str] = {}
    gaps: list[Gap] = []
    taken: list[_Export] = []
    empty: list[tuple[int, int] | None] = []
    files = list_folder_files(folder)
    for path in files:
        reason = _find_reason_unread(path, first)
        if reason:
            left_out[path.name] = reason
            continue
        try:
            read_orders = read([path]).orders
        except EmptyTableError:
            left_out[path.name] = _NO_ORDER
            empty.append(_read_named_days(path))
            continue
        except SourceError as error:
            reason = str(error).removeprefix(f"{path.name}: ")
            left_out[path.name] = reason
            if not _is_of_another_kind(path):
                gaps.append(_describe_unreadable(path, folder, reason))
            continue
        export = _Export(path, read_orders, _read_named_days(path))
        if not len(read_orders):
            # Every row was rejected, and any of them may be of the period.
            gaps.append(_describe_unreadable(path, folder, "no row of it can be used"))
            left_out[path.name] = _NO_ORDER
        elif _has_order_between(read_orders, first, last):
            taken.append(export)
        else:
            left_out[path.name] = _describe_other_days(read_orders)
    if not taken:
        raise InputError(_describe_none(folder, left_out, first, last))
    gaps += [_describe_days(days, folder) for days in _find_uncovered(taken, empty, first, last)]
    names = ", ".join(export.path.name for export in taken)
    notice = f"Exports from the folder {folder.name}: {names}.{_describe_left_out(left_out)}"
    return ChosenExports([export.path for export in taken], left_out, (notice,), tuple(gaps))


def _find_reason_unread(path: Path, first: date | None) -> str:
    """Return why a file need not be read; "" if it must be."""
    if path.suffix.lower() not in TABLE_SUFFIXES:
        return "it is not a table"
    try:
        changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).date()
    except OSError:
        return ""
    # An export holds no orders of later days. One day more, because of the time zones.
    if first is not None and changed < first - timedelta(days=1):
        return f"it was made on {changed}, before the period"
    return ""


def _is_of_another_kind(path: Path) -> bool:
    """Return whether a file is known to be something else than an order export."""
    try:
        if looks_like_report(path):
            return True
        return preview_file(path, None, ()).orders is None
    except SourceError:
        return False


def _read_named_days(path: Path) -> tuple[int, int] | None:
    """Return the days that the name of an export states, as far as they were over when it was made."""
    days = []
    for match in _DATE.finditer(path.stem):
        try:
            days.append(date(*(int(part) for part in match.groups())))
        except ValueError:
            continue
    if len(days) not in (1, 2):
        return None
    made = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).date()
    first, last = min(days), min(max(days), made - timedelta(days=1))
    return (to_day_number(first), to_day_number(last)) if first <= last else None


def _has_order_between(orders: pl.DataFrame, first: date | None, last: date | None) -> bool:
    day = pl.col("ordered_day")
    is_inside = pl.lit(True)
    if first is not None:
        is_inside &= day >= to_day_number(first)
    if last is not None:
        is_inside &= day <= to_day_number(last)
    # An order without a day may be of any period.
    return not orders.filter(is_inside | day.is_null()).is_empty()


def _find_uncovered(
    taken: Sequence[_Export],
    empty: Sequence[tuple[int, int] | None],
    first: date | None,
    last: date | None,
) -> Iterator[tuple[str, date, date, bool]]:
    """Yield sales unit, first and last of the days between two exports that no export covers.

    Days before the first and after the last order are found by `find_missing_days`. A gap that is not
    longer than the days without an order inside an export, or than every gap between the exports, is a
    habit of the shop: it is closed then.
    """
    msns = sorted({msn for export in taken for msn in export.orders["msn"].unique()})
    named_empty = [days for days in empty if days is not None]
    for msn in msns:
        spans: list[tuple[int, int]] = list(named_empty)
        quiet = 0
        for export in taken:
            own = export.orders.filter(pl.col("msn") == msn)["ordered_day"].drop_nulls()
            days = own.unique().sort().to_list()
            if days:
                spans.append((days[0], days[-1]))
                spans += [export.named_days] if export.named_days else []
                quiet = max([quiet, *(b - a - 1 for a, b in pairwise(days))])
        gaps = list(_find_gaps_between(spans))
        boundaries = len(spans) - 1
        if len(gaps) == boundaries >= MIN_BOUNDARIES:
            quiet = max(quiet, min(b - a + 1 for a, b in gaps))
        for start, end in gaps:
            if end - start + 1 <= quiet:
                continue
            start = start if first is None else max(start, to_day_number(first))  # noqa: PLW2901
            end = end if last is None else min(end, to_day_number(last))  # noqa: PLW2901
            if start <= end:
                yield msn, to_date(start), to_date(end), len(msns) == 1


def _find_gaps_between(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield first and last of the days between spans of days.

    >>> list(_find_gaps_between([(1, 3), (2, 4), (7, 9)]))
    [(5, 6)]
    """
    reached = None
    for start, end in sorted(spans):
        if reached is not None and start > reached + 1:
            yield reached + 1, start - 1
        reached = end if reached is None else max(reached, end)


def _describe_days(gap: tuple[str, date, date, bool], folder: Path) -> Gap:
    msn, first, last, only_unit = gap
    days = f"{first}" if first == last else f"{first} to {last}"
    unit = "" if only_unit else f" for sales unit {msn}"
    clause = f"no export covers {days}{unit}"
    return Gap(
        clause,
        f"Orders may be missing: {clause}, so there is no verdict. Put the export of those days into "
        f"the folder {folder.name}. If nothing was sold, state the days in the name of an export, such "
        f"as orders_{first}_{last}.csv, or name the exports in place of the folder.",
    )


def _describe_unreadable(path: Path, folder: Path, reason: str) -> Gap:
    return Gap(
        f"{path.name} could not be read",
        f"{path.name} in the folder {folder.name} could not be read, and may hold orders of the period "
        f"({reason}). Replace it, or move it out of the folder if it is not an export.",
    )


def _describe_other_days(orders: pl.DataFrame) -> str:
    days = orders["ordered_day"].drop_nulls().sort()
    first, last = to_date(days[0]), to_date(days[-1])
    return (
        f"its orders are from {first} to {last}"
        if first != last
        else f"its orders are from {first}"
    )


def _describe_left_out(left_out: dict[str, str]) -> str:
    if not left_out:
        return ""
    named = [f"{name} ({reason})" for name, reason in list(left_out.items())[:MAX_NAMED]]
    more = len(left_out) - len(named)
    named += [f"and {more} more"] if more else []
    return f" Left out: {', '.join(named)}."


def _describe_none(
    folder: Path, left_out: dict[str, str], first: date | None, last: date | None
) -> str:
    period = f" of {first or '…'} to {last or '…'}" if first or last else ""
    found = _describe_left_out(left_out) or " It holds no file."
    return f"{folder}: there is no order export{period} in this folder.{found}"
