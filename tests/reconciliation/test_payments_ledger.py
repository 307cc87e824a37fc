"""Payments against the ledger: what is missing, different, retained or corrected.

Worked cases; amounts are in minor units, signed as on the ledger. A line is
`discrepancy_id expected → actual, at risk, severity`.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.reconciliation.ledger_rows import LEDGER_ID, Ledger, describe, list_bridge, list_buckets
from vippsrecon.config.fee_contracts import FeeContract
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import InputError
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import EXAMPLE_MSN, NOW, days_before_now
from vippsrecon.report.figures import get_figures
from vippsrecon.report.money.verdicts import compute_leg_verdicts
from vippsrecon.report.sentences import format_headline
from vippsrecon.schemas import BRIDGE, BUCKETS, DISCREPANCIES, SUMMARY, validate

AGREED = FeeContract("2", "NOK", 10)
"""1,000 costs 30."""


@pytest.fixture
def ledger():
    """Return a ledger with one payment that is booked, and a fee for it."""
    ledger = Ledger()
    ledger.pay("order-1", 1000, days=12)
    ledger.book_events("order-1", fee=30)
    return ledger


def test_agreeing_ledger_is_clean(ledger):
    """Every entry is matched, and the bridge has no line between its ends."""
    ledger.pay("order-2", 600, 400, refund=100, days=9)
    ledger.book_events("order-2", fee=20)
    ledger.book("fees-retained", -70, days=8.4)
    ledger.close(8.4)
    result = ledger.reconcile()

    assert describe(result) == []
    assert result.verdict == "clean"
    assert set(list_buckets(result).values()) == {"matched"}
    assert len(list_buckets(result)) == len(ledger.entries)
    assert list_bridge(result) == {
        "captured_as_fetched": 2000,
        "refunded_as_fetched": -100,
        "ledger": 1900,
    }
    assert result.manifest["legs"] == ["order_payment", "payment_ledger"]
    for frame, schema in (
        (result.discrepancies, DISCREPANCIES),
        (result.buckets, BUCKETS),
        (result.summary, SUMMARY),
        (result.bridge, BRIDGE),
    ):
        validate(frame, schema)


def test_without_a_ledger_nothing_is_said_about_it(ledger):
    """A leg that was not compared is neither clean nor wrong."""
    result = reconcile(*ledger.tables()[:4], as_of=NOW)

    assert result.manifest["legs"] == ["order_payment"]
    assert set(result.bridge["leg"]) == {
        "captured", "refunded", "captured_as_fetched", "refunded_as_fetched"
    }  # fmt: skip
    assert set(result.buckets["side"]) == {"orders", "payments"}
    assert len(result.ledger_entries) == 0


def test_without_event_logs_the_ledger_is_not_compared(ledger):
    """A payment's totals do not say which capture the ledger lacks: its entries are not checked."""
    orders, payments, _, failures, entries = ledger.tables()
    result = reconcile(orders, payments, None, failures, ledger_entries=entries, as_of=NOW)

    assert result.manifest["legs"] == ["order_payment"]
    assert set(list_buckets(result).values()) == {"not_checked"}
    assert (result.verdict, result.exit_code) == ("discrepancies", 1)
    assert any("were not compared with the ledger" in notice for notice in result.notices)
    assert "not compared with the ledger" in format_headline(result, get_figures(result))


def test_ledger_without_any_payment_is_compared():
    """No order and no payment is known, so every capture on the ledger is one too many."""
    ledger = Ledger()
    ledger.book("capture", 400, reference="other", psp_reference="x", days=9)
    ledger.book("correction", -5, reference=None, psp_reference=None, days=9)
    result = ledger.reconcile()

    assert describe(result) == [
        "ledger_without_event:123456:other – → 400, at risk 400, high",
        "manual_correction:123456::funds:correction 0 → -5, at risk 5, medium",
    ]
    assert list_bridge(result)["ledger_without_event"] == 400


def test_capture_is_overdue_when_a_later_day_is_closed(ledger):
    """A payout ends a day: what is not on it by then will not be paid out with it."""
    ledger.pay("order-2", 500, days=2)
    late = ledger.reconcile()
    ledger.close(0.6)

    assert describe(late) == []
    assert list_bridge(late)["timing_not_on_ledger"] == -500
    assert describe(ledger.reconcile()) == [
        "capture_not_on_ledger:123456:order-2 500 → –, at risk 500, high"
    ]


