"""Write notes on an order export: what it lacks, what is not compared, what is unusual."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from vippsrecon.sources.customer_texts import is_contact, may_be_about_customer
from vippsrecon.sources.files.table import Table
from vippsrecon.sources.orders.fields import references
from vippsrecon.sources.orders.parse import ParsedOrders
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.texts import format_spaced_money, format_spaced_number, say
from vippsrecon.vipps_rules import MAX_REFERENCE_LENGTH, MIN_REFERENCE_LENGTH, NEW_REFERENCE_PATTERN


def build_notes(
    table: Table, profile: Profile, rows: ParsedOrders, orders: pl.DataFrame, exported_at: datetime
) -> tuple[str, ...]:
    """Return the sentences, most important first, in the current language. None contains customer data."""
    present = set(profile.places(table.headings))
    if "payment_title" in present:
        present.add("payment_method")
    notes = [_describe_reference(rows.reference_column, table.file_type, profile)]
    notes += [
        profile.get_advice(field)
        for field in profile.missing
        if field not in present and field != "reference"
    ]
    if rows.assumed_currency_count:
        key = "some_without_currency" if "currency" in present else "no_currency"
        notes.append(_say_count(key, rows.assumed_currency_count))
    notes += table.notes
    if rows.voted_prefix:
        notes.append(say("order_notes.voted_prefix", prefix=repr(rows.voted_prefix)))
    if rows.several_reference_count:
        notes.append(_say_count("several_references", rows.several_reference_count))
    if rows.unknown_refund_count:
        notes.append(_say_count("refund_formulas", rows.unknown_refund_count))
    if table.hidden_rows:
        row = str(table.hidden_rows[0])
        notes.append(_say_count("hidden_rows", len(table.hidden_rows), row=row))
    if rows.continuations:
        notes.append(_say_count("continuations", rows.continuations))
    notes += _describe_tenders(orders)
    zero = orders.filter(pl.col("total_minor") == 0).height
    if zero:
        notes.append(_say_count("nothing_to_pay", zero))
    unknown_statuses = [text for text in rows.unknown_statuses if not is_contact(text)]
    if unknown_statuses:
        examples = ", ".join(repr(text[:40]) for text in unknown_statuses[:5])
        notes.append(say("order_notes.unknown_status", examples=examples))
    notes += _describe_odd_references(orders)
    last = orders["ordered_at"].max()
    if isinstance(last, datetime) and last > exported_at:
        times = {"last": f"{last:%Y-%m-%d %H:%M}", "exported_at": f"{exported_at:%Y-%m-%d %H:%M}"}
        notes.append(say("order_notes.later_orders", **times))
    return tuple(notes)


def describe_missing_reference(profile: Profile) -> str:
    """Say that no column has the reference, and what to do, in the current language."""
    return profile.get_advice("reference") or say("order_notes.no_reference")


def _say_count(key: str, count: int, **values: str) -> str:
    return say(f"order_notes.{key}", count=format_spaced_number(count), **values)


def _describe_reference(column: str, form: str, profile: Profile) -> str:
    if column:
        kind = "field" if form == "json" else "column"
        return say(f"order_notes.reference_{kind}", column=repr(column))
    if not profile.prefix:
        return describe_missing_reference(profile)
    return say("order_notes.reference_prefix", prefix=repr(profile.prefix))


def _describe_tenders(orders: pl.DataFrame) -> list[str]:
    other = orders.filter(~pl.col("by_vipps") & ~pl.col("recurring"))
    notes = []
    if other.height:
        sums = other.group_by("currency").agg(pl.col("total_minor").sum()).sort("currency")
        amounts = ", ".join(
            format_spaced_money(minor, currency) for currency, minor in sums.iter_rows()
        )
        methods = (
            other.group_by("payment_method")
            .len()
            .sort(["len", "payment_method"], descending=[True, False])
        )
        named = ", ".join(
            f"{(name or say('order_notes.no_method'))[:40]} {format_spaced_number(count)}"
            for name, count in methods.head(5).iter_rows()
            if not is_contact(name or "")
        )
        notes.append(_say_count("other_method", other.height, methods=named, amounts=amounts))
    split = orders.filter("split_tender").height
    if split:
        notes.append(_say_count("split", split))
    recurring = orders.filter("recurring").height
    if recurring:
        notes.append(_say_count("recurring", recurring))
    unsure = orders.filter("method_unsure")
    if unsure.height:
        names = ", ".join(
            repr(name[:40])
            for name in unsure["payment_method"].unique().sort()[:5]
            if not is_contact(name)
        )
        notes.append(_say_count("unsure", unsure.height, names=names))
    without = orders.filter(
        pl.col("reference").is_null() & pl.col("by_vipps") & ~pl.col("recurring")
    ).height
    if without:
        notes.append(_say_count("without_reference", without))
    return notes


def _describe_odd_references(orders: pl.DataFrame) -> list[str]:
    column = orders.filter(pl.col("by_vipps").fill_null(value=True))["reference"].drop_nulls()
    damage = references.find_damage(column)
    notes = []
    if damage is not None:
        texts = {"example": damage.example, "repaired": damage.repaired}
        notes.append(_say_count(damage.kind, damage.references, **texts))
    malformed = column.filter(~column.str.contains(NEW_REFERENCE_PATTERN))
    if malformed.len():
        shown = [text for text in malformed if not may_be_about_customer(text, "reference")]
        lengths = {"shortest": str(MIN_REFERENCE_LENGTH), "longest": str(MAX_REFERENCE_LENGTH)}
        if shown:
            lengths["example"] = repr(shown[0][:MAX_REFERENCE_LENGTH])
        key = "malformed_such_as" if shown else "malformed"
        notes.append(_say_count(key, malformed.len(), **lengths))
    return notes
