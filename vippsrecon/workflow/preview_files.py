"""Preview several files together: an order that two exports show is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import SalesUnit
from vippsrecon.reconciliation.engines.backends import collect_rows, prepare_frame
from vippsrecon.reconciliation.orders_payments.overlapping_exports import separate_superseded_rows
from vippsrecon.sources.bank.csv.profiles import (
    BankProfile,
    is_bank_mapping,
    read_bank_mapping,
)
from vippsrecon.sources.file_preview import preview_file
from vippsrecon.sources.orders.open import choose_profile
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.sources.orders.read import list_sources, sum_by_currency
from vippsrecon.sources.preview_result import Preview
from vippsrecon.texts import format_spaced_money, format_spaced_number, say

if TYPE_CHECKING:
    from vippsrecon.sources.file_preview import FilePreview


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

    The sums are those of the orders that count: where two exports show the same order, the row of
    the newer one is the order, and a note of the other file says how many rows it replaces.

    Args:
        paths: One or several files or frames, as `read_orders` takes them.
        shop: Name of a profile for all files, if the headings are not enough.
        mapping: A TOML file that maps the columns of order exports, or of bank statements if it
            says `kind = "bank"`.
        units: The configured sales units.

    Returns:
        `{"files": [{"path", "kind", "format", "rows", "period", "totals", "rejects", "notes"}]}`,
        amounts in minor units; refunds are None if the file has none.

    Raises:
        SourceError: A file cannot be opened, is of no known kind, or is an export that lacks what
            reconciliation needs (the sentence names the right one). To preview the other files
            anyway, give one path at a time.
    """
    profile, bank_profile = choose_mapping(shop, mapping)
    previews = [preview_file(path, profile, units, bank_profile) for path in list_sources(paths)]
    return Preview(files=exclude_superseded_rows(previews))


def choose_mapping(
    shop: str | None, mapping: str | Path | None
) -> tuple[Profile | None, BankProfile | None]:
    """Return the shop's profile and the bank's profile that the user chose; None recognises files.

    A mapping is for bank statements if it says `kind = "bank"`.
    """
    if mapping is not None and is_bank_mapping(Path(mapping)):
        return choose_profile(shop, None), read_bank_mapping(Path(mapping))
    return choose_profile(shop, mapping), None


def exclude_superseded_rows(previews: Sequence[FilePreview]) -> list[dict[str, Any]]:
    """Return the entries of the files, their sums without rows that a newer export replaces."""
    exports = {n: file.orders for n, file in enumerate(previews) if file.orders is not None}
    superseded = _find_superseded_rows(exports) if len(exports) > 1 else {}
    return [
        _exclude_rows(file, superseded[number]) if number in superseded else file.entry
        for number, file in enumerate(previews)
    ]


def _find_superseded_rows(exports: dict[int, pl.DataFrame]) -> dict[int, set[int]]:
    """Return the rows that a newer export replaces, by the number of their file."""
    # By number, because two folders may hold files of one name.
    orders = pl.concat(rows.with_columns(source_file=pl.lit(str(n))) for n, rows in exports.items())
    divided = separate_superseded_rows(prepare_frame(orders, schemas.ORDERS))
    rows_by_file: dict[int, set[int]] = {}
    for row in collect_rows(divided.superseded.select("source_file", "source_row")):
        rows_by_file.setdefault(int(row["source_file"]), set()).add(row["source_row"])
    return rows_by_file


def _exclude_rows(file: FilePreview, rows: set[int]) -> dict[str, Any]:
    orders = schemas.to_polars(file.orders, schemas.ORDERS)
    is_superseded = pl.col("source_row").is_in(sorted(rows))
    name = str(file.entry["path"])
    sums = ", ".join(
        format_spaced_money(total["total_minor"] or 0, currency)
        for currency, total in sum_by_currency(orders.filter(is_superseded), name).items()
    )
    note = say("order_notes.superseded", count=format_spaced_number(len(rows)), sums=sums)
    return file.entry | {
        "totals": sum_by_currency(orders.filter(~is_superseded), name),
        "notes": [*file.entry["notes"], note],
    }
