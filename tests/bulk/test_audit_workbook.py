"""The auditor's workbook of a journal: totals agree, hashes match, and no text is a formula."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
from decimal import Decimal

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.outcomes.audit_workbook import write_extract
from vippsrecon.bulk.outcomes.from_journal import list_plan_overviews, read_plan_history
from vippsrecon.errors import PlanError, StoreError
from vippsrecon.store import read_entries, read_head, verify_journal


@pytest.fixture
def journal(make_account):
    """Return an account with one plan that was carried out in part and one that was only approved."""
    account = make_account(4)
    plan = account.make_plan("refund", 2_500, 995, 300, 400)
    rows = [
        plan.rows[0]._replace(
            order_number="=HYPERLINK(1)", document_ref="+CN-1", reason="return", note="@agreed"
        ),
        *plan.rows[1:3],
        plan.rows[3]._replace(reference="order-unknown"),
    ]
    plan = dataclasses.replace(plan, rows=tuple(rows))
    account.approve(plan)
    account.carry_out(plan)
    account.make_approved_plan("refund", 700, 800)
    return account, plan


def sheet(path, name):
    """Return the rows of a sheet as dicts by heading."""
    rows = list(load_workbook(path, data_only=True)[name].iter_rows(min_row=4, values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def read_texts(path, name):
    """Return every value of a sheet."""
    return [c.value for row in load_workbook(path, data_only=True)[name].iter_rows() for c in row]


def test_outcomes_sheet_has_every_audit_field(journal, tmp_path):
    """A row shows the digests, people, reason, document, times and the entry's hash."""
    account, plan = journal
    path = write_extract(account.store, tmp_path / "j.xlsx", units=account.client.settings.units)

    first, *_, last = sheet(path, "Outcomes")
    known = read_plan_history(account.store, plan.plan_id)
    assert first["Digest of the plan"] == known.plan_detail["digest"]
    assert first["SHA-256 of that file"] == "0" * 64
    assert (first["Planner"], first["Approver"]) == ("kari", "ola")
    assert first["Carried out by"] == known.carrier
    assert (first["Reason"], first["Document"], first["Note"]) == ("return", "+CN-1", "@agreed")
    assert first["Order"] == "=HYPERLINK(1)"
    assert Decimal(str(first["Amount"])) == Decimal("25.00")
    assert first["Booking day"].isoformat()[:10] == "2026-01-31"
    assert first["PSP reference"]
    assert first["Hash of the entry"] in [e.hash for e in read_entries(account.store, plan.plan_id)]
    assert (last["Outcome"], last["Reference"]) == ("refused", "order-unknown")
    assert {first[f"{name} (UTC)"].date().isoformat() for name in ("Intended", "Decided")} == {
        "2026-01-31"
    }


def test_entries_have_server_time_and_the_used_approval(journal, tmp_path):
    """Every entry has server time.

    A run's approver is the person whose approval it used, not one who approved later.
    """
    account, plan = journal
    assert {e.at[:10] for e in read_entries(account.store, plan.plan_id)} == {"2026-01-31"}

    again = account.make_approved_plan("refund", 700, 800)
    late = approve(again, account.store, approver="per", now=account.simulator.now())
    ran = account.carry_out(again)
    assert late.parse_detail()["approver"] == "per"
    assert ran.approver == read_plan_history(account.store, again.plan_id).approver == "ola"
    path = write_extract(account.store, tmp_path / "j.xlsx", plan_ids=[again.plan_id])
    assert {row["Approver"] for row in sheet(path, "Outcomes")} == {"ola"}
    (known,) = (
        overview
        for overview in list_plan_overviews(account.store)
        if overview.known.plan_id == again.plan_id
    )
    assert known.approver == "ola"


def test_entry_hashes_can_be_recomputed_from_the_sheet(journal, tmp_path):
    """The auditor can check the chain with the sheet alone, by the rule in the documentation."""
    account, _ = journal
    path = write_extract(account.store, tmp_path / "j.xlsx")
    names = {
        "Plan": "plan_id",
        "Entry": "seq",
        "At (UTC)": "at",
        "Kind": "kind",
        "Epoch": "epoch",
        "Row": "row",
        "Environment": "environment",
        "Verb": "verb",
        "Sales unit": "msn",
        "Reference": "reference",
        "Currency": "currency",
        "Idempotency key": "idempotency_key",
        "Detail, as it was hashed": "detail",
    }

    rows = sheet(path, "Entries")
    for row in rows:
        content = {name: row[heading] for heading, name in names.items()}
        amount = row["Amount"]
        content["amount_minor"] = None if amount is None else int(Decimal(str(amount)) * 100)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        hashed = hashlib.sha256(f"{row['Previous hash']}\n{canonical}".encode()).hexdigest()
        assert hashed == row["Hash"], row["Entry"]
    assert len(rows) == sum(overview.entries for overview in _plans(account.store))


