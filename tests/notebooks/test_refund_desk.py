"""The refund desk, operated without a browser: what it does, and everything it must refuse.

All tests share an invented month in the simulator; each has rows and a database of its own.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from urllib.request import urlopen

import polars as pl
import pytest

pytest.importorskip("ipywidgets", reason="ipywidgets comes with the extra `dev`")

from tests.notebooks.desk_steps import (
    choose,
    confirm_and_send,
    list_names,
    list_rows,
    list_shown,
)
from tests.notebooks.notebook_files import SMALL
from tests.texts.english import list_english_phrases
from vippsrecon import (
    Client,
    approve,
    open_month,
    open_store,
    read_plan,
    reconcile_month,
    refund_desk,
    write_plan,
)
from vippsrecon.bulk.limits import Limits
from vippsrecon.errors import InputError, PlanError
from vippsrecon.notebook.desk.choice import format_typed, list_findings

PLANNER = "Kari Nordmann"


@pytest.fixture(scope="module")
def month():
    """Return an invented month in the simulator."""
    with open_month(payments=SMALL) as opened:
        yield opened


@pytest.fixture(scope="module")
def result(month):
    """Return the month, reconciled."""
    return reconcile_month(month.order_files, month.settings, client=month.client)


@pytest.fixture(scope="module")
def unused(result):
    """Return an iterator over the proposed refunds, one of each payment, so that no test shares one."""
    by_payment = {}
    for finding in list_findings(result):
        if finding.proposed_minor is not None:
            by_payment.setdefault(finding.reference, []).append(finding)
    return iter([same[0] for same in by_payment.values() if len(same) == 1])


@pytest.fixture
def open_desk(month, result, tmp_path):
    """Return a function that opens a desk over a database of this test."""
    with open_store(f"sqlite:///{tmp_path / 'work.db'}") as store:
        clients = []

        def open_with(reconciliation=result, verb="refund", **limits):
            settings = replace(
                month.settings, limits=limits, database_url=f"sqlite:///{tmp_path / 'work.db'}"
            )
            clients.append(Client(settings))
            desk = refund_desk(
                reconciliation,
                clients[-1],
                store,
                planner=PLANNER,
                plan_file=tmp_path / "plan.json",
                folder=month.folder,
                verb=verb,
            )
            return desk, store

        yield open_with
        for client in clients:
            client.close()


def approve_as(name, desk, store, month, **options):
    """Approve in the session of another person."""
    return approve(
        desk.plan, store, approver=name, os_account=name.lower(), now=month.client.now(), **options
    )


def count_refunds(month, verb="refund"):
    """Return reference to (number, sum) of the refunds, or others, that took effect."""
    with urlopen(f"{month.settings.base_url}/_simulator/requests") as answer:
        payments = json.load(answer)["payments"]
    return {
        reference: (operations[verb]["count"], operations[verb]["sum"])
        for unit in payments.values()
        for reference, operations in unit.items()
        if verb in operations
    }


def test_chosen_refunds_are_made_once(open_desk, month, unused):
    """Filter, choose, change an amount, check, another person approves, confirm, outcomes."""
    first, second = next(unused), next(unused)
    desk, store = open_desk()
    assert choose(desk, first) == ""
    assert choose(desk, second, "1,50") == ""
    before = count_refunds(month)

    desk.make_plan.click()
    rows = {row.reference: row for row in desk.plan.rows}
    assert rows[first.reference].amount_minor == first.proposed_minor
    assert rows[second.reference].amount_minor == 150
    assert "were proposed; the planner changed the amount" in rows[second.reference].note
    shown = list_shown(desk)
    assert "2 of 2 refunds would be sent" in shown
    assert f"vippsrecon approve {desk._case.plan_file}" in shown
    assert desk.step == "approve"

    approve_as("Ola Hansen", desk, store, month)
    desk.look.click()
    assert "Approved by Ola Hansen" in desk.message
    assert count_refunds(month) == before
    confirm_and_send(desk)
    assert desk.step == "outcomes", desk.message
    assert desk.run.counts["done"] == 2
    made = {first.reference: (1, first.proposed_minor), second.reference: (1, 150)}
    assert count_refunds(month) == before | made

    for button in (desk.send, desk.look, desk.make_plan, desk.open_plan):
        button.click()
    reopened, _ = open_desk()
    assert reopened.step == "outcomes"
    assert "Done: 2 refunds" in list_shown(reopened)
    assert count_refunds(month) == before | made


def test_filters_find_rows_and_keep_the_choice(open_desk, result):
    """A filter hides a chosen row, and what is hidden stays chosen and counted."""
    desk, _ = open_desk()
    view, findings = desk.choice, list_findings(result)
    refunds = [finding for finding in findings if finding.proposed_minor is not None]
    assert f"{len(refunds)} rows found" in list_shown(desk)

    view.code.value = refunds[0].kind
    assert len(list_rows(desk)) == sum(each.kind == refunds[0].kind for each in refunds)
    view.choose_shown.click()
    chosen = dict(view.chosen)
    view.code.value = ""
    view.severity.value = "low" if any(each.severity == "low" for each in refunds) else "high"
    view.search.value = "no such order"
    assert list_rows(desk) == []
    assert "No discrepancy fits" in list_shown(desk)
    assert view.chosen == chosen
    view.severity.value = view.search.value = ""
    view.show_others.value = True
    assert f"of {len(findings)} found" in list_shown(desk)
    pages = 1
    while not view.later.disabled:
        view.later.click()
        pages += 1
    assert pages == -(-len(findings) // 15)
    view.choose_shown.click()
    assert set(view.chosen) == {each.discrepancy_id for each in refunds}
    view.choose_none.click()
    assert view.read_amounts() == ({}, 0)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        pytest.param("abc", "is not an amount", id="no number"),
        pytest.param("1.100", "is not an amount", id="thousands or decimals"),
        pytest.param("-5", "is not an amount", id="negative"),
        pytest.param("", "is not an amount", id="empty"),
        pytest.param("0,00", "The amount is 0", id="zero"),
        pytest.param("999999", "is more than the", id="above the proposal"),
    ],
)
def test_amounts_that_are_refused(open_desk, result, typed, sentence):
    """No plan is made with such an amount, and the sentence is beside the row."""
    finding = next(each for each in list_findings(result) if each.proposed_minor is not None)
    desk, _ = open_desk()

    assert sentence in choose(desk, finding, typed)
    desk.make_plan.click()

    assert "1 amount must be corrected first" in desk.message
    assert (desk.step, desk.plan) == ("choose", None)
    assert not desk._case.plan_file.exists()


def test_nothing_is_planned_without_a_choice(open_desk, result):
    """A row without a proposed refund cannot be chosen, and an empty choice makes no plan."""
    desk, _ = open_desk()
    desk.choice.show_others.value = True
    other = next(each for each in list_findings(result) if each.proposed_minor is None)
    desk.choice.search.value = f"{other.reference} {other.kind}"
    box = list_rows(desk)[0][0]
    assert box.disabled
    assert len(list_rows(desk)[0]) == 2, "it has no field for an amount"
    desk.make_plan.click()

    assert "No row is chosen" in desk.message
    assert desk.step == "choose"


def test_every_control_has_a_name(open_desk, result):
    """A screen reader reads the description of a control."""
    desk, _ = open_desk()
    controls = [desk.choice.code, desk.choice.severity, desk.choice.sales_unit, desk.choice.search,
                desk.choice.show_others, desk.make_plan, desk.look, desk.send, desk.back]  # fmt: skip
    controls += [widget for row in list_rows(desk) for widget in (row[0], row[2])]
    names = [control.description for control in controls]

    assert all(names)
    rows = names[9:]
    assert len(set(rows)) == len(rows)
    assert desk._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]


@pytest.fixture
def planned(open_desk, unused):
    """Return a desk with a plan of one row that waits for its approval, and the store."""
    desk, store = open_desk()
    choose(desk, next(unused_again(unused)), "1,00")
    desk.make_plan.click()
    assert desk.step == "approve", desk.message
    return desk, store


_SPARE = []


def unused_again(unused):
    """Yield a row that tests which send nothing can share."""
    if not _SPARE:
        _SPARE.append(next(unused))
    yield _SPARE[0]


def test_without_an_approval_nothing_is_sent(planned, month):
    """The button to carry out is not there, and a click that arrives all the same does nothing."""
    desk, _ = planned
    before = count_refunds(month)
    desk.look.click()
    assert "Waiting for the approval" in desk.message
    assert "is not approved" in desk.message
    desk.send.click()

    assert desk.step == "approve"
    assert count_refunds(month) == before


def test_approval_of_another_digest_is_refused(planned, month):
    """Somebody approved a file with the same plan number and another amount."""
    desk, store = planned
    row = desk.plan.rows[0]
    other = replace(desk.plan, rows=(row._replace(amount_minor=row.amount_minor - 1),))
    approve(other, store, approver="Ola Hansen", now=month.client.now())
    desk.look.click()

    assert desk.step == "approve"
    assert "is of another plan than this file" in desk.message


def test_expired_approval_is_refused(planned, month):
    """Yesterday's approval does not count."""
    desk, store = planned
    approve(desk.plan, store, approver="Ola Hansen", now=month.client.now() - timedelta(hours=25))
    desk.look.click()

    assert desk.step == "approve"
    assert "expired" in desk.message


