"""Two months through the files of `report.data/`, for runs that keep no database."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from datetime import UTC, date, datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.cli.assertions import assert_one_sentence_error
from tests.fetching.recording_transport import RecordingTransport
from tests.payments import MSN, make_history_line
from tests.recorded_hashes import record_hashes_again
from tests.simulator_settings import load_simulator_settings
from vippsrecon import schemas
from vippsrecon.api import Client
from vippsrecon.cli import app
from vippsrecon.errors import InputError
from vippsrecon.simulator import Simulator
from vippsrecon.store import ComparedOrder, open_store, read_first_seen_dates
from vippsrecon.workflow.history.saved_runs import (
    COMPARED_ORDERS_FILE,
    FIRST_SEEN_FILE,
    HASHES_FILE,
    OPEN_ITEMS_FILE,
    SavedRun,
    hash_saved_runs,
    read_saved_runs,
    save_run,
)
from vippsrecon.workflow.reconcile_month import reconcile_month

HEAD = "reference,order_number,currency,total,refunded,status,paid,ordered_at,fulfilled_at"
FILES = (COMPARED_ORDERS_FILE, FIRST_SEEN_FILE, OPEN_ITEMS_FILE)

MONTHS = {
    "october": ("2026-10-01", "2026-10-31", "2026-11-05"),
    "november": ("2026-11-01", "2026-11-30", "2026-12-05"),
    "december": ("2026-12-01", "2026-12-31", "2027-01-05"),
}
"""First day, last day, and the day on which the month is reconciled."""


def order(reference, day, *, sent=True):
    """Return an export line of 10.00 NOK, sent on the day it was ordered or not at all."""
    moment = f"{day}T10:00:00Z"
    status, sent_at = ("fulfilled", moment) if sent else ("open", "")
    return f"{reference},{reference},NOK,10.00,0.00,{status},yes,{moment},{sent_at}"


def payment(reference, day, *captures):
    """Return a state line: 12.00 NOK reserved, and (minor units, day) captured."""
    steps = [("CREATED", 1200, f"{day}T11:00:00Z"), ("AUTHORIZED", 1200, f"{day}T11:01:00Z")]
    for minor, captured_day in captures:
        steps.append(("CAPTURED", minor, f"{captured_day}T12:00:00Z"))
        steps.append(("CANCELLED", 1200 - minor, f"{captured_day}T12:00:01Z"))
    return make_history_line(reference, steps)


ORDERS = {
    "october": [
        order("order-wrong", "2026-10-03"),
        order("order-late", "2026-10-30", sent=False),
        order("plain-10", "2026-10-31"),
    ],
    "november": [order("plain-11", "2026-11-30")],
    "december": [order("plain-12", "2026-12-31")],
}
"""`order-wrong` is over-captured in October, `order-late` in November."""

STATE = {
    "october": [
        payment("order-wrong", "2026-10-03", (1200, "2026-10-03")),
        payment("order-late", "2026-10-30"),
        payment("plain-10", "2026-10-31", (1000, "2026-10-31")),
    ],
}
STATE["november"] = [
    STATE["october"][0],
    payment("order-late", "2026-10-30", (1100, "2026-11-03")),
    STATE["october"][2],
    payment("plain-11", "2026-11-30", (1000, "2026-11-30")),
]
STATE["december"] = [
    *STATE["november"],
    payment("plain-12", "2026-12-31", (1000, "2026-12-31")),
]


def run(folder, month, *, name=None, period=None, lines=None, state=None, **options):
    """Reconcile a month in a folder; its files are stored in `<name>.data`."""
    first, last, today = MONTHS[month]
    name = name or month
    path = folder / f"{name}.csv"
    path.write_text("\n".join([HEAD, *(lines or ORDERS[month])]) + "\n", encoding="utf-8")
    settings = load_simulator_settings(folder, database_url=f"sqlite:///{folder / 'vippsrecon.db'}")
    simulator = Simulator([{"clock": f"{today}T08:00:00Z"}, *(state or STATE[month])])
    first, last = period or (first, last)
    with Client(settings, transport=RecordingTransport(simulator.app)) as client:
        return reconcile_month(
            [path],
            settings,
            client=client,
            first=first,
            last=last,
            as_of=datetime.fromisoformat(f"{today}T08:00:00Z"),
            exported_at=datetime.fromisoformat(f"{today}T06:00:00Z"),
            keep=folder / f"{name}.data",
            **options,
        )


def describe(result):
    """Return what a report says of each discrepancy, first seen and severity included."""
    names = ("reference", "kind", "actual_minor", "first_seen_date", "age_days", "severity")
    return sorted(result.polars_frame("discrepancies").select(names).rows())


def sum_totals(*results):
    """Return the captured and refunded totals of the bridges together."""
    sums = Counter()
    for result in results:
        is_total = pl.col("leg").is_in(["captured", "refunded"]) & (pl.col("line") == pl.col("leg"))
        bridge = result.polars_frame("bridge").filter(is_total)
        sums.update(dict(bridge.select("leg", "amount_minor").rows()))
    return sums


def read_bytes(folder):
    """Return the content of both files."""
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def october(tmp_path_factory):
    """Reconcile October once without a database; no test writes to its folder."""
    folder = tmp_path_factory.mktemp("october")
    result = run(folder, "october")
    assert not (folder / "vippsrecon.db").exists()
    return result, folder / "october.data"


@pytest.fixture(scope="module")
def november(october, tmp_path_factory):
    """Reconcile November once with October's folder and without a database."""
    folder = tmp_path_factory.mktemp("november")
    result = run(folder, "november", earlier=[october[1]])
    return result, folder / "november.data"


