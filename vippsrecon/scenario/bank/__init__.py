"""Say what the bank books of the month's payouts, and write its statement."""

from __future__ import annotations

from vippsrecon.scenario.bank.lines import BankLine, build_bank_lines
from vippsrecon.scenario.bank.statement import write_bank_statement

__all__ = ["BankLine", "build_bank_lines", "write_bank_statement"]
