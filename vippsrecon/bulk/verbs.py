"""The three operations a plan can hold."""

from __future__ import annotations

VERBS = ("refund", "cancel", "capture")

PAST_TENSE = {"refund": "refunded", "capture": "captured", "cancel": "cancelled"}
"""Verb to its past tense, for sentences."""
