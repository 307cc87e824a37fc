"""Bank statements become the frame `bank_lines`.

    camt053 ──┐                                          ┌─► bank_lines, provisional, rejects
              ├──► lines of each statement ── repeated ──┤
    csv ──────┘    balances, rejects          lines      └─► notes: balances, gaps, other accounts

An amount is positive where money comes into the account. Only booked lines are in the frame: a line
that the bank has not booked yet is `provisional`, until a booked line replaces it.
"""

from vippsrecon.sources.bank.read import read_bank_files, read_bank_statements
from vippsrecon.sources.bank.statement import BankFiles, BankFileSummary, Statement

__all__ = [
    "BankFileSummary",
    "BankFiles",
    "Statement",
    "read_bank_files",
    "read_bank_statements",
]