def test_the_planner_cannot_approve_above_the_limit(open_desk, unused, month):
    """Neither now, nor with an approval that was given under higher limits."""
    limits = {"own_approval_up_to": 0}
    desk, store = open_desk(**limits)
    choose(desk, next(unused_again(unused)), "1,00")
    desk.make_plan.click()
    now = month.client.now()
    with pytest.raises(PlanError, match="other than its planner"):
        approve(desk.plan, store, approver="kari  nordmann", now=now, limits=Limits(own={}))
    approve(desk.plan, store, approver=PLANNER, now=now)
    desk.look.click()

    assert desk.step == "approve"
    assert "Another person must approve it" in desk.message


def test_the_planners_own_approval_is_named_as_such(planned, month):
    """Within the limits a planner may approve alone; the desk says so."""
    desk, store = planned
    approve(desk.plan, store, approver=PLANNER, now=month.client.now())
    desk.look.click()

    assert desk.step == "send"
    assert "The planner approved it alone" in desk.message


@pytest.mark.parametrize("change", ["edited", "replaced", "removed"])
def test_changed_plan_file_is_not_carried_out(planned, month, change):
    """After a crash nobody could continue a plan whose file holds something else."""
    desk, store = planned
    approve_as("Ola", desk, store, month)
    desk.look.click()
    before = count_refunds(month)
    file = desk._case.plan_file
    if change == "edited":
        file.write_text(file.read_text().replace("100", "200"))
    elif change == "replaced":
        row = desk.plan.rows[0]
        write_plan(replace(desk.plan, rows=(row._replace(amount_minor=1),)), file)
    else:
        file.unlink()
    confirm_and_send(desk)

    assert desk.step == "send"
    assert 'role="alert"' in desk.message
    assert "changed" in desk.message
    assert count_refunds(month) == before


