"""Test reading the feed of a ledger from where an earlier run stopped."""

from __future__ import annotations

from datetime import date

import httpx
import pytest

from tests.fetching.conftest import MSN, OTHER_MSN
from tests.fetching.test_fetch_ledger import make_chain
from tests.fetching.test_ledger import ledger
from vippsrecon.api import Client
from vippsrecon.api.models import FeedPage
from vippsrecon.api.responses import read_page_size
from vippsrecon.errors import IncompleteError
from vippsrecon.fetching.ledgers import fetch_ledger_frames
from vippsrecon.fetching.ledgers.feed import read_feeds

FAULTS = [{"status": 503}, {"drop_after": True}, {"truncate": True}, {"html_body": True}]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_feed_has_the_entries_of_the_dates(opened, size):
    """Whatever the size of a page, both ways of reading give the same entries."""
    client, simulator = opened(ledger(), *make_chain(*[("capture", 100)] * 7))
    simulator.set_settings(report_page_size=size)

    feed = read_feeds(client, [MSN], {})
    dates = fetch_ledger_frames(client, date(2026, 1, 10), date(2026, 1, 12))

    assert feed.entries.equals(dates.entries)
    assert feed.covers([MSN])
    assert not feed.covers([MSN, OTHER_MSN])


def test_next_reading_has_only_new_entries(opened):
    """The cursor is where the last page ended."""
    client, simulator = opened(ledger(), *make_chain(*[("capture", 100)] * 3))
    first = read_feeds(client, [MSN], {})
    assert len(read_feeds(client, [MSN], first.cursors).entries) == 0

    simulator.world.ledgers.book_operation(
        MSN, "refund", -100, psp_reference="p", reference="order-000001", now=simulator.now()
    )

    assert read_feeds(client, [MSN], first.cursors).entries["amount_minor"].to_list() == [-100]


@pytest.mark.parametrize(("size", "requests"), [(3, 3), (4, 2), (1000, 1)])
def test_full_page_is_followed_by_another_one(opened, size, requests):
    """The last page says try later; only one that is not full shows that nothing more is there."""
    client, simulator = opened(ledger(), *make_chain(*[("capture", 100)] * 6))
    simulator.set_settings(report_page_size=size)

    assert len(read_feeds(client, [MSN], {}).entries) == 6
    assert simulator.requests()["requests"]["feed"] == requests


@pytest.mark.parametrize(
    ("stated", "size"),
    [("1000", 1000), (" 2 ", 2), ("", None), ("0", None), ("many", None), ("9" * 10, None)],
)
def test_page_size_is_what_the_server_states(stated, size):
    """A size that cannot be read is unknown; then no page counts as full."""
    assert read_page_size(httpx.Headers({"Vipps-Feed-Page-Size": stated})) == size
    assert not FeedPage([], "c2", True, size).is_full


@pytest.mark.parametrize("fault", FAULTS, ids=" ".join)
def test_faults_are_repeated_until_the_feed_is_whole(opened, no_waiting, fault):
    """No entry is lost or doubled."""
    client, simulator = opened(ledger(), *make_chain(*[("capture", 100)] * 6))
    simulator.set_settings(report_page_size=2)
    simulator.set_faults([{"operations": ["feed"], "share": 0.3, **fault}])

    assert read_feeds(client, [MSN], {}).entries["reference"].n_unique() == 6
    assert len(read_feeds(client, [MSN], {}).entries) == 6


def test_stored_pages_are_not_requested_again(opened, tmp_path):
    """Only the request for what is new is made."""
    client, simulator = opened(
        ledger(),
        *make_chain(*[("capture", 100)] * 6),
        database_url=f"sqlite:///{tmp_path / 'workspace.db'}",
    )
    simulator.set_settings(report_page_size=2)
    first = read_feeds(client, [MSN], {}, record=True)
    requests = simulator.requests()["requests"]["feed"]
    second = read_feeds(client, [MSN], {}, record=True)

    assert second.entries.equals(first.entries)
    assert second.cursors == first.cursors
    assert simulator.requests()["requests"]["feed"] - requests == 1


def test_repeated_cursor_ends_the_reading(settings):
    """A feed that never ends must not be read for ever."""

    def answer(request):
        if "accesstoken" in request.url.path:
            return httpx.Response(200, json={"access_token": "t", "expires_in": "3600"})
        if request.url.path == "/settlement/v1/ledgers":
            item = {"ledgerId": "1", "currency": "NOK", "settlesForRecipientHandles": ["api:1234"]}
            return httpx.Response(200, json={"items": [item], "cursor": ""})
        return httpx.Response(200, json={"items": [], "cursor": "same", "tryLater": False})

    with (
        Client(settings(), transport=httpx.MockTransport(answer)) as client,
        pytest.raises(IncompleteError, match="repeats a cursor"),
    ):
        read_feeds(client, [MSN], {})
