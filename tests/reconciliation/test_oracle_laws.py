"""Laws that must be true for any input, in the model and in the package.

Hypothesis draws each situation for the model, and reduces a failing one to a small one. The model
judges one situation at a time; the package judges many in one call, because the call itself takes
most of the time.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.agreement import by_package, draw, run
from tests.reconciliation.draw_situations import Drawing
from tests.reconciliation.oracle import opinion
from tests.reconciliation.oracle_money import REFUND_WINDOW, once
from tests.reconciliation.situations import NOW, UNITS, Situation, make_input

many = draw_examples(100, database=None)
situations = st.randoms(use_true_random=False).map(lambda chance: Drawing(chance).situation(1))

NEVER_PROPOSED = {
    "missing_in_orders",
    "missing_in_vipps",
    "paid_twice",
    "payment_not_recorded",
    "captured_not_fulfilled",
    "refund_missing_in_shop",
    "refund_exceeds_capture",
    "currency_mismatch",
    "aggregate_mismatch",
    "rounding_difference",
    "duplicate_order_row",
    "reference_mangled",
    "not_paid",
    "authorization_lost",
    "authorization_expiring",
}
"""Codes for which the rules propose nothing."""
AT_RISK_OF_KEPT = (
    "captured_not_fulfilled",
    "cancelled_but_captured",
    "over_captured",
    "duplicate_capture",
    "refund_missing_at_vipps",
    "refund_failed",
)
"""Codes that have at risk what was captured and not given back."""


def findings_of_model(situation: Situation) -> list[tuple]:
    """Return the model's findings in the form in which the package's are compared."""
    return [
        (f.question, f.kind, f.expected, f.actual, f.at_risk, f.verb, f.minor)
        for f in opinion(make_input([situation])).findings
    ]


def keys_of(situation: Situation) -> set[tuple[str, str]]:
    """Return the keys of a situation's rows."""
    keys = {("orders", f"{row['source_file']}:{row['source_row']}") for row in situation.orders}
    return keys | {("payments", f"{p['msn']}:{p['reference']}") for p in situation.payments}


def check_rows(situation: Situation, findings: list[tuple], places: dict) -> None:
    """Check the laws for the result of one situation."""
    assert set(places) == keys_of(situation), "every row is in one bucket, and no other is"
    kind_counts = Counter(kind for _, kind, *_ in findings)
    for bucket, kind in places.values():
        assert bucket != "discrepancy" or kind_counts[kind], "a discrepancy is reported"
        assert bucket in {"matched", "timing", "discrepancy", "ignored", "not_checked"}
    if all(bucket == "not_checked" for bucket, _ in places.values()):
        assert not findings, "nothing is reported about unread payments"
    for _, _, _, _, at_risk, verb, minor in findings:
        assert at_risk >= 0
        assert (verb is None) == (minor is None)
        assert minor is None or minor > 0
    check_money(situation, findings)


def check_money(situation: Situation, findings: list[tuple]) -> None:
    """Check that no krone is at risk twice, and that no proposal exceeds the available amount."""
    events = once([e for e in situation.events if e["success"]])
    sums: Counter[str] = Counter()
    for event in events:
        sums[event["name"]] += event["amount_minor"]
    net_captured = sums["CAPTURED"] - sums["REFUNDED"]
    reserved = sums["AUTHORIZED"] - sums["CAPTURED"] - sums["CANCELLED"] - sums["TERMINATED"]
    proposed: Counter[str] = Counter()
    for _, kind, _, _, _, verb, minor in findings:
        assert verb is None or kind not in NEVER_PROPOSED, f"{kind} proposes {verb}"
        proposed[verb or ""] += minor or 0
    totals = situation.payments
    back = sum(p["captured_minor"] - p["refunded_minor"] for p in totals)
    if len(totals) == 1:
        assert proposed["refund"] <= max(0, min(net_captured, back)), "a refund above what is kept"
        assert proposed["capture"] + proposed["cancel"] <= max(0, reserved), "more than is reserved"
        assert not (proposed["capture"] and proposed["cancel"]), "a cancel takes what is captured"
    if proposed["refund"] and len(situation.orders) == 1:
        order = situation.orders[0]
        paid_back = order["refunded_minor"] or 0
        owed = net_captured - (order["total_minor"] - paid_back)
        if order["status"] == "cancelled" and paid_back in {0, order["total_minor"]}:
            owed = net_captured
        if len(totals) == 1 and order["shop_authorization"] is None:
            assert proposed["refund"] <= max(0, owed), "a refund above what is owed"
    if len(totals) == 1 and len(situation.orders) == 1 and net_captured >= 0 and reserved >= 0:
        names = ("authorized_minor", "captured_minor", "refunded_minor", "cancelled_minor")
        stake = [situation.orders[0]["total_minor"], *(totals[0][name] for name in names)]
        assert sum(f[4] for f in findings) <= max(*stake, *sums.values()), "a krone at risk twice"
        at_risk = {kind: f[4] for kind, f in ((f[1], f) for f in findings)}
        kept_at_risk = sum(at_risk.get(kind, 0) for kind in AT_RISK_OF_KEPT)
        later = situation.features & {"later_events", "as_of_before_export"}
        assert later or kept_at_risk <= max(net_captured, at_risk.get("over_captured", 0)), (
            "kept once, at risk"
        )


