"""What a run reads besides orders: files of money on its way to the bank, and their hashes."""
