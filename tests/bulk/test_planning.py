"""Planning fixes every amount, drops no request, and plans no more than the payments allow."""

from __future__ import annotations

import contextlib
import csv
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from tests.bulk.simulated_account import CLOCK, MSN, make_payment_line
from tests.hypothesis_sizes import draw_examples
from tests.simulator_settings import load_simulator_settings
from vippsrecon.api import Client
from vippsrecon.bulk.plan.file import read_plan, write_plan
from vippsrecon.bulk.plan.make import (
    NothingToPlanError,
    PlanOptions,
    make_plan,
    plan_cancels,
    plan_captures,
    plan_refunds,
)
from vippsrecon.bulk.plan.requests import read_list_requests
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import ConfigurationError, InputError, PlanError, SourceError
from vippsrecon.schemas import REJECTS, validate
from vippsrecon.simulator import Simulator, serve

OTHER_MSN = "654321"
PLANS = {"refund": plan_refunds, "cancel": plan_cancels, "capture": plan_captures}


def make_unpaid_line(reference):
    """Return a payment that the customer has not approved yet."""
    state_line = make_payment_line(reference, authorized=100_000)
    state_line["payment"]["state"] = "CREATED"
    state_line["payment"]["aggregate"]["authorizedAmount"]["value"] = 0
    state_line["events"] = state_line["events"][:1]
    return state_line


LINES = (
    *(make_payment_line(f"order-00000{n}", captured=100_000) for n in range(1, 6)),
    make_payment_line("held-000001"),
    make_payment_line("part-000001", captured=40_000),
    make_payment_line("euro-000001", captured=100_000, currency="EUR"),
    make_unpaid_line("unpaid-00001"),
    {**make_payment_line("other-000001", captured=100_000), "msn": OTHER_MSN},
)


@pytest.fixture
def shop(tmp_path):
    """Return `shop(*lines, faults=…, **settings) -> (client, simulator)`."""
    with contextlib.ExitStack() as stack:

        def make(*lines, faults=(), **changed):
            simulator = Simulator([{"clock": CLOCK}, *(lines or LINES)], faults=faults)
            options = {
                "base_url": stack.enter_context(serve(simulator)),
                "units": (SalesUnit(MSN, market="NO"), SalesUnit(OTHER_MSN, market="NO")),
                "retry_seconds": 2,
            }
            settings_ = load_simulator_settings(tmp_path, **(options | changed))
            return stack.enter_context(Client(settings_)), simulator

        yield make


@pytest.fixture
def write_list(tmp_path):
    """Return a function that writes a list and returns its path. Each row is one line of CSV."""

    def write(*rows, head="reference,amount,currency,reason,note,document_ref,msn"):
        path = tmp_path / "list.csv"
        width = head.count(",") + 1
        cells = [len(next(csv.reader([row]))) for row in rows]
        filled = [row + "," * (width - count) for row, count in zip(rows, cells, strict=True)]
        path.write_text("\n".join([head, *filled]) + "\n", encoding="utf-8")
        return path

    return write


def list_refusals(plan_or_error):
    """Return the rejects as {row: reason}."""
    return {reject.source_row: reject.reason for reject in plan_or_error.refused}


def test_list_becomes_a_plan(shop, write_list, tmp_path):
    """A row has amounts in minor units, also for `all`, the payment's totals and all texts."""
    client, simulator = shop()
    path = write_list("order-000001,250.50,NOK,return,torn sleeve,CN-17", "order-000002,all,NOK")
    plan = plan_refunds(path, client=client, planner="Kari  Nordmann")
    first, second = plan.rows
    assert first[:9] == (
        1, MSN, "order-000001", None, "NOK", 25_050, "return", "torn sleeve", "CN-17",
    )  # fmt: skip
    assert first[9:] == (None, None, 100_000, 100_000, 0, 0, False)
    assert (second.amount_minor, second.reason) == (100_000, "other")
    assert plan.totals == {"NOK": 125_050}
    assert (plan.environment, plan.host) == ("simulator", "127.0.0.1")
    assert plan.planner == "Kari Nordmann"
    assert plan.source[:2] == ("list", "list.csv")
    assert plan.made_at.startswith("2026-01-31T12:00:"), "the server's clock, not the machine's"
    assert plan.refused == ()
    operations = {name for name, times in simulator.requests()["requests"].items() if times}
    assert operations == {"accessToken", "getPayment"}, "planning moves nothing"
    assert read_plan(write_plan(plan, tmp_path / "plan.json")) == plan


