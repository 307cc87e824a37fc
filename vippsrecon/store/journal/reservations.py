"""Reservations while a group is committed: caps used, payments in flight. No input or output.

`commit` reads them under the write lock, applies the drafts in order, and writes the difference in
the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeAlias

from vippsrecon.store.journal.entry import Draft

CapKey = tuple[str, str]
"""A cap's (scope, currency)."""

PaymentKey = tuple[str, str]
"""A payment's (msn, reference)."""


class PaymentBusy(NamedTuple):
    """Not reserved: another row has an operation on the payment in progress or with unknown outcome.

    Attributes:
        plan_id: The plan to finish first; may be this one.
        row: Its row.
        since: Time of that intention.
    """

    plan_id: str
    row: int
    since: str


class CapExceeded(NamedTuple):
    """Not reserved: the amount would exceed a cap.

    Attributes:
        scope: The cap's.
        limit: Maximum of its sum, in minor units.
        reserved: Current sum, in minor units.
        currency: The cap's.
    """

    scope: str
    limit: int
    reserved: int
    currency: str


class PaymentChanged(NamedTuple):
    """Not reserved: another plan acted on the payment since it was checked. Check it again.

    Attributes:
        entries: Number of entries other plans have on it now.
    """

    entries: int


NotReserved: TypeAlias = PaymentBusy | CapExceeded | PaymentChanged
"""Why an `intended` must not be sent. Nothing was written for it."""


@dataclass
class Reservations:
    """Reservations of the rows and payments of one group.

    Attributes:
        plan_id: The plan of the group.
        used: Cap to its sum over all plans, in minor units.
        in_flight: Payment to the row that holds it.
        reserved: Row of this plan to the amount it holds of each cap.
        entries_of_other_plans: Payment to the number of entries that other plans have on it.
    """

    plan_id: str
    used: dict[CapKey, int] = field(default_factory=dict)
    in_flight: dict[PaymentKey, PaymentBusy] = field(default_factory=dict)
    reserved: dict[int, dict[CapKey, int]] = field(default_factory=dict)
    entries_of_other_plans: dict[PaymentKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index this plan's own payments in flight by row."""
        self._payment_by_row = {
            holder.row: payment
            for payment, holder in self.in_flight.items()
            if holder.plan_id == self.plan_id
        }

    def copy(self) -> Self:
        """Return a copy that may be changed."""
        return type(self)(
            self.plan_id,
            dict(self.used),
            dict(self.in_flight),
            {row: dict(counters) for row, counters in self.reserved.items()},
            self.entries_of_other_plans,
        )

    def reserve(self, draft: Draft, at: str) -> NotReserved | None:
        """Reserve caps and payment for an `intended`; return None on success.

        On failure nothing is changed. A row that already holds a cap or its payment (it is sent
        again) does not reserve it twice.

        >>> reservations = Reservations("p")
        >>> caps = (("day:1", "NOK", 1000),)
        >>> first = Draft("intended", 1, "123456", "a", "NOK", 600, caps=caps)
        >>> reservations.reserve(first, "10:00"), reservations.reserve(first, "10:01")
        (None, None)
        >>> reservations.reserve(first._replace(row=2, reference="b"), "10:02")
        CapExceeded(scope='day:1', limit=1000, reserved=600, currency='NOK')
        """
        row, amount, payment = _get_reservation(draft)
        elsewhere = self.entries_of_other_plans.get(payment, 0)
        if draft.known is not None and draft.known != elsewhere:
            return PaymentChanged(elsewhere)
        counters = self.reserved.get(row, {})
        new_caps = {
            (scope, currency): limit
            for scope, currency, limit in draft.caps
            if (scope, currency) not in counters
        }
        for (scope, currency), limit in new_caps.items():
            used = self.used.get((scope, currency), 0)
            if limit is not None and used + amount > limit:
                return CapExceeded(scope, limit, used, currency)
        own = PaymentBusy(self.plan_id, row, at)
        holder = self.in_flight.get(payment, own)
        if (holder.plan_id, holder.row) != (self.plan_id, row):
            return holder
        self.in_flight[payment] = holder
        self._payment_by_row[row] = payment
        for counter in new_caps:
            self.used[counter] = self.used.get(counter, 0) + amount
            self.reserved.setdefault(row, {})[counter] = amount
        return None

    def release_payment(self, draft: Draft) -> None:
        """Release what a row held: its payment, and its caps if nothing was done.

        `unknown` keeps both: the operation may have taken effect, or still may.
        """
        if draft.row is None or draft.kind not in RELEASING_KINDS:
            return
        payment = self._payment_by_row.pop(draft.row, None)
        if payment is not None:
            del self.in_flight[payment]
        if had_no_effect(draft):
            for counter, amount in self.reserved.pop(draft.row, {}).items():
                self.used[counter] -= amount


RELEASING_KINDS = ("done", "already_done", "refused", "skipped", "settled")
"""The kinds after which a payment is free for another operation."""


def had_no_effect(draft: Draft) -> bool:
    """Return whether a row ended without effect, so that no cap counts it.

    >>> had_no_effect(Draft("skipped", 1)), had_no_effect(Draft("done", 1))
    (True, False)
    """
    if draft.kind == "settled":
        return draft.detail["outcome"] in ("refused", "skipped")
    return draft.kind in ("refused", "skipped")


def _get_reservation(draft: Draft) -> tuple[int, int, PaymentKey]:
    assert draft.row is not None
    assert draft.amount_minor is not None
    assert draft.msn is not None
    assert draft.reference is not None
    return draft.row, draft.amount_minor, (draft.msn, draft.reference)
