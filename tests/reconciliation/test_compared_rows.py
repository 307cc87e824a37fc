"""Which orders and payments are compared, and at which time: exports, attempts, combined orders."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import (
    EXAMPLE_MSN,
    NOW,
    make_order_row,
    make_payment_rows,
)
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS


def ago(days):
    """Return a time this many days before the cut-off time."""
    return NOW - timedelta(days=days)


def order(reference, **given):
    """Return an order row with its own order number and source row."""
    order.rows += 1
    row = {"order_number": f"#{reference}", "source_row": order.rows, "fulfilled_at": ago(6)}
    return make_order_row(reference=reference, **(row | given))


order.rows = 1


def payment(reference, A=1000, C=0, **given):  # noqa: N803
    """Return a payment and its events."""
    return make_payment_rows(reference=reference, A=A, captures=(C,) if C else (), **given)


def compare(orders, payments, unread=(), **options):
    """Reconcile orders with payments; each payment is (row, events)."""
    failures = [
        {
            "msn": EXAMPLE_MSN,
            "reference": reference,
            "operation": "getPayment",
            "status": 503,
            "title": "no",
        }
        for reference in unread
    ]
    return reconcile(
        build_frame(orders, ORDERS),
        build_frame([row for row, _ in payments], PAYMENTS),
        build_frame([event for _, log in payments for event in log], EVENTS),
        build_frame(failures, FAILURES),
        **{"as_of": NOW, **options},
    )


def describe_discrepancies(result):
    """Return code, amounts and proposal of each discrepancy, sorted by reference."""
    columns = [
        "reference",
        "kind",
        "expected_minor",
        "actual_minor",
        "at_risk_minor",
        "proposal",
        "proposal_minor",
    ]
    rows = result.discrepancies[columns].astype(object).itertuples(index=False, name=None)
    plain = (tuple(None if pd.isna(value) else value for value in row) for row in rows)
    return sorted(plain, key=lambda row: row[:2])


def buckets(result, side):
    """Return a dict from row key (without file or sales unit) to bucket and kind."""
    rows = result.buckets[result.buckets["side"] == side].to_dict("records")
    return {
        row["row_key"].partition(":")[2]: f"{row['bucket']} {row['kind']}".strip() for row in rows
    }


def flags_of(result, reference):
    """Return the flags of the first discrepancy of a reference."""
    rows = result.discrepancies
    return set(rows.loc[rows["reference"] == reference, "flags"].iloc[0].split())


@pytest.mark.ci
def test_engines_compare_the_same_rows():
    """Engines differ in windows, joins and lists of references."""
    orders = [
        order("several-01", further_references="several-02 several-03", order_number="#1", **NEW),
        order("several-02", status="open", order_number="#1", total_minor=600, **OLD),
        order("retry-00-1", refunded_minor=1300, refunded_at=ago(4), order_number="#2", **NEW),
        order("retry-00", order_number="#2", **OLD),
        *make_combined_rows(
            ("1", 600, 0, "fulfilled"), ("2", 300, 0, "open"), ("3", 100, 0, "cancelled")
        ),
        order("unread-001"),
    ]
    payments = [
        payment("several-01", A=600, C=600),
        payment("several-02", A=400, C=400),
        payment("retry-00", C=1000, R=1000),
        payment("retry-00-1", C=1000, R=300),
        payment("basket-01", C=500),
        payment("unread-001", C=1000),
    ]
    twice = [event for _, log in payments for event in (*log, log[-1])]
    failure = {
        "msn": EXAMPLE_MSN,
        "reference": "unread-001-1",
        "operation": "getPayment",
        "status": 503,
        "title": "no",
    }
    parts = (orders, [row for row, _ in payments], twice, [failure])
    frames = (ORDERS, PAYMENTS, EVENTS, FAILURES)
    tables = [
        pa.Table.from_pylist(rows, schema=frame.arrow_schema())
        for rows, frame in zip(parts, frames, strict=True)
    ]

    with_arrow = reconcile(*tables, as_of=NOW)
    with_duckdb = reconcile(*(duckdb.from_arrow(table) for table in tables), as_of=NOW)

    for name in ("discrepancies", "buckets", "summary", "bridge"):
        assert getattr(with_arrow, name).to_dict("records") == getattr(with_duckdb, name).to_dict(
            "records"
        )
    assert [row[:4] for row in describe_discrepancies(with_arrow)] == [
        ("basket-01", "remainder_open", 0, 100),
        ("basket-01", "under_captured", 600, 500),
        ("retry-00", "duplicate_payment", 0, 1000),
    ]


# Overlapping exports.

OLD = {"source_file": "september.csv", "exported_at": ago(5)}
NEW = {"source_file": "october.csv", "exported_at": ago(0.25)}


def test_newest_export_row_is_the_order():
    """Rules §5, case 51: the old file has no refund yet, and its row makes no discrepancy."""
    result = compare(
        [
            order("refunded-1", **OLD),
            order("refunded-1", refunded_minor=200, refunded_at=ago(3), **NEW),
            order("completed", status="open", fulfilled_at=None, **OLD),
            order("completed", **NEW),
            order("cancelled", status="open", fulfilled_at=None, **OLD),
            order("cancelled", status="cancelled", fulfilled_at=None, **NEW),
            order("the-same", **OLD),
            order("the-same", **NEW),
        ],
        [
            payment("refunded-1", C=1000),
            payment("completed", C=1000),
            payment("cancelled"),
            payment("the-same", C=1000),
        ],
    )

    assert describe_discrepancies(result) == [
        ("cancelled", "remainder_open", 0, 1000, 0, "cancel", 1000),
        ("refunded-1", "refund_missing_at_vipps", 200, 0, 200, "refund", 200),
    ]
    sides = result.buckets[result.buckets["side"] == "orders"]
    old = sides[sides["row_key"].str.startswith("september")]
    assert set(zip(old["bucket"], old["kind"], strict=True)) == {("ignored", "superseded_row")}
    assert len(old) == 4


def test_file_order_does_not_matter():
    """Users name the files on the command line in any order."""
    rows = [
        order("refunded-1", refunded_minor=200, refunded_at=ago(3), **NEW),
        order("refunded-1", **OLD),
    ]

    results = [
        describe_discrepancies(compare(payments, [payment("refunded-1", C=1000)]))
        for payments in (rows, rows[::-1])
    ]

    assert (
        results[0]
        == results[1]
        == [("refunded-1", "refund_missing_at_vipps", 200, 0, 200, "refund", 200)]
    )


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"status": "open"}, {"status": "fulfilled"}),
        ({"status": "open"}, {"status": "cancelled"}),
        ({"status": "fulfilled"}, {"status": "fulfilled", "refunded_minor": 200}),
        ({"status": "open", "paid": "no"}, {"status": "open", "paid": "yes"}),
        (
            {"status": "fulfilled", "refunded_minor": 100},
            {"status": "open", "refunded_minor": 200},
        ),
    ],
    ids=["fulfilled", "cancelled", "refunded", "paid", "refunded further"],
)
def test_row_with_more_progress_wins_if_export_times_are_guessed(less, more):
    """Copying a file changes its modification time, so the older file may look newer."""
    guessed = {"exported_at_guessed": True}
    result = compare(
        [
            order("moved-on-1", **(NEW | guessed | less | {"source_row": 71})),
            order("moved-on-1", **(OLD | guessed | more | {"source_row": 72})),
            # A row of another order that differs only by its file.
            order("something", source_row=73, **OLD),
        ],
        [],
    )

    assert buckets(result, "orders")["71"] == "ignored superseded_row"
    assert buckets(result, "orders")["72"] != "ignored superseded_row"


def test_stated_export_time_decides():
    """A refund was undone: the newest file is correct, although it contains less progress."""
    result = compare(
        [
            order("undone-01", refunded_minor=200, refunded_at=ago(6), source_row=71, **OLD),
            order("undone-01", source_row=72, **NEW),
        ],
        [payment("undone-01", C=1000)],
    )

    assert describe_discrepancies(result) == []
    assert buckets(result, "orders") == {"71": "ignored superseded_row", "72": "matched"}


def test_different_rows_of_the_same_age_are_duplicates():
    """Nothing shows which row is the order, so the one nearest to the captured amount counts."""
    result = compare(
        [
            order("same-age-1", total_minor=900, **(OLD | {"exported_at": NOW, "source_row": 71})),
            order("same-age-1", total_minor=1000, **(NEW | {"exported_at": NOW, "source_row": 72})),
        ],
        [payment("same-age-1", C=1000)],
    )

    assert describe_discrepancies(result) == [
        ("same-age-1", "duplicate_order_row", 900, None, 0, None, None)
    ]
    assert buckets(result, "orders")["72"] == "matched"


def test_attempts_in_exports_of_one_time_are_one_order():
    """Two orders would be two amounts to collect, and the customer would be charged twice."""
    same_time = {"exported_at": NOW, "order_number": "#9", "attempt_base": "two-tries"}
    result = compare(
        [
            order("two-tries", **(OLD | same_time | {"source_row": 71})),
            order("two-tries-1", **(NEW | same_time | {"source_row": 72})),
        ],
        [payment("two-tries"), payment("two-tries-1", C=1000)],
    )

    assert describe_discrepancies(result) == [
        ("two-tries", "duplicate_order_row", 1000, None, 0, None, None),
        ("two-tries", "duplicate_payment", 0, 0, 1000, "cancel", 1000),
    ]


def test_equal_rows_of_two_attempts_are_superseded():
    """Both exports of one time contain both payments of an order: nothing is a duplicate."""
    rows = [
        order(reference, order_number="#9", attempt_base="part-pay-0", total_minor=total)
        | {"source_file": file, "source_row": row, "exported_at": NOW}
        for file in ("orders.csv", "later.csv")
        for row, (reference, total) in enumerate((("part-pay-0", 600), ("part-pay-0-1", 400)), 1)
    ]
    result = compare(
        rows, [payment("part-pay-0", A=600, C=600), payment("part-pay-0-1", A=400, C=400)]
    )

    assert describe_discrepancies(result) == []
    assert len(result.rejects) == 0
    assert sorted(result.buckets.loc[result.buckets["side"] == "orders", "kind"].fillna("")) == [
        *("", ""),
        *("superseded_row", "superseded_row"),
    ]


def test_older_row_adds_an_attempt():
    """The shop overwrites the reference when the customer tries again."""
    attempt = {"order_number": "#7", "attempt_base": "retry-00"}
    result = compare(
        [order("retry-00", **OLD, **attempt), order("retry-00-2", **NEW, **attempt)],
        [payment("retry-00", X=1000), payment("retry-00-2", C=1000)],
    )

    assert describe_discrepancies(result) == []
    assert buckets(result, "payments") == {
        "retry-00": "matched superseded_attempt",
        "retry-00-2": "matched",
    }


def test_older_row_adds_no_attempt_to_a_cell_of_references():
    """The order became larger, and the customer paid the rest.

    The newer cell lists both payments.
    """
    result = compare(
        [
            order("later-ref-01", order_number="#8", further_references="first-ref-01", **NEW),
            order("first-ref-01", order_number="#8", total_minor=600, **OLD),
        ],
        [payment("first-ref-01", A=600, C=600), payment("later-ref-01", A=400, C=400)],
    )

    assert describe_discrepancies(result) == []
    assert sorted(buckets(result, "orders").values()) == ["ignored superseded_row", "matched"]
    assert set(buckets(result, "payments").values()) == {"matched"}


def test_orders_of_two_stores_with_one_number_are_two_orders():
    """Two stores of one merchant can use the same order numbers."""
    result = compare(
        [
            order("store-a-17", order_number="17", store="A", **OLD),
            order("store-b-17", order_number="17", store="B", **NEW),
        ],
        [payment("store-a-17", C=1000), payment("store-b-17", C=1000)],
    )

    assert set(buckets(result, "orders").values()) == {"matched"}


# The cut-off time of each pair.


def test_each_pair_has_its_own_cut_off_time():
    """An old second file must not hide later events from the orders of the newer file."""
    result = compare(
        [
            order("in-the-old", exported_at=ago(5), source_file="old.csv"),
            order("in-the-new", exported_at=ago(0.1), source_file="new.csv"),
        ],
        [
            payment("in-the-old", C=1000, R=300, refunded=ago(3)),
            payment("in-the-new", C=1000, R=300, refunded=ago(3)),
        ],
    )

    assert [row[:4] for row in describe_discrepancies(result)] == [
        ("in-the-new", "refund_missing_in_shop", 0, 300)
    ]


def test_parts_of_a_split_payment_share_the_cut_off_time():
    """One part was fetched days earlier, so later events of the other part do not count yet."""
    first, first_log = payment("in-parts-1", A=600, C=600)
    second, second_log = payment("in-parts-1-1", A=400, C=400, R=100, refunded=ago(1))
    first["fetched_at"] = ago(2)

    result = compare([order("in-parts-1")], [(first, first_log), (second, second_log)])

    assert describe_discrepancies(result) == []


@pytest.mark.parametrize(
    ("order_fields", "payment_fields", "expected"),
    [
        # The shop's own date proves what was wrong at the as-of time; it was put right later.
        ({}, {"C": 1000, "captured": ago(1)}, ("fulfilled_not_captured", 1000, 0, 1000)),
        (
            {"status": "partial"},
            {"C": 1000, "captured": ago(1)},
            ("fulfilled_not_captured", 1000, 0, 1000),
        ),
        (
            {"refunded_minor": 300, "refunded_at": ago(5)},
            {"C": 1000, "R": 300, "refunded": ago(1)},
            ("refund_missing_at_vipps", 300, 0, 300),
        ),
        # The shop's side has no date, or a later one.
        ({"fulfilled_at": None}, {"C": 1000, "captured": ago(1)}, None),
        ({"fulfilled_at": ago(2)}, {"C": 1000, "captured": ago(1)}, None),
        ({"status": "cancelled"}, {"C": 1000, "R": 1000, "refunded": ago(1)}, None),
        ({"total_minor": 700}, {"C": 1000, "R": 300, "refunded": ago(1)}, None),
        (
            {"refunded_minor": 300, "refunded_at": ago(2)},
            {"C": 1000, "R": 300, "refunded": ago(1)},
            None,
        ),
        # At the as-of time nothing was wrong.
        ({}, {"C": 1000, "R": 300, "refunded": ago(1)}, None),
    ],
)
def test_shop_dates_decide_what_is_known_before_the_export(order_fields, payment_fields, expected):
    """With an as-of time before the export, only what is dated is known of the shop at that time."""
    result = compare(
        [order("before-exp", **order_fields)],
        [payment("before-exp", **payment_fields)],
        as_of=ago(3),
    )

    if expected is None:
        assert describe_discrepancies(result) == []
        assert set(buckets(result, "orders").values()) == {"timing timing_after_cut"}
        return
    assert describe_discrepancies(result) == [("before-exp", *expected, None, None)]
    assert "changed_after_export" in flags_of(result, "before-exp")


# Which attempt counts.


def test_the_captured_attempt_counts_and_the_reserved_one_is_released():
    """Rules §5, case 44."""
    result = compare(
        [order("attempt-1-1", total_minor=600)],
        [payment("attempt-1", A=600), payment("attempt-1-1", A=600, C=600)],
    )

    assert describe_discrepancies(result) == [
        ("attempt-1", "duplicate_payment", 0, 0, 600, "cancel", 600)
    ]


def test_unsure_payment_method_proposes_no_cancel():
    """The duplicate is reported, but a person decides, because the method is in no list."""
    result = compare(
        [order("unsure-01-1", total_minor=600, by_vipps=None, method_unsure=True)],
        [payment("unsure-01", A=600), payment("unsure-01-1", A=600, C=600)],
    )

    assert describe_discrepancies(result) == [
        ("unsure-01", "duplicate_payment", 0, 0, 600, None, None)
    ]
    assert flags_of(result, "unsure-01") == {"method_unsure"}


def test_captured_attempt_counts_before_the_shops_reserved_one():
    """The captured payment has the money, even if the export contains the other reference."""
    result = compare(
        [order("attempt-1", total_minor=600)],
        [payment("attempt-1", A=600), payment("attempt-1-1", A=600, C=600)],
    )

    assert describe_discrepancies(result) == [
        ("attempt-1", "duplicate_payment", 0, 0, 600, "cancel", 600)
    ]


def test_refunded_double_payment_is_not_refunded_again():
    """Rules §5, case 45."""
    result = compare(
        [order("twice-001-1", total_minor=300, refunded_minor=300, refunded_at=ago(4))],
        [payment("twice-001", A=300, C=300), payment("twice-001-1", A=300, C=300, R=300)],
    )

    assert describe_discrepancies(result) == [
        ("twice-001", "duplicate_payment", 0, 300, 300, None, None)
    ]


def test_refund_of_a_surplus_payment_counts_if_it_fits_whole():
    """The shop refunded 1,300: 1,000 for the second payment, and 300 for the goods."""
    orders = [order("fits-0001", refunded_minor=1300, refunded_at=ago(4))]
    result = compare(
        orders,
        [payment("fits-0001", C=1000, R=300), payment("fits-0001-1", C=1000, R=1000)],
    )
    too_much = compare(
        [order("fits-0001", refunded_minor=900, refunded_at=ago(4))],
        [payment("fits-0001", C=1000, R=300), payment("fits-0001-1", C=1000, R=1000)],
    )

    assert describe_discrepancies(result) == [
        ("fits-0001-1", "duplicate_payment", 0, 1000, 0, None, None)
    ]
    assert (
        "fits-0001",
        "refund_missing_at_vipps",
        900,
        300,
        600,
        "refund",
        600,
    ) in describe_discrepancies(too_much)
    refunded = result.bridge[result.bridge["leg"] == "refunded"].set_index("line")["amount_minor"]
    assert (refunded["orders"], refunded["refunded"]) == (1300, 1300)


def test_larger_refunded_surplus_payment_is_deducted_first():
    """The shop refunded 600. The refund of 500 is deducted first, so 100 is owed and not 300."""
    payments = [
        payment("fits-0002", C=1000),
        payment("fits-0002-1", C=1000, R=300),
        payment("fits-0002-2", C=1000, R=500),
    ]
    result = compare([order("fits-0002", refunded_minor=600, refunded_at=ago(4))], payments)
    smaller = compare([order("fits-0002", refunded_minor=400, refunded_at=ago(4))], payments)

    kind = "refund_missing_at_vipps"
    assert ("fits-0002", kind, 100, 0, 100, "refund", 100) in describe_discrepancies(result)
    assert ("fits-0002", kind, 100, 0, 100, "refund", 100) in describe_discrepancies(smaller)


def test_events_after_the_export_limit_proposals():
    """Judged at the export; proposals also consider later events of the order's other payments."""
    exported = {"exported_at": ago(2), "ordered_at": ago(10)}
    given_back = compare(
        [order("later-0001", refunded_minor=100, refunded_at=ago(4), **exported)],
        [
            payment("later-0001", A=600),
            payment("later-0001-1", C=1000, R=1000, refunded=ago(1)),
        ],
    )
    surplus_given_back = compare(
        [order("later-0002", refunded_minor=1000, refunded_at=ago(4), **exported)],
        [
            payment("later-0002", A=300, C=300, R=300, captured=ago(1), refunded=ago(0.9)),
            payment("later-0002-1", C=1000),
        ],
    )

    # The payment that counted has no money any more, so the reserved one may be needed.
    assert ("later-0001", "duplicate_payment", 0, 0, 600, None, None) in describe_discrepancies(
        given_back
    )
    kind = "refund_missing_at_vipps"
    expected = ("later-0002-1", kind, 1000, 0, 1000, "refund", 700)
    assert expected in describe_discrepancies(surplus_given_back)


