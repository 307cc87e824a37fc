"""Rows that may have been sent and have no final outcome: read again, or settled by a person."""
