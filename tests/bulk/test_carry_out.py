"""Carrying plans out: what is sent, what is recorded, and what each answer leads to."""

from __future__ import annotations

import dataclasses

import pytest

from tests.bulk.simulated_account import SHORT_TIMEOUTS, list_outcomes
from vippsrecon.bulk.execution.carry_out import carry_out
from vippsrecon.bulk.plan.model import compute_idempotency_key
from vippsrecon.errors import ConfigurationError, PlanError, PlanLockHeldError
from vippsrecon.store import acquire, read_entries, verify_journal


def list_entry_kinds(account, plan) -> list[str]:
    """Return the kinds of the journal's entries, in order."""
    return [entry.kind for entry in read_entries(account.store, plan.plan_id)]


def test_dry_run_sends_nothing(make_account):
    """A dry run reads every payment and shows what a live run would do. It creates no database."""
    account = make_account(3)
    plan = account.make_plan("refund", 100, 200, 300)

    carried = carry_out(plan, account.client)

    assert list_outcomes(carried) == ["would_do"] * 3
    assert carried.exit_code == 0
    assert account.count_requests("refund") == 0
    assert carried.results[2].after.refunded_minor == 300
    assert list_entry_kinds(account, plan) == []


@pytest.mark.parametrize(
    ("verb", "amount", "captured"),
    [("refund", 250, 100_000), ("capture", 700, 0), ("cancel", 100_000, 0)],
    ids=["refund", "capture", "cancel"],
)
def test_live_run_does_each_row_once(make_account, verb, amount, captured):
    """Every row is done once. The journal has an entry before and after each operation."""
    account = make_account(3, captured=captured)
    plan = account.make_approved_plan(verb, amount, amount, amount)

    carried = account.carry_out(plan)

    assert list_outcomes(carried) == ["done"] * 3
    assert carried.exit_code == 0
    assert set(account.effects().values()) == {(verb, 1, amount)}
    assert len(account.effects()) == 3
    assert all(result.psp_reference and result.event_at for result in carried.results)
    assert verify_journal(account.store, plan.plan_id, carried.head).ok
    entry_kinds = list_entry_kinds(account, plan)
    assert entry_kinds[:3] == ["seen", "approved", "carrier"]
    assert sorted(entry_kinds[3:-1]) == ["done"] * 3 + ["intended"] * 3
    assert entry_kinds[-1] == "ended"


def test_second_run_sends_nothing(make_account):
    """Rows that are finished are not sent again, and their payments are not read again."""
    account = make_account(3)
    plan = account.make_approved_plan("refund", 100, 200, 300)
    first = account.carry_out(plan)
    reads = account.count_requests("getPayment")

    again = account.carry_out(plan)

    assert again.results == first.results
    assert account.count_requests("getPayment") == reads
    assert account.count_requests("refund") == 3


FAULTS = {
    "answer lost after it was done": ({"drop_after": True}, 1.0),
    "connection cut before": ({"drop_before": True}, 0.6),
    "answer cut short": ({"truncate": True}, 1.0),
    "a page of HTML": ({"html_body": True}, 1.0),
    "500": ({"status": 500}, 0.6),
    "502": ({"status": 502}, 0.6),
    "503": ({"status": 503}, 0.6),
    "429": ({"status": 429}, 0.6),
    "429 with a wait": ({"status": 429, "retry_after": 0}, 0.6),
}


