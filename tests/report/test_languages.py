"""Test reports in other languages: no English in them, and they are read back."""

from __future__ import annotations

import re
import warnings

import polars as pl
import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month
from tests.texts.english import list_english_phrases
from vippsrecon.cli.errors import print_warning
from vippsrecon.notification.digest import build_report_digest
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.changes import compare_with_report
from vippsrecon.report.run_facts import list_run_facts
from vippsrecon.report.terminal import format_other_files, format_result_line, format_summary
from vippsrecon.sources.reviewed_report.read import read_reviewed_report
from vippsrecon.texts import LANGUAGES, list_texts_in
from vippsrecon.texts.language import use_language
from vippsrecon.workflow.decisions.resolve_report import resolve_report

OTHERS = ("nb", "fi")


def make_month(language, **changes):
    """Return a month with a matched pair, a discrepancy and a pair that waits."""
    month = Month()
    month.pair("a", 100_000, 100_000)
    month.pair("b", 1_234_500, 1_000_000, kind="under_captured", bucket="discrepancy", **changes)
    month.pair("c", 30_000, 30_000, kind="timing_after_cut", bucket="timing")
    result = month.reconciliation()
    texts = list_texts_in("sentences.under_captured.default", language)
    discrepancies = result.polars_frame("discrepancies").with_columns(
        cause=pl.lit(texts["cause"]), next_step=pl.lit(texts["next_step"])
    )
    manifest = {**result.manifest, "language": language}
    return result.with_changes(discrepancies=discrepancies, manifest=manifest)


def read_texts(report):
    """Return every text of a workbook."""
    book = load_workbook(report)
    cells = [cell.value for sheet in book for row in sheet.iter_rows() for cell in row]
    return "\n".join([*book.sheetnames, *(str(value) for value in cells if value is not None)])


def fill_in(report, **entries):
    """Fill in the first discrepancy of a report, as a person would in a spreadsheet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = load_workbook(report)
        for language in LANGUAGES:
            name = list_texts_in("sheets", language)["discrepancies"]
            if name in book.sheetnames:
                break
        headings = list_texts_in("columns.discrepancies", language)
        sheet = book[name]
        [head] = [row for row in sheet.iter_rows() if row[0].value == headings["severity.heading"]]
        places = {cell.value: cell.column for cell in head}
        for column, value in entries.items():
            place = places[headings[f"{column}.heading"]]
            sheet.cell(head[0].row + 1, place).value = value
        book.save(report)


@pytest.mark.ci
@pytest.mark.parametrize("language", OTHERS)
def test_report_has_no_english_phrase(language, tmp_path):
    """One English sentence in a Finnish report shows that the rest was not checked either."""
    result = make_month(language)
    report = write_workbook(result, tmp_path / "report.xlsx")
    page = write_html(result, tmp_path / "report.html", workbook=report)
    body = page.read_text(encoding="utf-8").partition("<body")[2].partition("<script>")[0]
    shown = {
        "workbook": read_texts(report),
        "page": body,
        "notebook": result._repr_html_().partition("</style>")[2],
        "terminal": format_summary(result, report),
    }

    phrases = list_english_phrases(language)
    for name, text in shown.items():
        assert [phrase for phrase in phrases if phrase in text] == [], name
    assert f'lang="{language}"' in page.read_text(encoding="utf-8")


@pytest.mark.ci
@pytest.mark.parametrize("language", LANGUAGES)
def test_decision_is_read_back_in_any_language(language, tmp_path):
    """Programs know the decision by its English word; people chose the word of their language."""
    report = write_workbook(make_month(language), tmp_path / "report.xlsx")
    words = list_texts_in("decisions", language)
    fill_in(report, owner="Controller", decision=words["waive"], note="Agreed")

    [row] = read_reviewed_report(report).rows
    assert (row.decision, row.owner, row.kind) == ("waive", "Controller", "under_captured")
    resolved = resolve_report(report)
    assert len(resolved.waivers) == 1
    assert not resolved.refused


@pytest.mark.ci
@pytest.mark.parametrize(("before", "after"), [("nb", "en"), ("en", "fi"), ("sv", "da")])
def test_entries_are_carried_over_to_another_language(before, after, tmp_path):
    """A new colleague may want the next report in another language."""
    earlier = write_workbook(make_month(before), tmp_path / "earlier.xlsx")
    fill_in(earlier, decision=list_texts_in("decisions", before)["refund"], note="Sent")
    result = make_month(after)
    changes = compare_with_report(result, read_reviewed_report(earlier))
    report = write_workbook(result, tmp_path / "report.xlsx", earlier=changes)

    [row] = read_reviewed_report(report).rows
    assert (row.decision, row.entry_note) == ("refund", "Sent")
    assert list_texts_in("decisions", after)["refund"] in read_texts(report)
    assert list_texts_in("sheets", after)["changed"] in load_workbook(report).sheetnames


@pytest.mark.parametrize("language", LANGUAGES)
def test_formulas_and_names_lead_to_sheets_of_the_workbook(language, tmp_path):
    """A formula that names an English sheet is #REF! in a Norwegian workbook."""
    book = load_workbook(write_workbook(make_month(language), tmp_path / "report.xlsx"))
    formulas = [
        cell.value
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, str) and cell.value.startswith("=")
    ]
    named = {
        name
        for text in [*formulas, *(name.attr_text for name in book.defined_names.values())]
        for name in re.findall(r"'([^'#]+)'!|\b([A-Za-z_]+)!", text)
        for name in name
        if name
    }

    assert formulas
    assert named <= set(book.sheetnames)


@pytest.mark.ci
@pytest.mark.parametrize("language", LANGUAGES)
def test_message_is_in_the_language_of_its_report(language, tmp_path):
    """Whoever reads the report reads the mail about it."""
    report = write_workbook(make_month(language), tmp_path / "report.xlsx")
    digest = build_report_digest(report)

    assert not digest.failed
    assert digest.language == language
    assert list_texts_in("digest", language)["worst"] in digest.lines
    assert list_texts_in("codes", language)["under_captured.title"] in digest.format_text()


@pytest.mark.parametrize("language", OTHERS)
def test_paths_beside_the_report_are_named_in_its_language(language):
    """Below a summary in Norwegian stood `Page: report.html`."""
    lines = format_other_files(make_month(language), page="a.html", rows="a.data").splitlines()
    words = list_texts_in("terminal", language)
    assert lines == [
        words["page"].format(path="a.html"),
        words["other_rows"].format(path="a.data"),
    ]
    assert not any(line.startswith(("Page:", "Rows of")) for line in lines)
    assert format_other_files(make_month(language)) == ""


@pytest.mark.parametrize("language", OTHERS)
def test_line_on_standard_error_shows_the_amount(language, capsys):
    """The spaces between thousands came as codes in the mail that cron sends."""
    print_warning(format_result_line(make_month(language), "report.xlsx"))
    shown = capsys.readouterr().err
    assert "\\x" not in shown
    assert re.search(r"\d\u00a0\d{3},\d\d NOK", shown), shown


def test_controls_name_how_payments_were_found():
    """The words `ledger` and `orders` are those of the program."""
    month = make_month("nb")
    manifest = {**month.manifest, "discovered_by": {"ledger": 2, "orders": 1}}
    with use_language("nb"):
        facts = dict(list_run_facts(month.with_changes(manifest=manifest)))
    assert facts["Betalinger funnet via oppgjørskontoen"] == "2"
    assert facts["Betalinger funnet via ordrene"] == "1"