FOUND_IN_OCTOBER = ("order-wrong", "over_captured", 1200, date(2026, 11, 5), 0, "medium")
FOUND_IN_NOVEMBER = [
    ("order-late", "over_captured", 1100, date(2026, 12, 5), 0, "medium"),
    ("order-wrong", "over_captured", 1200, date(2026, 11, 5), 30, "high"),
]


def test_order_of_october_captured_in_november_is_compared_through_the_folder(october, november):
    """It is in October's export only. First seen and severity follow October's run as well."""
    assert describe(october[0]) == [FOUND_IN_OCTOBER]
    assert describe(november[0]) == FOUND_IN_NOVEMBER
    assert any("2 orders of earlier exports were compared" in n for n in november[0].notices)


def test_without_the_folder_november_does_not_compare_it(tmp_path):
    """The payments are known from a list here: the money is captured, and no order is known."""
    (tmp_path / "more.csv").write_text("reference\norder-late\norder-wrong\n", encoding="utf-8")
    result = run(tmp_path, "november", references=[tmp_path / "more.csv"])

    assert describe(result) == []
    assert result.manifest["uncompared"] == {"NOK": 1200 + 1100}


def test_two_months_sum_to_one_run_over_both(october, november, tmp_path):
    """No capture is lost between the months, and none is counted twice."""
    both = run(
        tmp_path,
        "november",
        lines=[*ORDERS["october"], *ORDERS["november"]],
        period=(MONTHS["october"][0], MONTHS["november"][1]),
    )

    assert sum_totals(october[0], november[0]) == sum_totals(both)
    assert sum_totals(both)["captured"] == 1200 + 1100 + 1000 + 1000


@pytest.mark.ci
def test_folder_and_database_give_the_same_report(october, november, tmp_path):
    """The database alone, and the database with the folder, show what the folder alone shows."""
    run(tmp_path, "october", record=True)
    shutil.copy(tmp_path / "vippsrecon.db", tmp_path / "copy.db")
    alone = run(tmp_path, "november", record=True)
    shutil.move(tmp_path / "copy.db", tmp_path / "vippsrecon.db")
    merged = run(tmp_path, "november", record=True, earlier=[october[1]])

    for result in (alone, merged):
        assert describe(result) == FOUND_IN_NOVEMBER
        assert result.notices == november[0].notices
    assert read_bytes(tmp_path / "october.data") == read_bytes(october[1])
    assert read_bytes(tmp_path / "november.data") == read_bytes(november[1])


