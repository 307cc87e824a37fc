"""A report in which people have filled in decisions, read back."""
