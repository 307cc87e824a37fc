"""A month from the export to the Reconciliation, over a real socket."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.payments import make_history_line
from tests.simulator_settings import load_simulator_settings
from vippsrecon import schemas
from vippsrecon.api import Client
from vippsrecon.cli.output import build_reconciliation_json
from vippsrecon.errors import InputError, SourceError
from vippsrecon.fetching import read_fetched
from vippsrecon.notebook.session import serve_scenario
from vippsrecon.report import write_workbook
from vippsrecon.report.terminal import format_summary
from vippsrecon.scenario import write_month
from vippsrecon.simulator import Simulator, serve
from vippsrecon.workflow.decisions.ignore_file import read_ignore_file
from vippsrecon.workflow.fetch_references import fetch_month
from vippsrecon.workflow.preflight import describe_clock_skew
from vippsrecon.workflow.reconcile_month import reconcile_month
from vippsrecon.workflow.references import collect_fetch_references, drop_misses_of_other_methods


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """Write a small month; no test writes to it."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder, payments=200, seed=11)
    return folder


@pytest.fixture(scope="module")
def settings(month):
    """Serve that month, and yield settings for it."""
    with serve_scenario(month) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def saved_run(month, settings, tmp_path_factory):
    """Reconcile the month once, and return the result and the folder of kept payments."""
    folder = tmp_path_factory.mktemp("kept")
    return reconcile_month([month / "orders.csv"], settings, keep=folder), folder


@pytest.fixture(scope="module")
def again(month, settings, saved_run):
    """Reconcile the same month from the kept payments."""
    _, folder = saved_run
    return reconcile_month([month / "orders.csv"], settings, payments=folder)


FRAMES = [
    "orders",
    "payments",
    "events",
    "failures",
    "discrepancies",
    "buckets",
    "summary",
    "bridge",
]


@pytest.mark.ci
@pytest.mark.parametrize("name", FRAMES)
def test_saved_payments_give_the_same_frames(saved_run, again, name):
    """The second run makes no calls, and its result is identical."""
    first, _ = saved_run

    pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    assert first.manifest == again.manifest
    assert first.notices == again.notices


def test_guessed_export_time_gives_a_notice(month, settings, saved_run, again):
    """A copy of the file has another modification time, which leads to other discrepancies."""
    _, folder = saved_run
    result = reconcile_month(
        [month / "orders.csv"], settings, payments=folder, exported_at=datetime.now(UTC)
    )

    assert any("does not state when it was exported" in notice for notice in again.notices)
    assert not any("does not state when it was exported" in notice for notice in result.notices)


def test_manifest_names_inputs_without_paths(saved_run, month):
    """An auditor compares the hashes; paths would differ from machine to machine."""
    result, folder = saved_run
    manifest_text = str(result.manifest)

    assert result.manifest["environment"] == "simulator"
    assert list(result.manifest["inputs"]) == [
        "orders.csv",
        "payments.parquet",
        "events.parquet",
        "failures.csv",
    ]
    content = (folder / "payments.parquet").read_bytes()
    assert result.manifest["inputs"]["payments.parquet"] == hashlib.sha256(content).hexdigest()
    assert str(month) not in manifest_text
    assert str(folder) not in manifest_text


def test_the_ledger_finds_payments_no_order_knows(saved_run):
    """The ePayment API cannot list payments, but the funds ledger can be read in full."""
    result, _ = saved_run
    by = result.payments["discovered_by"].value_counts()

    assert by["ledger"] > 0
    assert "missing_in_orders" in set(result.discrepancies["kind"])


def test_cut_off_time_is_the_server_time(saved_run):
    """Server time is the Date of the answers.

    Ages are right even if the machine's clock is wrong.
    """
    result, _ = saved_run

    assert result.manifest["as_of"].startswith("2026-11-05T")


def test_order_that_was_not_fetched_counts_as_unanswered(month, settings, saved_run, tmp_path):
    """With `--payments` fetched for another export, the result must not look complete."""
    _, folder = saved_run
    text = (month / "orders.csv").read_text(encoding="utf-8")
    more = text + text.splitlines()[1].replace(
        text.splitlines()[1].split(",")[1], "order-nobody-asked-for"
    )
    (tmp_path / "orders.csv").write_text(more + "\n", encoding="utf-8")
    result = reconcile_month([tmp_path / "orders.csv"], settings, payments=folder)

    assert result.exit_code == 2
    assert "order-nobody-asked-for" in set(result.failures["reference"])


def test_export_without_a_readable_row_is_refused(month, settings, tmp_path):
    """Without orders, every payment would be reported, and the report would mean nothing."""
    head, *rows = (month / "orders.csv").read_text(encoding="utf-8").splitlines()
    place = head.split(",").index("total")
    cells = [row.split(",") for row in rows[:3]]
    broken = [",".join([*row[:place], "1.234", *row[place + 1 :]]) for row in cells]
    (tmp_path / "orders.csv").write_text("\n".join([head, *broken]), encoding="utf-8")

    with pytest.raises(
        InputError, match=r"None of the 3 rows could be read.*row 2: .*\(total = '1.234'\)"
    ):
        reconcile_month([tmp_path / "orders.csv"], settings)


