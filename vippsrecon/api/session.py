"""Send one authenticated call: token, headers, retries and server time.

`auth` holds tokens, `retries` decides which calls are repeated, `transport` sends the request,
`error_responses` decodes refusals. The operations themselves are in `async_client`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx

from vippsrecon.api import error_responses, responses
from vippsrecon.api.auth import Credentials
from vippsrecon.api.models import Token
from vippsrecon.api.requests import ApiRequest
from vippsrecon.api.retries import OutageWatch, RetryPolicy, call_with_retries
from vippsrecon.api.transport import HttpResponse, SecretHeaders, open_transport, send_request
from vippsrecon.config.settings import Settings
from vippsrecon.errors import (
    InputError,
    NoAnswerError,
    NotConnectedError,
    UnauthorizedError,
    UnreadableAnswerError,
)

ATTEMPT_SECONDS = 30.0
"""Time limit of one attempt; Vipps MobilePay asks for at least five seconds."""

SIMULATOR_CLOCK_HEADER = "x-simulator-clock"
"""The simulator's own time, on each of its answers: it simulates another month."""

RENEWAL_SECONDS = 5.0
"""Longest wait for a token before a call that is sent only once. After a longer wait such a call is
not sent, because its caller decided on data that is too old by then."""

T = TypeVar("T")
Decoder = Callable[[int, bytes], T]


