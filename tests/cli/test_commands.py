"""Each command as a person uses it: exit codes, what it prints, what it leaves."""

from __future__ import annotations

import csv
import hashlib
import importlib
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest

from vippsrecon.cli import errors

COMMANDS = ["demo", "scenario", "simulator", "preview", "fetch", "reconcile", "check"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(run, command):
    """An example answers more than a list of options."""
    done = run(command, "--help")

    assert done.exit_code == 0
    assert "Example:" in done.stdout
    assert f"  vippsrecon {command}" in done.stdout


def test_help_is_quick():
    """Printed, not asserted: the figure belongs to the machine. Aim: under 0.4 s."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "vippsrecon", "--help"], capture_output=True, check=True
    )
    print(f"vippsrecon --help: {time.perf_counter() - started:.2f} s")

    assert b"reconcile" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_can_be_had(shell):
    """The completion script is the shell's own, asked for by its variable."""
    done = subprocess.run(
        [sys.executable, "-c", "from vippsrecon.cli import app; app(prog_name='vippsrecon')"],
        env={"_VIPPSRECON_COMPLETE": f"source_{shell}", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "vippsrecon" in done.stdout


def test_the_shops_complete():
    """The profiles that can be named, and not one that is always refused."""
    done = subprocess.run(
        [sys.executable, "-c", "from vippsrecon.cli import app; app(prog_name='vippsrecon')"],
        env={
            "_VIPPSRECON_COMPLETE": "complete_bash",
            "COMP_WORDS": "vippsrecon reconcile --shop sh",
            "COMP_CWORD": "3",
            "PATH": "/usr/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == ["shopify", "shopware"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["refund-everything"], id="unknown command"),
        pytest.param(["reconcile", "--out", "r.xlsx"], id="orders missing"),
        pytest.param(["demo", "--payments", "0"], id="a month of nothing"),
        pytest.param(["demo", "--shop", "prestashop"], id="unknown shop"),
        pytest.param(["--log-level", "LOUD", "check"], id="unknown log level"),
    ],
)
def test_a_wrong_use_ends_with_2(run, folder, arguments):
    """1 would say that a report exists."""
    assert run(*arguments).exit_code == errors.FAILURE_EXIT_CODE


def test_a_fault_of_ours_ends_with_2_and_says_so(run, monkeypatch, folder):
    """A crash must not look like 'finished, discrepancies exist' to a scheduler."""
    monkeypatch.setattr("vippsrecon.config.load.load_settings", lambda: 1 / 0)
    done = run("check")

    assert done.exit_code == errors.FAILURE_EXIT_CODE
    assert "fault in vippsrecon" in done.stderr


def test_stopping_is_one_sentence(run, monkeypatch, folder):
    """Ctrl-C during a long fetch: what was fetched is kept, and the sentence says so."""

    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("vippsrecon.config.load.load_settings", stop)
    done = run("check")

    assert done.exit_code == errors.FAILURE_EXIT_CODE
    assert "run the same command again to continue" in done.stderr
    assert "Traceback" not in done.stderr


def test_scenario_writes_the_same_bytes_again(run, folder):
    """Two people with the same arguments must talk about the same month."""
    for name in ("a", "b"):
        assert run("scenario", name, "--payments", "50", "--seed", "3").exit_code == 0
    files = sorted(path.name for path in (folder / "a").iterdir())

    assert files == ["bank.xml", "orders.csv", "settlement.csv", "simulator.jsonl", "truth.csv"]
    for name in files:
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


def test_preview_says_what_was_understood(run, orders, printed):
    """Before anything is run, one sees whether the file was understood."""
    shown = run("preview", orders)
    said = printed(run("preview", orders, "--json"))["files"][0]

    assert shown.exit_code in (0, 1)
    assert said["kind"] == "orders"
    assert said["format"] == "plain"
    assert said["totals"]["NOK"]["orders"] > 0
    assert isinstance(said["totals"]["NOK"]["total_minor"], int)
    assert f"{said['rows']:,} rows" in shown.stdout


def test_check_shows_places_and_no_secret(run, keys, printed, folder):
    """One has to see which of two places a setting came from, and never the secret itself."""
    done = run("check", "--json")
    said = printed(done)
    places = {one["setting"]: one["source"] for one in said["settings"]}

    assert done.exit_code == 0
    assert places["environment"] == "environment (VIPPS_ENVIRONMENT)"
    assert said["sales_units"] == ["123456"]
    assert said["database"]["exists"] is False
    assert "scenario-secret" not in done.output


def test_check_warns_of_a_clock_that_is_off(run, keys, printed, folder):
    """The simulator's clock stands in the scenario's month, so this machine's is off."""
    said = printed(run("check", "--json"))

    assert "clock" in said["warnings"][0]


def test_fetch_leaves_what_reconcile_takes(run, keys, orders, folder, printed):
    """The two steps apart give what the one command gives."""
    fetched = run("fetch", orders, "--out", "october", "--json")
    said = printed(fetched)
    done = run(
        "reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx", "--json"
    )

    assert said["missing"] == 0
    assert said["payments"] == len(pd.read_parquet(folder / "october" / "payments.parquet"))
    assert printed(done)["complete"] is True
    assert done.exit_code == 1
    assert (folder / "r.xlsx").stat().st_size > 0


def test_fetch_takes_a_list_of_references(run, keys, month, folder, printed):
    """Someone has a list from elsewhere, and wants to know what Vipps MobilePay says."""
    references = pd.read_csv(month / "truth.csv", dtype=str)["reference"].dropna().head(5)
    references.to_csv(folder / "references.csv", index=False)
    done = run("fetch", "references.csv", "--out", "some", "--json")
    said = printed(done)

    assert said["missing"] == 0
    assert said["payments"] + len(said["failures"]) >= references.nunique()


def test_fetch_says_which_column_of_a_list_it_took(run, keys, month, folder, printed):
    """A sheet with references among other columns will do; which one was meant must be seen."""
    said = "truth.csv is read as a list of references, from its column 'reference'"
    done = run("fetch", month / "truth.csv", "--out", "some", "--json")
    told = run("fetch", month / "truth.csv", "--out", "some")

    assert [note.partition(";")[0] for note in printed(done)["notes"]] == [said]
    assert printed(done)["payments"] > 0
    assert said in told.stdout


def test_reconcile_says_which_column_of_a_list_it_took(run, keys, month, orders, folder, printed):
    """Beside an export likewise, where the notices are."""
    options = ("--orders", orders, "--references", month / "truth.csv", "--out", "r.xlsx", "--json")

    assert any(
        "from its column 'reference'" in line
        for line in printed(run("reconcile", *options))["notices"]
    )


def test_reconcile_prints_one_object(run, keys, orders, folder, printed):
    """Programs read it: names and kinds of values stand as documented."""
    done = run("reconcile", "--orders", orders, "--out", "report.xlsx", "--json")
    said = printed(done)

    assert done.exit_code == 1
    assert {
        "verdict",
        "complete",
        "summary",
        "discrepancies",
        "buckets",
        "failures",
        "rejects",
        "report",
    } <= set(said)
    assert said["verdict"] == "discrepancies"
    assert said["failures"] == []
    assert set(said["buckets"]) >= {"orders", "payments"}
    assert sum(said["buckets"]["orders"].values()) == len(orders.read_text().splitlines()) - 1
    for row in said["discrepancies"]:
        assert isinstance(row["at_risk_minor"], int)
        assert isinstance(row["difference_minor"], int)


def test_kept_payments_repeat_the_run_to_the_byte(run, keys, orders, folder):
    """An auditor repeats the run a year later, without a call."""
    first = run("reconcile", "--orders", orders, "--out", "report.xlsx", "--json")
    keys.setenv("VIPPS_BASE_URL", "http://127.0.0.1:9")
    again = run(
        "reconcile",
        "--orders",
        orders,
        "--payments",
        "report.data",
        "--out",
        "again.xlsx",
        "--json",
    )

    assert again.stdout.replace("again.xlsx", "report.xlsx") == first.stdout
    hashes = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("report.xlsx", "again.xlsx")
    ]
    assert hashes[0] == hashes[1]


def test_several_files_may_follow_one_option(run, keys, orders, folder, printed):
    """A shell expands `--orders *.csv` to several files after one option."""
    lines = orders.read_text().splitlines(keepends=True)
    half = len(lines) // 2
    (folder / "one.csv").write_text("".join(lines[:half]))
    (folder / "two.csv").write_text("".join([lines[0], *lines[half:]]))
    said = printed(
        run("reconcile", "--orders", "one.csv", "two.csv", "--out", "report.xlsx", "--json")
    )

    assert sum(said["buckets"]["orders"].values()) == len(lines) - 1


def test_an_order_that_was_not_fetched_makes_it_incomplete(run, keys, orders, folder, printed):
    """A verdict over half of the payments would be a wrong verdict."""
    lines = orders.read_text().splitlines(keepends=True)
    (folder / "few.csv").write_text("".join(lines[:20]))
    assert run("fetch", "few.csv", "--out", "few").exit_code == 0
    done = run("reconcile", "--orders", orders, "--payments", "few", "--out", "r.xlsx", "--json")
    said = printed(done)

    assert done.exit_code == errors.FAILURE_EXIT_CODE
    assert said["verdict"] == "incomplete"
    assert {row["title"] for row in said["failures"]} == {"not fetched"}
    assert "INCOMPLETE" in done.stderr


def test_without_json_a_person_reads_a_summary(run, keys, orders, folder):
    """Verdict, sums and codes on one page, and where the report is."""
    done = run("reconcile", "--orders", orders, "--out", "report.xlsx")

    assert done.stdout.splitlines()[-1] == "Report: report.xlsx"
    assert "under_captured" in done.stdout


def test_preview_of_a_file_that_is_only_recognised(run, month):
    """A bank statement has no rows or sums yet, and is named for what it is."""
    done = run("preview", month / "bank.xml")

    assert done.exit_code == 0, done.output
    assert "bank, camt.053" in done.stdout


def test_fetch_says_what_a_list_names_twice(run, keys, folder):
    """A list glued together from two counts payments twice, unless somebody says so."""
    names = ["reference", "order-1001", "order-1001", "order-1002", "x" * 80]
    (folder / "references.csv").write_text("\n".join(names) + "\n")
    done = run("fetch", "references.csv", "--out", "some")

    assert done.exit_code == 1
    assert "1 row repeated a reference" in done.stdout
    assert "row 5: is longer than the 64 characters" in done.stdout


def test_fetch_says_why_references_are_missing(run, served_with, orders, folder):
    """Ten thousand rows of failures.csv have one reason as a rule."""
    served_with({"operations": ["getPayment"], "share": 1.0, "status": 503})
    (folder / "vippsrecon.toml").write_text("retry_seconds = 1\nin_flight = 256\n")
    done = run("fetch", orders, "--out", "october")

    assert done.exit_code == errors.FAILURE_EXIT_CODE
    line = next(line for line in done.stderr.splitlines() if line.startswith("INCOMPLETE"))
    assert "failures.csv" in line
    assert "all: " in line or "of them: " in line


@pytest.mark.parametrize("command", ["fetch", "reconcile"])
def test_the_simulators_own_month_is_no_clock_that_is_off(keys, orders, folder, command):
    """In a process of its own: what a person sees, without the test's own log handlers."""
    more = {
        "fetch": ["fetch", orders, "--out", "october"],
        "reconcile": ["reconcile", "--orders", orders, "--out", "report.xlsx"],
    }[command]
    done = subprocess.run(
        [sys.executable, "-m", "vippsrecon", *more], capture_output=True, text=True, check=False
    )

    assert done.stdout
    assert "clock" not in done.stderr


def test_check_shows_all_that_is_settled(run, keys, folder):
    """A tolerance misspelled or left in a wrong folder is found here or nowhere."""
    (folder / "vippsrecon.toml").write_text(
        '[tolerances]\ntolerance_minor = 7\n[[sales_unit]]\nmsn = "123456"\nmarket = "FI"\n'
    )
    said = run("check").stdout

    assert "tolerance_minor 7" in said
    assert "sales unit 123456: market FI, timezone Europe/Helsinki" in said


def test_check_shows_the_settings_before_it_calls(keys, folder):
    """Whom it speaks to is what a person wants to see while nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys.setenv("VIPPS_BASE_URL", url)
        checking = subprocess.Popen(
            [sys.executable, "-m", "vippsrecon", "check"], stdout=subprocess.PIPE, text=True
        )
        try:
            said = iter(checking.stdout.readline, "")

            assert any(f"base_url = {url}" in line for line in said)
            silent.accept()[0].close()
        finally:
            checking.kill()
            checking.communicate()


def test_check_gives_up_sooner_than_a_fetch(run, keys, folder, monkeypatch):
    """A person waits for it, whatever the settings say of a run at night."""
    check = importlib.import_module("vippsrecon.cli.check")
    monkeypatch.setattr(check, "MAX_CHECK_SECONDS", 0.2)
    (folder / "vippsrecon.toml").write_text("retry_seconds = 120\n")
    keys.setenv("VIPPS_BASE_URL", "http://127.0.0.1:9")
    started = time.monotonic()

    assert run("check").exit_code == errors.FAILURE_EXIT_CODE
    assert time.monotonic() - started < 60


def test_the_simulator_prints_settings_to_export(month, folder):
    """Invented keys are there to be used; whoever has to look for them gives up."""
    server = subprocess.Popen(
        [sys.executable, "-m", "vippsrecon", "simulator", "--state", month / "simulator.jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    said = server.stdout.readline() + server.stdout.readline()
    server.terminate()
    server.communicate(timeout=30)

    assert "VIPPS_ENVIRONMENT=simulator VIPPS_BASE_URL=http://127.0.0.1:" in said
    assert "VIPPS_MSN=123456 VIPPS_CLIENT_ID=scenario-client-123456" in said


def test_a_month_of_three_countries(run, folder, monkeypatch, printed):
    """The settings the simulator prints, used as they stand, find what was planted."""
    said = ["--payments", "300", *(f"--currency={one}" for one in ("NOK", "DKK", "EUR"))]
    assert run("scenario", "nordic", *said).exit_code == 0
    told = folder / "told.txt"
    with told.open("w", encoding="utf-8") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", "vippsrecon", "simulator", "--state", "nordic/simulator.jsonl"],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            lines = [server.stdout.readline() for _ in range(4)]
            while "serving" not in told.read_text(encoding="utf-8"):
                time.sleep(0.05)
            for name, _, value in (pair.partition("=") for one in lines for pair in one.split()):
                monkeypatch.setenv(name, value)
            first, *table, _ = told.read_text(encoding="utf-8").splitlines()
            assert "vippsrecon.toml" in first
            (folder / "vippsrecon.toml").write_text("\n".join(table), encoding="utf-8")
            done = run("reconcile", "--orders", "nordic/orders.csv", "--out", "r.xlsx", "--json")
        finally:
            server.terminate()
            server.communicate(timeout=30)

    assert done.exit_code == 1, done.output
    found = {(row["msn"], row["reference"], row["kind"]) for row in printed(done)["discrepancies"]}
    with (folder / "nordic" / "truth.csv").open(encoding="utf-8", newline="") as file:
        planted = [row for row in csv.DictReader(file) if row["bucket"] == "discrepancy"]
    assert len({row["msn"] for row in planted}) == 3
    assert found == {(row["msn"], row["reference"], row["kind"]) for row in planted}


def test_units_a_shop_cannot_tell_apart(run, folder):
    """A Shopify export belongs to one sales unit."""
    done = run("scenario", "month", "--shop", "shopify", "--sales-units", "2")

    assert done.exit_code == errors.FAILURE_EXIT_CODE
    assert "one month for each" in done.stderr