def test_latest_attempt_counts_if_none_held_money():
    """If the export contains the reference of one attempt, that one counts instead."""
    result = compare(
        [order("unpaid-01", status="open", fulfilled_at=None)],
        [
            payment("unpaid-01-1", A=0, state="ABORTED", authorized=ago(9)),
            payment("unpaid-01-2", A=0, state="CREATED", authorized=ago(8)),
        ],
    )

    assert buckets(result, "payments") == {
        "unpaid-01-1": "matched superseded_attempt",
        "unpaid-01-2": "timing timing_awaiting_payment",
    }


def test_shops_reference_counts_before_the_nearer_amount():
    """The customer really paid twice, and the shop sent the goods for one payment."""
    result = compare(
        [order("named-001", total_minor=1000)],
        [payment("named-001", A=1200, C=1200), payment("named-001-1", C=1000)],
    )

    assert [row[:4] for row in describe_discrepancies(result)] == [
        ("named-001", "over_captured", 1000, 1200),
        ("named-001-1", "duplicate_payment", 0, 1000),
    ]


# Split payments.


@pytest.mark.parametrize(
    ("total", "refunded", "kinds"),
    [
        (1000, 0, []),
        (1000, 200, [("refund_missing_at_vipps", 200, 0, 200)]),
        (900, 0, [("over_captured", 900, 1000, 100)]),
        (1100, 0, [("under_captured", 1100, 1000, 100)]),
    ],
    ids=["31", "46 refunded", "edited down", "edited up"],
)
def test_a_split_payment_is_compared_as_a_sum(total, refunded, kinds):
    """Nothing is proposed for it: the sum is not the amount of any single payment."""
    result = compare(
        [
            order(
                "split-001",
                total_minor=total,
                refunded_minor=refunded,
                refunded_at=ago(4) if refunded else None,
            )
        ],
        [payment("split-001", A=600, C=600), payment("split-001-1", A=400, C=400)],
    )

    assert [row[1:] for row in describe_discrepancies(result)] == [
        (*kind, None, None) for kind in kinds
    ]
    for reference, *_ in describe_discrepancies(result):
        assert "split_payment" in flags_of(result, reference)


