"""An approval covers exactly one digest, row count and sum, and it expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.plans import make_plan, make_plan_row
from vippsrecon.bulk.approval.approve import (
    approve,
    explain_second_approver,
    find_valid_approval,
    register_plan,
)
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.file import compute_digest, read_plan, write_plan
from vippsrecon.config.load import load_settings
from vippsrecon.errors import ConfigurationError, PlanError
from vippsrecon.store import list_plans, open_store, read_entries, verify_journal

NOW = datetime(2026, 1, 31, 13, tzinfo=UTC)
OWN = 1_000_000
"""10,000.00 NOK: the default sum a planner may approve alone."""


@pytest.fixture
def store(tmp_path):
    """Open a workspace database."""
    with open_store(f"sqlite:///{tmp_path / 'work.db'}") as opened:
        yield opened


def large(amount, *, currency="NOK", plan_id=None, **changed):
    """Return a plan of one refund of this amount."""
    row = make_plan_row(
        amount_minor=amount, currency=currency, authorized_minor=10**12, captured_minor=10**12
    )
    more = {"plan_id": plan_id} if plan_id else {}
    return make_plan(row, **more, **changed)


def approved(plan, store, approver="ola", *, now=NOW, **limits):
    """Approve a plan."""
    return approve(
        plan, store, approver=approver, os_account="acc", host="desk", now=now,
        limits=Limits.from_settings(limits),
    )  # fmt: skip


def test_approval_entry_has_digest_sums_and_person(store):
    """The entry has digest, count and sums, approver, account, machine, and 24 hours of validity."""
    plan = make_plan(make_plan_row(1), make_plan_row(2, currency="EUR"))
    entry = approved(plan, store)
    assert (entry.kind, entry.at) == ("approved", "2026-01-31T13:00:00.000Z")
    assert entry.parse_detail() == {
        "digest": compute_digest(plan),
        "count": 2,
        "totals": {"NOK": 25_000, "EUR": 25_000},
        "approver": "ola",
        "os_account": "acc",
        "host": "desk",
        "expires_at": "2026-02-01T13:00:00Z",
    }
    first = next(read_entries(store, plan.plan_id))
    assert first.parse_detail()["digest"] == compute_digest(plan)
    assert first.parse_detail()["planner"] == "kari"
    assert verify_journal(store, plan.plan_id).ok


def test_approval_expires_after_a_day(store):
    """The approval is valid until the second it expires."""
    plan = make_plan()
    approved(plan, store)
    approval = find_valid_approval(plan, store, Limits(), NOW + timedelta(hours=24, seconds=-1))
    assert (approval.approver, approval.os_account, approval.host) == ("ola", "acc", "desk")
    assert approval.expires_at == NOW + timedelta(hours=24)
    with pytest.raises(PlanError, match=r"expired at 2026-02-01T13:00:00Z.*Nothing was sent"):
        find_valid_approval(plan, store, Limits(), NOW + timedelta(hours=24))
    approved(plan, store, "per", now=NOW + timedelta(hours=25))
    assert find_valid_approval(plan, store, Limits(), NOW + timedelta(hours=25)).approver == "per"


def test_plan_without_approval_is_not_approved(store):
    """Neither an unknown plan nor a recorded plan is approved."""
    plan = make_plan()
    for _ in range(2):
        with pytest.raises(PlanError, match=r"is not approved in .*work\.db"):
            find_valid_approval(plan, store, Limits(), NOW)
        register_plan(store, plan, at=NOW)


def test_approval_in_another_database_does_not_count(store, tmp_path):
    """An approval in another database does not count."""
    plan = make_plan()
    with open_store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        approved(plan, other)
    with pytest.raises(PlanError, match="not approved"):
        find_valid_approval(plan, store, Limits(), NOW)


def test_plan_changed_after_approval_is_refused(store, tmp_path):
    """The first digest is permanent: a changed plan can be neither approved nor carried out."""
    plan = make_plan()
    approved(plan, store)
    changed = make_plan(make_plan_row(note="changed"))
    with pytest.raises(PlanError, match="was changed since"):
        approved(changed, store)
    with pytest.raises(PlanError, match="of another plan than this file"):
        find_valid_approval(changed, store, Limits(), NOW)
    assert find_valid_approval(plan, store, Limits(), NOW)
    path = write_plan(plan, tmp_path / "plan.json")
    path.write_text(path.read_text().replace("25000", "35000"))
    with pytest.raises(PlanError, match="changed"):
        read_plan(path)


@pytest.mark.parametrize(
    ("plan", "limits", "alone"),
    [
        pytest.param(large(OWN), {}, True, id="just within"),
        pytest.param(large(OWN + 1), {}, False, id="just above"),
        pytest.param(large(100_000, currency="EUR"), {}, True, id="euros within"),
        pytest.param(large(100_001, currency="EUR"), {}, False, id="euros above"),
        pytest.param(large(1), {"own_approval_up_to": 0}, False, id="always two"),
        pytest.param(large(500_001), {"own_approval_up_to": {"NOK": 5000}}, False, id="set"),
        pytest.param(large(100_001), {"row_limit": 1000}, False, id="a large row"),
        pytest.param(large(100_000), {"row_limit": {"NOK": 1000}}, True, id="a row within"),
        pytest.param(large(100_001), {"row_limit": {"EUR": 1}}, True, id="another currency"),
    ],
)
def test_second_person_is_needed_above_the_limits(store, plan, limits, alone):
    """Above the limits the planner's own approval is refused, and nothing is recorded."""
    if alone:
        approved(plan, store, "kari", **limits)
        assert (
            find_valid_approval(plan, store, Limits.from_settings(limits), NOW).approver == "kari"
        )
        return
    for name in ("kari", " KARI "):
        with pytest.raises(PlanError, match="a person other than its planner"):
            approved(plan, store, name, **limits)
    assert list_plans(store) == []
    approved(plan, store, "ola", **limits)
    assert find_valid_approval(plan, store, Limits.from_settings(limits), NOW).approver == "ola"


