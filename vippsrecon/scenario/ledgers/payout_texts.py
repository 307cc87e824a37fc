"""Write the text that a payout has on the bank statement."""

from __future__ import annotations

from datetime import date

from vippsrecon.scenario.sales_units import ScenarioSalesUnit


def format_payout_text(unit: ScenarioSalesUnit, number: int, day: date) -> str:
    """Return the text of a payout on the bank statement.

    In Norway it holds the numbers of payout and sales unit; in Denmark and Finland twenty digits
    that end in the 7-3-1 check digit of Finnish references.

    >>> from vippsrecon.scenario.sales_units import make_sales_units
    >>> format_payout_text(make_sales_units(["NOK"])[0], 2000001, date(2026, 10, 1))
    'Utb. 2000001 Vippsnr 123456'
    """
    if unit.market == "NO":
        return f"Utb. {number} Vippsnr {unit.msn}"
    digits = f"02{unit.msn:0>8}001{day:%d%m%y}"
    return digits + compute_check_digit(digits)


def compute_check_digit(digits: str) -> str:
    """Return the 7-3-1 check digit of a Finnish reference number.

    >>> compute_check_digit("0200123456001040224")
    '4'
    """
    total = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)
