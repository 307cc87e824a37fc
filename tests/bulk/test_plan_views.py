"""The views of a plan: frames, a table in a notebook, and a workbook to sign."""

from __future__ import annotations

import pytest
from openpyxl import load_workbook

from tests.plans import make_plan, make_plan_row
from vippsrecon.bulk.execution.row_result import RowResult
from vippsrecon.bulk.execution.run_result import RunResult
from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.workbook import write_plan_workbook
from vippsrecon.errors import OutputError
from vippsrecon.schemas import REJECTS, validate
from vippsrecon.sources.rejects import Reject

NASTY = ("=1+1", "+46701234567", "-5", "@SUM(A1)", '=HYPERLINK("http://x","y")', "<r>x</r>", "'007")
REFUSED = Reject("list.csv", 7, "amount", "=0", "is 0, so there is nothing to do")


def plan(**changed):
    """Return a plan in two currencies, with texts that a spreadsheet could take for formulas."""
    rows = [
        make_plan_row(number, note=text, document_ref=text, currency="NOK" if number % 2 else "EUR")
        for number, text in enumerate(NASTY, start=1)
    ]
    return make_plan(*rows, refused=(REFUSED,), notes=("a note",), **changed)


def test_plan_summary_adds_up():
    """The summary has rows and sums by sales unit, currency and reason."""
    example = plan()
    summary = example.summary()
    assert summary["rows"].sum() == example.count
    sums = summary.groupby("currency")["amount_minor"].sum().to_dict()
    assert sums == example.totals
    assert str(example.to_frame()["amount_minor"].dtype) == "int64[pyarrow]"
    validate(example.rejects(), REJECTS)
    assert validate(make_plan().rejects(), REJECTS).empty


def test_plan_html_is_a_table():
    """The table shows amounts, planner and expiry, and text from files is escaped."""
    shown = plan(planner="<b>kari</b>")._repr_html_()
    assert "7 refunds" in shown
    assert "1 000,00 kr" in shown
    assert "<b>kari" not in shown
    assert "&lt;r&gt;x&lt;/r&gt;" in shown
    assert "is 0, so there is nothing to do" in shown
    many = make_plan(*(make_plan_row(n) for n in range(1, 281)))._repr_html_()
    assert "80 more rows" in many


def test_plan_repr_is_one_line():
    """The representation has the sum, but does not list thousands of rows."""
    example = plan()
    assert (
        repr(example) == f"<Plan {example.plan_id}: 7 refunds, 750.00 EUR, 1 000.00 NOK, simulator>"
    )
    assert len(repr(make_plan(*(make_plan_row(n) for n in range(1, 1001))))) < 120


def test_invalid_plan_can_be_displayed():
    """A plan that was not checked yet shows its problem and raises no error."""
    assert "no amount" in repr(make_plan(make_plan_row(1)._replace(amount_minor=None)))


@pytest.mark.parametrize(
    ("live", "stopped", "ending"),
    [
        pytest.param(True, "", "1 done, 1 unknown>", id="live"),
        pytest.param(True, "Ctrl-C", "1 done, 1 unknown; stopped: Ctrl-C>", id="stopped"),
        pytest.param(False, "", "1 done, 1 unknown>", id="dry"),
    ],
)
def test_run_result_is_described_in_one_line(live, stopped, ending):
    """The line has counts and no rows."""
    planned = make_plan(make_plan_row(1), make_plan_row(2))
    results = (RowResult(1, "done", "refunded"), RowResult(2, "unknown", "no answer"))
    shown = repr(RunResult(planned, live, results, stopped))
    assert shown.startswith(
        f"<RunResult {'live' if live else 'dry'}, plan {planned.plan_id}: 2 refunds,"
    )
    assert shown.endswith(ending)
    assert "order" not in shown


def test_workbook_equals_the_plan(tmp_path):
    """The workbook has the digest, the sums, all rows and all rejects, and texts stay texts."""
    example = plan()
    path = write_plan_workbook(example, tmp_path / "plan.xlsx")
    book = load_workbook(path)
    cover = [cell for row in book["Plan"].iter_rows(values_only=True) for cell in row if cell]
    assert compute_digest(example) in cover
    assert example.plan_id in cover
    rows = list(book["Rows"].iter_rows(min_row=4, values_only=True))
    titles = rows[0]
    notes = [row[titles.index("Note")] for row in rows[1 : example.count + 1]]
    assert notes == list(NASTY)
    assert [row[titles.index("Amount")] for row in rows[1 : example.count + 1]] == [
        250
    ] * example.count
    for name in ("Rows", "Refused"):
        for row in book[name].iter_rows():
            assert all(cell.data_type != "f" for cell in row), "text must never be a formula"
    refused = next(book["Refused"].iter_rows(min_row=5, values_only=True))
    assert REFUSED.reason in refused
    cached = load_workbook(path, data_only=True)["Plan"]
    shown = [cell for row in cached.iter_rows(values_only=True) for cell in row if cell]
    assert 1000 in shown, "the sum of the four NOK rows, for readers that compute nothing"


def test_same_plan_gives_the_same_workbook(tmp_path):
    """The bytes are equal, so that a signed copy can be compared."""
    first = write_plan_workbook(plan(), tmp_path / "a.xlsx")
    second = write_plan_workbook(plan(), tmp_path / "b.xlsx")
    assert first.read_bytes() == second.read_bytes()


def test_unusable_workbook_path_is_refused(tmp_path):
    """The name must end in .xlsx, and another file is not overwritten."""
    with pytest.raises(OutputError, match=r"\.xlsx"):
        write_plan_workbook(plan(), tmp_path / "plan.csv")
    (tmp_path / "list.xlsx").write_text("no workbook")
    with pytest.raises(OutputError, match="is not a workbook"):
        write_plan_workbook(plan(), tmp_path / "list.xlsx")
