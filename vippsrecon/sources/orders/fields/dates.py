"""Convert dates and times of files to UTC, by the profile's patterns.

A pattern is written with the directives of `strptime`, and brackets around what may be absent:
`%Y-%m-%d[ %H:%M[:%S]][ %z]`. A space in a pattern also matches `T`, a comma, or nothing
before an offset. Directives: Y m d (four, one or two, one or two digits), H or I with p,
M, S, f, b (a month's name or its first three letters), z (`Z`, `+01:00`, `-0500`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from vippsrecon.dates import OFFSET_PATTERN
from vippsrecon.errors import ConfigurationError
from vippsrecon.sources.files.table import NATIVE_MARK

ISO_PATTERN = "%Y-%m-%d[ %H:%M[:%S[.%f]]][ %z]"

_DIRECTIVE_PATTERNS = {
    "Y": r"(?P<year>20[0-9]{2})",
    "m": r"(?P<month>[0-9]{1,2})",
    "d": r"(?P<day>[0-9]{1,2})",
    "H": r"(?P<hour>[0-9]{1,2})",
    "I": r"(?P<hour>[0-9]{1,2})",
    "M": r"(?P<minute>[0-9]{2})",
    "S": r"(?P<second>[0-9]{2})",
    "f": r"(?P<fraction>[0-9]{1,9})",
    "p": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "b": r"(?P<name>\p{L}{3,12})\.?",
    "z": r"(?P<offset>[Zz]|(?:UTC|GMT)|[+-][0-9]{2}:?[0-9]{2})",
}
_PART_NAMES = (
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "fraction",
    "half",
    "name",
    "offset",
)

# First three letters in English, Norwegian, Danish, Swedish, German; Finnish months are words
# of their own. Where two languages share the letters they mean the same month.
_MONTH_OF_NAME = {
    name: number
    for number, names in enumerate(
        (
            "jan tam", "feb hel", "mar mär maa", "apr huh", "may mai maj tou", "jun kes",
            "jul hei", "aug elo", "sep syy", "oct okt lok", "nov mar", "dec des dez jou",
        ),
        start=1,
    )
    for name in names.split()
    if (number, name) != (11, "mar")
}  # fmt: skip


class ParsedTimes(NamedTuple):
    """A parsed column of times: UTC times, local day numbers, and two facts about each cell.

    `unreadable` cells cannot be read as a time; `whole_day` cells are a day without a time.
    """

    at: pl.Series
    day: pl.Series
    unreadable: pl.Series
    whole_day: pl.Series


def parse_times(
    text: pl.Series,
    zones: pl.Series,
    patterns: Sequence[str],
    written_in: str = "",
    *,
    end_of_day: bool = False,
) -> ParsedTimes:
    """Parse a column of times; a time without offset is in the row's zone.

    In the repeated hour in autumn the first is used; a time skipped in spring is read as if the
    clocks had not changed yet. A date without a time means midnight, or the last microsecond of that
    day.

    Args:
        text: Cells; empty ones have no time and are not unreadable.
        zones: The sales unit's zone of each row.
        patterns: Tried in order on cells that earlier ones did not match.
        written_in: Zone of times without offset, if it is not the row's.
        end_of_day: Whether a date without a time means the end of the day.

    >>> cells = pl.Series(["2026-10-25 02:30", "2025-12-06 10:37:33 -0500", "31.02.2026"])
    >>> read = parse_times(cells, pl.Series(["Europe/Oslo"] * 3), [ISO_PATTERN, "%d.%m.%Y"])
    >>> [str(at) for at in read.at]
    ['2026-10-25 00:30:00+00:00', '2025-12-06 15:37:33+00:00', 'None']
    >>> read.unreadable.to_list()
    [False, False, True]
    """
    bare = text.str.strip_prefix("'")
    frame = pl.DataFrame({"zone": zones, "text": bare.str.strip_prefix(NATIVE_MARK)})
    local, offset, whole_day = _parse_local_times(
        frame, bare.str.starts_with(NATIVE_MARK), patterns
    )
    if end_of_day:
        last = pl.duration(days=1) - pl.duration(microseconds=1)
        local = pl.select(pl.when(whole_day).then(local + last).otherwise(local)).to_series()
    frame = frame.with_columns(local=local, offset=offset)
    names = [zone for zone in frame["zone"].unique(maintain_order=True) if zone is not None]
    by_zone = [
        pl.when(pl.col("zone") == name).then(_convert_to_utc(pl.col("local"), name))
        for name in names
    ]
    read = frame.with_columns(
        at=pl.when(pl.col("offset").is_not_null())
        .then((pl.col("local") - pl.duration(minutes="offset")).dt.replace_time_zone("UTC"))
        .otherwise(
            _convert_to_utc(pl.col("local"), written_in)
            if written_in
            else pl.coalesce([*by_zone, pl.lit(None, pl.Datetime("us", "UTC"))])
        )
    )
    days = [
        pl.when(pl.col("zone") == name).then(
            pl.col("at").dt.convert_time_zone(name).dt.date().cast(pl.Int32).cast(pl.Int64)
        )
        for name in names
    ]
    read = read.select(
        at="at",
        day=pl.coalesce([*days, pl.lit(None, pl.Int64)]),
        unreadable=(pl.col("text") != "") & pl.col("at").is_null(),
    )
    return ParsedTimes(
        read["at"], read["day"], read["unreadable"], whole_day & read["at"].is_not_null()
    )


def build_date_regex(pattern: str) -> str:
    """Build the regular expression of a date pattern.

    Raises:
        ConfigurationError: A directive is unknown or repeated, or a bracket is not closed.

    >>> bool(re.match(build_date_regex("%d.%m.%Y[ %H:%M]"), "31.01.2026 09:12"))
    True
    """
    if pattern.count("[") != pattern.count("]") or "%Y" not in pattern:
        raise ConfigurationError(f"the date pattern {pattern!r} lacks %Y or a bracket's partner")
    parts = []
    position = 0
    fields_used: set[str] = set()
    while position < len(pattern):
        letter = pattern[position]
        if letter == "%":
            position += 1
            directive = pattern[position : position + 1]
            group = _DIRECTIVE_PATTERNS.get(directive)
            name = re.findall(r"<(\w+)>", group)[0] if group else directive
            if group is None or name in fields_used:
                raise ConfigurationError(
                    f"the date pattern {pattern!r} has %{directive}, unknown or a second time"
                )
            fields_used.add(name)
            parts.append(group)
        elif letter == " ":
            parts.append(
                r"[\sT,\x{a0}\x{202f}]*"
                if "%z" in pattern[position : position + 4]
                else r"[\sT,\x{a0}\x{202f}]+"
            )
        else:
            parts.append({"[": "(?:", "]": ")?"}.get(letter, re.escape(letter)))
        position += 1
    return ("^" + "".join(parts) + "$").replace(r"\x{a0}", "\u00a0").replace(r"\x{202f}", "\u202f")


def find_month_number(name: str) -> int | None:
    """Return the month of a name or its abbreviation, in any known language.

    >>> find_month_number("Oktober"), find_month_number("maaliskuu"), find_month_number("Monday")
    (10, 3, None)
    """
    lowered = name.casefold()
    if lowered.startswith("marras"):
        return 11
    return _MONTH_OF_NAME.get(lowered[:3])


def _parse_local_times(
    frame: pl.DataFrame, native: pl.Series, patterns: Sequence[str]
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return each cell's local time, its offset in minutes if any, and whether it is a day only."""
    whole_day = pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
    local = pl.Series("local", [None], dtype=pl.Datetime("us")).new_from_index(0, frame.height)
    offset = pl.Series("offset", [None], dtype=pl.Int64).new_from_index(0, frame.height)
    for place, pattern in enumerate([ISO_PATTERN, *patterns]):
        # The first pass is for cells that are dates in the workbook itself.
        open_cells = frame["text"] != ""
        open_cells &= (native if place == 0 else ~native) & local.is_null()
        if not open_cells.any():
            continue
        parsed = _parse_with_pattern(
            frame["text"].set(~open_cells, None), build_date_regex(pattern)
        )
        whole_day |= parsed["local"].is_not_null() & ~parsed["has_time"]
        local = local.zip_with(parsed["local"].is_null(), parsed["local"])
        offset = offset.zip_with(parsed["offset"].is_null(), parsed["offset"])
    return local, offset, whole_day


