"""Write an invented month of a Nordic merchant: orders, payments, ledgers, bank, expected results.

Used by `vippsrecon demo`, tests and benchmarks. The scenario shares no code with the rest of the
package, so that neither repeats the other's mistakes. `truth.csv` lists what a reconciliation should
report.
"""

from __future__ import annotations

from vippsrecon.scenario.calendar import (
    CLOCK_START,
    EXPORTED_AT,
    FIRST_DAY,
    JANUARY_2027,
    LAST_DAY,
    OCTOBER_2026,
    ScenarioMonth,
)
from vippsrecon.scenario.ledgers import FEE_TERMS, FeeTerms
from vippsrecon.scenario.month import choose_sales_units, write_month
from vippsrecon.scenario.month_files import TRUTH_COLUMNS
from vippsrecon.scenario.other_exports import EARLIER_FILE, PERIOD
from vippsrecon.scenario.sales_units import MARKET_BY_CURRENCY, ScenarioKeys, ScenarioSalesUnit
from vippsrecon.scenario.shops import SHOPS

__all__ = [
    "CLOCK_START",
    "EARLIER_FILE",
    "EXPORTED_AT",
    "FEE_TERMS",
    "FIRST_DAY",
    "JANUARY_2027",
    "LAST_DAY",
    "MARKET_BY_CURRENCY",
    "OCTOBER_2026",
    "PERIOD",
    "SHOPS",
    "TRUTH_COLUMNS",
    "FeeTerms",
    "ScenarioKeys",
    "ScenarioMonth",
    "ScenarioSalesUnit",
    "choose_sales_units",
    "write_month",
]
