"""The parts of a workbook that its readers leave out: shared texts, hidden rows, formulas."""
