"""Test the workbook as a user gets it: openpyxl reads what XlsxWriter wrote."""

from __future__ import annotations

import re
import zipfile
from datetime import date
from decimal import Decimal

import polars as pl
import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from tests.reconciliation.months import make_pair, reconcile_both
from tests.report.example_results import Month, make_month
from vippsrecon.reconciliation.codes import TIMING_KINDS
from vippsrecon.reconciliation.ledger_payouts.bridge import LINES as PAYOUT_LINES
from vippsrecon.reconciliation.payments_ledger.bridge import LEDGER_LINES
from vippsrecon.reconciliation.payouts_bank.bridge import LINES as BANK_LINES
from vippsrecon.reconciliation.results.bridge_lines import BRIDGE_LINES
from vippsrecon.report import names, write_workbook
from vippsrecon.report.columns import list_columns
from vippsrecon.report.excel.tables import HASHED_COLUMNS, compute_row_hash
from vippsrecon.report.terminal import format_summary
from vippsrecon.texts import list_section

SHEETS = [
    "Summary",
    "Discrepancies",
    "Matched",
    "Timing",
    "Payments",
    "Events",
    "Orders",
    "Rejects and failures",
    "Figures",
    "Controls",
]


def head_of(sheet) -> int:
    """Return the row number of a data sheet's header, which is the first row of its filter."""
    return int(re.search(r"\d+", sheet.auto_filter.ref).group())


def rows_of(sheet) -> list[dict[str, object]]:
    """Return the rows of a data sheet as dictionaries by heading."""
    top = head_of(sheet)
    heads = [cell.value for cell in sheet[top]]
    return [
        dict(zip(heads, row, strict=True))
        for row in sheet.iter_rows(min_row=top + 1, values_only=True)
        if any(value is not None for value in row)
    ]


def every_cell(book):
    """Yield the cells of all sheets."""
    for sheet in book:
        for row in sheet.iter_rows():
            yield from row


@pytest.fixture(scope="module")
def month():
    """Return a month with two sales units, two currencies and seven kinds of discrepancies."""
    return make_month().reconciliation(notices=("Look here first.",))


@pytest.fixture(scope="module")
def book(month, tmp_path_factory):
    """Return the workbook of the month, with its formulas."""
    path = write_workbook(month, tmp_path_factory.mktemp("report") / "report.xlsx")
    return load_workbook(path)


@pytest.fixture(scope="module")
def cached(month, tmp_path_factory):
    """Return the month's workbook with its stored values, for viewers that do not compute."""
    path = write_workbook(month, tmp_path_factory.mktemp("cached") / "report.xlsx")
    return load_workbook(path, data_only=True)


def test_workbook_has_the_documented_sheets(book):
    """People and programs find a sheet by its name."""
    assert book.sheetnames == SHEETS
    assert all(sheet.sheet_state == "visible" for sheet in book)


def test_discrepancies_keep_their_order_and_exact_amounts(month, cached):
    """The reconciliation puts the worst rows first. An amount with a rounding error is wrong."""
    shown = rows_of(cached["Discrepancies"])
    records = month.discrepancies.to_dict("records")
    assert [row["discrepancy_id"] for row in shown] == [row["discrepancy_id"] for row in records]
    for row, origin in zip(shown, records, strict=True):
        assert row["Severity"] == origin["severity"]
        for head, name in (("Expected", "expected_minor"), ("At risk", "at_risk_minor")):
            assert Decimal(str(row[head])) == Decimal(origin[name]).scaleb(-2)


def test_amounts_are_written_as_exact_decimals(tmp_path):
    """As a float, 9.95 is written as 9.949999999999999. An auditor who compares files sees this."""
    month = Month()
    for number, total in enumerate((995, 1, 99_999_999_999_999, 110)):
        month.pair(f"r-{number}", total, total)
    path = write_workbook(month.reconciliation(), tmp_path / "report.xlsx")
    with zipfile.ZipFile(path) as archive:
        orders = archive.read("xl/worksheets/sheet7.xml").decode()
    for text in ("9.95", "0.01", "999999999999.99", "1.10"):
        assert f"<v>{text}</v>" in orders