def test_the_newer_order_and_the_earlier_day_win(october, tmp_path):
    """The database knows a newer export of the orders, the folder an earlier day of a discrepancy.

    What the folder added is in the database afterwards.
    """
    run(tmp_path, "november", record=True, lines=ORDERS["october"], period=("2026-10-01", None))
    with open_store(f"sqlite:///{tmp_path / 'vippsrecon.db'}", create=False) as store:
        late_day = read_first_seen_dates(store, "simulator")[f"over_captured:{MSN}:order-wrong"]
    assert late_day == date(2026, 12, 5)

    result = run(tmp_path, "november", record=True, earlier=october[1])

    still_open = ("order-late", "captured_not_fulfilled", 1100, date(2026, 12, 5), 0, "medium")
    assert describe(result) == [still_open, FOUND_IN_NOVEMBER[1]]
    december = run(tmp_path, "december", record=True)
    assert ("order-wrong", "over_captured", 1200, date(2026, 11, 5), 61, "high") in describe(
        december
    )


def test_unsettled_orders_that_were_not_fetched_are_counted(october, tmp_path):
    """A fetch of November's export alone has no payment of October; no order lapses in silence."""
    run(tmp_path, "november", name="alone")
    result = run(tmp_path, "november", payments=tmp_path / "alone.data", earlier=[october[1]])

    assert describe(result) == []
    [notice] = [text for text in result.notices if "unsettled orders of earlier" in text]
    assert notice.startswith("2 unsettled orders of earlier exports were not compared")
    december = run(tmp_path, "december", earlier=[tmp_path / "november.data"])
    assert ("order-wrong", "over_captured", 1200, date(2026, 11, 5), 61, "high") in describe(
        december
    )


def test_folder_is_used_if_the_database_cannot_be(october, tmp_path):
    """The notice says what is known of earlier runs; the figures are those of the folder."""
    (tmp_path / "vippsrecon.db").write_text("not a database", encoding="utf-8")
    result = run(tmp_path, "november", record=True, earlier=[october[1]])

    assert describe(result) == FOUND_IN_NOVEMBER
    assert any("only what --earlier names is known of earlier runs" in n for n in result.notices)


def test_the_last_folder_is_enough_for_what_is_unsettled(november, tmp_path):
    """November's folder carries over what October left unsettled, and its first day."""
    december = run(tmp_path, "december", earlier=[november[1]])

    assert describe(december) == [
        ("order-late", "over_captured", 1100, date(2026, 12, 5), 31, "high"),
        ("order-wrong", "over_captured", 1200, date(2026, 11, 5), 61, "high"),
    ]


@pytest.mark.ci
def test_newer_folder_decides_whether_an_order_is_settled(tmp_path):
    """November settled October's order, so December does not ask for it, in any order of folders."""
    settled = [*STATE["november"][2:], payment("order-late", "2026-10-30", (1000, "2026-11-03"))]
    lines = ORDERS["october"][1:]
    run(tmp_path, "october", lines=lines)
    run(tmp_path, "november", state=settled, earlier=[tmp_path / "october.data"])
    folders = [tmp_path / "november.data", tmp_path / "october.data"]
    results = [
        run(tmp_path, "december", state=[STATE["december"][-1]], earlier=given)
        for given in (folders, folders[::-1])
    ]

    for result in results:
        assert result.polars_frame("payments")["reference"].to_list() == ["plain-12"]
        assert result.verdict == "clean"


def test_repeated_run_writes_the_same_bytes(october, november, tmp_path):
    """The manifest names the folder's files; the repeated run makes no call."""
    repeated = run(tmp_path, "november", name="again", payments=november[1], earlier=[october[1]])

    assert describe(repeated) == FOUND_IN_NOVEMBER
    inputs = {name: sha for name, sha in repeated.manifest["inputs"].items() if "/" in name}
    assert list(inputs) == [f"october.data/{name}" for name in FILES]
    assert inputs.items() <= november[0].manifest["inputs"].items()
    rows = [
        pq.read_table(folder / FIRST_SEEN_FILE) for folder in (tmp_path / "again.data", november[1])
    ]
    assert rows[0].equals(rows[1])
    (tmp_path / "again.csv").rename(tmp_path / "november.csv")
    before = read_bytes(november[1])
    again = run(tmp_path, "november", payments=november[1], earlier=[october[1]])
    assert read_bytes(tmp_path / "november.data") == before
    assert again.manifest["inputs"] == november[0].manifest["inputs"]


