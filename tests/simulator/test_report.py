"""The Report API: ledgers, ledger dates, the feed, and entries made while it runs."""

from __future__ import annotations

import pytest

LEDGERS = "/settlement/v1/ledgers"
FUNDS = "/report/v2/ledgers/302321/funds"


def pages(shop, path, **query):
    """Follow the cursor as a client does, and return every answer."""
    answers = [shop.get(path, **query).json()]
    while answers[-1]["hasMore"]:
        answers.append(shop.get(path, cursor=answers[-1]["cursor"], **query).json())
    return answers


def test_ledgers_are_paged(shop, line):
    """The cursor is empty at the end."""
    lines = [line.ledger(f"3023{n:02}", f"20{n:04}") for n in range(5)]
    merchant = shop({"settings": {"ledgers_page_size": 2}}, *lines)
    none = {"Merchant-Serial-Number": None}
    ledger_ids, cursor = [], None
    while cursor != "":
        body = merchant.get(LEDGERS, headers=none, **({"cursor": cursor} if cursor else {})).json()
        ledger_ids += [ledger["ledgerId"] for ledger in body["items"]]
        cursor = body["cursor"]

    assert ledger_ids == ["302300", "302301", "302302", "302303", "302304"]
    filtered = merchant.get(LEDGERS, headers=none, settlesForRecipientHandles="api:200003").json()
    assert [ledger["ledgerId"] for ledger in filtered["items"]] == ["302303"]


def test_a_sales_unit_sees_its_own_ledger(shop, line):
    """For another merchant's ledger the answer is the same 404 as for none."""
    merchant = shop(line.ledger(), line.ledger("999", "654321"), unit={})
    assert [ledger["ledgerId"] for ledger in merchant.get(LEDGERS).json()["items"]] == ["302321"]
    foreign = merchant.get("/report/v2/ledgers/999/funds/dates/2026-01-30")
    unknown = merchant.get("/report/v2/ledgers/000/funds/dates/2026-01-30")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"] == "No such ledgerId"


@pytest.mark.parametrize(
    ("entries", "sizes"),
    [
        pytest.param(0, [0], id="no entries"),
        pytest.param(3, [3], id="one page"),
        pytest.param(5, [4, 1], id="two pages"),
        pytest.param(8, [4, 4, 0], id="full pages, so an empty one follows"),
    ],
)
def test_closed_ledger_date_is_paged(shop, line, entries, sizes):
    """Only the last page has neither hasMore nor a cursor."""
    lines = [line.entry(n + 1) for n in range(entries)]
    merchant = shop({"settings": {"report_page_size": 4}}, line.ledger(), *lines)
    answers = pages(merchant, f"{FUNDS}/dates/2026-01-30")

    assert [len(answer["items"]) for answer in answers] == sizes
    assert not any(answer["tryLater"] for answer in answers)
    assert ["cursor" in answer for answer in answers] == [True] * (len(sizes) - 1) + [False]
    psp_references = [entry["pspReference"] for answer in answers for entry in answer["items"]]
    assert psp_references == [str(10_001 + n) for n in range(entries)]


def test_page_size_is_in_a_header(shop, line):
    """A header states it, so that a client need not guess."""
    answer = shop(line.ledger()).get(f"{FUNDS}/dates/2026-01-30")

    assert answer.headers["vipps-feed-page-size"] == "1000"


def test_a_date_is_open_until_midnight_in_the_ledgers_zone(shop, line):
    """An open date may have entries, and still answers tryLater."""
    lines = (line.ledger(), line.entry(day="2026-01-31"))
    merchant = shop(*lines, clock="2026-01-31T22:59:00Z")
    open_still = merchant.get(f"{FUNDS}/dates/2026-01-31").json()
    assert open_still["tryLater"]
    assert len(open_still["items"]) == 1
    merchant.simulator.advance(61)

    assert not merchant.get(f"{FUNDS}/dates/2026-01-31").json()["tryLater"]
    assert merchant.get(f"{FUNDS}/dates/2026-02-01").json()["tryLater"]


def test_feed_always_has_a_cursor_and_never_has_more(shop, line):
    """At its end it answers tryLater, and continues from the same cursor when entries are added."""
    lines = [line.entry(n + 1) for n in range(3)]
    merchant = shop(
        {"settings": {"report_page_size": 2}}, line.ledger(), line.payment("order-0009"), *lines
    )
    first = merchant.get(f"{FUNDS}/feed").json()
    second = merchant.get(f"{FUNDS}/feed", cursor=first["cursor"]).json()
    third = merchant.get(f"{FUNDS}/feed", cursor=second["cursor"]).json()
    assert [len(answer["items"]) for answer in (first, second, third)] == [2, 1, 0]
    assert [answer["tryLater"] for answer in (first, second, third)] == [False, True, True]
    assert not any("hasMore" in answer for answer in (first, second, third))
    merchant.capture(100, "order-0009")

    assert len(merchant.get(f"{FUNDS}/feed", cursor=third["cursor"]).json()["items"]) == 1


def test_new_operations_are_added_to_the_ledger(shop, line):
    """Capture and refund are signed, continue the balance, and have the pspReference."""
    merchant = shop(line.ledger(), line.entry(amount=700), line.payment("order-0009"), unit={})
    merchant.capture(500, "order-0009")
    merchant.refund(200, "order-0009")
    entries = merchant.get(f"{FUNDS}/dates/2026-01-31").json()["items"]

    amounts = [
        (e["entryType"], e["amount"], e["balanceBefore"], e["balanceAfter"]) for e in entries
    ]
    assert amounts == [("capture", 500, 700, 1200), ("refund", -200, 1200, 1000)]
    events = merchant.events("order-0009")[-2:]
    assert [e["pspReference"] for e in entries] == [e["pspReference"] for e in events]
    assert {entry["recipientHandle"] for entry in entries} == {"api:123456"}


def test_personal_fields_are_shown_on_request_only(shop, line):
    """Name, message and number are left out unless requested."""
    more = {"message": "hi", "name": "Example Payer", "maskedPhoneNo": "xxxx 0000"}
    merchant = shop(line.ledger(), line.entry(more=more))
    plain = merchant.get(f"{FUNDS}/dates/2026-01-30").json()["items"][0]
    full = merchant.get(f"{FUNDS}/dates/2026-01-30", includeGDPRSensitiveData="true").json()[
        "items"
    ][0]

    assert not more.keys() & plain.keys()
    assert more.items() <= full.items()


def test_an_entry_without_a_ledger_date_belongs_to_its_local_day(shop, line):
    """23:30 UTC is the next day in Oslo."""
    entry = line.entry()
    del entry["entry"]["ledgerDate"]
    entry["entry"]["time"] = "2026-01-29T23:30:00+0000"
    merchant = shop(line.ledger(), entry)

    assert len(merchant.get(f"{FUNDS}/dates/2026-01-30").json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        pytest.param(f"{FUNDS}/dates/yesterday", {}, 500, id="no date"),
        pytest.param(f"{FUNDS}/dates/2026-01-30", {"cursor": "made-up"}, 500, id="no cursor"),
        pytest.param("/report/v2/ledgers/302321/sums/dates/2026-01-30", {}, 404, id="no topic"),
        pytest.param("/report/v1/ledgertransactions", {"ledgerId": "302321"}, 410, id="v1"),
    ],
)
def test_invalid_report_request_is_refused(shop, line, path, query, status):
    """Invalid parameters give error 10002, the removed version 410."""
    answer = shop(line.ledger()).get(path, **query)

    assert answer.status_code == status
    if status == 500:
        assert answer.json()["errorCode"] == 10002
