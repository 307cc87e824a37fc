"""Write Excel workbooks: formats, layouts, tables and formulas, for reports and for outcomes.

Knows nothing of what is written: reports and bulk operations both use it.
"""