HOSTILE_TEXTS = [
    "=1+1",
    "+47 99",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("http://x","y")',
    "http://example.org",
    "{=1}",
    "<r>&<t>bold</t></r>",
    "<b>&amp;</b>",
    "000123",
    "1E+11",
    "Ærlig Øre 💶 日本",
    "_x0041_",
    'it\'s, "so"',
]


@pytest.fixture(scope="module")
def hostile_book(tmp_path_factory):
    """Write one workbook with every hostile text as reference, order number and notice."""
    month = Month()
    for text in HOSTILE_TEXTS:
        month.pair(text, 100, 50, kind="under_captured", bucket="discrepancy", order_number=text)
    path = tmp_path_factory.mktemp("hostile") / "report.xlsx"
    return write_workbook(month.reconciliation(notices=tuple(HOSTILE_TEXTS)), path)


@pytest.fixture(scope="module")
def hostile_rows(hostile_book):
    """Return the rows of two of its sheets."""
    book = load_workbook(hostile_book)
    return {name: rows_of(book[name]) for name in ("Discrepancies", "Orders")}


@pytest.mark.parametrize("hostile", HOSTILE_TEXTS, ids=repr)
def test_text_stays_text(hostile, hostile_rows):
    """Customers and plugins can put any text into an order number. It must never be a formula."""
    [row] = [row for row in hostile_rows["Discrepancies"] if _read(row["Order"]) == hostile]
    assert _read(row["reference"]) == hostile
    assert hostile in [_read(row["Order"]) for row in hostile_rows["Orders"]]


def test_hostile_texts_make_no_link_and_no_formula(hostile_book):
    """A link or a formula would act when a person opens the report."""
    with zipfile.ZipFile(hostile_book) as archive:
        assert not any(
            "hyperlink" in archive.read(n).decode("utf-8", "replace")
            for n in archive.namelist()
            if "worksheets/_rels" in n
        )
    cells = every_cell(load_workbook(hostile_book))
    formulas = [str(c.value) for c in cells if c.data_type == "f"]
    assert formulas
    ours = r"=(SUM|IF|COUNT|ROUND|SUBTOTAL|'|Summary|HYPERLINK\(\"#')"
    assert all(re.match(ours, text) for text in formulas)


def _read(value: object) -> str:
    """Decode the escapes of the file format, which openpyxl does not decode."""
    text = str(value)
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda sheet_rows: chr(int(sheet_rows[1], 16)), text)


def test_same_input_gives_the_same_bytes(month, tmp_path):
    """An auditor can run the report again at any time, and it must give the same file."""
    first_bytes = write_workbook(month, tmp_path / "one.xlsx").read_bytes()
    two = write_workbook(month, tmp_path / "two.xlsx").read_bytes()
    assert first_bytes == two


def test_order_of_input_rows_changes_nothing(month, tmp_path):
    """An export in another sort order is still the same export."""
    from dataclasses import replace

    shuffled = replace(
        month,
        **{
            name: getattr(month, name).sample(frac=1, random_state=3)
            for name in ("orders", "payments", "events", "buckets", "summary", "bridge", "groups")
        },
    )
    first_bytes = write_workbook(month, tmp_path / "one.xlsx").read_bytes()
    assert write_workbook(shuffled, tmp_path / "two.xlsx").read_bytes() == first_bytes


def test_input_is_not_changed(tmp_path):
    """A user may use the same frames in a notebook after the report is written."""
    month = make_month(40).reconciliation()
    before = {
        name: getattr(month, name).copy()
        for name in ("orders", "discrepancies", "bridge", "groups")
    }
    write_workbook(month, tmp_path / "report.xlsx")
    for name, frame in before.items():
        assert getattr(month, name).equals(frame)