@pytest.mark.parametrize(("fault", "share"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("verb", ["refund", "capture", "cancel"])
def test_fault_in_an_answer_never_repeats_an_operation(make_account, fault, share, verb):
    """If an answer is lost or damaged, each operation is still done exactly once."""
    account = make_account(4, captured=100_000 if verb == "refund" else 0)
    amount = 100_000 if verb == "cancel" else 500
    plan = account.make_approved_plan(verb, *[amount] * 4)
    account.simulator.set_faults([{"operations": [verb], "share": share, **fault}])

    carried = account.carry_out(plan)

    assert set(list_outcomes(carried)) == {"done"}
    assert set(account.effects().values()) == {(verb, 1, amount)}
    assert len(account.effects()) == 4


CODES = {
    "more than is left": (6150, "refused", False),
    "the window is over": (6220, "refused", False),
    "refunded already, says it, and is not": (6180, "refused", False),
    "our key is taken": (4150, "unknown", True),
    "not possible for the sales unit": (5100, "skipped", True),
    "bank account not verified": (5060, "skipped", True),
    "unknown reference": (5090, "refused", False),
}


@pytest.mark.parametrize(("code", "outcome", "stops"), CODES.values(), ids=CODES)
def test_refusal_code_decides_outcome_and_stop(make_account, code, outcome, stops):
    """Each refusal leads to one outcome, and some refusals stop the run."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    account.simulator.set_settings(refusals=[{"code": code, "operation": "refund"}])

    carried = account.carry_out(plan)

    assert list_outcomes(carried) == [outcome]
    assert bool(carried.stopped) is stops
    assert carried.exit_code == (2 if stops else 1)
    assert account.effects() == {}
    if code != 5090:
        assert carried.results[0].code == str(code)


@pytest.mark.parametrize("code", [6160, 6280], ids=["locked", "failed for now"])
def test_temporary_refusal_is_repeated_then_skipped(make_account, code):
    """If nothing was done, the request is sent again with the same key.

    If it still fails when the time is over, the row is skipped.
    """
    account = make_account(2, captured=0)
    plan = account.make_approved_plan("capture", 500, 500)
    account.simulator.set_settings(refusals=[{"code": code, "operation": "capture", "times": 3}])
    assert list_outcomes(account.carry_out(plan)) == ["done", "done"]

    other = account.make_approved_plan(
        "capture",
        600,
        600,
        rows=tuple(row._replace(captured_minor=500, amount_minor=600) for row in plan.rows),
    )
    account.simulator.set_settings(refusals=[{"code": code, "operation": "capture"}])
    carried = account.carry_out(other, patience=SHORT_TIMEOUTS._replace(wait_for=0.1))
    assert list_outcomes(carried) == ["skipped", "skipped"]

    account.simulator.set_settings(refusals=[])
    assert list_outcomes(account.carry_out(other)) == ["done", "done"]
    assert {sum_ for _, _, sum_ in account.effects().values()} == {1100}


def test_next_run_resolves_an_unknown_row(make_account):
    """If Vipps MobilePay is down for longer than we wait, the row is unknown.

    The next run finishes it.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "status": 503}])
    carried = account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.2))
    assert list_outcomes(carried) == ["unknown"]
    assert carried.exit_code == 1

    account.simulator.set_faults([])
    assert list_outcomes(account.carry_out(plan)) == ["done"]
    assert account.effects() == {"order-000001": ("refund", 1, 500)}


def test_late_event_log_is_read_again_at_the_end(make_account):
    """An operation is done even if the log does not show its event yet.

    Its PSP reference may come later or never.
    """
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    account.simulator.set_settings(event_log_lag_ms=120_000)

    carried = account.carry_out(plan)

    assert list_outcomes(carried) == ["done"]
    assert carried.results[0].psp_reference is None


