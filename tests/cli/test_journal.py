"""`journal` as a person uses it: what was done, whether it is unchanged, and what is still open."""

from __future__ import annotations

import json
import sqlite3
import stat

import pytest
from openpyxl import load_workbook

from tests.cli.refund_folder import SUM


@pytest.fixture
def carried_out(ready):
    """Return a folder whose plan was carried out; `plan_id` and `head` are from the run's output."""
    ran = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM, "--json")
    output = json.loads(ran.stdout)
    ready.plan_id, ready.head = output["plan_id"], output["head"]
    return ready


@pytest.fixture
def open_row(make_refund_folder, monkeypatch):
    """Return a folder with one refund that was done, but whose event is not visible yet."""
    refund_folder = make_refund_folder(1)
    refund_folder.plan("10.00")
    refund_folder.approve()
    (refund_folder.folder / "vippsrecon.toml").write_text(
        "[limits]\nsettle_for = 1\n", encoding="utf-8"
    )
    refund_folder.simulator.set_settings(event_log_lag_ms=600_000)
    refund_folder.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    ran = refund_folder.run("carry-out", "plan.json", "--live", "--confirm", "10.00 NOK")
    assert "1 unknown" in ran.stdout, ran.output
    refund_folder.simulator.set_faults([])
    return refund_folder


def tamper(refund_folder, *changes, restored=False):
    """Change the journal directly in the database; with `restored`, create its triggers again."""
    with sqlite3.connect(refund_folder.folder / "vippsrecon.db") as database:
        guards = database.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        database.execute("DROP TRIGGER journal_no_update")
        database.execute("DROP TRIGGER journal_no_delete")
        for change in changes:
            database.execute(change)
        for (guard,) in guards if restored else ():
            database.execute(guard)
    database.close()


def test_extract_of_a_changed_journal_gives_exit_code_1(carried_out):
    """The workbook is still written for an investigation, but the exit code reports the change."""
    assert carried_out.run("journal", "--out", "journal.xlsx").exit_code == 0
    tamper(carried_out, "UPDATE journal SET amount_minor = 1 WHERE kind = 'intended' AND row = 2")

    result = carried_out.run("journal", "--out", "changed.xlsx")

    assert result.exit_code == 1
    assert f"The journal of plan {carried_out.plan_id} was modified" in result.stderr
    assert (carried_out.folder / "changed.xlsx").exists()


@pytest.mark.parametrize("command", [["journal"], ["journal", "settle"]])
def test_help_has_an_example(run, command):
    """An example explains more than a list of options."""
    helped = run(*command, "--help")

    assert helped.exit_code == 0
    assert "Example:" in helped.stdout


def test_journal_lists_the_plans(carried_out, read_json):
    """The list shows what was planned, who approved it, and the outcome."""
    result = carried_out.run("journal")

    assert result.exit_code == 0
    assert carried_out.plan_id in result.stdout
    assert "3 refunds, 1 250.50 NOK: 3 done" in result.stdout
    assert "approved by ola" in result.stdout
    assert carried_out.head in result.stdout
    plan = read_json(carried_out.run("journal", "--json"))["plans"][0]
    assert plan["totals"] == {"NOK": 125_050}
    assert plan["counts"]["done"] == 3


@pytest.mark.parametrize("named", ["file", "id"])
def test_journal_shows_one_plan_by_file_or_id(carried_out, read_json, named):
    """An accountant has the plan file; an auditor has the id."""
    name = "plan.json" if named == "file" else carried_out.plan_id

    output = read_json(carried_out.run("journal", "--plan", name, "--json"))

    assert [plan["plan_id"] for plan in output["plans"]] == [carried_out.plan_id]
    kinds = [entry["kind"] for entry in output["entries"]]
    assert kinds[:3] == ["seen", "approved", "carrier"]
    assert kinds.count("done") == 3
    assert output["entries"][-1]["hash"] == carried_out.head.partition(":")[2]


def test_verify_accepts_an_unchanged_journal(carried_out):
    """The output has the first and the last hash, which the user can save elsewhere."""
    result = carried_out.run("journal", "--verify")

    assert result.exit_code == 0
    assert f"head        {carried_out.head}" in result.stdout


