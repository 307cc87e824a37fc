"""What a run reads besides orders: payments, files of money on its way to the bank, their hashes."""
