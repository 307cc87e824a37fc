"""Render a Reconciliation as HTML."""
