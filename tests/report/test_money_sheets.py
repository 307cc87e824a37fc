"""Test what a report shows of money on its way to the bank, with frames built here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import takewhile

import openpyxl
import pytest

from tests.report.example_results import Month, frame
from vippsrecon import schemas
from vippsrecon.reconciliation.codes import DISCREPANCY_KINDS
from vippsrecon.report import write_html, write_workbook
from vippsrecon.report.excel.bridge_sheet import COLUMN_WIDTHS, LINE, MEANING
from vippsrecon.report.figures import compute_figures, get_figures
from vippsrecon.report.frames import build_report_frames
from vippsrecon.report.names import get_line_name
from vippsrecon.report.terminal import format_summary
from vippsrecon.texts import LANGUAGES, list_section, say, use_language

DAY = date(2026, 10, 5)
AT = datetime(2026, 10, 5, 10, tzinfo=UTC)
LEGS = ["order_payment", "payment_ledger", "ledger_payout", "payout_bank"]
SHEETS = ("Bridge", "Ledger", "Payouts and bank", "Cut-off", "Vouchers", "Radar")


def entry(topic, psp, kind, amount, after=None, **changes):
    """Return an entry of 5 October."""
    before = None if after is None else after - amount
    return {
        "ledger_id": "302321", "msn": "123456", "topic": topic, "psp_reference": psp,
        "reference": None, "entry_type": kind, "entry_at": AT, "ledger_date": DAY,
        "currency": "NOK", "amount_minor": amount, "balance_before_minor": before,
        "balance_after_minor": after, **changes,
    }  # fmt: skip


ENTRIES = [
    entry("funds", "psp-1", "capture", 10_000, 10_000, reference="order-1"),
    entry("funds", "psp-2", "capture", 500, 10_500, reference="order-2"),
    entry("fees", "psp-1", "capture-fee", -300, reference="order-1"),
    entry("funds", "302321-20261005", "fees-retained", -300, 10_200),
    entry("funds", "302321-2000001", "payout-scheduled", -10_200, 0),
]


def payout(number, amount, **changes):
    """Return a payout of 5 October."""
    return {
        "ledger_id": "302321", "msn": "123456", "payout_number": number, "ledger_date": DAY,
        "currency": "NOK", "amount_minor": amount, "expected_bank_date": date(2026, 10, 8),
        "status": "scheduled", "account": "NO9386011117947", "bank_text": f"Utb. {number}",
        **changes,
    }  # fmt: skip


def line(row, amount, text):
    """Return a line of 8 October."""
    return {
        "account": "NO9386011117947", "booked_date": date(2026, 10, 8), "currency": "NOK",
        "amount_minor": amount, "text": text, "source_file": "bank.xml", "source_row": row,
    }  # fmt: skip


def match(number, row, amount, by="reference"):
    """Return a match of a payout with a line."""
    return {
        "ledger_id": "302321", "msn": "123456", "payout_number": number, "currency": "NOK",
        "source_file": "bank.xml", "source_row": row, "amount_minor": amount, "matched_by": by,
        "proposed": by == "set_proposed",
    }  # fmt: skip


def bucket(side, key, name="matched", kind=""):
    """Return the outcome of a row."""
    return {"side": side, "row_key": key, "bucket": name, "kind": kind, "flags": ""}


def bridge(leg, position, line_name, amount, rows=1):
    """Return a row of the bridge."""
    return {
        "leg": leg, "msn": "123456", "currency": "NOK", "line": line_name, "position": position,
        "amount_minor": amount, "rows": rows,
    }  # fmt: skip


def summary(leg, name, kind, rows, at_risk=0):
    """Return a row of the summary."""
    return {
        "leg": leg, "currency": "NOK", "bucket": name, "kind": kind, "rows": rows,
        "total_minor": 0, "difference_minor": 0, "at_risk_minor": at_risk,
    }  # fmt: skip


def cut_off(position, name, amount, *, items=0, proof="computed", off_balance=False):
    """Return a line of the cut-off pack."""
    return {
        "cut_off_date": DAY, "msn": "123456", "currency": "NOK", "line": name, "position": position,
        "amount_minor": amount, "items": items, "proof": proof, "off_balance": off_balance,
    }  # fmt: skip


CUT_OFF_LINES = [
    cut_off(1, "ledger_balance", 0, proof="proven"),
    cut_off(3, "in_transit", 900, items=1),
    cut_off(4, "fees_accrued", None, proof="not_compared"),
    cut_off(6, "reservations", 7_000, off_balance=True),
]
CUT_OFF_ITEMS = [
    {
        "cut_off_date": DAY, "msn": "123456", "currency": "NOK", "line": "in_transit",
        "ledger_id": "302321", "item": "payout", "payout_number": "2000002", "item_date": DAY,
        "amount_minor": 900,
    }
]  # fmt: skip


def voucher(number, role, amount):
    """Return a line of a voucher."""
    return {
        "voucher_number": "VM-1", "voucher_date": DAY, "status": "new", "kind": "day",
        "ledger_id": "302321", "msn": "123456", "currency": "NOK", "line": number, "role": role,
        "account": "1580" if role == "clearing" else None, "amount_minor": amount, "text": "Sale",
        "entries": 1, "facts": "f",
    }  # fmt: skip


def make_result(*, legs=LEGS, **changes):
    """Return a month in which one payout, one of three bank lines and one entry are wrong."""
    month = Month()
    month.pair("order-1", 10_000, 10_000)
    month.pair("order-3", 7_000, 0)
    base = month.reconciliation()
    buckets = [
        *month.buckets,
        bucket("ledger_entries", "302321:funds:psp-1:capture:1"),
        bucket("ledger_entries", "302321:funds:psp-2:capture:1", "discrepancy", "ledger_without_event"),
        bucket("ledger_entries", "302321:fees:psp-1:capture-fee:1"),
        bucket("payouts", "302321:2000001"),
        bucket("payouts", "302321:2000002", "timing", "timing_payout_in_transit"),
        bucket("bank_lines", "bank.xml:1"),
        bucket("bank_lines", "bank.xml:2", "discrepancy", "bank_credit_unexplained"),
        bucket("bank_lines", "bank.xml:3", "ignored", "other_bank_line"),
    ]  # fmt: skip
    proof = {
        "ledger_id": "302321", "msn": "123456", "topic": "funds", "currency": "NOK",
        "verdict": "complete", "first_date": "2026-10-01", "last_date": "2026-10-31", "entries": 4,
        "entries_without_balance": 0, "payouts": 1, "open_dates": 0,
    }  # fmt: skip
    own = base.polars_frame("bridge").to_dicts()
    fields = {
        "buckets": frame(schemas.BUCKETS, buckets),
        "ledger_entries": frame(schemas.LEDGER_ENTRIES, ENTRIES),
        "payouts": frame(schemas.PAYOUTS, [payout("2000001", 10_200), payout("2000002", 900)]),
        "bank_lines": frame(
            schemas.BANK_LINES,
            [line(1, 10_200, "Utb. 2000001"), line(2, 77, "Vipps"), line(3, -5, "Husleie")],
        ),
        "payout_matches": frame(schemas.PAYOUT_MATCHES, [match("2000001", 1, 10_200)]),
        "bridge": frame(
            schemas.BRIDGE,
            [
                *own,
                bridge("ledger", 1, "captured_as_fetched", 10_000),
                bridge("ledger", 2, "ledger_without_event", 500),
                bridge("ledger", 3, "ledger", 10_500, 2),
            ],
        ),
        "summary": frame(
            schemas.SUMMARY,
            [
                summary("order_payment", "matched", "", 2),
                summary("payment_ledger", "matched", "", 4),
                summary("payment_ledger", "timing", "timing_not_on_ledger", 3),
            ],
        ),
        "cut_off": frame(schemas.CUT_OFF, CUT_OFF_LINES),
        "cut_off_items": frame(schemas.CUT_OFF_ITEMS, CUT_OFF_ITEMS),
        "vouchers": frame(
            schemas.VOUCHERS, [voucher(1, "clearing", 10_000), voucher(2, "sales", -10_000)]
        ),
        "manifest": base.manifest | {"legs": legs, "ledger_completeness": [proof]},
    }
    return base.with_changes(**(fields | changes))


@pytest.fixture(scope="module")
def result():
    """Return the month that the tests look at; none changes it."""
    return make_result()


@pytest.fixture(scope="module")
def workbook(result, tmp_path_factory):
    """Write its workbook once."""
    path = tmp_path_factory.mktemp("money") / "report.xlsx"
    write_workbook(result, path)
    return openpyxl.load_workbook(path)


def list_rows(sheet):
    """Return the rows of a sheet below its headings, by heading; a block below them is left out."""
    rows = list(sheet.iter_rows(values_only=True))
    place = next(n for n, row in enumerate(rows) if row.count(None) < len(row) / 2)
    own = takewhile(lambda row: row.count(None) < len(row), rows[place + 1 :])
    return [dict(zip(rows[place], row, strict=True)) for row in own]


def test_run_without_legs_has_the_report_of_before(tmp_path):
    """Files of money change nothing for those who give none."""
    month = Month()
    month.pair("order-3", 7_000, 0)
    path = write_workbook(month.reconciliation(), tmp_path / "report.xlsx")
    assert not set(SHEETS) & set(openpyxl.load_workbook(path).sheetnames)
    figures = get_figures(month.reconciliation())
    assert (figures.verdicts, figures.statement, figures.ledgers) == ((), (), ())


def test_sheets_are_added(workbook):
    """The bridge is beside the summary, the rows where the other rows are."""
    names = workbook.sheetnames
    assert set(SHEETS) <= set(names)
    assert names.index("Bridge") == 1


def test_ledger_sheet_has_each_entry_with_its_outcome(workbook):
    """A fee is on both topics, so that one column of amounts would count it twice."""
    rows = list_rows(workbook["Ledger"])
    assert [row["Type"] for row in rows] == [
        "capture", "capture", "fees-retained", "payout-scheduled", "capture-fee",
    ]  # fmt: skip
    assert [row["Amount"] for row in rows] == [100, 5, -3, -102, None]
    assert [row["Fee"] for row in rows] == [None, None, None, None, -3]
    assert rows[1]["Code"] == "ledger_without_event"


def test_payout_sheet_has_what_arrived_and_what_is_unexplained(workbook):
    """Lines that have nothing to do with Vipps MobilePay stay in the bank."""
    rows = list_rows(workbook["Payouts and bank"])
    shown = [
        (row["What"], row["Payout"], row["In the bank"], row["Not in the bank"]) for row in rows
    ]
    assert shown == [
        ("payout", "2000001", 102, 0),
        ("payout", "2000002", None, 9),
        ("bank line", None, 0.77, None),
    ]
    assert rows[0]["Found"] == "by its number"
    assert rows[2]["Code"] == "bank_credit_unexplained"


def test_credit_of_two_payouts_is_divided():
    """The column would otherwise count the credit twice."""
    matches = [
        match("2000001", 1, 11_100, "set_proposed"),
        match("2000002", 1, 11_100, "set_proposed"),
    ]
    lines = [line(1, 11_100, "Vipps")]
    rows = build_report_frames(
        make_result(
            payout_matches=frame(schemas.PAYOUT_MATCHES, matches),
            bank_lines=frame(schemas.BANK_LINES, lines),
        )
    ).money.payouts
    assert rows["bank_minor"].to_list() == [10_200, 900]
    assert rows["left_minor"].to_list() == [0, 0]


def test_two_credits_of_one_payout_are_added():
    """A bank divides a payout, for example over two currencies accounts."""
    matches = [match("2000001", 1, 10_000), match("2000001", 2, 200)]
    lines = [line(1, 10_000, "Utb. 2000001"), line(2, 200, "Utb. 2000001")]
    rows = build_report_frames(
        make_result(
            payout_matches=frame(schemas.PAYOUT_MATCHES, matches),
            bank_lines=frame(schemas.BANK_LINES, lines),
        )
    ).money.payouts
    assert rows["bank_minor"].to_list() == [10_200, None]
    assert rows["bank_row"].to_list()[0] == "bank.xml:1 bank.xml:2"


def test_cut_off_sheet_has_each_line_with_its_items(workbook):
    """An amount that is not known is empty, and what is off balance is not added to what is on it."""
    rows = list_rows(workbook["Cut-off"])
    assert [(row["Amount"], row["Off balance"], row["Item amount"]) for row in rows] == [
        (0, None, None), (9, None, None), (None, None, 9), (None, None, None), (None, 70, None),
    ]  # fmt: skip
    assert rows[2]["Payout"] == "2000002"
    assert (rows[3]["Line"], rows[3]["Proof"]) == ("Fees not retained yet", "not compared")


def test_voucher_sheet_has_debit_and_credit(workbook):
    """As in the accounting system; both sums are equal."""
    rows = list_rows(workbook["Vouchers"])
    assert [(row["Account"], row["Debit"], row["Credit"]) for row in rows] == [
        ("1580", 100, None), (None, None, 100),
    ]  # fmt: skip


def test_radar_sorts_reservations_by_their_deadline(workbook):
    """What is lost first is first."""
    (row,) = list_rows(workbook["Radar"])
    assert (row["Reference"], row["Reserved"], row["Order status"]) == ("order-3", 70, "fulfilled")
    assert row["Days left"] == "61–180 days" or row["Days"] > 60


def test_bridge_sheet_adds_up(workbook):
    """Each block's total is a formula over its lines, compared on Controls."""
    cells = [(row[1].value, row[4].value) for row in workbook["Bridge"].iter_rows() if row[1].value]
    labels = [label for label, _ in cells]
    assert "From payments to the ledger" in labels
    formula = dict(cells)["Captures less refunds on the ledger"]
    assert formula.startswith("=SUM(E")
    checks = [cell.value for cell in workbook["Controls"]["B"] if cell.value]
    assert any("Captures less refunds on the ledger" in str(check) for check in checks)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_of_the_bridge_is_cut(language):
    """A letter is narrower than a digit, so a few more letters fit than the width says."""
    with use_language(language):
        lines = [get_line_name(kind) for kind in DISCREPANCY_KINDS]
        for section in ("lines", "lines_of_refunds", "lines_of_ledger", "lines_to_fetched"):
            lines += [say(f"{section}.{key}") for key in list_section(section)]

    assert max(map(len, lines)) <= COLUMN_WIDTHS[LINE] + 3


