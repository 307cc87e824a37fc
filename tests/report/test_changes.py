"""Test that what people wrote in an earlier report is carried over, and what changed is listed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from datetime import timedelta
from itertools import zip_longest

import pytest
from openpyxl import load_workbook

from tests.report.example_pages import Page, read_minor
from tests.report.example_results import AS_OF, MANIFEST, Month
from tests.report.test_workbook import head_of
from vippsrecon.errors import InputError, SourceError
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.html.page import render_page
from vippsrecon.texts import list_texts_in

NOVEMBER = {
    **MANIFEST,
    "as_of": "2026-12-02T06:30:00Z",
    "complete": True,
    "counts": {"above_info": 4, "rejects": 0},
}
ENTRIES = ("Owner", "Decision", "Note")

CHANGES = set(list_texts_in("changes.words", "en").values())


def october() -> Month:
    """Return a month with four discrepancies."""
    month = Month()
    month.pair("fine", 100, 100)
    for reference, captured in (("same", 50), ("other", 60), ("gone", 70), ("away", 80)):
        wrong(month, reference, captured)
    return month


def wrong(month: Month, reference: str, captured: int, **values) -> None:
    """Add a pair of which too little was captured."""
    month.pair(reference, 100, captured, kind="under_captured", bucket="discrepancy", **values)


def november() -> Month:
    """Return the next month: one as before, one with other amounts, one gone, one away, two more."""
    month = Month()
    month.pair("gone", 100, 100)
    wrong(month, "same", 50)
    wrong(month, "other", 65)
    wrong(month, "unseen", 10, first_seen_date=(AS_OF + timedelta(days=30)).date())
    wrong(month, "back", 20, first_seen_date=(AS_OF - timedelta(days=30)).date())
    return month


def fill_in(path, entries: dict[str, tuple[str, str, str]], **cells) -> None:
    """Write owner, decision and note beside these references, and other cells by heading."""
    book = load_workbook(path)
    sheet = book["Discrepancies"]
    head = head_of(sheet)
    columns = {cell.value: cell.column for cell in reversed(sheet[head])}
    for row in range(head + 1, sheet.max_row + 1):
        reference = sheet.cell(row, columns["Reference"]).value
        for name, value in zip(ENTRIES, entries.get(reference, ()), strict=False):
            sheet.cell(row, columns[name]).value = value
            sheet.cell(row, columns[name]).data_type = "s"
        for name, values in cells.items():
            if reference in values:
                sheet.cell(row, columns[name]).value = values[reference]
    book.save(path)


def read_sheet(path, name: str) -> dict[str, dict[str, object]]:
    """Return the rows of a sheet by reference. No other sheet is read, which takes longest."""
    return read_sheet_by(path, name, "Reference")


def read_sheet_by(path, name: str, key: str) -> dict[str, dict[str, object]]:
    """Return the rows of a sheet by the column `key`."""
    with contextlib.closing(load_workbook(path, read_only=True)) as book:
        rows = book[name].iter_rows(values_only=True)
        headings = next(row for row in rows if "Reference" in row)
        named = [dict(zip_longest(headings, row)) for row in rows if any(row)]
    return {str(row[key]): row for row in named}


@pytest.fixture(scope="module")
def filled_in(tmp_path_factory):
    """Return October's report, in which people wrote; no test changes this file."""
    path = write_workbook(
        october().reconciliation(), tmp_path_factory.mktemp("earlier") / "october.xlsx"
    )
    fill_in(
        path,
        {
            "same": ("Kari", "accept", "Agreed\nby phone"),
            "other": ("Ola", "capture", "=not a formula"),
            "gone": ("Nils", "ask shop", "Sent"),
        },
    )
    return path


@pytest.fixture
def earlier(filled_in, tmp_path):
    """Return a copy of that report, which a test may change."""
    return shutil.copy2(filled_in, tmp_path / "october.xlsx")


