"""Find further payment attempts at an order which the shop's export does not mention.

A shop that lets a customer try again gives each attempt its own reference, ending in -1, -2 …
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/
The export may contain only the first reference although a later attempt brought the money, or part
of it. The funds ledger shows what was captured. Where it cannot be read, the only way is to fetch the
numbered references. This is done only for orders whose known payments bring less than the shop
expected, for sent orders of which less was captured, and for orders that the shop refunded and whose
known payments gave back less: before a capture or such a refund is proposed, it must be known that
the customer did not pay, or was not paid back, with a later attempt.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.reconciliation.orders_payments.links import ATTEMPT_SUFFIX
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.sources import find_candidate_references
from vippsrecon.vipps_rules import NEW_REFERENCE_PATTERN

if TYPE_CHECKING:
    from vippsrecon.fetching import FollowUp

ATTEMPT_FAMILY_KEY = ["msn", "base"]

ATTEMPTS_PER_ROUND = 2
FOLLOW_UP_ROUNDS = 2
"""Two further attempts are fetched. If they exist and still bring too little, two more, then no more."""

_ORDER_AMOUNTS = ["total_minor", "shop_refunded_minor", "owed_minor"]

_ATTEMPT_ORDER_COLUMNS = [
    *PAYMENT_KEY, "attempt_base", "further_references", "order_number", "currency", "total_minor",
    "refunded_minor", "truncated_minor", "status", "by_vipps", "recurring", "split_tender",
]  # fmt: skip


def build_follow_ups(orders: pl.DataFrame) -> tuple[FollowUp, ...]:
    """Return the functions that give further references after a fetch, one per round.

    Args:
        orders: `schemas.ORDERS`. Not changed.
    """
    orders_with_reference = _select_orders_with_reference(orders)
    return tuple(
        partial(_find_further_attempts, orders_with_reference, after * ATTEMPTS_PER_ROUND)
        for after in range(FOLLOW_UP_ROUNDS)
    )


def mark_requested_attempts(
    orders: pl.DataFrame, payments: pl.DataFrame, failures: pl.DataFrame
) -> pl.DataFrame:
    """Add `attempts_asked`: whether all other attempts that may exist were requested.

    These are the references of earlier attempts, and of the next one after the last that exists.

    Args:
        orders: `schemas.ORDERS`. Not changed.
        payments: `schemas.PAYMENTS`.
        failures: `schemas.FAILURES`, with every reference that was requested and does not exist.

    Returns:
        `orders` with the column; empty for an order without a reference.
    """
    known = payments.select(PAYMENT_KEY)
    requested_keys = pl.concat([known, failures.select(PAYMENT_KEY)]).unique()
    families = _number_attempts(_select_orders_with_reference(orders), known)
    attempts = _match_payments_to_orders(known, families).select(
        *ATTEMPT_FAMILY_KEY, number=_read_attempt_number()
    )
    last = pl.concat([families.select(*ATTEMPT_FAMILY_KEY, "number"), attempts])
    following = last.group_by(ATTEMPT_FAMILY_KEY).agg(pl.col("number").max())
    next_unrequested = (
        _build_attempt_references(following, after=0, count=1)
        .join(requested_keys, on=PAYMENT_KEY, how="anti")
        .join(families.rename({"reference": "own"}), on=ATTEMPT_FAMILY_KEY)
    )
    earlier_unrequested = find_candidate_references(orders).join(
        requested_keys, left_on=["msn", "candidate"], right_on=PAYMENT_KEY, how="anti"
    )
    named_unrequested = (
        _select_named_references(families)
        .join(requested_keys, on=PAYMENT_KEY, how="anti")
        .select("msn", reference="own")
    )
    unrequested = pl.concat(
        [
            named_unrequested,
            next_unrequested.select("msn", pl.col("own").alias("reference")),
            earlier_unrequested.select(PAYMENT_KEY),
        ]
    ).unique()
    marked = orders.select(PAYMENT_KEY).join(
        unrequested.with_columns(unrequested=True),
        on=PAYMENT_KEY,
        how="left",
        maintain_order="left",
    )
    attempts_asked = pl.when(pl.col("reference").is_not_null()).then(
        pl.col("unrequested").is_null()
    )
    return orders.with_columns(marked.select(attempts_asked.alias("attempts_asked")))


def drop_guessed_misses(
    failures: pl.DataFrame, original_references: pl.DataFrame, orders: pl.DataFrame
) -> pl.DataFrame:
    """Drop 404 failures of attempts that only `build_follow_ups` guessed (suffixes -1, -2, …).

    Args:
        failures: `schemas.FAILURES`.
        original_references: msn and reference of the original references.
        orders: `schemas.ORDERS` from which the follow-ups were made.
    """
    orders_with_reference = _select_orders_with_reference(orders)
    stems = pl.concat(
        [
            orders_with_reference.select(ATTEMPT_FAMILY_KEY),
            orders_with_reference.select("msn", base=_strip_attempt_suffix()),
        ]
    )
    guessed = (
        failures.with_row_index("place")
        .with_columns(base=_strip_attempt_suffix())
        .filter((pl.col("status") == 404) & (pl.col("base") != pl.col("reference")))
        .join(original_references, on=PAYMENT_KEY, how="anti")
        .join(stems, on=ATTEMPT_FAMILY_KEY, how="semi")
    )
    places = failures.with_row_index("place")
    return places.join(guessed, on="place", how="anti", maintain_order="left").drop("place")


def _select_orders_with_reference(orders: pl.DataFrame) -> pl.DataFrame:
    """Return the orders with a reference, and the base reference their attempts are numbered from."""
    base = pl.col("attempt_base")
    return (
        orders.select(_ATTEMPT_ORDER_COLUMNS)
        .filter(pl.col("reference").is_not_null())
        .with_columns(base=pl.when(base != "").then(base).otherwise("reference"))
    )


def _number_attempts(orders_with_reference: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Add `number`, the order's own attempt, counted from its base reference.

    A reference that ends like an attempt (`…-1`), and whose export shows no base, is one if a
    payment has the reference without that ending, and no other order has it. Then that is the base.
    """
    stems = orders_with_reference.select("msn", stem=_strip_attempt_suffix()).unique()
    is_stem = (
        stems.join(payments, left_on=["msn", "stem"], right_on=PAYMENT_KEY, how="semi")
        .join(orders_with_reference, left_on=["msn", "stem"], right_on=PAYMENT_KEY, how="anti")
        .with_columns(paid_stem=pl.col("stem"))
    )
    return (
        orders_with_reference.with_columns(stem=_strip_attempt_suffix())
        .join(is_stem, on=["msn", "stem"], how="left")
        .with_columns(
            base=pl.when(pl.col("base") == pl.col("reference"))
            .then(pl.coalesce("paid_stem", "base"))
            .otherwise("base")
        )
        .with_columns(number=_read_attempt_number())
        .drop("stem", "paid_stem")
    )


