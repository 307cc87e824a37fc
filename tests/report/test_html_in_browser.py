"""The HTML page in Chromium: legible, harmless, on a phone, on A4, and searched by its own script."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests.chromium import needs_browser, open_browser
from tests.display.test_contrast import LEAST_CONTRAST, measure
from tests.report.example_pages import EVIL_TEXTS, make_evil_month
from tests.report.example_results import make_month
from vippsrecon.report.html.page import render_page, write_html

pytestmark = needs_browser

DARK = "@media screen and (prefers-color-scheme: dark)"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')

VISIBLE_ROWS = """[...document.querySelectorAll("tbody.item")].filter(body => body.checkVisibility())
    .map(body => ({severity: body.dataset.severity, kind: body.dataset.kind, currency: body.dataset.currency,
                   risk: Number(body.dataset.risk), text: body.textContent}))"""
SHOWN = "document.getElementById('discrepancy-shown').textContent"

WIDER_THAN_THE_PAGE = """[...document.querySelectorAll("body *")].filter(element => {
    const box = element.getBoundingClientRect();
    return box.width && !element.closest("svg") && (box.right > innerWidth + 1 || box.left < -1);
  }).map(element => element.outerHTML.slice(0, 120))"""

CUT_TEXTS = """[...document.querySelectorAll("td, th, dd, dt, li, p, h1, h2, h3, a, figcaption, label, summary")].filter(element =>
    element.checkVisibility() && element.scrollWidth > element.clientWidth + 1 &&
    getComputedStyle(element).display !== "inline"
  ).map(element => element.textContent.slice(0, 60))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return one browser for all tests of this module."""
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def month():
    """Return a month in two currencies, with every severity and with refunds to draw."""
    made = make_month()
    for event in made.events[2:90:9]:
        made.events.append(event | {"name": "REFUNDED", "psp_reference": f"r{event['reference']}"})
    return made.reconciliation(notices=("12 345.67 NOK was not compared.",) * 3)


@pytest.fixture(scope="module")
def path(month, tmp_path_factory):
    """Return the file of its page."""
    return write_html(
        month, tmp_path_factory.mktemp("page") / "report.html", workbook="report.xlsx"
    )


@pytest.fixture(scope="module")
def evil_path(tmp_path_factory):
    """Return the file of a page with hostile texts in every place."""
    return write_html(make_evil_month(), tmp_path_factory.mktemp("evil") / "report.html")


@pytest.mark.ci
@pytest.mark.parametrize("view", ["light", "dark", "printed"])
def test_every_text_has_enough_contrast(month, tmp_path, view):
    """In both schemes, and on paper whether backgrounds are printed or not."""
    page = re.sub("<svg.*?</svg>", "", POLICY.sub("", render_page(month)), flags=re.DOTALL)
    assert page.count(DARK) == 1
    if view == "dark":
        page = page.replace(DARK, "@media screen")
    measured = measure(page, tmp_path / "page.html", printed=view == "printed")

    assert [text for text in measured["texts"] if text["contrast"] < LEAST_CONTRAST] == []
    assert len(measured["texts"]) > 1000
    assert measured["cut"] == []


def test_browser_uses_the_scheme_of_the_system(browser, path):
    """Nobody has to choose: the page follows the system, and its bars stay visible."""
    papers = {}
    for dark in (False, True):
        browser.open(path, dark=dark)
        papers[dark] = browser.run("getComputedStyle(document.body).backgroundColor")

    assert papers == {False: "rgb(243, 245, 248)", True: "rgb(15, 20, 26)"}


LUMINANCE = """(text => { const [r, g, b] = text.match(/\\d+/g).map(value => {
    const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; })"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_bars_stand_out_from_what_is_behind_them(browser, path, dark):
    """A bar needs 3:1. Source: WCAG 2.2, success criterion 1.4.11."""
    browser.open(path, dark=dark)
    fills = f"""Object.fromEntries([...document.querySelectorAll("rect[class]:not(.hit)")].map(
        bar => [bar.className.baseVal, {LUMINANCE}(getComputedStyle(bar).fill)]))"""
    bars = browser.run(fills)
    behind = [
        bars.pop("track"),
        browser.run(
            f"{LUMINANCE}(getComputedStyle(document.querySelector('section')).backgroundColor)"
        ),
    ]

    assert len(bars) == 10
    for bar in bars.values():
        for paper in behind:
            assert (max(bar, paper) + 0.05) / (min(bar, paper) + 0.05) >= 3


def test_page_requests_nothing_but_itself(browser, path):
    """A page that loads anything tells its sender who opened it."""
    browser.open(path)

    requests = [
        event["request"]["url"] for event in browser.find_events("Network.requestWillBeSent")
    ]
    assert requests == [path.as_uri()]
    assert browser.find_events("Log.entryAdded") == [], "its own script and style are allowed"
    assert browser.run("!document.getElementById('discrepancy-tools').hidden"), "its script ran"


@pytest.mark.parametrize("policy", ["with its policy", "without any"])
def test_hostile_texts_do_nothing(browser, evil_path, tmp_path, policy):
    """Escaping alone is enough, and the policy is a second lock."""
    opened = evil_path
    if policy == "without any":
        opened = tmp_path / "open.html"
        opened.write_text(POLICY.sub("", evil_path.read_text(encoding="utf-8")), encoding="utf-8")
    browser.open(opened)
    browser.run("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    assert browser.run("window.ran") is None
    requests = [
        event["request"]["url"] for event in browser.find_events("Network.requestWillBeSent")
    ]
    assert requests == [opened.as_uri()]
    assert browser.find_events("Page.javascriptDialogOpening") == []
    assert browser.run("document.querySelectorAll('script, style').length") == 2
    assert browser.run("document.querySelectorAll('img, iframe, object, embed, form').length") == 0
    assert browser.run("getComputedStyle(document.body).display") == "block"
    text = browser.run("document.body.textContent")
    assert all(evil in text for evil in EVIL_TEXTS[:7])


def test_policy_stops_a_script_that_got_in(browser, path, tmp_path):
    """Should a text ever escape from its place, the browser still refuses to run it."""
    inside = (
        "<script>window.ran = 1</script><img src='x:y' onerror='window.ran = 2'>"
        "<style>body { display: none }</style></main>"
    )
    changed = tmp_path / "changed.html"
    changed.write_text(
        path.read_text(encoding="utf-8").replace("</main>", inside), encoding="utf-8"
    )
    browser.open(changed)

    assert browser.run("window.ran") is None
    assert browser.run("getComputedStyle(document.body).display") == "block"
    assert len(browser.find_events("Log.entryAdded")) >= 3, "each refusal is logged"


@pytest.mark.parametrize("width", [320, 390, 700, 1200])
@pytest.mark.parametrize("of", ["a month", "hostile texts"])
def test_page_fits_its_window(browser, path, evil_path, width, of):
    """On a phone nothing is beside the screen, and no text is cut."""
    browser.open(path if of == "a month" else evil_path, width=width)

    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(WIDER_THAN_THE_PAGE) == []
    assert browser.run(CUT_TEXTS) == []


def test_rows_are_searched_and_filtered(browser, path, month):
    """Words may be typed in any order, figures with or without separators."""
    browser.open(path)
    count = len(month.discrepancies)
    assert browser.run(SHOWN) == f"{count} of {count} rows"

    def search(text):
        browser.run(
            "(() => { const field = document.querySelector('#discrepancy-tools input');"
            f"field.value = {json.dumps(text)}; field.dispatchEvent(new Event('input')); }})()"
        )
        return browser.run(VISIBLE_ROWS)

    first = month.discrepancies.iloc[0]
    assert [row["text"].count(first["reference"]) for row in search(first["reference"])] == [1]
    assert browser.run(SHOWN) == f"1 of {count} rows"
    amount = f"{first['at_risk_minor'] / 100:,.2f}"
    assert any(row["risk"] == first["at_risk_minor"] for row in search(amount))
    assert search(amount.replace(",", "")) == search(amount)
    found = {row["kind"] for row in search("ORDER captured over_")}
    assert found == {"over_captured"}
    assert search("nothing has this") == []
    assert browser.run("!document.getElementById('discrepancy-none').hidden")
    search("")
    browser.run(
        "(() => { const select = document.querySelector('select[name=severity]');"
        "select.value = 'high'; select.dispatchEvent(new Event('change')); })()"
    )
    high = browser.run(VISIBLE_ROWS)
    assert len(high) == (month.discrepancies["severity"] == "high").sum()
    assert {row["severity"] for row in high} == {"high"}


def test_rows_are_sorted_by_their_headings(browser, path):
    """A click sorts, a second one turns the order; amounts of two currencies are not mixed."""
    browser.open(path)
    before = browser.run(VISIBLE_ROWS)
    browser.run("document.querySelector('th[data-sort=risk] button').click()")
    largest = browser.run(VISIBLE_ROWS)
    browser.run("document.querySelector('th[data-sort=risk] button').click()")
    smallest = browser.run(VISIBLE_ROWS)

    for rows, sign in ((largest, -1), (smallest, 1)):
        assert len(rows) == len(before)
        assert rows == sorted(rows, key=lambda row: (row["currency"], sign * row["risk"]))
    assert browser.run("document.querySelector('th[data-sort=risk]').ariaSort") == "ascending"
    browser.run("document.querySelector('th[data-sort=kind] button').click()")
    kinds = [row["kind"] for row in browser.run(VISIBLE_ROWS)]
    assert kinds == sorted(kinds)


def test_figures_have_names(browser, path):
    """Who does not see a bar hears the same."""
    browser.open(path)
    names = browser.run(
        "[...document.querySelectorAll('svg[role=img]')].map(svg => svg.querySelector('title').textContent)"
    )

    assert len(names) > 20
    assert all(re.search(r"\d", name) for name in names)
    assert (
        browser.run(
            "document.querySelectorAll('svg:not([role=img]):not([aria-hidden=true])').length"
        )
        == 0
    )


@pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="pdftotext is not installed (poppler)"
)
@pytest.mark.parametrize("of", ["a month", "hostile texts"])
def test_page_is_printed_whole_on_a4(browser, path, evil_path, month, tmp_path, of):
    """On paper nobody can scroll: every word is on a sheet, and every row's heading above it."""
    pdf = tmp_path / "page.pdf"
    browser.open(path if of == "a month" else evil_path, dark=True)
    browser.print_pdf(pdf)
    boxes, text = (
        subprocess.run(["pdftotext", *options, pdf, "-"], capture_output=True, text=True, check=True).stdout
        for options in (["-bbox"], ["-layout"])
    )  # fmt: skip

    assert {
        tuple(map(round, map(float, size)))
        for size in re.findall(r'<page width="([\d.]+)" height="([\d.]+)"', boxes)
    } == {(595, 842)}
    words = re.findall(
        r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)</word>',
        boxes,
    )
    assert len(words) > 1000
    outside = [
        word
        for *box, word in words
        if not (
            30 < float(box[0]) <= float(box[2]) < 562 and 30 < float(box[1]) <= float(box[3]) < 830
        )
    ]
    assert outside == []
    smallest = min(float(y_max) - float(y_min) for _, y_min, _, y_max, _ in words)
    assert smallest > 6, "the page was not made smaller to fit"
    if of == "a month":
        for reference in month.discrepancies["reference"]:
            assert reference in text
        labels = browser.run(
            "[...document.querySelectorAll('.days text')].map(text => text.textContent)"
        )
        for label in labels:
            whole = re.findall(rf"(?<![\d-]){re.escape(label)}(?!\w)", text)
            assert len(whole) >= labels.count(label), label
        pages = text.split("\f")
        with_rows = [page for page in pages if page.count("Next step:")]
        assert all(re.search(r"Severity +Code +Order", page) for page in with_rows)
        assert re.search(rf"{len(pages) - 1} / {len(pages) - 1}", text), "pages are numbered"
