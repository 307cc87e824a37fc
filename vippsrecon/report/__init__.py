"""Present a Reconciliation: workbook, terminal summary and notebook tiles, from one set of figures."""

from vippsrecon.report.excel.workbook import write_workbook

__all__ = ["write_workbook"]
