"""Write notes on an order export: what it lacks, what is not compared, what is unusual."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from vippsrecon.money import format_amount, group_thousands
from vippsrecon.sources.customer_texts import is_contact, may_be_about_customer
from vippsrecon.sources.files.table import Table
from vippsrecon.sources.orders.fields import references
from vippsrecon.sources.orders.parse import ParsedOrders
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.vipps_rules import MAX_REFERENCE_LENGTH, MIN_REFERENCE_LENGTH, NEW_REFERENCE_PATTERN

NO_REFERENCE_COLUMN = "It has no column with the Vipps reference; map one with --mapping."


def build_notes(
    table: Table, profile: Profile, rows: ParsedOrders, orders: pl.DataFrame, exported_at: datetime
) -> tuple[str, ...]:
    """Return the sentences, most important first. None contains customer data."""
    present = set(profile.places(table.headings))
    if "payment_title" in present:
        present.add("payment_method")
    notes = [_describe_reference(rows.reference_column, table.file_type, profile)]
    notes += [
        text
        for field, text in profile.missing.items()
        if field not in present and field != "reference"
    ]
    if rows.assumed_currency_count:
        lacking = (
            f"Orders without a currency: {group_thousands(rows.assumed_currency_count)}; they"
            if "currency" in present
            else "The file has no currency: its sums"
        )
        notes.append(f"{lacking} are shown as NOK until 'currency' is set.")
    notes += table.notes
    if rows.voted_prefix:
        notes.append(
            "Orders by Vipps MobilePay that have no reference: it is made of the prefix "
            f"{rows.voted_prefix!r}, which most others have, and the order's id. Another prefix "
            "can be set in a mapping."
        )
    if rows.several_reference_count:
        notes.append(
            f"Orders whose cell lists several references: {group_thousands(rows.several_reference_count)}; "
            "their payments are compared together, as one payment in several parts."
        )
    if rows.unknown_refund_count:
        notes.append(
            f"Orders whose refund is a formula without a value: "
            f"{group_thousands(rows.unknown_refund_count)}; their refunds are unknown. Open the "
            "workbook in Excel and save it once."
        )
    if table.hidden_rows:
        notes.append(
            f"Rows hidden in the workbook: {group_thousands(len(table.hidden_rows))}, such as row "
            f"{table.hidden_rows[0]}; they are read like the others."
        )
    if rows.continuations:
        notes.append(
            f"Rows with further products of the order above: {group_thousands(rows.continuations)}."
        )
    notes += _describe_tenders(orders)
    zero = orders.filter(pl.col("total_minor") == 0).height
    if zero:
        notes.append(f"Orders with nothing to pay: {group_thousands(zero)}.")
    unknown_statuses = [text for text in rows.unknown_statuses if not is_contact(text)]
    if unknown_statuses:
        examples = ", ".join(repr(text[:40]) for text in unknown_statuses[:5])
        notes.append(f"The status is not known for {examples}; map it under [statuses].")
    notes += _describe_odd_references(orders)
    last = orders["ordered_at"].max()
    if isinstance(last, datetime) and last > exported_at:
        notes.append(
            f"Orders are placed until {last:%Y-%m-%d %H:%M} UTC, later than the export is said to be "
            f"from ({exported_at:%Y-%m-%d %H:%M} UTC); set --exported-at."
        )
    return tuple(notes)


def _describe_reference(column: str, form: str, profile: Profile) -> str:
    if column:
        field_kind = "field" if form == "json" else "column"
        return f"The reference is read from the {field_kind} {column!r}."
    if not profile.prefix:
        return profile.missing.get("reference", NO_REFERENCE_COLUMN)
    return f"The reference is made of the prefix {profile.prefix!r} and the order's id."


def _describe_tenders(orders: pl.DataFrame) -> list[str]:
    other = orders.filter(~pl.col("by_vipps") & ~pl.col("recurring"))
    notes = []
    if other.height:
        sums = other.group_by("currency").agg(pl.col("total_minor").sum()).sort("currency")
        amounts = ", ".join(format_amount(minor, currency) for currency, minor in sums.iter_rows())
        methods = (
            other.group_by("payment_method")
            .len()
            .sort(["len", "payment_method"], descending=[True, False])
        )
        named = ", ".join(
            f"{(name or 'no method')[:40]} {group_thousands(count)}"
            for name, count in methods.head(5).iter_rows()
            if not is_contact(name or "")
        )
        notes.append(
            f"Orders paid with another method: {group_thousands(other.height)} ({named}; {amounts})."
        )
    split = orders.filter("split_tender").height
    if split:
        notes.append(
            f"Orders paid by several means the export cannot take apart: {group_thousands(split)}."
        )
    recurring = orders.filter("recurring").height
    if recurring:
        notes.append(
            f"Recurring charges and bank transfers, which are not compared: {group_thousands(recurring)}."
        )
    unsure = orders.filter("method_unsure")
    if unsure.height:
        names = ", ".join(
            repr(name[:40])
            for name in unsure["payment_method"].unique().sort()[:5]
            if not is_contact(name)
        )
        notes.append(
            f"Orders whose payment method may or may not be Vipps MobilePay: "
            f"{group_thousands(unsure.height)} ({names}); name its own titles in own_tenders of a "
            "mapping."
        )
    without = orders.filter(
        pl.col("reference").is_null() & pl.col("by_vipps") & ~pl.col("recurring")
    ).height
    if without:
        notes.append(
            f"Orders paid by Vipps MobilePay without a reference: {group_thousands(without)}."
        )
    return notes


def _describe_odd_references(orders: pl.DataFrame) -> list[str]:
    column = orders.filter(pl.col("by_vipps").fill_null(value=True))["reference"].drop_nulls()
    notes = []
    damage = references.describe_damage(column)
    if damage:
        notes.append(damage[0].upper() + damage[1:] + ".")
    malformed = column.filter(~column.str.contains(NEW_REFERENCE_PATTERN))
    if malformed.len():
        shown = [text for text in malformed if not may_be_about_customer(text, "reference")]
        example = f", such as {shown[0][:MAX_REFERENCE_LENGTH]!r}" if shown else ""
        notes.append(
            f"References that are not valid at Vipps MobilePay ({MIN_REFERENCE_LENGTH} to "
            f"{MAX_REFERENCE_LENGTH} letters, digits and hyphens): "
            f"{group_thousands(malformed.len())}{example}."
        )
    return notes
