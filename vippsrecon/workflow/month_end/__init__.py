"""What a month end needs besides the comparison: the cut-off pack and the vouchers."""
