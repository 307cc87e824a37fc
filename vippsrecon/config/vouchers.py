"""`[vouchers]` of the settings file: how vouchers are grouped, and which accounts they use."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StrictStr

from vippsrecon.config.validation import one_of, quote, settings_model

_ACCOUNT = re.compile(r"[0-9]{3,9}")
_VAT_CODE = re.compile(r"[A-Za-z0-9]{1,5}")


def _check_account(account: str) -> str:
    if _ACCOUNT.fullmatch(account) is None:
        raise ValueError(f'is {quote(account)}, which is not an account. Use 3 to 9 digits in "…".')
    return account


def _check_vat_code(code: str) -> str:
    if _VAT_CODE.fullmatch(code) is None:
        raise ValueError(f"is {quote(code)}. A VAT code has 1 to 5 letters and digits.")
    return code


Account = Annotated[StrictStr, AfterValidator(_check_account)]
VatCode = Annotated[StrictStr, AfterValidator(_check_vat_code)]
Grouping = Annotated[StrictStr, one_of(("day", "payout"))]
PayoutDate = Annotated[StrictStr, one_of(("bank_date", "ledger_date", "never"))]


@settings_model
class Accounts:
    """The accounts of one country, `[vouchers.NO]` and the like. None: the default, if there is one.

    Attributes:
        clearing: What Vipps MobilePay owes; it must be zero or itemised at any date.
        sales: Credited with captures, gross: the sales account, or the receivables account if the
            sales are in the books already.
        refunds: Debited with refunds; None: as `sales`.
        fees: Debited with retained fees.
        bank: Debited with payouts.
        disputes: For disputed captures that are retained or returned.
        corrections: For manual corrections by Vipps MobilePay.
        other: For entry types that are not known yet.
        vat_code: The accounting system's VAT code of `sales` and `refunds`.
    """

    clearing: Account | None = None
    sales: Account | None = None
    refunds: Account | None = None
    fees: Account | None = None
    bank: Account | None = None
    disputes: Account | None = None
    corrections: Account | None = None
    other: Account | None = None
    vat_code: VatCode | None = None


@settings_model
class VoucherSettings:
    """`[vouchers]`.

    Attributes:
        grouping: "day": one voucher per ledger date. "payout": one per payout and month.
        payouts_on: When a payout is booked. "bank_date": when it is in the bank statement;
            "ledger_date": when Vipps MobilePay ordered it; "never": the accounting system books it
            from its own bank feed.
        NO, SE, DK, FI: The accounts of each country.
    """

    grouping: Grouping = "day"
    payouts_on: PayoutDate = "bank_date"
    NO: Accounts = Accounts()
    SE: Accounts = Accounts()
    DK: Accounts = Accounts()
    FI: Accounts = Accounts()