def test_day_of_the_ledger_may_end_after_midnight(ledger):
    """A capture at half past three in the night belongs to the day before, which is closed."""
    ledger.pay("order-2", 500, days=1.4)
    ledger.close(0.9)
    until_four = SalesUnit(EXAMPLE_MSN, market="NO", day_ends_at="04:00")

    assert describe(ledger.reconcile(units=[SalesUnit(EXAMPLE_MSN, market="NO")])) == []
    assert describe(ledger.reconcile(units=[until_four])) == [
        "capture_not_on_ledger:123456:order-2 500 → –, at risk 500, high"
    ]


def test_capture_is_overdue_after_three_days(ledger):
    """The ledger may take some days, but no more than three that it covers."""
    ledger.pay("order-2", 500, days=3)
    ledger.pay("order-3", 400, 300, days=4)
    result = ledger.reconcile(ledger_days={EXAMPLE_MSN: (date(2026, 10, 1), date(2026, 11, 5))})

    assert describe(result) == [
        "capture_not_on_ledger:123456:order-3 400 → –, at risk 400, high",
        "capture_not_on_ledger:123456:order-3:2 300 → –, at risk 300, high",
    ]
    assert list_bridge(result) == {
        "captured_as_fetched": 2200,
        "timing_not_on_ledger": -500,
        "capture_not_on_ledger": -700,
        "ledger": 1000,
    }


def test_refund_that_is_not_on_the_ledger(ledger):
    """A refund is negative on the ledger, so the ledger has too much without it."""
    ledger.pay("order-2", 500, refund=200, days=9)
    ledger.book_events("order-2", fee=20)
    ledger.entries = [entry for entry in ledger.entries if entry["entry_type"] != "refund"]
    ledger.close(2)

    assert [line for line in describe(ledger.reconcile()) if "balance" not in line] == [
        "refund_not_on_ledger:123456:order-2 -200 → –, at risk 200, high"
    ]


def test_what_happened_before_the_ledger_begins_is_not_missing(ledger):
    """A ledger that was read from October on proves nothing about September."""
    ledger.pay("order-0", 900, days=40)
    result = ledger.reconcile()

    assert describe(result) == []
    assert list_bridge(result)["moved_in_another_period"] == -900


def test_entry_without_event(ledger):
    """Money came that no payment explains; a second entry of one operation is one too many."""
    ledger.book("capture", 400, reference="other", psp_reference="x", days=9)
    ledger.book("capture", 1000, reference="order-1", psp_reference="order-1-2", days=8)
    ledger.book("refund", -70, reference="", psp_reference="y", days=8)
    result = ledger.reconcile()

    assert describe(result) == [
        "ledger_without_event:123456::refund:y – → -70, at risk 70, high",
        "ledger_without_event:123456:order-1:2 – → 1000, at risk 1000, high",
        "ledger_without_event:123456:other – → 400, at risk 400, high",
    ]
    buckets = list_buckets(result)
    assert buckets[f"{LEDGER_ID}:funds:order-1-2:capture:1"] == "matched"
    assert buckets[f"{LEDGER_ID}:funds:order-1-2:capture:2"] == "discrepancy ledger_without_event"
    assert list_bridge(result)["ledger_without_event"] == 1330


def test_entry_of_a_payment_that_was_not_read_is_not_checked(ledger):
    """A payment that did not answer is unknown; one that does not exist (404) is not."""
    for reference, status in (("gone", 404), ("busy", 503)):
        ledger.failures.append(
            {
                "msn": EXAMPLE_MSN,
                "reference": reference,
                "operation": "payment",
                "status": status,
                "title": "",
                "detail": "",
                "trace_id": "",
            }
        )
        ledger.book("capture", 100, reference=reference, psp_reference=reference, days=9)
    result = ledger.reconcile()

    assert describe(result) == ["ledger_without_event:123456:gone – → 100, at risk 100, high"]
    assert list_buckets(result)[f"{LEDGER_ID}:funds:busy:capture:1"] == "not_checked"
    assert list_bridge(result)["not_checked"] == 100


def test_entry_made_after_the_fetch_is_timing(ledger):
    """The event of such an entry cannot have been fetched."""
    ledger.book("refund", -10, reference="order-1", psp_reference="z", at=NOW + timedelta(hours=1))
    result = ledger.reconcile()

    assert describe(result) == []
    assert list_buckets(result)[f"{LEDGER_ID}:funds:z:refund:1"] == "timing timing_after_cut"


def test_amount_difference(ledger):
    """The payout follows the ledger, so a wrong amount there is money."""
    ledger.pay("order-2", 500, days=9)
    ledger.book_events("order-2")
    ledger.entries[-1] |= {"amount_minor": 450, "balance_after_minor": 1450}
    result = ledger.reconcile()

    assert describe(result) == [
        "ledger_amount_difference:123456:order-2 500 → 450, at risk 50, high"
    ]
    assert list_bridge(result)["ledger_amount_difference"] == -50


