"""Check API keys, issue access tokens, and decide what a token may be used for.

Source: https://developer.vippsmobilepay.com/docs/knowledge-base/api-keys/ and
https://developer.vippsmobilepay.com/docs/APIs/access-token-api/
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from vippsrecon.simulator.apis.error_responses import GatewayRefusal, build_gateway_response
from vippsrecon.simulator.errors import SimulatorInputError

MSN_HEADER = "merchant-serial-number"
CURRENCY_BY_MARKET = {"NO": "NOK", "SE": "SEK", "DK": "DKK", "FI": "EUR"}
_LABEL_FIELD = "name"
"""For the reader of a state file only."""

_FLAG_FIELDS = (
    "late_capture",
    "partial_capture",
    "refunds",
    "express",
    "long_living",
    "push_message",
    "bank_account_verified",
    "can_create",
    "epayment",
)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """One set of API keys and the permissions of its holder.

    Keys with `msn` belong to a sales unit, keys with `partner_of` to a partner, and keys with
    `ledgers` to an accountant. A simulator without configured keys accepts any keys and uses the defaults
    of this class, which allow everything.
    """

    msn: str = ""
    client_id: str = ""
    client_secret: str = ""
    subscription_key: str = ""
    secondary_subscription_key: str = ""
    market: str = ""
    late_capture: bool = False
    partial_capture: bool = True
    refunds: bool = True
    express: bool = True
    long_living: bool = True
    push_message: bool = True
    bank_account_verified: bool = True
    can_create: bool = True
    epayment: bool = True
    scopes: tuple[str, ...] | None = None
    partner_of: tuple[str, ...] | None = None
    ledgers: tuple[str, ...] | None = None

    @classmethod
    def read(cls, line: dict[str, Any]) -> KeyHolder:
        """Read the object of a `{"sales_unit": …}` line."""
        values: dict[str, Any] = {}
        for name, value in line.items():
            if name == _LABEL_FIELD:
                continue
            if name not in cls.__slots__:
                raise SimulatorInputError(
                    f"a sales unit has no field '{name}'; it may have {', '.join(cls.__slots__)}"
                )
            if name in ("scopes", "partner_of", "ledgers"):
                if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                    raise SimulatorInputError(f"'{name}' of a sales unit is a list of texts")
                values[name] = tuple(value)
            elif isinstance(value, bool if name in _FLAG_FIELDS else str):
                values[name] = value
            else:
                kind = "true or false" if name in _FLAG_FIELDS else "text"
                raise SimulatorInputError(f"'{name}' of a sales unit is {kind}, not {value!r}")
        unit = cls(**values)
        if unit.market and unit.market not in CURRENCY_BY_MARKET:
            raise SimulatorInputError(
                f"the market '{unit.market}' is not one of {', '.join(CURRENCY_BY_MARKET)}"
            )
        needed = ["client_id", "client_secret"]
        if unit.ledgers is None:
            needed += ["subscription_key"] + ["msn"] * (unit.partner_of is None)
        if missing := [name for name in needed if not getattr(unit, name)]:
            raise SimulatorInputError(f"a sales unit needs {', '.join(missing)}")
        return unit

    def owns_subscription_key(self, subscription_key: str) -> bool:
        """Return whether it is the primary or the secondary subscription key of this holder."""
        return bool(subscription_key) and subscription_key in (
            self.subscription_key,
            self.secondary_subscription_key,
        )


UNRESTRICTED_HOLDER = KeyHolder()


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """The holder, expiry and kind of an access token."""

    unit: KeyHolder
    expires_at: datetime
    specialised: bool


class KeyRegistry:
    """Holds all configured keys and issued tokens."""

    def __init__(self) -> None:
        self.units: list[KeyHolder] = []
        self.lines: list[dict[str, Any]] = []
        self._by_msn: dict[str, KeyHolder] = {}
        self._tokens: dict[str, IssuedToken] = {}
        self._token_numbers = itertools.count(1)

    def add(self, line: dict[str, Any]) -> None:
        """Add the keys of one state line."""
        unit = KeyHolder.read(line)
        if unit.msn and unit.msn in self._by_msn:
            raise SimulatorInputError(f"the sales unit {unit.msn} is given twice")
        self.units.append(unit)
        self.lines.append(line)
        if unit.msn:
            self._by_msn[unit.msn] = unit

    def unit(self, msn: str) -> KeyHolder:
        """Return the permissions of a sales unit; without configuration everything is allowed."""
        return self._by_msn.get(msn, UNRESTRICTED_HOLDER)

    def holder(self, client_id: str, client_secret: str) -> KeyHolder | None:
        """Return the holder of a client id and secret; any pair is valid if no keys are configured."""
        if not self.units:
            return UNRESTRICTED_HOLDER if client_id and client_secret else None
        for unit in self.units:
            if unit.client_id == client_id and unit.client_secret == client_secret:
                return unit
        return None

    def knows_subscription_key(self, subscription_key: str) -> bool:
        """Return whether the gateway knows a subscription key."""
        return not self.units or any(
            unit.owns_subscription_key(subscription_key) for unit in self.units
        )

    def issue_token(
        self, unit: KeyHolder, now: datetime, seconds: float, *, specialised: bool = False
    ) -> str:
        """Issue a token; earlier ones stay valid."""
        expires_at = now + timedelta(seconds=seconds)
        claims = {
            "appid": unit.client_id or "anybody",
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": f"{next(self._token_numbers):08x}",
            # Real tokens have more than a thousand characters: headers of that size are tested.
            "note": "made by the simulator, opens nothing elsewhere; " * 15,
        }
        head = _encode_base64url(orjson.dumps({"typ": "JWT", "alg": "none"}))
        body = _encode_base64url(orjson.dumps(claims))
        token = f"{head}.{body}.{_encode_base64url(hashlib.sha256(body.encode()).digest())}"
        # Drop expired tokens, so that repeated requests cannot use ever more memory.
        if len(self._tokens) > 10_000:
            self._tokens = {k: t for k, t in self._tokens.items() if t.expires_at > now}
        self._tokens[token] = IssuedToken(unit, expires_at, specialised)
        return token

    def token(self, headers: dict[str, str], now: datetime) -> IssuedToken:
        """Return the token of a request, or refuse as the gateway does.

        The word `Bearer` is case-sensitive.

        Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/
        """
        kind, _, value = headers.get("authorization", "").partition(" ")
        token = self._tokens.get(value.strip()) if kind == "Bearer" else None
        if token is None or token.expires_at <= now:
            raise GatewayRefusal(
                build_gateway_response(401, "Access token is missing, expired or not valid.")
            )
        return token

    def standard(self, headers: dict[str, str], now: datetime) -> IssuedToken:
        """Return the standard token of a request, or refuse a wrong token or subscription key."""
        subscription_key = headers.get("ocp-apim-subscription-key", "")
        if not subscription_key:
            raise GatewayRefusal(
                build_gateway_response(401, "Access denied due to missing subscription key.")
            )
        if not self.knows_subscription_key(subscription_key):
            raise GatewayRefusal(
                build_gateway_response(401, "Access denied due to invalid subscription key.")
            )
        token = self.token(headers, now)
        if token.specialised or (
            token.unit is not UNRESTRICTED_HOLDER
            and not token.unit.owns_subscription_key(subscription_key)
        ):
            raise GatewayRefusal(
                build_gateway_response(401, "The token does not belong to these keys.")
            )
        return token

    def authorize_epayment(self, headers: dict[str, str], now: datetime) -> str:
        """Authorize an ePayment request and return the MSN it acts for.

        The keys of a sales unit are valid for its own MSN only (401); a partner must name an
        MSN that is linked to it (403).

        Source: https://developer.vippsmobilepay.com/docs/partner/partner-keys/
        """
        unit = self.standard(headers, now).unit
        msn = headers.get("merchant-serial-number", "")
        if unit.partner_of is not None and msn not in unit.partner_of:
            raise GatewayRefusal(
                build_gateway_response(403, "The Merchant-Serial-Number is missing or not linked.")
            )
        if unit.msn and msn and unit.msn != msn:
            raise GatewayRefusal(
                build_gateway_response(401, "The token belongs to another sales unit.")
            )
        if not self.unit(msn or unit.msn).epayment:
            raise GatewayRefusal(
                build_gateway_response(403, "Merchant Not Allowed for Ecommerce Payment")
            )
        return msn


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
