"""Plans from a report follow people's decisions, and contain nothing that the rules forbid."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, Phase, given
from openpyxl import load_workbook

from tests.hypothesis_sizes import draw_examples
from tests.reconciliation.example_batch import reconcile_examples
from tests.reconciliation.random_frames import random_rows
from vippsrecon.api import Client
from vippsrecon.bulk.plan.make import NothingToPlanError, plan_cancels, plan_captures, plan_refunds
from vippsrecon.bulk.plan.rules import check_plan
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError, InputError, PlanError, SourceError
from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.codes import MANUAL_FLAGS, get_code
from vippsrecon.reconciliation.example_rows import NOW
from vippsrecon.report import write_workbook
from vippsrecon.report.detail import ReportDetail
from vippsrecon.scenario import write_month
from vippsrecon.simulator import Simulator, serve
from vippsrecon.store import Draft, acquire, commit_entries, open_store, record_plan
from vippsrecon.workflow.reconcile_month import reconcile_month

MSN = "123456"
PLANS = {"refund": plan_refunds, "cancel": plan_cancels, "capture": plan_captures}
UNITS = (SalesUnit("123456", market="NO"), SalesUnit("654321", market="DK", capture="at_once"))


def settings_for(folder, url="http://127.0.0.1:9", **changed):
    """Return settings for the merchant of the month."""
    arguments = {
        "environment": "simulator",
        "base_url": url,
        "client_id": f"scenario-client-{MSN}",
        "client_secret": f"scenario-secret-{MSN}",
        "subscription_key": f"scenario-subscription-{MSN}",
        "msn": MSN,
        "units": (SalesUnit(MSN, market="NO"),),
    }
    return load_settings(folder=folder, **(arguments | changed))


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """Return a folder with a month's report, and the reconciliation. No test changes them."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder, payments=300, seed=7)
    with (
        serve(Simulator.from_file(folder / "simulator.jsonl")) as url,
        Client(settings_for(folder, url)) as client,
    ):
        reconciliation = reconcile_month([folder / "orders.csv"], client.settings, client=client)
    for detail in get_args(ReportDetail):
        write_workbook(reconciliation, folder / f"{detail}.xlsx", detail=detail)
    return folder, reconciliation


@pytest.fixture(params=get_args(ReportDetail))
def report(request, month, tmp_path):
    """Return a copy of the report that a test may change: with all sheets, or of findings."""
    return shutil.copy(month[0] / f"{request.param}.xlsx", tmp_path / "report.xlsx")


@pytest.fixture
def later(month, tmp_path):
    """Return a client and the month's simulator, for changes made after the report."""
    simulator = Simulator.from_file(month[0] / "simulator.jsonl")
    with serve(simulator) as url, Client(settings_for(tmp_path, url)) as client:
        yield client, simulator


@pytest.fixture
def offline(month, tmp_path):
    """Return the settings, and the time right after the report was made."""
    fetched_at = datetime.fromisoformat(month[1].manifest["fetched_at"])
    return {"settings": settings_for(tmp_path), "now": fetched_at + timedelta(minutes=5)}


def worked_in(path, work):
    """Let `work(rows)` change the sheet as a person would. Each row holds its cells by heading."""
    book = load_workbook(path)
    sheet = book["Discrepancies"]
    head = next(
        n for n, row in enumerate(sheet.iter_rows(values_only=True), 1) if "discrepancy_id" in row
    )
    titles = [cell.value for cell in sheet[head]]
    rows = [
        dict(zip(titles, row, strict=True))
        for row in sheet.iter_rows(min_row=head + 1)
        if row[titles.index("discrepancy_id")].value
    ]
    work(rows)
    book.save(path)


def proposed(reconciliation, verb):
    """Return the proposals as {reference: amount}."""
    rows = reconciliation.discrepancies[
        reconciliation.discrepancies["proposal"].eq(verb).fillna(False)
    ]
    return rows.groupby("reference")["proposal_minor"].sum().to_dict()