GOOD = "order-000001,250.50,NOK"


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        pytest.param("order-000002,1000.01,NOK", "amount", "1 000.00 NOK that can", id="excess"),
        pytest.param("order-000002,0,NOK", "amount", "is 0", id="zero"),
        pytest.param("order-000002,-5,NOK", "amount", "negative", id="negative"),
        pytest.param("order-000002,5.125,NOK", "amount", "decimals", id="three decimals"),
        pytest.param("order-000002,1e2,NOK", "amount", "not an amount", id="exponent"),
        pytest.param("order-000002,abc,NOK", "amount", "not an amount", id="word"),
        pytest.param("order-000002,,NOK", "amount", "write all", id="no amount"),
        pytest.param("order-000002,5,EUR", "currency", "is in NOK", id="wrong currency"),
        pytest.param("order-000002,5,", "currency", "missing", id="no currency"),
        pytest.param("order-000002,5,JPY", "currency", "not a currency", id="foreign currency"),
        pytest.param("order-999999,5,NOK", "reference", "no payment", id="unknown"),
        pytest.param("other-000001,5,NOK", "reference", "another sales unit's", id="other unit"),
        pytest.param(
            f"order-000002,5,NOK,,,,{OTHER_MSN}", "reference", "no payment", id="in another unit"
        ),
        pytest.param("order-000002,5,NOK,,,,999999", "reference", "no payment", id="unknown unit"),
        pytest.param("order-000002,5,NOK,,,,12", "msn", "not a merchant", id="no unit at all"),
        pytest.param("order-000002,5,NOK,because", "reason", "not a reason", id="reason"),
        pytest.param("1E+11,5,NOK", "reference", "spreadsheet", id="scientific"),
        pytest.param("1234,5,NOK", "reference", "zeros in front", id="short"),
        pytest.param(",5,NOK", "reference", "missing", id="no reference"),
        pytest.param("held-000001,5,NOK", None, "nothing is left to refund", id="not captured"),
        pytest.param("euro-000001,5,NOK", "currency", "is in EUR", id="payment's currency"),
        pytest.param(f"order-000002,5,NOK,,{'x' * 501}", "note", "longer", id="long note"),
    ],
)
def test_row_that_cannot_be_planned_is_refused(shop, write_list, row, column, reason):
    """The row is refused with file, row, column, value and reason. The other rows are planned."""
    client, _ = shop()
    plan = plan_refunds(write_list(GOOD, row, "order-000003,all,NOK"), client=client)
    assert [row.reference for row in plan.rows] == ["order-000001", "order-000003"]
    [refused] = plan.refused
    assert (refused.source_file, refused.source_row, refused.column) == ("list.csv", 3, column)
    assert reason in refused.reason
    validate(plan.rejects(), REJECTS)


def test_reference_listed_twice_is_not_planned(shop, write_list):
    """Neither row is planned, because it is unclear whether one or both were intended."""
    client, _ = shop()
    path = write_list(GOOD, "order-000002,5,NOK", "order-000002,7,NOK", "order-000002,7,NOK")
    plan = plan_refunds(path, client=client)
    assert [row.reference for row in plan.rows] == ["order-000001"]
    assert {
        row: "rows 3, 4 and 5 name the same payment" in why
        for row, why in list_refusals(plan).items()
    } == {
        3: True,
        4: True,
        5: True,
    }


def test_same_reference_in_two_sales_units_is_two_payments(shop, write_list):
    """A reference is unique only within one sales unit, so these are two payments."""
    twin = {**make_payment_line("order-000001", captured=100_000), "msn": OTHER_MSN}
    client, _ = shop(*LINES, twin)
    path = write_list(GOOD, f"order-000001,7,NOK,,,,{OTHER_MSN}")
    plan = plan_refunds(path, client=client)
    assert [(row.msn, row.amount_minor) for row in plan.rows] == [(MSN, 25_050), (OTHER_MSN, 700)]
    assert plan.msns == (MSN, OTHER_MSN)