def _is_refunded_whole(row: dict) -> bool:
    """Return whether a partial order counts as fulfilled because the shop refunded all of it."""
    return (row["refunded_minor"] or 0) >= row["total_minor"] > 0


def check_forbidden(situation: Situation, findings: list[tuple]) -> None:
    """Check that nothing is proposed where the rules forbid it, for any finding."""
    proposals = [f for f in findings if f[5]]
    if not proposals:
        return
    rows = situation.orders
    if len(situation.payments) == 1:
        payment = situation.payments[0]
        assert (payment["msn"], payment["reference"]) not in situation.unsettled
    if any(f[1] != "duplicate_payment" for f in proposals):
        assert not any(row["split_tender"] for row in rows)
    assert not any(row["method_unsure"] for row in rows)
    assert "gap" not in situation.features
    assert not any(row["further_references"] for row in rows)
    captures = [f for f in proposals if f[5] == "capture"]
    refunds = [f for f in proposals if f[5] == "refund"]
    if captures:
        assert all(
            row["status"] in {"fulfilled", "open", "cancelled"} or _is_refunded_whole(row)
            for row in rows
        )
        assert any(row["status"] == "fulfilled" for row in rows)
        assert not any(row["by_vipps"] is False for row in rows)
        for payment in situation.payments:
            unit = UNITS[payment["msn"]]
            if len(situation.payments) == 1:
                assert (NOW - payment["authorized_at"]).days <= unit.capture_days
    if refunds and len(situation.payments) == 1:
        authorized = situation.payments[0]["authorized_at"]
        assert authorized is None or NOW - authorized <= REFUND_WINDOW
    if len(rows) == 1 and rows[0]["refunded_minor"] is None and rows[0]["by_vipps"] is not False:
        raise AssertionError("proposed though refunds are unknown")


@pytest.mark.ci
@many
@given(situations)
def test_laws_hold_in_the_model(situation):
    """One bucket per row, nothing at risk twice, and no proposal above the amount owed."""
    result = opinion(make_input([situation]))
    places = {
        key: (place.bucket, place.kind)
        for key, place in result.places.items()
        if key in keys_of(situation)
    }
    findings = findings_of_model(situation)
    check_rows(situation, findings, places)
    check_forbidden(situation, findings)


@many
@given(situations)
def test_both_parts_of_the_models_bridge_add_up(situation):
    """In each leg, the orders and all other lines add up to what the payments moved."""
    result = opinion(make_input([situation]))
    for leg in ("captured", "refunded"):
        lines = sum(minor for key, minor in result.bridge.items() if key[0] == leg)
        assert lines == sum(minor for key, minor in result.moved.items() if key[0] == leg)


@many
@given(situations)
def test_a_later_event_never_raises_a_proposal(situation):
    """A proposed amount is owed at the cut-off time, and still owed after every fetched event."""
    assume(not situation.features & {"overlap", "as_of_before_export"})
    at_the_cut = opinion(make_input([situation]))
    now = [row | {"exported_at": NOW} for row in situation.orders]
    known = {
        (f.question, f.verb, f.msn, f.reference): f.minor
        for f in opinion(make_input([situation._replace(orders=now)])).findings
    }
    for finding in at_the_cut.findings:
        if finding.verb:
            key = (finding.question, finding.verb, finding.msn, finding.reference)
            assert finding.minor <= (known.get(key) or 0)


@pytest.mark.parametrize("seed", [11, 12])
def test_laws_hold_in_the_package(seed):
    """The same laws for `reconcile`, which raises an error if its bridge does not add up."""
    drawn = list(draw(seed, 1200))
    model_input = make_input(drawn)
    result = run(model_input)
    by_number = by_package(model_input, result)
    wrong = []
    for situation in drawn:
        answer = by_number[situation.number]
        try:
            findings = [finding[:7] for finding in answer.findings.elements()]
            places = {key: place[:2] for key, place in answer.places.items()}
            check_rows(situation, findings, places)
            check_forbidden(situation, findings)
        except AssertionError as broken:
            wrong.append(f"{situation.number} {sorted(situation.features)}: {broken}")
    assert not wrong

    keys = Counter(zip(result.buckets["side"], result.buckets["row_key"], strict=True))
    assert set(keys.values()) == {1}
    assert len(keys) == len(model_input.orders) + len(model_input.payments)


def test_row_order_does_not_matter():
    """Shuffled input gives the same result."""
    drawn = list(draw(13, 400))
    model_input = make_input(drawn)
    chance = random.Random(5)
    shuffled = model_input._replace(
        **{
            name: chance.sample(getattr(model_input, name), len(getattr(model_input, name)))
            for name in ("orders", "payments", "events", "failures")
        }
    )
    in_order, other = by_package(model_input, run(model_input)), by_package(shuffled, run(shuffled))

    assert [n for n in in_order if in_order[n] != other[n]] == []
