"""Map a shop's words for status, payment, authorization and refunds to the package's own."""

from __future__ import annotations

import polars as pl

from vippsrecon.sources.files.headings import normalize_word
from vippsrecon.sources.orders.profiles import Profile

_NO = frozenset({"no", "false", "0", "nei", "nej", "ei", "nein"})


def get_field_cells(heads: pl.DataFrame, name: str) -> pl.Series:
    """Return a field's cells; empty cells if the file lacks the column."""
    if name in heads.columns:
        return heads[name]
    return pl.Series(name, [""]).new_from_index(0, heads.height)


def null_if_empty(heads: pl.DataFrame, name: str) -> pl.Series:
    """Return a field's cells, null where they are empty."""
    column = get_field_cells(heads, name)
    return column.set(column == "", None)


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


def find_refunded_rests(
    status: pl.Series, profile: Profile, total: pl.Series, refunded: pl.Series
) -> pl.Series:
    """Return whether an open order was refunded in part, where this part is then not sent.

    Magento leaves an order on Processing if a part was sent and the rest was refunded.
    Source: https://github.com/magento/magento2/issues/23270
    """
    in_part = ((refunded > 0) & (refunded < total)).fill_null(value=False)
    if not profile.refunded_part_means_sent:
        return in_part & ~in_part
    return (status == "open") & in_part


def find_authorizations(heads: pl.DataFrame, profile: Profile) -> pl.Series:
    """Return voided or expired if the shop states it about the order's authorization, else null."""
    column = get_field_cells(heads, "financial_status")
    words = {
        text: profile.authorization.get(normalize_word(text))
        for text in column.unique(maintain_order=True)
    }
    return column.replace_strict(words, return_dtype=pl.String)


def _find_full_refunds(heads: pl.DataFrame, profile: Profile) -> pl.Series:
    """Return which orders the shop calls refunded as a whole, in a status and without an amount."""
    refund_words = {normalize_word(text) for text in profile.whole_refunds}
    marked = pl.Series([False], dtype=pl.Boolean).new_from_index(0, heads.height)
    for name in ("financial_status", "status"):
        column = get_field_cells(heads, name)
        words = {text: normalize_word(text) in refund_words for text in column.unique()}
        marked |= column.replace_strict(words, return_dtype=pl.Boolean)
    return marked


def complete_refunds(
    heads: pl.DataFrame, profile: Profile, total: pl.Series, refunded: pl.Series
) -> pl.Series:
    """Return each order's refund; null where the export cannot say it.

    An empty cell is zero if other cells of its column hold an amount. Where the shop calls the order
    refunded without an amount, the whole order is meant.
    """
    cells = get_field_cells(heads, "refunded")
    # Where an amount is given, or its formula has no value, no status says more.
    waiting = find_unknown_refunds(heads)
    if refunded.count():
        zero = pl.Series([0], dtype=pl.Int64).new_from_index(0, heads.height)
        refunded = refunded.zip_with((cells != "") | waiting, zero)
    refunded_in_full = (cells == "") & ~waiting & _find_full_refunds(heads, profile)
    return refunded.zip_with(~refunded_in_full, total)


def find_unknown_refunds(heads: pl.DataFrame) -> pl.Series:
    """Return which cells of refunds are formulas without a value."""
    if "refunded_unknown" in heads.columns:
        return heads["refunded_unknown"]
    return pl.Series([False], dtype=pl.Boolean).new_from_index(0, heads.height)


def read_recorded_by_hand(heads: pl.DataFrame) -> pl.Series:
    """Return whether a refund did not go through the payment gateway; null if the export does not say.

    Any word but a plain no counts as a yes: nothing is proposed then, so no refund is paid twice.
    """
    cells = get_field_cells(heads, "refunded_by_hand")
    words = {text: normalize_word(text) for text in cells.unique()}
    answers = {text: None if not word else word not in _NO for text, word in words.items()}
    return cells.replace_strict(answers, return_dtype=pl.Boolean)
