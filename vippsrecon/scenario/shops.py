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
"""The features of each export. They decide which cases can occur in it.

`currency`: has the currency of the order · `digits`: references have only digits, which Excel
damages · `fulfilled_at`, `refunded_at`, `paid`: has this column · `held_refund`: can show a refund
before capture · `one_reference_twice`: two orders can have the same payment reference ·
`open_refund`: a full refund does not change the order's status · `partial`: has a status for partly
shipped orders · `refund_on_cancelled`: can show a refund on a cancelled order · `retries`: attempts
have a suffix · `several_units`: shows the sales unit · `shop_currency`: has only the shop's currency,
not the payment's · `two_attempts`: shows that two payments belong to the same order (Shopify has a
column for several references, but its separator is not known) · `uppercase`: references have
letters · `zero_padded`: the reference is the order number with leading zeros.
"""


@dataclass(frozen=True)
class Shop:
    """Describes a shop system and its export.

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
