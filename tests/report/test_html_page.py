"""The report as one HTML page: what it contains, what it must not contain, and how it is written."""

from __future__ import annotations

import logging
import os
import re
from base64 import b64encode
from hashlib import sha256

import openpyxl
import polars as pl
import pytest

from tests.report.example_pages import (
    EVIL_TEXTS,
    Page,
    make_evil_month,
    make_large_month,
    read_minor,
    read_tiles,
)
from tests.report.example_results import Month, make_month
from vippsrecon import write_html, write_workbook
from vippsrecon.errors import OutputError
from vippsrecon.report import names
from vippsrecon.report.changes import find_changes
from vippsrecon.report.daily_totals import sum_by_day
from vippsrecon.report.figures import BridgeLeg
from vippsrecon.report.html.charts import build_day_chart, build_waterfall
from vippsrecon.report.html.content import MAX_GROUPS, MAX_NOTICES
from vippsrecon.report.html.page import render_page
from vippsrecon.report.html.row_sections import MAX_DISCREPANCIES
from vippsrecon.spreadsheet.formats import BAR_COLOURS


@pytest.fixture(scope="module")
def month():
    """Return a month in two currencies."""
    return make_month().reconciliation(notices=("12 345.67 NOK was not compared.",))


@pytest.fixture(scope="module")
def html(month):
    """Return its page."""
    return render_page(month, workbook="report.xlsx")


@pytest.fixture(scope="module")
def page(html):
    """Return its page, read."""
    return Page(html)


@pytest.fixture(scope="module")
def summary_sheet(month, tmp_path_factory):
    """Return the rows of Summary, with the values of its formulas."""
    path = write_workbook(month, tmp_path_factory.mktemp("book") / "report.xlsx")
    sheet = openpyxl.load_workbook(path, data_only=True)["Summary"]
    return [[cell for cell in row if cell is not None] for row in sheet.values]


def find_section(sheet, title):
    """Return the rows of a section of the sheet without its headings; the last is its total."""
    first = next(place for place, row in enumerate(sheet) if row and row[0] == title)
    texts = [str(row[0]) if row else "" for row in sheet]
    last = next(place for place in range(first, len(sheet)) if texts[place].startswith("Total "))
    return sheet[first + 2 : last + 1]


def read_count(text):
    """Return a count that the page shows."""
    return int(text.replace(" ", ""))


def to_minor(value):
    """Return a cell's amount in minor units."""
    return round(value * 100)


def test_page_refers_to_nothing_outside(html, page):
    """A page in a mail must not tell anybody that it was opened, nor need a network."""
    links = [
        value for _, name, value in page.attributes if name in ("href", "src", "srcset", "action")
    ]

    assert links
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= {v for _, name, v in page.attributes if name == "id"}
    assert not re.search(r"https?:|//\w|url\(|@import|\bfetch\(|XMLHttp|import\(", html)
    assert not {"link", "img", "iframe", "object", "embed", "form", "base"} & set(page.tags)


def test_policy_allows_only_the_style_and_the_script_of_the_page(html, page):
    """Whatever a text contains, the browser runs only what has these hashes."""
    policy = next(
        value for tag, name, value in page.attributes if name == "content" and "src" in value
    )
    hashes = {
        kind: b64encode(sha256(re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1].encode()).digest())
        for kind, tag in (("style-src", "style"), ("script-src", "script"))
    }  # fmt: skip

    assert policy.split("; ") == [
        "default-src 'none'",
        *(f"{kind} 'sha256-{value.decode()}'" for kind, value in hashes.items()),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]


def test_hostile_texts_are_shown_and_add_nothing(html, page):
    """A script hidden in an order number would run where the report is opened."""
    evil_html = render_page(make_evil_month())
    evil = Page(evil_html)

    assert set(evil.tags) <= set(page.tags)
    assert {name for _, name, _ in evil.attributes} == {name for _, name, _ in page.attributes}
    for text in EVIL_TEXTS[:7]:
        assert evil.text.count(text) >= 10, "in rows, rejects, notices and controls"
    assert "1002\\u202egnp.exe\\u2066\\u200b" in evil.text
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b]", evil_html)
    assert evil_html.encode(), "a lone surrogate can be written too"


