"""What objects show in a notebook and in a terminal."""

from __future__ import annotations

import json
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.display.example_displays import (
    EVIL,
    NAMES,
    ORDERS,
    UNITS,
    make_displays,
    make_fetched,
)
from tests.plans import make_plan, make_plan_row
from vippsrecon import preview
from vippsrecon.bulk.execution.preconditions import check_confirmed_sums
from vippsrecon.display.written_file import WrittenFile
from vippsrecon.schemas import FAILURES

VOID_TAGS = {"br", "hr", "img"}


class _Page(HTMLParser):
    """The text and the tags of a display, without its stylesheet."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text, self._open = set(), [], "", []
        self.feed(html)
        assert self._open == [], "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.text += f"{data} " if "td" in self._open else data


@pytest.fixture(scope="module")
def displays():
    """Return one example of everything that shows itself."""
    displays = make_displays()
    assert sorted(displays) == sorted(NAMES)
    return displays


@pytest.mark.parametrize("name", NAMES)
def test_each_display_is_escaped_and_has_the_stylesheet(displays, name):
    """A notebook would run a script that is hidden in an order number."""
    html = displays[name]._repr_html_()
    page = _Page(html)

    assert "<script" not in html
    assert page.tags <= {
        "div", "style", "span", "b", "code", "ul", "li", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert {attribute for attribute, _ in page.attributes} <= {"class", "scope"}, "no inline style"
    assert "--jp-content-font-color1" in html
    assert "http" not in html, "a display loads nothing from the internet"
    assert len(html) < 60_000


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"worst discrepancies"}))
def test_each_object_has_a_short_text_for_a_terminal(displays, name):
    """A terminal shows neither whole frames nor a dictionary on one line."""
    text = repr(displays[name])

    assert len(text) < 1500
    assert max(map(len, text.splitlines())) < 250
    assert not re.search(r"\[\d+ rows x|'\w+': |Pandas|namespace", text)


def test_amounts_are_as_the_market_writes_them(displays):
    """Sentences and cells of one display use one format."""
    shown = _Page(displays["reconciliation"]._repr_html_()).text

    assert re.search(r"\d \d{3},\d\d NOK", shown), "with the code: there are two kinds of crowns"
    assert re.search(r"\d\.\d{3},\d\d DKK", shown)
    assert not re.search(r"\d\.\d\d (NOK|DKK)\b", shown)
    norwegian = _Page(displays["plan"]._repr_html_()).text
    assert "6 refunds, 1 500,00 kr" in norwegian
    assert "1 234,50 kr" in _Page(displays["fetched"]._repr_html_()).text
    assert "1 500,00 kr" in _Page(displays["approval"]._repr_html_()).text


def test_plan_shows_what_carry_out_must_be_given(displays):
    """The text can be copied: the sums are confirmed as they are shown."""
    plan = displays["plan"]
    shown = re.search(r"confirm=(\[[^]]*\])", _Page(plan._repr_html_()).text)[1]

    check_confirmed_sums(plan, json.loads(shown.replace("'", '"')))


def test_severity_and_outcome_are_words_too(displays):
    """Who cannot see the colours reads the same."""
    worst = _Page(displays["worst discrepancies"]._repr_html_()).text
    run = _Page(displays["run"]._repr_html_()).text

    for word in ("critical", "high", "medium", "low", "info"):
        assert re.search(rf"\b{word}\b", worst)
    for word in ("done", "already done", "would do", "skipped", "refused", "unknown"):
        assert f"{word} " in run


def test_a_long_table_says_how_to_read_the_rest():
    """The rows that are not shown are counted, and the code gives them all."""
    text = _Page(make_plan(*(make_plan_row(n) for n in range(1, 301)))._repr_html_()).text

    assert "order-000200" in text
    assert "order-000201" not in text
    assert "and 100 more rows; all of them: plan.to_frame()" in text


def test_preview_is_still_the_dictionary_of_the_command():
    """Programs read it as before; a notebook shows sums, notes and rejects."""
    shown = preview(ORDERS, units=UNITS)
    (entry,) = shown["files"]

    assert isinstance(shown, dict)
    assert json.loads(json.dumps(shown)) == {"files": [entry]}
    assert "rejected" in repr(shown)
    text = _Page(shown._repr_html_()).text
    assert "1 241,50 kr" in text
    assert "It has no column status" in text
    assert EVIL in text, "the rejected value is shown"


def test_fetched_says_first_whether_anything_is_missing():
    """An unanswered reference must not look like a payment that does not exist."""
    fetched = make_fetched()
    unanswered = fetched.failures.assign(status=503)

    assert "1 reference without a payment" in _Page(fetched._repr_html_()).text
    incomplete = fetched._replace(failures=unanswered.astype(dict(FAILURES.empty().dtypes)))
    assert _Page(incomplete._repr_html_()).text.startswith("INCOMPLETE. 1 reference unanswered.")
    assert repr(fetched) == "<Fetched: 1 payment, 3 events, 1 failure, 0 unanswered>"


def test_a_written_file_is_a_path_that_a_notebook_shows_as_a_sentence(tmp_path):
    """`PosixPath('outcomes.xlsx')` does not say that the file was written."""
    path = tmp_path / "out<comes>.xlsx"
    written = WrittenFile(path)

    assert written == path
    assert isinstance(written, Path)
    assert written.parent / "x" == tmp_path / "x"
    assert pickle.loads(pickle.dumps(written)) == path
    assert "out&lt;comes&gt;.xlsx was written." in written._repr_html_()