def test_discrepancies_sheet_has_filters_and_lists(book):
    """The sheet has filters, a fixed header, and drop-down lists for owner, decision and note."""
    sheet = book["Discrepancies"]
    rows = {int(n) for n in re.findall(r"\d+", sheet.auto_filter.ref)}
    head = min(rows)
    assert sheet.freeze_panes == f"E{head + 1}"
    lists = {str(v.sqref): v for v in sheet.data_validations.dataValidation}
    heads = {cell.value: cell.column_letter for cell in sheet[head]}
    for name in ("Owner", "Decision", "Note"):
        choices = lists[f"{heads[name]}{head + 1}:{heads[name]}{max(rows)}"]
        assert choices.type == "list"
        assert choices.formula1.startswith("Controls!")
        assert bool(choices.showErrorMessage) == (name == "Decision")
    hidden = [d for d in sheet.column_dimensions.values() if d.hidden]
    columns = {place for d in hidden for place in range(d.min, d.max + 1)}
    names = {cell.value for cell in sheet[head] if cell.column in columns}
    assert names == {"discrepancy_id", "msn", "reference", "row_hash"}


def test_drop_down_lists_hold_decisions_and_owners(book):
    """A list that refers to empty or wrong cells offers no choices."""
    sheet = book["Controls"]
    source = next(
        v.formula1
        for v in book["Discrepancies"].data_validations.dataValidation
        if v.showErrorMessage
    )
    cells = [c.value for (c,) in sheet[source.split("!")[1].replace("$", "")]]
    assert {"accept", "refund", "capture", "cancel", "book", "ask shop", "waive"} <= set(cells)
    assert "Kari" in {cell.value for row in sheet.iter_rows() for cell in row}


def test_row_hash_detects_a_shifted_row(month, cached):
    """If a user sorts only some columns, the hidden hash no longer fits the values of its row."""
    shown = rows_of(cached["Discrepancies"])
    records = month.discrepancies.to_dict("records")
    hashes = [compute_row_hash(tuple(row[name] for name in HASHED_COLUMNS)) for row in records]
    assert [row["row_hash"] for row in shown] == hashes
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("currency", ["NOK", "DKK"])
def test_number_formats_follow_the_currency(book, currency):
    """An amount that is copied from the sheet must still show its currency."""
    sheet = book["Discrepancies"]
    head = head_of(sheet)
    columns = {cell.value: cell.column for cell in sheet[head]}
    formats = {
        sheet.cell(row, columns["At risk"]).number_format
        for row in range(head + 1, sheet.max_row + 1)
        if sheet.cell(row, columns["Currency"]).value == currency
    }
    assert formats == {f'#,##0.00\\ "{currency}"'}


def test_severities_are_coloured(book):
    """Colours help a reader find the urgent rows."""
    rules = [r for rules in book["Discrepancies"].conditional_formatting for r in rules.rules]
    assert {r.formula[0] for r in rules} >= {
        f'"{s}"' for s in ("critical", "high", "medium", "low", "info")
    }


@pytest.mark.parametrize("name", SHEETS)
def test_prints_on_a4_landscape(book, name):
    """Auditors print the report.

    Without page settings, a sheet prints as a hundred narrow pages.
    """
    sheet = book[name]
    assert sheet.page_setup.paperSize == 9
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
    assert "&P" in sheet.oddFooter.right.text
    if name not in ("Summary", "Figures", "Controls"):
        head = head_of(sheet)
        assert sheet.print_title_rows == f"${head}:${head}"


def test_times_and_days_are_date_cells(book):
    """A date that is text cannot be filtered by month."""
    payment = rows_of(book["Payments"])[0]
    assert payment["Created (UTC)"].strftime("%Y-%m-%d") == payment["Created"].strftime("%Y-%m-%d")


def test_stored_totals_and_checks_agree(cached):
    """Viewers that do not compute show the values that were stored in the file."""
    results = [row[5].value for row in cached["Controls"].iter_rows() if row[5].value]
    assert results.count("OK") > 40
    assert "DIFFERS" not in results
    glance = {row[1].value: row for row in cached["Summary"].iter_rows() if row[1].value}
    assert glance["At risk"][3].number_format.endswith('"DKK"')


def test_large_group_has_one_line_above_its_rows(cached):
    """Thirty rows with one cause are one finding; the rows are grouped but never hidden."""
    sheet = cached["Discrepancies"]
    head = head_of(sheet)
    above = [str(sheet.cell(row, 1).value) for row in range(1, head)]
    line = next(text for text in above if text.startswith("30 rows of under_captured"))
    assert "mostly store bergen" in line
    assert "(20.0% of all pairs)" in line
    assert "30.00 NOK at risk" in line
    assert sum(row["Group"] == "one of 30" for row in rows_of(sheet)) == 30