def amounts(plan):
    """Return a plan's rows as {reference: amount}."""
    return {row.reference: row.amount_minor for row in plan.rows}


@pytest.mark.parametrize("verb", sorted(PLANS))
def test_report_without_decisions_plans_every_proposal(month, report, offline, verb):
    """The plan has one row per payment, with its discrepancy, order and totals."""
    plan = PLANS[verb](report, **offline)
    assert amounts(plan) == proposed(month[1], verb)
    assert plan.refused == ()
    discrepancies = month[1].discrepancies.set_index("discrepancy_id")
    payments = month[1].payments.set_index("reference")
    for row in plan.rows:
        assert discrepancies.loc[row.discrepancy_id.split(), "reference"].eq(row.reference).all()
        assert row.order_number == discrepancies.loc[row.discrepancy_id.split()[0], "order_number"]
        assert row.captured_minor == payments.loc[row.reference, "captured_minor"]
    assert plan.source[:2] == ("report", "report.xlsx")
    assert plan.source.fetched_at <= month[1].manifest["fetched_at"]


@pytest.mark.parametrize("verb", sorted(PLANS))
def test_result_frames_and_workbook_give_the_same_plan(month, report, offline, verb):
    """A Reconciliation, its frames and its workbook give the same plan."""
    reconciliation = month[1]
    plans = [
        PLANS[verb](reconciliation, **offline),
        PLANS[verb](reconciliation.discrepancies, payments=reconciliation.payments, **offline),
        PLANS[verb](report, **offline),
    ]
    assert plans[0].rows == plans[1].rows == plans[2].rows


def test_planning_from_discrepancies_requires_payments(month, offline):
    """Without payments, a later change of a payment could not be detected."""
    with pytest.raises(InputError, match="payments="):
        plan_refunds(month[1].discrepancies, **offline)


def test_only_selects_codes_and_discrepancies(month, offline):
    """`only` selects by code or by discrepancy."""
    plan = plan_refunds(month[1], only="over_captured", **offline)
    assert {row.reason for row in plan.rows} == {"excess_capture"}
    discrepancy_id = plan.rows[0].discrepancy_id
    assert plan_refunds(month[1], only=[discrepancy_id], **offline).count == 1


def test_only_decided_rows_are_planned_if_any_is_decided(month, report, offline):
    """If any row has a decision, only rows with a decision are planned, with their notes."""
    chosen = []

    def work(rows):
        refunds = [row for row in rows if row["Proposed"].value == "refund"]
        for row, decision in zip(refunds, ("refund", " Refund ", "waive", "accept"), strict=False):
            row["Decision"].value = decision
            row["Note"].value = "agreed\nby phone"
            chosen.append(row["Reference"].value)

    worked_in(report, work)
    plan = plan_refunds(report, **offline)
    assert list(amounts(plan)) == chosen[:2]
    assert {row.note for row in plan.rows} == {"agreed by phone"}
    assert plan.refused == ()
    notes = " ".join(plan.notes)
    assert "'waive'" in notes
    assert "'accept'" in notes
    assert "without a decision" in notes


def test_decision_without_a_proposal_is_refused(month, report, offline):
    """A decision on a row that has no proposal is refused, and the message names the next step."""
    decided = {}

    def work(rows):
        for row in rows:
            if not row["Proposed"].value:
                decided[row["Code"].value] = row["Next step"].value
            row["Decision"].value = "refund"

    worked_in(report, work)
    plan = plan_refunds(report, **offline)
    assert amounts(plan) == proposed(month[1], "refund")
    never = {"duplicate_payment", "missing_in_orders", "captured_not_fulfilled"}
    never |= {"refund_missing_in_shop", "currency_mismatch", "aggregate_mismatch"}
    never |= {"paid_twice", "payment_not_recorded"}
    assert never <= decided.keys(), "the month has each of them"
    reasons = " ".join(reject.reason for reject in plan.refused)
    for kind in never:
        assert f"nothing can be proposed for this {kind}. {decided[kind]}" in reasons
    assert "only a cancel can be planned" in reasons
    assert all(reject.column == "Decision" for reject in plan.refused)


