"""A Reconciliation as people read it: a workbook, a terminal summary, tiles, figures."""

from vippsrecon.report.workbook import write_workbook

__all__ = ["write_workbook"]
