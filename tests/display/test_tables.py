"""Tables of frames: what they contain, and how they are searched and sorted in a browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.chromium import needs_browser
from tests.display.browser import convert_to_page, run_in_page
from tests.report.example_results import make_month
from vippsrecon import InputError, SalesUnit, in_major, search_frame, show_frame
from vippsrecon.schemas import DISCREPANCIES

EVIL = '<img src=x onerror="window.ran=1"><script>window.ran=1</script></script><b>\'&amp;'
FRAMES = ["orders", "payments", "events", "failures", "rejects", "discrepancies", "buckets",
          "summary", "bridge", "groups"]  # fmt: skip

READ_TABLE = """
const rows = () => [...document.querySelectorAll("tbody tr")].map(row => [...row.cells].map(cell => cell.textContent));
const info = () => document.querySelector(".dt-info").textContent;
const search = text => {
  const field = document.querySelector(".dt-search input");
  field.value = text;
  field.dispatchEvent(new Event("input", {bubbles: true}));
  return [rows(), info()];
};
const sort = async place => {
  const heading = document.querySelectorAll("thead th")[place], before = heading.ariaSort;
  heading.click();
  while (heading.ariaSort === before) await new Promise(done => setTimeout(done));
  return rows().map(row => row[place]);
};
// The page's own image fails after one that a hostile text would have added.
const failedImage = () => new Promise(done => { const image = new Image(); image.onerror = done; image.src = "y"; });
"""


def find_cells(html):
    """Return the texts of the cells, without their tags."""
    body = re.search(r"<tbody>(.*)</tbody>", html, re.DOTALL)[1]
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", body, re.DOTALL)]


def strip_script(html):
    """Return the HTML without the script, and assert that there is one at most."""
    parts = re.split(r"<script>.*?</script>", html, flags=re.DOTALL)
    assert len(parts) <= 2
    return "".join(parts)


@pytest.fixture(scope="module")
def result():
    """Return a month in two currencies."""
    return make_month().reconciliation()


@pytest.mark.parametrize("show", [show_frame, search_frame])
@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_of_a_result_can_be_shown(result, name, show):
    """A frame needs no preparing; nothing in the output names an address."""
    frame = getattr(result, name)
    before = frame.copy()
    shown = show(frame)
    html = strip_script(shown._repr_html_())

    assert len(find_cells(html)) == min(len(frame), 200 * (show is show_frame) or 2000) * len(
        frame.columns
    )
    assert "http" not in html
    assert "//" not in re.sub(r"/\*.*?\*/", "", html)
    assert max(map(len, repr(shown).splitlines())) < 250
    pd.testing.assert_frame_equal(frame, before)


def test_the_script_loads_nothing(result):
    """The script is the package's own, with DataTables inside; its address is one of this page."""
    (script,) = re.findall(
        r"<script>(.*?)</script>", search_frame(result.summary)._repr_html_(), re.DOTALL
    )
    own = re.sub(r"[A-Za-z0-9+/=]{1000,}", "", script)

    assert len(own) < 3000
    assert "http" not in own
    assert re.findall(r"import\((.*?)\)", own) == ["url"]
    assert "createObjectURL" in own


def test_texts_from_outside_are_escaped():
    """An order number, and even the name of a column, must never become HTML."""
    frame = pd.DataFrame({"reference": [EVIL], EVIL: ["x"], "total_minor": [1], "currency": [EVIL]})
    for show in (show_frame, search_frame):
        html = strip_script(show(frame)._repr_html_())
        assert "<img" not in html
        assert "<b>" not in html
        assert html.count("&lt;img") == 3, "the heading and two cells"


