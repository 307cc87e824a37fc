"""Present a Reconciliation: workbook, page, terminal summary and tiles, from one set of figures."""

from vippsrecon.report.excel.workbook import write_workbook
from vippsrecon.report.html.page import write_html
from vippsrecon.report.web_links import link_discrepancies

__all__ = ["link_discrepancies", "write_html", "write_workbook"]
