"""The journal: entries, the hash chain, locks, reservations."""
