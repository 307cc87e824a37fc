"""Present a Reconciliation: workbook, page, terminal summary and tiles, from one set of figures."""

from vippsrecon.report.excel.workbook import write_workbook
from vippsrecon.report.html.page import write_html

__all__ = ["write_html", "write_workbook"]
