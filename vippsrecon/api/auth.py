"""Fetch an access token once, share it between all calls and renew it before it expires.

Source: https://developer.vippsmobilepay.com/docs/APIs/access-token-api/
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable

from vippsrecon.api.models import Token
from vippsrecon.api.requests import ApiRequest, validate_msn
from vippsrecon.api.transport import SecretHeaders
from vippsrecon.config.settings import Keys
from vippsrecon.version import __version__

SYSTEM_HEADERS = {
    "Vipps-System-Name": "vippsrecon",
    "Vipps-System-Version": __version__[:30],
    "Vipps-System-Plugin-Name": "vippsrecon-client",
    "Vipps-System-Plugin-Version": __version__[:30],
    "User-Agent": f"vippsrecon/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
"""Sent with every call; Vipps MobilePay allows 30 characters each.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/http-headers/"""

RENEWAL_MARGIN_SECONDS = 60.0
RENEWAL_MARGIN_SHARE = 0.1

FetchToken = Callable[["Credentials", bool], Awaitable[Token]]


class Credentials:
    """One set of API keys with its access token and the headers of its calls.

    Args:
        keys: The keys the token is fetched with.
        msn: The sales unit of the keys; None for accounting keys, which have none.
        host: Scheme and host, for the `Host` header.
        fetch: Asks the access token service; given this object, and whether to ask again
            where that may help.
    """

    def __init__(self, keys: Keys, msn: str | None, host: str, fetch: FetchToken) -> None:
        self.keys = keys
        self.msn = msn if msn is None else validate_msn(msn)
        self._host = host
        self._fetch_token = fetch
        self._headers: SecretHeaders | None = None
        self._renew_at = 0.0
        self._renewal_task: asyncio.Task[SecretHeaders] | None = None

    def __repr__(self) -> str:
        return f"Credentials(msn={self.msn!r})"

    @property
    def current_headers(self) -> SecretHeaders | None:
        """The headers if the token does not need renewal yet, else None."""
        return self._headers if time.monotonic() < self._renew_at else None

    async def headers(
        self, *, refused: SecretHeaders | None = None, patient: bool = True
    ) -> SecretHeaders:
        """Return the headers of a call; renew the token first if necessary.

        Args:
            refused: Headers just answered with 401. If another caller has renewed the token since,
                the newer headers are returned without a request.
            patient: Whether a failed token request may be repeated.
        """
        current = self.current_headers
        if current is not None and current is not refused:
            return current
        if self._renewal_task is None:
            self._renewal_task = asyncio.create_task(self._renew(patient))
            self._renewal_task.add_done_callback(self._on_renewed)
        # Shielded: if one of many callers gives up, the others still need the renewal.
        return await asyncio.shield(self._renewal_task)

    async def cancel_renewal(self) -> None:
        """Cancel a renewal that is under way and wait until it has ended."""
        if self._renewal_task is not None:
            self._renewal_task.cancel()
            await asyncio.wait([self._renewal_task])

    def token_request(self) -> tuple[ApiRequest, SecretHeaders]:
        """Return the token request: the standard one, or the specialized one without an MSN."""
        keys = self.keys
        secret = keys.client_secret.get_secret_value()
        headers = {**SYSTEM_HEADERS, "Host": self._host}
        if self.msn is None:
            pair = base64.b64encode(f"{keys.client_id}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = b"grant_type=client_credentials"
            return ApiRequest("POST", "/miami/v1/token", body), SecretHeaders(headers)
        headers["client_id"] = keys.client_id
        headers["client_secret"] = secret
        headers["Merchant-Serial-Number"] = self.msn
        headers |= self._build_subscription_header()
        return ApiRequest("POST", "/accesstoken/get"), SecretHeaders(headers)

    def list_secrets(self) -> tuple[str, ...]:
        """Return the secrets that must be removed from every error message."""
        secrets = [
            self.keys.client_secret.get_secret_value(),
            *self._build_subscription_header().values(),
        ]
        if self._headers is not None:
            secrets.append(self._headers["authorization"].removeprefix("Bearer "))
        return tuple(secrets)

    async def _renew(self, patient: bool) -> SecretHeaders:
        token = await self._fetch_token(self, patient)
        headers = {
            **SYSTEM_HEADERS,
            "Host": self._host,
            "Authorization": f"Bearer {token.bearer}",
        }
        # A specialized token is sent alone: together with a subscription key it is refused.
        if self.msn is not None:
            headers["Merchant-Serial-Number"] = self.msn
            headers |= self._build_subscription_header()
        margin = max(RENEWAL_MARGIN_SECONDS, token.life_seconds * RENEWAL_MARGIN_SHARE)
        self._headers = SecretHeaders(headers)
        self._renew_at = time.monotonic() + max(token.life_seconds - margin, token.life_seconds / 2)
        return self._headers

    def _on_renewed(self, task: asyncio.Task[SecretHeaders]) -> None:
        self._renewal_task = None
        if not task.cancelled():
            # Read here, so that asyncio does not print it when no caller is waiting any more.
            task.exception()

    def _build_subscription_header(self) -> dict[str, str]:
        key = self.keys.subscription_key
        return {} if key is None else {"Ocp-Apim-Subscription-Key": key.get_secret_value()}