def test_two_payments_for_one_amount_are_not_a_split_payment():
    """Both payments have the same amount, and together they are more than the order."""
    result = compare(
        [order("equal-001", total_minor=1000)],
        [payment("equal-001", A=600, C=600), payment("equal-001-1", A=600, C=600)],
    )

    assert [row[:4] for row in describe_discrepancies(result)] == [
        ("equal-001", "under_captured", 1000, 600),
        ("equal-001-1", "duplicate_payment", 0, 600),
    ]


def test_references_in_one_cell_are_one_split_payment():
    """With any amounts: the shop itself states that both payments belong to the order."""
    result = compare(
        [
            order("first-ref-01", further_references="other-ref-02 gift-card-03"),
            order("first-ref-11", total_minor=500, further_references="other-ref-12"),
            order("first-ref-21", further_references="gift-card-22"),
        ],
        [
            payment("first-ref-01", A=600, C=600),
            payment("other-ref-02", A=400, C=400),
            payment("first-ref-11", A=500, C=500),
            payment("other-ref-12", A=500, C=500),
            payment("first-ref-21", C=1000),
        ],
    )

    assert describe_discrepancies(result) == [
        ("first-ref-11", "over_captured", 500, 1000, 500, None, None)
    ]
    assert "split_payment" in flags_of(result, "first-ref-11")