IDS = [f"1111111{n}-1111-4111-8111-111111111111" for n in range(4)]


def test_split_plans_count_together_against_the_limit(store):
    """Two plans of 6,000 within 24 hours count as one of 12,000."""
    first, second = (large(600_000, plan_id=plan_id) for plan_id in IDS[:2])
    approved(first, store, "kari")
    approved(first, store, "kari")
    with pytest.raises(PlanError, match=r"6 000.00 NOK and the 6 000.00 NOK of kari's other"):
        approved(second, store, "kari")
    later = NOW + timedelta(hours=25)
    approved(second, store, "kari", now=later)
    assert find_valid_approval(first, store, Limits(), NOW)


def test_renewed_approval_counts_at_the_time_of_renewal(store):
    """The time of the last approval counts, not the time the plan was first recorded."""
    old, new = (large(600_000, plan_id=plan_id) for plan_id in IDS[:2])
    approved(old, store, "kari")
    approved(old, store, "kari", now=NOW + timedelta(hours=30))
    with pytest.raises(PlanError, match="kari's other"):
        approved(new, store, "kari", now=NOW + timedelta(hours=31))


def test_approval_limit_counts_only_own_plans(store):
    """Only plans of the same planner, environment and currency are added together."""
    approved(large(900_000, plan_id=IDS[0], planner="per"), store)
    approved(large(900_000, plan_id=IDS[1], environment="test"), store)
    approved(large(90_000, plan_id=IDS[2], currency="EUR"), store)
    approved(large(900_000, plan_id=IDS[3]), store, "kari")


def test_lowered_limit_invalidates_own_approval(store):
    """The planner's own approval is valid only while the limits allow it."""
    plan = large(900_000)
    approved(plan, store, "kari")
    with pytest.raises(PlanError, match=r"kari planned it\. Another person"):
        find_valid_approval(plan, store, Limits.from_settings({"own_approval_up_to": 5000}), NOW)
    approved(plan, store, "ola")
    assert (
        find_valid_approval(
            plan, store, Limits.from_settings({"own_approval_up_to": 5000}), NOW
        ).approver
        == "ola"
    )


