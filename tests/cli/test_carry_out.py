"""`carry-out` as a person uses it, from the list to the refund; a dry run is the default."""

from __future__ import annotations

import dataclasses
import os
import pty
import subprocess
import sys

import pytest
from openpyxl import load_workbook

from tests.cli.refund_folder import MSN, SUM
from vippsrecon.bulk.plan.file import read_plan, write_plan

LEDGER = {
    "ledgerId": "302321",
    "currency": "NOK",
    "payoutBankAccount": {"scheme": "BBAN:NO", "id": "86011117947"},
    "owner": {"jurisdiction": "NO", "id": "987654321"},
    "firstLedgerDate": "2026-01-01",
    "settlesForRecipientHandles": [f"api:{MSN}"],
}


def test_help_has_an_example(run):
    """An example explains more than a list of options."""
    done = run("carry-out", "--help")

    assert done.exit_code == 0
    assert "Example:" in done.stdout
    assert "--live" in done.stdout


def test_dry_run_is_the_default(desk):
    """A dry run shows what would be done, sends nothing, and creates no database."""
    here = desk(3)
    here.plan("1000.00", "250.00", "0.50")

    done = here.run("carry-out", "plan.json")

    assert done.exit_code == 0, done.output
    assert "Dry run: 3 of 3 refunds would be sent. Nothing was sent" in done.stdout
    assert "1 250.50 NOK" in done.stdout
    assert "Not approved yet. Run: vippsrecon approve plan.json" in done.stdout
    assert here.effects() == {}
    assert not list(here.folder.glob("*.db"))


def test_repeated_live_runs_do_each_row_once(ready, printed):
    """The same command continues where it stopped; here all rows are done, so nothing is sent."""
    for summary in ("Done: 3 refunds", "Nothing was sent: all 3 were done on 2026-01-31"):
        done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)
        assert done.exit_code == 0, done.output
        assert summary in done.stdout
        assert "approved  ola" in done.stdout

    assert ready.effects() == {"order-000001": 100_000, "order-000002": 25_000, "order-000003": 50}
    head = done.stdout.split("head      ")[1].split()[0]
    verified = ready.run("journal", "--plan", "plan.json", "--verify", "--head", head, "--json")
    assert verified.exit_code == 0
    assert printed(verified)["plans"][0]["head"] == head


def test_json_lists_every_row(ready, printed):
    """Every row is in the output, amounts are integers, and the counts add up to the plan."""
    done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM, "--json")

    said = printed(done)
    assert said["counts"] == {
        "done": 3,
        "already_done": 0,
        "refused": 0,
        "skipped": 0,
        "unknown": 0,
    }
    assert [row["amount_minor"] for row in said["outcomes"]] == [100_000, 25_000, 50]
    assert {row["outcome"] for row in said["outcomes"]} == {"done"}
    assert said["outcomes"][0]["booking_date"] == "2026-01-31"
    assert said["outcomes"][0]["credit_note_needed"] is True
    assert (said["stopped"], said["live"], said["approver"]) == (None, True, "ola")
    assert len(said["head"].partition(":")[2]) == 64


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="not said"),
        pytest.param(["--confirm", "1250.49 NOK"], id="another sum"),
        pytest.param(["--confirm", "1250.50 EUR"], id="another currency"),
        pytest.param(["--confirm", SUM, "--confirm", "1 EUR"], id="one too many"),
        pytest.param(["--confirm", "1250.50"], id="no currency"),
        pytest.param(["--confirm", "all NOK"], id="no number"),
    ],
)
def test_live_requires_the_sum(ready, arguments):
    """A user who has to repeat the sum has read it."""
    done = ready.run("carry-out", "plan.json", "--live", *arguments)

    assert done.exit_code == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.output
    assert ready.effects() == {}


def test_live_run_requires_an_approval(desk):
    """One person's command alone must not move money."""
    here = desk(1)
    here.plan("10.00")

    done = here.run("carry-out", "plan.json", "--live", "--confirm", "10.00 NOK")

    assert done.exit_code == 2
    assert "not approved" in done.stderr
    assert here.effects() == {}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        pytest.param("1250.50", 0, id="the sum"),
        pytest.param("1 250.50 NOK", 0, id="with its currency"),
        pytest.param("12.50", 2, id="another"),
    ],
)
def test_terminal_prompts_for_the_sum(ready, typed, code):
    """A person types the sum at the terminal; a script must give it as an option."""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "vippsrecon", "carry-out", "plan.json", "--live"],
        cwd=ready.folder,
        stdin=end,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        os.write(terminal, f"{typed}\n".encode())
        out, err = process.communicate(timeout=120)
    os.close(terminal)
    os.close(end)

    assert process.returncode == code, out + err
    assert "1 250.50 NOK" in err
    assert len(ready.effects()) == (3 if code == 0 else 0)


def test_refused_row_gives_exit_code_1_and_reason(ready):
    """The payment changed after planning: this row is refused, and the other rows are done."""
    other = ready.run(
        "carry-out", "plan.json", "--json"
    )  # a dry run first, as the documents advise
    assert other.exit_code == 0
    from vippsrecon.api import Client
    from vippsrecon.config.load import load_settings

    with Client(load_settings()) as client:
        client.refund("order-000002", 100, "NOK", idempotency_key="from-the-portal")

    done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)

    assert done.exit_code == 1
    assert "2 of 3 refunds done, 1 refused" in done.stdout
    assert "refused  row 2, order-000002: Not refunded (250.00 NOK)" in done.stdout
    assert ready.effects()["order-000002"] == 100


