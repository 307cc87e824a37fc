"""Test the workbook in a real spreadsheet program: LibreOffice recalculates every formula."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from tests.report.example_results import Month, frame, make_month
from tests.report.test_closing_blocks import make_month_end
from tests.report.test_money_sheets import bridge
from tests.report.test_restatement import FACTS
from vippsrecon import schemas
from vippsrecon.report import write_workbook

pytestmark = [
    pytest.mark.ci,
    pytest.mark.office,
    pytest.mark.skipif(
        shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed here"
    ),
]


def _changed():
    """Return a report whose summary is wrong by one øre."""
    result = make_month(40, flood=0).reconciliation()
    summary = result.summary.copy()
    summary.loc[0, "at_risk_minor"] = summary.loc[0, "at_risk_minor"] + 1
    return replace(result, summary=summary)


def _make_month_end():
    """Return a month end whose bridge is the sum of its entries, payouts and bank lines."""
    lines = [
        *(row for row in make_month_end().polars_frame("bridge").to_dicts()),
        bridge("payouts", 1, "ledger", 10_500, 2),
        bridge("payouts", 2, "fees_retained", -300),
        bridge("payouts", 3, "balance_change", 900),
        bridge("payouts", 4, "payouts", 11_100, 2),
        bridge("bank", 1, "payouts", 11_100, 2),
        bridge("bank", 2, "timing_payout_in_transit", -900),
        bridge("bank", 3, "bank_credit_unexplained", 77),
        bridge("bank", 4, "bank", 10_277, 2),
    ]
    return make_month_end(
        bridge=frame(schemas.BRIDGE, lines), restatement=frame(schemas.RESTATEMENT, FACTS)
    )


MONTHS = {
    "a month": (lambda: make_month().reconciliation(), {}),
    "spilled": (lambda: make_month(30, flood=0).reconciliation(), {"row_limit": 60}),
    "empty": (lambda: Month().reconciliation(), {}),
    "hostile text": (lambda: _hostile().reconciliation(), {}),
    "month end": (_make_month_end, {}),
    "six currencies": (lambda: _many_currencies().reconciliation(), {}),
}
"""Reports that agree: what makes the month, and the options of the workbook."""


@pytest.fixture(scope="module")
def recalculated(tmp_path_factory):
    """Return each month with the workbook that LibreOffice recalculated.

    It starts only once for all.
    """
    folder = tmp_path_factory.mktemp("books")
    months = {}
    for name, (make, options) in {
        **MONTHS,
        "changed": (_changed, {}),
        "decided": MONTHS["a month"],
    }.items():
        months[name] = make()
        path = write_workbook(months[name], folder / f"{name}.xlsx", **options)
        if name == "decided":
            _decide_first_row(path)
        _forget_cached(path)
    out = folder / "out"
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            "--headless",
            "--convert-to",
            "xlsx:Calc MS Excel 2007 XML",
            "--outdir",
            str(out),
            *(str(folder / f"{name}.xlsx") for name in months),
        ],
        check=True,
        capture_output=True,
        timeout=600,
    )
    return {
        name: (month, load_workbook(out / f"{name}.xlsx", data_only=True))
        for name, month in months.items()
    }


def _forget_cached(path):
    """Remove the stored value of every formula, so that each value read later was recalculated."""
    import re
    import zipfile

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            sheet = name.startswith("xl/worksheets/sheet")
            without_values = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", data) if sheet else data
            archive.writestr(name, without_values)


def _errors(book):
    return [
        f"{sheet.title}!{cell.coordinate} {cell.value}"
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "e"
        or (
            isinstance(cell.value, str)
            and cell.value.startswith(("#REF", "#NAME", "#VALUE", "#DIV", "Err:"))
        )
    ]


def _results(book):
    cells = [row[5].value for row in book["Controls"].iter_rows()]
    return [value for value in cells if value in ("OK", "DIFFERS", "IN FILE")]


@pytest.mark.parametrize("name", MONTHS)
def test_libreoffice_recalculates_without_errors(name, recalculated):
    """Formulas must also work in another program than the library that wrote them."""
    result, book = recalculated[name]
    assert _errors(book) == []
    results = _results(book)
    assert "DIFFERS" not in results
    assert bool(results) == bool(len(result.orders))
    overall = [
        c.value for row in book["Summary"].iter_rows() for c in row if c.value in ("OK", "DIFFERS")
    ]
    assert overall == ["OK"]


def test_totals_equal_what_was_computed(recalculated):
    """The amount on the summary sheet is the sum of the rows, in the workbook and in the result."""
    result, book = recalculated["a month"]
    line = next(row for row in book["Summary"].iter_rows() if row[1].value == "At risk")
    expected = result.discrepancies.groupby("currency")["at_risk_minor"].sum().sort_index()
    shown = [Decimal(str(line[place].value)).quantize(Decimal("0.01")) for place in (3, 4)]
    assert shown == [Decimal(int(minor)).scaleb(-2) for minor in expected]


def test_changed_amount_shows_differs(recalculated):
    """A check is only useful if it can show DIFFERS."""
    _, book = recalculated["changed"]
    assert _results(book).count("DIFFERS") == 1
    assert "DIFFERS" in [c.value for row in book["Summary"].iter_rows() for c in row]


def test_decided_totals_follow_the_decisions(recalculated):
    """Who fills in a decision sees on the Summary what is left."""
    result, book = recalculated["decided"]
    first = result.discrepancies.iloc[0]
    rows = int((result.discrepancies["currency"] == first["currency"]).sum())
    lines = [row for row in book["Summary"].iter_rows(values_only=True) if row[8]]
    start = next(
        n for n, row in enumerate(lines) if row[8] == "Decided" and row[10] and row[10] > 0
    )
    undecided, decided, total = lines[start - 1 : start + 2]
    assert (undecided[10], decided[10], total[10]) == (rows - 1, 1, rows)
    shown = Decimal(str(decided[12])).quantize(Decimal("0.01"))
    assert shown == Decimal(int(first["at_risk_minor"])).scaleb(-2)
    assert "DIFFERS" not in _results(book)


def _decide_first_row(path):
    book = load_workbook(path)
    sheet = book["Discrepancies"]
    head = int(sheet.auto_filter.ref.split(":")[0].strip("$ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    [decision] = [cell.column for cell in sheet[head] if cell.value == "Decision"]
    sheet.cell(head + 1, decision).value = "accept"
    book.save(path)


def _hostile():
    month = Month()
    texts = ("=1+1", "+A1", "-A1", "@x", "<r>&</r>", "\t=2", "æøå €", '"; DROP', "'quoted", "*")
    for number, text in enumerate(texts):
        month.pair(
            f"{text}{number}",
            995,
            990,
            kind="under_captured",
            bucket="discrepancy",
            order_number=text,
        )
    return month


def _many_currencies():
    month = Month()
    for number, currency in enumerate(("NOK", "DKK", "EUR", "SEK", "USD", "GBP") * 3):
        month.pair(
            f"r{number}",
            1999,
            1998,
            currency=currency,
            msn=f"{100000 + number % 3}",
            kind="under_captured",
            bucket="discrepancy",
        )
    return month