def test_amounts_times_and_words_are_for_people(result):
    """The frame has 123450, UTC and codes; the table has what the other displays have."""
    frame = pd.DataFrame(
        {
            "severity": ["low", "critical"],
            "currency": ["NOK", "NOK"],
            "captured_minor": pd.array([123_450, None], dtype="Int64"),
            "event_at": [pd.Timestamp("2026-10-31T23:30:00Z"), pd.NaT],
            "event_day": [20_727, 20_728],
            "success": [True, False],
            "rows": [12_345, 1],
            "msn": ["123456", "123456"],
        }
    )
    html = show_frame(frame)._repr_html_()

    assert find_cells(html) == [
        "low", "NOK", "1 234,50 kr", "2026-11-01 00:30", "2026-10-01", "yes", "12 345", "123456",
        "critical", "NOK", "", "", "2026-10-02", "no", "1", "123456",
    ]  # fmt: skip
    assert '<td class="vr-number">1 234,50 kr</td>' in html
    assert '<span class="vr-label vr-critical">critical</span>' in html
    assert re.findall(r"<th[^>]*>(.*?)</th>", html)[-1] == "Sales unit"
    assert repr(show_frame(frame)).startswith("2 rows\nSeverity Currency    Captured")


def test_columns_can_be_chosen_without_losing_the_currency(result):
    """The currency formats the amount although it is not shown."""
    frame = result.discrepancies
    columns = ["severity", "at_risk_minor"]
    html = show_frame(frame, columns=columns, rows=1)._repr_html_()

    assert re.fullmatch(r"[\d ]+,\d\d kr", find_cells(html)[1])
    assert f"and {len(frame) - 1} more rows; all of them: <code>search_frame(frame)</code>" in html
    with pytest.raises(InputError, match="has at_risk_minor, and neither a column nor an index"):
        show_frame(frame[columns])
    with pytest.raises(InputError, match=r"no column 'total'\. It has discrepancy_id, leg"):
        show_frame(frame, columns=["total"])


def test_sums_by_currency_and_major_amounts_are_amounts_too(result):
    """What a reader makes of the frames is shown as the frames are."""
    sums = result.payments.groupby("currency")[["captured_minor"]].sum()
    cells = find_cells(show_frame(sums)._repr_html_())

    assert cells == find_cells(show_frame(in_major(sums))._repr_html_())
    assert [cell[-3:] for cell in cells] == ["DKK", "DKK", "NOK", "NOK"]
    unusual = pd.DataFrame({"currency": ["NOK"], "share": [Decimal("0.123")]})
    assert find_cells(show_frame(unusual)._repr_html_()) == ["NOK", "0.123"]


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_frames_of_other_libraries_are_shown(make):
    """Each library's frame gives the same table."""
    frame = make({"currency": ["EUR", None], "paid_minor": [5, None]})

    assert find_cells(show_frame(frame)._repr_html_()) == ["EUR", "0,05 €", "", ""]
    with pytest.raises(InputError, match="is not a frame"):
        show_frame([1])


def test_time_without_a_known_zone_says_utc():
    """A time is never shown as local if nothing says where."""
    frame = pd.DataFrame(
        {"at": [datetime(2026, 10, 31, 23, 30, tzinfo=UTC)] * 2, "msn": ["1", "2"]}
    )

    def show_times(**zone):
        return find_cells(show_frame(frame, columns=["at"], **zone)._repr_html_())

    assert show_times() == ["2026-10-31 23:30 UTC"] * 2
    assert show_times(zone="Europe/Helsinki") == ["2026-11-01 01:30"] * 2
    units = [SalesUnit("1", market="NO")]
    assert show_times(zone=units) == ["2026-11-01 00:30", "2026-10-31 23:30 UTC"]
    with pytest.raises(InputError, match="'Europe/Olso', which is not known"):
        show_times(zone="Europe/Olso")


def test_a_bounded_search_says_what_it_does_not_search():
    """A row that is not found would otherwise look like one that does not exist."""
    frame = pd.DataFrame({"reference": [f"order-{n}" for n in range(2500)]})

    html = search_frame(frame)._repr_html_()
    assert "order-1999" in html
    assert "order-2000" not in html
    assert "Only the first 2 000 of 2 500 rows are in this table" in html
    assert "search_frame(frame, rows=2500)" in html
    assert "Only the first" not in search_frame(frame, rows=2500)._repr_html_()
    for rows in (0, -1, 1.5, True, "all"):
        with pytest.raises(InputError, match="must be a number of rows such as 200"):
            search_frame(frame, rows=rows)


