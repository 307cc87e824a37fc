"""Payments of an order under a reference that its shop does not know, without a ledger."""

from __future__ import annotations

import httpx
import pandas as pd
import pytest

from tests.workflow.conftest import order, payment
from vippsrecon.fetching import read_fetched
from vippsrecon.workflow.fetch_references import fetch_file
from vippsrecon.workflow.reconcile_month import reconcile_month


def count_requests(transport, reference):
    """Return how often this payment was requested."""
    return transport.request_counts[f"/epayment/v1/payments/{reference}"]


DEAD = {"released": 1000}


def reserved(reference):
    """Return a state line: 1,000 is reserved, and nothing was captured."""
    line = payment(reference, released=1000)
    line["payment"]["aggregate"]["cancelledAmount"]["value"] = 0
    line["events"] = line["events"][:-1]
    return line


@pytest.mark.ci
@pytest.mark.parametrize(
    ("reserved", "payments", "kinds"),
    [
        pytest.param(
            "order-000001",
            [payment("order-000001", **DEAD), payment("order-000001-1", captured=1000)],
            {"superseded_attempt"},
            id="the first was released, the second captured",
        ),
        pytest.param(
            "order-000001",
            [payment("order-000001", aborted=True), payment("order-000001-2", captured=1000)],
            {"superseded_attempt"},
            id="the third, and no second",
        ),
        pytest.param(
            "order-000001",
            [
                payment("order-000001", aborted=True),
                payment("order-000001-1", aborted=True),
                payment("order-000001-2", aborted=True),
                payment("order-000001-3", captured=1000),
            ],
            {"superseded_attempt"},
            id="the fourth, in a further round",
        ),
        pytest.param(
            "order-000001",
            [payment("order-000001", captured=600), payment("order-000001-1", captured=400)],
            set(),
            id="split in two",
        ),
        pytest.param(
            "order-000001",
            [payment("order-000001", captured=600), payment("order-000001-2", captured=400)],
            set(),
            id="split, the half in between never came",
        ),
        pytest.param(
            "woo-shop-1001-1",
            [
                payment("woo-shop-1001", aborted=True),
                payment("woo-shop-1001-1", aborted=True),
                payment("woo-shop-1001-3", captured=1000),
            ],
            {"superseded_attempt"},
            id="counted from the shop's own attempt",
        ),
    ],
)
def test_unknown_attempt_is_found_by_its_reference(make_inputs, reserved, payments, kinds):
    """No ledger lists the attempt. A correct order must not look lost or half paid."""
    orders, settings, client, _ = make_inputs([order(reserved, "1001")], payments)

    result = reconcile_month([orders], settings, client=client)

    assert result.discrepancies["kind"].tolist() == []
    assert set(result.buckets["bucket"]) == {"matched"}
    assert set(result.buckets["kind"]) == {"", *kinds}
    assert set(result.payments["discovered_by"]) == {"orders"}
    assert len(result.failures) == 0


@pytest.mark.parametrize(
    ("line", "payments", "calls"),
    [
        pytest.param(
            order("order-000001"), [payment("order-000001", captured=1000)], 0, id="whole"
        ),
        pytest.param(
            order("order-000001", status="cancelled"),
            [payment("order-000001", **DEAD)],
            0,
            id="cancelled",
        ),
        pytest.param(order("order-000001"), [], 0, id="nothing known of it"),
        pytest.param(order("order-000001"), [payment("order-000001", **DEAD)], 1, id="lost"),
    ],
)
def test_only_orders_without_money_get_further_requests(make_inputs, line, payments, calls):
    """A month without errors needs no extra calls, and a guess without a payment is not a failure."""
    orders, settings, client, transport = make_inputs([line], payments)

    result = reconcile_month([orders], settings, client=client)

    assert [count_requests(transport, f"order-000001-{number}") for number in (1, 2)] == [
        calls,
        calls,
    ]
    assert count_requests(transport, "order-000001-3") == 0
    assert set(result.failures["reference"]) <= {"order-000001"}


def proposed(result):
    """Return reference, kind and proposal of each discrepancy."""
    columns = ["reference", "kind", "proposal", "proposal_minor"]
    rows = result.discrepancies[columns].astype(object).itertuples(index=False, name=None)
    return sorted(tuple(None if pd.isna(value) else value for value in row) for row in rows)


