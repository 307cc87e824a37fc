"""What must be true for any data: no row is lost, no double counting, a bridge that adds up."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.random_frames import Rows, random_rows
from vippsrecon.config.settings import Rules, SalesUnit
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import NOW
from vippsrecon.reconciliation.result import Reconciliation
from vippsrecon.schemas import BUCKETS, DISCREPANCIES, validate

UNITS = (SalesUnit("123456", market="NO"), SalesUnit("654321", market="DK", capture="at_once"))


def run(rows: Rows, **arguments):
    """Reconcile drawn rows as two sales units of different markets."""
    return reconcile(*rows.frames(), units=UNITS, as_of=NOW, **arguments)


def records(frame):
    """Return a frame as plain rows."""
    return frame.to_dict("records")


class Draw(NamedTuple):
    """Drawn rows and their results, which every law checks."""

    rows: Rows
    result: Reconciliation
    without_events: Reconciliation


# Shrinking a list of forty orders takes minutes: the failing rows are printed as drawn.
@draw_examples(
    3,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@example(Rows([], [], [], []), 0, 0)
@given(random_rows(least=20, most=40), st.integers(0, 10**6), st.integers(0, 50))
def test_the_laws_hold(rows, seed, tolerance):
    """All laws use one draw, because reconciling takes most of the time."""
    draw = Draw(rows, run(rows), run(rows._replace(events=[])))

    assert_every_row_is_in_exactly_one_bucket(draw)
    assert_the_bridge_ends_in_the_payments_own_sums(draw)
    assert_one_answer_per_pair_and_question(draw)
    assert_row_order_does_not_matter(draw, seed)
    assert_second_run_is_equal_and_inputs_are_unchanged(draw)
    assert_tolerance_hides_only_differences_within_it(draw, tolerance)
    assert_proposals_never_exceed_what_is_owed_or_reserved(draw)


def assert_every_row_is_in_exactly_one_bucket(draw):
    """No row is lost or counted twice, and the frames fit their schemas.

    `run` raises an error if a leg of the bridge does not add up exactly.
    """
    rows, result = draw.rows, draw.result
    keys = [("orders", f"{o['source_file']}:{o['source_row']}") for o in rows.orders]
    keys += [("payments", f"{p['msn']}:{p['reference']}") for p in rows.payments]

    assert Counter(zip(result.buckets["side"], result.buckets["row_key"], strict=True)) == Counter(
        keys
    )
    validate(result.discrepancies, DISCREPANCIES)
    validate(result.buckets, BUCKETS)


def assert_the_bridge_ends_in_the_payments_own_sums(draw):
    """Each leg's last line is the sum of the payments, and the sum of the other lines."""
    for leg, column in (("captured", "captured_minor"), ("refunded", "refunded_minor")):
        bridge = draw.without_events.bridge
        bridge = bridge[bridge["leg"] == leg]
        totals = bridge[bridge["line"] == leg]
        assert totals["amount_minor"].sum() == sum(p[column] for p in draw.rows.payments)
        lines = bridge[bridge["line"] != leg]
        assert lines["amount_minor"].sum() == totals["amount_minor"].sum()


def assert_one_answer_per_pair_and_question(draw):
    """No krone is in two rows: at most one discrepancy per payment and question; unique ids."""
    discrepancies = records(draw.result.discrepancies)
    pairs = Counter(
        (row["msn"], row["reference"], row["question"])
        for row in discrepancies
        if row["kind"] != "duplicate_order_row" and row["reference"] is not None
    )

    named = [row["discrepancy_id"] for row in discrepancies if row["reference"] is not None]
    assert len(named) == len(set(named))
    assert all(count == 1 for count in pairs.values())
    assert all(row["at_risk_minor"] >= 0 for row in discrepancies)
    for row in discrepancies:
        known = [
            v if isinstance(v, int) else 0 for v in (row["actual_minor"], row["expected_minor"])
        ]
        assert row["difference_minor"] == known[0] - known[1]


def assert_row_order_does_not_matter(draw, seed):
    """Shuffled input gives the same discrepancies in the same order, buckets and bridge."""
    shuffled = run(Rows(*(random.Random(seed).sample(part, len(part)) for part in draw.rows)))
    for name in ("discrepancies", "buckets", "summary", "bridge", "groups"):
        assert records(getattr(draw.result, name)) == records(getattr(shuffled, name))


