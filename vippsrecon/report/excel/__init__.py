"""Write the Excel workbook of a Reconciliation."""