def test_old_entries_are_matched_by_reference_and_amount(ledger):
    """Older files number operations in their own way; two equal captures are two."""
    ledger.pay("order-2", 300, 300, refund=50, days=9)
    for number, (kind, amount) in enumerate(
        [("capture", 300), ("capture", 300), ("refund", -50), ("capture", 300)]
    ):
        ledger.book(kind, amount, reference="order-2", psp_reference=f"old-{number}", days=8)
    result = ledger.reconcile()

    assert describe(result) == ["ledger_without_event:123456:order-2:3 – → 300, at risk 300, high"]


def test_entries_without_an_operation_of_their_own_are_matched(ledger):
    """A file may have no pspReference at all."""
    ledger.pay("order-2", 300, days=9)
    ledger.pay("order-3", 300, days=9)
    for reference in ("order-2", "order-3"):
        ledger.book("capture", 300, reference=reference, psp_reference=None, days=9)
    result = ledger.reconcile()

    assert describe(result) == []
    assert f"{LEDGER_ID}:funds::capture:2" in list_buckets(result)


def test_fee_is_late_and_then_missing(ledger):
    """A fee may be charged days after its capture; after ten it is worth a question."""
    for reference, amount, days in (("order-3", 700, 11), ("order-2", 500, 10)):
        ledger.pay(reference, amount, days=days)
        ledger.book_events(reference)
    result = ledger.reconcile(
        contracts=[AGREED], ledger_days={EXAMPLE_MSN: (date(2026, 10, 1), date(2026, 10, 31))}
    )

    assert describe(result) == ["fee_missing:123456:order-3 -24 → –, at risk 0, low"]
    buckets = list_buckets(result)
    assert buckets[f"{LEDGER_ID}:funds:order-2-2:capture:1"] == "timing timing_fee_late"
    assert buckets[f"{LEDGER_ID}:funds:order-3-2:capture:1"] == "discrepancy fee_missing"


def test_fee_that_is_not_the_agreed_one(ledger):
    """Several fees of one capture count together; one øre is rounding."""
    for number, fees in enumerate(([31], [20, 12], [29, 1], [28]), start=2):
        reference = f"order-{number}"
        ledger.pay(reference, 1000, days=9)
        ledger.book_events(reference)
        for fee in fees:
            ledger.book(
                "capture-fee", -fee, topic="fees", reference=reference,
                psp_reference=f"{reference}-2", days=9,
            )  # fmt: skip
    result = ledger.reconcile(contracts=[AGREED])

    assert describe(result) == [
        "fee_variance:123456:order-3 -30 → -32, at risk 2, medium",
        "fee_variance:123456:order-5 -30 → -28, at risk 0, low",
    ]
    buckets = list_buckets(result)
    assert buckets[f"{LEDGER_ID}:fees:order-3-2:capture-fee:2"] == "discrepancy fee_variance"
    assert buckets[f"{LEDGER_ID}:funds:order-3-2:capture:1"] == "matched"


def test_fee_of_another_operation_is_found_by_reference(ledger):
    """Until 2025 the pspReference of a fee was not that of its capture."""
    ledger.pay("order-2", 500, days=12)
    ledger.book_events("order-2")
    ledger.book(
        "capture-fee", -20, topic="fees", reference="order-2", psp_reference="fee-7", days=2
    )

    assert describe(ledger.reconcile(contracts=[AGREED])) == []


def test_fee_of_a_payment_that_is_not_known_is_not_checked(ledger):
    """Its capture may be of an earlier month that was not fetched."""
    ledger.book(
        "capture-fee", -20, topic="fees", reference="september-1", psp_reference="s", days=9
    )
    result = ledger.reconcile(contracts=[AGREED])

    assert describe(result) == []
    assert list_buckets(result)[f"{LEDGER_ID}:fees:s:capture-fee:1"] == "not_checked"


def test_contract_by_method_unit_and_day():
    """The contract that names most decides; a method that is not known leaves the fee unknown."""
    contracts = [
        FeeContract("1", "NOK"),
        FeeContract("5", "NOK", from_date=date(2026, 10, 25)),
        FeeContract("3", "NOK", payment_method="CARD"),
        FeeContract("9", "DKK"),
    ]
    ledger = Ledger()
    for number, (days, method) in enumerate(
        [(13, "WALLET"), (12.5, "CARD"), (12, None), (2, "WALLET")]
    ):
        ledger.pay(f"order-{number}", 10_000, days=days)
        ledger.payments[-1]["payment_method"] = method
        ledger.book_events(f"order-{number}", fee=1)
    lines = describe(ledger.reconcile(contracts=contracts))

    assert [line.partition(" ")[2].partition(",")[0] for line in lines] == [
        "-100 → -1",
        "-300 → -1",
        "-500 → -1",
    ]


