"""The outcomes frame, its totals, its workbook and its page: one line for each row of the plan."""

from __future__ import annotations

import dataclasses
import random
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from tests.loaded_modules import list_loaded_modules
from tests.plans import make_plan, make_plan_row
from vippsrecon.bulk.aggregate import Aggregate
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import LIVE_OUTCOMES, RunResult
from vippsrecon.bulk.outcomes.columns import JOURNAL_OUTCOME_COLUMNS, RUN_OUTCOME_COLUMNS
from vippsrecon.bulk.outcomes.follow_up import (
    KINDS_WITHOUT_SHOP_UPDATE,
    choose_customer_notice,
    needs_shop_update,
)
from vippsrecon.bulk.outcomes.frame import (
    build_outcomes,
    compute_control_totals,
    sort_worst_first,
)
from vippsrecon.bulk.outcomes.from_journal import rebuild_run_result
from vippsrecon.bulk.outcomes.html import render_run
from vippsrecon.bulk.outcomes.workbook import write_outcomes
from vippsrecon.bulk.wording import describe_card_refunds
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import OutputError
from vippsrecon.schemas import OUTCOMES, validate
from vippsrecon.texts import use_language

BEFORE = Aggregate(100_000, 100_000, 0, 0)


def make_run_result(*row_specs, live=True, units=(), **changed) -> RunResult:
    """Return the result of a run with one row for each (outcome, changes of the row)."""
    rows = [make_plan_row(number, **row) for number, (_, row) in enumerate(row_specs, start=1)]
    results = tuple(
        RowResult(number, outcome, f"because of {outcome}", before=BEFORE)
        for number, (outcome, _) in enumerate(row_specs, start=1)
    )
    return RunResult(
        make_plan(*rows, **changed), live, results, "", "ola", "kari", (9, "f" * 64), units
    )


def test_live_run_and_journal_give_the_same_outcomes(make_account):
    """The journal alone gives the same outcomes, without any request to Vipps MobilePay."""
    account = make_account(4)
    plan = account.make_plan("refund", 100, 200, 300)
    rows = (
        *(row._replace(document_ref="CN-1", note="agreed", vat_minor=20) for row in plan.rows[:2]),
        plan.rows[2]._replace(reference="order-unknown"),
    )
    plan = dataclasses.replace(plan, rows=rows)
    account.approve(plan)
    carried = account.carry_out(plan)
    request_counts = account.simulator.requests()["requests"]

    again = rebuild_run_result(plan, account.store, carried.units)

    assert list(carried.outcomes["outcome"]) == ["done", "done", "refused"]
    pd.testing.assert_frame_equal(again.outcomes, carried.outcomes)
    assert (again.head, again.approver, again.carrier) == (
        carried.head,
        carried.approver,
        carried.carrier,
    )
    assert account.simulator.requests()["requests"] == request_counts


def test_outcomes_frame_fits_its_schema(make_account):
    """Every column is there.

    A done row shows its event, its booking day and its amounts before and after.
    """
    account = make_account(1)
    frame = account.carry_out(account.make_approved_plan("refund", 25_000)).outcomes

    validate(frame, OUTCOMES)
    row = frame.iloc[0]
    assert row["sentence"].startswith("Refunded 250.00 NOK: ")
    assert row["psp_reference"]
    assert row["event_at"].tzinfo is not None
    assert row["booking_date"] == date(2026, 1, 31)
    assert (row["refunded_before_minor"], row["refunded_after_minor"]) == (0, 25_000)
    assert (row["planner"], row["approver"]) == ("kari", "ola")
    assert len(row["idempotency_key"]) == 36


def test_an_empty_run_still_has_its_columns():
    """A run that stopped before its first row gives an empty frame, not an error."""
    carried = dataclasses.replace(make_run_result(("done", {})), results=())

    assert list(build_outcomes(carried).columns) == list(OUTCOMES.names)


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        pytest.param("2026-01-31T22:59:59Z", "Europe/Oslo", date(2026, 1, 31), id="Oslo, before"),
        pytest.param("2026-01-31T23:00:00Z", "Europe/Oslo", date(2026, 2, 1), id="Oslo, after"),
        pytest.param(
            "2026-01-31T22:00:00.1234567Z", "Europe/Helsinki", date(2026, 2, 1), id="Helsinki"
        ),
    ],
)
def test_outcome_is_booked_on_the_local_day(at, zone, day):
    """An operation just after midnight in Helsinki on 1 February is booked in February."""
    carried = make_run_result(("done", {}), units=(SalesUnit("123456", timezone=zone),))
    result = carried.results[0]._replace(event_at=at)

    assert build_outcomes(dataclasses.replace(carried, results=(result,)))["booking_date"][0] == day


