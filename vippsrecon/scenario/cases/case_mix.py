"""Define how often each case occurs, and draw the cases of a month.

Planted cases occur a fixed number of times (a share of the payments, and at least once in a large
enough month). Ordinary cases fill the rest, so that the number of payments is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from vippsrecon.scenario.calendar import DAYS_IN_MONTH
from vippsrecon.scenario.cases import (
    attempts,
    capturing,
    ordinary,
    presence,
    refunding,
    shop_records,
)
from vippsrecon.scenario.cases.case_builder import CaseBuilder
from vippsrecon.scenario.models import Scene
from vippsrecon.scenario.random_draws import RandomDraws
from vippsrecon.scenario.sales_units import ScenarioSalesUnit
from vippsrecon.scenario.shops import Shop

ALL_CASES_FROM = 200
"""With at least this many payments, every case that the shop supports is planted at least once."""

WHOLE_MONTH = (1, 31)
EARLY_DAYS = (2, 25)
"""Days whose captures fall within the month, so that its ledger shows them, and whose orders
are past every grace period at the export."""
LATE_DAYS = (28, 31)
"""Days whose reservations are far from every market's capture deadline at the export."""


class ScenarioCase(NamedTuple):
    """Defines a case and its frequency.

    Attributes:
        share: Cases per payment of the month; for ordinary cases, a weight.
        payments: Number of payments in the case.
        days: First and last possible day of the month.
        required_features: Features the shop's export needs (`shops.EXPORT_FEATURES`).
        markets: Markets in which it can occur; empty for all.
    """

    build: Callable[[CaseBuilder], Scene]
    share: float
    payments: int = 1
    days: tuple[int, int] = WHOLE_MONTH
    required_features: frozenset[str] = frozenset()
    markets: frozenset[str] = frozenset()

    def can_occur_in(self, shop: Shop, unit: ScenarioSalesUnit) -> bool:
        """Return whether this case can occur in a shop and a sales unit."""
        return self.required_features <= shop.export_features and (
            not self.markets or unit.market in self.markets
        )


def _define_case(  # noqa: PLR0917  rows of a table
    build: Callable[[CaseBuilder], Scene],
    share: float,
    payments: int = 1,
    days: tuple[int, int] = WHOLE_MONTH,
    needs: str = "",
    markets: str = "",
) -> ScenarioCase:
    return ScenarioCase(
        build, share, payments, days, frozenset(needs.split()), frozenset(markets.split())
    )