def test_contract_without_a_fee_misses_none(ledger):
    """A campaign without fees charges none, and nothing is missing."""
    ledger.pay("order-2", 500, days=11)
    ledger.book_events("order-2")

    assert describe(ledger.reconcile(contracts=[FeeContract(0, "NOK", tolerance_minor=30)])) == []


def test_disputes_of_one_payment_are_a_cycle(ledger):
    """Retained, returned, retained again, and returned in part."""
    dispute = {"reference": "order-1", "psp_reference": "order-1-2"}
    ledger.book("retained-disputed-capture", -1000, days=9, **dispute)
    first = describe(ledger.reconcile())
    ledger.book("returned-disputed-capture", 1000, days=8, **dispute)
    second = describe(ledger.reconcile())
    ledger.book("retained-disputed-capture", -1000, days=7, **dispute)
    ledger.book("returned-disputed-capture", 600, days=6, **dispute)
    result = ledger.reconcile()

    assert first == ["dispute_retained:123456:order-1 0 → -1000, at risk 1000, high"]
    assert second == ["dispute_returned:123456:order-1 0 → 0, at risk 0, info"]
    assert describe(result) == [
        "dispute_retained:123456:order-1:2 0 → -400, at risk 400, high",
        "dispute_returned:123456:order-1 0 → 0, at risk 0, info",
    ]
    assert list(list_buckets(result).values()).count("discrepancy dispute_retained") == 2


def test_return_of_an_earlier_dispute(ledger):
    """The money was retained before the ledger begins."""
    ledger.book("returned-disputed-capture", 800, reference="old", psp_reference="o", days=8)

    assert describe(ledger.reconcile()) == ["dispute_returned:123456:old 0 → 800, at risk 0, info"]


def test_corrections_and_unknown_types(ledger):
    """Both count by their sign; the old name of a payout is known."""
    ledger.book("correction", -50, psp_reference="c", days=9)
    ledger.book("correction", 20, psp_reference="c", days=8)
    ledger.book("correction", 5, psp_reference="c", topic="fees", days=8)
    ledger.book("bonus", 7, psp_reference="b", reference="order-1", days=8)
    ledger.book("scheduled-for-payout", -977, psp_reference="p", days=8)
    result = ledger.reconcile()

    assert describe(result) == [
        "manual_correction:123456::fees:c:correction 0 → 5, at risk 0, medium",
        "manual_correction:123456::funds:c:correction 0 → -50, at risk 50, medium",
        "manual_correction:123456::funds:c:correction:2 0 → 20, at risk 0, medium",
        "unknown_entry_type:123456:order-1:funds:b:bonus 0 → 7, at risk 7, medium",
    ]
    assert list_buckets(result)[f"{LEDGER_ID}:funds:p:scheduled-for-payout:1"] == "matched"


@pytest.mark.parametrize(("hours", "found"), [(4, "2026-10-23"), (10, "2026-10-24")])
def test_missing_entry_breaks_the_chain(ledger, hours, found):
    """The balance before an entry is the one after the entry before it, over days too."""
    for number in range(3):
        ledger.book("top-up", 100, psp_reference=f"t{number}", days=8 - number * hours / 24)
    ledger.book("top-up", 100, psp_reference="t3", days=5)
    lost = [entry for entry in ledger.entries if entry["psp_reference"] == "t1"]
    ledger.entries.remove(lost[0])
    [line] = describe(ledger.reconcile())

    assert line.startswith(f"balance_chain_break:123456::302321:funds:NOK:{found} ")


def test_days_that_end_as_they_began_continue_the_chain(ledger):
    """A day whose balance returns to its start hides no break before or after it."""
    ledger.close(10)
    ledger.book("top-up", 100, days=8)
    ledger.close(8)
    ledger.book("top-up", 100, before=30, days=6)

    assert describe(ledger.reconcile()) == [
        "balance_chain_break:123456::302321:funds:NOK:2026-10-25 0 → 30, at risk 30, high"
    ]