def test_headings_and_sentences_are_there(page, month):
    """The page is read alone: verdict, completeness, notices and the meaning of its rows."""
    assert f"{len(month.discrepancies)} DISCREPANCIES." in page.text
    assert "Payments: complete. Every reference asked for was answered" in page.text
    assert "Limit of every run:" in page.text
    assert "12,345.67 NOK was not compared." in page.text
    for manifest_text in (month.manifest["inputs"]["orders.csv"], "Rounding allowed per order"):
        assert manifest_text in page.text
    assert "three decimals" in page.text


def test_totals_by_code_are_those_of_the_workbook(page, summary_sheet):
    """Two forms of one report must not differ by an øre."""
    tables = page.find_tables("codes")

    assert len(tables) == 2
    for currency, table in zip(("DKK", "NOK"), tables, strict=True):
        *rows, total = find_section(summary_sheet, f"Discrepancies by code, {currency}")
        shown = [
            (row[0], row[1], int(row[2]), read_minor(row[3]), read_minor(row[4]))
            for row in table[1:-1]
        ]
        assert shown == [
            (f"{title}{kind}", worst, count, to_minor(difference), to_minor(risk))
            for kind, title, worst, count, difference, risk, *_ in rows
        ]
        assert (int(table[-1][2]), read_minor(table[-1][4])) == (total[1], to_minor(total[3]))


