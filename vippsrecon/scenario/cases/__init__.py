"""The cases of a month: one small function each, grouped by subject.

Each function takes a `CaseBuilder` and returns a `Scene`: orders, payments and expected results.
"(case 24)" refers to the case of that number in `tests/reconciliation/test_worked_cases.py`.
"0 → C" gives the expected and the actual amount of the discrepancy. O is the order total, Or the
amount refunded in the shop, E the amount that should be captured, Er the amount that should be
refunded; A, C, R, X are authorized, captured, refunded and cancelled, K is still reserved.
"""