def test_a_payment_of_two_orders_is_shown_once(tmp_path):
    """Two order rows have one payment, and its amount must not be counted twice."""
    month = Month()
    month.pair("both", 600, 1000)
    twin = {**month.orders[0], "order_number": "#2", "total_minor": 400, "source_row": 9}
    month.orders.append(twin)
    month.buckets.append(
        {"side": "orders", "row_key": "orders.csv:9", "bucket": "matched", "kind": "", "flags": ""}
    )
    book = load_workbook(
        write_workbook(month.reconciliation(), tmp_path / "r.xlsx"), data_only=True
    )
    rows = rows_of(book["Matched"])
    assert [row["Order total"] for row in rows] == [6, 4]
    assert [row["Captured"] for row in rows] == [10, None]


def test_empty_month_gives_a_report(tmp_path):
    """An empty month is a valid result, and its formulas must work."""
    path = write_workbook(Month().reconciliation(), tmp_path / "report.xlsx")
    book = load_workbook(path, data_only=True)
    assert book.sheetnames == [name for name in SHEETS if name != "Figures"]
    texts = [str(cell.value) for cell in every_cell(book) if cell.value is not None]
    assert any(text.startswith("CLEAN.") for text in texts)


def test_incomplete_run_is_stated_on_the_cover(tmp_path):
    """A reader must not take an incomplete report for a complete one."""
    month = make_month(40)
    month.failures.append(
        {
            "msn": "123456",
            "reference": "x",
            "operation": "getPayment",
            "status": 503,
            "title": "Down",
        }
    )
    result = month.reconciliation(complete=False)
    book = load_workbook(write_workbook(result, tmp_path / "r.xlsx"), data_only=True)
    banner = book["Summary"]["B5"].value
    assert banner.startswith("INCOMPLETE. 1 payment could not be read")
    assert rows_of(book["Rejects and failures"])[0]["What"] == "not read"


def test_rows_above_the_sheet_limit_go_to_parquet(tmp_path):
    """Excel cuts off rows above its limit without a message; the report must not lose rows."""
    month = make_month(60, flood=0).reconciliation()
    path = write_workbook(month, tmp_path / "october.xlsx", row_limit=100)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["october.events.parquet", "october.xlsx"]
    events = pq.read_table(tmp_path / "october.events.parquet")
    assert events.num_rows == len(month.events) == 180
    assert set(events.column_names) == set(month.events.columns)
    book = load_workbook(path, data_only=True)
    sheet = book["Events"]
    assert sheet.max_row == 100
    texts = [str(cell.value) for cell in every_cell(book) if cell.value is not None]
    assert any(t.startswith("180 rows") and "october.events.parquet" in t for t in texts)
    controls = [str(c.value) for row in book["Controls"].iter_rows() for c in row]
    assert "october.events.parquet" in controls
    assert "IN FILE" in controls
    assert "DIFFERS" not in controls
    assert not [text for text in controls if " :" in text], "a gap where a matched row has no code"


def test_long_text_is_cut_visibly(tmp_path):
    """A cell holds 32,767 characters; without a mark, nobody would see that text is missing."""
    month = Month()
    month.pair("r", 100, 100)
    month.rejects.append(
        {"source_file": "o.csv", "source_row": 2, "value": "x" * 40_000, "reason": "too long"}
    )
    book = load_workbook(write_workbook(month.reconciliation(), tmp_path / "r.xlsx"))
    value = rows_of(book["Rejects and failures"])[0]["Value"]
    assert value.endswith("…")
    assert len(value) == 32_000


def test_no_money_is_added_across_currencies(book):
    """Kroner and euros must not be added, so every formula over amounts names one currency."""
    for cell in every_cell(book):
        text = str(cell.value)
        if cell.data_type == "f" and "SUMIFS" in text:
            assert '"=NOK"' in text or '"=DKK"' in text


