"""`carry-out` as a person uses it, from the list to the refund; a dry run is the default."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pty
import signal
import socket
import subprocess
import sys

import pytest
from openpyxl import load_workbook

from tests.cli.refund_folder import MSN, SUM
from tests.waiting import wait_until
from vippsrecon.bulk.plan.file import read_plan, write_plan

LEDGER = {
    "ledgerId": "302321",
    "currency": "NOK",
    "payoutBankAccount": {"scheme": "BBAN:NO", "id": "86011117947"},
    "owner": {"jurisdiction": "NO", "id": "987654321"},
    "firstLedgerDate": "2026-01-01",
    "settlesForRecipientHandles": [f"api:{MSN}"],
}

CAPTURE_ENTRY = {
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
"""An entry of the funds ledger: a capture of NOK 5."""


def test_help_has_an_example(run):
    """An example explains more than a list of options."""
    result = run("carry-out", "--help")

    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert "--live" in result.stdout


def test_dry_run_is_the_default(make_refund_folder):
    """A dry run shows what would be done, sends nothing, and creates no database."""
    refund_folder = make_refund_folder(3)
    refund_folder.plan("1000.00", "250.00", "0.50")

    result = refund_folder.run("carry-out", "plan.json")

    assert result.exit_code == 0, result.output
    assert "Dry run: 3 of 3 refunds would be sent. Nothing was sent" in result.stdout
    assert "1 250.50 NOK" in result.stdout
    assert "Not approved yet. Run: vippsrecon approve plan.json" in result.stdout
    assert refund_folder.effects() == {}
    assert not list(refund_folder.folder.glob("*.db"))


def test_repeated_live_runs_do_each_row_once(ready, read_json):
    """The same command continues where it stopped; here all rows are done, so nothing is sent."""
    for summary in ("Done: 3 refunds", "Nothing was sent: all 3 were done on 2026-01-31"):
        result = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)
        assert result.exit_code == 0, result.output
        assert summary in result.stdout
        assert "approved  ola" in result.stdout

    assert ready.effects() == {"order-000001": 100_000, "order-000002": 25_000, "order-000003": 50}
    head = result.stdout.split("head      ")[1].split()[0]
    verified = ready.run("journal", "--plan", "plan.json", "--verify", "--head", head, "--json")
    assert verified.exit_code == 0
    assert read_json(verified)["plans"][0]["head"] == head


def test_json_lists_every_row(ready, read_json):
    """Every row is in the output, amounts are integers, and the counts add up to the plan."""
    result = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM, "--json")

    output = read_json(result)
    assert output["counts"] == {
        "done": 3,
        "already_done": 0,
        "refused": 0,
        "skipped": 0,
        "unknown": 0,
    }
    assert [row["amount_minor"] for row in output["outcomes"]] == [100_000, 25_000, 50]
    assert {row["outcome"] for row in output["outcomes"]} == {"done"}
    assert output["outcomes"][0]["booking_date"] == "2026-01-31"
    assert output["outcomes"][0]["credit_note_needed"] is True
    assert (output["stopped"], output["live"], output["approver"]) == (None, True, "ola")
    assert len(output["head"].partition(":")[2]) == 64


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="not confirmed"),
        pytest.param(["--confirm", "1250.49 NOK"], id="another sum"),
        pytest.param(["--confirm", "1250.50 EUR"], id="another currency"),
        pytest.param(["--confirm", SUM, "--confirm", "1 EUR"], id="one too many"),
        pytest.param(["--confirm", "1250.50"], id="no currency"),
        pytest.param(["--confirm", "all NOK"], id="no number"),
    ],
)
def test_live_requires_the_sum(ready, arguments):
    """A user who has to repeat the sum has read it."""
    result = ready.run("carry-out", "plan.json", "--live", *arguments)

    assert result.exit_code == 2
    assert result.stderr.strip()
    assert ('add --confirm "1 250.50 NOK"' in result.stderr) is (not arguments)
    assert "Traceback" not in result.output
    assert ready.effects() == {}


def test_live_run_requires_an_approval(make_refund_folder):
    """One person's command alone must not move money."""
    refund_folder = make_refund_folder(1)
    refund_folder.plan("10.00")

    result = refund_folder.run("carry-out", "plan.json", "--live", "--confirm", "10.00 NOK")

    assert result.exit_code == 2
    assert "not approved" in result.stderr
    assert refund_folder.effects() == {}


