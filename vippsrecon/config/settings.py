"""Settings as the rest of the package reads them: sales units, environment, keys, tolerances.

`vippsrecon.config.load` finds their values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, StrictBool, StrictStr

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.order_address import check_order_url
from vippsrecon.config.validation import (
    check_clock_time,
    check_timezone,
    number,
    one_of,
    parse_texts,
    quote,
    settings_model,
    whole_number,
)
from vippsrecon.config.vouchers import VoucherSettings
from vippsrecon.errors import ConfigurationError
from vippsrecon.money import DECIMALS, LARGEST_MINOR
from vippsrecon.texts import LANGUAGES
from vippsrecon.vipps_rules import HOSTS, ZONE_OF_MARKET

ENVIRONMENTS = (*HOSTS, "simulator")

PRODUCTION = "production"
FILES_ENVIRONMENT = "files"
"""In place of an environment: a run without keys, whose payments are those of settlement files."""
MAX_IN_FLIGHT = 256

SalesUnitNumber = Annotated[
    StrictStr,
    BeforeValidator(
        lambda msn: str(msn) if isinstance(msn, int) and not isinstance(msn, bool) else msn
    ),
]
"""A merchant serial number; a whole number is taken as its digits, as `fetch` does."""

Market = Annotated[StrictStr, one_of(ZONE_OF_MARKET)]
TimeZone = Annotated[StrictStr, AfterValidator(check_timezone)]
ClockTime = Annotated[StrictStr, AfterValidator(check_clock_time)]
Capture = Annotated[StrictStr, one_of(("on_fulfilment", "at_once"))]
OrderUrl = Annotated[StrictStr, AfterValidator(check_order_url)]
Stores = Annotated[tuple[str, ...], BeforeValidator(parse_texts)]
Currency = Annotated[StrictStr, one_of(DECIMALS)]
Language = Annotated[StrictStr, one_of(LANGUAGES)]
Minor = Annotated[int, whole_number(0, LARGEST_MINOR)]
# Ten years: longer than any record that the program keeps.
GraceDays = Annotated[int, whole_number(0, 3650)]
GraceHours = Annotated[int, whole_number(0, 87_600)]
InFlight = Annotated[int, whole_number(1, MAX_IN_FLIGHT)]
RetrySeconds = Annotated[float, number(float, 0, 86_400, "a number above 0, up to 86400 (a day)")]

_LOOPBACK_URL = re.compile(
    r"https?://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]{1,5})?", re.IGNORECASE
)


@settings_model
class SalesUnit:
    """One sales unit: its market, time zone and deadlines. Contains no secrets.

    Attributes:
        msn: Merchant serial number.
        market: NO, SE, DK or FI; None where not configured (then by currency).
        timezone: Time zone of its accounting days; None: that of the market.
        capture: "on_fulfilment", or "at_once" for merchants who capture when the order is placed.
        late_capture: DK and FI: 180 days to capture instead of 14.
        stores: The shop's names of the stores whose orders belong to this sales unit.
        currency: The shop's currency for it, used if the export has no currency column.
        compared: False for a sales unit without orders in the exports, such as a point of sale: its
            orders and payments are left out, and the report says so.
        order_url: Address of an order in the shop's administration, with {order_number} or
            {reference} in it; None: reports have no links to orders of the shop.
        day_ends_at: Local time at which a day of the ledger ends. "00:00", unless Vipps MobilePay agreed
            to another one: "04:00" counts what happens before four o'clock to the day before.
    """

    msn: SalesUnitNumber
    market: Market | None = None
    timezone: TimeZone | None = None
    capture: Capture = "on_fulfilment"
    late_capture: StrictBool = False
    stores: Stores = ()
    currency: Currency | None = None
    compared: StrictBool = True
    order_url: OrderUrl | None = None
    day_ends_at: ClockTime = "00:00"

    @property
    def zone(self) -> str:
        """The time zone of its accounting days; Oslo if neither zone nor market is configured.

        >>> SalesUnit("123456", market="FI").zone
        'Europe/Helsinki'
        """
        return self.timezone or ZONE_OF_MARKET.get(self.market or "NO", "Europe/Oslo")

    @property
    def cut_off(self) -> time:
        """The local time at which a day of the ledger ends.

        >>> SalesUnit("123456", day_ends_at="04:00").cut_off
        datetime.time(4, 0)
        """
        return time.fromisoformat(self.day_ends_at)


@settings_model
class Rules:
    """Tolerances and grace periods of a reconciliation.

    Attributes:
        tolerance_minor: Difference per order that counts as rounding, in minor units.
        rounding_cap_minor: Sum of rounding per currency and period up to which it stays *info*.
        delivery_grace_days: Days from capture to fulfilment that are not a discrepancy.
        capture_grace_hours: Hours from fulfilment to capture that are not a discrepancy.
        refund_grace_hours: Hours from the shop's refund to the refund at Vipps MobilePay that are
            not a discrepancy, and the other way round.
        callback_grace_hours: Hours from authorization until the shop must know of the payment.
    """

    tolerance_minor: Minor = 0
    rounding_cap_minor: Minor = 1000
    delivery_grace_days: GraceDays = 3
    capture_grace_hours: GraceHours = 24
    refund_grace_hours: GraceHours = 24
    callback_grace_hours: GraceHours = 2


@settings_model
class Keys:
    """One set of API keys. Its repr shows no secret.

    Attributes:
        client_id: Identifies the keys. Not a secret, but not shown in a notebook either.
        client_secret: The secret that belongs to `client_id`.
        subscription_key: Sent with every call that uses a standard token; None for accounting keys.
    """

    client_id: StrictStr = field(repr=False)
    client_secret: SecretStr
    subscription_key: SecretStr | None = None


@settings_model
class Settings:
    """All settings of one run.

    Attributes:
        environment: "test", "production" or "simulator"; "" for offline work.
        base_url: Scheme and host of the APIs, without a slash at the end; "" for offline work.
        default_msn: The sales unit used where none is named: the one given (VIPPS_MSN), else the
            only one there is.
        units: The configured sales units.
        keys: Complete keys by merchant serial number.
        default_keys: Keys of sales units without keys of their own.
        partner: Whether the default keys are partner keys, valid for every linked sales unit.
        accounting: Accounting keys for the Report API.
        rules: Tolerances and grace periods.
        vouchers: `[vouchers]`: how vouchers are grouped, and their accounts.
        limits: `[limits]` of the settings file, unparsed: caps on moving money.
        in_flight: Number of requests in progress at the same time.
        retry_seconds: Longest time one call may take, including retries and waiting.
        ignore_file: CSV file of payments the user decided to ignore.
        database_url: The workspace database; may contain a password.
        language: Of reports and messages: en, nb, da, sv or fi; None: English.
        fee_contracts: What each capture costs, as agreed with Vipps MobilePay.
        sources: Setting name to the source of its value.
    """

    environment: StrictStr
    base_url: StrictStr
    default_msn: SalesUnitNumber | None = None
    units: tuple[SalesUnit, ...] = ()
    keys: Mapping[str, Keys] = field(default_factory=dict)
    default_keys: Keys | None = None
    partner: StrictBool = False
    accounting: Keys | None = None
    rules: Rules = field(default_factory=Rules)
    vouchers: VoucherSettings = field(default_factory=VoucherSettings)
    limits: Mapping[str, Any] = field(default_factory=dict)
    in_flight: InFlight = 32
    retry_seconds: RetrySeconds = 180.0
    ignore_file: Path | None = None
    database_url: StrictStr = field(default="sqlite:///vippsrecon.db", repr=False)
    language: Language | None = None
    fee_contracts: tuple[FeeContract, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the only sales unit the default."""
        msns = {unit.msn for unit in self.units} | set(self.keys)
        if self.default_msn is None and len(msns) == 1:
            object.__setattr__(self, "default_msn", msns.pop())

    @property
    def books_environment(self) -> str:
        """The environment whose months and vouchers are meant.

        Without one, the files are those of real payments: a month that was closed without keys stays
        closed when the keys of production are there.
        """
        return self.environment or PRODUCTION

    def unit(self, msn: str) -> SalesUnit:
        """Return a sales unit's configuration, or the defaults."""
        return next((unit for unit in self.units if unit.msn == msn), SalesUnit(msn))

    def keys_of(self, msn: str) -> Keys:
        """Return the keys to use for a sales unit.

        Raises:
            ConfigurationError: No complete keys are configured.
        """
        unit_keys = self.keys.get(msn)
        if unit_keys is not None:
            return unit_keys
        if self.default_keys is not None and (self.partner or self.environment == "simulator"):
            return self.default_keys
        if any(unit.msn == msn for unit in self.units):
            missing = self._list_missing_keys(msn)
            which = f" ({' and '.join(missing)} not found)" if missing else ""
            raise ConfigurationError(
                f"sales unit {msn} has no complete keys{which}: copy them from the business portal "
                "and set VIPPS_CLIENT_ID, VIPPS_CLIENT_SECRET and VIPPS_SUBSCRIPTION_KEY, also in "
                ".env, or name its own variables in vippsrecon.toml (client_id_from, "
                "client_secret_from, subscription_key_from)"
            )
        raise ConfigurationError(
            f"no keys are configured for sales unit {msn}: set VIPPS_MSN and its keys, or add a "
            "[[sales_unit]] with this msn to vippsrecon.toml"
        )

    def _list_missing_keys(self, msn: str) -> list[str]:
        """Return which keys of a sales unit no source has, in words."""
        titles = {
            "client_id": "client ID",
            "client_secret": "client secret",
            "subscription_key": "subscription key",
        }
        return [
            title
            for name, title in titles.items()
            if f"{msn}.{name}" not in self.sources and self.sources.get(name) == "default"
        ]


