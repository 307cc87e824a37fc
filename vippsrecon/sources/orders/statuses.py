"""Map a shop's words for tenders, statuses and payment to the package's own."""

from __future__ import annotations

import polars as pl

from vippsrecon.sources.files.headings import normalize_heading, normalize_word
from vippsrecon.sources.orders.profiles import Profile


def get_field_cells(heads: pl.DataFrame, name: str) -> pl.Series:
    """Return a field's cells; empty cells if the file lacks the column."""
    if name in heads.columns:
        return heads[name]
    return pl.Series(name, [""]).new_from_index(0, heads.height)


def classify_tenders(heads: pl.DataFrame, profile: Profile) -> list[pl.Series]:
    """Return payment_method, by_vipps and split_tender."""
    method, title = (
        get_field_cells(heads, "payment_method"),
        get_field_cells(heads, "payment_title"),
    )
    keys = pl.DataFrame({"_method": method, "_title": title})
    different = keys.unique(maintain_order=True)
    made = [_classify_tender(tender, label, profile) for tender, label in different.iter_rows()]
    schema = {"payment_method": pl.String, "by_vipps": pl.Boolean, "split_tender": pl.Boolean}
    classified = different.hstack(pl.DataFrame(made, schema=schema, orient="row"))
    joined = keys.join(classified, on=keys.columns, how="left", maintain_order="left")
    return [joined[name] for name in schema]


def _classify_tender(
    method: str, title: str, profile: Profile
) -> tuple[str | None, bool | None, bool]:
    shown = method or title
    words = f"{normalize_word(method)} {normalize_word(title)}"
    parts = [part for part in shown.split(profile.tender_separator) if part.strip()]
    split = bool(profile.tender_separator) and len(parts) > 1
    if "vipps" in words or "mobilepay" in words or "mobile pay" in words:
        return shown, True, split
    unsure = not method and normalize_heading(title).startswith(profile.unsure_tenders or ("\0",))
    return shown or None, None if not shown or unsure else False, split


def map_statuses(heads: pl.DataFrame, profile: Profile) -> tuple[pl.Series, tuple[str, ...]]:
    """Return each order's status, and the unknown words."""
    column = get_field_cells(heads, "status")
    words = {text: normalize_word(text) for text in column.unique(maintain_order=True)}
    mapping = {
        text: profile.empty_status
        if not status_word
        else profile.statuses.get(status_word, "unknown")
        for text, status_word in words.items()
    }
    if "status" not in heads.columns:
        mapping = {"": "unknown"}
    mapped = column.replace_strict(mapping, return_dtype=pl.String)
    if "cancelled_at" in heads.columns:
        mapped = mapped.set(heads["cancelled_at"] != "", "cancelled")
    unknown = (
        text
        for text, status_word in words.items()
        if status_word and status_word not in profile.statuses
    )
    return mapped, tuple(unknown)


def determine_paid(heads: pl.DataFrame, profile: Profile, outstanding: pl.Series) -> pl.Series:
    """Return whether the shop considers the order paid, which may mean only authorized."""
    source = next(
        (name for name in ("paid", "financial_status", "status") if name in heads.columns), ""
    )
    column = get_field_cells(heads, source)
    words = {text: normalize_word(text) for text in column.unique(maintain_order=True)}
    believed = column.replace_strict(
        {text: profile.paid.get(paid_word, "unknown") for text, paid_word in words.items()},
        return_dtype=pl.String,
    )
    dated = get_field_cells(heads, "paid_at") != ""
    can_be_proved = {"paid_at", "outstanding"} & set(heads.columns)
    if profile.proof_of_payment and can_be_proved:
        weak = [text for text, paid_word in words.items() if paid_word in profile.proof_of_payment]
        proved = dated | (outstanding == 0).fill_null(value=False)
        believed = believed.set(column.is_in(weak) & ~proved, "unknown")
    elif not profile.proof_of_payment:
        believed = believed.set((believed == "unknown") & dated, "yes")
    return believed