def test_two_exports_of_one_name_and_day_stay_apart(tmp_path):
    """Two shops each export october.csv; one order is settled in November, the other is not."""
    for shop, line in (("north", ORDERS["october"][0]), ("south", ORDERS["october"][1])):
        (tmp_path / shop).mkdir()
        run(tmp_path / shop, "october", lines=[line])
    as_ordered = payment("order-late", "2026-10-30", (1000, "2026-11-03"))
    state = [STATE["november"][0], as_ordered, STATE["november"][3]]
    folders = [tmp_path / shop / "october.data" for shop in ("north", "south")]
    result = run(tmp_path, "november", state=state, earlier=folders)

    assert [row[0] for row in describe(result)] == ["order-wrong"]
    assert not result.polars_frame("buckets").select("side", "row_key").is_duplicated().any()
    unsettled = SavedRun(tmp_path / "november.data", "simulator").list_unsettled()
    assert unsettled == {(MSN, "order-wrong")}


def test_files_are_private_and_fit_their_schemas(november):
    """They hold orders of customers, and a notebook can check them like every other frame."""
    _, folder = november
    orders, first_seen, items = (
        pd.read_parquet(folder / name, dtype_backend="pyarrow") for name in FILES
    )

    schemas.ComparedOrders.validate(orders)
    schemas.FirstSeen.validate(first_seen)
    schemas.OpenItems.validate(items)
    assert sorted(orders["reference"]) == ["order-late", "order-wrong", "plain-11"]
    if os.name != "nt":
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {(folder / name).stat().st_mode & 0o777 for name in FILES} == {0o600}


def test_hashes_of_two_folders_of_one_name_are_both_listed(october, tmp_path):
    """Every month may have its report in a folder of its own, named report.data each time."""
    folders = [tmp_path / month / "report.data" for month in ("10", "11")]
    for folder in folders:
        shutil.copytree(october[1], folder)

    names = list(hash_saved_runs(folders))

    assert names == [*(f"report.data/{n}" for n in FILES), *(f"report.data (2)/{n}" for n in FILES)]


def change(folder, name, column, value):
    """Replace every value of a column of one file; None removes the column."""
    path = folder / name
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    field = table.schema.field(place).with_nullable(True)
    table = table.remove_column(place)
    if value is not None:
        values = value if isinstance(value, list) else [value] * len(table)
        table = table.add_column(place, field, pa.array(values, field.type))
    pq.write_table(table, path)
    record_hashes_again(folder)


WRONG_FOLDERS = {
    "missing": (shutil.rmtree, "not a folder"),
    "a fetch": (
        lambda folder: [(folder / name).unlink() for name in FILES],
        "holds no compared_orders.parquet",
    ),
    "half": (lambda folder: (folder / FIRST_SEEN_FILE).unlink(), "holds no first_seen.parquet"),
    "test": (lambda folder: change(folder, FILES[0], "environment", "test"), "environment test"),
    "no environment column": (
        lambda folder: change(folder, FILES[1], "environment", None),
        "environment: the column is missing",
    ),
    "empty environment": (
        lambda folder: change(folder, FILES[0], "environment", [None] * 3),
        "environment",
    ),
    "cut off": (
        lambda folder: (folder / FILES[0]).write_bytes((folder / FILES[0]).read_bytes()[:-200]),
        "it is damaged, or was changed after it was written",
    ),
    "hashes of nothing": (
        lambda folder: (folder / HASHES_FILE).write_text("{}"),
        "sha256.json does not state its SHA-256",
    ),
    "half a record of hashes": (
        lambda folder: (folder / HASHES_FILE).write_text("{"),
        "sha256.json: it is not valid JSON",
    ),
    "impossible amount": (
        lambda folder: change(folder, FILES[0], "total_minor", -1),
        "total_minor",
    ),
    "impossible time": (
        lambda folder: change(folder, FILES[0], "as_of_at", 2**62),
        "as_of_at has a day that is not between",
    ),
    "impossible day": (
        lambda folder: change(folder, FILES[0], "ordered_day", 2**62),
        "ordered_day has a day that is not between",
    ),
    "impossible date": (
        lambda folder: change(folder, FILES[1], "first_seen_date", 2**31 - 1),
        "first_seen_date has a day that is not between",
    ),
    "contradiction": (
        lambda folder: [
            change(folder, FILES[0], "reference", "order-late"),
            change(folder, FILES[0], "settled", [True, False, True]),
        ],
        "contradict each other",
    ),
    "a pipe": (
        lambda folder: [(folder / FILES[0]).unlink(), os.mkfifo(folder / FILES[0])],
        "not an ordinary file",
    ),
}