def test_entries_are_carried_over(earlier, tmp_path):
    """A decision was made for certain amounts, so it stays only while they are the same."""
    path = write_workbook(
        november().reconciliation(manifest=NOVEMBER), tmp_path / "november.xlsx", earlier=earlier
    )
    rows = read_sheet(path, "Discrepancies")
    assert [rows["same"][name] for name in ENTRIES] == ["Kari", "accept", "Agreed\nby phone"]
    assert [rows["other"][name] for name in ENTRIES] == ["Ola", None, "=not a formula"]
    assert [rows["unseen"][name] for name in ENTRIES] == [None, None, None]
    note = next(
        cell
        for row in load_workbook(path)["Discrepancies"].iter_rows()
        for cell in row
        if cell.value == "=not a formula"
    )
    assert note.data_type == "s"


def test_changes_are_listed_with_amounts(earlier, tmp_path):
    """Amounts then, now, and now minus then; what is not known is empty."""
    path = write_workbook(
        november().reconciliation(manifest=NOVEMBER), tmp_path / "november.xlsx", earlier=earlier
    )
    rows = read_sheet(path, "What changed")
    amounts = ("Change", "At risk then", "At risk now", "Risk change")
    assert {reference: tuple(row[name] for name in amounts) for reference, row in rows.items()} == {
        "back": ("reopened", None, 0.80, 0.80),
        "unseen": ("new", None, 0.90, 0.90),
        "other": ("changed", 0.40, 0.35, -0.05),
        "same": ("aged", 0.50, 0.50, 0),
        "gone": ("cleared", 0.30, 0, -0.30),
        "away": ("not compared", 0.20, None, None),
    }
    assert [rows["gone"][name] for name in ENTRIES] == ["Nils", "ask shop", "Sent"]
    assert 'decision "capture"' in rows["other"]["What happened"]


def test_rows_of_a_payout_name_it(tmp_path):
    """It has no reference and no order; without its number nobody could look it up."""
    before, after = october(), november()
    payout = {"leg": "payout_bank", "kind": "payout_not_in_bank", "reference": None}
    payout |= {"order_number": None, "payout_number": "2000018"}
    for month in (before, after):
        row = month.discrepancies[0] | payout
        row["discrepancy_id"] = "payout_not_in_bank:123456:2000018"
        month.discrepancies.append(row)
    gone = row | {"discrepancy_id": "payout_not_in_bank:123456:2000007", "payout_number": "2000007"}
    before.discrepancies.append(gone)
    earlier = write_workbook(before.reconciliation(), tmp_path / "october.xlsx")
    result = after.reconciliation(manifest=NOVEMBER)
    path = write_workbook(result, tmp_path / "november.xlsx", earlier=earlier)
    for sheet, numbers in (("Discrepancies", 1), ("What changed", 2)):
        rows = read_sheet_by(path, sheet, "Payout")
        assert {number for number in rows if number not in ("None", "Payout")} == {
            *("2000018", "2000007")[:numbers]
        }
    assert "2000018" in render_page(result, workbook="november.xlsx")


def test_summary_counts_changes_and_decisions(earlier, tmp_path):
    """The values that a viewer shows without computing include what was carried over."""
    path = write_workbook(
        november().reconciliation(manifest=NOVEMBER), tmp_path / "november.xlsx", earlier=earlier
    )
    rows = list(load_workbook(path, data_only=True)["Summary"].iter_rows(values_only=True))
    changes = {row[1]: row[4:7] for row in rows if row[1] in CHANGES}
    assert changes == {
        "reopened": (1, 0, 0.80), "new": (1, 0, 0.90), "changed": (1, 0.40, 0.35),
        "aged": (1, 0.50, 0.50), "cleared": (1, 0.30, 0), "waived": (0, 0, 0),
        "not compared": (1, 0.20, 0),
    }  # fmt: skip
    decisions = {row[8]: (row[10], row[12]) for row in rows if row[8] in {"Decided", "Undecided"}}
    assert decisions == {"Decided": (1, 0.50), "Undecided": (3, 2.05)}