@pytest.mark.parametrize(
    ("shop", "found", "answer"),
    [
        pytest.param({}, {"A": 1000, "C": 600}, "under_captured", id="capture"),
        pytest.param({}, {"A": 1000, "C": 0}, "fulfilled_not_captured", id="capture of all"),
        pytest.param({}, {"A": 1100, "C": 1100}, "over_captured", id="excess"),
        pytest.param({"refunded_minor": 300}, {}, "refund_missing_at_vipps", id="refund"),
        pytest.param({"status": "cancelled"}, {}, "cancelled_but_captured", id="cancelled"),
        pytest.param({"status": "cancelled"}, {"C": 0}, "remainder_open", id="release"),
    ],
)
def test_nothing_is_proposed_while_a_reference_of_the_cell_was_not_found(shop, found, answer):
    """The other reference may be a payment of another sales unit that holds the rest."""
    result = compare(
        [
            order("half-ref-01", further_references="half-ref-02", **shop),
            order("half-ref-11", further_references="half-ref-12", **shop),
            order("other-ref-21", **shop),
        ],
        [
            payment(reference, **{"A": 1000, "C": 1000} | found)
            for reference in ("half-ref-01", "half-ref-12", "other-ref-21")
        ],
    )

    assert [row[1] for row in describe_discrepancies(result)] == [answer] * 3
    assert [row[0] for row in describe_discrepancies(result) if row[-1]] == ["other-ref-21"]
    for reference in ("half-ref-01", "half-ref-12"):
        assert "split_payment" in flags_of(result, reference)


