"""Test reading ledgers from the simulator: pages, topics, ledgers, open dates, faults, the folder."""

from __future__ import annotations

import contextlib
import json
from datetime import date

import polars as pl
import pytest

from tests.fetching.conftest import MSN, OTHER_MSN
from tests.fetching.test_ledger import entry, ledger
from vippsrecon import schemas
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import (
    ConfigurationError,
    ForbiddenError,
    IncompleteError,
    InputError,
    ServiceError,
    SourceError,
    UnauthorizedError,
)
from vippsrecon.fetching import fetch_ledger, read_ledger_folder
from vippsrecon.fetching.ledgers import fetch_ledger_frames, load_ledger_folder
from vippsrecon.simulator import Simulator

FIRST, LAST = date(2026, 1, 10), date(2026, 1, 12)


def make_chain(*kinds, topic="funds", day="2026-01-11", before=0, ledger_id="302321"):
    """Return the state lines of entries, (type, amount) each, with a balance that runs on."""
    lines = []
    for number, (kind, amount) in enumerate(kinds):
        line = entry(f"order-{number:06d}", day, kind, ledger_id=ledger_id)
        line["topic"] = topic
        line["entry"] |= {
            "amount": amount,
            "balanceBefore": before,
            "balanceAfter": before + amount,
        }
        before += amount
        lines.append(line)
    return lines


def test_both_topics_are_read_and_proven(opened):
    """A complete day: captures, a refund, the retained fees and the payout; the fee of each capture."""
    client, _ = opened(
        ledger(),
        *make_chain(
            ("capture", 1000), ("refund", -100), ("fees-retained", -30), ("payout-scheduled", -870)
        ),
        *make_chain(("capture-fee", -30), ("fees-retained", 30), topic="fees"),
    )

    fetched = fetch_ledger(client, FIRST, LAST)

    assert (fetched.verdict, len(fetched.entries), len(fetched.payouts)) == ("complete", 6, 1)
    assert schemas.validate(fetched.entries, schemas.LEDGER_ENTRIES) is fetched.entries
    assert schemas.validate(fetched.payouts, schemas.PAYOUTS) is fetched.payouts
    assert fetched.completeness["topic"].tolist() == ["funds", "fees"]
    assert repr(fetched) == (
        "<FetchedLedger 2026-01-10 to 2026-01-12: 6 entries, 1 payout, complete>"
    )
    assert "complete from 2026-01-10" in fetched._repr_html_()


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_pages_of_any_size_are_read(opened, size):
    """The server decides the size of a page; a full page may be the last one, and the next empty."""
    client, simulator = opened(ledger(), *make_chain(*[("capture", 100)] * 10))
    simulator.set_settings(report_page_size=size)

    fetched = fetch_ledger_frames(client, FIRST, LAST)

    assert fetched.complete
    assert fetched.entries["reference"].to_list() == [f"order-{n:06d}" for n in range(10)]


def test_old_names_are_renamed_and_unknown_types_kept(opened):
    """A type that is added later must not stop a run or lose its money."""
    client, _ = opened(
        ledger(), *make_chain(("capture", 900), ("storage-fee", -5), ("scheduled-for-payout", -895))
    )

    fetched = fetch_ledger_frames(client, FIRST, LAST)

    assert fetched.entries["entry_type"].to_list() == ["capture", "storage-fee", "payout-scheduled"]
    assert fetched.payouts["amount_minor"].to_list() == [895]
    assert fetched.complete


def test_open_date_makes_it_incomplete(opened):
    """The entries so far are read, and the verdict says that more may follow."""
    client, _ = opened(
        ledger(), *make_chain(("capture", 900), day="2026-01-31"), clock="2026-01-31T12:00:00Z"
    )

    fetched = fetch_ledger_frames(client, date(2026, 1, 30), date(2026, 1, 31))

    assert (fetched.verdict, len(fetched.entries)) == ("incomplete", 1)
    assert fetched.completeness["first_open_date"].to_list() == [date(2026, 1, 31)] * 2


def test_several_ledgers_and_sales_units(opened):
    """An older ledger settles for two sales units, and a newer one for one of them: each is read once."""
    client, simulator = opened(
        ledger("302321", f"api:{MSN}", f"api:{OTHER_MSN}", "NO:57860"),
        ledger("302322", f"api:{OTHER_MSN}"),
        *make_chain(("capture", 900)),
        *make_chain(("capture", 700), ledger_id="302322"),
        entry("vm-number", handle="NO:57860", ledger_id="302321") | {"topic": "fees"},
        units=(SalesUnit(MSN, market="NO"), SalesUnit(OTHER_MSN, market="NO")),
    )

    fetched = fetch_ledger_frames(client, FIRST, LAST)

    assert fetched.entries.select("ledger_id", "msn", "topic").rows() == [
        ("302321", MSN, "funds"),
        ("302321", "57860", "fees"),
        ("302322", MSN, "funds"),
    ]
    assert simulator.requests()["requests"]["dates"] == 2 * 2 * 3


