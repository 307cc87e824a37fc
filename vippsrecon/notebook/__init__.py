"""Functions for notebooks: open a month, draw figures."""