def test_sorted_report_gives_the_same_plan(month, report, offline):
    """Sorting the whole sheet changes only the order of rows, so the report is still valid."""

    def work(rows):
        values = [[cell.value for cell in row.values()] for row in rows]
        for row, new in zip(rows, reversed(values), strict=True):
            for cell, value in zip(row.values(), new, strict=True):
                cell.value = value

    worked_in(report, work)
    assert amounts(plan_refunds(report, **offline)) == proposed(month[1], "refund")


def test_a_shifted_or_changed_row_is_refused(month, report, offline):
    """A column sorted without the others would refund one customer another's money."""
    touched, untouched = [], set()

    def work(rows):
        refunds = (row for row in rows if row["Proposed"].value == "refund")
        for heading in ("Reference", "Proposed amount", "Actual"):
            first, second = next(refunds), next(refunds)
            values = second[heading].value, first[heading].value
            assert values[0] != values[1], heading
            first[heading].value, second[heading].value = values
            touched.extend([first[heading].row, second[heading].row])
        for heading, other in (
            ("Sales unit", "654321"),
            ("Proposed", "cancel"),
            ("Currency", "EUR"),
        ):
            changed = next(refunds)
            changed[heading].value = other
            touched.append(changed[heading].row)
        untouched.update(row["Reference"].value for row in refunds)

    worked_in(report, work)
    plan = plan_refunds(report, **offline)
    assert [reject.source_row for reject in plan.refused] == touched
    assert all("changed or shifted" in reject.reason for reject in plan.refused)
    assert amounts(plan).keys() == untouched != set()


def test_copied_report_row_is_refused(month, report, offline):
    """A row that is in the report twice would move the money twice."""

    def work(rows):
        mine = [row for row in rows if row["Proposed"].value == "refund"]
        other = next(row for row in rows if row["Proposed"].value is None)
        for title, cell in mine[0].items():
            other[title].value = cell.value

    worked_in(report, work)
    plan = plan_refunds(report, **offline)
    assert ["more than once" in reject.reason for reject in plan.refused] == [True, True]
    assert plan.count == len(proposed(month[1], "refund")) - 1


def test_later_refund_reduces_the_planned_amount(month, report, later):
    """A part refunded in the portal is not refunded again; the plan names the operation."""
    client, _ = later
    reference, amount = next(iter(proposed(month[1], "refund").items()))
    client.refund(reference, 100, "NOK", idempotency_key="portal-1")
    plan = plan_refunds(report, client=client)
    assert amounts(plan)[reference] == amount - 100
    assert amounts(plan) == proposed(month[1], "refund") | {reference: amount - 100}
    [note] = [note for note in plan.notes if reference in note]
    assert "because since the report 1.00 NOK was refunded at " in note


def test_payment_refunded_after_the_report_is_not_planned(month, report, later):
    """The amount was already refunded in the portal in two parts. The message names both."""
    client, _ = later
    reference, amount = next(iter(proposed(month[1], "refund").items()))
    for number, part in enumerate((100, amount - 100)):
        client.refund(reference, part, "NOK", idempotency_key=f"portal-{number}")
    plan = plan_refunds(report, client=client)
    assert reference not in amounts(plan)
    [refused] = plan.refused
    assert refused.value == reference
    assert refused.reason.startswith("nothing is left to refund since the report: ")
    assert refused.reason.count(" was refunded at ") == 2


def test_payment_captured_after_the_report_is_not_planned(month, report, later):
    """The shop captured the rest itself, so it is not captured again."""
    client, _ = later
    reference, amount = next(iter(proposed(month[1], "capture").items()))
    client.capture(reference, amount, "NOK", idempotency_key="shop-1")
    plan = plan_captures(report, client=client)
    assert reference not in amounts(plan)
    [refused] = plan.refused
    assert refused.reason.startswith("nothing is left to capture since the report: ")