@pytest.mark.ci
def test_ages_and_decisions_are_those_of_the_workbook(month, tmp_path):
    """Also with decisions that people made in an earlier report."""
    path = write_workbook(month, tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book["Discrepancies"]
    (head,) = (row for row in sheet if "Decision" in [cell.value for cell in row])
    decision = next(cell.column for cell in head if cell.value == "Decision")
    for row in range(head[0].row + 1, head[0].row + 12):
        sheet.cell(row, decision).value = "accept"
    book.save(path)
    page = Page(render_page(month, changes=find_changes(month, path)))
    later = write_workbook(month, tmp_path / "later.xlsx", earlier=path)
    summary = list(openpyxl.load_workbook(later, data_only=True)["Summary"].values)

    for css_class, columns in (("ages", (1, 4, 5, 6)), ("decisions", (8, 10, 11, 12))):
        assert_same_table(page, summary, css_class, columns)
    decided = [read_count(table[2][1]) for table in page.find_tables("decisions")]
    assert sum(decided) == 11


def assert_same_table(page, summary, css_class, columns):
    """Compare tables of the page, one per currency, with those columns of the Summary."""
    for currency, table in zip(("DKK", "NOK"), page.find_tables(css_class), strict=True):
        title = f"Age of the discrepancies, and decisions, {currency}"
        first = next(place for place, row in enumerate(summary) if row[1] == title) + 1
        of_sheet = [[row[column] for column in columns] for row in summary[first:]]
        heads, *lines = of_sheet[: len(table)]
        assert table[0][:4] == heads
        assert len(lines) == (6 if css_class == "ages" else 3)
        assert [(row[0], read_count(row[1]), row[2], read_minor(row[3])) for row in table[1:]] == [
            (label, rows, "" if share is None else f"{share:.1%}", to_minor(risk))
            for label, rows, share, risk in lines
        ]


def test_page_and_summary_have_the_same_headings(page, summary_sheet):
    """Who has read one finds the same section in the other."""
    sections = [str(row[0]) for row in summary_sheet if row]
    headings = [names.get_heading(name) for name in ("completeness", "groups", "bridge")]
    headings += [
        names.format_heading(name, currency)
        for name in ("ages", "codes", "buckets")
        for currency in ("DKK", "NOK")
    ]

    assert [heading for heading in headings if heading not in page.text] == []
    assert [heading for heading in headings if heading not in sections] == []


def test_notices_and_groups_left_out_are_counted(month):
    """A notice that is dropped without a word is a warning that nobody reads."""
    notices = tuple(f"Notice {number}." for number in range(MAX_NOTICES + 7))
    cause = pl.format("Cause {}.", pl.int_range(pl.len()))
    many = pl.concat([month.polars_frame("groups")] * 20)
    groups = many.with_columns(rows=pl.lit(21, pl.Int64), cause=cause)
    full = month.with_changes(notices=notices, groups=groups)
    text = Page(render_page(full, workbook="october.xlsx")).text

    assert f"Notice {MAX_NOTICES - 1}." in text
    assert f"Notice {MAX_NOTICES}." not in text
    assert "The first 100 of 107 notices. All of them: sheet Summary of october.xlsx." in text
    left_out = (
        f"… and {groups.height - MAX_GROUPS + 1} more groups: see sheet Summary of october.xlsx."
    )
    assert left_out in text


def test_bars_have_the_colours_of_the_workbook(html):
    """A severity has one colour in the page, the workbook and the notebook."""
    light = html[: html.index("@media")]

    assert {
        name: f"--bar-{name}: {colour.lower()};" in light for name, colour in BAR_COLOURS.items()
    } == (dict.fromkeys(BAR_COLOURS, True))


def test_outcomes_are_those_of_the_workbook(page, summary_sheet):
    """Each order and payment is in one line of both."""
    for currency, table in zip(("DKK", "NOK"), page.find_tables("buckets"), strict=True):
        rows = find_section(summary_sheet, f"Outcome of every order and payment, {currency}")
        numbers = [[cell for cell in row if isinstance(cell, int | float)] for row in rows]
        shown = [
            (read_count(orders), read_minor(ordered), read_count(payments), read_minor(captured))
            for *_, orders, ordered, payments, captured in table[1:]
        ]

        assert shown == [
            (orders, to_minor(ordered), payments, to_minor(captured))
            for orders, ordered, payments, captured in numbers
        ]


def test_main_figures_are_those_of_the_workbook(html, summary_sheet):
    """The figures at the top of both."""
    start = next(n for n, row in enumerate(summary_sheet) if row and row[0] == "At a glance")
    sheet = {row[0]: row[2:] for row in summary_sheet[start : start + 12] if row}
    tiles = read_tiles(html)

    assert list(tiles) == ["DKK", "NOK"]
    for place, figures in enumerate(tiles.values()):
        assert read_count(figures["Orders"]) == sheet["Orders expected"][place]
        assert read_count(figures["Discrepancies"]) == sheet["Discrepancies"][place]
        for name in ("Order total", "Captured", "Refunded", "At risk"):
            assert read_minor(figures[name]) == to_minor(sheet[name][place])


@pytest.mark.parametrize("leg", ["captured", "refunded"])
@pytest.mark.parametrize(("msn", "currency"), [("123456", "NOK"), ("654321", "DKK")])
def test_bridge_has_each_line_and_adds_up(page, month, leg, msn, currency):
    """A leg leads from the orders to its total, and goes on to the payments as fetched."""
    ((_, *rows),) = page.find_tables("bridge", leg=leg, msn=msn, currency=currency)
    chosen = (pl.col("leg") == leg) & (pl.col("msn") == msn) & (pl.col("currency") == currency)
    amounts = month.polars_frame("bridge").filter(chosen).sort("position")["amount_minor"].to_list()
    *shown, total, fetched = [read_minor(row[2]) for row in rows]

    assert [*shown, total] == amounts
    assert sum(shown) == total == fetched


def test_without_a_script_every_row_is_shown(html, month):
    """The script adds search and sorting; without it the page is still whole."""
    hidden = re.findall(r'<(\w+)[^>]* id="([\w-]+)"[^>]* hidden>', html)

    assert hidden == [("div", "discrepancy-tools"), ("p", "discrepancy-none")]
    assert html.count('<tbody class="item"') == len(month.discrepancies)
    assert "<noscript" not in html


def test_amounts_are_as_the_language_writes_them():
    """With one kind of crowns, its sign is enough."""
    month = Month()
    month.pair("a", 123_456_700, 123_450, kind="under_captured", bucket="discrepancy")
    html = render_page(month.reconciliation())

    assert "1,234,567.00 NOK" in html
    assert "1,234.50 NOK" in html
    assert not re.search(r"\d,\d\d (?:NOK|kr)", html)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(10_000, "10,000"), pytest.param(100_000, "100,000", marks=pytest.mark.nightly)],
)
def test_large_page_stays_small_and_says_where_the_rest_is(count, shown):
    """A page of 100,000 rows cannot be mailed, and no browser shows it quickly."""
    large = make_large_month(count)
    html = render_page(large, workbook="october.xlsx")
    page = Page(html)
    risk = (
        large.polars_frame("discrepancies").group_by("currency").agg(pl.col("at_risk_minor").sum())
    )

    assert len(html.encode()) < 3_000_000
    assert html.count('<tbody class="item"') == MAX_DISCREPANCIES == 1_000
    left_out = f"The first 1,000 of {shown} rows. All of them: sheet Discrepancies of october.xlsx."
    assert left_out in page.text
    assert f"{shown} DISCREPANCIES." in page.text
    assert "(cut: 1,000,000 characters, longer in the workbook)" in page.text
    for currency, minor in risk.iter_rows():
        assert read_minor(read_tiles(html)[currency]["At risk"]) == minor


