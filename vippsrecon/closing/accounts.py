"""The accounts of vouchers: those of the settings, else the default of the country.

A default is given only where a source names the account for a payment provider. The sales account has
none anywhere: only the bookkeeper knows whether the sales are in the books already. Denmark and Finland
have none at all: their sources name ranges or nothing. What is missing is refused when a file is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from vippsrecon.config.vouchers import VoucherSettings
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY

DEFAULT_ACCOUNTS: Mapping[str, Mapping[str, str]] = {
    # Clearing: averdi.no ("1580 skal ha saldo null"). Fees and bank: the voucher in
    # https://support.tidypay.no/tripletex-og-tidypaygo/avstemming-tidypaygo/
    "NO": {"clearing": "1580", "fees": "7770", "bank": "1920"},
    # 1580 left the BAS chart in 2026; 1686 takes its place. All three:
    # https://github.com/erp-mafia/swedish-accounting-skills/pull/9
    "SE": {"clearing": "1686", "fees": "6570", "bank": "1930"},
    # A clearing account is one of 55000-55999, which the user chooses:
    # https://github.com/mikkelkrogsholm/rentemester/issues/512
    "DK": {},
    # No source names an account.
    "FI": {},
}
"""Country to role to account."""

_OTHER_ROLE = {"refunds": "sales"}
"""Roles that use the account of another role where they have none of their own."""


def find_market(msn: str, currency: str, markets: Mapping[str, str]) -> str:
    """Return the country of a sales unit: as configured, else by currency; "" if neither tells it."""
    return markets.get(msn) or MARKET_OF_CURRENCY.get(currency, "")


def find_account(settings: VoucherSettings, market: str, role: str) -> str | None:
    """Return the account of a role, or None if neither settings nor default name it.

    >>> find_account(VoucherSettings(), "SE", "clearing")
    '1686'
    >>> find_account(VoucherSettings(NO=Accounts(sales="3000")), "NO", "refunds")
    '3000'
    >>> find_account(VoucherSettings(), "DK", "clearing") is None
    True
    """
    if market not in DEFAULT_ACCOUNTS:
        return None
    own = getattr(getattr(settings, market), role)
    account: str | None = own or DEFAULT_ACCOUNTS[market].get(role)
    if account is None and role in _OTHER_ROLE:
        return find_account(settings, market, _OTHER_ROLE[role])
    return account


def find_vat_code(settings: VoucherSettings, market: str, role: str) -> str | None:
    """Return the VAT code of a line: only sales and refunds have one."""
    if market not in DEFAULT_ACCOUNTS or role not in ("sales", "refunds"):
        return None
    code: str | None = getattr(settings, market).vat_code
    return code
