"""The keys in the event log show which refunds are ours and which were made elsewhere."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import chain

import duckdb
import polars as pl
import pytest

from tests.reconciliation.random_frames import Rows
from tests.reconciliation.spark_frames import build_spark_frame, spark_is_missing
from tests.reconciliation.test_engines import SCHEMAS, build_tables, records
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    make_order_row,
    make_payment_rows,
)

OURS = "11111111-1111-5111-8111-111111111111"
AGAIN = "22222222-2222-5222-8222-222222222222"
PORTAL = "portal-1"


def make_refunded_rows(*refunds, known=0, reference="order-0001", **order):
    """Return an order of 10.00 that refunded `known`, and a payment with (amount, key) refunds.

    An optional third value is how many days ago the refund was made; the default is 4.
    """
    payment, log = make_payment_rows(reference=reference)
    for number, (amount, key, *days) in enumerate(refunds):
        refund_payment, refund_log = make_payment_rows(
            reference=reference, R=amount, refunded=NOW - timedelta(days=(*days, 4)[0])
        )
        log.append(
            refund_log[-1] | {"idempotency_key": key, "psp_reference": f"{reference}-r{number}"}
        )
        payment["refunded_minor"] += refund_payment["refunded_minor"]
    row = make_order_row(reference=reference, refunded_minor=known, **order)
    return Rows([row], [payment], log, [])


def flags(rows, **given):
    """Return a dict from each discrepancy's code to its flags."""
    discrepancies = reconcile(*rows.frames(), as_of=NOW, **given).discrepancies
    return dict(zip(discrepancies["kind"], discrepancies["flags"], strict=True))


@pytest.mark.parametrize(
    ("refunds", "known", "expected_flags"),
    [
        pytest.param([(300, OURS)], 0, "refunded_by_us", id="ours"),
        pytest.param([(300, PORTAL)], 0, "made_elsewhere", id="the portal's"),
        pytest.param([(300, None)], 0, "made_elsewhere", id="without a key"),
        pytest.param(
            [(200, OURS), (100, PORTAL)], 0, "made_elsewhere refunded_by_us", id="one of each"
        ),
        pytest.param([(200, OURS), (100, AGAIN)], 0, "refunded_by_us", id="two own refunds"),
        pytest.param(
            [(100, PORTAL), (200, OURS)], 100, "refunded_by_us", id="the shop knows the other"
        ),
    ],
)
def test_keys_decide_whether_a_refund_is_ours(refunds, known, expected_flags):
    """The keys decide, and how much of the amount unknown to the shop our refunds explain."""
    flags_by_kind = flags(make_refunded_rows(*refunds, known=known), ours={OURS, AGAIN})

    assert flags_by_kind == {"refund_missing_in_shop": expected_flags}


@pytest.mark.parametrize("own_keys", [(), {AGAIN}], ids=["none", "others"])
def test_without_our_key_the_flags_stay_the_same(own_keys):
    """Without a journal, or with one of other payments, the flags stay the same."""
    assert flags(make_refunded_rows((300, OURS)), ours=own_keys) == {
        "refund_missing_in_shop": "made_elsewhere"
    }


def test_refund_has_no_origin_without_event_logs():
    """Totals show that money was refunded, but not who refunded it."""
    rows = make_refunded_rows((300, OURS))._replace(events=[])

    assert flags(rows, ours={OURS}) == {"refund_missing_in_shop": "amounts_as_fetched"}


def test_own_refund_after_the_cut_off_explains_no_earlier_refund():
    """The portal refunded 300 before the export; our refund came after the export."""
    rows = make_refunded_rows((300, PORTAL), (300, OURS, 0.5), exported_at=NOW - timedelta(days=1))

    assert flags(rows, ours={OURS}) == {
        "refund_missing_in_shop": "changed_after_export made_elsewhere"
    }


