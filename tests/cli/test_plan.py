"""`plan` and `approve`, as people and programs use them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest

from tests.cli.assertions import assert_one_sentence_error
from vippsrecon.bulk.plan.file import compute_digest, read_plan
from vippsrecon.store import open_store, read_entries

HEAD = "reference,amount,currency,reason,note,document_ref\n"


@pytest.fixture(scope="module")
def references(month):
    """Return references of captured payments of the month that have no refund."""
    captured = {}
    for text in (month / "simulator.jsonl").read_text().splitlines():
        line = json.loads(text)
        if "payment" not in line or line["msn"] != "123456":
            continue
        sums = {name: amount["value"] for name, amount in line["payment"]["aggregate"].items()}
        if sums["capturedAmount"] > 20_000 and not sums["refundedAmount"]:
            captured[line["payment"]["reference"]] = sums["capturedAmount"]
    return list(captured)[:10]


@pytest.fixture
def refunds(folder, references):
    """Write a list of three refunds in the working folder."""
    rows = [
        f"{reference},100.50,NOK,return,,CN-{n}\n" for n, reference in enumerate(references[:3])
    ]
    (folder / "refunds.csv").write_text(HEAD + "".join(rows), encoding="utf-8")
    return folder / "refunds.csv"


def test_plan_then_approve_prints_sums_and_digest(
    run, keys, folder, refunds, references, read_json
):
    """From list to approval, the JSON output agrees with the plan file and the journal."""
    result = run("plan", "refunds", refunds, "--out", "plan.json", "--as", "Kari", "--json")
    assert result.exit_code == 0, result.output
    output, plan = read_json(result), read_plan(folder / "plan.json")
    assert list(output)[:4] == ["plan_id", "digest", "rows", "totals"]
    assert output["plan_id"] == plan.plan_id
    assert output["digest"] == compute_digest(plan)
    assert (output["rows"], output["totals"], output["rejects"]) == (3, {"NOK": 30_150}, [])
    assert [row.reference for row in plan.rows] == references[:3]
    assert plan.planner == "Kari"
    assert not (folder / "vippsrecon.db").exists(), "planning keeps nothing"

    result = run("approve", "plan.json", "--as", "Ola", "--json")
    assert result.exit_code == 0, result.output
    approval = read_json(result)
    assert (approval["digest"], approval["rows"]) == (output["digest"], 3)
    assert (approval["totals"], approval["approver"]) == ({"NOK": 30_150}, "Ola")
    with open_store("sqlite:///vippsrecon.db") as store:
        kinds = [entry.kind for entry in read_entries(store, plan.plan_id)]
    assert kinds == ["seen", "approved"]


def test_plan_and_approve_print_the_next_step(run, keys, folder, refunds, read_json):
    """`plan` shows sums, digest and the next step; `approve` shows what is approved."""
    result = run("plan", "refunds", refunds, "--out", "plan.json", "--workbook", "plan.xlsx")
    assert result.exit_code == 0, result.output
    assert "3 refunds, 301.50 NOK in total" in result.stdout
    assert "Nothing has been moved. Next: vippsrecon approve plan.json" in result.stdout
    assert (folder / "plan.xlsx").read_bytes().startswith(b"PK")
    result = run("approve", "plan.json", "--as", "Ola")
    assert compute_digest(read_plan("plan.json")) in result.stdout
    assert re.search(r"NOK +3 rows, 301\.50, the largest 100\.50", result.stdout)
    assert "approved by Ola" in result.stdout
    assert "If that card is no longer valid, contact the customer." in result.stdout


def test_plan_with_refused_rows_gives_exit_code_1(run, keys, folder, refunds, read_json):
    """The exit code is 1, the plan exists, and each refused row has a reason."""
    with refunds.open("a") as file:
        file.write("nothing-000001,5,NOK,,,\n=1+1,5,NOK,,,\n")
    result = run("plan", "refunds", refunds, "--out", "plan.json", "--json")
    assert result.exit_code == 1, result.output
    assert [
        (reject["source_row"], reject["column"]) for reject in read_json(result)["rejects"]
    ] == [
        (5, "reference"),
        (6, "reference"),
    ]
    result = run("plan", "refunds", refunds, "--out", "plan.json")
    assert "2 rows left out of the plan:" in result.stdout
    assert "row 5: " in result.stdout
    assert (folder / "plan.before-1.json").exists(), "an earlier plan is kept"


def test_plan_without_rows_gives_exit_code_2(run, keys, folder, read_json):
    """The exit code is 2 and no file is written, but the refused rows are still listed."""
    (folder / "refunds.csv").write_text(HEAD + "nothing-000001,5,NOK,,,\n", encoding="utf-8")
    json_result = run("plan", "refunds", "refunds.csv", "--out", "plan.json", "--json")
    assert_one_sentence_error(json_result, "No row can be planned", "nothing-000001")
    assert len(read_json(json_result)["rejects"]) == 1
    assert not (folder / "plan.json").exists()
    # A person sees the one row in the error only.
    result = run("plan", "refunds", "refunds.csv", "--out", "plan.json")
    assert result.output.count("nothing-000001") == 1


def test_missing_list_is_reported_before_missing_keys(run, folder):
    """If both are missing, the error is about the file, which the command named."""
    assert_one_sentence_error(
        run("plan", "refunds", "gone.csv", "--out", "plan.json"), "gone.csv", "no such"
    )


def test_plan_is_made_from_a_report(run, keys, folder, orders, read_json):
    """Each verb plans the report's proposals; the payments are read again before.

    The report names its environment; for the simulator, the user must also set its address.
    """
    result = run("reconcile", "--orders", orders, "--out", "report.xlsx", "--json")
    discrepancies = read_json(result)["discrepancies"]
    for verb in ("refund", "cancel", "capture"):
        proposed = sum(row["proposal_minor"] for row in discrepancies if row["proposal"] == verb)
        result = run(
            "plan", f"{verb}s", "--from-report", "report.xlsx", "--out", f"{verb}.json", "--json"
        )
        assert result.exit_code == 0, result.output
        assert read_json(result)["totals"] == {"NOK": proposed}
        assert read_plan(f"{verb}.json").verb == verb
    keys.delenv("VIPPS_ENVIRONMENT")
    result = run("plan", "refunds", "--from-report", "report.xlsx", "--out", "plan.json")
    assert_one_sentence_error(result, "VIPPS_ENVIRONMENT", "VIPPS_BASE_URL")


def test_duplicate_option_is_part_of_the_plan(run, keys, folder, refunds, references, read_json):
    """`--duplicate` is part of the plan, and so of its digest. It can be given several times."""
    options = ["--duplicate", references[0], "--duplicate", references[2]]
    result = run("plan", "refunds", refunds, "--out", "plan.json", *options)
    assert result.exit_code == 0, result.output
    assert [row.duplicate for row in read_plan("plan.json").rows] == [True, False, True]
    result = run("approve", "plan.json")
    assert "2 rows deliberately repeat an earlier operation (--duplicate)." in result.stdout
    result = run("plan", "refunds", refunds, "--out", "other.json", "--duplicate", "mistyped-1")
    assert_one_sentence_error(result, "mistyped-1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["refunds"], ["a list", "--from-report"], id="nothing to plan from"),
        pytest.param(["refunds", "refunds.csv", "--from-report", "r.xlsx"], ["either"], id="both"),
        pytest.param(["charges", "refunds.csv"], ["charges"], id="no such operation"),
        pytest.param(["refunds", "nowhere.csv"], ["nowhere.csv"], id="no file"),
        pytest.param(
            ["refunds", "--from-report", "r.xlsx", "--mapping", "m.toml"],
            ["for lists"],
            id="mapping",
        ),
        pytest.param(["refunds", "refunds.csv", "--created"], ["cancels"], id="created refunds"),
        pytest.param(
            ["refunds", "refunds.csv", "--workbook", "plan.csv"], [".xlsx"], id="no workbook"
        ),
        pytest.param(
            ["refunds", "--from-report", "refunds.csv"],
            ["not a workbook", "refunds.csv"],
            id="list",
        ),
    ],
)
def test_contradictory_options_are_refused(run, keys, folder, refunds, arguments, words):
    """One sentence explains the mistake before any file is read."""
    assert_one_sentence_error(run("plan", *arguments, "--out", "plan.json"), *words)
    assert not (folder / "plan.json").exists()


@pytest.mark.parametrize("out", ["refunds.csv", "nowhere/plan.json", "."])
def test_unusable_plan_paths_are_refused(run, keys, folder, refunds, out):
    """The plan must never overwrite the list."""
    before = refunds.read_bytes()
    assert_one_sentence_error(run("plan", "refunds", refunds, "--out", out))
    assert refunds.read_bytes() == before


def test_edited_plan_is_not_approved(run, keys, folder, refunds):
    """`approve` refuses the changed plan and stores nothing."""
    run("plan", "refunds", refunds, "--out", "plan.json")
    path = folder / "plan.json"
    path.write_text(path.read_text().replace('"amount_minor":10050', '"amount_minor":10060'))
    assert_one_sentence_error(run("approve", "plan.json"), "plan.json", "changed")
    assert not (folder / "vippsrecon.db").exists()


def test_plan_for_another_environment_is_not_approved(run, keys, folder, refunds):
    """A plan made at the simulator cannot be approved for the test environment."""
    run("plan", "refunds", refunds, "--out", "plan.json")
    keys.setenv("VIPPS_ENVIRONMENT", "test")
    keys.delenv("VIPPS_BASE_URL")
    assert_one_sentence_error(
        run("approve", "plan.json"), "is for simulator", "VIPPS_ENVIRONMENT is test"
    )


def test_planner_cannot_approve_above_the_limit(run, keys, folder, refunds):
    """Above the limit, planners cannot approve their own plans."""
    (folder / "vippsrecon.toml").write_text("[limits]\nown_approval_up_to = 0\n")
    run("plan", "refunds", refunds, "--out", "plan.json", "--as", "Kari")
    assert_one_sentence_error(
        run("approve", "plan.json", "--as", "kari"), "a person other than its planner", "Kari"
    )
    assert run("approve", "plan.json", "--as", "Ola").exit_code == 0


def test_expired_plan_is_not_approved(run, serve_with_faults, folder, refunds, month):
    """Server time decides if a plan has expired; here it is the simulator's clock."""
    simulator = serve_with_faults()
    run("plan", "refunds", refunds, "--out", "plan.json")
    simulator.advance(73 * 3600)
    assert_one_sentence_error(run("approve", "plan.json"), "The plan expired")