def test_reservation_captured_after_the_report_is_not_cancelled(month, report, later):
    """If a part was captured after the report, the shop may still need the rest."""
    client, _ = later
    reference = next(iter(proposed(month[1], "cancel")))
    client.capture(reference, 100, "NOK", idempotency_key="shop-1")
    plan = plan_cancels(report, client=client)
    assert reference not in amounts(plan)
    [refused] = plan.refused
    assert "captured was" in refused.reason


def test_old_report_is_refused(report, later):
    """The age of a report is measured in server time.

    The limit is three days, or the configured value.
    """
    client, simulator = later
    plan_refunds(report, client=client)
    simulator.advance(73 * 3600)
    with pytest.raises(PlanError, match=r"73 hours ago, and 72 are allowed"):
        plan_refunds(report, client=client)


def test_report_age_is_not_checked_without_requests(month, later):
    """Without requests there is no API call, so the age of the report is not checked."""
    client, _ = later
    with pytest.raises(NothingToPlanError, match="No captures to plan"):
        plan_captures(month[1], only="over_refunded", client=client)


def test_report_age_limit_is_a_setting(report, tmp_path, offline):
    """The limit is max_report_age_hours under [limits]."""
    (tmp_path / "vippsrecon.toml").write_text("[limits]\nmax_report_age_hours = 0.05\n")
    arguments = offline | {"settings": settings_for(tmp_path)}
    with pytest.raises(PlanError, match=r"0\.05 are allowed"):
        plan_refunds(report, **arguments)


def test_report_of_another_environment_is_refused(report, offline, tmp_path):
    """A report of the test environment has no information about production."""
    changed = {"environment": "test", "base_url": None}
    with pytest.raises(PlanError, match="the report is of simulator"):
        plan_refunds(report, **offline | {"settings": settings_for(tmp_path, **changed)})


@pytest.mark.parametrize("as_workbook", [False, True])
def test_report_made_without_keys_is_refused(month, offline, tmp_path, as_workbook):
    """Settlement files show nothing of reservations and later refunds, so keys now do not help."""
    result = month[1].with_changes(manifest=month[1].manifest | {"environment": "files"})
    source = write_workbook(result, tmp_path / "files.xlsx") if as_workbook else result
    bare = load_settings(folder=tmp_path, offline=True)
    for settings in (offline["settings"], bare):
        with pytest.raises(PlanError, match=r"made without keys.* run reconcile again"):
            plan_refunds(source, **offline | {"settings": settings})


def test_missing_environment_is_refused(month, tmp_path, offline):
    """A plan is for one environment, and it is never guessed."""
    bare = load_settings(folder=tmp_path, offline=True)
    with pytest.raises(ConfigurationError, match="VIPPS_ENVIRONMENT"):
        plan_refunds(month[1], **offline | {"settings": bare})


def _journal(store, reference, kind, at, *, verb="refund", environment="simulator"):
    plan_id = "11111111-1111-4111-8111-111111111111"
    detail = {"planner": "kari", "totals": {"NOK": 1}, "count": 1}
    record_plan(store, plan_id, "d" * 64, environment, verb, at, detail)
    lock = acquire(store, plan_id, holder="test", host="desk", pid=1, started="1")
    drafts = [
        Draft(draft_kind, 1, MSN, reference, "NOK", 1, "key", {}, (), at)
        for draft_kind in ("intended", kind)
    ]
    commit_entries(store, lock, drafts)