def _compute_order_owed(numbered: pl.DataFrame) -> pl.DataFrame:
    """Compute what each order's payments should bring, and give back: one row for each base.

    Columns: msn, base, number, currency, total_minor, shop_refunded_minor, owed_minor, sent. Cancelled orders, orders paid another way and recurring charges are left out. For an order
    paid partly by another means whose share the export does not show, any payment is enough. Of an
    order that several exports show, the row that owes most counts.
    """
    total = pl.min_horizontal("total_minor", "truncated_minor")
    net = total - pl.col("refunded_minor").fill_null(0)
    return (
        numbered.filter(
            (pl.col("status") != "cancelled")
            & pl.col("by_vipps").fill_null(value=True)
            & ~pl.col("recurring")
        )
        .with_columns(
            total_minor=total,
            shop_refunded_minor=pl.col("refunded_minor").fill_null(0),
            owed_minor=pl.when("split_tender").then(pl.min_horizontal(net, 1)).otherwise(net),
            sent=pl.col("status") == "fulfilled",
        )
        .group_by(*ATTEMPT_FAMILY_KEY, pl.coalesce("order_number", "reference"))
        .agg(pl.col("number", "sent", *_ORDER_AMOUNTS).max(), pl.col("currency").min())
        .group_by(ATTEMPT_FAMILY_KEY)
        .agg(pl.col("number", "sent").max(), pl.col("currency").min(), pl.col(_ORDER_AMOUNTS).sum())
        .filter((pl.col("owed_minor") > 0) | (pl.col("shop_refunded_minor") > 0))
    )