def test_export_of_another_month_is_refused(month, settings):
    """The user chose the wrong file, and the error comes before any call."""
    with pytest.raises(InputError, match=r"orders.csv: the orders are from .* Use the export"):
        reconcile_month([month / "orders.csv"], settings, first=date(2026, 1, 1), last="2026-01-31")


@pytest.mark.parametrize(
    ("first", "last", "captured"),
    [
        pytest.param("2026-11-01", "2026-11-30", 10000, id="captured in November, Oslo"),
        pytest.param("2026-10-01", "2026-10-31", 0, id="ordered in October"),
        pytest.param("2026-12-01", "2026-12-31", None, id="nothing of December"),
    ],
)
def test_period_is_decided_by_payments(first, last, captured, tmp_path):
    """An order of 31 October that was captured after midnight is in both months' runs.

    Its money belongs to November only, and its export is not a wrong file for November.
    """
    line = "ref-000001,#1,NOK,100.00,0.00,fulfilled,2026-10-31T10:00:00Z,2026-10-31T11:00:00Z"
    header = "reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at"
    (tmp_path / "orders.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    steps = [
        ("CREATED", 10000, "2026-10-31T10:00:00Z"),
        ("AUTHORIZED", 10000, "2026-10-31T10:01:00Z"),
        ("CAPTURED", 10000, "2026-10-31T23:30:00Z"),
    ]
    simulator = Simulator(
        [{"clock": "2026-11-03T06:00:00Z"}, make_history_line("ref-000001", steps)]
    )
    with serve(simulator) as base_url:
        settings = load_simulator_settings(tmp_path, base_url=base_url)
        arguments = {"first": first, "last": last, "exported_at": datetime(2026, 11, 3, tzinfo=UTC)}
        if captured is None:
            with pytest.raises(InputError, match="none of them was captured or refunded"):
                reconcile_month([tmp_path / "orders.csv"], settings, **arguments)
        else:
            result = reconcile_month([tmp_path / "orders.csv"], settings, **arguments)
            assert list(result.buckets["bucket"]) == ["matched", "matched"]
            totals = result.bridge[result.bridge["line"] == result.bridge["leg"]]
            assert list(totals["amount_minor"]) == [captured, 10000, 0, 0]


def test_payment_is_requested_once():
    """Orders, files and guesses may name the same payment; the orders' references come first."""
    orders = schemas.to_polars(None, schemas.ORDERS)
    references = collect_fetch_references(orders)

    assert list(references.references.columns) == ["msn", "reference", "discovered_by"]
    assert len(references.references) == 0


@pytest.mark.ci
def test_a_month_and_its_report_make_no_pandas_frame(month, settings, tmp_path):
    """Pandas is made once, when a user reads a frame: every other copy costs time and memory."""
    result = reconcile_month([month / "orders.csv"], settings)
    write_workbook(result, tmp_path / "report.xlsx")
    format_summary(result)
    build_reconciliation_json(result, None)

    made = [name for name, value in vars(result).items() if isinstance(value, pd.DataFrame)]
    assert made == []
    assert isinstance(result.orders, pd.DataFrame)
    assert schemas.validate(result.orders, schemas.ORDERS) is result.orders


TODAY = date(2026, 11, 5)


def ignore_file(folder, *lines):
    """Write an ignore file with these rows."""
    path = folder / "ignore.csv"
    path.write_text("\n".join(["reference,reason,who,until", *lines]) + "\n", encoding="utf-8")
    return path


def test_waiver_includes_its_last_day(tmp_path):
    """The last day itself is included."""
    path = ignore_file(
        tmp_path,
        "order-1,test order,Kari,",
        "order-2,dispute,Kari,2026-11-05",
        "order-3,dispute,Kari,2026-11-04",
    )

    waivers = read_ignore_file(path, "123456", TODAY)
    assert [waiver[:2] for waiver in waivers] == [("123456", "order-1"), ("123456", "order-2")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("order-1,,Kari,", "reason", id="no reason"),
        pytest.param("order-1,test order,,", "who", id="nobody decided"),
        pytest.param("order-1,test order,Kari,soon", "until", id="no day"),
        pytest.param("order-1,test order,Kari,2026-02-31", "until", id="an invalid day"),
    ],
)
def test_waiver_requires_reference_reason_and_person(tmp_path, line, message):
    """A waived payment needs a reference, a reason and a person: an auditor asks for them."""
    with pytest.raises(SourceError, match=f"ignore.csv row 2 column '{message}'"):
        read_ignore_file(ignore_file(tmp_path, line), "123456", TODAY)