DISCREPANCY_CASES = (
    _define_case(presence.missing_in_vipps, 0.003, 0),
    _define_case(presence.missing_in_orders, 0.002, 1, EARLY_DAYS),
    _define_case(presence.missing_in_orders_refunded, 0.001, 1, EARLY_DAYS),
    _define_case(attempts.duplicate_payment, 0.0015, 2, EARLY_DAYS, "two_attempts"),
    _define_case(attempts.first_attempt_still_reserved, 0.001, 2, LATE_DAYS, "two_attempts"),
    _define_case(attempts.double_payment_given_back, 0.001, 2, EARLY_DAYS, "two_attempts"),
    _define_case(attempts.split_payment_refund_missing, 0.001, 2, EARLY_DAYS, "split_payment"),
    _define_case(shop_records.paid_by_card_and_reserved, 0.001, 1, LATE_DAYS, "tender_changed"),
    _define_case(shop_records.paid_twice, 0.001, 1, EARLY_DAYS, "tender_changed"),
    _define_case(shop_records.payment_not_recorded, 0.001, 1, LATE_DAYS, "paid"),
    _define_case(shop_records.capture_not_recorded, 0.001, 1, EARLY_DAYS, "paid"),
    _define_case(shop_records.voided_and_reserved, 0.001, 1, LATE_DAYS, "authorization"),
    _define_case(presence.duplicate_order_row, 0.002, 1),
    _define_case(presence.reference_with_lost_zeros, 0.001, 1, EARLY_DAYS, "digits"),
    _define_case(presence.reference_with_lost_zeros, 0.002, 1, EARLY_DAYS, "zero_padded"),
    _define_case(presence.reference_in_scientific_form, 0.001, 1, EARLY_DAYS, "digits"),
    _define_case(presence.reference_in_other_case, 0.001, 1, EARLY_DAYS, "uppercase"),
    _define_case(presence.currency_mismatch, 0.002, 1, WHOLE_MONTH, "currency"),
    _define_case(presence.aggregate_mismatch, 0.002),
    _define_case(capturing.not_paid, 0.0025),
    _define_case(capturing.cancelled_but_captured, 0.002),
    _define_case(capturing.cancelled_refund_failed, 0.001, 1, EARLY_DAYS, "refund_on_cancelled"),
    _define_case(capturing.captured_not_fulfilled, 0.0025, 1, EARLY_DAYS),
    _define_case(capturing.authorization_lost, 0.0015),
    _define_case(capturing.authorization_lost_open, 0.001, 1, EARLY_DAYS),
    _define_case(capturing.authorization_lost_in_part, 0.001, 1, EARLY_DAYS, "partial"),
    _define_case(capturing.fulfilled_not_captured, 0.003, 1, LATE_DAYS),
    _define_case(capturing.duplicate_capture, 0.002),
    _define_case(capturing.under_captured, 0.002, 1, LATE_DAYS, "refunds"),
    _define_case(capturing.under_captured_and_released, 0.001, 1, EARLY_DAYS, "refunds"),
    _define_case(capturing.captured_as_truncated, 0.005, 1, WHOLE_MONTH, "truncates"),
    _define_case(capturing.over_captured, 0.002),
    _define_case(capturing.express_freight_captured, 0.0015),
    _define_case(capturing.over_captured_and_refund_missing, 0.001, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.refund_missing_at_vipps, 0.003, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.refunded_in_shop_only, 0.001, 1, EARLY_DAYS, "open_refund"),
    _define_case(refunding.refund_recorded_by_hand, 0.001, 1, EARLY_DAYS, "refunded_by_hand"),
    _define_case(refunding.refunded_in_part_after_export, 0.001, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.refund_failed, 0.0025, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.refund_missing_in_shop, 0.003, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.refund_exceeds_capture, 0.0015, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.remainder_of_cancelled, 0.002, 1, LATE_DAYS),
    _define_case(refunding.remainder_of_edited, 0.0015, 1, LATE_DAYS),
    _define_case(refunding.remainder_after_early_refund, 0.001, 1, LATE_DAYS, "held_refund"),
    _define_case(refunding.remainder_of_refunded, 0.001, 1, LATE_DAYS, "held_refund open_refund"),
    _define_case(refunding.guarantee_expiring, 0.002, 1, LATE_DAYS),
    _define_case(refunding.deadline_expiring, 0.0015, 1, (23, 24), markets="DK FI"),
)
"""Cases with a discrepancy."""