@pytest.mark.ci
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

    result = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)

    assert result.exit_code == 1
    assert "2 of 3 refunds done, 1 refused" in result.stdout
    assert "refused  row 2, order-000002: Not refunded (250.00 NOK)" in result.stdout
    assert ready.effects()["order-000002"] == 100


def test_stopped_run_gives_exit_code_2(ready, read_json):
    """The sales unit may not refund at all, so the run stops instead of trying each row."""
    ready.simulator.set_settings(refusals=[{"code": 5100, "operation": "refund"}])

    result = ready.run(
        "carry-out", "plan.json", "--live", "--confirm", SUM, "--in-flight", "1", "--json"
    )

    assert result.exit_code == 2
    output = read_json(result)
    assert output["stopped"]
    assert output["counts"]["skipped"] == 3
    assert sum(output["counts"].values()) == 3
    assert ready.effects() == {}
    summary = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM).stdout
    assert "next      Run the same command again" in summary


def test_outcomes_workbook_is_written(ready):
    """The workbook of outcomes contains the head of the journal."""
    result = ready.run(
        "carry-out", "plan.json", "--live", "--confirm", SUM, "--out", "outcomes.xlsx"
    )

    assert result.exit_code == 0
    head = result.stdout.split("head      ")[1].split()[0]
    book = load_workbook(ready.folder / "outcomes.xlsx", data_only=True)
    assert head in [cell.value for row in book["Summary"].iter_rows() for cell in row]
    assert book["Outcomes"].max_row == 4 + 3


@pytest.mark.parametrize("out", ["outcomes.csv", "gone/outcomes.xlsx", "plan.json", "folder.xlsx"])
def test_unusable_outcomes_path_is_refused_before_the_run(ready, out):
    """An error about the output file must come before the run, not after it."""
    (ready.folder / "folder.xlsx").mkdir()
    before = (ready.folder / "plan.json").read_bytes()

    result = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM, "--out", out)

    assert result.exit_code == 2
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

    result = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)

    assert result.exit_code == 2
    assert "plan.json" in result.stderr
    assert ready.effects() == {}


def test_a_plan_for_another_environment_is_refused(ready, monkeypatch):
    """A plan made at the simulator must not move money in another environment."""
    monkeypatch.setenv("VIPPS_ENVIRONMENT", "test")
    monkeypatch.delenv("VIPPS_BASE_URL")

    result = ready.run("carry-out", "plan.json")

    assert result.exit_code == 2
    assert "the plan is for simulator" in result.stderr
    assert ready.effects() == {}


def test_environment_is_checked_before_any_request(ready):
    """If the plan is for another environment, no token and no balance are requested."""
    before = ready.simulator.requests()["requests"]
    plan = ready.folder / "plan.json"
    planned = dataclasses.replace(read_plan(plan), environment="production")
    plan.unlink()
    write_plan(planned, plan)

    result = ready.run("carry-out", "plan.json")

    assert result.exit_code == 2
    assert "ledger" not in result.stdout
    assert ready.simulator.requests()["requests"] == before


def test_ledger_balance_is_shown_with_the_sum(make_refund_folder):
    """Refunds are taken from the next settlement, so the user must see if it covers them."""
    refund_folder = make_refund_folder(
        1, {"ledger": LEDGER}, {"ledgerId": "302321", "topic": "funds", "entry": CAPTURE_ENTRY}
    )
    refund_folder.plan("10.00")

    result = refund_folder.run("carry-out", "plan.json")

    assert "(ledger 302321) stood at 5.00 NOK on 2026-01-31" in result.stdout
    assert "this plan refunds 10.00 NOK." in result.stdout
    assert "You can carry it out" in result.stdout


@pytest.mark.parametrize("mode", [[], ["--live"]], ids=["dry", "live"])
def test_finished_plan_makes_no_request(ready, monkeypatch, mode):
    """The journal knows every outcome, so the command works without a network."""
    done = ready.run("carry-out", "plan.json", "--live", "--confirm", SUM)
    assert done.exit_code == 0, done.output
    before = ready.simulator.requests()["requests"]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("VIPPS_BASE_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")

    done = ready.run("carry-out", "plan.json", *mode)

    assert done.exit_code == 0, done.output
    assert "Nothing was sent: all 3 were done on 2026-01-31" in done.stdout
    assert "approved  ola" in done.stdout
    assert "add --live" not in done.stdout
    assert ready.simulator.requests()["requests"] == before


