"""Arrange the bridge as one statement: from the orders to the money in the bank."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from vippsrecon.schemas.results import BRIDGE_LEGS

MONEY_LEGS = ("ledger", "payouts", "bank")
"""The legs of the bridge after those that begin with the shop's orders."""


@dataclass(frozen=True)
class StatementBlock:
    """One leg of the whole bridge, from orders to the bank. Minor units.

    Attributes:
        lines: (line, signed amount, rows); the amounts add up to `total_minor`.
        total_rows: Number of rows in the total.
    """

    currency: str
    msn: str
    leg: str
    lines: tuple[tuple[str, int, int], ...]
    total_minor: int
    total_rows: int


def compute_statement(bridge: pl.DataFrame) -> tuple[StatementBlock, ...]:
    """Return each leg of the bridge, from the orders to the bank, by currency and sales unit."""
    place = {leg: position for position, leg in enumerate(BRIDGE_LEGS)}
    blocks = []
    for block in bridge.partition_by("currency", "msn", "leg", maintain_order=True):
        *lines, (_, total, rows) = block.select("line", "amount_minor", "rows").rows()
        currency, msn, leg = block.select("currency", "msn", "leg").row(0)
        blocks.append(StatementBlock(currency, msn, leg, tuple(lines), total, rows))
    return tuple(sorted(blocks, key=lambda block: (block.currency, block.msn, place[block.leg])))
