"""How often each scene happens: one table, and the drawing of a month from it.

Planted scenes are counted (a share of the payments asked for, at least one each in a month that
is large enough), the ordinary ones fill the rest so that the payments come out exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from vippsrecon.scenario.case_builder import Slot
from vippsrecon.scenario.cases import capturing, ordinary, presence, refunding
from vippsrecon.scenario.models import Scene
from vippsrecon.scenario.random_draws import Draws
from vippsrecon.scenario.sales_units import SalesUnit
from vippsrecon.scenario.shops import Shop

ALL_KINDS_FROM = 200
"""From this many payments on, every scene the shop can carry is planted at least once."""

DAYS = 31
WHOLE = (1, 31)
EARLY = (2, 25)
"""Days whose captures fall within the month, so that its ledger shows them, and whose orders
are past every grace when the export is taken."""
LATE = (28, 31)
"""Days whose reservations are far from every market's capture deadline at the export."""


class Case(NamedTuple):
    """One kind of scene.

    Attributes:
        share: Scenes per payment of the month.
        payments: How many payments one scene makes.
        days: First and last day of the month it may be placed on.
        needs: What the shop's export must be able to carry (`shops.CAN_SAY`).
        markets: Markets it can happen in; empty for all.
    """

    build: Callable[[Slot], Scene]
    share: float
    payments: int = 1
    days: tuple[int, int] = WHOLE
    needs: frozenset[str] = frozenset()
    markets: frozenset[str] = frozenset()

    def fits(self, shop: Shop, unit: SalesUnit) -> bool:
        """Tell whether this scene can be told by a shop in a sales unit."""
        return self.needs <= shop.can_say and (not self.markets or unit.market in self.markets)


def _case(  # noqa: PLR0917  rows of a table
    build: Callable[[Slot], Scene],
    share: float,
    payments: int = 1,
    days: tuple[int, int] = WHOLE,
    needs: str = "",
    markets: str = "",
) -> Case:
    return Case(build, share, payments, days, frozenset(needs.split()), frozenset(markets.split()))


PLANTED = (
    _case(presence.missing_in_vipps, 0.003, 0),
    _case(presence.missing_in_orders, 0.002, 1, EARLY),
    _case(presence.missing_in_orders_refunded, 0.001, 1, EARLY),
    _case(presence.duplicate_payment, 0.0025, 2, EARLY, "two_attempts"),
    _case(presence.duplicate_order_row, 0.002, 1),
    _case(presence.reference_with_lost_zeros, 0.001, 1, EARLY, "digits"),
    _case(presence.reference_with_lost_zeros, 0.002, 1, EARLY, "zero_padded"),
    _case(presence.reference_in_scientific_form, 0.001, 1, EARLY, "digits"),
    _case(presence.reference_in_other_case, 0.001, 1, EARLY, "uppercase"),
    _case(presence.currency_mismatch, 0.002, 1, WHOLE, "currency"),
    _case(presence.aggregate_mismatch, 0.002),
    _case(capturing.not_paid, 0.0025),
    _case(capturing.cancelled_but_captured, 0.002),
    _case(capturing.cancelled_refund_failed, 0.001, 1, EARLY, "refund_on_cancelled"),
    _case(capturing.captured_not_fulfilled, 0.0025, 1, EARLY),
    _case(capturing.authorization_lost, 0.0015),
    _case(capturing.authorization_lost_open, 0.001, 1, EARLY),
    _case(capturing.authorization_lost_in_part, 0.001, 1, EARLY, "partial"),
    _case(capturing.fulfilled_not_captured, 0.003, 1, LATE),
    _case(capturing.duplicate_capture, 0.002),
    _case(capturing.under_captured, 0.002, 1, LATE),
    _case(capturing.under_captured_for_good, 0.001, 1, EARLY),
    _case(capturing.over_captured, 0.002),
    _case(capturing.express_freight, 0.0015),
    _case(capturing.over_captured_and_refund_missing, 0.001, 1, EARLY),
    _case(refunding.refund_missing_at_vipps, 0.003, 1, EARLY),
    _case(refunding.refunded_in_books_only, 0.001, 1, EARLY, "open_refund"),
    _case(refunding.refund_failed, 0.0025, 1, EARLY),
    _case(refunding.refund_missing_in_shop, 0.003, 1, EARLY),
    _case(refunding.refund_exceeds_capture, 0.0015, 1, EARLY),
    _case(refunding.remainder_of_cancelled, 0.002, 1, LATE),
    _case(refunding.remainder_of_edited, 0.0015, 1, LATE),
    _case(refunding.remainder_after_early_refund, 0.001, 1, LATE, "held_refund"),
    _case(refunding.remainder_of_refunded, 0.001, 1, LATE, "held_refund open_refund"),
    _case(refunding.guarantee_running_out, 0.002, 1, LATE),
    _case(refunding.deadline_running_out, 0.0015, 1, (23, 24), markets="DK FI"),
)
"""Scenes that hold a discrepancy."""