def test_changed_and_shifted_rows_are_named(earlier, tmp_path):
    """An entry beside other figures may belong to another payment."""
    fill_in(earlier, {}, **{"At risk": {"same": 9.99}})
    result = november().reconciliation(manifest=NOVEMBER)
    path = write_workbook(result, tmp_path / "november.xlsx", earlier=earlier)
    assert read_sheet(path, "Discrepancies")["same"]["Owner"] is None
    row = read_sheet(path, "What changed")["same"]
    assert (row["At risk then"], row["At risk now"]) == (None, 0.50)
    assert "changed or shifted" in row["What happened"]
    cover = [c.value for r in load_workbook(path)["Summary"].iter_rows() for c in r if c.value]
    assert any("changed or shifted" in str(text) and "october.xlsx" in str(text) for text in cover)


def test_the_same_inputs_give_the_same_bytes(earlier, tmp_path):
    """The earlier report is an input like any other, and its hash is on Controls."""
    result = november().reconciliation(manifest=NOVEMBER)
    first = write_workbook(result, tmp_path / "november.xlsx", earlier=earlier).read_bytes()
    path = write_workbook(result, tmp_path / "november.xlsx", earlier=earlier)
    assert path.read_bytes() == first
    controls = [c.value for r in load_workbook(path)["Controls"].iter_rows() for c in r]
    assert "october.xlsx (earlier report)" in controls


@pytest.mark.parametrize(
    ("manifest", "file", "problem", "error"),
    [
        ({"environment": "production"}, None, "of the environment test", InputError),
        ({}, b"order,total\n1,2\n", "named as an Excel workbook", SourceError),
    ],
    ids=["another environment", "not a report"],
)
def test_an_unusable_earlier_report_is_refused(earlier, tmp_path, manifest, file, problem, error):
    """Nothing is written, because the entries would be missing without anybody noticing."""
    if file is not None:
        earlier.write_bytes(file)
    result = november().reconciliation(manifest=NOVEMBER | manifest)
    with pytest.raises(error, match=problem):
        write_workbook(result, tmp_path / "november.xlsx", earlier=earlier)
    assert not (tmp_path / "november.xlsx").exists()


@pytest.mark.ci
@pytest.mark.office
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here")
def test_entries_survive_libreoffice(earlier, tmp_path):
    """A report that was saved in LibreOffice is read back like one that was saved in Excel."""
    subprocess.run(
        [
            "soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless",
            "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path / "saved"),
            str(earlier),
        ],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    path = write_workbook(
        november().reconciliation(manifest=NOVEMBER),
        tmp_path / "november.xlsx",
        earlier=tmp_path / "saved" / "october.xlsx",
    )
    rows = read_sheet(path, "Discrepancies")
    assert [rows["same"][name] for name in ENTRIES] == ["Kari", "accept", "Agreed\nby phone"]
    assert read_sheet(path, "What changed")["gone"]["Change"] == "cleared"


def test_page_shows_the_same_entries_and_changes(tmp_path):
    """Who reads the page only, sees what was decided too."""
    evil = "<script>window.ran = 1</script>"
    earlier = write_workbook(october().reconciliation(), tmp_path / "october.xlsx")
    fill_in(earlier, {"same": ("Kari", "accept", evil)})
    result = november().reconciliation(manifest=NOVEMBER)
    path = write_html(result, tmp_path / "page.html", earlier=earlier)
    page = Page(path.read_text(encoding="utf-8"))
    book = write_workbook(result, tmp_path / "november.xlsx", earlier=earlier)
    ((_, *rows),) = page.find_tables("changed")

    assert f"Owner: KariDecision: acceptNote: {evil}" in page.text
    assert f"earlier one, {earlier.name}." in page.text
    sheet = read_sheet(book, "What changed")
    assert [row[0] for row in rows] == [row["Change"] for row in sheet.values()]
    for row, listed in zip(rows, sheet.values(), strict=True):
        assert listed["What happened"] in row[2]
        assert read_minor(row[3] or "0") == round((listed["At risk then"] or 0) * 100)
    assert "What changed" not in Page(render_page(result)).text