@pytest.mark.parametrize(
    ("kind", "minutes", "changed", "planned"),
    [
        pytest.param("done", 1, {}, False, id="done since"),
        pytest.param("already_done", 1, {}, False, id="found done since"),
        pytest.param("unknown", 1, {}, False, id="unknown since"),
        pytest.param("unknown", -600, {}, False, id="unknown before"),
        pytest.param("done", -600, {}, True, id="done before"),
        pytest.param("refused", 1, {}, True, id="refused since"),
        pytest.param("done", 1, {"verb": "capture"}, True, id="another verb"),
        pytest.param("done", 1, {"environment": "test"}, True, id="another environment"),
    ],
)
def test_operation_of_another_plan_makes_the_report_outdated(
    month, report, offline, tmp_path, kind, minutes, changed, planned
):
    """An operation after the report makes the report's figures out of date."""
    reference = next(iter(proposed(month[1], "refund")))
    moment = month[1].payments["fetched_at"].max() + timedelta(minutes=minutes)
    at = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with open_store(f"sqlite:///{tmp_path / 'work.db'}") as store:
        _journal(store, reference, kind, at, **changed)
        plan = plan_refunds(report, store=store, **offline)
    assert (reference in amounts(plan)) is planned
    assert len(plan.refused) == (not planned)
    if not planned:
        assert "which the report had not seen" in plan.refused[0].reason


@pytest.mark.parametrize("content", [b"PK\x03\x04 no workbook", b"reference,amount\n"])
def test_file_that_is_not_a_report_is_refused(tmp_path, offline, content):
    """A file that is not a report is rejected with its name."""
    path = tmp_path / "report.xlsx"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"report\.xlsx"):
        plan_refunds(path, **offline)


WORKED_CASES = {
    "5 excess given back already": ({"A": 1200, "C": 1200, "R": 200}, {}),
    "6 partly given back": ({"A": 1200, "C": 1200, "R": 50}, {"refund": 150}),
    "7 both, in one row": ({"Or": 300, "A": 1100, "C": 1100}, {"refund": 400}),
    "4 under-captured, no cancel": ({"C": 400}, {"capture": 600}),
    "8 edited down before capture": ({"O": 800, "C": 800}, {"cancel": 200}),
    "8 edited down after capture": ({"O": 800}, {"refund": 200}),
    "fulfilled, not captured": ({"C": 0}, {"capture": 1000}),
    "21 status unknown": ({"C": 0, "status": "unknown"}, {}),
    "2 part shipped": ({"C": 400, "status": "partial"}, {}),
    "11 cancelled, reserved": ({"C": 0, "status": "cancelled", "O": 1000}, {"cancel": 1000}),
    "14 cancelled, not refunded": ({"status": "cancelled", "Or": 1000}, {"refund": 1000}),
    "30 express freight": ({"O": 1000, "A": 1099, "C": 1099, "amount": 1000}, {}),
    "split tender": ({"O": 800, "split_tender": True}, {}),
    "amounts as fetched": ({"O": 800, "with_events": False}, {}),
    "window passed": ({"O": 800, "authorized_days_ago": 400, "captured_days_ago": 390}, {}),
    "25 past the deadline": ({"C": 0, "authorized_days_ago": 181}, {}),
    "27 captured twice": ({"captures": (500, 500), "O": 500}, {"refund": 500}),
    "no order": ({"O": None}, {}),
}


@pytest.fixture(scope="module")
def worked_cases():
    """Reconcile the cases of the rules together, because one call costs as much as many cases."""
    results = reconcile_examples([case for case, _ in WORKED_CASES.values()])
    return dict(zip(WORKED_CASES, results, strict=True))


@pytest.mark.parametrize("name", WORKED_CASES)
def test_proposals_of_the_worked_cases_are_planned(tmp_path, worked_cases, name):
    """Each code has its proposals, and some have none."""
    reconciliation, (_, planned) = worked_cases[name], WORKED_CASES[name]
    arguments = {"settings": settings_for(tmp_path), "now": NOW, "planner": "kari"}
    for verb, plan_of in PLANS.items():
        if verb in planned:
            plan = plan_of(reconciliation, **arguments)
            assert [row.amount_minor for row in plan.rows] == [planned[verb]]
        else:
            with pytest.raises(NothingToPlanError):
                plan_of(reconciliation, **arguments)


