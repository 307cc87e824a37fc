"""A Reconciliation as people read it: a workbook, a terminal summary, tiles, figures."""

from vippsrecon.report.excel.workbook import write_workbook

__all__ = ["write_workbook"]
