"""Parse single cells of settlement files whose rows are few or of several kinds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from vippsrecon.dates import YEARS
from vippsrecon.errors import InputError
from vippsrecon.money import DECIMALS, to_minor
from vippsrecon.texts import say
from vippsrecon.vipps_rules import MSN_PATTERN

_AMOUNT = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_NORWEGIAN_DAY = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})", re.ASCII)
_ISO_DAY = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ][0-9:.]+)?(?:Z|[+-][0-9:]{4,6})?", re.ASCII
)
_MSN = re.compile(MSN_PATTERN)


class CellError(Exception):
    """A cell cannot be used; its row becomes a reject.

    Attributes:
        column: Heading of the column or name of the element.
        value: The cell.
        reason: Why it cannot be used.
    """

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.value = value
        self.reason = reason


def parse_minor(text: str, currency: str, column: str) -> int:
    """Parse an amount with a decimal point; an empty one is refused.

    >>> parse_minor("-61.09", "NOK", "Fee")
    -6109
    """
    if not _AMOUNT.fullmatch(text):
        raise CellError(column, text, say("reasons.no_point"))
    try:
        return to_minor(text, currency)
    except InputError:
        decimals = len(text.partition(".")[2])
        if decimals > DECIMALS[currency]:
            reason = say("reasons.too_fine", currency=currency, places=DECIMALS[currency])
        else:
            reason = say("reasons.too_long")
        raise CellError(column, text, reason) from None


def parse_date(text: str, column: str) -> date:
    """Parse a day such as 31.12.2026 or 2026-12-31, or the day of a time.

    >>> parse_date("12.04.2021", "SettlementDate")
    datetime.date(2021, 4, 12)
    """
    norwegian, iso = _NORWEGIAN_DAY.fullmatch(text), _ISO_DAY.fullmatch(text)
    try:
        if norwegian:
            day = date(int(norwegian[3]), int(norwegian[2]), int(norwegian[1]))
        elif iso:
            day = date(int(iso[1]), int(iso[2]), int(iso[3]))
        else:
            raise ValueError(text)
        if day.year not in YEARS:
            raise ValueError(text)
    except ValueError:
        raise CellError(column, text, say("reasons.no_day_such_as", example="31.12.2026")) from None
    return day


def parse_time(text: str) -> datetime | None:
    """Parse a time with an offset; None for a day alone or a time without one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or moment.year not in YEARS:
        return None
    return moment.astimezone(UTC)


def parse_msn(text: str, column: str) -> str:
    """Return the number of a sales unit."""
    if not _MSN.fullmatch(text):
        raise CellError(column, text, say("reasons.no_unit_number"))
    return text


def parse_settlement_id(text: str, column: str) -> str:
    """Return the ID of a settlement, which is the number of its payout."""
    if not text.isascii() or not text.isdecimal() or len(text) > 20:
        raise CellError(column, text, say("reasons.no_settlement_id"))
    return text


def parse_count(text: str) -> int | None:
    """Return a number of transactions; None for any other text, which states nothing.

    >>> parse_count("7"), parse_count("seven"), parse_count("")
    (7, None, None)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
