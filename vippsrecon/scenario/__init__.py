"""A seeded month of a Nordic merchant: orders, payments, ledger, bank, and the truth about them.

For `vippsrecon demo`, tests and benchmarks. It stands apart from the rest of the package, which
could otherwise share its mistakes, and `truth.csv` says what reconciling should find.
"""

from __future__ import annotations

from vippsrecon.scenario.calendar import CLOCK_START, EXPORTED_AT, FIRST_DAY, LAST_DAY
from vippsrecon.scenario.month import TRUTH_COLUMNS, choose_sales_units, write_month
from vippsrecon.scenario.sales_units import MARKET_BY_CURRENCY, ScenarioKeys, ScenarioSalesUnit
from vippsrecon.scenario.shops import SHOPS

__all__ = [
    "CLOCK_START",
    "EXPORTED_AT",
    "FIRST_DAY",
    "LAST_DAY",
    "MARKET_BY_CURRENCY",
    "SHOPS",
    "TRUTH_COLUMNS",
    "ScenarioKeys",
    "ScenarioSalesUnit",
    "choose_sales_units",
    "write_month",
]
