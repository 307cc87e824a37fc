"""How many rows are in progress at once, and when a run stops because too many fail."""