@pytest.mark.ci
def test_page_is_bounded_whatever_the_texts_are(month):
    """Each text at its longest, of the characters that take most room."""
    longest = pl.lit('"\u202e' * 10_000)
    texts = dict.fromkeys(("order_number", "reference", "flags", "cause", "next_step"), longest)
    rows = make_large_month(5_000).polars_frame("discrepancies").with_columns(**texts)
    reject = dict.fromkeys(("source_file", "column", "value", "reason"), longest)
    rejects = pl.concat([month.polars_frame("rejects")] * 2_000).with_columns(**reject)
    settings = {"owners": ['"' * 10_000] * 2_000}
    wide = month.with_changes(
        discrepancies=rows,
        rejects=rejects,
        notices=('"' * 10_000, "1.00 NOK " * 100_000) * 2_000,
        manifest={**month.manifest, "settings": settings},
    )

    assert len(render_page(wide).encode()) < 10_000_000


@pytest.mark.parametrize("complete", [True, False])
def test_page_of_nothing_says_so(complete):
    """An empty month gives a page, not an error."""
    text = Page(render_page(Month().reconciliation(complete=complete))).text

    assert "No orders and no payments." in text
    assert ("CLEAN." if complete else "INCOMPLETE.") in text


def test_currency_without_a_code_says_where_its_orders_are():
    """Orders whose payment is in another currency are counted there."""
    month = Month()
    month.pair("a", 100, 100, currency="SEK", bucket="discrepancy", kind="currency_mismatch")
    orders = month.reconciliation().with_changes(
        discrepancies=Month().reconciliation().polars_frame("discrepancies"),
        summary=Month().reconciliation().polars_frame("summary"),
    )

    assert "1 order in SEK has its payment in another currency" in Page(render_page(orders)).text


def test_same_input_gives_the_same_bytes(month, tmp_path):
    """An archive compares pages by their hashes."""
    first = write_html(month, tmp_path / "a.html", workbook="report.xlsx")
    second = write_html(month, str(tmp_path / "b.html"), workbook=tmp_path / "report.xlsx")

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".", "is a folder"),
        ("nowhere/report.html", "does not exist"),
        (
            "report.htm",
            "does not end in .html. Choose the name of an HTML page, such as report.html",
        ),
        ("report.xlsx", "does not end in .html"),
    ],
)
def test_an_unusable_path_is_refused(path, message, month, tmp_path):
    """One sentence, and nothing is written."""
    with pytest.raises(OutputError, match=message):
        write_html(month, tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_page_is_replaced_and_another_file_is_kept(month, tmp_path, caplog):
    """The page of an earlier run is replaced; a page that somebody else made is renamed."""
    path = tmp_path / "report.html"
    path.write_text("<p>My own page</p>")
    with caplog.at_level(logging.WARNING):
        write_html(month, path)
    assert "renamed to report.before-1.html" in caplog.text
    assert (tmp_path / "report.before-1.html").read_text() == "<p>My own page</p>"

    write_html(month, path, workbook="report.xlsx")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "report.before-1.html",
        "report.html",
    ]
    assert len(caplog.records) == 1