def test_payout_without_a_handle_has_the_first_sales_unit(opened):
    """Payouts, retained fees and corrections belong to the whole ledger."""
    lines = make_chain(("payout-scheduled", -100))
    lines[0]["entry"]["recipientHandle"] = ""
    client, _ = opened(ledger("302321", "NO:57860", f"api:{MSN}"), *lines)

    assert fetch_ledger_frames(client, FIRST, LAST).payouts["msn"].to_list() == [MSN]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "share": 0.3},
        {"status": 429, "retry_after": 0, "share": 0.3},
        {"drop_before": True, "share": 0.3},
        {"drop_after": True, "share": 0.3},
        {"truncate": True, "share": 0.3},
        {"html_body": True, "share": 0.3},
    ],
    ids=" ".join,
)
def test_faults_are_repeated_until_the_ledger_is_whole(opened, no_waiting, fault):
    """A lost or damaged answer is requested again; no entry is lost or doubled."""
    client, simulator = opened(ledger(), *make_chain(*[("capture", 100)] * 6))
    simulator.set_settings(report_page_size=2)
    simulator.set_faults([{"operations": ["dates", "ledgers"], **fault}])

    fetched = fetch_ledger_frames(client, FIRST, LAST)

    assert fetched.complete
    assert fetched.entries["amount_minor"].sum() == 600


def test_date_that_cannot_be_read_stops_the_reading(opened, no_waiting, tmp_path):
    """Part of a ledger is no ledger: nothing is written."""
    client, simulator = opened(ledger(), *make_chain(("capture", 100)))
    simulator.set_faults([{"operations": ["dates"], "share": 1, "status": 503}])

    with pytest.raises(ServiceError):
        fetch_ledger(client, FIRST, LAST, out=tmp_path / "ledger")

    assert not (tmp_path / "ledger").exists()


def test_no_ledger_is_an_error(opened):
    """A sales unit without a ledger is not a sales unit without entries."""
    client, _ = opened()

    with pytest.raises(IncompleteError, match="No ledger settles"):
        fetch_ledger(client, FIRST, LAST)


def test_test_environment_is_refused(settings):
    """The Report API exists in production only."""
    from vippsrecon.api import Client

    with (
        Client(settings(environment="test", base_url=None)) as client,
        pytest.raises(ConfigurationError, match="no Report API"),
    ):
        fetch_ledger(client, FIRST, LAST)


def test_impossible_period_is_refused(opened):
    """Before the first request."""
    client, simulator = opened(ledger())

    with pytest.raises(InputError, match="cannot be read from"):
        fetch_ledger(client, LAST, FIRST)
    assert not any(simulator.requests()["requests"].values())


def test_closed_dates_are_requested_once(opened, tmp_path):
    """A second run gives the same frames, and requests only the dates that are still open."""
    database = f"sqlite:///{tmp_path / 'workspace.db'}"
    client, simulator = opened(
        ledger(),
        *make_chain(("capture", 900), ("payout-scheduled", -900), day="2026-01-30"),
        *make_chain(("capture", 700), day="2026-01-31"),
        clock="2026-01-31T12:00:00Z",
        database_url=database,
    )
    period = (date(2026, 1, 28), date(2026, 1, 31))
    first = fetch_ledger_frames(client, *period, record=True)
    requests = simulator.requests()["requests"]["dates"]
    second = fetch_ledger_frames(client, *period, record=True)

    assert (requests, simulator.requests()["requests"]["dates"]) == (8, 8 + 2)
    assert (first.facts.dates_requested, first.facts.dates_stored) == (8, 0)
    assert (second.facts.dates_requested, second.facts.dates_stored) == (2, 6)
    for one, other in zip(first[:3], second[:3], strict=True):
        assert one.equals(other)


def test_open_date_is_read_again_until_it_is_closed(opened, tmp_path):
    """Entries that are added after a reading must not be missed."""
    client, simulator = opened(
        ledger(),
        *make_chain(("capture", 700), day="2026-01-31"),
        clock="2026-01-31T12:00:00Z",
        database_url=f"sqlite:///{tmp_path / 'workspace.db'}",
    )
    day = date(2026, 1, 31)
    assert fetch_ledger_frames(client, day, day, record=True).verdict == "incomplete"

    simulator.world.ledgers.book_operation(
        MSN, "refund", -100, psp_reference="p", reference="order-000001", now=simulator.now()
    )
    simulator.advance(86_400)
    closed = fetch_ledger_frames(client, day, day, record=True)
    again = fetch_ledger_frames(client, day, day, record=True)

    assert closed.entries["amount_minor"].to_list() == [700, -100]
    assert again.entries.equals(closed.entries)
    assert (again.verdict, again.facts.dates_requested) == ("complete", 0)


def test_damaged_stored_date_is_requested_again(opened, tmp_path):
    """What the database lost, the Report API still has."""
    import sqlite3

    file = tmp_path / "workspace.db"
    client, _ = opened(ledger(), *make_chain(("capture", 700)), database_url=f"sqlite:///{file}")
    first = fetch_ledger_frames(client, FIRST, LAST, record=True)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE ledger_dates SET entries = x'00' WHERE entry_count > 0")

    second = fetch_ledger_frames(client, FIRST, LAST, record=True)

    assert second.facts.dates_requested == 1
    assert second.entries.equals(first.entries)


