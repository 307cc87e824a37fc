"""Approvals of plans."""
