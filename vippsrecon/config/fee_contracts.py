"""What a sales unit pays for a capture: percent and fixed amount, by payment method."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, StrictStr

from vippsrecon.config.validation import one_of, quote, settings_model, whole_number
from vippsrecon.money import DECIMALS, LARGEST_MINOR

_PARTS_PER_PERCENT = 10_000


def _parse_percent(value: Any) -> Decimal:
    """Return a percentage as a decimal number.

    >>> _parse_percent(2.99), _parse_percent("0.75"), _parse_percent(2)
    (Decimal('2.99'), Decimal('0.75'), Decimal('2'))
    """
    advice = 'Use a percentage from 0 to 100 with at most four decimals, such as "2.99".'
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"is {quote(str(value))}. {advice}")
    try:
        percent = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"is {quote(str(value))}. {advice}") from None
    in_range = percent.is_finite() and 0 <= percent <= 100
    if not in_range or percent * _PARTS_PER_PERCENT % 1:
        raise ValueError(f"is {quote(str(value))}. {advice}")
    return percent


def _parse_day(value: Any) -> Any:
    if type(value) is date or value is None:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"is {quote(str(value))}. Use a day such as 2026-10-01.") from None


@settings_model
class FeeContract:
    """What Vipps MobilePay charges for each capture, as agreed.

    A capture has the fee of the contract that names most of its sales unit, payment method and day.

    Attributes:
        percent: Share of the captured amount, as in the agreement: "2.99".
        fixed_minor: Amount per capture in minor units, in addition.
        currency: ISO 4217 code of the captures and of the fixed amount.
        msn: The sales unit; None for all.
        payment_method: As in the frame payments, such as WALLET or CARD; None for all.
        from_date: First ledger date it is for; None for no limit.
        tolerance_minor: Difference per fee that counts as rounding, in minor units.
    """

    percent: Annotated[Decimal, BeforeValidator(_parse_percent)]
    currency: Annotated[StrictStr, one_of(DECIMALS)]
    fixed_minor: Annotated[int, whole_number(0, LARGEST_MINOR)] = 0
    msn: StrictStr | None = None
    payment_method: StrictStr | None = None
    from_date: Annotated[date | None, BeforeValidator(_parse_day)] = None
    tolerance_minor: Annotated[int, whole_number(0, LARGEST_MINOR)] = 1

    @property
    def parts_per_million(self) -> int:
        """The percentage as a whole number, so that no fee is computed as a float.

        >>> FeeContract("2.99", "NOK").parts_per_million
        29900
        """
        return int(self.percent * _PARTS_PER_PERCENT)