def test_page_that_cannot_be_made_leaves_the_old_one(month, tmp_path):
    """Half a page would look like a whole one."""
    path = write_html(month, tmp_path / "report.html")
    before = path.read_bytes()
    wrong = month.with_changes(manifest={**month.manifest, "period": ["yesterday", None]})

    with pytest.raises(ValueError, match="yesterday"):
        write_html(wrong, path)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_page_has_the_permissions_of_the_workbook(month, tmp_path):
    """The umask decides for both."""
    before = os.umask(0o027)
    try:
        files = write_html(month, tmp_path / "a.html"), write_workbook(month, tmp_path / "a.xlsx")
    finally:
        os.umask(before)

    assert [file.stat().st_mode & 0o777 for file in files] == [0o640, 0o640]


def test_days_are_the_sums_of_the_events(month):
    """An event listed twice is counted once, a failed one never, a day of nothing is zero."""
    events = month.polars_frame("events")
    failed = events.filter(pl.col("name") == "CAPTURED").with_columns(success=False)
    refunds = events.filter(pl.col("name") == "CAPTURED").head(3).with_columns(
        name=pl.lit("REFUNDED"), psp_reference=pl.lit("refund")
    )  # fmt: skip
    days = sum_by_day(pl.concat([events, events, failed, refunds]), month.manifest)
    sums = events.filter(pl.col("name") == "CAPTURED").group_by("currency")

    for currency, captured in sums.agg(pl.col("amount_minor").sum()).iter_rows():
        assert sum(span.captured_minor for span in days[currency]) == captured
        assert [span.label for span in days[currency]][:: len(days[currency]) - 1] == [
            "2026-10-01",
            "2026-10-31",
        ]
    refunded = sum(span.refunded_minor for spans in days.values() for span in spans)
    assert refunded == refunds["amount_minor"].sum()
    assert sum_by_day(events.clear(), month.manifest) == {}


def test_a_long_time_is_summed_by_month(month):
    """Days of a year would be thinner than a line."""
    year = sum_by_day(month.polars_frame("events"), {"period": ["2026-01-01", "2026-12-31"]})

    assert [span.label for span in year["NOK"]] == [f"2026-{n:02}" for n in range(1, 13)]
    assert year["NOK"][9].captured_minor > 0 == year["NOK"][8].captured_minor
    assert len(build_day_chart(year["NOK"]).columns) == 12


def test_waterfall_goes_from_level_to_level():
    """A bar begins where the one before it ended; the total begins at the left end."""
    lines = (("orders", 100_000, 9), ("cancelled", -60_000, 3), ("without_order", 10_000, 1))
    waterfall = build_waterfall(BridgeLeg("NOK", "1", "captured", lines, 50_000, (), 50_000))

    assert waterfall.start_minor == 0
    assert [(line.bar.start, line.bar.length, line.bar.tone) for line in waterfall.lines] == [
        ("0.00%", "100.00%", "total"),
        ("40.00%", "60.00%", "down"),
        ("40.00%", "10.00%", "up"),
        ("0.00%", "50.00%", "total"),
    ]
    small_step = (("orders", 100_000, 9), ("cancelled", -1_000, 3))
    cut = build_waterfall(BridgeLeg("NOK", "1", "captured", small_step, 99_000, (), 99_000))
    assert cut.start_minor == 98_000
    assert [line.bar.length for line in cut.lines] == ["100.00%", "50.00%", "50.00%"]
