"""Compare orders with payments: the first leg of the reconciliation."""
