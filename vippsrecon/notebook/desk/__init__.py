"""The refund desk: a panel in a notebook that plans, waits for an approval and carries out."""