def _plans(store):
    from vippsrecon.store import list_plans

    return list_plans(store)


def test_text_is_never_written_as_a_formula(journal, tmp_path):
    """A document number that begins with + must not be calculated as a formula."""
    account, _ = journal
    book = load_workbook(write_extract(account.store, tmp_path / "j.xlsx"))

    for name in ("Outcomes", "Entries"):
        assert [c for row in book[name].iter_rows() for c in row if c.data_type == "f"] == []


def test_control_sheet_has_totals_and_hashes(journal, tmp_path):
    """Every plan's totals agree, with rows that were never begun, and its hashes are shown."""
    account, plan = journal
    path = write_extract(account.store, tmp_path / "j.xlsx")

    content = read_texts(path, "Control")
    assert content.count("OK") == 4
    assert "DIFFERS" not in content
    seq, last = read_head(account.store, plan.plan_id)
    assert f"{seq}:{last}" in content
    assert verify_journal(account.store, plan.plan_id).first_hash in content
    assert "2 rows, counted as skipped above" in content
    assert "2 plans; every hash chain is intact." in content


def test_extract_of_one_plan_contains_no_other_plan(journal, tmp_path):
    """An auditor who asks about one plan must not see the customers of another."""
    account, plan = journal
    path = write_extract(account.store, tmp_path / "j.xlsx", plan_ids=[plan.plan_id])

    assert {row["Plan"] for row in sheet(path, "Entries")} == {plan.plan_id}


def test_the_same_journal_gives_the_same_bytes(journal, tmp_path):
    """Two extracts of one journal can be compared."""
    account, _ = journal
    first_extract = write_extract(account.store, tmp_path / "a.xlsx").read_bytes()

    assert write_extract(account.store, tmp_path / "b.xlsx").read_bytes() == first_extract


def test_broken_chain_is_reported_on_the_cover(journal, tmp_path):
    """The workbook must not look correct if the journal was modified."""
    account, plan = journal
    _tamper(account.store, "amount_minor = 1 WHERE kind = 'intended' AND row = 2")

    cover_texts = read_texts(write_extract(account.store, tmp_path / "j.xlsx"), "Control")

    assert any(f"Plan {plan.plan_id}: entry" in str(text) for text in cover_texts)
    assert not any("every hash chain is intact" in str(text) for text in cover_texts)


def test_unreadable_entry_raises_an_error_that_names_it(journal, tmp_path):
    """An entry whose detail is not valid JSON stops the extract. The message names the entry."""
    account, _ = journal
    _tamper(account.store, "detail = 'gone' WHERE kind = 'intended' AND row = 2")

    with pytest.raises(StoreError, match=r"entry \d+ of plan .* was modified"):
        write_extract(account.store, tmp_path / "j.xlsx")
    assert not (tmp_path / "j.xlsx").exists()


def _tamper(store, change):
    """Change the journal directly, as somebody with the database password could."""
    with store._engine.connect() as connection:
        connection.exec_driver_sql("DROP TRIGGER journal_no_update")
        connection.execute(text(f"UPDATE journal SET {change}"))
        connection.commit()


def test_empty_or_unknown_journal_raises(make_account, tmp_path):
    """If there is nothing to show, the error says so, and no empty workbook is written."""
    account = make_account(1)

    with pytest.raises(PlanError, match="contains no plan yet"):
        write_extract(account.store, tmp_path / "j.xlsx")
    with pytest.raises(PlanError, match="is not in the workspace"):
        write_extract(account.store, tmp_path / "j.xlsx", plan_ids=["gone"])


@pytest.mark.office
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here")
def test_libreoffice_computes_the_same_totals(journal, tmp_path):
    """LibreOffice recalculates every control total. A row changed by hand shows DIFFERS."""
    account, plan = journal
    path = write_extract(account.store, tmp_path / "j.xlsx")
    book = load_workbook(path)
    book.save(path)  # openpyxl saves the formulas without their computed values
    book["Outcomes"]["D5"] = "refunded?"
    book.save(tmp_path / "changed.xlsx")
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
            "--headless",
            "--convert-to",
            "xlsx:Calc MS Excel 2007 XML",
            "--outdir",
            str(tmp_path / "out"),
            *(str(tmp_path / name) for name in ("j.xlsx", "changed.xlsx")),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )

    assert read_texts(tmp_path / "out" / "j.xlsx", "Control").count("OK") == 4
    changed = read_texts(tmp_path / "out" / "changed.xlsx", "Control")
    assert (changed.count("OK"), changed.count("DIFFERS")) == (2, 2)
    assert plan.plan_id in changed