# Attempts that could not be read.


@pytest.mark.parametrize("unread", ["sibling-01", "sibling-01-1", "sibling-01-7", "other-ref-02"])
def test_an_unread_attempt_leaves_the_whole_order_unchecked(unread):
    """The other attempts alone do not show whether the order is correct."""
    known = {"sibling-01", "sibling-01-1"} - {unread}
    result = compare(
        [order("sibling-01", further_references="other-ref-02"), order("another-01")],
        [payment("another-01", C=1000), *(payment(name, C=1000) for name in sorted(known))],
        unread=[unread],
    )

    assert describe_discrepancies(result) == []
    assert set(buckets(result, "payments").values()) == {"matched", "not_checked"}
    assert buckets(result, "payments")["another-01"] == "matched"
    assert result.manifest["complete"] is False


def test_damaged_reference_is_not_missing_if_the_repaired_one_is_unanswered():
    """A spreadsheet removed the zeros, and the complete reference could not be read."""
    result = compare([order("12345678")], [], unread=["000012345678"])

    assert describe_discrepancies(result) == []
    assert buckets(result, "orders").popitem()[1] == "not_checked"


def test_no_capture_is_proposed_before_the_next_attempts_were_requested():
    """A next attempt may already hold the money.

    If it is unknown whether they were requested, the capture is proposed.
    """
    result = compare(
        [
            order("asked-001", attempts_asked=True),
            order("unasked-1", attempts_asked=False),
            order("not-said-1"),
        ],
        [payment("asked-001"), payment("unasked-1"), payment("not-said-1")],
    )

    assert describe_discrepancies(result) == [
        ("asked-001", "fulfilled_not_captured", 1000, 0, 1000, "capture", 1000),
        ("not-said-1", "fulfilled_not_captured", 1000, 0, 1000, "capture", 1000),
        ("unasked-1", "fulfilled_not_captured", 1000, 0, 1000, None, None),
    ]