def _parse_with_pattern(text: pl.Series, expression: str) -> pl.DataFrame:
    parts = (
        text.to_frame("text")
        .select(pl.col("text").str.extract_groups(expression).alias("parts"))
        .unnest("parts")
    )
    missing: Mapping[str, pl.Expr] = {
        name: pl.lit(None, pl.String).alias(name)
        for name in _PART_NAMES
        if name not in parts.columns
    }
    parts = parts.with_columns(*missing.values())
    if "name" not in missing:
        names = {name: find_month_number(name) for name in parts["name"].drop_nulls().unique()}
        numbers = {name: str(number or 0) for name, number in names.items()}
        parts = parts.with_columns(
            month=pl.col("name").replace_strict(numbers, default=None, return_dtype=pl.String)
        )
    hour = pl.col("hour").fill_null("0").cast(pl.Int64)
    half = pl.col("half").str.to_lowercase().str.slice(0, 1)
    clock = (
        pl.when(half.is_null())
        .then(hour)
        .when(hour.is_between(1, 12))
        .then(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
        .otherwise(99)
    )
    written = pl.format(
        "{}-{}-{}T{}:{}:{}.{}",
        "year",
        pl.col("month").str.zfill(2),
        pl.col("day").str.zfill(2),
        clock.cast(pl.String).str.zfill(2),
        pl.col("minute").fill_null("00"),
        pl.col("second").fill_null("00"),
        pl.col("fraction").fill_null("0").str.slice(0, 6).str.pad_end(6, "0"),
    )
    zone = pl.col("offset")
    signed = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + zone.str.slice(-2).cast(
        pl.Int64, strict=False
    )
    # A time whose offset no place has is unreadable: the days would be wrong.
    real = zone.is_null() | ~zone.str.contains(r"^[+-]") | zone.str.contains(f"^{OFFSET_PATTERN}$")
    return parts.select(
        local=pl.when(real).then(
            written.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f", strict=False, time_unit="us")
        ),
        offset=pl.when(zone.str.contains(r"^[+-]"))
        .then(signed * minutes)
        .when(zone.is_not_null())
        .then(0),
        has_time=pl.col("hour").is_not_null(),
    )


def _convert_to_utc(local: pl.Expr, zone: str) -> pl.Expr:
    def utc(time: pl.Expr) -> pl.Expr:
        local_times = time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return local_times.dt.convert_time_zone("UTC")

    hour = pl.duration(hours=1)
    return pl.coalesce(utc(local), utc(local - hour) + hour)
