"""Set aside the older rows of orders that several exports show.

Two exports often overlap: an order is open in September's file and sent in October's. It is one
order, seen at two moments. The row of the newest export is the order; the older rows are not
compared, but a payment with the reference of an older row is still an attempt to pay the order.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw

from vippsrecon.reconciliation.engines.backends import (
    LazyFrame,
    collect_rows,
    is_empty,
    materialize,
)
from vippsrecon.reconciliation.orders_payments.links import ATTEMPT_SUFFIX
from vippsrecon.schemas.inputs import PAYMENT_KEY

_ORDER_IDENTITY = ["msn", "shop", "number"]
_SAME_ORDER = [*_ORDER_IDENTITY, "stem"]
_ORIGIN = {"source_file", "source_row", "exported_at_us", "exported_at_guessed"}
_DESCENDING = ("age_first", "moved_refund", "moved_status", "moved_paid", "age_last")
"""What makes a row the newest of its order, by precedence; each is negated, so the least wins."""

_EQUALLY_NEW = ("unnamed", "reference", "content", "source_file", "source_row")
"""Which of equally new rows comes first: one with a reference, and of these the smallest."""


@dataclass(frozen=True)
class OrderRows:
    """The rows of the exports, divided by whether a newer export shows the same order.

    Attributes:
        current: The rows to compare.
        superseded: Older rows (the columns of the exports, and okey, the reference of the order).
        links: References that only older rows name (msn, reference, okey).
    """

    current: LazyFrame
    superseded: LazyFrame
    links: LazyFrame


def separate_superseded_rows(orders: LazyFrame) -> OrderRows:
    """Divide the order rows into those to compare and those that a newer export replaces.

    Rows of several files are the same order if sales unit, store and order number are equal, and
    their references are equal, or attempts of one stem, or one names the other among its further
    references. A row without a reference is the same order as the rows that have one.

    The newest export has the latest `exported_at`. Where one of the times is only a file's
    modification time, which copying changes, the row that moved further is newer: more refunded,
    then cancelled or fulfilled, then paid. Rows with the same time and progress that differ are all
    kept, and reported as further rows of one order: also if they name different attempts to pay it,
    because two orders would be two amounts to collect.

    Args:
        orders: The rows of the order exports, as `backends.prepare_frame` returns them.
    """
    columns = orders.collect_schema().names()
    identified = orders.with_columns(
        shop=nw.col("store").fill_null(""),
        number=nw.col("order_number").fill_null(nw.col("reference")),
    )
    no_links = orders.select(*PAYMENT_KEY, okey=nw.col("reference")).head(0)
    several_files = _find_orders_of_several_files(identified)
    if is_empty(several_files):
        nothing = orders.with_columns(okey=nw.col("reference")).head(0)
        return OrderRows(orders, nothing, no_links)
    shared = _rank_rows(identified.join(several_files, on=_ORDER_IDENTITY, how="semi"), columns)
    in_newest_file = nw.col("source_file") == nw.col("newest_file")
    is_current = in_newest_file | (nw.col("as_new") & nw.col("has_same_content").is_null())
    is_other_attempt = is_current & ~in_newest_file & nw.col("has_same_reference").is_null()
    ranked = materialize(
        _mark_rows_of_newest_file(shared, in_newest_file).with_columns(
            is_current=is_current,
            own_reference=nw.col("reference"),
            reference=nw.when(is_other_attempt)
            .then(nw.col("newest_reference"))
            .otherwise(nw.col("reference")),
        )
    )
    current = materialize(
        nw.concat(
            [
                orders.filter(nw.col("order_number").fill_null(nw.col("reference")).is_null()),
                identified.filter(~nw.col("number").is_null())
                .join(several_files, on=_ORDER_IDENTITY, how="anti")
                .select(columns),
                ranked.filter(nw.col("is_current")).select(columns),
            ],
            how="vertical",
        ),
        large=True,
    )
    superseded = ranked.filter(~nw.col("is_current")).with_columns(okey=nw.col("newest_reference"))
    named_otherwise = ~nw.col("is_current") | (nw.col("own_reference") != nw.col("reference"))
    links = (
        ranked.filter(named_otherwise.fill_null(value=False))
        .select("msn", reference=nw.col("own_reference"), okey=nw.col("newest_reference"))
        .filter(~nw.col("reference").is_null() & (nw.col("reference") != nw.col("okey")))
        .group_by(*PAYMENT_KEY)
        .agg(okey=nw.col("okey").min(), last=nw.col("okey").max())
        .filter(nw.col("okey") == nw.col("last"))
        .select(*PAYMENT_KEY, "okey")
    )
    return OrderRows(current, materialize(superseded.select(*columns, "okey")), materialize(links))


def _find_orders_of_several_files(identified: LazyFrame) -> LazyFrame:
    """Return msn, shop, number of the orders that rows of several files show."""
    files = collect_rows(
        identified.select(first=nw.col("source_file").min(), last=nw.col("source_file").max())
    )[0]
    if files["first"] == files["last"]:
        return identified.select(_ORDER_IDENTITY).head(0)
    return materialize(
        identified.filter(~nw.col("number").is_null())
        .group_by(*_ORDER_IDENTITY)
        .agg(first=nw.col("source_file").min(), last=nw.col("source_file").max())
        .filter(nw.col("first") != nw.col("last"))
        .select(_ORDER_IDENTITY)
    )


def _find_related_orders(shared: LazyFrame) -> LazyFrame:
    """Return the orders in which one row names another row (`related` is then 1).

    A row names another one in its further references, or by its own reference without the suffix of
    an attempt.
    """
    cells = (
        shared.filter(~nw.col("further_references").is_null())
        .select(*_ORDER_IDENTITY, reference=nw.col("further_references").str.split(" "))
        .explode("reference")
    )
    stems = shared.filter(nw.col("reference").str.contains(ATTEMPT_SUFFIX)).select(
        *_ORDER_IDENTITY, reference=nw.col("reference").str.replace_all(ATTEMPT_SUFFIX, "")
    )
    names = materialize(nw.concat([materialize(cells), materialize(stems)], how="vertical"))
    named = shared.join(names, on=[*_ORDER_IDENTITY, "reference"], how="semi")
    return materialize(named.select(*_ORDER_IDENTITY).unique().with_columns(related=nw.lit(1)))


def _mark_rows_of_newest_file(shared: LazyFrame, in_newest_file: nw.Expr) -> LazyFrame:
    """Add whether the newest row's file has this content, and this reference, for the order."""
    newest_rows = materialize(shared.filter(in_newest_file))
    for name in ("content", "reference"):
        key = [*_SAME_ORDER, name]
        known = newest_rows.select(key).unique().with_columns(nw.lit(1).alias(f"has_same_{name}"))
        shared = shared.join(materialize(known), on=key, how="left")
    return shared