@pytest.mark.parametrize("typed", ["", "2.00 NOK", "1.00 EUR", "all"])
def test_wrong_sum_is_refused(planned, month, typed):
    """The sum is what a person reads before money moves."""
    desk, store = planned
    approve_as("Ola", desk, store, month)
    desk.look.click()
    before = count_refunds(month)
    desk.confirm["NOK"].value = typed
    desk.send.click()

    assert desk.step == "send"
    assert 'role="alert"' in desk.message
    assert count_refunds(month) == before


def test_caps_are_sentences(open_desk, unused, month):
    """A row above the cap is not sent, and the check says so before anybody approves."""
    desk, store = open_desk(per_run="0.50")
    choose(desk, next(unused_again(unused)), "1,00")
    desk.make_plan.click()
    assert "0 of 1 refund would be sent" in list_shown(desk)
    assert "it would exceed the cap of  0,50 kr" in list_shown(desk)
    approve_as("Ola", desk, store, month)
    before = count_refunds(month)
    desk.look.click()
    confirm_and_send(desk)

    assert desk.run.counts["done"] == 0
    assert count_refunds(month) == before


def test_refund_made_in_the_portal_meanwhile_is_not_repeated(open_desk, unused, month):
    """The payment changed after the plan was made, so its row is refused in a sentence."""
    finding = next(unused)
    desk, store = open_desk()
    choose(desk, finding)
    desk.make_plan.click()
    approve_as("Ola", desk, store, month)
    desk.look.click()
    month.client.refund(
        finding.reference,
        finding.proposed_minor,
        finding.currency,
        idempotency_key="portal",
        msn=finding.msn,
    )
    made = count_refunds(month)
    confirm_and_send(desk)

    assert desk.step == "outcomes"
    assert desk.run.counts["refused"] == 1
    assert "refunded was" in list_shown(desk)
    assert count_refunds(month) == made

    again, _ = open_desk()
    again.choose_again.click()
    choose(again, finding)
    again.make_plan.click()
    assert again.step == "choose"
    assert "No row can be planned" in again.message
    assert finding.reference in again.message


