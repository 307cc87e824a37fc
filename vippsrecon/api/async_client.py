"""Call every operation of the APIs, for any number of sales units, on one event loop.

`requests` builds the request, `session` sends it, `responses` decodes the answer.
"""

from __future__ import annotations

import asyncio
import time
from datetime import date
from typing import Any

from vippsrecon.api import requests, responses
from vippsrecon.api.models import (
    CreatedPayment,
    Event,
    FeedPage,
    Ledger,
    LedgerDay,
    LedgerEntry,
    Modification,
    Payment,
    Reading,
)
from vippsrecon.api.requests import ApiRequest, Topic
from vippsrecon.api.session import ApiSession
from vippsrecon.errors import ConfigurationError, UnreadableAnswerError

FIRST_POLL_SECONDS = 5.0
POLL_SECONDS = 2.0
"""Source: https://developer.vippsmobilepay.com/docs/knowledge-base/polling-guidelines/"""

UNDECIDED_STATE = "CREATED"
"""The only state of a payment that is not final: the payer has not decided yet."""


class AsyncClient(ApiSession):
    """Asynchronous client of the ePayment and Report APIs.

    Methods raise only the errors of `vippsrecon.errors`. `retry=False` sends a call once, for
    callers that resolve a lost answer themselves; after a 401 the token is still renewed and the
    call repeated once, because a refused token means that nothing was done.

    Args:
        settings: Environment, keys, limits.
        transport: Replaces the network, for example `httpx.ASGITransport` in tests.
    """

    # ePayment

    async def create_payment(
        self,
        request: dict[str, Any],
        *,
        idempotency_key: str,
        msn: str | None = None,
        retry: bool = True,
    ) -> CreatedPayment:
        """Create the payment that `request`, a CreatePaymentRequest, describes."""
        api_request = requests.build_create_payment_request(request, idempotency_key)
        unit, serial = self.get_credentials_and_msn(msn)
        return await self.call(
            api_request,
            unit,
            lambda s, b: responses.decode_created_payment(s, b, serial, api_request.reference),
            retry,
        )

    async def payment(
        self, reference: str, msn: str | None = None, *, retry: bool = True
    ) -> Payment:
        """Read one payment."""
        api_request = requests.build_payment_request(reference)
        unit, serial = self.get_credentials_and_msn(msn)
        return await self.call(
            api_request, unit, lambda s, b: responses.decode_payment(s, b, serial, reference), retry
        )

    async def events(
        self, reference: str, msn: str | None = None, *, retry: bool = True
    ) -> list[Event]:
        """Read one payment's event log."""
        api_request = requests.build_events_request(reference)
        unit, serial = self.get_credentials_and_msn(msn)
        return await self.call(
            api_request, unit, lambda s, b: responses.decode_events(s, b, serial, reference), retry
        )

    async def read(self, reference: str, msn: str | None = None, *, events: bool = True) -> Reading:
        """Read a payment and then its event log.

        Returns:
            A Reading; without events if `events` is False.
        """
        payment = await self.payment(reference, msn)
        log = await self.events(reference, msn) if events else []
        return Reading(payment, log, self.now())

    async def body(self, api_request: ApiRequest, msn: str | None = None) -> bytes:
        """Return a 2xx answer undecoded, so that `bulk_decode` can decode many at once."""
        return await self.call(
            api_request,
            self.unit(msn),
            lambda s, b: responses.require_whole_json(s, b, api_request.reference),
        )

    async def capture(
        self,
        reference: str,
        amount_minor: int,
        currency: str,
        *,
        idempotency_key: str,
        msn: str | None = None,
        retry: bool = True,
    ) -> Modification:
        """Capture `amount_minor` minor units of the reserved amount."""
        api_request = requests.build_capture_request(
            reference, amount_minor, currency, idempotency_key
        )
        return await self._send_modification(api_request, msn, retry)

    async def refund(
        self,
        reference: str,
        amount_minor: int,
        currency: str,
        *,
        idempotency_key: str,
        msn: str | None = None,
        retry: bool = True,
    ) -> Modification:
        """Refund `amount_minor` minor units of the captured amount."""
        api_request = requests.build_refund_request(
            reference, amount_minor, currency, idempotency_key
        )
        return await self._send_modification(api_request, msn, retry)

    async def cancel(
        self,
        reference: str,
        *,
        idempotency_key: str,
        msn: str | None = None,
        cancel_transaction_only: bool = False,
        retry: bool = True,
    ) -> Modification:
        """Release the reserved amount that is not captured."""
        api_request = requests.build_cancel_request(
            reference, idempotency_key, cancel_transaction_only=cancel_transaction_only
        )
        return await self._send_modification(api_request, msn, retry)

    async def force_approve(
        self,
        reference: str,
        *,
        phone_number: str | None = None,
        token: str | None = None,
        msn: str | None = None,
    ) -> None:
        """Approve a payment for a test user.

        Raises:
            ConfigurationError: The environment is neither test nor simulator. Nothing was sent.
        """
        if self.settings.environment not in ("test", "simulator"):
            raise ConfigurationError(
                "force-approve exists on test hosts only: set VIPPS_ENVIRONMENT to test or "
                f"simulator (it is {self.settings.environment or 'not set'})"
            )
        api_request = requests.build_force_approve_request(
            reference, phone_number=phone_number, token=token
        )
        await self.call(api_request, self.unit(msn), lambda _s, _b: None, True)

    async def wait_until_final(
        self, reference: str, msn: str | None = None, timeout_seconds: float = 600.0
    ) -> Payment:
        """Read a payment after 5 seconds and then every 2 seconds, until the payer has decided.

        Returns:
            The payment as last read; still CREATED if `timeout_seconds` passed.
        """
        deadline = time.monotonic() + timeout_seconds
        wait = FIRST_POLL_SECONDS
        while True:
            await self._sleep(max(0.0, min(wait, deadline - time.monotonic())))
            payment = await self.payment(reference, msn)
            if payment.state != UNDECIDED_STATE or time.monotonic() >= deadline:
                return payment
            wait = POLL_SECONDS

    # Report

    async def ledgers(self, msn: str | None = None) -> list[Ledger]:
        """List the ledgers these keys may read; with `msn`, those that settle for it."""
        access = self.get_report_credentials(msn)
        ledgers: list[Ledger] = []
        cursor = ""
        while True:
            api_request = requests.build_ledgers_request(msn, cursor)
            page, following = await self.call(api_request, access, responses.decode_ledgers)
            ledgers += page
            if not following:
                return ledgers
            cursor = _advance_cursor(cursor, following)

    async def ledger_date(
        self, ledger_id: str, topic: Topic, date: date, msn: str | None = None
    ) -> LedgerDay:
        """Read every page of one ledger date.

        Returns:
            Its entries, and whether the date is final. Before that, more entries may follow.
        """
        access = self.get_report_credentials(msn)
        day = date.isoformat()
        entries: list[LedgerEntry] = []
        cursor = ""
        while True:
            page = await self.call(
                requests.build_ledger_date_request(ledger_id, topic, date, cursor),
                access,
                lambda s, b: responses.decode_ledger_page(s, b, ledger_id, topic, day),
            )
            entries += page.entries
            if not page.has_more:
                return LedgerDay(entries, not page.try_later)
            cursor = _advance_cursor(cursor, page.cursor)

    async def feed(
        self, ledger_id: str, topic: Topic, cursor: str = "", msn: str | None = None
    ) -> FeedPage:
        """Read the ledger entries since `cursor`; store the returned cursor for the next call."""
        page, size = await self.call_with_headers(
            requests.build_feed_request(ledger_id, topic, cursor),
            self.get_report_credentials(msn),
            lambda answer: (
                responses.decode_ledger_page(answer.status, answer.body, ledger_id, topic),
                responses.read_page_size(answer.headers),
            ),
        )
        return FeedPage(page.entries, page.cursor or cursor, page.try_later, size)

    async def _send_modification(
        self, api_request: ApiRequest, msn: str | None, retry: bool
    ) -> Modification:
        unit, serial = self.get_credentials_and_msn(msn)
        return await self.call(
            api_request,
            unit,
            lambda s, b: responses.decode_modification(s, b, serial, api_request.reference),
            retry,
        )

    _sleep = staticmethod(asyncio.sleep)


def _advance_cursor(cursor: str, following: str) -> str:
    """Return the next cursor; raise if it is missing or repeated, which would loop forever."""
    if not following or following == cursor:
        raise UnreadableAnswerError(
            200,
            "an answer that cannot be understood",
            detail="more pages are announced without a new cursor",
            operation="reading a ledger",
        )
    return following