def test_polars_frames_are_accepted(month, tmp_path):
    """A user may build a Reconciliation with polars frames instead of pandas."""
    from dataclasses import replace

    polar = replace(month, events=pl.from_pandas(month.events))
    first_bytes = write_workbook(month, tmp_path / "one.xlsx").read_bytes()
    assert write_workbook(polar, tmp_path / "two.xlsx").read_bytes() == first_bytes


def test_bridge_agrees_with_the_fetched_totals(tmp_path):
    """Each cause has its own line between the bridge's last amount and the payments' totals.

    The causes here are a refund after the cut-off time, a capture of the next month, and a total
    that the events do not confirm. All have the same amount, so none may cancel another.
    """
    order, paid = make_pair(captured=[(6, 1000), (35, 250)])
    paid[0]["captured_minor"] += 250
    other, (payment, log) = make_pair(
        "order-0002", captured=[(6, 500)], refunded=(66, 250), source_row=3
    )
    result = reconcile_both(
        [order, other | {"refunded_minor": 0}],
        [paid, (payment, log)],
        first=date(2026, 10, 1),
        last=date(2026, 10, 31),
    )
    sheet = load_workbook(write_workbook(result, tmp_path / "report.xlsx"), data_only=True)
    cells = [[cell.value for cell in row] for row in sheet["Summary"].iter_rows()]
    captured = {row[1]: row[4] for row in cells if row[1] and isinstance(row[4], float | int)}
    refunded = {row[6]: row[12] for row in cells if row[6] and isinstance(row[12], float | int)}

    assert captured["Captured at Vipps MobilePay"] == 15
    assert captured["Totals that disagree with events"] == 2.5
    assert captured["Payments' totals as fetched"] == 20
    assert refunded["Events after the cut-off time"] == 2.5
    assert {row[6]: row[11] for row in cells}["Events after the cut-off time"] == 1
    assert {row[1]: row[3] for row in cells}["Order total"] == 2
    (explained,) = re.findall(r"see the bridge on sheet Summary: (.+)", format_summary(result))
    assert "Totals that disagree with events" in explained
    assert "Events after the cut-off time" in explained
    assert refunded["Payments' totals as fetched"] == 2.5
    moved = [row[4] for row in cells if row[1] == "Moved in another period"]
    assert moved == [-2.5, 2.5]


def test_every_line_of_the_bridge_says_where_its_rows_are():
    """A controller who asks which orders a line adds up can filter them on a sheet."""
    of_shop = set(list_section("lines")) - {*LEDGER_LINES, *PAYOUT_LINES, *BANK_LINES}
    without_code = {*BRIDGE_LINES, "moved_in_another_period", *of_shop}
    listed_by_code = {"orders", *TIMING_KINDS}
    headers = {
        column.header
        for sheet in ("orders", "matched", "discrepancies")
        for column in list_columns(sheet)
    }

    assert set(names.list_line_places()) == without_code - listed_by_code
    for place in names.list_line_places().values():
        assert set(re.findall(r"(\w+) (?:=|contains) ", place)) <= headers
        codes = set(re.findall(r"Code = (\w+)", place)) | set(re.findall(r" or (\w+_\w+)", place))
        assert codes <= set(names.list_code_titles())


def test_columns_up_to_the_reference_stay_visible(tmp_path):
    """Whoever scrolls to an amount must see whose it is, wherever a column is added."""
    book = load_workbook(write_workbook(make_month().reconciliation(), tmp_path / "report.xlsx"))
    for name in set(SHEETS) - {"Summary", "Figures", "Controls"}:
        sheet = book[name]
        headings = [cell.value for cell in sheet[head_of(sheet)]]
        frozen = sheet[sheet.freeze_panes].column - 1
        assert headings[frozen - 1] == "Reference", name


