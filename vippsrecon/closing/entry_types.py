"""The types of ledger entries, and what each is in the accounts."""

from __future__ import annotations

import polars as pl

from vippsrecon.vipps_rules import PAYOUT_ABORTED, PAYOUT_TYPES

ROLE_OF_TYPE = {
    "capture": "sales",
    "refund": "refunds",
    "fees-retained": "fees",
    "credit-note": "fees",
    "retained-disputed-capture": "disputes",
    "returned-disputed-capture": "disputes",
    "correction": "corrections",
    "top-up": "bank",
}
"""Type of an entry of the funds ledger to the account on its other side. Payouts are apart, and any
other type is `other`.
Source: https://developer.vippsmobilepay.com/docs/APIs/report-api/api-guide/overview/"""

PAYMENT_TYPES = ("capture", "refund")


def role_of_entry() -> pl.Expr:
    """Return the role of an entry: `payout`, `aborted`, or the role of its other account."""
    roles = dict.fromkeys(PAYOUT_TYPES, "payout") | {PAYOUT_ABORTED: "aborted"} | ROLE_OF_TYPE
    return pl.col("entry_type").replace_strict(roles, default="other", return_dtype=pl.String)
