"""Read from the event log what a payment's totals do not show: when money moved, and how often."""
