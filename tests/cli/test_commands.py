"""Each command as a person uses it: its exit code, its output, and the files it writes."""

from __future__ import annotations

import csv
import hashlib
import importlib
import os
import re
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest
import typer

from tests.cli.test_secrecy import run_in_this_process
from tests.waiting import wait_until
from vippsrecon.cli import app, errors

COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(run, command):
    """An example explains more than a list of options."""
    result = run(command, "--help")

    assert result.exit_code == 0
    assert "Example:" in result.stdout
    assert f"  vippsrecon {command}" in result.stdout


def test_help_prints_its_duration():
    """The time is printed, not asserted: it depends on the machine. The aim is under 0.4 s."""
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-m", "vippsrecon", "--help"], capture_output=True, check=True
    )
    print(f"vippsrecon --help: {time.perf_counter() - started:.2f} s")

    assert b"reconcile" in result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_script_is_printed(shell):
    """The environment variable of the shell gives its completion script."""
    result = subprocess.run(
        [sys.executable, "-c", "from vippsrecon.cli import app; app(prog_name='vippsrecon')"],
        env={"_VIPPSRECON_COMPLETE": f"source_{shell}", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "vippsrecon" in result.stdout


def test_shop_option_completes_usable_profiles():
    """Completion offers the profiles that can be used, and none that is always refused."""
    result = subprocess.run(
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

    assert result.stdout.split() == ["shopify", "shopware"]


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
def test_usage_error_gives_exit_code_2(run, folder, arguments):
    """Exit code 1 would mean that a report exists."""
    assert run(*arguments).exit_code == errors.FAILURE_EXIT_CODE


def test_internal_error_gives_exit_code_2(run, monkeypatch, folder):
    """For a scheduler, a crash must not look like a finished run with discrepancies."""
    monkeypatch.setattr("vippsrecon.config.load.load_settings", lambda: 1 / 0)
    result = run("check")

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    assert "fault in vippsrecon" in result.stderr


def test_interrupt_prints_one_sentence(run, monkeypatch, folder):
    """After Ctrl-C, one sentence says that the same command continues the work."""

    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("vippsrecon.config.load.load_settings", stop)
    result = run("check")

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    assert "run the same command again to continue" in result.stderr
    assert "Traceback" not in result.stderr


def test_scenario_is_reproducible(run, folder):
    """Two people who use the same arguments must get the same month."""
    for name in ("a", "b"):
        assert run("scenario", name, "--payments", "50", "--seed", "3").exit_code == 0
    files = sorted(path.name for path in (folder / "a").iterdir())

    assert files == ["bank.xml", "orders.csv", "settlement.csv", "simulator.jsonl", "truth.csv"]
    for name in files:
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


def test_preview_shows_how_the_file_was_read(run, orders, read_json):
    """The user can see, before any other command, if the file was read correctly."""
    shown = run("preview", orders)
    output = read_json(run("preview", orders, "--json"))["files"][0]

    assert shown.exit_code in (0, 1)
    assert output["kind"] == "orders"
    assert output["format"] == "plain"
    assert output["totals"]["NOK"]["orders"] > 0
    assert isinstance(output["totals"]["NOK"]["total_minor"], int)
    assert f"{output['rows']:,} rows" in shown.stdout


def test_check_shows_sources_and_no_secret(run, keys, read_json, folder):
    """The user must see where each setting comes from, but never the secret itself."""
    result = run("check", "--json")
    output = read_json(result)
    places = {setting["setting"]: setting["source"] for setting in output["settings"]}

    assert result.exit_code == 0
    assert places["environment"] == "environment (VIPPS_ENVIRONMENT)"
    assert output["sales_units"] == ["123456"]
    assert output["database"]["exists"] is False
    assert "scenario-secret" not in result.output


def test_check_accepts_the_simulators_clock(run, keys, read_json, folder):
    """The simulator's clock is in the scenario's month; the large difference is not an error."""
    findings = read_json(run("check", "--json"))
    shown = run("check").stdout

    assert "environment = simulator  (from the variable VIPPS_ENVIRONMENT)" in shown
    assert re.search(
        r"clock: the simulator's own clock \([1-9]\d* days? \w+\); not compared", shown
    )
    assert abs(findings["clock_skew_seconds"]) > 60
    assert not [warning for warning in findings["warnings"] if "clock" in warning]


@pytest.mark.ci
def test_fetch_then_reconcile_equals_reconcile(run, keys, orders, folder, read_json):
    """`fetch` followed by `reconcile` gives the same result as `reconcile` alone."""
    fetched = run("fetch", orders, "--out", "october", "--json")
    output = read_json(fetched)
    result = run(
        "reconcile", "--orders", orders, "--payments", "october", "--out", "r.xlsx", "--json"
    )

    assert output["missing"] == 0
    assert output["payments"] == len(pd.read_parquet(folder / "october" / "payments.parquet"))
    assert read_json(result)["complete"] is True
    assert result.exit_code == 1
    assert (folder / "r.xlsx").stat().st_size > 0


def test_fetch_takes_a_list_of_references(run, keys, month, folder, read_json):
    """A user has a list from another system and wants to see the payments at Vipps MobilePay."""
    references = pd.read_csv(month / "truth.csv", dtype=str)["reference"].dropna().head(5)
    references.to_csv(folder / "references.csv", index=False)
    result = run("fetch", "references.csv", "--out", "some", "--json")
    output = read_json(result)

    assert output["missing"] == 0
    assert output["payments"] + len(output["failures"]) >= references.nunique()


@pytest.mark.ci
def test_fetch_names_the_reference_column(run, keys, month, folder, read_json):
    """A table may have other columns, so the output must say which one holds the references."""
    notice = "truth.csv is read as a list of references, from its column 'reference'"
    json_result = run("fetch", month / "truth.csv", "--out", "some", "--json")
    result = run("fetch", month / "truth.csv", "--out", "some")

    assert [note.partition(";")[0] for note in read_json(json_result)["notes"]] == [notice]
    assert read_json(json_result)["payments"] > 0
    assert notice in result.stdout


@pytest.mark.ci
def test_reconcile_names_the_reference_column(run, keys, month, few_orders, folder, read_json):
    """With an export, the notices say which column of the list was used."""
    options = (
        "--orders",
        few_orders,
        "--references",
        month / "truth.csv",
        "--out",
        "r.xlsx",
        "--json",
    )

    assert any(
        "from its column 'reference'" in line
        for line in read_json(run("reconcile", *options))["notices"]
    )


@pytest.mark.ci
def test_reconcile_json_is_one_object_and_is_reproduced(run, keys, orders, folder, read_json):
    """Programs read the output, and an auditor repeats the run a year later, without any call."""
    result = run("reconcile", "--orders", orders, "--out", "report.xlsx", "--json")

    assert_as_documented(result.exit_code, read_json(result), orders)
    keys.setenv("VIPPS_BASE_URL", "http://127.0.0.1:9")
    saved = ("--payments", "report.data")
    again = run("reconcile", "--orders", orders, *saved, "--out", "again.xlsx", "--json")
    assert again.stdout.replace("again.xlsx", "report.xlsx") == result.stdout
    hashes = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("report.xlsx", "again.xlsx")
    ]
    assert hashes[0] == hashes[1]


def assert_as_documented(exit_code, output, orders):
    """Programs read the output, so its names and types must be as documented."""
    assert exit_code == 1
    assert {
        "verdict",
        "complete",
        "summary",
        "discrepancies",
        "buckets",
        "failures",
        "rejects",
        "report",
    } <= set(output)
    assert output["verdict"] == "discrepancies"
    assert output["failures"] == []
    assert set(output["buckets"]) >= {"orders", "payments"}
    assert sum(output["buckets"]["orders"].values()) == len(orders.read_text().splitlines()) - 1
    for row in output["discrepancies"]:
        assert isinstance(row["at_risk_minor"], int)
        assert isinstance(row["difference_minor"], int)


@pytest.mark.ci
def test_several_files_may_follow_one_option(run, keys, orders, fetched, folder, read_json):
    """A shell expands `--orders *.csv` to several files after one option."""
    lines = orders.read_text().splitlines(keepends=True)
    half = len(lines) // 2
    (folder / "one.csv").write_text("".join(lines[:half]))
    (folder / "two.csv").write_text("".join([lines[0], *lines[half:]]))
    output = read_json(
        run(
            *("reconcile", "--orders", "one.csv", "two.csv", "--payments", fetched),
            *("--out", "report.xlsx", "--json"),
        )
    )

    assert sum(output["buckets"]["orders"].values()) == len(lines) - 1


@pytest.mark.ci
def test_order_that_was_not_fetched_makes_the_run_incomplete(run, keys, orders, folder, read_json):
    """A verdict based on only some of the payments would be wrong."""
    lines = orders.read_text().splitlines(keepends=True)
    (folder / "few.csv").write_text("".join(lines[:20]))
    assert run("fetch", "few.csv", "--out", "few").exit_code == 0
    result = run("reconcile", "--orders", orders, "--payments", "few", "--out", "r.xlsx", "--json")
    output = read_json(result)

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    assert output["verdict"] == "incomplete"
    assert {row["title"] for row in output["failures"]} == {"not fetched"}
    assert "INCOMPLETE" in result.stderr


@pytest.mark.ci
def test_findings_have_their_rows_beside_the_report(run, keys, orders, fetched, folder):
    """`--detail findings` names the folder of the rows; `full` writes everything in the workbook."""
    options = ("--orders", orders, "--payments", fetched, "--out", "month.xlsx")
    findings = run("reconcile", *options, "--detail", "findings")

    assert "Rows of the other sheets: month.data" in findings.stdout
    assert (folder / "month.data" / "payments_rows.parquet").is_file()

    full = run("reconcile", *options, "--detail", "full")

    assert full.exit_code == findings.exit_code
    assert "Rows of the other sheets" not in full.stdout
    assert run("reconcile", *options, "--detail", "short").exit_code == 2


def test_reconcile_prints_a_summary(run, keys, orders, fetched, folder):
    """The summary shows the verdict, the sums and the codes, and where the report is."""
    result = run("reconcile", "--orders", orders, "--payments", fetched, "--out", "report.xlsx")

    assert result.stdout.splitlines()[-1] == "Report: report.xlsx"
    assert "under_captured" in result.stdout


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
def test_findings_are_one_line_on_standard_error(run, keys, orders, fetched, folder, json):
    """Cron mails what is printed there; without a line, exit code 1 reaches nobody."""
    options = ("--orders", orders, "--payments", fetched, "--out", "report.xlsx")
    result = run("reconcile", *options, *json)

    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.fullmatch(r"\d+ DISCREPANCIES\. .+ at risk\..* Report: report\.xlsx", line)


def test_a_clean_run_prints_no_error(run, make_refund_folder, folder):
    """A mail about a clean month would teach people not to read the mails."""
    make_refund_folder(1)
    (folder / "orders.csv").write_text(
        "reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"
        "order-000001,1,NOK,1000.00,0.00,fulfilled,2026-01-21T10:00Z,2026-01-22T10:00Z\n"
    )
    exported = ("--exported-at", "2026-01-31T11:00:00Z")
    result = run("reconcile", "--orders", "orders.csv", *exported, "--out", "report.xlsx")

    assert (result.exit_code, result.stderr) == (0, ""), result.output


def test_preview_names_a_recognised_bank_statement(run, month):
    """A bank statement is recognised and named, but its rows and sums are not read yet."""
    result = run("preview", month / "bank.xml")

    assert result.exit_code == 0, result.output
    assert "bank, camt.053" in result.stdout


def test_fetch_reports_duplicate_references(run, keys, folder):
    """A list joined from two lists can name a payment twice, and the user must know this."""
    names = ["reference", "order-1001", "order-1001", "order-1002", "x" * 80]
    (folder / "references.csv").write_text("\n".join(names) + "\n")
    result = run("fetch", "references.csv", "--out", "some")

    assert result.exit_code == 1
    assert "1 row repeated a reference" in result.stdout
    assert "row 5: reference is longer than the 64 characters" in result.stdout


def test_fetch_reports_the_cause_of_failures(run, serve_with_faults, few_orders, folder):
    """When thousands of references fail, the reason is usually the same for all of them."""
    serve_with_faults({"operations": ["getPayment"], "share": 1.0, "status": 503})
    (folder / "vippsrecon.toml").write_text("retry_seconds = 1\nin_flight = 256\n")
    result = run("fetch", few_orders, "--out", "october")

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    line = next(line for line in result.stderr.splitlines() if line.startswith("INCOMPLETE"))
    assert "failures.csv" in line
    assert "all: " in line or "of them: " in line


@pytest.mark.ci
def test_simulator_month_gives_no_clock_warning(keys, few_orders, folder):
    """A separate process shows what a person sees, without the log handlers of the test."""
    commands = {
        "fetch": ["fetch", str(few_orders), "--out", "october"],
        "reconcile": ["reconcile", "--orders", str(few_orders), "--out", "report.xlsx"],
    }
    for name, (stdout, stderr) in run_in_this_process(commands, folder, os.environ).items():
        assert stdout, name
        assert b"clock" not in stderr, name


def test_check_shows_every_rule_setting(run, keys, folder):
    """Only `check` can reveal a tolerance that is misspelled or set in the wrong folder."""
    (folder / "vippsrecon.toml").write_text(
        '[tolerances]\ntolerance_minor = 7\n[[sales_unit]]\nmsn = "123456"\nmarket = "FI"\n'
    )
    output = run("check").stdout

    assert "tolerances: rounding up to 7 øre or cents an order" in output
    assert "sales unit 123456: market FI, time zone Europe/Helsinki, captured when" in output


def test_check_shows_the_settings_before_it_calls(keys, folder):
    """While the server does not answer, the user wants to see which server it is."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys.setenv("VIPPS_BASE_URL", url)
        checking = subprocess.Popen(
            [sys.executable, "-m", "vippsrecon", "check"], stdout=subprocess.PIPE, text=True
        )
        try:
            output_lines = iter(checking.stdout.readline, "")

            assert any(f"address (base_url) = {url}" in line for line in output_lines)
            silent.accept()[0].close()
        finally:
            checking.kill()
            checking.communicate()


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        pytest.param({"VIPPS_ENVIRONMENT": ""}, "run vippsrecon init", id="no environment"),
        pytest.param({"VIPPS_MSN": ""}, "shown in the business portal", id="no sales unit"),
        pytest.param(
            {"VIPPS_CLIENT_SECRET": "", "VIPPS_SUBSCRIPTION_KEY": ""},
            "(client secret and subscription key not found): copy them from the business portal",
            id="two keys missing",
        ),
        pytest.param(
            {"VIPPS_CLIENT_SECRET": "of-another-sales-unit"},
            "check client id, client secret and subscription key",
            id="keys not accepted",
        ),
        pytest.param(
            {"VIPPS_BASE_URL": "http://127.0.0.1:9"}, "start the simulator", id="no answer"
        ),
    ],
)
def test_check_says_what_to_do(run, keys, folder, changes, advice):
    """The last line says it in full, and standard error says the same."""
    (folder / "vippsrecon.toml").write_text("retry_seconds = 0.2\n")
    for name, value in changes.items():
        keys.setenv(name, value)
    result = run("check")

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    assert advice in result.stderr
    if result.stdout:  # Without an environment there is nothing to show.
        assert result.stdout.splitlines()[-1].startswith("Fix: ")
        assert advice in result.stdout.splitlines()[-1]


def test_check_uses_a_short_retry_time(run, keys, folder, monkeypatch):
    """A person waits for `check`, so it ignores the long retry time meant for nightly runs."""
    check = importlib.import_module("vippsrecon.cli.check")
    monkeypatch.setattr(check, "MAX_CHECK_SECONDS", 0.2)
    (folder / "vippsrecon.toml").write_text("retry_seconds = 120\n")
    keys.setenv("VIPPS_BASE_URL", "http://127.0.0.1:9")
    started = time.monotonic()

    assert run("check").exit_code == errors.FAILURE_EXIT_CODE
    assert time.monotonic() - started < 60


def test_the_simulator_prints_settings_to_export(month, folder):
    """Invented keys are printed, as lines that a shell takes as they are."""
    server = subprocess.Popen(
        [sys.executable, "-m", "vippsrecon", "simulator", "--state", month / "simulator.jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines = [server.stdout.readline() for _ in range(2)]
    output = "".join(lines)
    server.terminate()
    server.communicate(timeout=30)

    assert all(line.startswith("export VIPPS_") for line in lines)
    assert "VIPPS_ENVIRONMENT=simulator VIPPS_BASE_URL=http://127.0.0.1:" in output
    assert "VIPPS_MSN=123456 VIPPS_CLIENT_ID=scenario-client-123456" in output


@pytest.mark.ci
def test_month_of_three_countries_has_only_planted_discrepancies(
    run, folder, monkeypatch, read_json
):
    """With the settings that the simulator prints, `reconcile` finds all planted discrepancies."""
    arguments = [
        "--payments",
        "200",
        *(f"--currency={currency}" for currency in ("NOK", "DKK", "EUR")),
    ]
    assert run("scenario", "nordic", *arguments).exit_code == 0
    output_file = folder / "told.txt"
    with output_file.open("w", encoding="utf-8") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", "vippsrecon", "simulator", "--state", "nordic/simulator.jsonl"],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            lines = [server.stdout.readline() for _ in range(4)]
            wait_until(lambda: "serving" in output_file.read_text(encoding="utf-8"))
            for name, _, value in (
                pair.partition("=") for text_line in lines for pair in text_line.split()[1:]
            ):
                monkeypatch.setenv(name, value)
            first, *table, _ = output_file.read_text(encoding="utf-8").splitlines()
            assert "vippsrecon.toml" in first
            (folder / "vippsrecon.toml").write_text("\n".join(table), encoding="utf-8")
            result = run("reconcile", "--orders", "nordic/orders.csv", "--out", "r.xlsx", "--json")
        finally:
            server.terminate()
            server.communicate(timeout=30)

    assert result.exit_code == 1, result.output
    reported = {
        (row["msn"], row["reference"], row["kind"]) for row in read_json(result)["discrepancies"]
    }
    with (folder / "nordic" / "truth.csv").open(encoding="utf-8", newline="") as file:
        planted = [
            row
            for row in csv.DictReader(file)
            if row["bucket"] == "discrepancy" and row["leg"] == "order_payment"
        ]
    assert len({row["msn"] for row in planted}) == 3
    assert reported == {(row["msn"], row["reference"], row["kind"]) for row in planted}


def test_shopify_month_with_two_sales_units_is_refused(run, folder):
    """A Shopify export belongs to one sales unit, so a month with two is refused."""
    result = run("scenario", "month", "--shop", "shopify", "--sales-units", "2")

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    assert "one month for each" in result.stderr


@pytest.mark.ci
def test_reconcile_html_writes_the_page_beside_the_workbook(
    run, orders, fetched, folder, read_json
):
    """The same run gives the workbook to work in and the page to mail."""
    arguments = ("reconcile", "--orders", orders, "--payments", fetched, "--out", "r.xlsx")
    alone = run(*arguments, "--json")
    files = {path.name for path in folder.iterdir()}
    assert "r.html" not in files
    assert "page" not in read_json(alone)

    output = run(*arguments, "--html", "--json")
    page = (folder / "r.html").read_bytes()
    shown = run(*arguments, "--html")
    assert output.exit_code == shown.exit_code == 1
    assert read_json(output)["page"] == "r.html"
    assert {path.name for path in folder.iterdir()} == files | {"r.html"}
    assert "\nReport: r.xlsx\nPage: r.html\n" in shown.stdout
    assert (folder / "r.html").read_bytes() == page
    assert f"{len(read_json(output)['discrepancies'])} DISCREPANCIES." in page.decode()


def test_reconcile_html_refuses_a_page_that_cannot_be_written(run, orders, fetched, folder):
    """Before anything is fetched or written, as for the workbook."""
    (folder / "r.html").mkdir()
    result = run(
        "reconcile", "--orders", orders, "--payments", fetched, "--out", "r.xlsx", "--html"
    )

    assert result.exit_code == errors.FAILURE_EXIT_CODE
    assert "r.html is a folder" in result.stderr
    assert not (folder / "r.xlsx").exists()
