"""Test which payments of an earlier fetch are read again, and that the result is that of a whole fetch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.fetching.conftest import MSN, count_payment_requests
from tests.fetching.test_ledger import ledger
from tests.payments import make_history_line
from vippsrecon import schemas
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import fetch_changes, fetch_into, load_fetched
from vippsrecon.fetching.changes import choose_changed_payments
from vippsrecon.texts import LANGUAGES, use_language

AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)
STEPS = {
    "open": ("CREATED",),
    "reserved": ("CREATED", "AUTHORIZED"),
    "captured": ("CREATED", "AUTHORIZED", "CAPTURED"),
    "refunded": ("CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED"),
    "cancelled": ("CREATED", "AUTHORIZED", "CANCELLED"),
    "aborted": ("CREATED", "ABORTED"),
    "terminated": ("CREATED", "TERMINATED"),
}
KINDS = list(STEPS)
STATES = {"open": "CREATED", "aborted": "ABORTED", "terminated": "TERMINATED"}


def make_line(kind, number=0, day="2026-10-01"):
    """Return the state line of a payment of this kind."""
    steps = [(name, 1000, f"{day}T10:00:0{place}Z") for place, name in enumerate(STEPS[kind])]
    totals = {"cancelled": 1000} if kind == "terminated" else {}
    state = STATES.get(kind, "AUTHORIZED")
    return make_history_line(f"{kind}-{number:06d}", steps, msn=MSN, state=state, **totals)


def make_payments(*, days_old=20, read_days_ago=10):
    """Return one payment of each kind and their latest events, as frames."""
    at = AS_OF - timedelta(days=days_old)
    rows, log = [], []
    for kind, steps in STEPS.items():
        rows.append(
            dict.fromkeys(schemas.PAYMENTS.names)
            | {
                "msn": MSN,
                "reference": f"{kind}-000000",
                "psp_reference": "p",
                "state": STATES.get(kind, "AUTHORIZED"),
                "currency": "NOK",
                "amount_minor": 1000,
                "authorized_minor": 1000 * ("AUTHORIZED" in steps),
                "captured_minor": 1000 * ("CAPTURED" in steps),
                "refunded_minor": 1000 * ("REFUNDED" in steps),
                "cancelled_minor": 1000 * bool({"CANCELLED", "TERMINATED"} & {*steps}),
                "authorized_at": at if "AUTHORIZED" in steps else None,
                "discovered_by": "orders",
                "fetched_at": AS_OF - timedelta(days=read_days_ago),
            }
        )
        log.append(
            dict.fromkeys(schemas.EVENTS.names)
            | {"msn": MSN, "reference": f"{kind}-000000", "event_at": at}
        )
    return (
        pl.DataFrame(rows, schema=schemas.polars_schema(schemas.PAYMENTS)),
        pl.DataFrame(log, schema=schemas.polars_schema(schemas.EVENTS)),
    )


def make_entries(*references, days_ago=1):
    """Return funds entries of these payments."""
    rows = [
        dict.fromkeys(schemas.LEDGER_ENTRIES.names)
        | {"msn": MSN, "reference": reference, "entry_type": "refund"}
        | {"entry_at": AS_OF - timedelta(days=days_ago), "topic": "funds"}
        for reference in references
    ]
    return pl.DataFrame(rows, schema=schemas.polars_schema(schemas.LEDGER_ENTRIES))


def name(*references):
    """Return references of orders as a frame."""
    rows = [(MSN, reference, "orders") for reference in references]
    columns = ["msn", "reference", "discovered_by"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def choose(entries=None, *, references=(), expected=None, **ages):
    """Choose among one payment of each kind; return the kinds that are read, and the choice."""
    payments, events = make_payments(**ages)
    choice = choose_changed_payments(
        name(*references), payments, events, entries, AS_OF, expected=expected
    )
    kinds = sorted(text.partition("-")[0] for text in choice.references["reference"])
    assert sum(choice.asked.values()) == len(choice.references)
    assert sum(choice.skipped.values()) + len(kinds) - choice.asked.get("new", 0) == len(payments)
    return kinds, choice


def test_with_the_ledger_only_what_is_not_final_is_read():
    """A refund of a captured payment would be on the ledger."""
    kinds, choice = choose(make_entries())

    assert kinds == ["open", "reserved"]
    assert choice.asked == {"not_final": 2}
    assert choice.skipped == {"ended": 2, "refunded": 2, "settled": 1}


def test_without_the_ledger_what_can_be_refunded_is_read_too():
    """Unknown is not unchanged."""
    kinds, choice = choose()

    assert kinds == ["captured", "open", "reserved"]
    assert choice.asked == {"not_final": 2, "refundable": 1}
    assert "was not read" in choice.describe()[-1]


def test_payment_with_a_new_entry_is_read():
    """Also one on which nothing more can happen, by the rules known here."""
    kinds, choice = choose(make_entries("captured-000000", "refunded-000000"))

    assert kinds == ["captured", "open", "refunded", "reserved"]
    assert choice.asked == {"on_ledger": 2, "not_final": 2}


def test_entry_from_before_the_reading_is_known():
    """The first run reads the whole feed, but not every payment again."""
    assert choose(make_entries("captured-000000", days_ago=12))[1].asked == {"not_final": 2}
    assert choose(make_entries("captured-000000", days_ago=11))[1].asked["on_ledger"] == 1


def test_payment_that_only_the_ledger_names_is_read():
    """The shop does not know it."""
    _, choice = choose(make_entries("unknown-000001"), references=["new-000001"])

    assert choice.asked["new"] == 2
    assert choice.references.select("reference", "discovered_by").rows()[:2] == [
        ("new-000001", "orders"),
        ("unknown-000001", "ledger"),
    ]


def test_recent_payment_is_read_whatever_the_ledger_has():
    """The ledger may be hours behind."""
    _, choice = choose(make_entries(), days_old=2, read_days_ago=1)

    assert choice.asked == {"not_final": 2, "recent": 5}


def test_old_payment_is_not_read_without_a_ledger():
    """After the refund period nothing can be refunded; two days are added."""
    assert choose(days_old=366)[1].asked["refundable"] == 1
    assert choose(days_old=368)[1].skipped["refund_period_over"] == 1


def test_payment_that_differs_from_its_order_is_read():
    """A refund that failed is on no ledger, and the shop believes that it was made."""
    expected = pl.DataFrame(
        [(MSN, "captured-000000", 1000, 400), (MSN, "refunded-000000", 1000, None)],
        schema=["msn", "reference", "captured_minor", "refunded_minor"],
        orient="row",
    )
    kinds, choice = choose(make_entries(), expected=expected)

    assert choice.asked == {"differs": 1, "not_final": 2}
    assert kinds == ["captured", "open", "reserved"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_choice_is_described_in_each_language(language):
    """How many were skipped, and why, is for the reader of the report."""
    with use_language(language):
        asked, skipped, no_ledger = choose()[1].describe()

    assert ("3" in asked, "4" in skipped, bool(no_ledger)) == (True, True, True)


@pytest.fixture
def month(opened, tmp_path):
    """Return client, simulator and the folder of a whole fetch of 20 payments of each kind."""
    lines = [make_line(kind, number) for kind in KINDS for number in range(20)]
    client, simulator = opened(
        ledger(),
        *lines,
        clock="2026-10-10T12:00:00Z",
        database_url=f"sqlite:///{tmp_path / 'workspace.db'}",
    )
    references = [line["payment"]["reference"] for line in lines]
    fetch_into(tmp_path / "first", references, client)
    return client, simulator, references, tmp_path


def change(client, simulator):
    """Refund a captured payment, capture a reserved one, and let ten days pass."""
    simulator.advance(10 * 86_400)
    client.refund("captured-000003", 300, "NOK", idempotency_key="refund-1", msn=MSN)
    client.capture("reserved-000004", 1000, "NOK", idempotency_key="capture-1", msn=MSN)
    simulator.advance(5 * 86_400)


def assert_same(first, second):
    """Assert that two fetches hold the same, but for the time of reading."""
    for frame, other in zip(first, second, strict=True):
        columns = [column for column in frame.columns if column != "fetched_at"]
        assert frame.select(columns).equals(other.select(columns))


def test_daily_run_gives_what_a_whole_fetch_gives(month):
    """Only payments that can have changed are requested."""
    client, simulator, references, folder = month
    change(client, simulator)
    before = count_payment_requests(simulator)

    daily = fetch_changes(references, client, folder / "first", folder / "second")

    assert count_payment_requests(simulator) - before == 41
    assert daily.choice.asked == {"on_ledger": 2, "not_final": 39}
    assert daily.choice.skipped == {"ended": 40, "refunded": 40, "settled": 19}
    fetch_into(folder / "whole", references, client)
    assert_same(load_fetched(folder / "second")[0], load_fetched(folder / "whole")[0])
    assert_same(daily.fetched, load_fetched(folder / "whole")[0])


def test_next_run_goes_on_from_this_one(month):
    """The feed is read from its cursor, and its stored pages are not requested again."""
    client, simulator, references, folder = month
    change(client, simulator)
    fetch_changes(references, client, folder / "first", folder / "second", record=True)
    pages = simulator.requests()["requests"]["feed"]
    third = fetch_changes(references, client, folder / "second", folder / "third", record=True)
    fetch_changes(references, client, folder / "first", folder / "again", record=True)

    assert third.choice.asked == {"not_final": 39}
    assert simulator.requests()["requests"]["feed"] == pages + 2
    read = [load_fetched(folder / out)[0] for out in ("second", "third", "again")]
    assert_same(read[0], read[1])
    assert_same(read[0], read[2])


def test_payment_that_cannot_be_read_is_missing_and_not_as_it_was(month, no_waiting):
    """An old amount, taken for the new one, would be a wrong figure."""
    client, simulator, references, folder = month
    change(client, simulator)
    simulator.set_faults([{"operations": ["getPayment"], "share": 1, "status": 503}])

    daily = fetch_changes(references, client, folder / "first", folder / "second")

    assert daily.fetched.missing == 41
    assert "captured-000003" not in set(daily.fetched.payments["reference"])
    assert not load_fetched(folder / "second")[1]["complete"]
    with pytest.raises(InputError, match="not a complete fetch"):
        fetch_changes(references, client, folder / "second", folder / "third")


def test_follow_up_sees_the_earlier_payments(month):
    """Further attempts of an order are looked for among all payments, and asked for once."""
    client, simulator, references, folder = month
    seen = []

    def follow_up(so_far):
        seen.append(len(so_far))
        return pl.DataFrame({"msn": [MSN] * 2, "reference": ["captured-000001", "open-000001"]})

    before = count_payment_requests(simulator)
    fetch_changes(
        references[:5], client, folder / "first", folder / "second", follow_ups=[follow_up]
    )

    assert seen == [140]
    assert count_payment_requests(simulator) - before == 40


@pytest.mark.parametrize(
    ("change_info", "message"),
    [
        ({"complete": False}, "not a complete fetch"),
        ({"events": False}, "not a complete fetch"),
        ({"environment": "production"}, "fetched in the environment production"),
        ({"ledger_cursors": {"302321": 7}}, "damaged"),
    ],
)
def test_unusable_earlier_fetch_is_refused(month, change_info, message):
    """Nothing is taken from a fetch that is not whole."""
    client, _, references, folder = month
    path = folder / "first" / "fetch.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change_info))

    with pytest.raises((InputError, SourceError), match=message):
        fetch_changes(references, client, folder / "first", folder / "second")
    assert not (folder / "second").exists()


def test_earlier_folder_is_not_overwritten(month):
    """It is what the next run falls back to."""
    client, _, references, folder = month

    with pytest.raises(InputError, match="Name another folder"):
        fetch_changes(references, client, folder / "first", folder / "first")