def resolve_base_url(environment: str, base_url: str | None) -> str:
    """Return the only base URL an environment may call.

    Raises:
        ConfigurationError: The environment does not exist, or the URL is not allowed with it.

    >>> resolve_base_url("test", None)
    'https://apitest.vipps.no'
    >>> resolve_base_url("simulator", "http://127.0.0.1:8800/")
    'http://127.0.0.1:8800'
    """
    if environment not in ENVIRONMENTS:
        problem = f"is {quote(environment)}" if environment else "is not set"
        raise ConfigurationError(
            f"The environment (VIPPS_ENVIRONMENT) {problem}. Set it to test, production or "
            "simulator, or run vippsrecon init in an empty folder, which asks for it."
        )
    address = (base_url or "").rstrip("/")
    if environment != "simulator":
        host = HOSTS[environment]
        if address not in ("", host):
            raise ConfigurationError(
                f"VIPPS_BASE_URL is for the simulator only; {environment} always uses {host}. "
                "Unset VIPPS_BASE_URL, or set VIPPS_ENVIRONMENT to simulator."
            )
        return host
    if _LOOPBACK_URL.fullmatch(address) is None:
        problem = "is not set" if not address else "names another host or is not plain http(s)"
        raise ConfigurationError(
            f"VIPPS_BASE_URL {problem}. The simulator runs on 127.0.0.1, [::1] or localhost: use a "
            "URL such as http://127.0.0.1:8800"
        )
    return address