def test_list_without_plannable_rows_raises(shop, write_list):
    """The error explains the first reject, and it carries all rejects."""
    client, _ = shop()
    with pytest.raises(NothingToPlanError, match=r"2 rows refused.*order-999999") as met:
        plan_refunds(write_list("order-999999,5,NOK", "order-000001,0,NOK"), client=client)
    assert sorted(list_refusals(met.value)) == [2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("reference,amount,currency\n", "nothing below", id="headings only"),
        pytest.param("reference,currency\norder-000001,NOK\n", "no column 'amount'", id="amount"),
        pytest.param("amount,currency\n5,NOK\n", "no column 'reference'", id="reference"),
        pytest.param(
            "reference,amount,beløp,currency\na,5,5,NOK\n", "several columns", id="two amounts"
        ),
        pytest.param(
            'reference,amount,currency\norder-000001,"5,50",NOK\norder-000002,5.50,NOK\n',
            "one way",
            id="both marks",
        ),
        pytest.param('{"plan_id": "x"}', "not a list", id="json"),
        pytest.param("", "empty", id="nothing"),
    ],
)
def test_file_that_is_not_a_list_is_refused(shop, tmp_path, content, message):
    """The whole file is rejected, and the message names it."""
    client, _ = shop()
    path = tmp_path / ("list.json" if content.startswith("{") else "list.csv")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        plan_refunds(path, client=client)


def test_missing_sales_unit_names_the_setting(shop, write_list):
    """With several sales units and no default, the message names the setting."""
    client, _ = shop(msn=None)
    with pytest.raises(SourceError, match="VIPPS_MSN"):
        plan_refunds(write_list(GOOD), client=client)