def test_lost_answer_with_late_log_ends_unknown(make_account):
    """The payment moved, but the log does not show our key, so the request is never sent again."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 500)
    account.simulator.set_settings(event_log_lag_ms=120_000)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])

    carried = account.carry_out(plan, patience=SHORT_TIMEOUTS._replace(settle_for=0.3))

    assert list_outcomes(carried) == ["unknown"]
    assert "refunded was 0.00 NOK and is 5.00 NOK" in carried.results[0].explanation
    assert account.effects() == {"order-000001": ("refund", 1, 500)}


def test_operation_of_a_lost_journal_is_not_repeated(make_account, tmp_path):
    """The machine changed, or a backup was restored.

    Our key in the log shows that the row was done.
    """
    from vippsrecon.store import open_store

    account = make_account(2)
    plan = account.make_approved_plan("refund", 100, 200)
    account.carry_out(plan)
    with open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}") as store:
        other_account = account._replace(store=store)
        other_account.approve(plan)
        carried = other_account.carry_out(plan)

    assert list_outcomes(carried) == ["already_done"] * 2
    assert carried.exit_code == 0
    assert account.count_requests("refund") == 2


def test_changed_payment_is_refused(make_account):
    """Somebody refunded in the portal after the plan was made."""
    account = make_account(2)
    plan = account.make_approved_plan("refund", 100, 200)
    account.client.refund("order-000001", 50, "NOK", idempotency_key="portal")

    carried = account.carry_out(plan)

    assert list_outcomes(carried) == ["refused", "done"]
    assert "refunded was 0.00 NOK and is 0.50 NOK" in carried.results[0].explanation
    assert carried.exit_code == 1


def test_operation_of_another_plan_is_a_possible_duplicate(make_account):
    """Another plan used the same verb and amount on the payment within thirty days.

    The row is refused unless the plan allows a duplicate.
    """
    account = make_account(1)
    first = account.make_approved_plan("refund", 100)
    account.carry_out(first)
    changed_row = first.rows[0]._replace(refunded_minor=100)

    refused = account.carry_out(account.make_approved_plan("refund", rows=(changed_row,)))
    insisted = account.carry_out(
        account.make_approved_plan("refund", rows=(changed_row._replace(duplicate=True),))
    )

    assert list_outcomes(refused) == ["refused"]
    assert f"row 1 of plan {first.plan_id}" in refused.results[0].explanation
    assert list_outcomes(insisted) == ["done"]
    assert account.effects() == {"order-000001": ("refund", 2, 200)}


def test_payment_open_in_another_plan_is_skipped(make_account):
    """The other plan's unknown outcome has to be settled first, even for another amount."""
    account = make_account(1)
    first = account.make_approved_plan("refund", 100)
    account.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_before": True}])
    assert list_outcomes(
        account.carry_out(first, patience=SHORT_TIMEOUTS._replace(settle_for=0.1))
    ) == ["unknown"]
    account.simulator.set_faults([])

    refused = account.carry_out(account.make_approved_plan("refund", 70))

    assert list_outcomes(refused) == ["refused"]
    assert "has an unknown outcome" in refused.results[0].explanation


def test_caps_count_all_plans_together(make_account):
    """A day's cap holds for all plans together."""
    account = make_account(3, limits="per_day = 4")
    first, second = (
        account.make_approved_plan("refund", 100, 200),
        account.make_plan("refund", 0, 0, 150),
    )
    second = dataclasses.replace(second, rows=(second.rows[2]._replace(row=1),))
    account.approve(second)

    assert list_outcomes(account.carry_out(first)) == ["done", "done"]
    carried = account.carry_out(second)

    assert list_outcomes(carried) == ["refused"]
    assert "cap of 4.00 NOK" in carried.results[0].explanation
    assert sorted(account.effects()) == ["order-000001", "order-000002"]


def test_dry_run_predicts_cap_refusals(make_account):
    """A refusal by a cap is final, so the dry run has to show it before anything is sent."""
    account = make_account(3, limits="per_day = 4")
    first = account.make_approved_plan("refund", 100)
    account.carry_out(first)
    rows = [
        row._replace(row=n)
        for n, row in enumerate(account.make_plan("refund", 0, 200, 150).rows[1:], 1)
    ]
    plan = account.make_approved_plan("refund", rows=tuple(rows))

    dry = carry_out(plan, account.client, store=account.store)

    assert list_outcomes(dry) == ["would_do", "refused"]
    assert dry.results[1].explanation == (
        "it would exceed the cap of 4.00 NOK (day); 3.00 NOK is already used"
    )
    assert list_outcomes(account.carry_out(plan, in_flight=1)) == ["done", "refused"]


