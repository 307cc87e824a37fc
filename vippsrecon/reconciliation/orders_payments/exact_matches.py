"""Split off the exact matches early, so that the checks run on the other pairs only.

This module repeats the rules of `variables` and `checks` in another, faster form. Whoever changes
a rule there must change it here too, and the other way round. A test runs all checks on the exact
matches as well and fails if any check applies to one of them.

In a healthy shop nine pairs in ten are fulfilled orders, captured to the øre. The rows of orders
(positive), payments (negative) and events are stacked and summed once per reference. Where every
sum is zero the pair is an exact match, and only a few of its columns are needed afterwards.

The test is sufficient, not necessary: a pair that fails it may still have no discrepancy. Such a
pair goes through all checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import narwhals.stable.v2 as nw

from vippsrecon.errors import InputError
from vippsrecon.money import DECIMALS
from vippsrecon.reconciliation.days import DAY_US
from vippsrecon.reconciliation.engines.backends import LazyFrame, collect_rows, materialize
from vippsrecon.reconciliation.engines.keys import (
    HASHES,
    KEY_COLUMN,
    SECOND_HASH,
    HashFunction,
    add_payment_key,
    key_columns,
)
from vippsrecon.reconciliation.orders_payments.event_log.event_history import (
    AGGREGATE_COLUMNS,
    select_movements,
)
from vippsrecon.reconciliation.orders_payments.links import derive_links
from vippsrecon.reconciliation.orders_payments.variables import is_in_keys
from vippsrecon.schemas.inputs import PAYMENT_KEY

RECENT_DAYS = 300
"""A payment authorized in this many days before the cut-off is not near its refund deadline."""

EXACT_MATCH_COLUMNS = (*PAYMENT_KEY, "currency", "O", "Or", "source_file", "source_row")
"""Columns of an exact match: C equals O, R equals Or, and both sides have the same reference."""

_BEFORE_ALL_EVENTS_US = -(2**62)
"""Cut-off for rows that must not become an exact match: every event is later than this."""

_ZERO = nw.lit(0, nw.Int64)
_ONE = nw.lit(1, nw.Int64)


class MatchCriteria(NamedTuple):
    """Limits within which a pair can be an exact match.

    Attributes:
        waived: (msn, reference) of pairs the user ignores; they are never exact matches.
        hash_function: Makes a number of msn and reference, see `keys`; None to join by the texts.
        skip_exact_matches: False: treat no pair as an exact match, so that all checks run on all.
    """

    waived: frozenset[tuple[str, str]]
    hash_function: HashFunction | None = None
    skip_exact_matches: bool = True


@dataclass(frozen=True)
class Split:
    """Both sides, split into exact matches and the rows that the checks must see.

    Attributes:
        exact_matches: One row per exact match (`EXACT_MATCH_COLUMNS`).
        orders, payments: All other rows, unchanged.
        links: Payments linked to an order by a rule (msn, reference, okey, link).
        duplicates: msn, reference of up to three payments that occur more than once.
        collisions: A row if two payments have one key: then this split is wrong and must be made
            again without keys. None if no keys were used.
    """

    exact_matches: LazyFrame
    orders: LazyFrame
    payments: LazyFrame
    links: LazyFrame
    duplicates: LazyFrame
    collisions: LazyFrame | None


def split_exact_matches(
    orders: LazyFrame,
    payments: LazyFrame,
    events: LazyFrame | None,
    unanswered: LazyFrame | None,
    criteria: MatchCriteria,
    *,
    named: LazyFrame,
) -> Split:
    """Split both sides into exact matches and the rest.

    Args:
        orders: The rows of the order export, as `backends.prepare_frame` returns them, with
            latest_change_us: the earliest fetch of any payment, or the as-of time.
        payments: One row per payment, as `backends.prepare_frame` returns them, with as_of_us.
        events: One row per event, with earliest_cut_off_us; None if no event log was fetched.
        unanswered: msn, reference of orders with an unanswered reference; they are never exact matches.
        criteria: Limits within which a pair can be an exact match.
        named: Result of `links.collect_named_links`.
    """
    all_orders, payments = (
        add_payment_key(rows, criteria.hash_function) for rows in (orders, payments)
    )
    if events is not None:
        events = add_payment_key(events, criteria.hash_function)
    key = key_columns(payments)
    without_reference = nw.col("reference").is_null()
    with_reference = all_orders.filter(~without_reference)
    # Used several times below; without this the sums would be computed each time.
    sums = materialize(_sum_by_reference(with_reference, payments, events, criteria), large=True)
    unmatched = (nw.col("orders") == 0) & (nw.col("payments") == 1)
    unmatched_payments = materialize(_find_payments(payments, sums.filter(unmatched), key))
    links = derive_links(unmatched_payments, orders, payments, named)
    linked = links.select("msn", reference=nw.col("okey"))
    inexact_parts = [
        sums.filter(~nw.col("agrees")).select(key),
        add_payment_key(linked, criteria.hash_function).select(key),
    ]
    if unanswered is not None:
        unanswered_keys = add_payment_key(unanswered.select(*PAYMENT_KEY), criteria.hash_function)
        inexact_parts.append(unanswered_keys.select(key))
    inexact = materialize(nw.concat(inexact_parts, how="vertical").unique())
    columns, payment_columns = (
        [name for name in rows.collect_schema().names() if name not in HASHES]
        for rows in (orders, payments)
    )
    inexact_orders = [
        all_orders.join(inexact, on=key, how="semi").select(columns),
        orders.filter(without_reference),
    ]
    exact_matches = (
        with_reference.with_columns(
            O=nw.col("total_minor"), Or=nw.col("refunded_minor").fill_null(0)
        )
        .join(inexact, on=key, how="anti")
        .select(list(EXACT_MATCH_COLUMNS))
    )
    return Split(
        materialize(exact_matches, large=True),
        materialize(nw.concat(inexact_orders, how="vertical"), large=True),
        materialize(payments.join(inexact, on=key, how="semi").select(payment_columns), large=True),
        links,
        _find_duplicate_payments(payments, sums, key),
        _find_collisions(sums),
    )


def sum_exact_matches(exact_matches: LazyFrame) -> LazyFrame:
    """Sum the exact matches per msn, currency and `outside` the period.

    Sums are O, Or, and C_in and R_in, which moved in the period (minor units), and the rows.
    `moved` shows what moved in another period: 1 captures, 2 refunds, 3 both.
    """
    moved_captures = nw.when(nw.col("C_in") != nw.col("O")).then(_ONE).otherwise(_ZERO)
    moved_refunds = nw.when(nw.col("R_in") != nw.col("Or")).then(_ONE).otherwise(_ZERO)
    sums = ("O", "Or", "C_in", "R_in", "rows")
    return materialize(
        exact_matches.with_columns(rows=_ONE, moved=moved_captures + moved_refunds * 2)
        .group_by("msn", "currency", "outside", "moved")
        .agg(nw.col(*sums).sum().cast(nw.Int64))
    )


def _sum_by_reference(
    orders: LazyFrame, payments: LazyFrame, events: LazyFrame | None, criteria: MatchCriteria
) -> LazyFrame:
    """Sum the rows of each reference: its key, orders, payments (row counts), agrees."""
    key = key_columns(payments)
    hashes = [SECOND_HASH] if key == [KEY_COLUMN] else []
    sums = ["orders", "payments", "currency", "captured", "refunded"]
    ends = ["until_us"]
    keys = [*key, *hashes]
    stacked = [
        _select_order_amounts(orders, criteria, keys),
        _select_payment_amounts(payments, keys),
    ]
    if events is not None:
        sums += AGGREGATE_COLUMNS
        ends.append("last_us")
        stacked.append(select_movements(events, keys))
    totals = (
        nw.concat([_fill_columns(rows, keys, sums, ends) for rows in stacked], how="vertical")
        .group_by(*key)
        .agg(
            *(nw.col(name).sum().cast(nw.Int64) for name in sums),
            nw.col("until_us").min(),
            *(nw.col(name).max() for name in ends[1:]),
            *(nw.col(name).min() for name in hashes),
            *(nw.col(name).max().alias("last_hash") for name in hashes),
        )
    )
    agrees = (nw.col("orders") == 1) & (nw.col("payments") == 1)
    for name in sums[2:]:
        agrees = agrees & (nw.col(name) == 0)
    last_us = nw.lit(0, nw.Int64) if events is None else nw.col("last_us").fill_null(0)
    in_time = last_us <= nw.col("until_us")
    return totals.select(
        *keys,
        *(["last_hash"] if hashes else []),
        "orders",
        "payments",
        agrees=(agrees & in_time).fill_null(value=False),
    )


def _fill_columns(rows: LazyFrame, keys: list[str], sums: list[str], ends: list[str]) -> LazyFrame:
    """Select the columns to sum (0 where absent) and the times (null where absent)."""
    existing = rows.collect_schema().names()
    no_time = nw.lit(None).cast(nw.Int64)
    return rows.select(
        *keys,
        *(nw.col(name) if name in existing else _ZERO.alias(name) for name in sums),
        *(nw.col(name) if name in existing else no_time.alias(name) for name in ends),
    )


def _select_order_amounts(orders: LazyFrame, criteria: MatchCriteria, keys: list[str]) -> LazyFrame:
    """Select the orders' amounts, positive, and their cut-off; special orders never match."""
    plain = (
        _is_plain_order()
        & (_currency_number() > 0)
        & ~is_in_keys(criteria.waived, nw.col("reference"))
        & nw.lit(value=criteria.skip_exact_matches)
    )
    until = nw.when(plain).then(nw.col("exported_at_us"))
    return orders.select(
        *keys,
        orders=_ONE,
        currency=_currency_number(),
        captured=nw.col("total_minor"),
        refunded=nw.col("refunded_minor").fill_null(0),
        until_us=until.otherwise(nw.lit(_BEFORE_ALL_EVENTS_US, nw.Int64)),
    )