def test_unusable_database_does_not_stop_the_reading(opened, tmp_path, caplog):
    """The ledger is read all the same; a warning says that the next run reads it again."""
    (tmp_path / "workspace.db").write_text("not a database", encoding="utf-8")
    client, _ = opened(
        ledger(),
        *make_chain(("capture", 700)),
        database_url=f"sqlite:///{tmp_path / 'workspace.db'}",
    )

    assert fetch_ledger_frames(client, FIRST, LAST, record=True).complete
    assert "requests them again" in caplog.text


def test_simulator_is_not_recorded_unless_asked_for(opened, tmp_path):
    """Tomorrow another invented month may have the same ledger."""
    client, _ = opened(
        ledger(),
        *make_chain(("capture", 700)),
        database_url=f"sqlite:///{tmp_path / 'workspace.db'}",
    )

    fetch_ledger(client, FIRST, LAST)

    assert not (tmp_path / "workspace.db").exists()


@pytest.fixture
def folder(opened, tmp_path):
    """Return a folder with a complete ledger of three days."""
    client, _ = opened(
        ledger(), *make_chain(("capture", 1000), ("fees-retained", -30), ("payout-scheduled", -970))
    )
    fetch_ledger(client, FIRST, LAST, out=tmp_path / "ledger")
    return tmp_path / "ledger"


def test_folder_is_read_back(folder):
    """The verdict is made again from the entries, not believed."""
    read = read_ledger_folder(folder)

    assert (read.verdict, len(read.entries), len(read.payouts)) == ("complete", 3, 1)
    assert read.facts.sales_units == (MSN,)
    assert (read.facts.first, read.facts.last) == (FIRST, LAST)
    content = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    assert content["verdict"] == "complete"
    assert set(content["sha256"]) == {"ledger_entries.parquet", "payouts.parquet"}


@pytest.mark.parametrize("name", ["ledger_entries.parquet", "payouts.parquet"])
def test_changed_file_is_refused(folder, name):
    """An amount that was changed by hand would be reported as the ledger's."""
    frame = pl.read_parquet(folder / name)
    frame.with_columns(pl.col("amount_minor") + 1).write_parquet(folder / name)

    with pytest.raises(SourceError, match="SHA-256"):
        read_ledger_folder(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "another version"),
        ({"sha256": None}, "does not state its SHA-256"),
        ({"first": "2026-13-45"}, "damaged"),
        ({"ledgers": []}, "does not mention ledger 302321"),
        ({"ledgers": 7}, "damaged"),
        ({"counts": {}}, "damaged"),
        ({"fetched_at": "yesterday"}, "damaged"),
    ],
)
def test_damaged_facts_are_refused(folder, change, message):
    """One sentence, and nothing is taken for complete."""
    path = folder / "ledger.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change))

    with pytest.raises(InputError, match=message):
        load_ledger_folder(folder)


def test_other_folders_are_refused(tmp_path):
    """A folder of payments is no ledger."""
    with pytest.raises(InputError, match=r"holds no ledger\.json"):
        read_ledger_folder(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        read_ledger_folder(tmp_path / "nowhere")


def test_month_of_a_scenario_agrees_with_its_payouts(month_file, opened_file):
    """The invented month's own bank statement has these payouts."""
    client = opened_file(month_file)

    fetched = fetch_ledger_frames(client, date(2026, 10, 1), date(2026, 10, 31))

    assert fetched.complete
    funds = fetched.entries.filter(pl.col("topic") == "funds")
    assert funds.filter(pl.col("entry_type") != "payout-scheduled")["amount_minor"].sum() == (
        fetched.payouts["amount_minor"].sum() + funds["balance_after_minor"][-1]
    )


@pytest.fixture(scope="module")
def month_file(tmp_path_factory):
    """Write the invented month of a shop; no test writes to it."""
    from vippsrecon.scenario import write_month

    folder = tmp_path_factory.mktemp("month")
    write_month(folder, payments=200, seed=7)
    return folder / "simulator.jsonl"


@pytest.fixture
def opened_file(settings):
    """Return a function that opens a client of the simulator that serves a file."""
    import httpx

    from vippsrecon.api import Client

    with contextlib.ExitStack() as stack:

        def make(path):
            transport = httpx.ASGITransport(app=Simulator.from_file(path).app)
            keys = {
                "client_id": "scenario-client-123456",
                "client_secret": "scenario-secret-123456",
                "subscription_key": "scenario-subscription-123456",
            }
            return stack.enter_context(Client(settings(**keys), transport=transport))

        yield make


def test_keys_without_access_are_explained(opened_file, month_file, settings):
    """Partner keys cannot read a ledger; the message says which keys can."""
    import httpx

    from vippsrecon.api import Client

    transport = httpx.ASGITransport(app=Simulator.from_file(month_file).app)
    with (
        Client(settings(), transport=transport) as client,
        pytest.raises((UnauthorizedError, ForbiddenError)) as caught,
    ):
        fetch_ledger(client, FIRST, LAST)
    assert "accounting keys" in caught.value.__notes__[0]