# Orders paid together.


def make_combined_rows(*rows, reference="basket-01"):
    """Return order rows with one reference; each is (number, total, refunded, status)."""
    return [
        order(
            reference,
            order_number=number,
            total_minor=total,
            refunded_minor=refunded,
            status=status,
            fulfilled_at=ago(6) if status == "fulfilled" else None,
            refunded_at=ago(4) if refunded else None,
        )
        for number, total, refunded, status in rows
    ]


COMBINED_ORDERS = {
    "33 both sent": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 0, "fulfilled")],
        {"C": 1000},
        [],
    ),
    "one cancelled before capture": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 0, "cancelled")],
        {"C": 600, "X": 400},
        [],
    ),
    "one cancelled and given back": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 400, "cancelled")],
        {"C": 1000, "R": 400},
        [],
    ),
    "one cancelled, not given back": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 400, "cancelled")],
        {"C": 1000},
        [("over_captured", 600, 1000, 400, None, None)],
    ),
    "one cancelled, a fee kept": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 300, "cancelled")],
        {"C": 1000, "R": 300},
        [],
    ),
    "one sent, nothing captured": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 0, "open")],
        {},
        [("fulfilled_not_captured", 600, 0, 600, "capture", 600)],
    ),
    "one sent, captured too little": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 0, "open")],
        {"C": 500},
        [("under_captured", 600, 500, 100, "capture", 100)],
    ),
    "one sent and captured": (
        [("1", 600, 0, "fulfilled"), ("2", 400, 0, "open")],
        {"C": 600},
        [],
    ),
    "one open and refunded in full, the other still to be sent": (
        [("1", 700, 700, "open"), ("2", 300, 0, "open")],
        {},
        [("remainder_open", 0, 700, 0, None, None)],
    ),
    "one open and refunded in full, captured in part": (
        [("1", 700, 700, "open"), ("2", 300, 0, "open")],
        {"C": 400},
        [
            ("refund_missing_at_vipps", 400, 0, 400, "refund", 100),
            ("remainder_open", 0, 300, 0, None, None),
        ],
    ),
    "one open and refunded in full on both sides": (
        [("1", 700, 700, "open"), ("2", 300, 0, "open")],
        {"C": 700, "R": 700},
        [],
    ),
    "all cancelled": (
        [("1", 600, 0, "cancelled"), ("2", 400, 0, "cancelled")],
        {},
        [("remainder_open", 0, 1000, 0, None, None)],
    ),
}
"""The order rows of one basket, its payment, and its discrepancies."""


