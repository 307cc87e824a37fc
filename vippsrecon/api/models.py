"""Records of the API's answers: plain tuples, amounts in minor units, times as sent.

No field is personal: `userDetails`, `shippingDetails`, `profile`, `metadata`, `name`, `message` and
`maskedPhoneNo` have no column here, so the decoder drops them.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Token(NamedTuple):
    """An access token and its lifetime. The repr hides the token."""

    bearer: str
    life_seconds: float

    def __repr__(self) -> str:
        return f"Token(life_seconds={self.life_seconds})"


class CreatedPayment(NamedTuple):
    """A new payment, and the URL where the payer approves it (None for a push message)."""

    msn: str
    reference: str
    redirect_url: str | None


class Payment(NamedTuple):
    """One payment as `GET /epayment/v1/payments/{reference}` returns it.

    `state` stays AUTHORIZED after capture, refund and cancel: ask the totals. All amounts are
    gross: a refund does not lower `captured_minor`.
    """

    msn: str
    reference: str
    psp_reference: str
    state: str
    currency: str
    amount_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    cancelled_minor: int
    payment_method: str | None
    capture_guaranteed_until: str | None


class Event(NamedTuple):
    """One event of a payment's event log. An event without success changed no total."""

    msn: str
    reference: str
    psp_reference: str
    name: str
    amount_minor: int
    currency: str
    timestamp: str
    idempotency_key: str | None
    success: bool


class Modification(NamedTuple):
    """The answer to a capture, refund or cancel: the totals after it.

    `psp_reference` is the CREATED event's; the operation's own is in the event log only.
    """

    msn: str
    reference: str
    psp_reference: str
    state: str
    currency: str
    amount_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    cancelled_minor: int


class Reading(NamedTuple):
    """A payment and its event log, read one after the other, and the time of reading."""

    payment: Payment
    events: list[Event]
    fetched_at: datetime


class Ledger(NamedTuple):
    """One ledger and the sales units it settles for. Its id is not the merchant serial number.

    `payout_account` is the number of the bank account it pays to; "" if the answer has none.
    """

    ledger_id: str
    currency: str
    handles: tuple[str, ...]
    msns: tuple[str, ...]
    payout_account: str = ""


class LedgerEntry(NamedTuple):
    """One entry of a ledger. Amounts are signed minor units: a refund is negative."""

    ledger_id: str
    topic: str
    psp_reference: str
    reference: str
    entry_type: str
    time: str
    ledger_date: str
    currency: str
    amount_minor: int
    balance_before_minor: int | None
    balance_after_minor: int | None
    recipient_handle: str | None


class LedgerPage(NamedTuple):
    """One page of a ledger date or feed."""

    entries: list[LedgerEntry]
    cursor: str
    has_more: bool
    try_later: bool


class LedgerDay(NamedTuple):
    """All entries of one ledger date. Before it is `final`, more may follow."""

    entries: list[LedgerEntry]
    final: bool


class FeedPage(NamedTuple):
    """Entries since a cursor, the next cursor, and whether to wait before using it.

    `page_size` is the largest number of entries of a page, where the server states it.
    """

    entries: list[LedgerEntry]
    cursor: str
    try_later: bool
    page_size: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether the page has as many entries as it may have, so that more may follow."""
        return self.page_size is not None and len(self.entries) >= self.page_size
