"""Write Excel workbooks: formats, layouts, tables and formulas, for reports and for outcomes.

It does not depend on what is written: reports and bulk operations both use it.
"""