def assert_second_run_is_equal_and_inputs_are_unchanged(draw):
    """A second run gives the same ids and frames, and the arguments are unchanged."""
    frames = draw.rows.frames()
    copies = [frame.copy(deep=True) for frame in frames]
    again = reconcile(*frames, units=UNITS, as_of=NOW)

    assert records(draw.result.discrepancies) == records(again.discrepancies)
    assert draw.result.manifest == again.manifest
    for frame, copy in zip(frames, copies, strict=True):
        assert frame.equals(copy)


def assert_tolerance_hides_only_differences_within_it(draw, tolerance):
    """A discrepancy that a tolerance removes was not larger than the tolerance."""
    lenient = run(draw.rows, rules=Rules(tolerance_minor=tolerance))
    without_tolerance = {row["discrepancy_id"]: row for row in records(draw.result.discrepancies)}
    for row in records(lenient.discrepancies):
        without_tolerance.pop(row["discrepancy_id"], None)
    assert all(
        abs(row["difference_minor"]) <= tolerance
        for row in without_tolerance.values()
        if row["question"] in {"captured", "refunded"}
    )


def assert_proposals_never_exceed_what_is_owed_or_reserved(draw):
    """Refunds of a payment, together, give back no more than is held beyond what the order keeps.

    Captures and cancels never ask for more than is reserved. Whatever the rows.
    """
    fetched = records(draw.without_events.discrepancies)
    assert not any(row["proposal"] for row in fetched), "amounts as fetched"
    payments = {(p["msn"], p["reference"]): p for p in draw.rows.payments}
    proposed: Counter[tuple[str, str, str]] = Counter()
    for row in records(draw.result.discrepancies):
        if isinstance(row["proposal"], str):
            proposed[row["msn"], row["reference"], row["proposal"]] += row["proposal_minor"]
    for (msn, reference, verb), amount in proposed.items():
        events = [
            e
            for e in draw.rows.events
            if (e["msn"], e["reference"]) == (msn, reference) and e["success"]
        ]
        assert (msn, reference) in payments
        sums: Counter[str] = Counter()
        for event in events:
            if event["event_at"] <= NOW:
                sums[event["name"]] += event["amount_minor"]
        reserved = sums["AUTHORIZED"] - sums["CANCELLED"] - sums["TERMINATED"]
        if verb == "refund":
            assert amount <= sums["CAPTURED"] - sums["REFUNDED"]
        else:
            assert amount <= reserved


@pytest.mark.parametrize(
    ("case", "proposals"),
    [
        pytest.param({"C": 400}, [("capture", 600)], id="4 capture the rest, no cancel"),
        pytest.param({"A": 1200, "C": 1200, "R": 200}, [], id="5 excess already refunded"),
        pytest.param({"A": 1200, "C": 1200, "R": 50}, [("refund", 150)], id="6 partly refunded"),
        pytest.param(
            {"Or": 300, "A": 1100, "C": 1100},
            [("refund", 300), ("refund", 100)],
            id="7 400 in all",
        ),
        pytest.param({"status": "cancelled"}, [("refund", 1000)], id="14 cancelled, captured"),
        pytest.param({"C": 0}, [("capture", 1000)], id="fulfilled, not captured"),
        pytest.param({"C": 0, "authorized_days_ago": 181}, [], id="25 too late to capture"),
        pytest.param({"C": 0, "status": "unknown"}, [], id="21 unknown: never a capture"),
        pytest.param({"C": 400, "status": "partial"}, [], id="partial: never a capture"),
        pytest.param({"A": 1099, "C": 1099, "amount": 1000}, [], id="30 express freight"),
        pytest.param({"O": 800, "C": 800}, [("cancel", 200)], id="8 release the remainder"),
        pytest.param(
            {"C": 0, "status": "cancelled"}, [("cancel", 1000)], id="11 cancelled, reserved"
        ),
        pytest.param({"Or": 300, "with_events": False}, [], id="amounts as fetched"),
        pytest.param(
            {"Or": 300, "authorized_days_ago": 366, "captured_days_ago": 365},
            [],
            id="past 365 days",
        ),
        pytest.param({"Or": 300, "aggregate_captured": 900}, [], id="contradicts itself"),
        pytest.param(
            {"O": 500, "A": 1000, "captures": (500, 500)}, [("refund", 500)], id="27 double"
        ),
    ],
)
def test_worked_case_has_the_rules_proposals(reconciled, case, proposals):
    """The proposals of the rules' worked cases."""
    discrepancies = records(reconciled(case).discrepancies)

    assert [
        (row["proposal"], row["proposal_minor"])
        for row in discrepancies
        if isinstance(row["proposal"], str)
    ] == proposals
