"""Commands that run without a person, and tell people what happened."""
