"""Rows of vouchers as files need them: one currency, all accounts, amounts in major units."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from vippsrecon.closing.numbering import select_unwritten
from vippsrecon.errors import ConfigurationError, InputError
from vippsrecon.money import to_major
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY


class VoucherLine(NamedTuple):
    """One line of a voucher.

    Attributes:
        number: The stable number.
        sequence: Number of the voucher in the file, for systems that number with digits.
        day: Accounting day.
        account, vat_code: As the accounting system has them; no VAT code is "".
        amount: Debit positive, in major units.
        text: The stable number and the text.
    """

    number: str
    sequence: int
    day: date
    account: str
    vat_code: str
    amount: Decimal
    text: str


def list_lines(vouchers: pl.DataFrame, currency: str, first_number: int) -> list[VoucherLine]:
    """Return the lines that are not written yet, in the order of date, number and line.

    Raises:
        ClosedPeriodError: A voucher would be written into a closed period.
        ConfigurationError: A role has no account.
        InputError: The vouchers are in another currency too.
    """
    unwritten = select_unwritten(vouchers).sort("voucher_date", "voucher_number", "line")
    others = sorted(set(unwritten["currency"]) - {currency})
    if others:
        raise InputError(
            f"A voucher file has one currency, and these vouchers are in {currency} and "
            f"{', '.join(others)}. Write a file for each."
        )
    _check_accounts(unwritten, currency)
    sequences: dict[str, int] = {}
    lines = []
    columns = ("voucher_number", "voucher_date", "account", "vat_code", "amount_minor", "text")
    for number, day, account, vat_code, minor, text in unwritten.select(columns).iter_rows():
        sequence = sequences.setdefault(number, first_number + len(sequences))
        amount = to_major(minor, currency)
        lines.append(
            VoucherLine(number, sequence, day, account, vat_code or "", amount, f"{number} {text}")
        )
    return lines


def _check_accounts(vouchers: pl.DataFrame, currency: str) -> None:
    missing = vouchers.filter(pl.col("account").is_null())["role"].unique().sort().to_list()
    if missing:
        market = MARKET_OF_CURRENCY.get(currency, "NO")
        raise ConfigurationError(
            f"No account is known for {', '.join(missing)}. Set {' and '.join(missing)} in "
            f"[vouchers.{market}] of vippsrecon.toml, or in the table of the sales unit's own market."
        )


def pair_lines(lines: Sequence[VoucherLine]) -> Iterator[tuple[VoucherLine, VoucherLine]]:
    """Yield each pair of lines that sum to 0, the debit first.

    Every posting of `build_vouchers` is such a pair: the clearing account and its other account.
    """
    for one, other in zip(lines[::2], lines[1::2], strict=True):
        yield (one, other) if one.amount > 0 else (other, one)


def write_rows(rows: Iterable[Sequence[str]], encoding: str = "utf-8") -> bytes:
    """Return rows as CSV with semicolons and CRLF. For a program, so cells have no apostrophe guard."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def format_comma(amount: Decimal) -> str:
    """Return an amount with a decimal comma and two decimals.

    >>> format_comma(Decimal("-1386.00"))
    '-1386,00'
    """
    return f"{amount:.2f}".replace(".", ",")
