"""Parse a table of text into orders: the same code for every shop, controlled by its profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import polars as pl

from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import SourceError
from vippsrecon.schemas import ORDERS, REJECTS, polars_schema
from vippsrecon.sources.customer_texts import hide_customer_texts
from vippsrecon.sources.files.headings import normalize_heading
from vippsrecon.sources.files.table import MARKS, NATIVE_MARK, Table
from vippsrecon.sources.orders.cells import (
    AMOUNT_FIELDS,
    TIME_FIELDS,
    mark_rows_of_sums,
    select_cells,
)
from vippsrecon.sources.orders.continuation_rows import find_continuation_rows
from vippsrecon.sources.orders.fields import references
from vippsrecon.sources.orders.fields.amounts import (
    AmountStyle,
    ParsedAmounts,
    detect_decimal_mark,
    parse_amounts,
    parse_minor_units,
    truncate_amount,
)
from vippsrecon.sources.orders.fields.dates import parse_times
from vippsrecon.sources.orders.fields.sales_units import SalesUnitResolver
from vippsrecon.sources.orders.fields.statuses import (
    complete_refunds,
    determine_paid,
    find_authorizations,
    find_refunded_rests,
    find_unknown_refunds,
    get_field_cells,
    map_statuses,
    null_if_empty,
    read_recorded_by_hand,
)
from vippsrecon.sources.orders.fields.tenders import classify_tenders, pick_references
from vippsrecon.sources.orders.profiles import Profile
from vippsrecon.texts import say
from vippsrecon.vipps_rules import MAX_REFERENCE_LENGTH


class FileContext(NamedTuple):
    """What the export itself does not contain."""

    units: tuple[SalesUnit, ...]
    default_msn: str | None
    exported_at: datetime
    assumed_currency: str | None = None


class ParsedOrders(NamedTuple):
    """Parsed rows of one file. Every row is exactly one of order, reject or continuation.

    Attributes:
        orders: As `schemas.ORDERS`, in Polars.
        rejects: As `schemas.REJECTS`, in Polars; one per row.
        continuations: Number of rows that only continue the order above.
        reference_column: Heading of the references; "" if the file has none.
        unknown_statuses: Status words of orders that the profile does not contain.
        assumed_currency_count: Number of orders with an assumed currency (in a preview).
        several_reference_count: Number of orders whose cell lists several references.
        unknown_refund_count: Number of orders whose refund is a formula without a value.
        voted_prefix: Prefix of the file's other references, with which missing ones were built.
    """

    orders: pl.DataFrame
    rejects: pl.DataFrame
    continuations: int
    reference_column: str
    unknown_statuses: tuple[str, ...]
    assumed_currency_count: int
    several_reference_count: int
    unknown_refund_count: int
    voted_prefix: str


def parse_orders(table: Table, profile: Profile, file_context: FileContext) -> ParsedOrders:
    """Parse the orders of a table, and collect the rows that cannot be used.

    Raises:
        SourceError: The whole file cannot be used: amounts have the other decimal mark, or no row
            has a sales unit or a currency.
    """
    cells, named = select_cells(table, profile)
    continues = find_continuation_rows(
        cells, profile, {normalize_heading(text) for text in table.headings}
    )
    heads = cells.filter(~continues)
    style = _choose_amount_style(
        profile, get_field_cells(heads, "total"), table.name, named.get("total", "total")
    )
    heads = mark_rows_of_sums(heads, style)
    resolver = SalesUnitResolver(
        file_context.units, file_context.default_msn, table.name, file_context.assumed_currency
    )
    sound = heads["fault"].is_null()
    placed = (
        resolver.places(
            *(get_field_cells(heads, name).set(~sound, "") for name in ("msn", "store", "currency"))
        )
        if sound.any()
        else _build_unassigned(heads.height)
    )
    read = {
        name: parse_minor_units(get_field_cells(heads, name))
        if normalize_heading(named.get(name, "")) in table.minor_headings
        else parse_amounts(get_field_cells(heads, name), placed["currency"], style)
        for name in AMOUNT_FIELDS
    }
    _refuse_other_decimal_mark(
        read["total"], get_field_cells(heads, "total"), style, table.name, named["total"]
    )
    refunded = read["refunded"].minor
    if profile.negative_refunds:
        refunded = refunded.abs()
    times = {
        name: parse_times(
            get_field_cells(heads, name),
            placed["zone"],
            profile.dates,
            profile.zone,
            end_of_day=name != "ordered_at",
        )
        for name in TIME_FIELDS
    }
    faults: list[_Fault] = [
        (heads["fault"].is_not_null(), None, None, heads["fault"]),
        (placed["reason"].is_not_null(), placed["field"], placed["value"], placed["reason"]),
        (get_field_cells(heads, "total") == "", "total", "", say("reasons.missing")),
        (read["total"].reason.is_not_null(), "total", None, read["total"].reason),
        (read["total"].minor < 0, "total", None, say("reasons.negative")),
        (read["refunded"].reason.is_not_null(), "refunded", None, read["refunded"].reason),
        (refunded < 0, "refunded", None, say("reasons.negative")),
        *(
            (times[name].unreadable, name, None, say("reasons.unknown_date"))
            for name in TIME_FIELDS
        ),
        (
            references.measure_longest(heads["reference"]) > MAX_REFERENCE_LENGTH
            if "reference" in heads.columns
            else pl.Series([False]).new_from_index(0, heads.height),
            "reference",
            None,
            say("reasons.reference_too_long", limit=MAX_REFERENCE_LENGTH),
        ),
    ]
    judged = _find_first_faults(heads, faults)
    tendered = classify_tenders(heads, profile)
    status, words_unknown = map_statuses(heads, profile)
    typed = heads.select(source_row="row").with_columns(
        placed["msn"],
        placed["currency"],
        *tendered.drop("not_epayment"),
        status=status,
        paid=determine_paid(heads, profile, read["outstanding"].minor),
        order_number=null_if_empty(heads, "order_number"),
        store=null_if_empty(heads, "store").str.replace_all(r"\s+", " "),
        total_minor=read["total"].minor,
        refunded_minor=complete_refunds(heads, profile, read["total"].minor, refunded),
        recorded_by_hand=read_recorded_by_hand(heads),
        shop_authorization=find_authorizations(heads, profile),
        rest_refunded=find_refunded_rests(status, profile, read["total"].minor, refunded),
        dates_without_time=times["fulfilled_at"].whole_day | times["refunded_at"].whole_day,
        vat_minor=read["vat"].minor,
        recurring=(get_field_cells(heads, "recurring") != "") | tendered["not_epayment"],
        shop_currency_only=pl.lit(profile.shop_currency_only),
        truncated_minor=_truncate_totals(get_field_cells(heads, "total"), profile),
        exported_at=pl.lit(file_context.exported_at).dt.convert_time_zone("UTC"),
        source_file=pl.lit(table.name),
        **{name: times[name].at for name in TIME_FIELDS},
        **{name.replace("_at", "_day"): times[name].day for name in TIME_FIELDS},
    )
    listed = pick_references(heads, profile, tendered)
    reference, voted = _build_missing_references(heads, listed["reference"], tendered, profile)
    typed = typed.with_columns(listed["further_references"], reference=reference)
    typed = typed.with_columns(
        attempt_base=_derive_attempt_bases(heads, typed["reference"], profile)
    )
    schema = polars_schema(ORDERS)
    usable = judged["reason"].is_null()
    used_words = set(get_field_cells(heads, "status").filter(usable))
    return ParsedOrders(
        typed.filter(usable).select(
            (pl.col(name) if name in typed.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in schema.items()
        ),
        _build_rejects(judged, table.name, named),
        int(continues.sum()),
        named.get("reference", ""),
        tuple(word for word in words_unknown if word in used_words),
        int(placed.filter(usable)["assumed"].sum()),
        listed.filter(usable)["further_references"].count(),
        int(find_unknown_refunds(heads).filter(usable).sum()),
        voted,
    )


def _build_unassigned(height: int) -> pl.DataFrame:
    names = ("msn", "currency", "zone", "field", "value", "reason")
    return pl.DataFrame(
        {name: pl.Series([None] * height, dtype=pl.String) for name in names}
        | {"assumed": pl.Series([False] * height, dtype=pl.Boolean)}
    )


def _choose_amount_style(profile: Profile, total: pl.Series, file: str, column: str) -> AmountStyle:
    """Return the style of the file's amounts, with the decimal mark resolved."""
    style = profile.amounts
    if style.decimal != "auto":
        return style
    mark = detect_decimal_mark(total, style)
    if mark is None:
        raise SourceError(
            "it is not clear whether its amounts have a decimal point or comma; "
            "set decimal under [amounts] in the mapping",
            file=file,
            column=column,
        )
    return replace(style, decimal=mark)