def _select_payment_amounts(payments: LazyFrame, keys: list[str]) -> LazyFrame:
    """Select the payments' amounts, negative, and their cut-off; special payments never match."""
    fetched_us, as_of_us = nw.col("fetched_at_us"), nw.col("as_of_us")
    until = nw.when(fetched_us < as_of_us).then(fetched_us).otherwise(as_of_us)
    return payments.select(
        *keys,
        *((-nw.col(aggregate)).alias(letter) for letter, aggregate in AGGREGATE_COLUMNS.items()),
        payments=_ONE,
        currency=-_currency_number(),
        captured=-nw.col("captured_minor"),
        refunded=-nw.col("refunded_minor"),
        until_us=nw.when(_is_plain_payment())
        .then(until)
        .otherwise(nw.lit(_BEFORE_ALL_EVENTS_US, nw.Int64)),
    )


def _currency_number() -> nw.Expr:
    """Return a number for each currency; 0 for an unsupported one, which never matches exactly."""
    number: nw.Expr = _ZERO
    for position, currency in enumerate(DECIMALS, start=1):
        has_currency = nw.col("currency") == currency
        number = nw.when(has_currency).then(nw.lit(position, nw.Int64)).otherwise(number)
    return number


def _is_plain_order() -> nw.Expr:
    """Test for a fulfilled order to which only the checks of amounts can apply.

    It is not recurring or split, was paid with Vipps MobilePay as far as the shop says, its refunds
    are known, and it did not change since the earliest fetch or the as-of time.
    """
    special = nw.col("recurring") | nw.col("split_tender")
    special = special | ~nw.col("further_references").is_null()
    for doubt in ("method_unsure", "recorded_by_hand"):
        special = special | nw.col(doubt).fill_null(value=False)
    special = special | (nw.col("paid") == "no") | ~nw.col("by_vipps").fill_null(value=True)
    special = special | ~nw.col("shop_authorization").is_null() | nw.col("refunded_minor").is_null()
    plain = (nw.col("status") == "fulfilled") & ~special
    for changed_at in ("fulfilled_at_us", "refunded_at_us"):
        plain = plain & (nw.col(changed_at) <= nw.col("latest_change_us")).fill_null(value=True)
    return plain