def test_own_refund_of_one_part_of_a_split_payment():
    """The refund is on the second of two payments of one order, which is compared as a sum."""
    order = make_order_row(reference="order-0001", total_minor=1000)
    first, log = make_payment_rows(reference="order-0001", A=600, captures=(600,))
    second, more = make_payment_rows(reference="order-0001-1", A=400, captures=(400,), R=100)
    more[-1]["idempotency_key"] = OURS
    rows = Rows([order], [first, second], log + more, [])

    assert flags(rows, ours={OURS}) == {"refund_missing_in_shop": "refunded_by_us split_payment"}


def test_sentence_states_that_the_refund_is_ours():
    """Nobody has to look in the portal for a refund that is in the journal."""
    discrepancies = reconcile(
        *make_refunded_rows((300, OURS)).frames(), as_of=NOW, ours={OURS}
    ).discrepancies

    assert "made with this toolkit" in discrepancies["cause"].iloc[0]


def test_open_operation_is_a_possible_duplicate():
    """Its refund may be in progress, so nothing is proposed until the operation is settled."""
    rows = make_refunded_rows(known=300)
    results = [
        reconcile(*rows.frames(), as_of=NOW, unsettled=[(EXAMPLE_MSN, reference)]).discrepancies
        for reference in ("order-0001", "order-0002")
    ]

    assert [discrepancies["flags"].tolist() for discrepancies in results] == [
        ["possible_duplicate"],
        [""],
    ]
    assert [discrepancies["proposal"].dropna().tolist() for discrepancies in results] == [
        [],
        ["refund"],
    ]


def test_pair_that_agrees_is_not_flagged():
    """If nothing is wrong with a payment, its open operation concerns only the journal."""
    result = reconcile(
        *make_refunded_rows((300, OURS), known=300).frames(),
        as_of=NOW,
        ours={OURS},
        unsettled=[(EXAMPLE_MSN, "order-0001")],
    )

    assert not len(result.discrepancies)
    assert set(result.buckets["flags"]) == {""}


def make_month(seed=1):
    """Return two hundred orders, many of them with refunds made by us or by others."""
    draw = random.Random(seed)
    parts = []
    for number in range(200):
        refunds = [
            (draw.choice((100, 200)), draw.choice((OURS, AGAIN, PORTAL, None)), draw.choice((0, 4)))
            for _ in range(draw.choice((0, 0, 1, 2)))
        ]
        known = draw.choice((0, 0, 100, 300))
        parts.append(
            make_refunded_rows(
                *refunds, known=known, reference=f"order-{number:04}", source_row=number + 2
            )
        )
    return Rows(*(list(chain(*rows)) for rows in zip(*parts, strict=True)))


ASKED = {
    "ours": {OURS, AGAIN},
    "unsettled": [(EXAMPLE_MSN, "order-0003"), (EXAMPLE_MSN, "order-0007")],
}


def reconcile_in_pandas():
    """Return the month's result in pandas; every other engine must give the same."""
    expected = records(reconcile(*make_month().frames(), as_of=NOW, **ASKED))
    raised = " ".join(row["flags"] for row in expected["discrepancies"]).split()
    assert {"made_elsewhere", "refunded_by_us", "possible_duplicate"} <= set(raised)
    return expected


@pytest.mark.ci
def test_engines_agree_on_own_refunds():
    """pandas, Polars, pyarrow and DuckDB give the same flags."""
    arrow_tables, expected = build_tables(make_month()), reconcile_in_pandas()

    assert (
        records(reconcile(*(pl.from_arrow(t) for t in arrow_tables), as_of=NOW, **ASKED))
        == expected
    )
    assert records(reconcile(*arrow_tables, as_of=NOW, **ASKED)) == expected
    relations = [duckdb.from_arrow(t) for t in arrow_tables]
    assert records(reconcile(*relations, as_of=NOW, **ASKED)) == expected


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_is_missing()), reason=spark_is_missing() or "-")
@pytest.mark.filterwarnings("default")
def test_spark_agrees_on_own_refunds(spark):
    """Spark gives the same flags."""
    frames = [
        build_spark_frame(spark, t, s)
        for t, s in zip(build_tables(make_month()), SCHEMAS, strict=True)
    ]

    assert records(reconcile(*frames, as_of=NOW, **ASKED)) == reconcile_in_pandas()
