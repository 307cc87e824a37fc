"""The three operations a plan can hold: the total each changes, and its events in a payment's log."""

from __future__ import annotations

from vippsrecon.vipps_rules import EVENTS_OF_TOTAL

VERBS = ("refund", "cancel", "capture")

PAST_TENSE = {"refund": "refunded", "capture": "captured", "cancel": "cancelled"}
"""Verb to its past tense, for sentences."""

TOTAL_OF_VERB = {
    "refund": "refunded_minor",
    "cancel": "cancelled_minor",
    "capture": "captured_minor",
}
"""Verb to the total of a payment that it adds to."""

EVENTS_OF_VERB = {verb: EVENTS_OF_TOTAL[total] for verb, total in TOTAL_OF_VERB.items()}
"""Verb to the names its event may have."""