def test_verify_accepts_the_printed_head(carried_out):
    """The head that the run printed is still the end of the journal."""
    assert (
        carried_out.run(
            "journal", "--plan", carried_out.plan_id, "--verify", "--head", carried_out.head
        ).exit_code
        == 0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            "UPDATE journal SET amount_minor = 1 WHERE seq = 5", "entry 5 was changed", id="changed"
        ),
        pytest.param("DELETE FROM journal WHERE seq = 6", "entry 6 is missing", id="removed"),
    ],
)
def test_broken_chain_gives_exit_code_1_and_names_the_entry(
    carried_out, read_json, change, message
):
    """Every change to the journal must be visible."""
    tamper(carried_out, change)

    shown = carried_out.run("journal", "--verify")

    assert shown.exit_code == 1
    assert message in shown.stdout
    verdict = read_json(carried_out.run("journal", "--verify", "--json"))["plans"][0]
    assert (verdict["ok"], verdict["head"]) == (False, None)
    assert message in verdict["fault"]


def test_removed_last_entries_are_found_with_the_head(carried_out):
    """A shortened chain is valid by itself; only the head saved elsewhere reveals the cut."""
    tamper(carried_out, "DELETE FROM journal WHERE kind = 'ended'", restored=True)

    assert carried_out.run("journal", "--verify").exit_code == 0
    shown = carried_out.run(
        "journal", "--plan", "plan.json", "--verify", "--head", carried_out.head
    )
    assert shown.exit_code == 1
    assert "cut off" in shown.stdout


def test_printed_head_names_its_plan(ready):
    """The printed line is all a user has to save: the command beside it works unchanged."""
    ran = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)
    lines = ran.stdout.splitlines()
    head = next(line for line in lines if line.startswith("head "))
    start = next(n for n, line in enumerate(lines) if "vippsrecon journal --plan" in line)
    command = " ".join(lines[start : start + 2]).replace("\\", "").split()

    assert command[3] in head
    shown = ready.run(*command[1:])
    assert shown.exit_code == 0
    assert "The saved head is an entry of this plan" in shown.stdout
    without_plan = ready.run("journal", "--verify", "--head", command[-1])
    assert without_plan.exit_code == 0
    assert "The saved head is an entry of this plan" in without_plan.stdout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param([], "the trigger journal_no_update is missing", id="triggers"),
        pytest.param(
            ["UPDATE caps SET amount_minor = 0"], "counts 0 minor units", id="a cap set to zero"
        ),
        pytest.param(
            ["DELETE FROM reserved WHERE row = 1", "UPDATE caps SET amount_minor = amount_minor - 100000"],
            "holds nothing of the cap day:",
            id="a row taken from its cap",
        ),
        pytest.param(
            ["INSERT INTO in_flight VALUES ('simulator', '123456', 'order-9', 'p', 1, '')"],
            "payment order-9",
            id="a payment held by nobody",
        ),
    ],
)  # fmt: skip
def test_verify_checks_the_tables_beside_the_journal(make_refund_folder, changes, message):
    """Triggers, caps and payments in flight must agree with the journal, or the exit code is 1."""
    refund_folder = make_refund_folder(2)
    refund_folder.plan("1000.00", "250.50")
    (refund_folder.folder / "vippsrecon.toml").write_text(
        "[limits]\nper_day = 9000\n", encoding="utf-8"
    )
    refund_folder.approve()
    ran = refund_folder.run("carry-out", "plan.json", "--live", "--confirm", SUM)
    assert ran.exit_code == 0, ran.output
    assert refund_folder.run("journal", "--verify").exit_code == 0

    tamper(refund_folder, *changes, restored=bool(changes))

    shown = refund_folder.run("journal", "--verify")
    assert shown.exit_code == 1
    assert message in shown.stdout
    faults = json.loads(refund_folder.run("journal", "--verify", "--json").stdout)["database"][
        "faults"
    ]
    assert any(message in fault for fault in faults)


