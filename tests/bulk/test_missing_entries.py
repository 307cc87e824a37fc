"""If a journal has lost its first entry, the plan is reported and not left out."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from vippsrecon.bulk.outcomes.audit_workbook import write_extract
from vippsrecon.cli import app
from vippsrecon.errors import StoreError


def test_plan_without_first_entry_is_reported(make_account, monkeypatch):
    """A plan without its first entry must not disappear when all plans are verified."""
    account = make_account(2)
    plan = account.make_approved_plan("refund", 100)
    account.carry_out(plan)
    monkeypatch.chdir(account.folder)
    monkeypatch.setenv("VIPPSRECON_DATABASE_URL", f"sqlite:///{account.folder / 'work.db'}")
    assert CliRunner().invoke(app, ["journal", "--verify"]).exit_code == 0
    account.change_database(
        "DROP TRIGGER journal_no_delete",
        f"DELETE FROM journal WHERE plan_id = '{plan.plan_id}' AND seq = 1",
    )

    verified = CliRunner().invoke(app, ["journal", "--verify"])
    assert verified.exit_code == 1
    assert "entry 1 is missing" in verified.output
    with pytest.raises(StoreError, match="has lost its first entry"):
        write_extract(account.store, account.folder / "journal.xlsx")