def _is_plain_payment() -> nw.Expr:
    """Test for a recently authorized payment, captured, with nothing left reserved."""
    a, c, r, x = (nw.col(aggregate) for aggregate in AGGREGATE_COLUMNS.values())
    return (
        (nw.col("state") == "AUTHORIZED")
        & (c > 0)
        & (r <= c)
        & (a - c - x <= 0)
        & ~nw.col("created_day").is_null()
        & (nw.col("authorized_at_us") > nw.col("as_of_us") - RECENT_DAYS * DAY_US)
    )


def _find_payments(payments: LazyFrame, sums: LazyFrame, key: list[str]) -> LazyFrame:
    """Return msn, reference of the payments that some of the sums belong to."""
    return payments.join(materialize(sums.select(key)), on=key, how="semi").select(*PAYMENT_KEY)


def _find_duplicate_payments(payments: LazyFrame, sums: LazyFrame, key: list[str]) -> LazyFrame:
    repeated = _find_payments(payments, sums.filter(nw.col("payments") > 1), key).unique()
    return materialize(repeated.sort(*PAYMENT_KEY).head(3))


def _find_collisions(sums: LazyFrame) -> LazyFrame | None:
    if SECOND_HASH not in sums.collect_schema().names():
        return None
    return materialize(sums.filter(nw.col(SECOND_HASH) != nw.col("last_hash")).head(1))


def check_payments_unique(duplicates: LazyFrame) -> None:
    """Raise InputError naming up to three payments that occur more than once."""
    rows = collect_rows(duplicates)
    if rows:
        examples = ", ".join(f"{row['reference']} ({row['msn']})" for row in rows)
        raise InputError(f"payments contains a payment twice: {examples}. Fetch the payments again")
