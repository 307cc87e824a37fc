"""Settings as the rest of the package reads them: sales units, environment, keys, tolerances.

`vippsrecon.config.load` finds their values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vippsrecon.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr

ZONE_OF_MARKET = {
    "NO": "Europe/Oslo",
    "SE": "Europe/Stockholm",
    "DK": "Europe/Copenhagen",
    "FI": "Europe/Helsinki",
}
"""Market to the zone its accounting days are counted in."""

MARKET_OF_CURRENCY = {"NOK": "NO", "SEK": "SE", "DKK": "DK", "EUR": "FI"}
"""The market assumed for a currency where the sales unit's own is not configured."""


@dataclass(frozen=True)
class SalesUnit:
    """One sales unit: how its days are counted and its deadlines run. No secrets here.

    Attributes:
        msn: Merchant serial number.
        market: NO, SE, DK or FI; None where not configured (then by currency).
        timezone: Zone of its accounting days; None: the market's.
        capture: "on_fulfilment", or "at_once" for merchants who capture when the order is placed.
        late_capture: DK and FI: 180 days to capture instead of 14.
        stores: The shop's own names for stores whose orders belong to this sales unit.
        currency: The one currency the shop exports for it, where the export has none.
    """

    msn: str
    market: str | None = None
    timezone: str | None = None
    capture: str = "on_fulfilment"
    late_capture: bool = False
    stores: tuple[str, ...] = ()
    currency: str | None = None

    @property
    def zone(self) -> str:
        """The zone its days are counted in; Oslo where nothing is known.

        >>> SalesUnit("123456", market="FI").zone
        'Europe/Helsinki'
        """
        return self.timezone or ZONE_OF_MARKET.get(self.market or "NO", "Europe/Oslo")


@dataclass(frozen=True)
class Rules:
    """Tolerances and graces of reconciling. The defaults are the documented ones.

    Attributes:
        tolerance_minor: Difference per order that counts as rounding, in minor units.
        rounding_cap_minor: Sum of rounding per currency and period up to which it stays *info*.
        delivery_grace_days: Days from capture to fulfilment that are no discrepancy.
        capture_grace_hours: Hours from fulfilment to capture, likewise.
        refund_grace_hours: Hours from the shop's refund to Vipps MobilePay's, likewise.
    """

    tolerance_minor: int = 0
    rounding_cap_minor: int = 1000
    delivery_grace_days: int = 3
    capture_grace_hours: int = 24
    refund_grace_hours: int = 24


HOSTS = {"production": "https://api.vipps.no", "test": "https://apitest.vipps.no"}
"""Environment to the one host it speaks to.
Source: https://developer.vippsmobilepay.com/docs/knowledge-base/servers/"""

ENVIRONMENTS = (*HOSTS, "simulator")
MAX_IN_FLIGHT = 256

_LOOPBACK_URL = re.compile(
    r"https?://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?", re.IGNORECASE
)


@dataclass(frozen=True)
class Keys:
    """The keys of one keyholder. Its repr shows no secret.

    Attributes:
        client_id: Names the keys; not a secret, and yet nobody's to read in a notebook.
        client_secret: Proves them.
        subscription_key: Goes beside a standard token; None for accounting keys.
    """

    client_id: str = field(repr=False)
    client_secret: SecretStr
    subscription_key: SecretStr | None = None


@dataclass(frozen=True)
class Settings:
    """Everything settled for one run.

    Attributes:
        environment: "test", "production", "simulator"; "" where offline work needs none.
        base_url: Scheme and host of the APIs, without a slash at the end; "" likewise.
        default_msn: The sales unit meant where none is named.
        units: The sales units configured.
        keys: Keys by merchant serial number, where they are complete.
        default_keys: Keys of sales units that name none of their own.
        partner: The default keys are a partner's and serve every linked sales unit.
        accounting: Accounting keys for the Report API.
        rules: Tolerances and graces of reconciling.
        limits: `[limits]` as written: caps on moving money.
        in_flight: Requests under way at once.
        retry_seconds: Longest time one call may take, repetitions and waits included.
        ignore_file: References the user has waived.
        database_url: The workspace database; may hold a password.
        sources: Setting to the place it came from.
    """

    environment: str
    base_url: str
    default_msn: str | None = None
    units: tuple[SalesUnit, ...] = ()
    keys: Mapping[str, Keys] = field(default_factory=dict)
    default_keys: Keys | None = None
    partner: bool = False
    accounting: Keys | None = None
    rules: Rules = field(default_factory=Rules)
    limits: Mapping[str, Any] = field(default_factory=dict)
    in_flight: int = 32
    retry_seconds: float = 180.0
    ignore_file: Path | None = None
    database_url: str = field(default="sqlite:///vippsrecon.db", repr=False)
    sources: Mapping[str, str] = field(default_factory=dict)

    def unit(self, msn: str) -> SalesUnit:
        """Return what is configured for a sales unit, or the defaults."""
        return next((unit for unit in self.units if unit.msn == msn), SalesUnit(msn))

    def keys_of(self, msn: str) -> Keys:
        """Return the keys that serve a sales unit.

        Raises:
            ConfigurationError: There are none.
        """
        own = self.keys.get(msn)
        if own is not None:
            return own
        if self.default_keys is not None and (self.partner or self.environment == "simulator"):
            return self.default_keys
        if any(unit.msn == msn for unit in self.units):
            raise ConfigurationError(
                f"sales unit {msn} has no complete keys: set VIPPS_CLIENT_ID, "
                "VIPPS_CLIENT_SECRET and VIPPS_SUBSCRIPTION_KEY, or name its own variables in "
                "vippsrecon.toml (client_id_from, client_secret_from, subscription_key_from)"
            )
        raise ConfigurationError(
            f"no keys are configured for sales unit {msn}: set VIPPS_MSN and its keys, or give "
            "vippsrecon.toml a [[sales_unit]] with this msn"
        )


def resolve_base_url(environment: str, base_url: str | None) -> str:
    """Return the one URL an environment may speak to.

    Raises:
        ConfigurationError: The environment is none, or the URL is not allowed with it.

    >>> resolve_base_url("test", None)
    'https://apitest.vipps.no'
    >>> resolve_base_url("simulator", "http://127.0.0.1:8800/")
    'http://127.0.0.1:8800'
    """
    if environment not in ENVIRONMENTS:
        said = f"is {environment!r}, which it cannot be" if environment else "is not set"
        raise ConfigurationError(
            f"VIPPS_ENVIRONMENT {said}: say which of test, production and simulator is meant"
        )
    given = (base_url or "").rstrip("/")
    if environment != "simulator":
        host = HOSTS[environment]
        if given not in ("", host):
            raise ConfigurationError(
                f"VIPPS_BASE_URL is for the simulator only; {environment} speaks to {host}: "
                "unset it, or set VIPPS_ENVIRONMENT to simulator"
            )
        return host
    if _LOOPBACK_URL.fullmatch(given) is None:
        said = "is not set" if not given else "names another host or is not plain http(s)"
        raise ConfigurationError(
            f"VIPPS_BASE_URL {said}: the simulator is on 127.0.0.1, [::1] or localhost, such as "
            "http://127.0.0.1:8800"
        )
    return given
