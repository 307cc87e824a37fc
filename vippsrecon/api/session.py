"""The line: tokens, headers, attempts and the clock, in their order; no operation of its own.

`auth` holds tokens, `retries` decides what is asked again, `transport` carries, `problems`
names refusals.
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
from vippsrecon.api.retries import RetryPolicy, call_with_retries
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
"""The longest one attempt may take; Vipps asks for at least five seconds."""

T = TypeVar("T")
Decoder = Callable[[int, bytes], T]


class ApiSession:
    """A line to Vipps MobilePay: a request and who asks go in, a decoded answer comes out.

    Args:
        settings: Environment, keys, limits.
        transport: Another door than the network, such as `httpx.ASGITransport`.
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
        """Close the connections; a renewal nobody waits for any more ends with them."""
        for access in (
            *self._credentials_by_msn.values(),
            *([self._report_credentials] if self._report_credentials else []),
        ):
            await access.cancel_renewal()
        await self._transport.aclose()

    @property
    def default_msn(self) -> str | None:
        """The sales unit meant where none is named; None where several are configured."""
        return self.settings.default_msn

    def now(self) -> datetime:
        """Return the house's time: the `Date` of the last answer, else the machine's."""
        return self._server_time if self._server_date_text else datetime.now(UTC)

    def clock_skew_seconds(self) -> float:
        """Return how far the service's clock was ahead of the machine's, at the last answer."""
        return self._clock_skew.total_seconds()

    async def check_keys(self, msn: str | None = None) -> None:
        """Get a token, or raise what is wrong with the keys."""
        await self.unit(msn).headers()

    async def call(
        self, asked: ApiRequest, access: Credentials, decode: Decoder[T], retry: bool = True
    ) -> T:
        """Make one call, asking again where that is safe, and return what `decode` makes of it.

        Args:
            asked: What to send.
            access: Whose token and headers to send it with.
            decode: Makes a value of the status and body of a good answer.
            retry: False to ask once.
        """
        deadline = time.monotonic() + self.settings.retry_seconds

        async def once() -> T:
            answer = await self._send_authenticated(asked, access, deadline, retry)
            try:
                return decode(answer.status, answer.body)
            except UnreadableAnswerError as error:
                # Without the decoder's frames, whose variables are the body: a traceback
                # printed with its variables would show a customer's name.
                raise UnreadableAnswerError(
                    error.status,
                    error.title,
                    detail=error.detail,
                    reference=asked.reference,
                    operation=asked.operation,
                ) from None

        if not retry:
            return await once()
        return await call_with_retries(once, RetryPolicy(deadline, may_repeat=asked.may_repeat))

    async def _send_authenticated(
        self, asked: ApiRequest, access: Credentials, deadline: float, patient: bool
    ) -> HttpResponse:
        headers = access.current_headers or await self._get_headers(access, deadline, patient)
        answer = await self._send_once(asked, headers, deadline)
        if answer.status == 401:
            headers = await self._get_headers(access, deadline, patient, refused=headers)
            answer = await self._send_once(asked, headers, deadline)
        if 200 <= answer.status < 300:
            return answer
        raise error_responses.decode_error_response(
            answer.status,
            answer.headers,
            answer.body,
            reference=asked.reference,
            operation=asked.operation,
            secrets=access.list_secrets(),
        )

    async def _get_headers(
        self,
        access: Credentials,
        deadline: float,
        patient: bool,
        refused: SecretHeaders | None = None,
    ) -> SecretHeaders:
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                return await access.headers(refused=refused, patient=patient)
        except (TimeoutError, NoAnswerError) as error:
            # Whatever became of the token, the call itself was not sent.
            why = str(error) or "it took too long"
            raise NotConnectedError(f"there is no access token to ask with: {why}") from None

    async def _send_once(
        self, asked: ApiRequest, headers: SecretHeaders, deadline: float
    ) -> HttpResponse:
        url = self._base_url + asked.path
        if asked.method == "GET":
            # Set, not given: the constructor would take apart and copy what never differs.
            request = httpx.Request("GET", url)
            request.headers = headers
        else:
            request = httpx.Request(asked.method, url, headers=headers, content=asked.body or None)
            request.headers = SecretHeaders(request.headers)
            if asked.body:
                request.headers.setdefault("Content-Type", "application/json")
            if asked.key is not None:
                request.headers["Idempotency-Key"] = asked.key
        seconds = max(0.001, min(ATTEMPT_SECONDS, deadline - time.monotonic()))
        answer = await send_request(self._transport, request, seconds, reference=asked.reference)
        self._record_server_time(answer)
        return answer

    async def _fetch_token(self, access: Credentials, patient: bool) -> Token:
        """Ask for a token. Several may be valid at once, so asking again is safe."""
        asked, headers = access.token_request()
        deadline = time.monotonic() + self.settings.retry_seconds

        async def once() -> Token:
            answer = await self._send_once(asked, headers, deadline)
            if 200 <= answer.status < 300:
                return responses.decode_token(answer.status, answer.body)
            error = error_responses.decode_error_response(
                answer.status, answer.headers, answer.body, secrets=access.list_secrets()
            )
            if isinstance(error, UnauthorizedError) or answer.status == 400:
                whose = f"of sales unit {access.msn}" if access.msn else "for accounting"
                raise UnauthorizedError(
                    answer.status,
                    f"the keys {whose} were not accepted: check client id, client secret and "
                    "subscription key, and that they are for this environment",
                    detail=error.detail or error.title,
                    trace_id=error.trace_id,
                )
            raise error

        if not patient:
            return await once()
        return await call_with_retries(once, RetryPolicy(deadline, may_repeat=True))

    def _record_server_time(self, answer: HttpResponse) -> None:
        said = answer.headers.get("date", "")
        if said == self._server_date_text:
            return
        moment = error_responses.parse_http_date(said)
        if moment is not None:
            self._server_date_text = said
            self._server_time = moment
            self._clock_skew = moment - datetime.now(UTC)

    def unit(self, msn: str | None) -> Credentials:
        """Return the access of a sales unit."""
        return self.get_credentials_and_msn(msn)[0]

    def get_credentials_and_msn(self, msn: str | None) -> tuple[Credentials, str]:
        """Return the access of a sales unit and its number, the default one's for None."""
        serial = msn or self.settings.default_msn
        if serial is None:
            raise InputError("several sales units are configured: name the one that is meant")
        access = self._credentials_by_msn.get(serial)
        if access is None:
            keys = self.settings.keys_of(serial)
            access = Credentials(keys, serial, self._host, self._fetch_token)
            self._credentials_by_msn[serial] = access
        return access, serial

    def get_report_credentials(self, msn: str | None) -> Credentials:
        """Return the access for the Report API: the accounting keys' where there are any."""
        if self.settings.accounting is None:
            return self.unit(msn)
        if self._report_credentials is None:
            self._report_credentials = Credentials(
                self.settings.accounting, None, self._host, self._fetch_token
            )
        return self._report_credentials
