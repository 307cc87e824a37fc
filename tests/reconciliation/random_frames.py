"""Draw frames of any content: orders, payments and events that need not fit together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from vippsrecon.reconciliation.example_rows import NOW, make_order_row, utc_day_number
from vippsrecon.reconciliation.result import build_frame
from vippsrecon.schemas import EVENTS, FAILURES, ORDERS, PAYMENTS, STATUSES

AMOUNTS = st.sampled_from([0, 1, 100, 400, 600, 1000, 1001]) | st.integers(0, 3000)


def _references(count: int) -> st.SearchStrategy[str]:
    """Return references of so many orders, with attempts, and some that a spreadsheet damaged."""
    return st.sampled_from(
        [f"order-{n:04}{tail}" for n in range(count) for tail in ("", "-1", "-2")]
        + ["ORDER-0001", "000000012345", "12345", "123456789012", "1.23457E+11"]
    )


MSNS = st.sampled_from(["123456", "123456", "654321"])
CURRENCIES = st.sampled_from(["NOK", "NOK", "NOK", "DKK", "EUR"])
STATES = st.sampled_from(
    ["AUTHORIZED"] * 5 + ["CREATED", "ABORTED", "EXPIRED", "TERMINATED", "NEW"]
)
HOURS_AGO = st.integers(-48, 24 * 400)


class Rows(NamedTuple):
    """The rows of the four frames, before the frames are built."""

    orders: list[dict[str, Any]]
    payments: list[dict[str, Any]]
    events: list[dict[str, Any]]
    failures: list[dict[str, Any]]

    def frames(self) -> tuple[Any, ...]:
        """Return orders, payments, events and failures as pandas frames."""
        schemas = (ORDERS, PAYMENTS, EVENTS, FAILURES)
        return tuple(build_frame(rows, schema) for rows, schema in zip(self, schemas, strict=True))


def _ago(hours: int) -> Any:
    return NOW - timedelta(hours=hours)


@st.composite
def _order(draw: st.DrawFn, references: st.SearchStrategy[str]) -> dict[str, Any]:
    when = {
        name: _ago(draw(HOURS_AGO)) if draw(st.booleans()) else None
        for name in ("ordered_at", "fulfilled_at", "refunded_at")
    }
    return make_order_row(
        msn=draw(MSNS),
        reference=draw(references | st.none()),
        order_number=draw(st.sampled_from(["#1", "#2", "#3", None])),
        currency=draw(CURRENCIES),
        total_minor=draw(AMOUNTS),
        refunded_minor=draw(AMOUNTS | st.just(0) | st.none()),
        status=draw(st.sampled_from(STATUSES)),
        paid=draw(st.sampled_from(["yes", "no", "unknown"])),
        by_vipps=draw(st.sampled_from([True, True, False, None])),
        recurring=draw(st.sampled_from([False] * 9 + [True])),
        split_tender=draw(st.booleans()),
        shop_currency_only=draw(st.booleans()),
        method_unsure=draw(st.sampled_from([None, False, True])),
        recorded_by_hand=draw(st.sampled_from([None, False, True])),
        shop_authorization=draw(st.sampled_from([None, None, "voided", "expired"])),
        rest_refunded=draw(st.sampled_from([None, None, False, True])),
        dates_without_time=draw(st.sampled_from([None, False, True])),
        truncated_minor=draw(st.none() | AMOUNTS),
        attempt_base=draw(st.none() | references),
        exported_at=_ago(draw(st.sampled_from([0, 5, 200]))),
        store=draw(st.sampled_from(["oslo", "bergen", None])),
        **when,
    )


@st.composite
def _payment(draw: st.DrawFn, key: tuple[str, str]) -> dict[str, Any]:
    created, authorized = _ago(draw(HOURS_AGO)), _ago(draw(HOURS_AGO))
    known = draw(st.booleans())
    return {
        "msn": key[0],
        "reference": key[1],
        "psp_reference": "p",
        "state": draw(STATES),
        "currency": draw(CURRENCIES),
        **{
            f"{name}_minor": draw(AMOUNTS)
            for name in ("amount", "authorized", "captured", "refunded", "cancelled")
        },
        "payment_method": "WALLET",
        "capture_guaranteed_until_at": _ago(draw(HOURS_AGO)) if draw(st.booleans()) else None,
        "created_at": created if known else None,
        "created_day": utc_day_number(created) if known else None,
        "authorized_at": authorized if known else None,
        "authorized_day": utc_day_number(authorized) if known else None,
        "discovered_by": "orders",
        "fetched_at": _ago(draw(st.sampled_from([0, 1, 30]))),
    }


@st.composite
def _events(draw: st.DrawFn, key: tuple[str, str]) -> list[dict[str, Any]]:
    names = st.sampled_from(
        ["AUTHORIZED", "CAPTURED", "CAPTURED", "REFUNDED", "CANCELLED", "TERMINATED", "NEW"]
    )
    logged = []
    for number in range(draw(st.integers(0, 4))):
        at = _ago(draw(HOURS_AGO))
        logged.append(
            {
                "msn": key[0],
                "reference": key[1],
                "psp_reference": str(number),
                "name": draw(names),
                "amount_minor": draw(AMOUNTS),
                "currency": "NOK",
                "event_at": at,
                "event_day": utc_day_number(at),
                "idempotency_key": None,
                "success": draw(st.sampled_from([True, True, True, False])),
            }
        )
    return logged


@st.composite
def random_rows(draw: st.DrawFn, least: int = 0, most: int = 12) -> Rows:
    """Draw rows for all four frames, with `least` to `most` orders, and as many payments.

    Many in one frame cost hardly more than a few, and test what the same number in several
    frames does.
    """
    references = _references(max(6, most // 2))
    orders = draw(st.lists(_order(references), min_size=least, max_size=most))
    for number, order in enumerate(orders):
        order["source_row"] = number + 2
    keys = draw(st.lists(st.tuples(MSNS, references), min_size=least, max_size=most, unique=True))
    payments = [draw(_payment(key)) for key in keys]
    events = [event for key in keys for event in draw(_events(key))]
    failures = [
        {
            "msn": msn,
            "reference": reference,
            "operation": "getPayment",
            "status": status,
            "title": "t",
        }
        for msn, reference, status in draw(
            st.lists(st.tuples(MSNS, references, st.sampled_from([404, 503, None])), max_size=3)
        )
        if (msn, reference) not in keys
    ]
    return Rows(orders, payments, events, failures)