@pytest.mark.parametrize("tables", [("journal",), ("journal", "carriers", "reserved", "caps")])
def test_removed_plan_is_found(carried_out, tables):
    """The plan registered after it shows that there was an earlier plan."""
    carried_out.plan("10.00", references=["order-000002"])
    carried_out.approve()
    removed = [
        f"DELETE FROM {table} WHERE plan_id = '{carried_out.plan_id}'" for table in tables[:3]
    ]

    tamper(carried_out, *removed, restored=True)

    shown = carried_out.run("journal", "--verify")
    assert shown.exit_code == 1
    assert "a whole plan registered before it was removed" in shown.stdout


def test_backup_is_one_complete_file(carried_out):
    """The backup includes the write-ahead log.

    Only its owner can read it, and it replaces no file.
    """
    result = carried_out.run("journal", "--backup", "backup.db")

    backup = carried_out.folder / "backup.db"
    assert result.exit_code == 0
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with sqlite3.connect(backup) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        kinds = [kind for (kind,) in database.execute("SELECT kind FROM journal ORDER BY seq")]
    database.close()
    assert kinds[-1] == "ended"
    again = carried_out.run("journal", "--backup", "backup.db")
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert sorted(file.name for file in carried_out.folder.glob("backup.db*")) == ["backup.db"]


def test_journal_writes_the_audit_workbook(carried_out):
    """The command writes the workbook and also prints; it only reads the database."""
    result = carried_out.run("journal", "--out", "journal.xlsx")

    assert result.exit_code == 0
    book = load_workbook(carried_out.folder / "journal.xlsx", data_only=True)
    assert book.sheetnames == ["Control", "Outcomes", "Entries"]
    assert book["Outcomes"].max_row == 4 + 3


@pytest.mark.ci
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--plan", "gone.json"], id="neither file nor id"),
        pytest.param(["--plan", "00000000-0000-4000-8000-000000000009"], id="unknown id"),
        pytest.param(["--verify", "--head", "1:" + "0" * 64], id="a head without its plan"),
        pytest.param(["--plan", "plan.json", "--verify", "--head", "last"], id="no head"),
        pytest.param(["--out", "journal.csv"], id="no workbook"),
        pytest.param(["settle", "gone.json"], id="settle nothing"),
        pytest.param(["settle", "plan.json", "--row", "1"], id="half a word"),
        pytest.param(
            ["settle", "plan.json", "--row", "1", "--as", "lost", "--because", "x"], id="no ending"
        ),
    ],
)
def test_usage_error_gives_exit_code_2(carried_out, arguments):
    """Exit code 1 would mean that a chain is broken."""
    result = carried_out.run("journal", *arguments)

    assert result.exit_code == 2
    assert result.stderr.strip()
    assert "Traceback" not in result.output


def test_missing_database_is_reported(run, folder):
    """In a wrong folder, the command must not show an empty journal or create one."""
    result = run("journal", "--verify")

    assert result.exit_code == 2
    assert "there is no workspace database" in result.stderr
    assert list(folder.iterdir()) == []


def test_settle_reads_the_payment_again(open_row, read_json):
    """When the event log shows the refund, the row is done; nothing is sent."""
    still = open_row.run("journal", "settle", "plan.json")
    assert still.exit_code == 1
    assert "unknown      row 1, order-000001" in still.stdout
    open_row.simulator.advance(601)

    result = open_row.run("journal", "settle", "plan.json", "--json")

    assert result.exit_code == 0
    assert [row["outcome"] for row in read_json(result)["rows"]] == ["done"]
    assert open_row.effects() == {"order-000001": 1_000}
    assert "Nothing to settle" in open_row.run("journal", "settle", "plan.json").stdout


def test_settle_records_a_manual_decision(open_row):
    """The journal keeps who decided the outcome, and why."""
    open_row.simulator.advance(120)

    result = open_row.run(
        *("journal", "settle", "plan.json", "--row", "1", "--as", "done"),
        *("--because", "in the portal, 31 January", "--by", "kari"),
    )

    assert result.exit_code == 0
    assert "in the portal, 31 January (decided by kari)" in result.stdout
    assert "1 done" in open_row.run("journal").stdout
    assert "entries" in open_row.run("journal", "--verify").stdout