def _rank_rows(shared: LazyFrame, columns: list[str]) -> LazyFrame:
    """Add the newest row's file, reference and content, and whether a row is as new as it."""
    base = nw.col("attempt_base").fill_null("")
    own_stem = (
        nw.when(base != "")
        .then(base)
        .otherwise(nw.col("reference").str.replace_all(ATTEMPT_SUFFIX, ""))
    )
    content = nw.concat_str(
        *(nw.col(name).cast(nw.String).fill_null("") for name in columns if name not in _ORIGIN),
        separator="|",
    )
    is_guessed = nw.col("exported_at_guessed").fill_null(value=False)
    keyed = (
        shared.with_columns(
            own_stem=own_stem,
            content=content,
            guessed=nw.when(is_guessed).then(nw.lit(1)).otherwise(nw.lit(0)),
        )
        .with_columns(
            first_stem=nw.col("own_stem").min().over(*_ORDER_IDENTITY),
            last_stem=nw.col("own_stem").max().over(*_ORDER_IDENTITY),
        )
        .join(_find_related_orders(shared), on=_ORDER_IDENTITY, how="left")
        .with_columns(
            stem=nw.when((nw.col("first_stem") == nw.col("last_stem")) | (nw.col("related") > 0))
            .then(nw.col("first_stem"))
            .otherwise(nw.col("own_stem"))
            .fill_null("")
        )
        .with_columns(any_guessed=nw.col("guessed").max().over(*_SAME_ORDER))
    )
    status = nw.col("status")
    nothing = nw.lit(0, nw.Int64)
    moved = keyed.with_columns(
        age_first=nw.when(nw.col("any_guessed") > 0)
        .then(nothing)
        .otherwise(-nw.col("exported_at_us")),
        moved_refund=-nw.col("refunded_minor").fill_null(0),
        moved_status=nw.when(status.is_in(["fulfilled", "cancelled"]))
        .then(nw.lit(-2))
        .otherwise(nw.when(status == "partial").then(nw.lit(-1)).otherwise(nothing)),
        moved_paid=nw.when(nw.col("paid") == "yes").then(nw.lit(-1)).otherwise(nothing),
        age_last=-nw.col("exported_at_us"),
        unnamed=nw.when(nw.col("reference").is_null()).then(nw.lit(1)).otherwise(nw.lit(0)),
        each=nw.lit(1),
    ).with_columns(
        place=nw.col("each")
        .cum_sum()
        .over(*_SAME_ORDER, order_by=[*_DESCENDING, *_EQUALLY_NEW])
        .cast(nw.Int64)
    )
    newest = moved.filter(nw.col("place") == 1).select(
        *_SAME_ORDER,
        *(nw.col(name).alias(f"newest_{name}") for name in _DESCENDING),
        newest_file=nw.col("source_file"),
        newest_reference=nw.col("reference"),
    )
    as_new = nw.lit(value=True)
    for name in _DESCENDING:
        as_new = as_new & (nw.col(name) == nw.col(f"newest_{name}"))
    return (
        materialize(moved)
        .join(materialize(newest), on=_SAME_ORDER, how="left")
        .with_columns(as_new=as_new)
    )