OTHER_CASES = (
    _define_case(presence.captured_before_first_order, 0.003, 1, (1, 1)),
    _define_case(presence.nothing_to_pay, 0.002, 0),
    _define_case(presence.other_payment_method, 0.02, 0),
    _define_case(presence.blind_spot, 0.0015, 1, (2, 30)),
    _define_case(capturing.captured_within_grace, 0.003, 1, LATE_DAYS),
    _define_case(capturing.shipped_within_grace, 0.004, 1, LATE_DAYS, "fulfilled_at"),
    _define_case(capturing.shipped_the_day_before, 0.001, 1, LATE_DAYS, "days_only"),
    _define_case(capturing.partly_shipped, 0.004, 1, LATE_DAYS, "partial"),
    _define_case(capturing.refunded_before_shipping, 0.002, 1, LATE_DAYS, "held_refund"),
    _define_case(capturing.awaiting_payment, 0.003, 1, LATE_DAYS),
    _define_case(capturing.abandoned_checkout, 0.015, 1, WHOLE_MONTH, "paid"),
    _define_case(refunding.refunded_within_grace, 0.003, 1, LATE_DAYS, "refunded_at"),
    _define_case(refunding.refunded_after_export, 0.002, 1, EARLY_DAYS, "refunds"),
    _define_case(refunding.refunded_just_before_export, 0.001, 1, EARLY_DAYS, "refunds"),
    _define_case(shop_records.voided_and_released, 0.001, 1, EARLY_DAYS, "authorization"),
    _define_case(shop_records.expired_in_shop, 0.001, 1, EARLY_DAYS, "authorization"),
    _define_case(ordinary.second_attempt_after_abort, 0.01, 2, EARLY_DAYS, "retries"),
    _define_case(ordinary.second_attempt_after_release, 0.003, 2, EARLY_DAYS, "retries"),
    _define_case(ordinary.split_payment, 0.002, 2, EARLY_DAYS, "split_payment"),
    _define_case(ordinary.combined_orders, 0.002, 1, WHOLE_MONTH, "one_reference_twice"),
    _define_case(ordinary.cancellation_fee_kept, 0.002, 1, EARLY_DAYS, "refund_on_cancelled"),
    _define_case(ordinary.refunded_before_capture, 0.003, 1, WHOLE_MONTH, "held_refund"),
    _define_case(ordinary.excess_refunded, 0.003, 1, EARLY_DAYS, "refunds"),
    _define_case(ordinary.refunded_before_fulfilment, 0.002, 1, EARLY_DAYS),
)
"""Cases that are timing, ignored, a blind spot, or matched although they look wrong."""

ORDINARY_CASES = (
    _define_case(ordinary.captured_when_shipped, 84),
    _define_case(ordinary.captured_in_two_parts, 3),
    _define_case(ordinary.returned_in_part, 4),
    _define_case(ordinary.returned_in_full, 3),
    _define_case(ordinary.edited_down_and_released, 1),
    _define_case(ordinary.cancelled_and_released, 2.5),
    _define_case(ordinary.unpaid_and_cancelled, 2.5),
)
"""Cases that fill the rest of the month, by weight; each has one payment."""

OPEN_SHARE = 0.3
"""Share of the ordinary orders of the last days that are not shipped at the export."""

_ORDINARY_WEIGHTS = tuple(accumulate(case.share for case in ORDINARY_CASES))
_WEEKDAY_WEIGHTS = (100, 95, 95, 100, 120, 130, 115)
_AWAITING_FULFILMENT = _define_case(ordinary.awaiting_fulfilment, 1)


def plan_days(
    draws: RandomDraws,
    shop: Shop,
    units: Sequence[ScenarioSalesUnit],
    payments: int,
    *,
    first_weekday: int,
    of_next_month: int = 0,
) -> list[list[ScenarioCase | None]]:
    """Return the cases of each day of the month: planted cases, and None for each ordinary one.

    All days together have exactly `payments` payments, less those `of_next_month`.
    """
    plans: list[list[ScenarioCase | None]] = [[] for _ in range(DAYS_IN_MONTH)]
    left = payments - of_next_month
    for case in DISCREPANCY_CASES + OTHER_CASES:
        if not any(case.can_occur_in(shop, unit) for unit in units):
            continue
        count = int(payments * case.share + 0.5)
        if payments >= ALL_CASES_FROM:
            count = max(1, count)
        for _ in range(count):
            if case.payments > left:
                break
            left -= case.payments
            plans[draws.between(*case.days) - 1].append(case)
    weights = [_WEEKDAY_WEIGHTS[(first_weekday + day) % 7] for day in range(DAYS_IN_MONTH)]
    placed = weight = 0
    for day, day_weight in enumerate(weights):
        weight += day_weight
        upto = left * weight // sum(weights)
        plans[day].extend([None] * (upto - placed))
        placed = upto
    return plans


def choose_case(draws: RandomDraws, planned: ScenarioCase | None, day: int) -> ScenarioCase:
    """Return the planned case, or an ordinary case that suits the day of the month."""
    if planned is not None:
        return planned
    if day >= LATE_DAYS[0] and draws.chance(OPEN_SHARE):
        return _AWAITING_FULFILMENT
    return ORDINARY_CASES[draws.draw_position(_ORDINARY_WEIGHTS)]