def test_proposal_is_shown_with_its_amount(tmp_path):
    """The proposed operation and its amount are shown; without a proposal, the cells are empty."""
    month = Month()
    wrong = {"kind": "over_captured", "bucket": "discrepancy"}
    month.pair("a-1", 100, 1_350, **wrong, proposal="refund", proposal_minor=1_250)
    month.pair("a-2", 100, 200, **wrong)
    book = load_workbook(write_workbook(month.reconciliation(), tmp_path / "r.xlsx"))
    rows = rows_of(book["Discrepancies"])
    assert [(row["Proposed"], row["Proposed amount"]) for row in rows] == [
        ("refund", 12.5),
        (None, None),
    ]
    heads = list(rows[0])
    at = heads.index("Proposed")
    assert heads[at + 1] == "Proposed amount"


def test_amount_at_risk_without_a_difference_is_explained(tmp_path):
    """If expected equals actual but 40.00 is at risk, the report seems wrong without a note."""
    month = Month()
    lost = {"kind": "authorization_lost", "bucket": "discrepancy", "severity": "high"}
    month.pair("a-1", 100, 100, **lost, at_risk_minor=4_000)
    path = write_workbook(month.reconciliation(), tmp_path / "r.xlsx")
    sheet = load_workbook(path)["Discrepancies"]
    above = [str(sheet.cell(row, 1).value) for row in range(1, head_of(sheet))]
    assert any(text.startswith("1 row without a difference, but with") for text in above)


def test_order_paid_in_another_currency_is_shown_in_its_own(tmp_path):
    """'None in SEK' above a table with a discrepancy in SEK would be a contradiction."""
    month = Month()
    month.pair("a-1", 100, 100, currency="SEK", kind="currency_mismatch", bucket="discrepancy")
    month.payments[0]["currency"] = "NOK"
    month.discrepancies[0]["currency"] = "NOK"
    path = write_workbook(month.reconciliation(), tmp_path / "r.xlsx")
    texts = [str(c.value) for (c,) in load_workbook(path)["Summary"]["B1:B200"]]
    assert any(
        text.startswith("No row is counted in SEK. 1 order in SEK has its") for text in texts
    )


def test_long_value_is_shown_in_full(tmp_path):
    """A value without spaces is wrapped over several lines, and its row is high enough for them."""
    month = Month()
    month.pair("r", 100, 100)
    month.rejects.append(
        {"source_file": "o.csv", "source_row": 2, "value": "x" * 65, "reason": "?"}
    )
    sheet = load_workbook(write_workbook(month.reconciliation(), tmp_path / "r.xlsx"))[
        "Rejects and failures"
    ]
    assert sheet.row_dimensions[head_of(sheet) + 1].height >= 3 * 11


def test_failure_names_its_order_row(tmp_path):
    """To correct a reference in the shop, a user first looks for it in the export."""
    month = Month()
    month.pair("good-one", 100, 100)
    month.pair("bad_one", 100, 100)
    month.pair("bad_one", 100, 100)
    unsent = {"operation": "not_sent", "title": "malformed reference"}
    for msn, reference in (("123456", "bad_one"), ("123456", "listed"), ("654321", "bad_one")):
        month.failures.append({"msn": msn, "reference": reference, **unsent})
    book = load_workbook(write_workbook(month.reconciliation(), tmp_path / "r.xlsx"))
    shown = rows_of(book["Rejects and failures"])
    assert [(row["Reference"], row["Sales unit"], row["File"], row["Row"]) for row in shown] == [
        ("bad_one", "123456", "orders.csv", 3),
        ("listed", "123456", None, None),
        ("bad_one", "654321", None, None),
    ]


def test_unknown_reference_of_a_card_order_is_not_a_failure(tmp_path):
    """Ten orders paid by card must not be listed as ten failures to check."""
    month = Month()
    for reference, bucket in (("card", "ignored"), ("gone", "matched")):
        month.pair(reference, 100, 100, bucket=bucket)
        failure = {"msn": "123456", "reference": reference, "operation": "getPayment"}
        month.failures.append({**failure, "status": 404, "title": "Not Found"})
    month.failures.append({**month.failures[0], "status": 503, "title": "Down"})
    book = load_workbook(write_workbook(month.reconciliation(), tmp_path / "r.xlsx"))
    shown = rows_of(book["Rejects and failures"])
    assert [(row["Reference"], row["What"]) for row in shown] == [
        ("card", "not read"),
        ("gone", "not found"),
    ]