def test_plan_that_was_not_begun_is_offered(planned, open_desk, month):
    """After a restart of the kernel the plan that waits for its approval is a click away."""
    desk, store = planned
    approve_as("Ola", desk, store, month)
    reopened, _ = open_desk()
    assert reopened.step == "choose"
    assert "holds an earlier plan" in reopened.message
    reopened.open_plan.click()
    reopened.look.click()
    assert reopened.step == "send"
    assert reopened.plan == desk.plan

    desk._case.plan_file.write_text("{")
    broken, _ = open_desk()
    assert "cannot be opened" in broken.message
    assert broken.step == "choose"


def test_the_desk_finds_the_approval_by_itself(planned, month):
    """In a kernel nobody has to click: the desk looks again and again."""
    desk, store = planned

    async def wait():
        desk.back.click()
        desk.open_plan.click()
        assert desk.step == "approve"
        await asyncio.to_thread(approve_as, "Ola Hansen", desk, store, month)
        while desk.step == "approve":
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(wait(), 60))
    assert "Approved by Ola Hansen" in desk.message


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_run_is_continued_by_the_journal(open_desk, unused, month, root, tmp_path):
    """The kernel dies after a refund was made and before it was written down."""
    chosen = [next(unused), next(unused)]
    before = count_refunds(month)
    desk, store = open_desk()
    for finding in chosen:
        choose(desk, finding)
    desk.make_plan.click()
    approve_as("Ola", desk, store, month)
    settings = (month.folder / ".env").read_text()
    (tmp_path / ".env").write_text(
        settings.replace(month.settings.database_url, f"sqlite:///{tmp_path / 'work.db'}")
    )
    (tmp_path / "vippsrecon.toml").write_text((month.folder / "vippsrecon.toml").read_text())
    ended = subprocess.run(
        [sys.executable, "-m", "tests.notebooks.crashing_desk", tmp_path, tmp_path / "plan.json"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    made = {key: value for key, value in count_refunds(month).items() if key not in before}
    assert made
    assert read_plan(tmp_path / "plan.json") == desk.plan

    reopened, _ = open_desk()
    assert reopened.step == "approve"
    shown = list_shown(reopened)
    assert "This plan was begun earlier" in shown
    assert "a run ended while the row was in progress" in shown
    reopened.look.click()
    confirm_and_send(reopened)

    assert reopened.step == "outcomes", reopened.message
    counts = reopened.run.counts
    assert counts["done"] + counts["already_done"] == 2
    made = {key: value for key, value in count_refunds(month).items() if key not in before}
    assert made == {each.reference: (1, each.proposed_minor) for each in chosen}


def test_without_a_result_only_a_plan_can_be_continued(open_desk):
    """There is nothing to choose from."""
    desk, _ = open_desk(None)
    desk.make_plan.click()

    assert "only an earlier plan" in desk.message
    assert desk.step == "choose"


@pytest.mark.parametrize("verb", ["capture", "cancel"])
def test_captures_and_cancels_are_made_by_the_same_steps(open_desk, result, month, verb):
    """Plan, another person's approval, the typed sum, the journal: nothing is sent before."""
    desk, store = open_desk(verb=verb)
    finding = next(each for each in list_findings(result, verb) if each.proposed_minor is not None)
    before = count_refunds(month, verb)
    problem = choose(desk, finding, "0,01")
    assert ("A cancel releases everything that is reserved" in problem) is (verb == "cancel")
    if verb == "cancel":
        desk.make_plan.click()
        assert desk.step == "choose"
        assert "must be corrected" in desk.message
    assert choose(desk, finding, format_typed(finding.proposed_minor, finding.currency)) == ""

    desk.make_plan.click()
    assert desk.step == "approve", desk.message
    assert desk.plan.verb == verb
    approve_as("Ola Hansen", desk, store, month)
    desk.look.click()
    assert count_refunds(month, verb) == before
    confirm_and_send(desk)
    assert desk.step == "outcomes", desk.message
    assert desk.run.counts["done"] == 1
    after = count_refunds(month, verb)
    assert {reference: after[reference] for reference in after if reference not in before} == {
        finding.reference: (1, desk.plan.totals[finding.currency])
    }


def test_operation_is_chosen_at_the_desk(open_desk, result, month):
    """One desk for all three; a choice is kept while another operation is looked at."""
    desk, store = open_desk()
    refund = next(each for each in list_findings(result) if each.proposed_minor is not None)
    cancels = [each for each in list_findings(result, "cancel") if each.proposed_minor is not None]
    made = count_refunds(month, "cancel")
    cancel = next(each for each in cancels if each.reference not in made)
    choose(desk, refund)
    desk.operation.value = "cancel"
    assert desk.choice.chosen == {}
    assert "Cancel desk" in list_shown(desk)
    choose(desk, cancel)
    desk.operation.value = "refund"
    assert list(desk.choice.chosen) == [refund.discrepancy_id]
    desk.operation.value = "cancel"
    assert list(desk.choice.chosen) == [cancel.discrepancy_id]

    desk.make_plan.click()
    assert desk.step == "approve", desk.message
    assert desk.plan.verb == "cancel"
    desk.operation.value = "refund"
    assert desk.step == "approve"
    assert "Cancel desk" in list_shown(desk)
    approve_as("Ola Hansen", desk, store, month)
    desk.look.click()
    confirm_and_send(desk)
    assert desk.run.counts["done"] == 1, desk.message
    assert "Cancel desk" in list_shown(desk)

    desk.choose_again.click()
    assert "Refund desk" in list_shown(desk)
    assert list(desk.choice.chosen) == [refund.discrepancy_id]
    desk.operation.value = "cancel"
    assert desk.choice.chosen == {}, "what was carried out is not chosen any more"


def test_unknown_operation_is_refused(open_desk):
    """A typing error must not open a desk for refunds."""
    with pytest.raises(InputError, match="'refunds', and must be one of refund, cancel, capture"):
        open_desk(verb="refunds")


@pytest.mark.parametrize("language", ["nb", "fi"])
def test_desk_has_no_english_phrase(open_desk, result, month, unused, language):
    """From the choice to the outcomes, in the language of the reconciliation."""
    translated = result.with_changes(
        manifest={**result.manifest, "language": language},
        discrepancies=result.polars_frame("discrepancies").with_columns(next_step=pl.lit("-")),
    )
    finding = next(unused)
    desk, store = open_desk(translated)
    phrases = list_english_phrases(language)

    def find_english():
        names = " ".join(list_names(desk))
        shown = f"{list_shown(desk)} {names} {desk.message}"
        return [phrase for phrase in phrases if phrase in shown]

    desk.choice.search.value = "no such order"
    assert find_english() == []
    desk.make_plan.click()
    assert find_english() == []
    assert choose(desk, finding, "x") != ""
    desk.choice.search.value = f"{finding.order_number} {finding.kind}"
    assert find_english() == []
    choose(desk, finding, "1,00")
    desk.make_plan.click()
    assert desk.step == "approve", desk.message
    assert find_english() == []
    approve_as("Ola Hansen", desk, store, month)
    desk.look.click()
    assert desk.step == "send", desk.message
    desk.send.click()
    assert find_english() == []
    confirm_and_send(desk)
    assert desk.step == "outcomes", desk.message
    assert find_english() == []
