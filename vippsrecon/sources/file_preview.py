"""Preview one file: what it is and how it is understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.sources.bank.csv.profiles import BankProfile
from vippsrecon.sources.bank.read import read_bank_file, summarize_file
from vippsrecon.sources.files.detect import (
    FileFormat,
    detect_file_type,
    explain_other_message,
    recognize_headings,
    recognize_xml,
)
from vippsrecon.sources.files.json_stream import recognize_json
from vippsrecon.sources.orders.open import open_table
from vippsrecon.sources.orders.order_files import FileSummary
from vippsrecon.sources.orders.order_frame import OrderFrame
from vippsrecon.sources.orders.profiles import Profile, load_builtin_profiles
from vippsrecon.sources.orders.read import read_order_files
from vippsrecon.sources.settlement.read import read_settlement_file, summarize_settlement
from vippsrecon.texts import say

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


def preview_file(
    path: Path | OrderFrame,
    profile: Profile | None,
    units: Sequence[SalesUnit],
    bank_profile: BankProfile | None = None,
) -> FilePreview:
    """Describe what one file or frame is and how it is understood.

    Args:
        path: The file, or the user's own frame.
        profile: The profile of an order export; None to recognize the file by its headings.
        units: The configured sales units. Without any, the notes name what is missing, and sums
            are shown as NOK.
        bank_profile: The user's mapping of a bank statement that no known form fits.

    Raises:
        SourceError: The file cannot be opened, is of no known kind, or is an export that lacks what
            reconciliation needs (the sentence names the right one).
    """
    if isinstance(path, OrderFrame):
        return _preview_orders(path, profile, units)
    form = detect_file_type(path)
    file_format = None
    rows = None
    if form == "xml":
        file_format = recognize_xml(path)
    elif form == "json":
        file_format = recognize_json(path)
    elif profile is None:
        table = open_table(path)
        file_format = recognize_headings(table.headings)
        if bank_profile is not None and (file_format is None or file_format.kind == "bank"):
            file_format = FileFormat("bank", bank_profile.name)
        rows = table.columns([]).height if file_format else None
    if file_format is None:
        return _preview_orders(path, profile, units)
    if file_format.kind == "bank":
        return FilePreview(_preview_bank(path, file_format, bank_profile), None)
    if file_format.kind == "settlement" and file_format.format != "mobilepay-transfers":
        return FilePreview(_preview_settlement(path), None)
    notes = [say("preview.is_plan" if file_format.kind == "plan" else "preview.not_read_yet")]
    entry = _build_entry(path, file_format.kind, file_format.format, rows, notes=notes)
    return FilePreview(entry, None)


def _preview_bank(
    path: Path, file_format: FileFormat, profile: BankProfile | None
) -> dict[str, Any]:
    other = explain_other_message(file_format)
    if other:
        notes = [f"{other[0].upper()}{other[1:]}."]
        return _build_entry(path, "bank", file_format.format, None, notes=notes)
    parsed = read_bank_file(path, profile)
    summary = summarize_file(path, parsed)
    return _build_entry(
        path,
        "bank",
        summary.format,
        summary.rows,
        period=[day.isoformat() for day in summary.period] if summary.period else None,
        totals=summary.totals,
        rejects=parsed.rejects.to_dicts(),
        notes=[*_describe_accounts(summary.accounts), *summary.notes],
    )


def _preview_settlement(path: Path) -> dict[str, Any]:
    parsed = read_settlement_file(path)
    summary = summarize_settlement(path, parsed)
    return _build_entry(
        path,
        "settlement",
        summary.format,
        summary.rows,
        period=[day.isoformat() for day in summary.period] if summary.period else None,
        totals=summary.totals,
        rejects=parsed.rejects.to_dicts(),
        notes=[*_describe_units(summary.msns), *summary.notes],
    )


def _describe_units(msns: Sequence[str]) -> list[str]:
    if not msns:
        return [say("preview.no_entry")]
    return [say("preview.sales_units", count=len(msns), msns=", ".join(msns))]


def _describe_accounts(accounts: Sequence[str]) -> list[str]:
    if not accounts:
        return [say("preview.unnamed_account")]
    return [say("preview.accounts", count=len(accounts), accounts=", ".join(accounts))]


def _preview_orders(
    path: Path | OrderFrame, profile: Profile | None, units: Sequence[SalesUnit]
) -> FilePreview:
    first = read_order_files([path], profile, units or (_PLACEHOLDER_UNIT,), preview=True)
    summary = first.files[0]
    entry = _build_entry(
        path,
        "orders",
        summary.format,
        summary.rows,
        period=[day.isoformat() for day in summary.period] if summary.period else None,
        totals=summary.totals,
        rejects=first.rejects.to_dicts(),
        notes=[
            *_describe_missing_settings(summary),
            *summary.notes,
            *_describe_order_link(summary, profile, units),
        ],
    )
    return FilePreview(entry, first.orders)


def _build_entry(
    path: Path | OrderFrame,
    kind: str,
    format_name: str,
    rows: int | None,
    *,
    period: list[str] | None = None,
    totals: Mapping[str, Mapping[str, Any]] | None = None,
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


def _describe_missing_settings(summary: FileSummary) -> list[str]:
    if _PLACEHOLDER_UNIT.msn in summary.msns:
        return [say("order_notes.no_sales_unit")]
    return []


def _describe_order_link(
    summary: FileSummary, profile: Profile | None, units: Sequence[SalesUnit]
) -> list[str]:
    """Say how `order_url` is set for this shop, if no sales unit of the file has it."""
    profile = profile or load_builtin_profiles().get(summary.format)
    if profile is None or not profile.order_url:
        return []
    if any(unit.order_url for unit in units if unit.msn in (summary.msns or [unit.msn])):
        return []
    return [say("order_notes.order_link", address=profile.order_url)]
