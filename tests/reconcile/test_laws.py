"""What must hold whatever the data: conservation, no double counting, a bridge that foots."""

from __future__ import annotations

import random
from collections import Counter

from tests.reconcile.frames_of_anything import AMOUNTS, Rows, anything
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from vippsrecon.config import Rules, SalesUnit
from vippsrecon.reconcile import reconcile
from vippsrecon.reconcile.worked import NOW
from vippsrecon.schemas import BUCKETS, DISCREPANCIES, validate

UNITS = (SalesUnit("123456", market="NO"), SalesUnit("654321", market="DK", capture="at_once"))
# Shrinking a list of forty orders takes minutes: the drawn case is small enough to read.
slow = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def run(rows: Rows, **given_):
    return reconcile(*rows.frames(), units=UNITS, as_of=NOW, **given_)


def records(frame):
    return frame.to_dict("records")


@slow
@given(anything())
def test_every_row_ends_in_exactly_one_bucket(rows):
    """Conservation: nothing is dropped and nothing is counted twice; the frames fit their schemas.

    That `run` returns at all says that both legs of the bridge foot to the minor unit.
    """
    result = run(rows)
    keys = [("orders", f"{o['source_file']}:{o['source_row']}") for o in rows.orders]
    keys += [("payments", f"{p['msn']}:{p['reference']}") for p in rows.payments]

    assert Counter(zip(result.buckets["side"], result.buckets["row_key"], strict=True)) == Counter(
        keys
    )
    validate(result.discrepancies, DISCREPANCIES)
    validate(result.buckets, BUCKETS)


@slow
@given(anything())
def test_the_bridge_ends_in_the_payments_own_sums(rows):
    """The last line of each leg is what the frame of payments says, by its events at the moment."""
    without_events = rows._replace(events=[])
    result = run(without_events)
    for leg, column in (("captured", "captured_minor"), ("refunded", "refunded_minor")):
        bridge = result.bridge[result.bridge["leg"] == leg]
        totals = bridge[bridge["line"] == leg]
        assert totals["amount_minor"].sum() == sum(p[column] for p in rows.payments)
        lines = bridge[bridge["line"] != leg]
        assert lines["amount_minor"].sum() == totals["amount_minor"].sum()


@slow
@given(anything())
def test_one_answer_per_pair_and_question(rows):
    """No krone in two rows: at most one discrepancy per payment and question, ids unique."""
    found = records(run(rows).discrepancies)
    pairs = Counter(
        (row["msn"], row["reference"], row["question"])
        for row in found
        if row["kind"] != "duplicate_order_row" and row["reference"] is not None
    )

    assert all(count == 1 for count in pairs.values())
    assert all(row["at_risk_minor"] >= 0 for row in found)
    for row in found:
        known = [
            v if isinstance(v, int) else 0 for v in (row["actual_minor"], row["expected_minor"])
        ]
        assert row["difference_minor"] == known[0] - known[1]


@slow
@given(anything(), st.integers(0, 10**6))
def test_the_order_of_rows_is_irrelevant(rows, seed):
    """Shuffled input, same discrepancies in the same order, same buckets, same bridge."""
    shuffled = Rows(*(random.Random(seed).sample(part, len(part)) for part in rows))
    one, other = run(rows), run(shuffled)
    for name in ("discrepancies", "buckets", "summary", "bridge", "groups"):
        assert records(getattr(one, name)) == records(getattr(other, name))


@slow
@given(anything())
def test_twice_gives_the_same_and_inputs_are_unchanged(rows):
    """Running again gives the same ids and frames, and no argument was touched."""
    frames = rows.frames()
    copies = [frame.copy(deep=True) for frame in frames]
    one = reconcile(*frames, units=UNITS, as_of=NOW)
    other = reconcile(*frames, units=UNITS, as_of=NOW)

    assert records(one.discrepancies) == records(other.discrepancies)
    assert one.manifest == other.manifest
    for frame, copy in zip(frames, copies, strict=True):
        assert frame.equals(copy)


@slow
@given(anything(), st.integers(0, 50))
def test_tolerance_only_hides_what_is_within_it(rows, tolerance):
    """What is no longer said with a tolerance was a difference no larger than it."""
    strict = run(rows)
    lenient = run(rows, rules=Rules(tolerance_minor=tolerance))
    gone = {row["discrepancy_id"]: row for row in records(strict.discrepancies)}
    for row in records(lenient.discrepancies):
        gone.pop(row["discrepancy_id"], None)
    assert all(
        abs(row["difference_minor"]) <= tolerance
        for row in gone.values()
        if row["question"] in {"captured", "refunded"}
    )


@slow
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), min_size=1, max_size=40))
def test_refunds_at_risk_never_exceed_what_is_owed(cases):
    """Per payment, what could be refunded on our word is at most (C - R) - (O - Or).

    Kinds that propose a refund: rules of the plans. Whatever is at risk in them together must
    never be more than is still held beyond what the order keeps.
    """
    from vippsrecon.reconcile.result import frame_of
    from vippsrecon.reconcile.worked import order_row, payment_rows
    from vippsrecon.schemas import EVENTS, ORDERS, PAYMENTS

    proposing = {
        "refund_missing_at_vipps",
        "refund_failed",
        "over_captured",
        "duplicate_capture",
        "cancelled_but_captured",
    }
    statuses = ["fulfilled", "open", "partial", "cancelled"]
    orders, payments, events, owed = [], [], [], {}
    for number, (o, o_r, c, r) in enumerate(cases):
        status, o_r, r = statuses[number % 4], min(o_r, o), min(r, c)
        reference = f"order-{number:04}"
        orders.append(
            order_row(
                reference=reference,
                total_minor=o,
                refunded_minor=o_r,
                status=status,
                source_row=number + 2,
            )
        )
        made, logged = payment_rows(reference=reference, A=c, captures=(c,) if c else (), R=r)
        payments.append(made)
        events += logged
        owed[reference] = c - r if status == "cancelled" else max(0, (c - r) - (o - o_r))
    found = reconcile(
        frame_of(orders, ORDERS), frame_of(payments, PAYMENTS), frame_of(events, EVENTS), as_of=NOW
    ).discrepancies
    proposed: Counter[str] = Counter()
    for row in records(found):
        if row["kind"] in proposing:
            proposed[row["reference"]] += row["at_risk_minor"]
    assert {r: amount for r, amount in proposed.items() if amount > owed[r]} == {}