def test_note_on_the_balance_counts_only_rows_that_are_left(make_refund_folder):
    """What was refunded before is in the balance already."""
    here = make_refund_folder(
        2, {"ledger": LEDGER}, {"ledgerId": "302321", "topic": "funds", "entry": CAPTURE_ENTRY}
    )
    here.plan("10.00", "2.00")
    here.approve()
    refused = {"code": 6210, "operation": "refund", "reference": "order-000001"}
    locked = {"code": 4150, "operation": "refund", "reference": "order-000002"}
    here.simulator.set_settings(refusals=[refused, locked])
    first = here.run(
        "carry-out", "plan.json", "--live", "--confirm", "12.00 NOK", "--in-flight", "1"
    )
    assert first.exit_code == 2, first.output

    again = here.run("carry-out", "plan.json")

    assert "this plan refunds 12.00 NOK." in first.stdout
    assert "this plan still refunds 2.00 NOK." in again.stdout
    assert "You can carry it out" not in again.stdout


@pytest.mark.ci
def test_second_interrupt_says_that_the_workbook_was_not_written(ready):
    """An older outcomes.xlsx would otherwise be taken for that of this run."""
    ready.simulator.set_faults([{"operations": ["getPayment"], "share": 1, "latency_ms": 60_000}])
    command = ["carry-out", "plan.json", "--live", "--confirm", SUM, "--out", "o.xlsx"]
    # A process started in the background ignores SIGINT unless it says otherwise.
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from vippsrecon.cli import main; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, *command],
        cwd=ready.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: ready.simulator.requests()["requests"].get("getPayment", 0) > 3)
        # The first one only lets the rows in progress finish, which takes a minute here.
        for seconds in (3, 40):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=seconds)
        process.kill()
        printed = process.stderr.read()

    assert process.returncode == 2
    assert "Progress is saved, but o.xlsx was not written: run the same command again" in printed


def test_confirmation_without_live_is_noted(ready):
    """Whoever confirms a sum expects that money moves."""
    done = ready.run("carry-out", "plan.json", "--confirm", SUM)

    assert "--confirm has no effect without --live" in done.stderr


def test_own_approval_is_stated(make_refund_folder):
    """The planner may approve a small plan alone, and the output says that nobody else looked."""
    here = make_refund_folder(1)
    here.plan("10.00")

    own = here.run("approve", "plan.json", "--as", "kari")
    other = here.run("approve", "plan.json", "--as", "ola")

    assert "kari approved their own plan (allowed up to 10 000.00 NOK)" in own.stdout
    assert "their own plan" not in other.stdout


def test_unreadable_ledger_prints_nothing(make_refund_folder, monkeypatch):
    """Most keys cannot read the Report API: no message is printed, and nothing fails."""
    monkeypatch.setattr("vippsrecon.ledger.balances.BALANCE_TIMEOUT_SECONDS", 0.2)
    refund_folder = make_refund_folder(1)
    refund_folder.plan("10.00")
    refund_folder.simulator.set_faults([{"operations": ["ledgers"], "share": 1, "status": 500}])

    result = refund_folder.run("carry-out", "plan.json")

    assert result.exit_code == 0
    assert "ledger" not in result.output


def test_approve_lists_the_rows(make_refund_folder):
    """The approver sees the rows, not only the sum; of a long plan the first fifty rows."""
    refund_folder = make_refund_folder(3)
    refund_folder.plan("10.00", "20.00", "1000.00")

    result = refund_folder.run("approve", "plan.json", "--as", "ola")

    assert result.exit_code == 0
    for text in ("order-000001     10.00 NOK", "order-000003  1 000.00 NOK"):
        assert text in result.stdout.replace("\u00a0", " "), result.stdout
    assert "more rows" not in result.stdout


def test_approve_states_that_the_plan_file_has_the_other_rows(make_refund_folder):
    """Only fifty rows are shown; the message says that the plan file has the others."""
    refund_folder = make_refund_folder(53)
    refund_folder.plan(*["1.00"] * 53)

    result = refund_folder.run("approve", "plan.json", "--as", "ola")

    assert "order-000050" in result.stdout
    assert "order-000051" not in result.stdout
    assert "and 3 more rows: the plan file has them, one per line" in result.stdout
