"""Close a period: vouchers, cut-off pack, proof of the clearing account, refunds, VAT, restatement.

Pure functions: frames in, frames out, each validated against its schema. They know no files and no
database. Amounts of accounts are positive in debit.
"""

from __future__ import annotations

from vippsrecon.closing.clearing import prove_clearing_account
from vippsrecon.closing.cut_off import CutOff, build_cut_off
from vippsrecon.closing.numbering import number_vouchers, select_unwritten
from vippsrecon.closing.period_facts import compare_with_closed_period, list_period_facts
from vippsrecon.closing.refund_ageing import age_refunds
from vippsrecon.closing.vat import tie_out_vat
from vippsrecon.closing.voucher_files import VOUCHER_FORMS, render_vouchers
from vippsrecon.closing.vouchers import build_vouchers

__all__ = [
    "VOUCHER_FORMS",
    "CutOff",
    "age_refunds",
    "build_cut_off",
    "build_vouchers",
    "compare_with_closed_period",
    "list_period_facts",
    "number_vouchers",
    "prove_clearing_account",
    "render_vouchers",
    "select_unwritten",
    "tie_out_vat",
]
