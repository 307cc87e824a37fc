"""Totals by age, decision, deadline and property: what the figures of a report draw."""
