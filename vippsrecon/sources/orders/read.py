"""Read order exports: the frames, and a summary of each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import SalesUnit
from vippsrecon.dates import to_date
from vippsrecon.errors import InputError, SourceError
from vippsrecon.money import LARGEST_SUM
from vippsrecon.schemas.user_frames import wrap_frame, wrap_series
from vippsrecon.sources.files.detect import (
    compute_file_sha256,
)
from vippsrecon.sources.files.table import Table
from vippsrecon.sources.input_paths import refuse_repeated_names
from vippsrecon.sources.orders.notes import build_notes
from vippsrecon.sources.orders.open import choose_profile, open_with_profile, refuse_unusable_export
from vippsrecon.sources.orders.order_files import FileSummary, OrderFiles
from vippsrecon.sources.orders.order_frame import OrderFrame, name_frames
from vippsrecon.sources.orders.parse import FileContext, ParsedOrders, parse_orders
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.texts import say

if TYPE_CHECKING:
    import pandas as pd


def read_orders(
    paths: Any,
    *,
    shop: str | None = None,
    mapping: str | Path | None = None,
    units: Sequence[SalesUnit] = (),
    default_msn: str | None = None,
    exported_at: datetime | None = None,
) -> OrderFiles[pd.DataFrame]:
    """Read a shop's order exports, or orders that are in a frame.

    The headings identify the shop. A row that cannot be used becomes a reject; the other rows are
    read. Of exact duplicates in one file, one copy is kept. The same row in several files stays: it
    is one order, seen at several moments.

    A frame needs `reference`, `currency`, and `total` in major units (Decimal, text, whole numbers,
    floats that are exact to 15 digits) or `total_minor`. Everything else may be absent, as in the
    plain form of CSV. `source_row` counts its rows from 1: row n is `frame.iloc[n - 1]`.

    Args:
        paths: One or several files (CSV, XLSX, or JSON of WooCommerce's REST API) or frames
            (pandas, Polars or Arrow).
        shop: Name of a profile, if the headings are not enough or misleading.
        mapping: A TOML file that maps the columns (docs/order-exports.md).
        units: Configured sales units; they supply sales unit, currency and zone that a file
            lacks.
        default_msn: Sales unit of rows without one.
        exported_at: Time of the export, with time zone; None for each file's modification
            time, and for the present time for frames.

    Returns:
        Orders and rejects, both sorted by file and row, and one summary per file in the order of
        `paths`. `total_minor` is what Vipps MobilePay should collect, before refunds.

    Raises:
        SourceError: A file cannot be used; the sentence says why and what to do.
        ConfigurationError: The shop, the mapping or a zone is unknown.
    """
    read = read_order_files(
        list_sources(paths), choose_profile(shop, mapping), units, default_msn, exported_at
    )
    return OrderFiles(schemas.to_pandas(read.orders), schemas.to_pandas(read.rejects), read.files)


def read_order_files(
    files: Sequence[Path | OrderFrame],
    profile: Profile | None,
    units: Sequence[SalesUnit] = (),
    default_msn: str | None = None,
    exported_at: datetime | None = None,
    *,
    preview: bool = False,
) -> OrderFiles[pl.DataFrame]:
    """Read files as `read_orders` does, into Polars, with a given profile or by recognising each file.

    Args:
        files: Files and frames with different names, since rows are identified by file name and number.
        profile: None recognises each file.
        units: See `read_orders`.
        default_msn: See `read_orders`.
        exported_at: See `read_orders`.
        preview: Accept files without references or a currency, and say so in the notes.
    """
    refuse_repeated_names(files)
    if exported_at is not None and exported_at.tzinfo is None:
        raise InputError("exported_at has no time zone")
    read = []
    for path in files:
        table, chosen = open_with_profile(path, profile)
        refuse_unusable_export(table, chosen, preview=preview)
        export_time = exported_at or _find_export_time(path)
        file_context = FileContext(
            tuple(units), default_msn, export_time, "NOK" if preview else None
        )
        read.append((path, table, chosen, export_time, parse_orders(table, chosen, file_context)))
    orders, duplicates = _drop_duplicates(
        pl.concat([rows.orders for *_, rows in read]).with_columns(
            exported_at_guessed=pl.lit(exported_at is None)
            & ~pl.col("source_file").is_in(
                [source.name for source in files if isinstance(source, OrderFrame)]
            )
        )
    )
    rejects = pl.concat([*(rows.rejects for *_, rows in read), duplicates]).sort(
        "source_file", "source_row"
    )
    readings = tuple(
        _summarize_file(
            path,
            table,
            chosen,
            (export_time, _describe_origin(path, exported_at)),
            rows,
            orders=orders,
            rejects=rejects,
        )
        for path, table, chosen, export_time, rows in read
    )
    return OrderFiles(
        schemas.cast_to_schema(orders, schemas.ORDERS),
        schemas.cast_to_schema(rejects, schemas.REJECTS),
        readings,
    )


def list_sources(sources: Any) -> list[Path | OrderFrame]:
    """Return one file or frame, or several, as a list.

    Raises:
        InputError: None was given, or one is neither a path nor a frame.
    """
    if isinstance(sources, Mapping) or wrap_series(sources) is not None:
        raise InputError(
            f"orders are read from files and frames, and a {type(sources).__name__} is neither. "
            "Make a frame of it with the columns reference, currency and total"
        )
    is_single = not isinstance(sources, Iterable) or isinstance(sources, str | Path)
    is_single = is_single or wrap_frame(sources) is not None
    listed = [sources] if is_single else list(sources)
    if not listed:
        raise InputError("no file was named")
    wrapped = [wrap_frame(source) for source in listed]
    frames = iter(name_frames([frame for frame in wrapped if frame is not None]))
    return [
        _to_path(source) if frame is None else next(frames)
        for source, frame in zip(listed, wrapped, strict=True)
    ]


def _to_path(source: Any) -> Path:
    if not isinstance(source, str | Path):
        raise InputError(
            f"orders are read from files and frames, and a {type(source).__name__} is neither. "
            "Give a path, or a frame of pandas, Polars or Arrow"
        )
    return Path(source)


def _find_export_time(source: Path | OrderFrame) -> datetime:
    if isinstance(source, OrderFrame):
        return datetime.now(UTC).replace(microsecond=0)
    # Whole seconds, because file systems differ in finer precision.
    return datetime.fromtimestamp(int(source.stat().st_mtime), UTC)


def _describe_origin(source: Path | OrderFrame, exported_at: datetime | None) -> str:
    if exported_at is not None:
        return "argument"
    return "time of the call" if isinstance(source, OrderFrame) else "modification time"


def _drop_duplicates(orders: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the orders without exact duplicates in one file, and the duplicates as rejects.

    The first in the file is kept.
    """
    read = [name for name in orders.columns if name != "source_row"]
    ranked = orders.sort("source_file", "source_row")
    identified = pl.any_horizontal(pl.col("reference", "order_number").is_not_null())
    is_duplicate = identified & (pl.int_range(pl.len()).over(read) > 0)
    ranked = ranked.with_columns(duplicate=is_duplicate)
    duplicates = ranked.filter("duplicate").select(
        "source_file",
        "source_row",
        pl.lit(None, pl.String).alias("column"),
        pl.coalesce("reference", "order_number").alias("value"),
        pl.lit(say("reasons.duplicate_row")).alias("reason"),
    )
    return ranked.filter(~pl.col("duplicate")).drop("duplicate").sort(
        "source_file", "source_row"
    ), duplicates


def _summarize_file(
    source: Path | OrderFrame,
    table: Table,
    profile: Profile,
    export_time: tuple[datetime, str],
    rows: ParsedOrders,
    *,
    orders: pl.DataFrame,
    rejects: pl.DataFrame,
) -> FileSummary:
    own_orders = orders.filter(pl.col("source_file") == table.name)
    rejected = int((rejects["source_file"] == table.name).sum())
    days = [own_orders["ordered_day"].min(), own_orders["ordered_day"].max()]
    period = [to_date(day) for day in days if isinstance(day, int)]
    return FileSummary(
        name=table.name,
        sha256=source.compute_sha256()
        if isinstance(source, OrderFrame)
        else compute_file_sha256(source),
        kind="orders",
        format=profile.name,
        encoding=table.encoding,
        rows=own_orders.height + rejected + rows.continuations,
        orders=own_orders.height,
        rejected=rejected,
        continuations=rows.continuations,
        period=(period[0], period[1]) if period else None,
        totals=sum_by_currency(own_orders, table.name),
        exported_at=export_time[0],
        exported_at_from=export_time[1],
        msns=tuple(own_orders["msn"].unique().sort()),
        reference_column=rows.reference_column,
        notes=build_notes(table, profile, rows, own_orders, export_time[0]),
    )


def sum_by_currency(orders: pl.DataFrame, file: str) -> dict[str, dict[str, int | None]]:
    """Return the number of orders and their sums in minor units, by currency.

    Raises:
        SourceError: A sum has more than eighteen digits.
    """
    # As floats, because a sum of whole numbers would wrap before it can be compared.
    sums = orders.select(pl.col("total_minor", "refunded_minor").cast(pl.Float64).sum())
    if max(sums.row(0)) > LARGEST_SUM:
        raise SourceError(
            "its amounts add up to more than eighteen digits, which cannot be right; check them",
            file=file,
        )
    summed = orders.group_by("currency").agg(
        orders=pl.len(),
        total_minor=pl.col("total_minor").sum(),
        refunded_minor=pl.when(pl.col("refunded_minor").count() > 0).then(
            pl.col("refunded_minor").sum()
        ),
    )
    return {row.pop("currency"): row for row in summed.sort("currency").to_dicts()}
