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
from vippsrecon.scenario.exports.shopware import SHOPWARE_COLUMNS, build_shopware_rows
from vippsrecon.scenario.models import ScenarioOrder
from vippsrecon.scenario.random_draws import RandomDraws

EXPORT_FEATURES: dict[str, frozenset[str]] = {
    "plain": frozenset(
        {
            "currency",
            "days_only",
            "digits",
            "fulfilled_at",
            "held_refund",
            "one_reference_twice",
            "open_refund",
            "paid",
            "partial",
            "refund_on_cancelled",
            "refunded_at",
            "refunded_by_hand",
            "refunds",
            "retries",
            "several_units",
            "split_payment",
            "tender_changed",
            "two_attempts",
            "uppercase",
        }
    ),
    "shopify": frozenset(
        {
            "authorization",
            "currency",
            "fulfilled_at",
            "held_refund",
            "one_reference_twice",
            "open_refund",
            "paid",
            "partial",
            "refund_on_cancelled",
            "refunds",
            "several_references",
            "shop_currency",
            "split_payment",
            "uppercase",
        }
    ),
    "woocommerce": frozenset(
        {
            "currency",
            "fulfilled_at",
            "held_refund",
            "next_month",
            "one_reference_twice",
            "open_refund",
            "overlapping_export",
            "paid",
            "refund_on_cancelled",
            "refunds",
            "retries",
            "split_payment",
            "tender_changed",
            "two_attempts",
            "uppercase",
        }
    ),
    "magento": frozenset(
        {"open_refund", "paid", "refunds", "several_units", "tender_changed", "zero_padded"}
    ),
    "shopware": frozenset(
        {"currency", "open_refund", "paid", "tender_changed", "truncates", "uppercase"}
    ),
}
"""The features of each export. They decide which cases can occur in it:

| feature | the export | plain | Shopify | WooCommerce | Magento | Shopware |
|---|---|---|---|---|---|---|
| `authorization` | says that a reservation was voided or has expired | | yes | | | |
| `currency` | has the currency of the order | yes | yes | yes | | yes |
| `days_only` | may have a date without a time | yes | | | | |
| `digits` | has references of digits only, which Excel damages | yes | | | | |
| `fulfilled_at` | has the time of shipping | yes | yes | yes | | |
| `held_refund` | can show a refund before capture | yes | yes | yes | | |
| `next_month` | shows orders of the next month too | | | yes | | |
| `one_reference_twice` | can have one payment reference on two orders | yes | yes | yes | | |
| `open_refund` | keeps the status of an order refunded in full | yes | yes | yes | yes | yes |
| `overlapping_export` | overlaps with an earlier one | | | yes | | |
| `paid` | says whether an order is paid | yes | yes | yes | yes | yes |
| `partial` | has a status for partly shipped orders | yes | yes | | | |
| `refund_on_cancelled` | can show a refund on a cancelled order | yes | yes | yes | | |
| `refunded_at` | has the time of a refund | yes | | | | |
| `refunded_by_hand` | says that a refund was only recorded | yes | | | | |
| `refunds` | has the amounts refunded | yes | yes | yes | yes | |
| `retries` | has a suffix on the reference of a further attempt | yes | | yes | | |
| `several_references` | lists the references of one order's payments | | yes | | | |
| `several_units` | shows the sales unit | yes | | | yes | |
| `shop_currency` | has only the shop's currency, not the payment's | | yes | | | |
| `split_payment` | shows that two payments are one order's | yes | yes | yes | | |
| `tender_changed` | keeps the reference of an order paid otherwise in the end | yes | | yes | yes | yes |
| `truncates` | is of a shop whose plugin truncates amounts | | | | | yes |
| `two_attempts` | shows that a payment is a further attempt of another | yes | | yes | | |
| `uppercase` | has letters in its references | yes | yes | yes | | yes |
| `zero_padded` | has the order number with leading zeros as reference | | | | yes | |

Shopify lists the payments that an order was paid with, so it shows neither a second attempt nor a
reservation of an order paid otherwise; two payments that it lists are one split payment. In Magento a
further attempt has an order number of its own. WooCommerce's REST answer says that a refund was only
recorded, its CSV does not. Shopware's export says only that something was refunded, so its refunds are
unknown unless the whole order was (case 48), and nothing is proposed for such an order.

Any shop can export twice, and beyond a month. One does here, WooCommerce: one day of its orders is in an
earlier export too (`superseded_row`, 3 % of the ordinary orders), and its export continues into the
next month (`outside_period`, 0.5 % of the payments), so that it is reconciled with a period.
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
        delimiter: Separates two fields.
    """

    name: str
    export_features: frozenset[str]
    quote_all: bool
    header: tuple[str, ...]
    reference: Callable[[RandomDraws, int], str]
    order_number: Callable[[int], str]
    rows: Callable[[ScenarioOrder], list[list[str]]]
    delimiter: str = ","


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
    "shopware": Shop(
        "shopware",
        EXPORT_FEATURES["shopware"],
        False,
        SHOPWARE_COLUMNS,
        lambda draws, _: draws.uuid().replace("-", ""),
        lambda number: str(10000 + number),
        build_shopware_rows,
        ";",
    ),
}
"""Every shop system, by name."""
