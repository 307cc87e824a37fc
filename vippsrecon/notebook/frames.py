"""Convert result frames for further work in pandas and Excel.

Frames of this package have amounts in minor units, aware UTC times and Arrow types, so that nothing
is lost. These functions make copies for people: `Decimal` amounts, local times, the types that
`pandas.read_csv` gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

from vippsrecon.config.settings import SalesUnit
from vippsrecon.config.validation import check_timezone
from vippsrecon.errors import InputError
from vippsrecon.money import LARGEST_MINOR, to_major
from vippsrecon.schemas import to_pandas
from vippsrecon.schemas.user_frames import is_missing
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY, ZONE_OF_MARKET

_MINOR = "_minor"
_NUMBER = r"0|[1-9][0-9]{0,14}"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def in_major(frame: Any) -> pd.DataFrame:
    """Return a copy with amounts in major units: `captured` as `Decimal` in place of `captured_minor`.

    Each amount is exact and in the currency of its row. `proposal_minor` becomes `proposal_amount`,
    because there is a column `proposal`; the same for any other name that is taken. Unknown amounts stay unknown (None). The
    other columns get pandas' usual types; `order_number` becomes numbers if `read_csv` would read
    them so, so that the frame can be merged with a file of the shop.

    Args:
        frame: A frame with `_minor` columns, and `currency` as a column or an index level (pandas,
            Polars or Arrow). Not changed.

    Raises:
        InputError: There is no currency, an amount is not whole, or the new names are taken.

    >>> paid = pd.DataFrame({"currency": ["NOK", "EUR"], "captured_minor": [49950, None]})
    >>> in_major(paid)["captured"].tolist()
    [Decimal('499.50'), None]
    """
    plain = convert_to_plain(frame)
    return _replace_amounts(plain, to_major)


def local_time(frame: Any, zone: str | Sequence[SalesUnit] | None = None) -> pd.DataFrame:
    """Return a copy with local times without a zone, which Excel and `.dt.to_period` need.

    Days become times at midnight. The hour that is repeated in autumn can no longer be told apart
    from the hour before it.

    Args:
        frame: A frame with aware times (pandas, Polars or Arrow). Not changed.
        zone: A time zone such as "Europe/Oslo", or the sales units, whose zones are then used by
            `msn` (`settings.units`); None: the zone of each row's currency.

    Raises:
        InputError: The zone is not known, or cannot be found for a row.

    >>> paid = pd.DataFrame({"captured_at": pd.to_datetime(["2026-10-31T23:30:00Z"])})
    >>> local_time(paid, "Europe/Oslo")["captured_at"].dt.to_period("M").tolist()
    [Period('2026-11', 'M')]
    """
    plain = convert_to_plain(frame)
    aware = [name for name in plain.columns if isinstance(plain[name].dtype, pd.DatetimeTZDtype)]
    zones = _find_zones(plain, zone) if aware else None
    for name in aware:
        plain[name] = _localize(plain[name], zones)
    return plain


def for_excel(frame: Any, zone: str | Sequence[SalesUnit] | None = None) -> pd.DataFrame:
    """Return a copy that `to_excel` writes as people expect: amounts as numbers, local times.

    Amounts are in major units, as the numbers that cells of a workbook hold: exact to fifteen
    digits. Calculate with `in_major` instead. A text that Excel would take for a formula gets an
    apostrophe in front.

    Args:
        frame: As for `in_major`.
        zone: As for `local_time`.

    Raises:
        InputError: As for `in_major` and `local_time`, or an amount has more than fifteen digits.

    >>> paid = pd.DataFrame({"currency": ["NOK"], "total_minor": [49950], "note": ["=1+1"]})
    >>> for_excel(paid).to_csv(index=False).splitlines()
    ['currency,total,note', "NOK,499.5,'=1+1"]
    """
    plain = local_time(frame, zone)
    cells = _replace_amounts(plain, _convert_to_cell)
    for name in _list_dates(frame):
        cells[name] = cells[name].dt.date
    for name in cells.columns:
        if _holds_text(cells[name]):
            cells[name] = [_escape_formula(value) for value in cells[name]]
    return cells


def _list_dates(frame: Any) -> list[str]:
    """Return the columns that hold days, which Excel shows without a time of day."""
    types = _to_pandas(frame).dtypes.items()
    return [
        str(name)
        for name, dtype in types
        if isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("date")
    ]


def convert_to_plain(frame: Any) -> pd.DataFrame:
    """Return a pandas copy with the types that `read_csv` gives, and times in microseconds."""
    frame = _to_pandas(frame)
    plain = pd.DataFrame(
        {name: _convert_column(frame[name]) for name in frame.columns}, index=frame.index
    )
    if "order_number" in plain.columns:
        plain["order_number"] = _convert_numbers(plain["order_number"])
    return plain


def _to_pandas(frame: Any) -> pd.DataFrame:
    if isinstance(frame, pa.Table | pl.DataFrame):
        return to_pandas(frame)
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"a {type(frame).__name__} is not a frame of pandas, Polars or Arrow")
    return frame


def _convert_column(column: pd.Series[Any]) -> pd.Series[Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return column.astype("datetime64[us, UTC]")
    if not isinstance(dtype, pd.ArrowDtype):
        return column.copy()
    is_known = not column.isna().any()
    if dtype.kind == "M":
        is_aware = getattr(dtype.pyarrow_dtype, "tz", None) is not None
        name = "datetime64[us, UTC]" if is_aware else "datetime64[us]"
    elif dtype.kind in "iu":
        name = "int64" if is_known else "Int64"
    elif dtype.kind == "b":
        name = "bool" if is_known else "boolean"
    elif dtype.kind == "f":
        name = "float64"
    else:
        values = [None if is_missing(value) else value for value in column]
        return pd.Series(values, index=column.index, dtype=None if any(values) else "object")
    return column.astype(name)  # type: ignore[call-overload, no-any-return]


def _convert_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers if every known value is one as a number is written, else the column."""
    known = column.dropna()
    if known.empty or not known.astype("str").str.fullmatch(_NUMBER).all():
        return column
    numbers = pd.Series(
        [None if is_missing(value) else int(value) for value in column],
        index=column.index,
        dtype="Int64",
    )
    return numbers if len(known) < len(column) else numbers.astype("int64")