@pytest.fixture(scope="module")
def combined_orders():
    """Reconcile all baskets in one call; return discrepancies and order rows of each."""
    orders, payments = {}, []
    for number, (name, (rows, paid, _)) in enumerate(COMBINED_ORDERS.items(), start=1):
        reference = f"basket-{number:02}"
        numbered = [(f"{number}-{row[0]}", *row[1:]) for row in rows]
        orders[name] = make_combined_rows(*numbered, reference=reference)
        payments.append(payment(reference, **paid))
    result = compare([row for rows in orders.values() for row in rows], payments)
    places = buckets(result, "orders")
    return {
        name: (
            [row[1:] for row in describe_discrepancies(result) if row[0] == rows[0]["reference"]],
            [places[str(row["source_row"])] for row in rows],
        )
        for name, rows in orders.items()
    }


@pytest.mark.parametrize("name", COMBINED_ORDERS)
def test_combined_orders_are_compared_as_a_sum(combined_orders, name):
    """The amount due is the total of the rows sent; with a cancelled row nothing is proposed."""
    discrepancies, places = combined_orders[name]
    rows, _, expected = COMBINED_ORDERS[name]

    assert discrepancies == expected
    assert len(places) == len(rows)


# Paid another way.


def test_each_attempt_of_an_order_that_was_paid_another_way_is_one_too_many():
    """Vipps MobilePay had nothing to collect: no attempt counts, and no two are a split payment."""
    result = compare(
        [order("by-card-1", by_vipps=False, attempt_base="by-card-1")],
        [
            payment("by-card-1", A=600, C=600),
            payment("by-card-1-1", A=400),
            payment("by-card-1-2", C=1000, R=1000),
            payment("by-card-1-3", X=1000),
        ],
    )

    assert describe_discrepancies(result) == [
        ("by-card-1", "paid_twice", 0, 600, 600, None, None),
        ("by-card-1-1", "remainder_open", 0, 400, 0, "cancel", 400),
    ]
    assert buckets(result, "payments") == {
        "by-card-1": "discrepancy paid_twice",
        "by-card-1-1": "discrepancy remainder_open",
        "by-card-1-2": "ignored other_payment_method",
        "by-card-1-3": "ignored other_payment_method",
    }


