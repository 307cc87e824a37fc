"""Find sets of amounts that add up exactly to one amount, to be proposed to a person.

A bank may pay several payouts in one credit, or one payout in several. Where no text tells which, an
exact set is a proposal only if it is the only one. The search is bounded: with more candidates or
sums than the limits allow nothing is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

MAX_CANDIDATES = 24
"""More amounts than this have so many sums that one of them fits by chance."""

MAX_SUMS = 50_000
"""Sums kept during one search, which then takes less than a tenth of a second."""


class Outcome(Enum):
    """How a search ended."""

    FOUND = "found"
    NONE = "none"
    SEVERAL = "several"
    TOO_MANY = "too_many"


class CoveringSet(NamedTuple):
    """The result of a search: how it ended, and the positions of the amounts where one set was found."""

    outcome: Outcome
    positions: tuple[int, ...] = ()


def find_covering_set(
    amounts: Sequence[int], total: int, required: Sequence[int] = ()
) -> CoveringSet:
    """Return the only set of two amounts or more that adds up to the total.

    Args:
        amounts: Candidates, in minor units; only positive ones take part.
        total: What they have to add up to, positive.
        required: Positions of amounts that every set must hold.

    >>> find_covering_set([500, 700, 900], 1200).positions
    (0, 1)
    >>> find_covering_set([500, 700, 500], 1200).outcome.value
    'several'
    >>> find_covering_set([500, 700, 900], 1300).outcome.value
    'none'
    """
    rest = total - sum(amounts[position] for position in required)
    optional = [
        position
        for position, amount in enumerate(amounts)
        if 0 < amount <= rest and position not in required
    ]
    if rest < 0:
        return CoveringSet(Outcome.NONE)
    if len(optional) > MAX_CANDIDATES:
        return CoveringSet(Outcome.TOO_MANY)
    sets_by_sum = _add_up([amounts[position] for position in optional], rest)
    if sets_by_sum is None:
        return CoveringSet(Outcome.TOO_MANY)
    mask, several = sets_by_sum.get(rest, (0, False))
    if several:
        return CoveringSet(Outcome.SEVERAL)
    chosen = [position for bit, position in enumerate(optional) if mask >> bit & 1]
    positions = tuple(sorted([*required, *chosen]))
    if rest not in sets_by_sum or len(positions) < 2:
        return CoveringSet(Outcome.NONE)
    return CoveringSet(Outcome.FOUND, positions)


def _add_up(amounts: Sequence[int], limit: int) -> dict[int, tuple[int, bool]] | None:
    """Return each sum up to the limit with a set that reaches it, as a bit mask, and if others do too.

    None where there are more sums than `MAX_SUMS`.
    """
    sets_by_sum: dict[int, tuple[int, bool]] = {0: (0, False)}
    for bit, amount in enumerate(amounts):
        for reached, (mask, several) in list(sets_by_sum.items()):
            added = reached + amount
            if added > limit:
                continue
            other = sets_by_sum.get(added)
            sets_by_sum[added] = (mask | 1 << bit, several) if other is None else (other[0], True)
        if len(sets_by_sum) > MAX_SUMS:
            return None
    return sets_by_sum