class ApiSession:
    """An HTTP session with Vipps MobilePay for all sales units of the settings.

    Args:
        settings: Environment, keys, limits.
        transport: Replaces the network, for example `httpx.ASGITransport` in tests.
    """

    def __init__(
        self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.settings = settings
        self._base_url = settings.base_url
        self._host = urlsplit(settings.base_url).netloc
        self._transport = transport or open_transport(settings.base_url, settings.in_flight)
        self._credentials_by_msn: dict[str, Credentials] = {}
        self._report_credentials: Credentials | None = None
        self._server_date_text = ""
        self._server_time = datetime.min.replace(tzinfo=UTC)
        self._clock_skew = timedelta(0)
        self._clock_error = timedelta(0)
        self._simulator_skew = timedelta(0)
        self._outage = OutageWatch()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.environment!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections and cancel token renewals that are under way."""
        for access in (
            *self._credentials_by_msn.values(),
            *([self._report_credentials] if self._report_credentials else []),
        ):
            await access.cancel_renewal()
        await self._transport.aclose()

    @property
    def default_msn(self) -> str | None:
        """The sales unit used when a call names none; None if several are configured."""
        return self.settings.default_msn

    def now(self) -> datetime:
        """Return the server time: the `Date` of the last answer, or the local time before any."""
        return self._server_time if self._server_date_text else datetime.now(UTC)

    def clock_skew_seconds(self) -> float:
        """Return by how many seconds the server's clock was ahead of the local one at the last answer."""
        return self._clock_skew.total_seconds()

    def clock_error_seconds(self) -> float:
        """Return the largest difference so far between an answer's `Date` and the time it should be.

        That is the local time; with the simulator, the simulator's own. Positive: `Date` is ahead.
        """
        return self._clock_error.total_seconds()

    def simulator_skew_seconds(self) -> float:
        """Return by how much the last answer's `Date` is ahead of the clock the simulator stated."""
        return self._simulator_skew.total_seconds()

    async def check_keys(self, msn: str | None = None) -> None:
        """Fetch an access token; raise UnauthorizedError if the keys are not accepted."""
        await self.unit(msn).headers()

    async def call(
        self, api_request: ApiRequest, access: Credentials, decode: Decoder[T], retry: bool = True
    ) -> T:
        """Make one call, repeat it where that is safe, and return the decoded answer.

        Args:
            api_request: The call to make.
            access: The credentials that provide token and headers.
            decode: Takes status and body of a 2xx answer.
            retry: False to send it once.
        """
        return await self.call_with_headers(
            api_request, access, lambda answer: decode(answer.status, answer.body), retry
        )

    async def call_with_headers(
        self,
        api_request: ApiRequest,
        access: Credentials,
        decode: Callable[[HttpResponse], T],
        retry: bool = True,
    ) -> T:
        """Make a call as `call` does, with a decoder that takes a whole 2xx answer."""
        deadline = time.monotonic() + self.settings.retry_seconds

        async def attempt() -> T:
            answer = await self._send_authenticated(api_request, access, deadline, retry)
            try:
                return decode(answer)
            except UnreadableAnswerError as error:
                # "from None" drops the decoder's frames, whose variables hold the body: a traceback
                # printed with its variables would show a customer's name.
                raise UnreadableAnswerError(
                    error.status,
                    error.title,
                    detail=error.detail,
                    reference=api_request.reference,
                    operation=api_request.operation,
                ) from None

        if not retry:
            return await attempt()
        with self._outage.watch(deadline):
            return await call_with_retries(
                attempt, RetryPolicy(deadline, may_repeat=api_request.may_repeat)
            )

    async def _send_authenticated(
        self, api_request: ApiRequest, access: Credentials, deadline: float, patient: bool
    ) -> HttpResponse:
        headers = access.current_headers or await self._get_headers(access, deadline, patient)
        answer = await self._send_attempt(api_request, headers, deadline)
        if answer.status == 401:
            headers = await self._get_headers(access, deadline, patient, refused=headers)
            answer = await self._send_attempt(api_request, headers, deadline)
        if 200 <= answer.status < 300:
            return answer
        raise error_responses.decode_error_response(
            answer.status,
            answer.headers,
            answer.body,
            reference=api_request.reference,
            operation=api_request.operation,
            secrets=access.list_secrets(),
        )

    async def _get_headers(
        self,
        access: Credentials,
        deadline: float,
        patient: bool,
        refused: SecretHeaders | None = None,
    ) -> SecretHeaders:
        began_at = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                headers = await access.headers(refused=refused, patient=patient)
        except (TimeoutError, NoAnswerError) as error:
            # Whether or not a token was issued, the call itself was not sent.
            why = str(error) or "no answer in time"
            lost = NotConnectedError(f"no access token could be fetched: {why}")
            lost.permanent = getattr(error, "permanent", False)
            raise lost from None
        waited = time.monotonic() - began_at
        if not patient and waited > RENEWAL_SECONDS:
            raise NotConnectedError(f"the access token came after {waited:.0f} s; nothing was sent")
        return headers

    async def _send_attempt(
        self, api_request: ApiRequest, headers: SecretHeaders, deadline: float
    ) -> HttpResponse:
        url = self._base_url + api_request.path
        if api_request.method == "GET":
            # Set afterwards: the constructor would parse and copy headers that are always the same.
            request = httpx.Request("GET", url)
            request.headers = headers
        else:
            request = httpx.Request(
                api_request.method, url, headers=headers, content=api_request.body or None
            )
            request.headers = SecretHeaders(request.headers)
            if api_request.body:
                request.headers.setdefault("Content-Type", "application/json")
            if api_request.key is not None:
                request.headers["Idempotency-Key"] = api_request.key
        seconds = max(0.001, min(ATTEMPT_SECONDS, deadline - time.monotonic()))
        try:
            answer = await send_request(
                self._transport, request, seconds, reference=api_request.reference
            )
        except NoAnswerError as error:
            self._outage.record_lost(str(error))
            raise
        self._record_server_time(answer)
        self._outage.record(answer.status)
        return answer

    async def _fetch_token(self, access: Credentials, patient: bool) -> Token:
        """Fetch a token. Several may be valid at the same time, so repeating is safe."""
        api_request, headers = access.token_request()
        deadline = time.monotonic() + self.settings.retry_seconds

        async def attempt() -> Token:
            answer = await self._send_attempt(api_request, headers, deadline)
            if 200 <= answer.status < 300:
                return responses.decode_token(answer.status, answer.body)
            error = error_responses.decode_error_response(
                answer.status, answer.headers, answer.body, secrets=access.list_secrets()
            )
            if isinstance(error, UnauthorizedError) or answer.status == 400:
                owner_text = f"of sales unit {access.msn}" if access.msn else "for accounting"
                raise UnauthorizedError(
                    answer.status,
                    f"the keys {owner_text} were not accepted: check client id, client secret and "
                    "subscription key, and that they are for this environment",
                    detail=error.detail or error.title,
                    trace_id=error.trace_id,
                )
            raise error

        if not patient:
            return await attempt()
        with self._outage.watch(deadline):
            return await call_with_retries(attempt, RetryPolicy(deadline, may_repeat=True))

    def _record_server_time(self, answer: HttpResponse) -> None:
        date_text = answer.headers.get("date", "")
        if date_text == self._server_date_text:
            # A `Date` that does not move falls behind the local clock, and the difference must be visible.
            if date_text:
                self._clock_skew = self._server_time - datetime.now(UTC)
            return
        moment = error_responses.parse_http_date(date_text)
        if moment is not None:
            self._server_date_text = date_text
            self._server_time = moment
            self._clock_skew = moment - datetime.now(UTC)
            self._simulator_skew = self._compute_simulator_skew(answer, moment)
            in_simulator = self.settings.environment == "simulator"
            error = self._simulator_skew if in_simulator else self._clock_skew
            if abs(error) > abs(self._clock_error):
                self._clock_error = error

    def _compute_simulator_skew(self, answer: HttpResponse, moment: datetime) -> timedelta:
        own_time = error_responses.parse_http_date(answer.headers.get(SIMULATOR_CLOCK_HEADER, ""))
        return timedelta(0) if own_time is None else moment - own_time

    def unit(self, msn: str | None) -> Credentials:
        """Return the credentials of a sales unit; None means the default one."""
        return self.get_credentials_and_msn(msn)[0]

    def get_credentials_and_msn(self, msn: str | None) -> tuple[Credentials, str]:
        """Return the credentials of a sales unit and its number; None means the default one."""
        serial = msn or self.settings.default_msn
        if serial is None:
            raise InputError("Several sales units are configured. Name one of them (msn).")
        access = self._credentials_by_msn.get(serial)
        if access is None:
            keys = self.settings.keys_of(serial)
            access = Credentials(keys, serial, self._host, self._fetch_token)
            self._credentials_by_msn[serial] = access
        return access, serial

    def get_report_credentials(self, msn: str | None) -> Credentials:
        """Return the credentials for the Report API: the accounting keys if configured."""
        if self.settings.accounting is None:
            return self.unit(msn)
        if self._report_credentials is None:
            self._report_credentials = Credentials(
                self.settings.accounting, None, self._host, self._fetch_token
            )
        return self._report_credentials