def _replace_amounts(plain: pd.DataFrame, convert: Any) -> pd.DataFrame:
    names = [name for name in plain.columns if isinstance(name, str) and name.endswith(_MINOR)]
    if not names:
        return plain
    currencies = list_labels(plain, "currency")
    if currencies is None:
        raise InputError(
            f"the frame has {names[0]}, and neither a column nor an index level currency. Keep the "
            "currency: without it an amount has no major units"
        )
    for name in names:
        plain[name] = pd.Series(
            [
                None if is_missing(minor) else convert(_check_minor(minor, name), currency)
                for minor, currency in zip(plain[name], currencies, strict=True)
            ],
            index=plain.index,
            dtype="float64" if convert is _convert_to_cell else "object",
        )
    return plain.rename(columns={name: _name_major(name, plain.columns) for name in names})


def _name_major(name: str, columns: Iterable[Any]) -> str:
    taken = set(columns)
    major = name.removesuffix(_MINOR)
    if major not in taken:
        return major
    # `proposal_minor` is the amount of the column `proposal`.
    if f"{major}_amount" in taken:
        raise InputError(f"the frame has {name}, {major} and {major}_amount. Drop or rename one")
    return f"{major}_amount"


def _check_minor(minor: Any, name: str) -> int:
    if minor != int(minor):
        raise InputError(f"{name} {minor} is not a whole number of minor units")
    return int(minor)


def _convert_to_cell(minor: int, currency: str) -> float:
    if abs(minor) > LARGEST_MINOR:
        raise InputError(
            f"amount {to_major(minor, currency)} has more digits than Excel stores (15)"
        )
    return float(to_major(minor, currency))


def list_labels(frame: pd.DataFrame, name: str) -> Iterable[Any] | None:
    """Return the values of a column, or of an index level after a groupby; None if there is neither."""
    if name in frame.columns:
        return frame[name]
    return frame.index.get_level_values(name) if name in frame.index.names else None


def _find_zones(frame: pd.DataFrame, zone: str | Sequence[SalesUnit] | None) -> pd.Series[Any]:
    if isinstance(zone, str):
        try:
            check_timezone(zone)
        except ValueError as error:
            raise InputError(f"zone {error}") from None
        return pd.Series(zone, index=range(len(frame)), dtype="object")
    column = "currency" if zone is None else "msn"
    by_label = (
        {currency: ZONE_OF_MARKET[market] for currency, market in MARKET_OF_CURRENCY.items()}
        if zone is None
        else {unit.msn: unit.zone for unit in zone}
    )
    labels = list_labels(frame, column)
    if labels is None:
        raise InputError(
            f"the frame has no {column}, which says the time zone. Give one: zone='Europe/Oslo'"
        )
    unknown = {str(label) for label in labels} - {*by_label}
    if unknown:
        raise InputError(
            f"no time zone is known for {column} {', '.join(sorted(unknown))}. Give one: "
            "zone='Europe/Oslo'"
        )
    return pd.Series([by_label[label] for label in labels], dtype="object")


def _localize(times: pd.Series[Any], zones: Any) -> pd.Series[Any]:
    local = pd.Series(pd.NaT, index=range(len(times)), dtype="datetime64[us]")
    by_place = times.reset_index(drop=True)
    for zone, places in zones.groupby(zones).groups.items():
        local.loc[places] = by_place.loc[places].dt.tz_convert(zone).dt.tz_localize(None)
    return local.set_axis(times.index)


def _holds_text(column: pd.Series[Any]) -> bool:
    return any(isinstance(value, str) for value in column)


def _escape_formula(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return None if is_missing(value) else value
