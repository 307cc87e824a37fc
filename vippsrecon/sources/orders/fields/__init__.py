"""The fields of an order: what a cell may hold, and what it means."""
