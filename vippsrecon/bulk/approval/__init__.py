"""Approvals of a plan."""