def test_an_empty_frame_is_shown():
    """A month without discrepancies is no error."""
    for show in (show_frame, search_frame):
        assert repr(show(DISCREPANCIES.empty())) == "0 rows"
        assert find_cells(show(DISCREPANCIES.empty())._repr_html_()) == []
        assert repr(show(pd.DataFrame())) == "0 rows"


SEARCHED = pd.DataFrame(
    {
        "severity": ["low", "critical", "high", "info"] * 10,
        "reference": [f"order-{n}" for n in range(39)] + [EVIL],
        "order_number": [str(n) for n in range(40)],
        "currency": ["NOK"] * 40,
        "at_risk_minor": [n * 45_000 for n in range(39, 0, -1)] + [None],
        "event_at": pd.date_range("2026-10-31T20:00:00Z", periods=40, freq="7h"),
    }
)


@pytest.mark.ci
@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_row_is_found_and_rows_are_sorted_without_a_network(tmp_path, theme):
    """Typed as a person types; what an amount or a severity means decides its place."""
    page = convert_to_page([search_frame(SEARCHED)], theme)
    script = f"""{READ_TABLE}
    const out = {{first: info(), pages: document.querySelectorAll(".dt-paging-button").length}};
    out.reference = search("order-17");
    out.shown = search("9 900,00");
    out.typed = search("9900,00");
    out.point = search("9900.00");
    out.word = search("critical");
    out.time = search("2026-11-01 04:00");
    out.evil = search("<img src=x");
    out.nothing = search("order-99");
    search("");
    out.amounts = [await sort(4), await sort(4)];
    out.severities = await sort(0);
    out.numbers = await sort(2);
    await failedImage();
    out.ran = window.ran ?? null;
    return out;
    """
    seen = run_in_page(page, tmp_path / "page.html", script)

    assert seen["first"] == "Rows 1 to 15 of 40"
    assert [row[1] for row in seen["reference"][0]] == ["order-17"]
    assert seen["reference"][1] == "Rows 1 to 1 of 1 found among 40"
    for way in ("typed", "point", "shown"):
        assert "9 900,00 kr" in [row[4] for row in seen[way][0]]
        assert len(seen[way][0]) == 1 or way == "shown", "a space separates words"
    assert {row[0] for row in seen["word"][0]} == {"critical"}
    assert seen["word"][1] == "Rows 1 to 10 of 10 found among 40"
    assert [row[5] for row in seen["time"][0]] == ["2026-11-01 04:00"]
    assert [row[1] for row in seen["evil"][0]] == [EVIL]
    assert seen["nothing"] == [[["No row contains this."]], "No rows found among 40"]
    assert seen["amounts"][0][:3] == ["", "450,00 kr", "900,00 kr"]
    assert seen["amounts"][1][:2] == ["17 550,00 kr", "17 100,00 kr"]
    assert seen["severities"][:11] == ["critical"] * 10 + ["high"]
    assert seen["numbers"][:12] == [str(n) for n in range(12)]
    assert seen["ran"] is None, "a text from outside must not run"


@needs_browser
def test_two_tables_of_one_page_are_separate(tmp_path):
    """Each has its own field, also one that is shown twice; nothing is requested."""
    tables = [search_frame(SEARCHED), search_frame(SEARCHED.head(20))]
    shown = "".join(table._repr_html_() for table in (*tables, tables[1]))
    page = f"<html><body>{shown}</body></html>"
    script = """
    const infos = () => [...document.querySelectorAll(".dt-info")].map(one => one.textContent);
    const before = infos();
    const field = document.querySelector(".dt-search input");
    field.value = "order-19";
    field.dispatchEvent(new Event("input", {bubbles: true}));
    const requested = performance.getEntriesByType("resource").map(one => one.name);
    return [before, infos(), requested.filter(name => !name.startsWith("blob:"))];
    """
    before, after, requested = run_in_page(page, tmp_path / "page.html", script)

    assert before == ["Rows 1 to 15 of 40", "Rows 1 to 15 of 20", "Rows 1 to 15 of 20"]
    assert after == ["Rows 1 to 1 of 1 found among 40", *before[1:]]
    assert requested == []