def _refuse_other_decimal_mark(
    read: ParsedAmounts, text: pl.Series, style: AmountStyle, file: str, column: str
) -> None:
    """Refuse a file whose amounts are mostly written with the other decimal mark."""
    failed = text.filter(~read.well_formed & (text != ""))
    if failed.len() * 2 <= (text != "").sum():
        return
    other = AmountStyle("," if style.decimal == "." else ".", " .,'\u00a0\u202f", style.words)
    fitting = failed.str.contains(other.pattern())
    if fitting.sum() * 2 <= failed.len():
        return
    mark, has = ("comma", "point") if style.decimal == "." else ("point", "comma")
    raise SourceError(
        f"amounts such as {failed.filter(fitting)[0]!r} have a decimal {mark}, and this kind of "
        f"export has a decimal {has}; if the file was opened and saved in a spreadsheet, export "
        f"it again, else use a --mapping file with these lines: extends = 'plain' (or the shop's "
        f"name) and, below [amounts], decimal = '{other.decimal}' and groups = ' '",
        file=file,
        column=column,
    )


_CellSource = pl.Series | str | None
_Fault = tuple[pl.Series, _CellSource, _CellSource, _CellSource]


def _find_first_faults(heads: pl.DataFrame, faults: Iterable[_Fault]) -> pl.DataFrame:
    """Return the first fault of each row: field, value and reason."""
    judged = heads.select(
        "row", *(pl.lit(None, pl.String).alias(name) for name in ("field", "value", "reason"))
    )
    for where, field, given_value, reason in faults:
        mask = where.fill_null(value=False) & judged["reason"].is_null()
        if not mask.any():
            continue
        value = given_value
        if value is None and isinstance(field, str):
            value = get_field_cells(heads, field).str.strip_chars_start(MARKS)
        for name, override in (("field", field), ("value", value), ("reason", reason)):
            column = (
                override
                if isinstance(override, pl.Series)
                else pl.Series([override], dtype=pl.String)
            )
            filled = (
                column if column.len() == heads.height else column.new_from_index(0, heads.height)
            )
            judged = judged.with_columns(filled.zip_with(mask, judged[name]).alias(name))
    return judged