def test_stopped_run_gives_exit_code_2(ready, printed):
    """The sales unit may not refund at all, so the run stops instead of trying each row."""
    ready.simulator.set_settings(refusals=[{"code": 5100, "operation": "refund"}])

    done = ready.run(
        "carry-out", "plan.json", "--live", "--confirm", SUM, "--in-flight", "1", "--json"
    )

    assert done.exit_code == 2
    said = printed(done)
    assert said["stopped"]
    assert said["counts"]["skipped"] == 3
    assert sum(said["counts"].values()) == 3
    assert ready.effects() == {}
    told = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM).stdout
    assert "next      Run the same command again" in told


def test_outcomes_workbook_is_written(ready):
    """The workbook of outcomes contains the head of the journal."""
    done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM, "--out", "outcomes.xlsx")

    assert done.exit_code == 0
    head = done.stdout.split("head      ")[1].split()[0]
    book = load_workbook(ready.folder / "outcomes.xlsx", data_only=True)
    assert head in [cell.value for row in book["Summary"].iter_rows() for cell in row]
    assert book["Outcomes"].max_row == 4 + 3


@pytest.mark.parametrize("out", ["outcomes.csv", "gone/outcomes.xlsx", "plan.json", "folder.xlsx"])
def test_unusable_outcomes_path_is_refused_before_the_run(ready, out):
    """An error about the output file must come before the run, not after it."""
    (ready.folder / "folder.xlsx").mkdir()
    before = (ready.folder / "plan.json").read_bytes()

    done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM, "--out", out)

    assert done.exit_code == 2
    assert ready.effects() == {}
    assert (ready.folder / "plan.json").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"amount_minor":100000', b'"amount_minor":100001', id="an amount"),
        pytest.param(b'"planner": "kari"', b'"planner": "nils"', id="the planner"),
        pytest.param(b"\n}", b" \n}", id="a space"),
    ],
)
def test_a_plan_changed_by_hand_is_refused(ready, old, new):
    """The plan must be the approved one, byte for byte; otherwise nothing is carried out."""
    path = ready.folder / "plan.json"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))

    done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)

    assert done.exit_code == 2
    assert "plan.json" in done.stderr
    assert ready.effects() == {}


def test_a_plan_for_another_environment_is_refused(ready, monkeypatch):
    """A plan made at the simulator must not move money in another environment."""
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "test")
    monkeypatch.delenv("VIPPS_BASE_URL")

    done = ready.run("carry-out", "plan.json")

    assert done.exit_code == 2
    assert "the plan is for simulator" in done.stderr
    assert ready.effects() == {}


def test_environment_is_checked_before_any_request(ready):
    """If the plan is for another environment, no token and no balance are requested."""
    before = ready.simulator.requests()["requests"]
    plan = ready.folder / "plan.json"
    planned = dataclasses.replace(read_plan(plan), environment="production")
    plan.unlink()
    write_plan(planned, plan)

    done = ready.run("carry-out", "plan.json")

    assert done.exit_code == 2
    assert "ledger" not in done.stdout
    assert ready.simulator.requests()["requests"] == before


def test_ledger_balance_is_shown_with_the_sum(desk):
    """Refunds are taken from the next settlement, so the user must see if it covers them."""
    entry = {
        "pspReference": "3343121302",
        "time": "2026-01-31T09:30:00Z",
        "ledgerDate": "2026-01-31",
        "entryType": "capture",
        "reference": "order-000001",
        "currency": "NOK",
        "amount": 500,
        "recipientHandle": f"api:{MSN}",
        "balanceBefore": 0,
        "balanceAfter": 500,
        "unrelated": "",
    }
    here = desk(1, {"ledger": LEDGER}, {"ledgerId": "302321", "topic": "funds", "entry": entry})
    here.plan("10.00")

    done = here.run("carry-out", "plan.json")

    assert "ledger    302321 held 5.00 NOK on 2026-01-31" in done.stdout
    assert "the plan comes to 10.00 NOK, which is more" in done.stdout


def test_unreadable_ledger_prints_nothing(desk, monkeypatch):
    """Most keys cannot read the Report API: no message is printed, and nothing fails."""
    monkeypatch.setattr("vippsrecon.ledger.balances.BALANCE_TIMEOUT_SECONDS", 0.2)
    here = desk(1)
    here.plan("10.00")
    here.simulator.set_faults([{"operations": ["ledgers"], "share": 1, "status": 500}])

    done = here.run("carry-out", "plan.json")

    assert done.exit_code == 0
    assert "ledger" not in done.output


def test_approve_lists_the_rows(desk):
    """The approver sees the rows, not only the sum; of a long plan the first fifty rows."""
    here = desk(3)
    here.plan("10.00", "20.00", "1000.00")

    said = here.run("approve", "plan.json", "--as", "ola")

    assert said.exit_code == 0
    for text in ("order-000001     10.00 NOK", "order-000003  1 000.00 NOK"):
        assert text in said.stdout.replace("\u00a0", " "), said.stdout
    assert "more rows" not in said.stdout


def test_approve_states_that_the_plan_file_has_the_other_rows(desk):
    """Only fifty rows are shown; the message says that the plan file has the others."""
    here = desk(53)
    here.plan(*["1.00"] * 53)

    said = here.run("approve", "plan.json", "--as", "ola")

    assert "order-000050" in said.stdout
    assert "order-000051" not in said.stdout
    assert "and 3 more rows: they stand one a line in the plan file" in said.stdout