def test_unusable_database_is_reported(run, keys, folder, refunds):
    """One sentence says what to do, without a password or a traceback."""
    run("plan", "refunds", refunds, "--out", "plan.json")
    (folder / "work.db").write_bytes(b"this is not a database " * 50)
    keys.setenv("VIPPSRECON_DATABASE_URL", "sqlite:///work.db")
    assert_one_sentence_error(run("approve", "plan.json"), "work.db")
    keys.setenv("VIPPSRECON_DATABASE_URL", "postgresql://kari:MARK-secret@127.0.0.1:1/none")
    result = run("approve", "plan.json")
    assert_one_sentence_error(result)  # the server is down, or psycopg, an extra, is not there
    assert "MARK" not in result.output


@pytest.mark.parametrize("command", ["plan", "approve"])
def test_help_loads_no_large_package(command):
    """Large packages are loaded only when they are needed."""
    heavy = ["pandas", "polars", "httpx", "sqlalchemy", "xlsxwriter", "pyarrow", "orjson"]
    code = (
        "import sys\nfrom vippsrecon.cli import app\n"
        f"try: app([{command!r}, '--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    began = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
    assert "Example:" in result.stdout
    print(f"{time.perf_counter() - began:.2f} s")


@pytest.mark.parametrize("option", [[], ["--from-report"]], ids=["list", "report"])
def test_a_link_that_names_itself_is_refused(run, keys, tmp_path, option):
    """Following it never ends, and the command ended with a traceback."""
    link = tmp_path / "loop.xlsx"
    link.symlink_to(link)
    result = run("plan", "refunds", *option, str(link), "--out", str(tmp_path / "plan.json"))
    assert_one_sentence_error(result, "loop.xlsx: the file cannot be opened")


def test_a_workbook_link_that_names_itself_is_refused(run, keys, tmp_path, refunds):
    """The workbook is refused before a payment is read."""
    link, out = tmp_path / "loop.xlsx", tmp_path / "plan.json"
    link.symlink_to(link)
    result = run("plan", "refunds", str(refunds), "--out", str(out), "--workbook", str(link))
    assert_one_sentence_error(result, "loop.xlsx is a link to a file that does not exist")
    assert not out.exists()
