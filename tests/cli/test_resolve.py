"""Test `resolve`: what people decided in a report is read back, and waivers are added."""

from __future__ import annotations

from datetime import date

import pytest

from tests.report.example_results import Month
from tests.report.test_changes import fill_in
from vippsrecon.report import write_workbook
from vippsrecon.store import open_store, read_item_decisions
from vippsrecon.workflow.decisions.ignore_file import read_ignore_file


@pytest.fixture
def report(folder):
    """Return a report in which people worked: two decisions, one incomplete waiver, one open row."""
    month = Month()
    for reference, captured in (("first", 10), ("second", 20), ("third", 30), ("fourth", 40)):
        month.pair(reference, 100, captured, kind="under_captured", bucket="discrepancy")
    path = write_workbook(month.reconciliation(), folder / "report.xlsx")
    fill_in(
        path,
        {
            "first": ("Kari", "waive", "Agreed with the customer"),
            "second": ("Ola", "capture", ""),
            "third": ("Ola", "waive", ""),
        },
    )
    return path


def test_decisions_are_summed(run, report, read_json):
    """Rows and money at risk by decision, undecided last; an incomplete waiver is named."""
    output = read_json(run("resolve", report, "--json"))
    assert [
        (totals["decision"], totals["rows"], totals["at_risk_minor"]) for totals in output["totals"]
    ] == [("capture", 1, 80), ("waive", 2, 160), ("undecided", 1, 60)]
    assert len(output["waived_without_owner_or_note"]) == 1
    entries = {row["reference"]: (row["owner"], row["note"]) for row in output["rows"]}
    assert entries["first"] == ("Kari", "Agreed with the customer")


def test_waivers_are_added_once(run, report, folder):
    """The next run ignores the payment until that day; the same report adds nothing twice."""
    options = ("resolve", report, "--waivers", "ignore.csv", "--until", "2026-12-31")
    assert "1 payment added to ignore.csv." in run(*options).stdout
    written = (folder / "ignore.csv").read_text(encoding="utf-8")
    assert written == (
        "msn,reference,reason,who,until\n123456,first,Agreed with the customer,Kari,2026-12-31\n"
    )
    assert "0 payments added" in run(*options).stdout
    assert (folder / "ignore.csv").read_text(encoding="utf-8") == written
    longer = (*options[:-1], "never")
    assert "1 payment added" in run(*longer).stdout
    day = date(2030, 1, 1)
    [waiver] = read_ignore_file(folder / "ignore.csv", None, day)
    assert waiver == ("123456", "first", "Agreed with the customer", "Kari", None)


def test_exit_code_tells_whether_every_row_counts(run, report, folder):
    """A row whose figures were changed may belong to another payment."""
    fill_in(report, {"third": ("Ola", "accept", "")})
    assert run("resolve", report).exit_code == 0
    fill_in(report, {}, **{"At risk": {"second": 5}})
    result = run("resolve", report)
    assert result.exit_code == 1
    assert "Changed or shifted" in result.stdout


@pytest.mark.ci
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--waivers", "ignore.csv"), "--until"),
        (("--until", "2026-12-31"), "--waivers"),
        (("--waivers", "ignore.csv", "--until", "soon"), "--until"),
        (("--waivers", "odd.csv", "--until", "never"), "no column 'who'"),
        (("--waivers", "short.csv", "--until", "2026-12-31"), "no column 'until'"),
        (("--waivers", "missing/ignore.csv", "--until", "never"), "missing"),
    ],
)
def test_wrong_options_give_one_sentence(run, report, folder, options, problem):
    """Nothing is written, and the file that is there is unchanged."""
    (folder / "odd.csv").write_text("reference,reason\n")
    (folder / "short.csv").write_text("msn,reference,reason,who\n")
    before = {path.name for path in folder.iterdir()}
    result = run("resolve", report, *options)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert problem in result.stderr
    assert {path.name for path in folder.iterdir()} == before


def test_rows_in_progress_are_recorded_for_the_next_run(run, report, folder, read_json):
    """With a workspace database, the next run shows their status without the report."""
    fill_in(report, {"fourth": ("Ola", "in progress", "asked the shop")})
    assert read_json(run("resolve", report, "--json"))["in_progress_recorded"] is None
    with open_store(f"sqlite:///{folder / 'vippsrecon.db'}"):
        pass

    assert "1 discrepancy is in progress; the next run shows it." in run("resolve", report).stdout
    with open_store(f"sqlite:///{folder / 'vippsrecon.db'}") as store:
        decisions = read_item_decisions(store, "test")
    [working] = [decision for decision in decisions.values() if decision.in_progress]
    assert (working.owner, working.note) == ("Ola", "asked the shop")
    assert len(decisions) == 4