@pytest.mark.parametrize(
    ("reference", "payments", "expected"),
    [
        pytest.param(
            "order-000001",
            [reserved("order-000001"), payment("order-000001-1", captured=1000)],
            [("order-000001", "duplicate_payment", "cancel", 1000)],
            id="paid with the next attempt",
        ),
        pytest.param(
            "order-000001-1",
            [
                payment("order-000001", aborted=True),
                reserved("order-000001-1"),
                payment("order-000001-2", captured=1000),
            ],
            [("order-000001-1", "duplicate_payment", "cancel", 1000)],
            id="the shop's own is an attempt itself, as the first one shows",
        ),
        pytest.param(
            "order-000001",
            [reserved("order-000001")],
            [("order-000001", "fulfilled_not_captured", "capture", 1000)],
            id="no further attempt",
        ),
        pytest.param(
            "order-000001 + order-000901",
            [payment("order-000001", captured=600), payment("order-000901", captured=400)],
            [],
            id="two references in one cell",
        ),
        pytest.param(
            "order-000001 + giftcard-0901",
            [payment("order-000001", captured=1000)],
            [],
            id="a reference in the cell that is not a payment",
        ),
    ],
)
def test_next_attempts_are_requested_before_a_capture_is_proposed(
    make_inputs, reference, payments, expected
):
    """Rules §4: in real use, a customer was charged twice.

    A guess without a payment is not a failure.
    """
    orders, settings, client, _ = make_inputs([order(reference)], payments)

    result = reconcile_month([orders], settings, client=client)

    assert proposed(result) == expected
    assert len(result.failures) == 0
    assert result.manifest["complete"] is True


@pytest.mark.parametrize(
    ("line", "payments", "expected"),
    [
        pytest.param(
            order("order-000001", refunded="10.00"),
            [
                payment("order-000001", captured=1000),
                payment("order-000001-1", captured=1000, refunded=1000),
            ],
            [("order-000001", "duplicate_payment", None, None)],
            id="45, and the shop names the first payment",
        ),
        pytest.param(
            order("order-000001", refunded="10.00"),
            [payment("order-000001", aborted=True), payment("order-000001-1", captured=1000)],
            [("order-000001-1", "refund_missing_at_vipps", "refund", 1000)],
            id="only the next attempt brought money",
        ),
        pytest.param(
            order("order-000001", refunded="4.00"),
            [payment("order-000001", captured=1000)],
            [("order-000001", "refund_missing_at_vipps", "refund", 400)],
            id="no further attempt",
        ),
    ],
)
def test_next_attempts_are_requested_before_a_refund_is_proposed(
    make_inputs, line, payments, expected
):
    """The customer may have been paid back with another attempt than the one the shop names."""
    orders, settings, client, _ = make_inputs([line], payments)

    result = reconcile_month([orders], settings, client=client)

    assert proposed(result) == expected
    assert result.manifest["complete"] is True


@pytest.mark.parametrize(
    ("line", "payments"),
    [
        pytest.param(
            order("order-000001", refunded="4.00"),
            [payment("order-000001", captured=1000, refunded=400)],
            id="given back",
        ),
        pytest.param(
            order("order-000001", refunded="4.00"),
            [payment("order-000001", captured=600, released=400)],
            id="refunded before capture",
        ),
        pytest.param(
            order("order-000001", refunded="10.00"),
            [payment("order-000001", released=1000)],
            id="refunded instead of captured",
        ),
    ],
)
def test_a_refund_that_agrees_gets_no_further_requests(make_inputs, line, payments):
    """A month without errors needs no extra calls."""
    orders, settings, client, transport = make_inputs([line], payments)

    result = reconcile_month([orders], settings, client=client)

    assert proposed(result) == []
    assert count_requests(transport, "order-000001-1") == 0


def test_a_fetch_without_the_next_attempts_proposes_no_refund(make_inputs, tmp_path):
    """For a list of references, the next attempts are not fetched, so they are unknown."""
    orders, settings, client, _ = make_inputs(
        [order("order-000001", refunded="4.00")], [payment("order-000001", captured=1000)]
    )
    listed = tmp_path / "list.csv"
    listed.write_text("reference\norder-000001\n", encoding="utf-8")
    fetch_file(listed, settings, out=tmp_path / "out", client=client)

    result = reconcile_month([orders], settings, payments=tmp_path / "out")

    assert proposed(result) == [("order-000001", "refund_missing_at_vipps", None, None)]
    assert "next attempts" in result.discrepancies["next_step"].iloc[0]


