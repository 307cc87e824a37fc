"""Refunds, captures and cancels in bulk: plan, approval, carrying out, outcomes.

    a list ──────┐
    a report ────┼─► planning ─► Plan ─► approval ─► carry out ─► outcomes
    Python ──────┘               plan.json   │            │
                                          journal ◄───────┘

A plan moves nothing. What is carried out is what was approved, byte for byte, and the journal
knows of every operation before Vipps MobilePay does.
"""
