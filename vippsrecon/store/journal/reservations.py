"""What stands while a group is committed: caps used, payments in flight. Pure.

`committing` reads it from the database under the write lock, lets the drafts change it here in
their order, and writes the difference back in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from vippsrecon.store.journal.entry import Draft

CapKey = tuple[str, str]
"""A cap's (scope, currency)."""

PaymentKey = tuple[str, str]
"""A payment's (msn, reference)."""


class PaymentBusy(NamedTuple):
    """Not intended: the payment has an operation under way, or unknown, elsewhere.

    Attributes:
        plan_id: The plan to finish first; may be this one.
        row: Its row.
        since: When that was intended.
    """

    plan_id: str
    row: int
    since: str


class CapExceeded(NamedTuple):
    """Not intended: the amount does not fit under a cap.

    Attributes:
        scope: The cap's.
        limit: The most its sum may be, in minor units.
        reserved: What it is already.
        currency: The cap's.
    """

    scope: str
    limit: int
    reserved: int
    currency: str


class PaymentChanged(NamedTuple):
    """Not intended: another plan acted on the payment since it was judged. Judge it anew.

    Attributes:
        entries: How many entries other plans have on it by now.
    """

    entries: int


NotReserved: TypeAlias = PaymentBusy | CapExceeded | PaymentChanged
"""Why an `intended` may not be sent. Nothing was written for it."""


@dataclass
class Reservations:
    """What stands for the rows and payments of one group.

    Attributes:
        plan_id: The plan whose group it is.
        used: Cap to its sum over all plans, in minor units.
        in_flight: Payment to who has it.
        reserved: Row of this plan to what it holds of each cap.
        entries_of_other_plans: Payment to how many entries other plans have on it.
    """

    plan_id: str
    used: dict[CapKey, int] = field(default_factory=dict)
    in_flight: dict[PaymentKey, PaymentBusy] = field(default_factory=dict)
    reserved: dict[int, dict[CapKey, int]] = field(default_factory=dict)
    entries_of_other_plans: dict[PaymentKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Turn the plan's own part of `in_flight` round."""
        self._payment_by_row = {
            taken.row: payment
            for payment, taken in self.in_flight.items()
            if taken.plan_id == self.plan_id
        }

    def copy(self) -> Reservations:
        """Return the same once more, to be changed."""
        return Reservations(
            self.plan_id,
            dict(self.used),
            dict(self.in_flight),
            {row: dict(held) for row, held in self.reserved.items()},
            self.entries_of_other_plans,
        )

    def reserve(self, draft: Draft, at: str) -> NotReserved | None:
        """Reserve caps and payment for an `intended`; None when it stands.

        Nothing is changed when it does not. A row that holds a cap or its payment already (it
        is resent) does not take it twice.

        >>> standing = Reservations("p")
        >>> caps = (("day:1", "NOK", 1000),)
        >>> first = Draft("intended", 1, "123456", "a", "NOK", 600, caps=caps)
        >>> standing.intend(first, "10:00"), standing.intend(first, "10:01")
        (None, None)
        >>> standing.intend(first._replace(row=2, reference="b"), "10:02")
        OverCap(scope='day:1', limit=1000, reserved=600, currency='NOK')
        """
        row, amount, payment = _get_reservation(draft)
        elsewhere = self.entries_of_other_plans.get(payment, 0)
        if draft.known is not None and draft.known != elsewhere:
            return PaymentChanged(elsewhere)
        held = self.reserved.get(row, {})
        wanted = {
            (scope, currency): limit
            for scope, currency, limit in draft.caps
            if (scope, currency) not in held
        }
        for (scope, currency), limit in wanted.items():
            used = self.used.get((scope, currency), 0)
            if limit is not None and used + amount > limit:
                return CapExceeded(scope, limit, used, currency)
        own = PaymentBusy(self.plan_id, row, at)
        taken = self.in_flight.get(payment, own)
        if (taken.plan_id, taken.row) != (self.plan_id, row):
            return taken
        self.in_flight[payment] = taken
        self._payment_by_row[row] = payment
        for counter in wanted:
            self.used[counter] = self.used.get(counter, 0) + amount
            self.reserved.setdefault(row, {})[counter] = amount
        return None

    def release_payment(self, draft: Draft) -> None:
        """Let go of what a row held: its payment, and its caps where nothing was done.

        `unknown` keeps both: the operation may have taken effect, or may yet.
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
    """Whether a row ended without its operation, so that no cap counts it.

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