def test_a_fetch_without_the_next_attempts_proposes_no_capture(make_inputs, tmp_path):
    """For a list of references, the next attempts are not fetched, so they are unknown."""
    orders, settings, client, _ = make_inputs([order("order-000001")], [reserved("order-000001")])
    listed = tmp_path / "list.csv"
    listed.write_text("reference\norder-000001\n", encoding="utf-8")
    fetch_file(listed, settings, out=tmp_path / "out", client=client)

    result = reconcile_month([orders], settings, payments=tmp_path / "out")

    assert proposed(result) == [("order-000001", "fulfilled_not_captured", None, None)]
    assert "next attempts" in result.discrepancies["next_step"].iloc[0]


def test_an_attempt_that_cannot_be_read_leaves_the_order_unchecked(make_inputs, no_waiting):
    """Other orders are not affected, and the run is incomplete."""

    def instead(path, time):
        return httpx.Response(503) if path.endswith("order-000001-1") else None

    orders, settings, client, _ = make_inputs(
        [order("order-000001"), order("order-000002", "#2")],
        [reserved("order-000001"), payment("order-000002", captured=1000)],
        instead,
    )

    result = reconcile_month([orders], settings, client=client)

    assert proposed(result) == []
    assert sorted(result.buckets["bucket"]) == ["matched", "matched", "not_checked", "not_checked"]
    assert result.manifest["complete"] is False


def test_separate_order_is_not_an_attempt_of_another(make_inputs):
    """Its money does not pay the other order, so the next attempt of that order is requested."""
    lines = [order("order-000001"), order("order-000001-1", "#2")]
    payments = [payment("order-000001", **DEAD), payment("order-000001-1", captured=1000)]
    orders, settings, client, transport = make_inputs(lines, payments)

    result = reconcile_month([orders], settings, client=client)

    assert result.discrepancies["kind"].tolist() == ["authorization_lost"]
    assert count_requests(transport, "order-000001-2") == 1


def test_fetch_then_reconcile_includes_the_attempts(make_inputs, tmp_path):
    """`fetch` and then `reconcile --payments` give the same as one run, without further calls."""
    orders, settings, client, transport = make_inputs(
        [order("order-000001"), order("order-000002", "#2")],
        [
            payment("order-000001", **DEAD),
            payment("order-000001-1", captured=1000),
            payment("order-000002", **DEAD),
        ],
    )
    fetched = fetch_file(orders, settings, out=tmp_path / "out", client=client)
    calls = transport.request_counts.total()
    result = reconcile_month([orders], settings, payments=tmp_path / "out")
    again = reconcile_month([orders], settings, client=client, keep=tmp_path / "kept")
    repeated = reconcile_month([orders], settings, payments=tmp_path / "kept")

    assert calls < transport.request_counts.total()
    assert len(fetched.fetched.failures) == len(result.failures) == 0
    assert result.discrepancies["kind"].tolist() == ["authorization_lost"]
    assert again.discrepancies["discrepancy_id"].tolist() == [
        "authorization_lost:123456:order-000002"
    ]
    pd.testing.assert_frame_equal(again.buckets, repeated.buckets)
    assert again.manifest == repeated.manifest


def test_run_stopped_between_rounds_continues(make_inputs, no_waiting, tmp_path):
    """Attempts already on disk are not requested again; the missing ones are."""
    payments = [
        line
        for number in range(1, 5)
        for line in (
            payment(f"order-00000{number}", **DEAD),
            payment(f"order-00000{number}-1", captured=1000),
        )
    ]
    out_of_service = True

    def instead(path, time):
        return httpx.Response(503) if out_of_service and path.endswith("order-000004-1") else None

    lines = [order(f"order-00000{number}", f"#{number}") for number in range(1, 5)]
    orders, settings, client, transport = make_inputs(lines, payments, instead)
    first = fetch_file(orders, settings, out=tmp_path / "out", client=client)
    out_of_service = False
    second = fetch_file(orders, settings, out=tmp_path / "out", client=client)

    assert first.fetched.missing == 1
    assert second.fetched.missing == 0
    assert len(second.fetched.payments) == 8
    assert read_fetched(tmp_path / "out")[1]["counts"]["references"] == 12
    assert {count_requests(transport, f"order-00000{number}") for number in range(1, 5)} == {1}
    assert {count_requests(transport, f"order-00000{number}-1") for number in range(1, 4)} == {1}
    assert {count_requests(transport, f"order-00000{number}-2") for number in range(1, 5)} == {1}
