"""The shops of a healthy month: their sales, and the exports they write; see `healthy_sales`."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tests.workflow.healthy_exports import (
    major,
    write_magento,
    write_plain,
    write_shopify,
    write_shopware,
    write_woocommerce,
    write_woocommerce_rest,
)
from tests.workflow.healthy_sales import (
    DAY,
    EVERYWHERE,
    EXPORTED,
    Sale,
    at_the_till_now,
    cancelled_after_it_was_captured,
    captured_at_checkout,
    gift,
    given_up,
    just_sent,
    less_than_ordered,
    paid_by_card,
    returned,
    sent_in_part,
    tried_again,
    waiting,
)


class Shop(NamedTuple):
    """A shop: its file, its kinds of sales, its references, and if it captures at checkout."""

    file: str
    stories: list[Callable[[Sale], None]]
    reference: Callable[[int, random.Random], str]
    write: Callable[[list[Sale]], str]
    at_once: bool = False
    charge: Callable[[int], int] = int


def truncate(total: int) -> int:
    """Return the amount that Shopware's plugin requests: it rounds down, and may lose one øre.

    >>> truncate(1999), truncate(2000)
    (1998, 2000)
    """
    return int(float(major(total)) * 100)


def make_sales(shop: Shop, count: int, seed: int) -> list[Sale]:
    """Return a month's sales of a shop, ordered from 1 October to the day before the export."""
    chance = random.Random(seed)
    sales = []
    for n in range(count):
        ordered = datetime(2026, 10, 1, 6, tzinfo=UTC) + n * (25 * DAY) / count
        ordered += timedelta(seconds=chance.randrange(3600))
        story = shop.stories[n % len(shop.stories)]
        if story is waiting:
            ordered += 8 * DAY
        number = 5001 + n
        total = chance.choice((1999, 24950, 49900, 129900, chance.randrange(1000, 500000)))
        sale = Sale(number, shop.reference(number, chance), total, shop.charge(total), ordered)
        story(sale)
        if sale.now > EXPORTED:
            raise AssertionError(f"{story.__name__} ends after the export")
        sales.append(sale)
    return sales


def draw_text(chance: random.Random, alphabet: str, length: int) -> str:
    """Return a random text."""
    return "".join(chance.choice(alphabet) for _ in range(length))


BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SHOPS = {
    "plain": Shop(
        "orders.csv",
        [
            *EVERYWHERE,
            just_sent,
            sent_in_part,
            less_than_ordered,
            tried_again,
            given_up,
            at_the_till_now,
        ],
        lambda number, _: f"shop-{number:06}",
        write_plain,
    ),
    "shopify": Shop(
        "orders_export.csv",
        [*EVERYWHERE, just_sent, sent_in_part],
        lambda _, chance: "r" + draw_text(chance, BASE62, 24),
        write_shopify,
    ),
    "shopify, captured at checkout": Shop(
        "orders_export.csv",
        [
            *[captured_at_checkout] * 9,
            returned,
            cancelled_after_it_was_captured,
            paid_by_card,
            gift,
        ],
        lambda _, chance: "r" + draw_text(chance, BASE62, 24),
        write_shopify,
        at_once=True,
    ),
    "woocommerce, REST": Shop(
        "orders.json",
        [*EVERYWHERE, just_sent, less_than_ordered, tried_again, given_up, at_the_till_now],
        lambda number, _: f"woo-mugs-{number}",
        write_woocommerce_rest,
    ),
    "woocommerce": Shop(
        "orders.csv",
        [*EVERYWHERE, just_sent, less_than_ordered, tried_again, given_up, at_the_till_now],
        lambda number, _: f"woo-mugs-{number}",
        write_woocommerce,
    ),
    "magento": Shop(
        "orders.csv",
        [*EVERYWHERE, at_the_till_now, given_up],
        lambda number, _: f"{number:09}",
        write_magento,
    ),
    "shopware": Shop(
        "orders.csv",
        [*EVERYWHERE, sent_in_part, at_the_till_now, given_up],
        lambda _, chance: draw_text(chance, "0123456789abcdef", 32),
        write_shopware,
        charge=truncate,
    ),
}