@pytest.mark.parametrize(
    ("verb", "outcome", "document", "needed"),
    [
        pytest.param("refund", "done", "", True, id="refunded without a document"),
        pytest.param("refund", "already_done", "", True, id="found refunded"),
        pytest.param("refund", "done", "CN-7", False, id="with its credit note"),
        pytest.param("refund", "unknown", "", False, id="not known"),
        pytest.param("capture", "done", "", False, id="a capture gives nothing back"),
    ],
)
def test_refund_without_document_needs_a_credit_note(verb, outcome, document, needed):
    """If captured money is given back without a document, the accounts need a credit note."""
    captured = {} if verb == "refund" else {"captured_minor": 0}
    carried = make_run_result((outcome, {"document_ref": document, **captured}), verb=verb)

    assert build_outcomes(carried)["credit_note_needed"][0] == needed


@pytest.mark.parametrize(
    ("kinds", "outcome", "news"),
    [
        pytest.param("", "done", True, id="from a list"),
        pytest.param("refund_missing_at_vipps", "done", False, id="the shop states refunded"),
        pytest.param("over_captured", "done", False, id="the shop's total was right"),
        pytest.param("cancelled_but_captured", "done", True, id="cancelled, money given back now"),
        pytest.param("under_captured", "already_done", True, id="captured"),
        pytest.param("over_captured under_captured", "done", True, id="one of two is news"),
        pytest.param("", "refused", False, id="nothing was done"),
        pytest.param("", "would_do", False, id="nothing was done yet"),
    ],
)
def test_shop_is_updated_only_if_it_does_not_know_the_refund(kinds, outcome, news):
    """Some refunds must not be entered in the shop too.

    The next report would ask for them again.
    """
    ids = " ".join(f"{kind}:123456:order-000001" for kind in kinds.split()) or None

    assert needs_shop_update(make_plan_row(discrepancy_id=ids), outcome) is news


def test_codes_without_shop_update_exist():
    """A misspelled code would never match a discrepancy."""
    from vippsrecon.reconciliation import DISCREPANCY_KINDS

    assert set(DISCREPANCY_KINDS) >= KINDS_WITHOUT_SHOP_UPDATE


@pytest.mark.parametrize(
    ("market", "currency", "account_text"),
    [
        pytest.param("NO", "NOK", "the card used for the payment", id="Norway"),
        pytest.param(None, "SEK", "the card used for the payment", id="Sweden by its currency"),
        pytest.param("DK", "DKK", "may be another account", id="Denmark"),
        pytest.param(None, "EUR", "may be another account", id="Finland by its currency"),
        pytest.param(None, "USD", "back to the customer", id="unknown market"),
    ],
)
def test_customer_notice_depends_on_the_market(market, currency, account_text):
    """In Denmark and Finland the money may go to another account than the customer paid from."""
    notice = choose_customer_notice(
        "refund", make_plan_row(currency=currency), "done", SalesUnit("123456", market=market)
    )

    assert account_text in notice
    assert "2 to 3 bank days, at the latest after 10" in notice


@pytest.mark.parametrize("language", ["en", "nb", "da", "sv", "fi"])
def test_a_run_says_what_to_do_about_a_card_that_is_no_longer_valid(mixed, language):
    """In Norway and Sweden the merchant must contact that customer."""
    with use_language(language):
        notice = describe_card_refunds("refund", ["NOK"])
        assert notice
        assert describe_card_refunds("refund", ["EUR"]) == ""
    if language == "en":
        assert notice in render_run(mixed)


def test_no_customer_notice_before_the_refund_is_done():
    """A refund that was refused gives no notice to the customer."""
    unit = SalesUnit("123456")

    assert choose_customer_notice("refund", make_plan_row(), "refused", unit) == ""
    assert choose_customer_notice("capture", make_plan_row(), "done", unit) == ""