@pytest.mark.parametrize(
    ("headings", "message"),
    [
        pytest.param("reference,reference,reason,who", "several columns 'reference'", id="twice"),
        pytest.param("reference;reason;who;until", "no column 'reference'", id="semicolons"),
        pytest.param("reference,reason", "no column 'who'", id="missing"),
    ],
)
def test_ignore_file_with_unclear_columns_is_refused(tmp_path, headings, message):
    """Of two columns headed alike the last would count, and another payment would be waived."""
    path = tmp_path / "ignore.csv"
    path.write_text(f"{headings}\n")
    with pytest.raises(SourceError, match=rf"^ignore\.csv: it has {message}"):
        read_ignore_file(path, "123456", TODAY)


def test_fetch_and_reconcile_save_the_same_files(saved_run):
    """`reconcile` keeps the same files that `fetch` writes."""
    result, folder = saved_run
    fetched, _ = read_fetched(folder)

    assert len(fetched.payments) == len(result.payments)
    assert fetched.missing == 0


def test_wrong_machine_clock_gives_a_notice(month, settings, caplog):
    """Server time is used, so the figures are right, but the machine's clock needs correction."""
    simulator = Simulator.from_file(month / "simulator.jsonl")
    real = replace(settings, environment="test", base_url="https://apitest.vipps.no")
    transport = httpx.ASGITransport(simulator.app)
    with Client(real, transport=transport) as client:
        references = collect_fetch_references(schemas.to_polars(None, schemas.ORDERS))
        references = references._replace(
            references=pl.DataFrame(
                {
                    "msn": ["123456"],
                    "reference": ["order-nobody-made"],
                    "discovered_by": ["references"],
                }
            )
        )
        fetched, facts = fetch_month(references, real, client=client)

    assert "s apart" in caplog.text
    assert facts.as_of.year == 2026
    assert fetched.failures["status"].to_list() == [404]


def test_as_of_sets_the_cut_off_time(month, settings, saved_run):
    """`--as-of` in the past excludes later events."""
    _, folder = saved_run
    result = reconcile_month(
        [month / "orders.csv"], settings, payments=folder, as_of=datetime(2026, 10, 20, tzinfo=UTC)
    )

    assert result.manifest["as_of"] == "2026-10-20T00:00:00Z"


def test_folders_may_be_given_as_text(month, settings, saved_run):
    """In a notebook, users write `payments="report.data"`."""
    first, folder = saved_run
    again = reconcile_month([str(month / "orders.csv")], settings, payments=str(folder))

    assert again.manifest == first.manifest


def test_unknown_payment_of_a_card_order_is_not_a_failure(saved_run):
    """The payment is requested, since the shop may be wrong; that Vipps has none is expected."""
    result, _ = saved_run
    other = result.orders[result.orders["by_vipps"].eq(False).fillna(False).astype(bool)]
    unknown = result.failures[result.failures["status"].eq(404).fillna(False).astype(bool)]

    assert other["reference"].notna().any()
    assert not set(other["reference"].dropna()) & set(unknown["reference"])
    assert {"other_payment_method"} <= set(result.buckets["kind"].dropna())


def test_unreadable_payment_of_a_card_order_stays_a_failure(saved_run):
    """If the reference could not be read, data is missing, even for an order paid another way."""
    result, _ = saved_run
    other = result.orders[result.orders["by_vipps"].eq(False).fillna(False).astype(bool)]
    order = other[other["reference"].notna()].iloc[0]
    rows = [
        {
            "msn": order["msn"],
            "reference": order["reference"],
            "operation": "getPayment",
            "status": status,
            "title": "no",
            "detail": None,
            "trace_id": None,
        }
        for status in (404, 503)
    ]
    table = pa.Table.from_pylist(rows, schema=schemas.FAILURES.arrow_schema())
    left = drop_misses_of_other_methods(pl.DataFrame(table), result.polars_frame("orders"))

    assert left["status"].to_list() == [503]


@pytest.mark.ci
def test_month_continues_without_the_ledger(month, settings):
    """Orders are reconciled without the ledger, and a notice says what could not be checked."""
    fault = {"operations": ["ledgers", "dates"], "share": 1.0, "status": 503}
    with serve(Simulator.from_file(month / "simulator.jsonl", faults=[fault])) as base_url:
        settings_here = replace(settings, base_url=base_url, retry_seconds=1.0)
        result = reconcile_month([month / "orders.csv"], settings_here)

    assert result.manifest["ledger_read"] is False
    assert any("Report API could not be read" in notice for notice in result.notices)
    # A capture without an order may have been missed, so nobody may sign off this result.
    assert (result.verdict, result.exit_code) == ("incomplete", 2)


@pytest.mark.parametrize("seconds", [59.0, -59.0, 61.0, -61.0])
def test_clock_difference_limit_is_one_minute(seconds):
    """The limit is the same, whichever clock is ahead."""
    warning = describe_clock_skew(seconds)

    assert (warning is not None) == (abs(seconds) > 60)