def test_no_attempt_of_a_recurring_charge_is_one_too_many():
    """The ePayment API is not asked for charges, so nothing is known of them."""
    result = compare(
        [order("charge-01", recurring=True)],
        [payment("charge-01", C=1000), payment("charge-01-1")],
    )

    assert describe_discrepancies(result) == []
    assert set(buckets(result, "payments").values()) == {"ignored not_epayment"}


# Waivers.


def test_every_reference_that_the_report_prints_can_be_waived():
    """A further attempt by its own reference, a split payment by the reference of any part."""
    orders = [
        order("waive-1001"),
        order("waive-1002"),
        order("waive-1003", total_minor=900),
    ]
    payments = [
        payment("waive-1001", C=1000),
        payment("waive-1001-1", C=1000),
        payment("waive-1002", C=400),
        payment("waive-1003", A=600, C=600),
        payment("waive-1003-1", A=400, C=400),
    ]

    def kinds(*waived):
        result = compare(orders, payments, waived={(EXAMPLE_MSN, name) for name in waived})
        return {row[0] for row in describe_discrepancies(result)}

    assert kinds() == {"waive-1001-1", "waive-1002", "waive-1003"}
    assert kinds("waive-1001-1", "waive-1002") == {"waive-1003"}
    assert kinds("waive-1001", "waive-1003-1") == {"waive-1001-1", "waive-1002"}


def test_of_a_waived_order_no_attempt_is_released():
    """The user deals with the order, so the reserved attempt may still be needed."""
    result = compare(
        [order("waive-2001", status="open", fulfilled_at=None)],
        [payment("waive-2001"), payment("waive-2001-1", A=600)],
        waived={(EXAMPLE_MSN, "waive-2001")},
    )

    assert describe_discrepancies(result) == [
        ("waive-2001-1", "duplicate_payment", 0, 0, 600, None, None)
    ]


# An event that is listed twice.


def test_event_listed_twice_counts_once():
    """The pspReference distinguishes two captures, not the time and amount."""
    once, once_log = payment("listed-01", A=500, C=500)
    wrong, wrong_log = payment("listed-02", A=1000, C=500)
    wrong["captured_minor"] = 1000
    really, really_log = make_payment_rows(reference="listed-03", A=1000, captures=(500,))
    twin = dict(really_log[-1], psp_reference="another")
    really["captured_minor"] = 1000

    result = compare(
        [order(f"listed-0{n}", total_minor=500) for n in (1, 2, 3)],
        [
            (once, [*once_log, once_log[-1]]),
            (wrong, [*wrong_log, wrong_log[-1]]),
            (really, [*really_log, twin]),
        ],
    )

    assert [row[:4] for row in describe_discrepancies(result)] == [
        ("listed-02", "aggregate_mismatch", None, None),
        ("listed-02", "remainder_open", 0, 500),
        ("listed-03", "duplicate_capture", 500, 1000),
    ]


# A payment without an order.


def test_payment_without_an_order_is_dated_by_its_authorization():
    """The day of the authorization decides, or of the creation if there is none.

    In a sales unit that the export does not cover, no order is missing.
    """
    early, early_log = payment("early-0001", C=1000, authorized=ago(20))
    # Created before the first order, authorized on a day of the export.
    created, created_log = payment("created-01", C=1000, authorized=ago(10))
    created["created_day"] -= 5
    result = compare(
        [order("first-0001", ordered_at=ago(12)), order("last-00001", ordered_at=ago(1))],
        [
            (early, early_log),
            (created, created_log),
            payment("first-0001", C=1000),
            payment("last-00001", C=1000),
            payment("elsewhere-1", C=1000, msn="654321"),
        ],
    )

    assert describe_discrepancies(result) == [
        ("created-01", "missing_in_orders", None, 1000, 1000, None, None)
    ]
    assert buckets(result, "payments")["early-0001"] == "timing timing_outside_export"
    assert buckets(result, "payments")["elsewhere-1"] == "timing timing_outside_export"
