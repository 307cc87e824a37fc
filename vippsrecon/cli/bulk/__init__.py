"""The commands on plans: make, approve, carry out, and what the journal holds of them."""