def test_two_discrepancies_of_one_payment_give_one_row(tmp_path, worked_cases):
    """The row corrects both discrepancies, and the larger one gives the reason."""
    reconciliation = worked_cases["7 both, in one row"]
    plan = plan_refunds(reconciliation, settings=settings_for(tmp_path), now=NOW)
    [row] = plan.rows
    assert sorted(row.discrepancy_id.split()) == [
        f"over_captured:{row.msn}:order-0001",
        f"refund_missing_at_vipps:{row.msn}:order-0001",
    ]
    assert row.reason == "return"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"proposal_minor": 201}, "justify at most 2.00 NOK", id="grown"),
        pytest.param({"kind": "duplicate_payment"}, "never planned from a report", id="kind"),
        *(pytest.param({"flags": flag}, flag, id=flag) for flag in MANUAL_FLAGS),
    ],
)
def test_changed_frame_cannot_break_the_rules(tmp_path, worked_cases, changed, reason):
    """The rules hold for any frame."""
    reconciliation = worked_cases["8 edited down after capture"]
    rows = reconciliation.discrepancies.assign(**changed)
    arguments = {"settings": settings_for(tmp_path), "now": NOW}
    with pytest.raises(NothingToPlanError) as met:
        plan_refunds(rows, payments=reconciliation.payments, **arguments)
    assert reason in met.value.refused[0].reason


def test_contradictory_payment_is_not_planned(tmp_path, worked_cases):
    """If events and totals contradict each other, nothing is planned."""
    reconciliation = worked_cases["8 edited down after capture"]
    mismatch = reconciliation.discrepancies.assign(kind="aggregate_mismatch", proposal=None)
    mismatch["discrepancy_id"] = [f"aggregate_mismatch:{msn}:order-0001" for msn in mismatch["msn"]]
    import pandas as pd

    rows = pd.concat(
        [reconciliation.discrepancies, mismatch.astype(reconciliation.discrepancies.dtypes)]
    )
    with pytest.raises(NothingToPlanError) as met:
        plan_refunds(
            rows, payments=reconciliation.payments, settings=settings_for(tmp_path), now=NOW
        )
    assert "contradict" in met.value.refused[0].reason


@draw_examples(
    3,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(random_rows(least=20, most=40))
def test_planned_amounts_never_exceed_what_is_owed(tmp_path_factory, rows):
    """For random frames, planned amounts fit the payment's totals and the order."""
    reconciliation = reconcile(*rows.frames(), units=UNITS, as_of=NOW)
    orders = {}
    for order in rows.orders:
        orders.setdefault((order["msn"], order["reference"]), []).append(order)
    arguments = {
        "settings": settings_for(tmp_path_factory.getbasetemp(), units=UNITS),
        "now": NOW + timedelta(hours=1),
    }
    for verb, plan_of in PLANS.items():
        try:
            plan = plan_of(reconciliation, **arguments)
        except NothingToPlanError:
            continue
        check_plan(plan)
        assert len({(row.msn, row.reference) for row in plan.rows}) == plan.count
        for row in plan.rows:
            codes = {text.split(":")[0] for text in row.discrepancy_id.split()}
            assert {get_code(code).proposes for code in codes} == {verb}
            mine = orders.get((row.msn, row.reference), [])
            if verb == "refund" and len(mine) == 1:
                [order] = mine
                total, given_back = order["total_minor"], order["refunded_minor"] or 0
                keeps = 0 if order["status"] == "cancelled" else total - given_back
                events = _sums(rows, row, order)
                assert row.amount_minor <= max(0, events["CAPTURED"] - events["REFUNDED"] - keeps)
            if verb == "capture":
                assert {order["status"] for order in mine} <= {"fulfilled"}


def _sums(rows, row, order):
    """Return the successful events up to the cut-off time."""
    sums = {"CAPTURED": 0, "REFUNDED": 0}
    moment = min(NOW, order["exported_at"])
    for event in rows.events:
        mine = (event["msn"], event["reference"]) == (row.msn, row.reference)
        if mine and event["success"] and event["event_at"] <= moment and event["name"] in sums:
            sums[event["name"]] += event["amount_minor"]
    return sums
