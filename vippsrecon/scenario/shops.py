"""Define the shop systems and the features of their exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vippsrecon.scenario.exports.plain_woo_magento import (
    MAGENTO_COLUMNS,
    PLAIN_COLUMNS,
    WOOCOMMERCE_COLUMNS,
    build_magento_rows,
    build_plain_rows,
    build_woocommerce_rows,
)
from vippsrecon.scenario.exports.shopify import SHOPIFY_HEADER, build_shopify_rows
from vippsrecon.scenario.models import ScenarioOrder
from vippsrecon.scenario.random_draws import RandomDraws

EXPORT_FEATURES: dict[str, frozenset[str]] = {
    "plain": frozenset(
        {
            "currency",
            "digits",
            "fulfilled_at",
            "held_refund",
            "one_reference_twice",
            "open_refund",
            "paid",
            "partial",
            "refund_on_cancelled",
            "refunded_at",
            "retries",
            "several_units",
            "two_attempts",
            "uppercase",
        }
    ),
    "shopify": frozenset(
        {
            "currency",
            "fulfilled_at",
            "held_refund",
            "one_reference_twice",
            "open_refund",
            "paid",
            "partial",
            "refund_on_cancelled",
            "shop_currency",
            "uppercase",
        }
    ),
    "woocommerce": frozenset(
        {
            "currency",
            "fulfilled_at",
            "held_refund",
            "one_reference_twice",
            "open_refund",
            "paid",
            "refund_on_cancelled",
            "retries",
            "two_attempts",
            "uppercase",
        }
    ),
    "magento": frozenset({"open_refund", "paid", "several_units", "zero_padded"}),
}
"""The features of each export, which decide the cases that can occur in it.

`currency` the order's currency · `digits` references of digits only, which Excel damages ·
`fulfilled_at`, `refunded_at`, `paid` such a column · `held_refund` a refund before capture ·
`one_reference_twice` two orders on one payment reference · `open_refund` a full refund leaves the
order's status as it was · `partial` a status for part shipped ·
`refund_on_cancelled` a refund on a cancelled order · `retries` attempts told by a suffix ·
`several_units` tells its sales units apart · `shop_currency` only the shop's currency, not the
payment's · `two_attempts` two payments of one order can be told to belong together (Shopify has
a column for several references, but what parts them is not known, so it cannot) ·
`uppercase` references with letters · `zero_padded` the order number is the reference, padded.
"""


@dataclass(frozen=True)
class Shop:
    """One shop system.

    Attributes:
        export_features: Features of its export (see `EXPORT_FEATURES`).
        quote_all: Whether every field is quoted.
        reference: Builds the payment reference from an order number.
        order_number: Builds the number that the shop shows.
        rows: Builds the export rows of an order.
    """

    name: str
    export_features: frozenset[str]
    quote_all: bool
    header: tuple[str, ...]
    reference: Callable[[RandomDraws, int], str]
    order_number: Callable[[int], str]
    rows: Callable[[ScenarioOrder], list[list[str]]]


SHOPS = {
    "plain": Shop(
        "plain",
        EXPORT_FEATURES["plain"],
        False,
        PLAIN_COLUMNS,
        lambda _, number: f"nord-26-{100000 + number}",
        lambda number: str(100000 + number),
        build_plain_rows,
    ),
    "shopify": Shop(
        "shopify",
        EXPORT_FEATURES["shopify"],
        False,
        tuple(SHOPIFY_HEADER.split(",")),
        lambda draws, _: "r" + draws.draw_base62(24),
        lambda number: f"#{1000 + number}",
        build_shopify_rows,
    ),
    "woocommerce": Shop(
        "woocommerce",
        EXPORT_FEATURES["woocommerce"],
        True,
        WOOCOMMERCE_COLUMNS,
        lambda _, number: f"woo-butikk-{20000 + number}",
        lambda number: str(20000 + number),
        build_woocommerce_rows,
    ),
    "magento": Shop(
        "magento",
        EXPORT_FEATURES["magento"],
        False,
        tuple(MAGENTO_COLUMNS),
        lambda _, number: f"{number:09}",
        lambda number: f"{number:09}",
        build_magento_rows,
    ),
}
"""Every shop system, by name."""