def test_where_rows_are_is_wrapped(workbook):
    """The sentence is longer than its column."""
    sheet = workbook["Bridge"]
    places = [row[MEANING] for row in sheet.iter_rows() if row[MEANING].value]

    assert places
    assert all(cell.alignment.wrap_text for cell in places if " " in str(cell.value))


def test_page_has_the_bridge_of_the_ledger(result, tmp_path):
    """The legs of orders are there as before; those after them are added."""
    page = write_html(result, tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('data-leg="ledger"') == 1
    assert page.count('data-leg="captured"') == 1
    assert "Captures less refunds on the ledger" in page


def test_verdict_of_each_leg(result):
    """A leg that was not compared is not called clean."""
    verdicts = {each.leg: each for each in get_figures(result).verdicts}
    ledger = verdicts["payment_ledger"]
    assert (ledger.verdict, ledger.agreed, ledger.expected_later) == ("clean", 4, 3)
    left_out = make_result(legs=LEGS[:2])
    words = {each.leg: each.explanation for each in get_figures(left_out).verdicts}
    assert words["payout_bank"].startswith("not compared: needs a bank statement")
    assert words["payment_ledger"] == "clean"
    for shown in ("Payments and ledger, NOK", "Payouts and bank", words["payout_bank"]):
        assert shown in left_out._repr_html_(), "a notebook shows the same"


def test_code_of_two_legs_is_one_line():
    """A payout may differ from the ledger and from the bank; its line adds both."""
    rows = [
        summary("ledger_payout", "discrepancy", "payout_amount_difference", 1, 100),
        summary("payout_bank", "discrepancy", "payout_amount_difference", 2, 50),
    ]
    figures = compute_figures(
        build_report_frames(make_result(summary=frame(schemas.SUMMARY, rows)))
    )
    (code,) = figures.codes
    assert (code.rows, code.at_risk_minor) == (3, 150)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_shows_the_legs(result, tmp_path, language: str):
    """Workbook, page and terminal, with the proof of completeness on the first page."""
    translated = result.with_changes(manifest=result.manifest | {"language": language})
    terminal = format_summary(translated)
    path = write_workbook(translated, tmp_path / "report.xlsx")
    page = write_html(translated, tmp_path / "report.html").read_text(encoding="utf-8")
    with use_language(language):
        figures = get_figures(translated)
        name, ledger = figures.verdicts[1].name, figures.ledgers[0]
    cover = [
        str(cell.value)
        for row in openpyxl.load_workbook(path).worksheets[0].iter_rows(max_row=30)
        for cell in row
        if cell.value
    ]
    for text in (name, ledger):
        assert text in terminal
        assert text in page
        assert any(text in cell for cell in cover)
    assert len(figures.verdicts) == 4


def test_report_of_findings_leaves_the_ledger_out(result, tmp_path):
    """A month of a million payments has two million entries; its report is mailed."""
    path = write_workbook(result, tmp_path / "report.xlsx", detail="findings")
    names = openpyxl.load_workbook(path).sheetnames
    assert "Ledger" not in names
    assert "Payouts and bank" in names
    assert (tmp_path / "report.data" / "ledger_rows.parquet").is_file()
