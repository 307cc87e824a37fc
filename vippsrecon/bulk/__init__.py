"""Refunds, captures and cancels in bulk: plan, approval, carrying out, outcomes.

    a list ──────┐
    a report ────┼─► planning ─► Plan ─► approval ─► carry out ─► outcomes
    Python ──────┘               plan.json   │            │
                                          journal ◄───────┘

A plan moves nothing. Exactly the approved plan is carried out, byte for byte. Every operation is in
the journal before its request is sent.
"""
