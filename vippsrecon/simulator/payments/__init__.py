"""Payments of the simulated world: their states, the payer, expiry, storage, idempotency keys."""
