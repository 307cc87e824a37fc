"""Facts about Vipps MobilePay that several packages need, each with its source.

Deadlines, the form of a reference, markets, hosts. Whoever learns that one of them changed
changes it here and nowhere else.
"""

from __future__ import annotations

import re
from datetime import date

HOSTS = {"production": "https://api.vipps.no", "test": "https://apitest.vipps.no"}
"""Environment to its only host.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/servers/"""

PORTAL_ADDRESS = "https://portal.vippsmobilepay.com/"
"""Start page of the business portal, of production payments. No address of a single payment is
documented, so none is made up.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/portal/"""

ZONE_OF_MARKET = {
    "NO": "Europe/Oslo",
    "SE": "Europe/Stockholm",
    "DK": "Europe/Copenhagen",
    "FI": "Europe/Helsinki",
}
"""Market to the time zone of its accounting days: a ledger day is a local day of the merchant.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/"""

MARKET_OF_CURRENCY = {"NOK": "NO", "SEK": "SE", "DKK": "DK", "EUR": "FI"}
"""The market of a currency, used where the market of the sales unit is not configured. A payment in
another currency than its market's is refused with code 5040.
Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/errors/"""

CURRENCY_OF_MARKET = {market: currency for currency, market in MARKET_OF_CURRENCY.items()}
"""The only currency of a market. Same source."""

PAYOUT_BANK_DAYS = {"NO": 3, "SE": 3, "DK": 2, "FI": 2}
"""Market to the bank days from the ledger date of a payout to its day on the bank account.
Source: https://developer.vippsmobilepay.com/docs/settlements/"""

PAYOUT_SCHEDULED, PAYOUT_ABORTED = "payout-scheduled", "payout-aborted"
"""Entry types of a payout on a ledger: sent to the bank, and taken back.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/"""

OLD_ENTRY_TYPES = {"scheduled-for-payout": PAYOUT_SCHEDULED}
"""Entry types of the Report API that were renamed until 2024, and their new names. Same source."""

PAYOUT_TYPES = (
    PAYOUT_SCHEDULED,
    *(old for old, new in OLD_ENTRY_TYPES.items() if new == PAYOUT_SCHEDULED),
)
"""The names, present and former, of the entry that sends a payout to the bank. Same source."""

_PAYOUT_IN_TEXT = re.compile(r"utb\w*\.?\s+([0-9]+)", re.IGNORECASE)


def read_payout_number(
    psp_reference: str | None, bank_text: str | None, ledger_id: str, ledger_date: date
) -> str:
    """Return the number of a payout, as its entry on the ledger states it.

    The pspReference is the ledger and the number; older ones are not, but the text for the bank has the
    number. Without a number, the pspReference, the text or the date tells the payouts of a ledger apart.

    >>> read_payout_number("302321-2000001", None, "302321", date(2026, 10, 1))
    '2000001'
    >>> read_payout_number(None, "Utb. 2000001 Vippsnr 698382", "302321", date(2026, 10, 1))
    '2000001'
    >>> read_payout_number(None, None, "302321", date(2026, 10, 1))
    '20261001'
    """
    psp = psp_reference or ""
    own_number = psp.removeprefix(f"{ledger_id}-")
    if own_number != psp and own_number.isdecimal():
        return own_number
    if in_text := _PAYOUT_IN_TEXT.search(bank_text or ""):
        return in_text[1]
    return psp or bank_text or f"{ledger_date:%Y%m%d}"


CAPTURE_DAYS = {"NO": 180, "SE": 180, "DK": 14, "FI": 14}
"""Days after AUTHORIZED in which a capture is accepted, by market.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/reserve-and-capture/"""

LATE_CAPTURE_DAYS = 180
"""The same in DK and FI for a sales unit with late capture. Same source."""


def find_capture_days(market: str | None, currency: str, *, late_capture: bool) -> int:
    """Return the days after AUTHORIZED in which a capture is accepted.

    Args:
        market: NO, SE, DK or FI; None where it is not configured: the currency's market is used.
        currency: The payment's currency. One of no market has the days of NO.
        late_capture: Whether the sales unit has late capture, whatever is known of its market.

    >>> find_capture_days(None, "DKK", late_capture=False)
    14
    >>> find_capture_days(None, "DKK", late_capture=True)
    180
    """
    if late_capture:
        return LATE_CAPTURE_DAYS
    return CAPTURE_DAYS[market or MARKET_OF_CURRENCY.get(currency, "NO")]


REFUND_DAYS = 365
"""Days after AUTHORIZED in which a refund is accepted. The documentation names three different
starting points; this is the earliest.
Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/operations/refund/"""

MSN_PATTERN = r"[0-9]{4,10}"
"""The form of a merchant serial number (MSN), which names a sales unit.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/merchants/"""

MIN_REFERENCE_LENGTH = 8
MAX_REFERENCE_LENGTH = 64
"""Characters of the reference of a new payment: letters A to Z, digits and hyphens.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/orderid/"""

REFERENCE_PATTERN = rf"[a-zA-Z0-9-]{{1,{MAX_REFERENCE_LENGTH}}}"
"""What the API accepts as a reference in a path, old references included.
Source: https://developer.vippsmobilepay.com/api/epayment/"""

NEW_REFERENCE_PATTERN = rf"^[a-zA-Z0-9-]{{{MIN_REFERENCE_LENGTH},{MAX_REFERENCE_LENGTH}}}$"
"""What the API accepts when a payment is created."""

EVENTS_OF_TOTAL = {
    "authorized_minor": ("AUTHORIZED",),
    "captured_minor": ("CAPTURED",),
    "refunded_minor": ("REFUNDED",),
    "cancelled_minor": ("CANCELLED", "TERMINATED"),
}
"""Each total of a payment, and the events whose successful amounts add up to it. A cancel before the
customer paid ends as TERMINATED.
Source: https://developer.vippsmobilepay.com/docs/APIs/epayment-api/api-guide/concepts/"""

ENDED_STATES = ("ABORTED", "EXPIRED", "TERMINATED")
"""States of a payment that ended before money was captured; the event has the same name. Same
source."""

EVENT_LOG_DELAY_SECONDS = 60
"""A capture or refund that was done shows its idempotency key in the event log within this time
(an assumption; docs/reliability.md says what happens when it fails)."""

MAX_CLOCK_SKEW_SECONDS = 60
"""Local and server time may differ by so much. Not a rule of Vipps MobilePay, but our own limit: all
ages and deadlines rest on server time."""