def test_mapping_names_columns_and_reasons(shop, write_list, tmp_path):
    """A mapping names columns and reasons; the message names an invalid entry."""
    client, _ = shop()
    path = write_list("order-000001,25,NOK,angret", head="Betalings-ID,Skal tilbake,Valuta,Årsak")
    mapping = tmp_path / "ours.toml"
    mapping.write_text(
        '[columns]\nreference = "Betalings-ID"\namount = ["Skal tilbake"]\n'
        '[reasons]\nreturn = "angret"\n',
        encoding="utf-8",
    )
    with pytest.raises(SourceError, match="--mapping"):
        plan_refunds(path, client=client)
    requests = read_list_requests(path, "refund", MSN, mapping)
    (row,) = make_plan(requests, PlanOptions("refund", client)).rows
    assert (row.reference, row.amount_minor, row.reason) == ("order-000001", 2_500, "return")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[columns]\ntotal = 'Sum'", "'total' under"),
        ("[reasons]\nanger = 'angret'", "'anger' under"),
        ("[statuses]\nopen = 'ny'", "'statuses' is neither"),
        ("columns = 'Sum'", "'columns' is neither"),
        ("[columns]\namount = 7", "columns.amount in the mapping ours.toml is not"),
        ("[columns", "not TOML"),
    ],
)
def test_unusable_mapping_is_refused(write_list, tmp_path, text, message):
    """The message names the file and the invalid entry."""
    (tmp_path / "ours.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_list_requests(write_list("order-000001,25,NOK"), "refund", MSN, tmp_path / "ours.toml")


def test_workbook_and_csv_give_the_same_plan(shop, tmp_path):
    """In a workbook 250.5 is the number 250.50 in every country."""
    client, _ = shop()
    book = Workbook()
    for row in (
        ("Referanse", "Beløp", "Valuta", "Årsak", "Merknad"),
        ("order-000001", 250.5, "nok", "Retur", "=1+1"),
        ("order-000002", "alt", "NOK", None, None),
        (12345678901234567890, 5, "NOK", None, None),
        ("order-000003", 5.125, "NOK", None, None),
    ):
        book.active.append(row)
    book.active["E2"].data_type = "s"
    book.save(tmp_path / "list.xlsx")
    plan = plan_refunds(tmp_path / "list.xlsx", client=client)
    assert [(row.amount_minor, row.reason, row.note) for row in plan.rows] == [
        (25_050, "return", "=1+1"),
        (100_000, "other", ""),
    ]
    assert sorted(list_refusals(plan)) == [4, 5]


def test_decimal_comma_is_read_if_the_whole_column_has_it(shop, write_list):
    """A decimal comma is accepted if the whole column has it."""
    client, _ = shop()
    path = write_list('order-000001,"1 000,00",NOK', 'order-000002,"2,5",NOK', "order-000003,3,NOK")
    plan = plan_refunds(path, client=client)
    assert [row.amount_minor for row in plan.rows] == [100_000, 250, 300]


@pytest.mark.parametrize(
    ("rows", "planned", "refused"),
    [
        pytest.param(["held-000001"], {"held-000001": 100_000}, [], id="all of it"),
        pytest.param(["part-000001,all"], {"part-000001": 60_000}, [], id="the rest"),
        pytest.param(["held-000001,1000.00,NOK"], {"held-000001": 100_000}, [], id="exactly all"),
        pytest.param(
            ["held-000001,5,NOK", "part-000001"], {"part-000001": 60_000}, [2], id="a part"
        ),
        pytest.param(
            ["order-000001", "part-000001"], {"part-000001": 60_000}, [2], id="nothing reserved"
        ),
        pytest.param(["unpaid-00001", "held-000001"], {"held-000001": 100_000}, [2], id="unpaid"),
    ],
)
def test_cancel_releases_everything_reserved(shop, write_list, rows, planned, refused):
    """A cancel releases everything that is reserved, and the plan states the amount."""
    client, _ = shop()
    plan = plan_cancels(write_list(*rows, head="reference,amount,currency"), client=client)
    assert {row.reference: row.amount_minor for row in plan.rows} == planned
    assert sorted(list_refusals(plan)) == refused


def test_cancelling_an_unpaid_payment_must_be_allowed(shop, write_list):
    """A row for an unpaid payment has no amount, and the plan has to allow it explicitly."""
    client, _ = shop()
    plan = plan_cancels(write_list("unpaid-00001", head="reference"), client=client, created=True)
    assert plan.cancel_created
    assert plan.totals == {"NOK": 0}


def test_capture_is_limited_to_the_reservation(shop, write_list):
    """A capture is never larger than the remaining reservation."""
    client, _ = shop()
    rows = ["held-000001,999.99,NOK", "part-000001,all,NOK", "order-000001,1,NOK"]
    plan = plan_captures(write_list(*rows, "unpaid-00001,1,NOK"), client=client)
    assert [row.amount_minor for row in plan.rows] == [99_999, 60_000]
    assert sorted(list_refusals(plan)) == [4, 5]
    assert "customer has not approved it yet" in list_refusals(plan)[5]


def test_duplicate_can_be_allowed_for_a_payment(shop, write_list):
    """The row records that a duplicate is allowed, so the digest covers it.

    An unknown reference is an error.
    """
    client, _ = shop()
    path = write_list(GOOD, "order-000002,5,NOK")
    plan = plan_refunds(path, client=client, duplicate=["order-000002"])
    assert [row.duplicate for row in plan.rows] == [False, True]
    with pytest.raises(InputError, match="order-00002:"):
        plan_refunds(path, client=client, duplicate=["order-00002"])


def test_row_of_an_unreadable_payment_is_refused(shop, write_list):
    """If a payment cannot be read, its row is refused and not dropped."""
    fault = {"operations": ["getPayment"], "share": 0.5, "status": 503}
    client, _ = shop(faults=[fault], retry_seconds=0.3)
    rows = [f"order-00000{n},5,NOK" for n in range(1, 6)]
    plan = plan_refunds(write_list(*rows), client=client)
    assert plan.refused, "the seed's share of failures"
    assert plan.count + len(plan.refused) == 5
    assert all("could not be read now" in reject.reason for reject in plan.refused)


KEYS = {
    "client_id": "client-id",
    "client_secret": "client-secret",
    "subscription_key": "subscription-key",
    "market": "NO",
}
ANOTHER = {"sales_unit": {**KEYS, "msn": OTHER_MSN, "client_secret": "another"}}


def test_rows_of_a_sales_unit_with_wrong_keys_are_refused(shop, write_list):
    """The rows of that sales unit are refused, and the others are planned.

    If no payment can be read, that is an error.
    """
    client, simulator = shop({"sales_unit": {**KEYS, "msn": MSN}}, ANOTHER, *LINES)
    others = f"other-000001,5,NOK,,,,{OTHER_MSN}"
    plan = plan_refunds(write_list("order-000001,5,NOK", others), client=client)
    assert [row.reference for row in plan.rows] == ["order-000001"]
    (refused,) = plan.refused
    assert (refused.source_row, refused.column, refused.value) == (3, "reference", "other-000001")
    assert refused.reason.startswith(f"sales unit {OTHER_MSN} cannot be read: ")
    assert simulator.requests()["payments"] == {}
    with pytest.raises(NothingToPlanError, match=f"row 2 of list.csv.*{OTHER_MSN} cannot be read"):
        plan_refunds(write_list(others), client=client)


def test_planning_from_a_list_requires_a_client(write_list, tmp_path):
    """A list does not contain the totals of its payments, so planning needs a client."""
    defaults = {"environment": "test", "msn": MSN, "folder": tmp_path, "offline": True}
    with pytest.raises(ConfigurationError, match="client"):
        plan_refunds(write_list(GOOD), settings=load_settings(**defaults))


def test_plan_can_be_made_from_a_frame(shop):
    """A frame may give major units as text, Decimal or number, or minor units."""
    import pandas as pd

    client, _ = shop()
    frame = pd.DataFrame(
        {
            "reference": ["order-000001", "order-000002", "order-000003"],
            "amount": [250.5, 3, None],
            "currency": ["NOK"] * 3,
        }
    )
    plan = plan_refunds(frame, client=client)
    assert [row.amount_minor for row in plan.rows] == [25_050, 300]
    assert [(reject.source_file, reject.source_row) for reject in plan.refused] == [("python", 3)]
    minor = frame.drop(columns="amount").assign(amount_minor=[1, 2, 3])
    assert plan_refunds(minor, client=client).totals == {"NOK": 6}


CELL = st.sampled_from(
    [
        *("order-000001", "order-000002", "order-000003", "held-000001", "part-000001"),
        *("euro-000001", "unpaid-00001", "nothing", "", "5", "5.5", "5,5", "-1", "0", "1e3"),
        *("all", "NOK", "EUR", "1000", "1000.01", "return", "'0001", "=1+1", "\x01", "æ\u2028"),
    ]
)


@draw_examples(20)
@given(
    st.lists(st.tuples(CELL, CELL, CELL, CELL), min_size=1, max_size=8),
    st.sampled_from(sorted(PLANS)),
)
def test_every_row_is_planned_or_refused_within_its_payment(
    shop_once, tmp_path_factory, rows, verb
):
    """Each row is either planned or refused, once, and planned amounts fit the payment."""
    path = tmp_path_factory.mktemp("list") / "list.csv"
    lines = [",".join(f'"{cell}"' for cell in row) for row in rows]
    path.write_text("reference,amount,currency,note\n" + "\n".join(lines) + "\n", encoding="utf-8")
    try:
        plan = PLANS[verb](path, client=shop_once)
    except SourceError:
        return  # the column mixes decimal points and commas, or the list is empty
    except NothingToPlanError as error:
        planned, refused = (), error.refused
    else:
        planned, refused = plan.rows, plan.refused
    assert len(planned) + len(refused) == sum(any(row) for row in rows)
    assert len({reject.source_row for reject in refused}) == len(refused)
    for row in planned:
        reserved = row.authorized_minor - row.captured_minor - row.cancelled_minor
        most = row.captured_minor - row.refunded_minor if verb == "refund" else reserved
        assert 0 < row.amount_minor <= most


@pytest.fixture(scope="module")
def shop_once(tmp_path_factory):
    """Serve one shop for many lists, because planning changes nothing there."""
    simulator = Simulator(
        [{"clock": CLOCK}, {"settings": {"reads_per_minute": None}}, *LINES], latency_ms=0
    )
    with serve(simulator) as url:
        settings_ = load_simulator_settings(tmp_path_factory.mktemp("shop"), base_url=url)
        with Client(settings_) as client:
            yield client
            assert simulator.requests()["requests"]["refund"] == 0


def test_plan_expires_after_its_hours(shop, write_list):
    """A plan expires after three days, or after the hours given."""
    client, simulator = shop()
    now = simulator.now().replace(microsecond=0)
    for hours, arguments in ((72, {}), (5, {"expires_hours": 5})):
        plan = plan_refunds(write_list(GOOD), client=client, now=now, **arguments)
        assert plan.expires_at == f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    with pytest.raises(PlanError, match="before it was made"):
        plan_refunds(write_list(GOOD), client=client, expires_hours=-1)
