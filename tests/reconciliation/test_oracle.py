"""The package against a second reading of the rules: the same answer for hundreds of situations.

Whoever writes a check may misread the rule it stands for, and the worked cases cannot hold
every mixture of them. The oracle reads the rules once more, independently.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from tests.reconciliation.oracle import opinion
from tests.reconciliation.oracle_pair import severity
from tests.reconciliation.worlds import Drawing, sales_units
from vippsrecon.config.settings import Rules
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.examples import NOW, make_order_row, make_payment_rows
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS

SHADES = {"guarantee_lapsed", "refund_window_closing"}
"""Flags whose moment the rules leave open: the oracle does not give them."""


def situation(reference, order_number=None):
    """Return the number of the situation a row belongs to."""
    found = re.search(r"(\d{4})(?:-\d{1,2}|/\d)?$", reference or order_number)
    return found.group(1)


def run(world):
    """Reconcile a world."""
    return reconcile(
        build_frame(world.orders, ORDERS),
        build_frame(world.payments, PAYMENTS),
        build_frame(world.events, EVENTS),
        build_frame(world.failures, FAILURES),
        units=sales_units(),
        rules=Rules(tolerance_minor=world.tolerance),
        as_of=world.as_of,
        waived=world.waived,
    )


def plain(value):
    """Return a frame's value as Python's own: None for empty."""
    return value if isinstance(value, int | str) else None


def found_by_package(result):
    """Return the package's findings, countable."""
    return Counter(
        (
            situation(plain(row["reference"]), plain(row["order_number"])),
            row["question"],
            row["kind"],
            plain(row["expected_minor"]),
            plain(row["actual_minor"]),
            row["at_risk_minor"],
            row["severity"],
        )
        for row in result.discrepancies.to_dict("records")
    )


def found_by_oracle(said, result):
    """Return the oracle's findings likewise; ages, which shade severity, as the package has them."""
    ages = {
        (situation(plain(row["reference"]), plain(row["order_number"])), row["kind"]): plain(
            row["age_days"]
        )
        for row in result.discrepancies.to_dict("records")
    }
    counted: Counter = Counter()
    for finding in said.findings:
        where = situation(finding.reference)
        counted[
            where,
            finding.question,
            finding.kind,
            finding.expected,
            finding.actual,
            finding.at_risk,
            severity(finding, ages.get((where, finding.kind))),
        ] += 1
    return counted


def places_by_package(result):
    """Return where the package puts each row."""
    return {
        (row["side"], row["row_key"]): quiet(
            (row["bucket"], row["kind"], " ".join(sorted(set(row["flags"].split()) - SHADES)))
        )
        for row in result.buckets.to_dict("records")
    }


def bridge_by_package(result):
    """Return the lines of the package's bridge that are not 0."""
    return {
        (row["leg"], row["msn"], row["currency"], row["line"]): row["amount_minor"]
        for row in result.bridge.to_dict("records")
        if row["amount_minor"]
    }


def quiet(place):
    """Return a place without the flags of what was not checked: nothing is said of it."""
    bucket, kind, flags = place
    return (bucket, kind, "" if bucket == "not_checked" else flags)


@pytest.mark.parametrize("tolerance", [0, 2], ids=["exact", "tolerant"])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_second_reading_of_the_rules(seed, tolerance):
    """Every finding, amount, severity, bucket, kind and flag is as the rules' text has it."""
    world = Drawing(seed, situations=300, tolerance=tolerance).world
    said, result = opinion(world), run(world)

    theirs, ours = found_by_package(result), found_by_oracle(said, result)
    places = {
        key: quiet((p.bucket, p.kind, " ".join(sorted(p.flags)))) for key, p in said.places.items()
    }
    assert theirs - ours == Counter()
    assert ours - theirs == Counter()
    assert places_by_package(result) == places
    assert {
        key: minor for key, minor in bridge_by_package(result).items() if key in said.bridge
    } == {key: minor for key, minor in said.bridge.items() if minor}


@pytest.mark.parametrize(
    ("first", "last", "pairs"),
    [
        pytest.param(date(2026, 8, 1), date(2026, 8, 31), 1, id="captured in it"),
        pytest.param(date(2026, 9, 1), date(2026, 9, 30), 0, id="nothing moved in it"),
        pytest.param(date(2026, 10, 1), date(2026, 10, 31), 1, id="refunded in it"),
    ],
)
def test_a_period_holds_what_moved_on_its_days(first, last, pairs):
    """A capture before the month and a refund after it are no business of that month."""
    made, logged = make_payment_rows(
        reference="order-0001",
        R=300,
        authorized=datetime(2026, 8, 1, 12, tzinfo=UTC),
        captured=datetime(2026, 8, 2, 12, tzinfo=UTC),
        refunded=datetime(2026, 10, 10, 12, tzinfo=UTC),
    )
    result = reconcile(
        build_frame([make_order_row()], ORDERS),
        build_frame([made], PAYMENTS),
        build_frame(logged, EVENTS),
        as_of=NOW,
        first=first,
        last=last,
    )

    assert len(result.discrepancies) == pairs
