"""Test the documentation site: its navigation, its reference and the check of its links.

`.ci/run` builds the site in an environment of its own, with the newest and the lowest versions.
"""

from __future__ import annotations

import re

import pytest

import vippsrecon
from docs.build import check_navigation, find_broken_links, list_pages, stage_pages
from docs.reference_page import GROUPS

PAGE = '<html><body><h1 id="top">A page</h1>{}</body></html>'


@pytest.fixture
def site(tmp_path):
    """Return a function that writes a site of one page, with a second page and a picture beside it."""

    def write(body, name="index.html"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / "other.html").write_text(PAGE.format('<p id="here">Text.</p>'))
        (tmp_path / "shown.png").write_bytes(b"picture")
        (tmp_path / name).write_text(PAGE.format(body))
        return tmp_path

    return write


def test_every_page_is_in_the_navigation(root):
    """A page that is not in docs/zensical.toml is published, but no reader finds it."""
    assert check_navigation(root) == []


def test_reference_has_every_public_name():
    """A public name without a place in docs/reference_page.py would be undocumented."""
    named = [name for names in GROUPS.values() for name in names]

    assert sorted([*named, "__version__"]) == sorted(vippsrecon.__all__)


def test_reference_entries_become_directives(root, tmp_path):
    """On the site, mkdocstrings shows the whole docstring in place of its first sentence."""
    stage_pages(root, tmp_path)
    text = (tmp_path / "pages" / "docs" / "reference.md").read_text(encoding="utf-8")

    assert text.count("\n::: vippsrecon.") == len(vippsrecon.__all__) - 1
    assert "<!-- id:" not in text


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="docs/none.html">x</a>', "docs/none.html does not exist"),
        ('<a href="docs/other.html#nowhere">x</a>', "docs/other.html#nowhere has no such anchor"),
        ('<a href="#nowhere">x</a>', "#nowhere has no such anchor"),
        ('<img src="hidden.png">', "hidden.png does not exist"),
        ('<a href="../outside.html">x</a>', "../outside.html does not exist"),
        ('<script src="https://example.com/a.js"></script>', "is loaded from a network"),
        ('<link href="//example.com/a.css">', "is loaded from a network"),
    ],
)
def test_broken_link_is_found(site, body, fault):
    """Each fault would be seen by a reader of the site only."""
    (found,) = find_broken_links(site(body))

    assert fault in found


@pytest.mark.parametrize(
    "body",
    [
        '<a href="docs/other.html#here">x</a><a href="#top">x</a><a href="docs/other.html">x</a>',
        '<img src="shown.png"><img src="data:image/png;base64,AA">',
        '<a href="https://example.com">x</a><a href="mailto:a@example.com">x</a>',
    ],
    ids=["pages", "pictures", "elsewhere"],
)
def test_working_link_is_accepted(site, body):
    """A link that a reader follows on purpose may lead elsewhere."""
    assert find_broken_links(site(body)) == []


def test_the_page_for_unknown_addresses_links_from_the_root(site):
    """It is served for any address, so its links start at the root of the site."""
    assert find_broken_links(site('<a href="/docs/other.html">x</a>', "404.html")) == []


def test_every_link_of_llms_txt_resolves(root):
    """A language model cannot guess a page that was moved."""
    text = (root / "docs" / "llms.txt").read_text(encoding="utf-8")
    links = re.findall(r"^- \[[^]]+\]\(([^)]+)\): .+\.$", text, re.MULTILINE)

    assert len(links) == text.count("\n- ") == len(list_pages(root))
    assert [link for link in links if not (root / "docs" / link).is_file()] == []
    assert text.startswith("# vippsrecon\n\n> ")