def _build_rejects(judged: pl.DataFrame, file: str, named: dict[str, str]) -> pl.DataFrame:
    refused = judged.filter(pl.col("reason").is_not_null())
    return (
        refused.with_columns(hide_customer_texts(refused, "field"))
        .select(
            source_file=pl.lit(file),
            source_row="row",
            column=pl.col("field").replace(named),
            value="value",
            reason="reason",
        )
        .select(pl.col(name).cast(kind) for name, kind in polars_schema(REJECTS).items())
    )


def _truncate_totals(total: pl.Series, profile: Profile) -> pl.Series:
    if not profile.truncates:
        return pl.Series([None], dtype=pl.Int64).new_from_index(0, total.len())
    plain = total.str.strip_prefix(NATIVE_MARK)
    sent = {text: truncate_amount(text) for text in plain.unique()}
    return plain.replace_strict(sent, return_dtype=pl.Int64)


def _build_missing_references(
    heads: pl.DataFrame, reference: pl.Series, tendered: pl.DataFrame, profile: Profile
) -> tuple[pl.Series, str]:
    """Return each order's reference, and the detected prefix; "" if none was needed.

    If the profile has a prefix, or the file's other references show one, missing references
    are built from it and the order's id; never for an order that may be paid otherwise.
    """
    numbers = [null_if_empty(heads, name) for name in ("order_id", "order_number")]
    by_vipps = tendered["by_vipps"].fill_null(bool(profile.prefix)) & ~tendered["method_unsure"]
    lacks_reference = reference.is_null() & by_vipps & ~tendered["not_epayment"]
    if not lacks_reference.any():
        return reference, ""
    # By the order's id, or, where a shop's filter replaced it, by the order number.
    ids = [numbers[0].zip_with(numbers[0].is_not_null(), numbers[1]), numbers[1]]
    number, voted = ids[0], ""
    if not profile.prefix and profile.pad:
        votes = (
            (order_ids, references.detect_prefix(reference, order_ids, profile.pad))
            for order_ids in ids
        )
        number, voted = next((vote for vote in votes if vote[1]), (number, ""))
    prefix = profile.prefix or voted
    if not prefix:
        return reference, ""
    built = pl.select(references.build_references(prefix, pl.lit(number), profile.pad)).to_series()
    return reference.zip_with(~lacks_reference, built), voted


def _derive_attempt_bases(heads: pl.DataFrame, reference: pl.Series, profile: Profile) -> pl.Series:
    if profile.attempts != "suffix":
        return pl.Series([None], dtype=pl.String).new_from_index(0, heads.height)
    ids = {name: get_field_cells(heads, name) for name in ("order_id", "order_number")}
    frame = pl.DataFrame({"reference": reference, **ids})
    base = references.derive_attempt_base(pl.col("reference"), [pl.col(name) for name in ids])
    return frame.select(base.alias("base"))["base"]
