"""Commands that read the ledgers."""