def test_dry_run_reports_why_no_approval_is_valid(make_account):
    """A dry run reports an expired approval differently from a missing one."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 100)
    account.simulator.advance(25 * 3600)

    dry = carry_out(plan, account.client, store=account.store)

    assert dry.approver == ""
    assert "expired" in dry.unapproved


def test_run_stops_after_five_failures_in_a_row(make_account):
    """After five failures in a row the other rows are not begun, and the run gives the reason."""
    account = make_account(9)
    plan = account.make_approved_plan("refund", *[100] * 9)
    account.simulator.set_settings(refusals=[{"code": 6210, "operation": "refund"}])

    carried = account.carry_out(plan, in_flight=1)

    assert list_outcomes(carried) == ["refused"] * 5 + ["skipped"] * 4
    assert "5 rows in a row failed" in carried.results[-1].explanation
    assert carried.exit_code == 2


@pytest.mark.parametrize(
    ("confirm", "message"),
    [
        (None, "3.00 NOK"),
        ("3.01 NOK", "3.00 NOK"),
        ("3.00 DKK", "3.00 NOK"),
        (["3.00 NOK", "1.00 DKK"], "3.00 NOK"),
        ("three", "is not an amount"),
    ],
    ids=["none", "another sum", "another currency", "one too many", "no sum"],
)
def test_live_run_requires_the_exact_sum(make_account, confirm, message):
    """A person who moves money has to confirm the exact sum."""
    account = make_account(2)
    plan = account.make_approved_plan("refund", 100, 200)

    with pytest.raises(PlanError, match=message):
        account.carry_out(plan, confirm=confirm)

    assert account.count_requests("refund") == 0


def test_live_run_requires_an_approval(make_account):
    """A plan that nobody approved in this database is not carried out."""
    account = make_account(1)

    with pytest.raises(PlanError, match="not approved"):
        account.carry_out(account.make_plan("refund", 100))

    assert account.count_requests("refund") == 0


def test_plan_of_another_environment_is_refused(make_account):
    """A plan for production sends no request to another environment."""
    account = make_account(1)
    plan = account.make_plan("refund", 100, environment="production", host="api.vipps.no")

    with pytest.raises(PlanError, match="the plan is for production"):
        carry_out(plan, account.client)

    assert account.count_requests("accessToken") == 0


def test_row_of_an_unconfigured_sales_unit_is_refused(make_account):
    """A row of a sales unit that is not configured is refused."""
    account = make_account(1)
    row = account.make_plan("refund", 100).rows[0]._replace(msn="654321")
    plan = account.make_plan("refund", rows=(row,), msns=("654321",))

    carried = carry_out(plan, account.client)

    assert list_outcomes(carried) == ["refused"]
    assert "has no payment order-000001" in carried.results[0].explanation


def test_plan_held_by_another_machine_is_refused(make_account):
    """A carrier on another machine has the plan. The message says who, where and since when."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 100)
    acquire(account.store, plan.plan_id, holder="per", host="elsewhere", pid=1, started="x")

    with pytest.raises(PlanLockHeldError, match="per on elsewhere"):
        account.carry_out(plan)

    assert account.count_requests("refund") == 0


def test_production_requires_caps():
    """In production no money moves without the caps per_run and per_day."""
    from tests.plans import make_plan
    from vippsrecon.bulk.execution.preconditions import build_caps
    from vippsrecon.bulk.limits import Limits

    plan = make_plan(environment="production", host="api.vipps.no")

    with pytest.raises(ConfigurationError, match="per_run and per_day for NOK"):
        build_caps(plan, Limits.from_settings({"per_run": 100}), "2026-01-31")
    assert (
        len(
            build_caps(plan, Limits.from_settings({"per_run": 100, "per_day": 1}), "2026-01-31")[
                "NOK"
            ]
        )
        == 2
    )


def test_unpaid_payment_is_cancelled_only_if_the_plan_allows_it(make_account):
    """A CREATED payment is cancelled only if the plan allows it.

    Its payer may be about to approve it.
    """
    account = make_account(0)
    request = {
        "amount": {"currency": "NOK", "value": 1000},
        "paymentMethod": {"type": "WALLET"},
        "reference": "order-000001",
        "userFlow": "WEB_REDIRECT",
        "returnUrl": "https://example.com/",
    }
    account.client.create_payment(request, idempotency_key="shop")
    row = account.make_plan("cancel", 0).rows[0]._replace(authorized_minor=0)

    meant = account.make_plan("cancel", rows=(row,), cancel_created=True)
    account.approve(meant)
    carried = account.carry_out(meant)

    assert list_outcomes(carried) == ["done"]
    assert account.client.payment("order-000001").state == "TERMINATED"


def test_request_key_is_the_recorded_key(make_account):
    """The key that is sent to the API is the key recorded in the journal."""
    account = make_account(1)
    plan = account.make_approved_plan("refund", 100)
    account.carry_out(plan)

    (intended,) = [e for e in read_entries(account.store, plan.plan_id) if e.kind == "intended"]
    key = compute_idempotency_key(plan.plan_id, "refund", plan.rows[0])

    assert intended.idempotency_key == key
    assert [e.idempotency_key for e in account.client.events("order-000001")][-1] == key
    assert intended.parse_detail()["path"] == "/epayment/v1/payments/order-000001/refund"
