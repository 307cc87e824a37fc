"""The model's flags: further facts about a pair, and which of a pair's findings show them.

Plain Python, written from the text of the rules alone; see `oracle`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.reconciliation.oracle_money import REFUND_WINDOW, Money, Unit

OF_ONE_QUESTION = {
    "cancellation_fee_kept": "captured",
    "express_shipping": "captured",
    "not_capturable": "captured",
    "shopware_truncation": "captured",
    "made_elsewhere": "refunded",
    "no_reference": "there",
    "presentment_currency": "there",
}
"""Flags that only the finding of one question shows."""


def of_question(flags: frozenset[str], question: str) -> frozenset[str]:
    """Return the flags of a pair that a finding of a question shows."""
    return frozenset(flag for flag in flags if OF_ONE_QUESTION.get(flag, question) == question)


def of_payment(m: Money, moment: datetime, *, has_log: bool) -> frozenset[str]:
    """Return the flags that a payment's amounts and deadlines set, at a given time."""
    flags = set()
    if not has_log:
        flags.add("amounts_as_fetched")
    if m.changed:
        flags.add("changed_after_export")
    if m.K > 0 and m.guaranteed is not None and m.guaranteed < moment:
        flags.add("guarantee_lapsed")
    if m.C > m.R and within(m.authorized, REFUND_WINDOW, moment, timedelta(days=30)):
        flags.add("refund_window_closing")
    return frozenset(flags)


def deadline_is_near(m: Money, unit: Unit, moment: datetime) -> bool:
    """Return whether money can still be captured or refunded, but for three more days at most."""
    capture, days = timedelta(days=unit.capture_days), timedelta(days=3)
    if m.K > 0 and within(m.authorized, capture, moment, days):
        return True
    return m.C > m.R and within(m.authorized, REFUND_WINDOW, moment, days)


def within(began: datetime | None, lasts: timedelta, moment: datetime, left: timedelta) -> bool:
    """Return whether a deadline stands and ends within a given time."""
    return began is not None and timedelta(0) <= began + lasts - moment <= left
