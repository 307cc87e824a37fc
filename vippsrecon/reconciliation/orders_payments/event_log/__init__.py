"""Read of the event log what the payments' own totals cannot tell: when money moved, and how often."""
