"""Bank statements as CSV or workbooks: one profile for each form of a bank."""
