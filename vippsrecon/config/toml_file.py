"""Read `vippsrecon.toml`: the tables it may contain.

An unknown name is refused, with the name that was probably meant, because a misspelled tolerance
would silently not be set. Secrets are refused by name, because files are copied, mailed and
committed.
"""

from __future__ import annotations

import math
import re
from dataclasses import field, fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    StrictBool,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.notification_tables import MailTable, WebhookTable
from vippsrecon.config.settings import InFlight, Language, RetrySeconds, Rules, SalesUnit
from vippsrecon.config.validation import explain, number, quote, settings_model
from vippsrecon.config.vouchers import VoucherSettings
from vippsrecon.errors import ConfigurationError, SourceError
from vippsrecon.input_files import read_toml
from vippsrecon.vipps_rules import MSN_PATTERN

SETTINGS_FILE_NAME = "vippsrecon.toml"

_MSN_PATTERN = re.compile(MSN_PATTERN)


def parse_msn(msn: str) -> str:
    """Return a merchant serial number without spaces around it.

    Raises:
        ValueError: It is not 4 to 10 digits.
    """
    text = msn.strip()
    if _MSN_PATTERN.fullmatch(text) is None:
        raise ValueError(f"is {quote(text)}. A merchant serial number is 4 to 10 digits.")
    return text


def _check_amount(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | dict):
        raise ValueError(
            f"is {quote(str(value))}, which is not an amount. Use a number, or a table of amounts by currency."
        )
    return value


def _refuse_password(url: str) -> str:
    try:
        password = urlsplit(url).password
    except ValueError:
        # Its own message may quote the password.
        raise ValueError("is not a URL. Use one such as sqlite:///vippsrecon.db.") from None
    if password or "password=" in url:
        raise ValueError(
            "contains a password and must not be in this file. Set the environment variable "
            "VIPPSRECON_DATABASE_URL to the whole URL instead."
        )
    return url


Msn = Annotated[StrictStr, AfterValidator(parse_msn)]
Amount = Annotated[Any, BeforeValidator(_check_amount)]
HoursOrSeconds = Annotated[float, number(float, 0, 8760, "a number above 0, up to 8760")]


@settings_model
class KeysTable:
    """Where keys come from: the names of variables, never a secret."""

    client_id: StrictStr | None = field(default=None, repr=False)
    client_id_from: StrictStr | None = None
    client_secret_from: StrictStr | None = None


@settings_model
class SalesUnitTable(SalesUnit):
    """One `[[sales_unit]]`: a sales unit and where its keys come from."""

    msn: Msn
    client_id: StrictStr | None = field(default=None, repr=False)
    client_id_from: StrictStr | None = None
    client_secret_from: StrictStr | None = None
    subscription_key_from: StrictStr | None = None

    def to_sales_unit(self) -> SalesUnit:
        """Return the sales unit alone."""
        return SalesUnit(*(getattr(self, part.name) for part in fields(SalesUnit)))


@settings_model
class LimitsTable:
    """`[limits]`: amounts in major units, one for every currency or a table by currency."""

    PLACE: ClassVar = f"{SETTINGS_FILE_NAME} [limits]"

    own_approval_up_to: Amount = None
    row_limit: Amount = None
    per_run: Amount = None
    per_day: Amount = None
    stop_after_failures: (
        Annotated[int, number(int, 0, math.inf, "a whole number from 1 up: 1, 2, 3, …")] | None
    ) = None
    stop_at_share: Annotated[float, number(float, 0, 1, "a number above 0, up to 1")] | None = None
    max_report_age_hours: HoursOrSeconds | None = None
    settle_for: HoursOrSeconds | None = None


@settings_model
class SettingsFile:
    """The whole file. None: the file does not contain the setting."""

    environment: StrictStr | None = None
    base_url: StrictStr | None = None
    client_id: StrictStr | None = field(default=None, repr=False)
    msn: Msn | None = None
    database_url: Annotated[StrictStr, AfterValidator(_refuse_password)] | None = None
    in_flight: InFlight | None = None
    retry_seconds: RetrySeconds | None = None
    ignore_file: StrictStr | None = None
    language: Language | None = None
    partner: StrictBool | None = None
    sales_unit: tuple[SalesUnitTable, ...] = ()
    accounting: KeysTable = KeysTable()
    tolerances: Rules = Rules()
    vouchers: VoucherSettings = VoucherSettings()
    limits: LimitsTable = LimitsTable()
    fee_contract: tuple[FeeContract, ...] = ()
    mail: MailTable | None = None
    webhook: WebhookTable | None = None


def read_settings_file(path: Path) -> SettingsFile:
    """Read a settings file and check every name and every value.

    Raises:
        ConfigurationError: The file cannot be read, or contains an unknown name, a value that is
            not allowed, or a secret.
    """
    try:
        content = read_toml(path)
    except SourceError as error:
        raise ConfigurationError(str(error)) from None
    try:
        return TypeAdapter(SettingsFile).validate_python(content)
    except ValidationError as error:
        raise ConfigurationError(explain(error, SettingsFile, path.name)) from None