@pytest.mark.parametrize("case", WRONG_FOLDERS)
def test_wrong_folder_is_refused_in_one_sentence(october, tmp_path, monkeypatch, case):
    """It is refused before anything is requested: nothing listens at this address."""
    if case == "a pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("Windows has no such files")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(october[1], tmp_path / "october.data")
    spoil, words = WRONG_FOLDERS[case]
    spoil(tmp_path / "october.data")
    lines = [HEAD, *ORDERS["november"]]
    (tmp_path / "november.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ("--orders", "november.csv", "--earlier", "october.data", "--out", "november.xlsx")
    environment = {
        "VIPPS_ENVIRONMENT": "simulator",
        "VIPPS_BASE_URL": "http://127.0.0.1:9",
        "VIPPS_MSN": MSN,
        "VIPPS_CLIENT_ID": "invented",
        "VIPPS_CLIENT_SECRET": "invented",
        "VIPPS_SUBSCRIPTION_KEY": "invented",
    }
    result = CliRunner().invoke(app, ["reconcile", *arguments], env=environment)

    assert_one_sentence_error(result, "october.data", words)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "november.csv",
        *(["october.data"] if case != "missing" else []),
    ]


def test_payments_without_an_environment_are_not_combined_with_earlier_runs(october, tmp_path):
    """Test data in a report of production would be wrong without any sign of it."""
    with pytest.raises(InputError, match="do not state their environment"):
        read_saved_runs([october[1]], "")
    assert read_saved_runs([], "") == ()
    save_run(tmp_path / "report.data", "", [], {})
    assert not (tmp_path / "report.data").exists()


def test_saved_orders_are_read_as_they_were_compared(tmp_path):
    """Orders paid together share one reference; each keeps its own row."""
    ordered_at = datetime(2026, 10, 3, 10, tzinfo=UTC)
    common = {
        "msn": MSN,
        "reference": "shared",
        "currency": "NOK",
        "ordered_at": ordered_at,
        "status": "open",
        "paid": "yes",
        "recurring": False,
        "split_tender": False,
        "shop_currency_only": False,
        "dates_without_time": False,
        "exported_at": ordered_at,
        "exported_at_guessed": False,
        "source_file": "october.csv",
    }
    rows = [
        common
        | {"order_number": f"#{n}", "total_minor": 600, "ordered_day": 20_000 - n, "source_row": n}
        for n in (1, 2)
    ]
    saved = ComparedOrder(
        MSN, "shared", "psp", 19_998, "timing", False, rows, "2026-11-05T08:00:00Z"
    )
    save_run(tmp_path, "test", [saved], {"a": date(2026, 11, 5)})
    read = SavedRun(tmp_path, "test")

    [order_read] = read.read_orders({saved.key, (MSN, "another")})
    assert order_read == saved
    assert read.first_seen == {"a": date(2026, 11, 5)}
    assert read.list_unsettled([MSN], 19_998) == {saved.key}
    assert read.list_unsettled([MSN], 19_997) == read.list_unsettled(["654321"]) == set()
