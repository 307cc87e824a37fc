"""Check fields of request bodies.

There are two kinds of refusal, as in the API: a body that does not fit its schema lists the invalid
fields; a value that breaks a rule has a code.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from vippsrecon.simulator.apis.error_responses import DomainRefusal, InvalidFields

PAYMENT_REFERENCE_PATTERN = re.compile(r"[a-zA-Z0-9-]{8,64}")
MSN_PATTERN = re.compile(r"[0-9]{4,10}")
PHONE_PATTERN = r"[0-9]{9,15}"
CURRENCIES = ("NOK", "DKK", "EUR", "SEK", "USD", "GBP")
MAX_AMOUNT = 65_000_000


def refuse_unknown_fields(value: dict[str, Any], known: Collection[str], where: str = "") -> None:
    """Refuse fields that the schema does not have.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/api-lifecycle/
    """
    bad = [(f"{where}{name}", "Is not a known field.") for name in value if name not in known]
    if bad:
        raise InvalidFields(bad)


def parse_amount(value: Any, name: str) -> tuple[int, str]:
    """Read an amount: minor units and currency.

    A number outside the allowed range is refused with 4040; text instead of a number causes an
    internal error, as in reality.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/errors/
    """
    if not isinstance(value, dict):
        raise InvalidFields([(name, "Has to be an object with currency and value.")])
    refuse_unknown_fields(value, ("currency", "value"), f"{name}.")
    missing = [
        (f"{name}.{part}", "Is required.") for part in ("currency", "value") if part not in value
    ]
    if missing:
        raise InvalidFields(missing)
    currency, minor = value["currency"], value["value"]
    if currency not in CURRENCIES:
        raise InvalidFields([(f"{name}.currency", f"Has to be one of {', '.join(CURRENCIES)}.")])
    if isinstance(minor, str):
        raise DomainRefusal(3010)
    if type(minor) is not int or not 0 <= minor <= MAX_AMOUNT:
        raise DomainRefusal(4040, f"The value has to be a whole number from 0 to {MAX_AMOUNT}.")
    return minor, currency


def check_url(value: str) -> None:
    """Refuse a URL that has neither https nor the scheme of an app.

    Source: https://developer.vippsmobilepay.com/docs/knowledge-base/url-validation/
    """
    parts = urlsplit(value)
    own_scheme = parts.scheme not in ("", "http", "https", "javascript", "data", "file")
    if not (own_scheme or (parts.scheme == "https" and parts.hostname)):
        raise DomainRefusal(4090, "The address has to use https or the scheme of an app.")
