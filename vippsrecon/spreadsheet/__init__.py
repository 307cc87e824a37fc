"""What every workbook shares: how it looks, and cells that stay what they are.

Knows nothing of what is written: reports and outcomes both stand on it.
"""