def _find_further_attempts(
    orders_with_reference: pl.DataFrame, after: int, payments: pl.DataFrame
) -> pl.DataFrame:
    """Return the further attempts to fetch, for orders whose payments bring or gave back too little.

    For a sent order only what was captured counts, since it would have to be captured now. A refund
    of what was never captured moves no money, so it is not missing; but where no known payment ever
    reserved anything, another attempt brought what the shop refunded.

    Args:
        orders_with_reference: The result of `_select_orders_with_reference`.
        after: Number of further attempts fetched by earlier rounds. One of the last round's must
            exist, or the order is skipped.
        payments: The payments found so far, as `fetching.follow_ups` gives them.
    """
    numbered = _number_attempts(orders_with_reference, payments.select(PAYMENT_KEY))
    order_payments = _match_payments_to_orders(payments, numbered).join(
        _compute_order_owed(numbered), on=ATTEMPT_FAMILY_KEY
    )
    same_currency = pl.col("currency") == pl.col("currency_right")
    net_captured = pl.col("captured_minor") - pl.col("refunded_minor")
    brought = (
        pl.when("sent").then(net_captured).otherwise(net_captured + _reserved_amount_expression())
    )
    holds_money = (net_captured + _reserved_amount_expression()) > 0
    not_given_back = (pl.col("shop_refunded_minor") - pl.col("refunded_minor")).clip(0)
    not_captured = (pl.col("total_minor") - pl.col("captured_minor")).clip(0)
    lacks_money = pl.col("brought_minor") < pl.col("owed_minor")
    lacks_refund = (not_given_back > not_captured) | (
        (not_given_back > 0) & ~pl.col("was_reserved")
    )
    short = (
        order_payments.group_by(*ATTEMPT_FAMILY_KEY, "number", *_ORDER_AMOUNTS)
        .agg(
            brought_minor=brought.filter(same_currency).sum(),
            captured_minor=pl.col("captured_minor").filter(same_currency).sum(),
            refunded_minor=pl.col("refunded_minor").filter(same_currency).sum(),
            was_reserved=(pl.col("authorized_minor") > 0).any(),
            # Amounts in another currency cannot be compared: such a payment counts as enough.
            in_other_currency=holds_money.filter(~same_currency).any(),
        )
        .filter((lacks_money | lacks_refund) & ~pl.col("in_other_currency"))
    )
    if after:
        previous_round = _build_attempt_references(
            short, after - ATTEMPTS_PER_ROUND, ATTEMPTS_PER_ROUND
        ).join(payments, on=PAYMENT_KEY, how="semi")
        short = short.join(previous_round, on=ATTEMPT_FAMILY_KEY, how="semi")
    return _build_attempt_references(short, after, ATTEMPTS_PER_ROUND).select(PAYMENT_KEY)


def _match_payments_to_orders(payments: pl.DataFrame, numbered: pl.DataFrame) -> pl.DataFrame:
    """Return the payments that are attempts at an order, with the order's base reference."""
    families = numbered.select(ATTEMPT_FAMILY_KEY).unique()
    named = _select_named_references(numbered).select(*PAYMENT_KEY, "base")
    order_references = pl.concat([numbered.select(*PAYMENT_KEY, "base"), named]).unique(
        PAYMENT_KEY, keep="first", maintain_order=True
    )
    itself, stripped = (
        families.with_columns(pl.col("base").alias(name)) for name in ("itself", "stripped")
    )
    return (
        payments.with_columns(stripped_from=_strip_attempt_suffix())
        .join(order_references, on=PAYMENT_KEY, how="left")
        .join(itself, left_on=PAYMENT_KEY, right_on=ATTEMPT_FAMILY_KEY, how="left")
        .join(stripped, left_on=["msn", "stripped_from"], right_on=ATTEMPT_FAMILY_KEY, how="left")
        .with_columns(base=pl.coalesce("base", "itself", "stripped"))
        .filter(pl.col("base").is_not_null())
    )


def _select_named_references(orders_with_reference: pl.DataFrame) -> pl.DataFrame:
    """Return msn, reference, base and own of the further references in the orders' cells."""
    return (
        orders_with_reference.filter(pl.col("further_references").is_not_null())
        .select(
            "msn",
            "base",
            own="reference",
            reference=pl.col("further_references").str.split(" "),
        )
        .explode("reference", empty_as_null=False)
        .filter(pl.col("reference").str.contains(NEW_REFERENCE_PATTERN))
    )


def _build_attempt_references(orders: pl.DataFrame, after: int, count: int) -> pl.DataFrame:
    """Return msn, base and reference of the next attempts, starting `after` the order's own."""
    return pl.concat(
        orders.select(
            *ATTEMPT_FAMILY_KEY,
            reference=pl.format("{}-{}", "base", pl.col("number") + after + ahead),
        )
        for ahead in range(1, count + 1)
    )


def _reserved_amount_expression() -> pl.Expr:
    """Return an expression for what is still reserved."""
    remaining = pl.col("authorized_minor") - pl.col("captured_minor") - pl.col("cancelled_minor")
    return pl.when(pl.col("state") == "AUTHORIZED").then(remaining.clip(0)).otherwise(0)


def _read_attempt_number() -> pl.Expr:
    """Return an expression for the number of an attempt; 0 for the base reference itself."""
    number = pl.col("reference").str.slice(pl.col("base").str.len_chars() + 1)
    return number.cast(pl.Int64, strict=False).fill_null(0)


def _strip_attempt_suffix() -> pl.Expr:
    return pl.col("reference").str.replace(ATTEMPT_SUFFIX, "")