BESIDE = (
    _case(presence.captured_before_first_order, 0.003, 1, (1, 1)),
    _case(presence.nothing_to_pay, 0.002, 0),
    _case(presence.other_payment_method, 0.02, 0),
    _case(presence.blind_spot, 0.0015, 1, (2, 30)),
    _case(capturing.captured_yesterday, 0.003, 1, LATE),
    _case(capturing.shipped_last_night, 0.004, 1, LATE, "fulfilled_at"),
    _case(capturing.part_shipped, 0.004, 1, LATE, "partial"),
    _case(capturing.refunded_before_shipping, 0.002, 1, LATE, "held_refund"),
    _case(capturing.awaiting_payment, 0.003, 1, LATE),
    _case(capturing.abandoned_checkout, 0.015, 1, WHOLE, "paid"),
    _case(refunding.refunded_this_morning, 0.003, 1, LATE, "refunded_at"),
    _case(refunding.refunded_after_export, 0.002, 1, EARLY),
    _case(ordinary.second_attempt_after_abort, 0.01, 2, EARLY, "retries"),
    _case(ordinary.second_attempt_after_release, 0.003, 2, EARLY, "retries"),
    _case(ordinary.split_payment, 0.002, 2, EARLY, "two_attempts"),
    _case(ordinary.combined_orders, 0.002, 1, WHOLE, "one_reference_twice"),
    _case(ordinary.cancellation_fee_kept, 0.002, 1, EARLY, "refund_on_cancelled"),
    _case(ordinary.refunded_before_capture, 0.003, 1, WHOLE, "held_refund"),
    _case(ordinary.excess_refunded, 0.003, 1, EARLY),
    _case(ordinary.refunded_unshipped, 0.002, 1, EARLY),
)
"""Scenes that are timing, ignored, unseen, or matched though they look wrong."""

ORDINARY = (
    _case(ordinary.sold, 84),
    _case(ordinary.sold_in_two_parts, 3),
    _case(ordinary.returned_in_part, 4),
    _case(ordinary.returned_in_full, 3),
    _case(ordinary.edited_down_and_released, 1),
    _case(ordinary.cancelled_and_released, 2.5),
    _case(ordinary.given_up, 2.5),
)
"""The rest of the month, by weight; each makes one payment."""

OPEN_SHARE = 0.3
"""Share of the last days' ordinary orders that are still to be shipped at the export."""

_WEIGHTS = tuple(accumulate(case.share for case in ORDINARY))
_WEEK = (100, 95, 95, 100, 120, 130, 115)
_FIRST_WEEKDAY = 3
_STILL_OPEN = _case(ordinary.awaiting_fulfilment, 1)


def day_plans(
    draws: Draws, shop: Shop, units: Sequence[SalesUnit], payments: int
) -> list[list[Case | None]]:
    """Return for each day of the month the planted scenes and, as None, the ordinary ones.

    The scenes of all days together make exactly `payments` payments.
    """
    plans: list[list[Case | None]] = [[] for _ in range(DAYS)]
    left = payments
    for case in PLANTED + BESIDE:
        if not any(case.fits(shop, unit) for unit in units):
            continue
        count = int(payments * case.share + 0.5)
        if payments >= ALL_KINDS_FROM:
            count = max(1, count)
        for _ in range(count):
            if case.payments > left:
                break
            left -= case.payments
            plans[draws.between(*case.days) - 1].append(case)
    weights = [_WEEK[(_FIRST_WEEKDAY + day) % 7] for day in range(DAYS)]
    placed = weight = 0
    for day, own in enumerate(weights):
        weight += own
        upto = left * weight // sum(weights)
        plans[day].extend([None] * (upto - placed))
        placed = upto
    return plans


def choose(draws: Draws, planned: Case | None, day: int) -> Case:
    """Return the planned scene, or an ordinary one that suits the day of the month."""
    if planned is not None:
        return planned
    if day >= LATE[0] and draws.chance(OPEN_SHARE):
        return _STILL_OPEN
    return ORDINARY[draws.weighted(_WEIGHTS)]
