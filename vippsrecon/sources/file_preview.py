"""Preview files: what each file is and how it is understood."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.sources.files.detect import (
    FILE_KIND_NAMES,
    FileKind,
    detect_file_type,
    recognize_headings,
    recognize_json,
    recognize_xml,
)
from vippsrecon.sources.orders.open import choose_profile, open_table
from vippsrecon.sources.orders.order_files import FileSummary
from vippsrecon.sources.orders.order_frame import OrderFrame
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.sources.orders.read import list_sources, read_order_files
from vippsrecon.sources.orders.woocommerce_rest import read_json
from vippsrecon.sources.preview_result import Preview

_NOT_READ_YET = "This version recognises {} but does not read it yet."
_PLACEHOLDER_UNIT = SalesUnit("00000")
"""Placeholder while no sales unit is configured; a preview never shows it."""


class FilePreview(NamedTuple):
    """The preview of one file, and its orders.

    Attributes:
        entry: As `preview` returns it.
        orders: `schemas.ORDERS`; None where the file is not an order export.
    """

    entry: dict[str, Any]
    orders: pl.DataFrame | None


def preview(
    paths: Any,
    *,
    shop: str | None = None,
    mapping: str | Path | None = None,
    units: Sequence[SalesUnit] = (),
) -> Preview:
    """Describe what each file is and how it is understood, as `preview --json` prints it.

    No configuration is needed: if the file has no sales unit or currency, the notes say so, and
    sums are shown as NOK until it is configured.

    Each file is previewed on its own. `vippsrecon.preview` also compares them with each other.

    Args:
        paths: One or several files or frames, as `read_orders` takes them.
        shop: Name of a profile for all files, if the headings are not enough.
        mapping: A TOML file that maps the columns.
        units: The configured sales units.

    Returns:
        `{"files": [{"path", "kind", "format", "rows", "period", "totals", "rejects", "notes"}]}`,
        amounts in minor units; refunds are None if the file has none.

    Raises:
        SourceError: A file cannot be opened, is of no known kind, or is an export that lacks what
            reconciliation needs (the sentence names the right one). To preview the other files
            anyway, give one path at a time.
    """
    profile = choose_profile(shop, mapping)
    return Preview(files=[preview_file(path, profile, units).entry for path in list_sources(paths)])


def preview_file(
    path: Path | OrderFrame, profile: Profile | None, units: Sequence[SalesUnit]
) -> FilePreview:
    """Describe one file or frame, as `preview` does.

    Raises:
        SourceError: See `preview`.
    """
    if isinstance(path, OrderFrame):
        return _preview_orders(path, profile, units)
    form = detect_file_type(path)
    file_format = None
    rows = None
    if form == "xml":
        file_format = recognize_xml(path)
    elif form == "json":
        file_format = recognize_json(read_json(path))
    elif profile is None:
        table = open_table(path)
        file_format = recognize_headings(table.headings)
        rows = table.columns([]).height if file_format else None
    if file_format is not None:
        entry = _build_entry(
            path,
            file_format.kind,
            file_format.format,
            rows,
            notes=[_describe_unread_kind(file_format.kind)],
        )
        return FilePreview(entry, None)
    return _preview_orders(path, profile, units)


def _preview_orders(
    path: Path | OrderFrame, profile: Profile | None, units: Sequence[SalesUnit]
) -> FilePreview:
    first = read_order_files([path], profile, units or (_PLACEHOLDER_UNIT,), preview=True)
    reading = first.files[0]
    entry = _build_entry(
        path,
        "orders",
        reading.format,
        reading.rows,
        period=[day.isoformat() for day in reading.period] if reading.period else None,
        totals=reading.totals,
        rejects=first.rejects.to_dicts(),
        notes=[*_describe_missing_settings(reading), *reading.notes],
    )
    return FilePreview(entry, first.orders)


def _build_entry(
    path: Path | OrderFrame,
    kind: str,
    format_name: str,
    rows: int | None,
    *,
    period: list[str] | None = None,
    totals: dict[str, dict[str, int | None]] | None = None,
    rejects: list[dict[str, Any]] | None = None,
    notes: list[str],
) -> dict[str, Any]:
    return {
        "path": path.name if isinstance(path, OrderFrame) else str(path),
        "kind": kind,
        "format": format_name,
        "rows": rows,
        "period": period,
        "totals": totals or {},
        "rejects": rejects or [],
        "notes": notes,
    }


def _describe_missing_settings(reading: FileSummary) -> list[str]:
    if _PLACEHOLDER_UNIT.msn in reading.msns:
        return ["The file does not name its sales unit: set VIPPS_MSN before reconciling."]
    return []


def _describe_unread_kind(kind: FileKind) -> str:
    if kind == "plan":
        return "This is a plan: approve it with 'vippsrecon approve'."
    return _NOT_READ_YET.format(FILE_KIND_NAMES[kind])