@given(
    row_specs=st.lists(
        st.tuples(
            st.sampled_from(LIVE_OUTCOMES),
            st.sampled_from(["NOK", "DKK", "EUR"]),
            st.integers(1, 100_000),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_control_totals_always_agree(row_specs):
    """Planned = done + already done + refused + skipped + unknown, both in rows and in amounts."""
    carried = make_run_result(
        *((outcome, {"currency": c, "amount_minor": amount}) for outcome, c, amount in row_specs)
    )

    totals = compute_control_totals(carried.plan, carried.results)

    assert all(total.agrees for total in totals)
    assert {total.currency: total.planned[1] for total in totals} == carried.plan.totals
    assert sum(total.planned[0] for total in totals) == carried.plan.count


def test_a_missing_result_shows_in_the_control_total():
    """The check must fail when a result is missing; otherwise it proves nothing."""
    carried = make_run_result(("done", {}), ("done", {}))

    assert not compute_control_totals(carried.plan, carried.results[:1])[0].agrees


def test_rows_of_one_outcome_keep_the_plan_order():
    """Rows with the same outcome keep the plan's order, whatever order they arrived in."""
    results = list(
        make_run_result(*((o, {}) for o in ("done", "refused", "unknown", "done"))).results
    )
    random.Random(3).shuffle(results)

    assert [result.row for result in sort_worst_first(results)] == [3, 2, 1, 4]


@pytest.fixture
def mixed() -> RunResult:
    """Return a run with every outcome, two currencies, and texts that look like formulas."""
    return make_run_result(
        ("done", {"order_number": "=1+1"}),
        ("already_done", {"currency": "DKK", "note": "@SUM(A1)"}),
        ("refused", {"note": "+47 900 00 000", "amount_minor": 995}),
        ("skipped", {"document_ref": "-12"}),
        ("unknown", {"order_number": "<r>forged</r>"}),
        units=(SalesUnit("123456", market="DK"),),
    )


def test_workbook_equals_the_frame(mixed, tmp_path):
    """Amounts are exact to the øre and texts stay texts.

    The worst outcomes come first, and control totals agree.
    """
    book = load_workbook(write_outcomes(mixed, tmp_path / "o.xlsx"), data_only=True)
    sheet = list(book["Outcomes"].iter_rows(min_row=4, values_only=True))
    place = {header: i for i, header in enumerate(sheet[0])}
    rows = sheet[1:]

    assert [row[place["Outcome"]] for row in rows] == [
        "unknown",
        "refused",
        "skipped",
        "already_done",
        "done",
    ]
    assert Decimal(str(rows[1][place["Amount"]])) == Decimal("9.95")
    assert {row[place["Order"]] for row in rows} >= {"=1+1", "<r>forged</r>"}
    checks = [c.value for row in book["Summary"].iter_rows() for c in row if c.value == "OK"]
    assert len(checks) == 4
    summary_values = {c.value for row in book["Summary"].iter_rows() for c in row}
    assert f"9:{'f' * 64}" in summary_values


def test_text_is_never_written_as_a_formula(mixed, tmp_path):
    """An order number that begins with = comes from outside and must stay a text."""
    book = load_workbook(write_outcomes(mixed, tmp_path / "o.xlsx"))
    place = [cell.value for cell in book["Outcomes"][4]].index("Order")

    formulas = [c for row in book["Outcomes"].iter_rows() for c in row if c.data_type == "f"]
    assert formulas == []
    assert "=1+1" in [row[place].value for row in book["Outcomes"].iter_rows(min_row=5)]
    assert [c for row in book["Summary"].iter_rows() for c in row if c.data_type == "f"]


def test_the_same_run_gives_the_same_bytes(mixed, tmp_path):
    """Two reports of one run must be equal, so that they can be compared."""
    first_workbook = write_outcomes(mixed, tmp_path / "a.xlsx").read_bytes()

    assert write_outcomes(mixed, tmp_path / "b.xlsx").read_bytes() == first_workbook


def test_an_earlier_workbook_is_kept(mixed, tmp_path):
    """Somebody may have written notes into the earlier workbook."""
    path = write_outcomes(mixed, tmp_path / "o.xlsx")
    first = path.read_bytes()
    write_outcomes(dataclasses.replace(mixed, live=False), path)

    assert (tmp_path / "o.before-1.xlsx").read_bytes() == first


@pytest.mark.parametrize("name", ["outcomes.csv", "gone/outcomes.xlsx", "taken.xlsx"])
def test_file_that_is_not_our_workbook_is_not_replaced(mixed, tmp_path, name):
    """A file that is not a workbook of this package is not replaced."""
    (tmp_path / "taken.xlsx").write_text("reference,amount\n", encoding="utf-8")

    with pytest.raises(OutputError):
        write_outcomes(mixed, tmp_path / name)
    assert (tmp_path / "taken.xlsx").read_text(encoding="utf-8") == "reference,amount\n"


def test_every_column_is_on_the_sheet_or_the_cover():
    """No information about a row may be missing from the auditor's workbook."""
    on_sheet = {column.name for column in RUN_OUTCOME_COLUMNS}

    assert set(OUTCOMES.names) - on_sheet == {"plan_id", "verb"}


def test_run_and_journal_show_a_column_in_the_same_way():
    """A reader who knows one workbook finds a column of the other under the same heading."""
    run = {column.name: column for column in RUN_OUTCOME_COLUMNS}
    shared = [column for column in JOURNAL_OUTCOME_COLUMNS if column.name in run]

    assert len(shared) == 28
    for column in shared:
        same = run[column.name]
        assert (column.header, column.kind, column.width) == (same.header, same.kind, same.width)


def test_html_is_escaped_and_counts_rows(mixed):
    """A reference from outside must not become HTML in a notebook."""
    shown = render_run(mixed)

    assert "<r>forged" not in shown
    assert "&lt;r&gt;forged" in shown
    assert "2 of 5 refunds done" in shown
    assert mixed._repr_html_() == shown


def test_html_of_a_dry_run_states_that_nothing_was_sent(make_account):
    """Nobody must mistake a dry run for a live run."""
    from vippsrecon.bulk.execution.carry_out import carry_out

    account = make_account(2)
    carried = carry_out(account.make_plan("refund", 100, 200), account.client)

    assert "Dry run: 2 of 2 refunds would be sent. Nothing was sent" in carried._repr_html_()
    assert "not approved" in carried._repr_html_()


def test_carry_out_loads_no_frame_library():
    """A restart must be quick, so the frame libraries are loaded only when a frame is needed."""
    loaded = list_loaded_modules("import vippsrecon.bulk.execution.carry_out")

    assert not loaded & {"pandas", "polars", "pandera", "narwhals"}