@pytest.mark.parametrize(
    ("plan", "approver", "message"),
    [
        pytest.param(make_plan(expires_at="2026-01-31T13:00:00Z"), "ola", "expired", id="expired"),
        pytest.param(
            make_plan(make_plan_row(amount_minor=0)), "ola", "nothing to do", id="unsound"
        ),
        pytest.param(make_plan(), "  ", "--as", id="nobody"),
        pytest.param(make_plan(), "o\u202ela\x00", "--as", id="a name that cannot be shown"),
        pytest.param(make_plan(), "o" * 501, "--as", id="a long name"),
    ],
)
def test_invalid_approval_is_refused_and_not_recorded(store, plan, approver, message):
    """The error is a sentence, and nothing is recorded."""
    with pytest.raises(PlanError, match=message):
        approved(plan, store, approver)
    assert list_plans(store) == []


def test_approver_defaults_to_the_system_account(store):
    """The account comes from the system, not from an environment variable."""
    entry = approve(make_plan(), store, now=NOW)
    assert entry.parse_detail()["approver"] == entry.parse_detail()["os_account"] != ""


def test_second_person_reason_names_sum_and_setting():
    """The reason names the sum and the setting."""
    reason = explain_second_approver(large(OWN + 5), Limits())
    assert "10 000.05 NOK" in reason
    assert "own_approval_up_to" in reason
    assert explain_second_approver(large(5), Limits()) == ""


@pytest.mark.parametrize(
    ("section", "message"),
    [
        pytest.param({"own_aproval_up_to": 1}, "did you mean own_approval_up_to", id="misspelled"),
        pytest.param({"per_day": -1}, "below zero", id="negative"),
        pytest.param({"per_day": True}, "not an amount", id="a truth"),
        pytest.param({"per_day": "much"}, "not a number", id="a word"),
        pytest.param({"per_day": 1.005}, "decimals", id="three decimals"),
        pytest.param({"per_day": {"NOKK": 1}}, "not a currency", id="currency misspelled"),
        pytest.param({"per_day": {"NOK": "x"}}, "per_day.NOK", id="a word in a table"),
        pytest.param({"stop_after_failures": 0}, "1, 2, 3", id="never stop"),
        pytest.param({"stop_after_failures": 1.5}, "1, 2, 3", id="half a failure"),
        pytest.param({"stop_at_share": 1.5}, "up to 1", id="more than all"),
        pytest.param({"stop_at_share": float("nan")}, "up to 1", id="no number"),
        pytest.param({"max_report_age_hours": 0}, "above 0", id="no age"),
        pytest.param({"settle_for": "long"}, "above 0", id="no time"),
    ],
)
def test_invalid_limits_raise(section, message):
    """An invalid limit is an error, because it would otherwise have no effect."""
    with pytest.raises(ConfigurationError, match=message):
        Limits.from_settings(section)


def test_limits_are_read_from_the_settings_file(tmp_path):
    """vippsrecon.toml may give one number for all currencies, or a table."""
    (tmp_path / "vippsrecon.toml").write_text(
        "[limits]\nown_approval_up_to = 5000\nper_run = {NOK = 250000.50, EUR = '1000'}\n"
        "stop_after_failures = 3\nmax_report_age_hours = 24\nsettle_for = 60\n"
    )
    limits = Limits.from_settings(load_settings(folder=tmp_path, offline=True).limits)
    assert limits.own_approval_up_to("SEK") == 500_000
    assert (limits.per_run("NOK"), limits.per_run("EUR")) == (25_000_050, 100_000)
    assert limits.per_run("DKK") is limits.per_day("NOK") is limits.row_limit("NOK") is None
    assert (limits.stop_after_failures, limits.stop_at_share) == (3, 0.2)
    assert (limits.max_report_age_hours, limits.settle_for) == (24, 60)
