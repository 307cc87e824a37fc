"""Read orders from a user's own frame, as an export in the plain form is read.

A frame has `reference`, `currency` and `total`, or amounts in minor units as `total_minor`; all else
may be absent. Headings of a known shop's export are recognised too. Values become the text that a
file would hold, so a frame and a file of the same orders give the same result.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl

from vippsrecon.errors import InputError, SourceError
from vippsrecon.schemas.user_frames import is_missing
from vippsrecon.sources.files.headings import normalize_heading
from vippsrecon.sources.files.table import MARKS, NATIVE_MARK, Record, Table
from vippsrecon.sources.files.workbook.cell_texts import format_cell
from vippsrecon.sources.orders import profiles
from vippsrecon.sources.orders.profiles import Profile

MINOR_HEADINGS = {"total": "total_minor", "refunded": "refunded_minor", "vat": "vat_minor"}
"""Field to the heading of its amounts in minor units."""

_NEEDED = (
    "A frame of orders needs the columns reference, currency and total (or total_minor, in minor "
    "units). Rename the columns, or name the shop or a mapping"
)


@dataclass(frozen=True)
class OrderFrame:
    """A user's frame of orders.

    Attributes:
        name: What errors and `source_file` call it, such as "frame".
        data: The frame.
    """

    name: str
    data: nw.DataFrame[Any]

    @property
    def headings(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(str(name) for name in self.data.columns)

    def open_table(self) -> Table:
        """Return the frame as a table of text; its rows count from 1."""
        minor = frozenset(map(normalize_heading, MINOR_HEADINGS.values()))
        return Table(
            self.name, "frame", "", self.headings, self._read_records, minor_headings=minor
        )

    def choose_profile(self, profile: Profile | None) -> Profile:
        """Return the profile that fits the columns, completed by those in minor units.

        Raises:
            SourceError: No profile fits, or an amount is given both in major and minor units.
        """
        if {"source_file", "source_row"} <= {*self.headings}:
            raise SourceError(
                "it was made by read_orders and is read already. Give it to reconcile(), or read "
                "the files again",
                file=self.name,
            )
        plain = _add_minor_columns(profiles.get_profile("plain"))
        if profile is None and plain.find_missing_fields(self.headings):
            profile = self._recognize_shop()
        chosen = plain if profile is None else _add_minor_columns(profile)
        places = chosen.places(self.headings)
        for field, heading in MINOR_HEADINGS.items():
            named = [self.headings[place] for place in places.get(field, ())]
            if len(named) > 1 and heading in map(normalize_heading, named):
                raise SourceError(
                    f"the columns {' and '.join(named)} hold the same amount; keep one of them",
                    file=self.name,
                )
        missing = chosen.find_missing_fields(self.headings)
        if missing:
            raise SourceError(
                f"it has no column {' and '.join(missing)}. {_NEEDED}", file=self.name
            )
        return chosen

    def compute_sha256(self) -> str:
        """Return a hash of the headings and values, the same for pandas, Polars and Arrow."""
        digest = hashlib.sha256(repr(self.headings).encode())
        for column in self._texts:
            digest.update(pl.DataFrame({"c": column}).write_csv(include_header=False).encode())
        return digest.hexdigest()

    def _recognize_shop(self) -> Profile:
        try:
            return profiles.recognize_profile(self.headings, self.name)
        except SourceError:
            shown = ", ".join(self.headings[:12])
            raise SourceError(
                f"its columns ({shown}) are not those of orders. {_NEEDED}", file=self.name
            ) from None

    @cached_property
    def _texts(self) -> list[pl.Series]:
        columns = (self.data[:, place].to_list() for place in range(len(self.headings)))
        return [format_column(column) for column in columns]

    def _read_records(self, places: Sequence[int]) -> Iterator[Record]:
        chosen = [self._texts[place] for place in places]
        filled = pl.select(
            pl.any_horizontal([pl.lit(column) != "" for column in self._texts])
        ).to_series()
        rows = zip(*chosen, strict=True) if chosen else iter([()] * len(self.data))
        for number, (cells, has_values) in enumerate(zip(rows, filled, strict=True), start=1):
            if has_values:
                yield Record(number, cells, None)


def format_column(values: Sequence[Any]) -> pl.Series:
    r"""Format the values of a column as cells of a table.

    A column of times that are all at midnight without a zone holds days: pandas has no other way to
    store them.

    >>> format_column([Decimal("499.50"), 12, 0.1 + 0.2, None, "7,5"]).to_list()
    ['\x01499.5', '\x0112', '\x010.30000000000000004', '', '7,5']
    >>> format_column([dt.datetime(2026, 10, 31)]).to_list()
    ['\x012026-10-31']
    """
    times = [value for value in values if isinstance(value, dt.datetime) and not is_missing(value)]
    are_days = all(time.tzinfo is None and time.time() == dt.time.min for time in times)
    return pl.Series([_format_value(value, are_days) for value in values], dtype=pl.String)


def _format_value(value: Any, are_days: bool) -> str:
    if isinstance(value, str):
        return str(value).lstrip(MARKS)
    if is_missing(value):
        return ""
    if isinstance(value, dt.datetime):
        return f"{NATIVE_MARK}{value.date().isoformat() if are_days else value.isoformat()}"
    if isinstance(value, Decimal):
        return NATIVE_MARK + _format_decimal(value)
    return format_cell(_to_python(value))


def _format_decimal(value: Decimal) -> str:
    # Polars and Arrow give all values of a column the same number of decimals.
    digits = f"{value:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _to_python(value: Any) -> Any:
    """Return NumPy's booleans and numbers as Python's, other values unchanged."""
    if type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _add_minor_columns(profile: Profile) -> Profile:
    columns = {
        field: (*profile.columns.get(field, ()), heading)
        for field, heading in MINOR_HEADINGS.items()
    }
    return replace(profile, columns={**profile.columns, **columns})


def name_frames(frames: Sequence[Any]) -> list[OrderFrame]:
    """Wrap frames with names: "frame", or "frame 1", "frame 2" if there are several.

    Raises:
        InputError: A frame has no rows.
    """
    named = []
    for number, data in enumerate(frames, start=1):
        name = "frame" if len(frames) == 1 else f"frame {number}"
        if not len(data):
            raise InputError(f"{name}: it has no rows")
        named.append(OrderFrame(name, data))
    return named