def test_entries_of_one_moment_need_no_order(ledger):
    """Fees are retained and the payout scheduled in the same microsecond."""
    at = days_before_now(9)
    ledger.book("fees-retained", -30, at=at)
    ledger.book("payout-scheduled", -970, at=at)
    ledger.entries.reverse()

    assert describe(ledger.reconcile()) == []


def test_figures_of_a_period_are_those_of_its_ledger_days():
    """What was captured before midnight and booked after it has a line of its own."""
    ledger = Ledger()
    for reference, days in (("early", 31.4), ("edge", 30.6), ("inside", 20), ("late", 0.3)):
        ledger.pay(reference, 1000, days=days)
        ledger.book_events(reference)
    ledger.entries[1]["ledger_date"] = date(2026, 10, 2)
    result = ledger.reconcile(first=date(2026, 10, 2), last=date(2026, 10, 30))

    assert list_bridge(result) == {
        "captured_as_fetched": 4000,
        "moved_in_another_period": -3000,
        "other_days": 1000,
        "ledger": 2000,
    }
    assert sorted(list_buckets(result).values()) == [
        "ignored outside_period", "ignored outside_period", "matched", "matched"
    ]  # fmt: skip


def test_waived_payments_are_ignored(ledger):
    """A test order that the user listed is not reported by any leg."""
    ledger.pay("test-1", 500, days=9)
    ledger.close(2)
    waived = [(EXAMPLE_MSN, "test-1")]

    assert describe(ledger.reconcile(waived=waived)) == []
    assert list_bridge(ledger.reconcile(waived=waived))["waived"] == -500


def add_unit(ledger, msn="654321", currency="NOK"):
    """Add a payment of another sales unit, which has no entry on this ledger."""
    other = Ledger(msn=msn, currency=currency)
    other.pay("order-9", 800, refund=100, days=9)
    for name in ("orders", "payments", "events"):
        getattr(ledger, name).extend(getattr(other, name))
    ledger.orders[-1]["source_row"] = 9


def test_sales_unit_without_a_ledger_is_named(ledger):
    """Nothing is said about its captures, so the run is not clean, and the report names it."""
    add_unit(ledger)
    result = ledger.reconcile()

    assert describe(result) == []
    rows = result.bridge
    assert set(rows[rows["leg"] == "ledger"]["msn"]) == {EXAMPLE_MSN}
    assert result.manifest["units_without_ledger"] == [
        {"msn": "654321", "currency": "NOK", "rows": 2, "minor": 700}
    ]
    assert (result.verdict, result.exit_code) == ("discrepancies", 1)
    [notice] = [text for text in result.notices if "654321" in text]
    assert "has no entry of it, and it has 2 captures and refunds (together 7.00 NOK)" in notice
    assert "Sales unit 654321 was not compared with a ledger." in format_headline(
        result, get_figures(result)
    )


def test_leg_with_a_sales_unit_without_a_ledger_is_not_clean(ledger):
    """Its currency may have no entry at all, and is listed all the same."""
    add_unit(ledger, currency="DKK")
    add_unit(ledger, msn="654322")
    result = ledger.reconcile()
    read = result.polars_frame
    verdicts = compute_leg_verdicts(read("summary"), read("discrepancies"), result.manifest)

    assert [
        (each.currency, each.verdict, each.not_checked)
        for each in verdicts
        if each.leg == "payment_ledger"
    ] == [("DKK", "incomplete", 2), ("NOK", "incomplete", 2)]


def test_sales_unit_without_movements_in_the_period_needs_no_ledger(ledger):
    """What it captured in another period is compared there."""
    add_unit(ledger)
    result = ledger.reconcile(first=days_before_now(4).date())

    assert not result.manifest["units_without_ledger"]


def test_frames_of_two_engines_are_refused(ledger):
    """Frames are joined on one engine; a mixture would fail with the engine's own error."""
    import duckdb

    tables = ledger.tables()
    with pytest.raises(InputError, match="ledger_entries is a frame of duckdb"):
        reconcile(*tables[:4], as_of=NOW, ledger_entries=duckdb.from_arrow(tables[4]))


def test_many_sales_units_are_compared(ledger):
    """Each sales unit has days, a market and a time zone of its own, however many there are."""
    msns = [str(200_000 + number) for number in range(600)]
    for number, msn in enumerate(msns):
        ledger.book("correction", 7, days=5 + number % 9, msn=msn)
    units = tuple(
        SalesUnit(msn, market=market)
        for msn, market in zip(msns, ("NO", "SE", "DK", "FI") * 150, strict=True)
    )
    found = ledger.reconcile(units=units).discrepancies

    assert set(found[found["kind"] == "manual_correction"]["msn"]) == set(msns)
