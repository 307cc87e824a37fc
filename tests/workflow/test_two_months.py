"""Two months from the command line: the next run uses what the earlier run has saved."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.payments import MSN, make_history_line
from vippsrecon import schemas
from vippsrecon.cli import app
from vippsrecon.dates import to_day_number
from vippsrecon.simulator import Simulator, serve
from vippsrecon.workflow.coverage import find_missing_days

HEAD = "reference,order_number,currency,total,refunded,status,paid,ordered_at,fulfilled_at"


def order(reference, total, ordered, fulfilled="", status="", refunded="0.00"):
    """Return a line of an export; with a day in `fulfilled`, the order is sent."""
    status = status or ("fulfilled" if fulfilled else "open")
    sent = f"{fulfilled}T10:00:00Z" if fulfilled else ""
    return f"{reference},{reference},NOK,{total},{refunded},{status},yes,{ordered}T10:00:00Z,{sent}"


def payment(reference, amount, *moves, msn=MSN, psp=""):
    """Return a state line.

    It is created and authorized on the first day; each move is (name, minor, day).
    """
    first, *operations = moves
    steps = [("CREATED", amount, first), ("AUTHORIZED", amount, first), *operations]
    return make_history_line(
        reference,
        [(name, minor, f"{day}T12:0{n}:00Z") for n, (name, minor, day) in enumerate(steps)],
        msn=msn,
        psp=psp,
    )


@pytest.fixture
def reconcile(tmp_path, monkeypatch):
    """Return `reconcile(lines, state, first, last, …) -> (exit code, printed object, stderr)`."""
    monkeypatch.chdir(tmp_path)

    def run(lines, state, first, last, *, clock, name="report", head=HEAD, **more):
        options, payments = more.get("options", ()), more.get("payments", False)
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        exported = clock.replace("T08", "T06")
        with serve(Simulator([{"clock": clock}, *state])) as url:
            result = CliRunner().invoke(
                app,
                [
                    *("reconcile", "--orders", f"{name}.csv", "--exported-at", exported),
                    *(["--from", first] if first else []),
                    *(["--to", last] if last else []),
                    *(["--payments", f"{name}.data"] if payments else []),
                    *("--out", f"{name}.xlsx", "--json", *options),
                ],
                env={
                    "VIPPS_ENVIRONMENT": "simulator",
                    "VIPPS_BASE_URL": url,
                    "VIPPS_MSN": MSN,
                    "VIPPS_CLIENT_ID": "invented",
                    "VIPPS_CLIENT_SECRET": "invented",
                    "VIPPS_SUBSCRIPTION_KEY": "invented",
                },
            )
        return result.exit_code, json.loads(result.stdout), result.stderr

    return run


OCTOBER = {"first": "2026-10-01", "last": "2026-10-31", "clock": "2026-11-05T08:00:00Z"}
NOVEMBER = {"first": "2026-11-01", "last": "2026-11-30", "clock": "2026-12-05T08:00:00Z"}

LATE = order("order-0001", "10.00", "2026-10-30")
DAILY = [
    order(f"daily-{day:02}", "1.00", f"2026-10-{day:02}", f"2026-10-{day:02}")
    for day in range(1, 32)
]
DAILY_PAID = [
    payment(f"daily-{day:02}", 100, f"2026-10-{day:02}", ("CAPTURED", 100, f"2026-10-{day:02}"))
    for day in range(1, 32)
]
NEXT = [
    order(f"later-{day:02}", "1.00", f"2026-11-{day:02}", f"2026-11-{day:02}")
    for day in range(1, 31)
]
NEXT_PAID = [
    payment(f"later-{day:02}", 100, f"2026-11-{day:02}", ("CAPTURED", 100, f"2026-11-{day:02}"))
    for day in range(1, 31)
]


def describe_discrepancies(result):
    """Return reference, code and amounts of each discrepancy."""
    return [
        (row["reference"], row["kind"], row["expected_minor"], row["actual_minor"])
        for row in result["discrepancies"]
    ]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("captured", "discrepancies"),
    [
        pytest.param(1000, [], id="as ordered"),
        pytest.param(1200, [("order-0001", "over_captured", 1000, 1200)], id="too much"),
    ],
)
def test_an_order_of_october_captured_in_november_is_compared_in_november(
    reconcile, captured, discrepancies
):
    """The order is only in October's export, and no ledger is read; the database keeps it."""
    reserved = payment("order-0001", 1200, "2026-10-30")
    code, october, _ = reconcile([*DAILY, LATE], [*DAILY_PAID, reserved], **OCTOBER, name="october")
    assert (code, describe_discrepancies(october)) == (0, [])

    later = payment(
        "order-0001",
        1200,
        "2026-10-30",
        ("CAPTURED", captured, "2026-11-03"),
        ("CANCELLED", 1200 - captured, "2026-11-03"),
    )
    code, november, _ = reconcile(NEXT, [*NEXT_PAID, later], **NOVEMBER, name="november")

    assert describe_discrepancies(november) == discrepancies
    assert code == bool(discrepancies)
    assert november["buckets"]["orders"].get("timing", 0) == 0
    assert any("1 order of an earlier export was compared too" in n for n in november["notices"])
    again = reconcile(NEXT, [], **NOVEMBER, name="november", payments=True)
    assert {k: v for k, v in again[1].items() if k != "report"} == {
        k: v for k, v in november.items() if k != "report"
    }


@pytest.mark.ci
def test_october_discrepancy_keeps_its_first_date(reconcile):
    """It keeps the date of the first run that found it.

    After 30 days it is one step more severe.
    """
    state = [
        *DAILY_PAID,
        payment("order-0001", 1200, "2026-10-30", ("CAPTURED", 1200, "2026-10-30")),
    ]
    line = order("order-0001", "10.00", "2026-10-30", "2026-10-30")
    _, october, _ = reconcile([*DAILY, line], state, **OCTOBER, name="october")
    _, november, _ = reconcile(NEXT, [*state, *NEXT_PAID], **NOVEMBER, name="november")

    facts = [
        [(row["first_seen_date"], row["age_days"], row["severity"]) for row in run["discrepancies"]]
        for run in (october, november)
    ]
    assert facts == [[("2026-11-05", 0, "medium")], [("2026-11-05", 30, "high")]]
    assert (
        describe_discrepancies(november)
        == describe_discrepancies(october)
        == [("order-0001", "over_captured", 1000, 1200)]
    )
    _, once_more, _ = reconcile([*DAILY, line], [], **OCTOBER, name="october", payments=True)
    assert once_more["discrepancies"] == october["discrepancies"]


@pytest.mark.ci
def test_settled_order_is_not_requested_again(reconcile):
    """October's reservation was captured in November, so December's run knows that it is done."""
    reserved = payment("order-0001", 1000, "2026-10-30")
    captured = payment("order-0001", 1000, "2026-10-30", ("CAPTURED", 1000, "2026-11-03"))
    reconcile([*DAILY, LATE], [*DAILY_PAID, reserved], **OCTOBER, name="october")
    reconcile(NEXT, [*NEXT_PAID, captured], **NOVEMBER, name="november")
    december = {"first": "2026-12-01", "last": "2026-12-01", "clock": "2026-12-08T08:00:00Z"}
    line = order("december-1", "1.00", "2026-12-01", "2026-12-01")
    paid = payment("december-1", 100, "2026-12-01", ("CAPTURED", 100, "2026-12-01"))
    code, result, _ = reconcile([line], [paid], **december, name="december")

    assert (code, result["buckets"]) == (0, {"orders": {"matched": 1}, "payments": {"matched": 1}})


def test_order_of_another_simulator_is_ignored(reconcile):
    """The same reference at another simulator is another payment, with another pspReference."""
    reserved = payment("order-0001", 1000, "2026-10-30")
    reconcile([*DAILY, LATE], [*DAILY_PAID, reserved], **OCTOBER, name="october")
    other = payment("order-0001", 700, "2026-10-30", psp="-other")
    code, result, _ = reconcile(NEXT, [*NEXT_PAID, other], **NOVEMBER, name="november")

    assert code == 0
    assert len(result["buckets"]["orders"]) == 1


def test_captured_money_that_no_run_has_compared_is_not_clean(reconcile, tmp_path):
    """The order of a payment from September is in no export.

    Its sum is shown, and the exit code is 1.
    """
    september = payment("september-1", 5000, "2026-09-20", ("CAPTURED", 5000, "2026-10-03"))
    (tmp_path / "more.csv").write_text("reference\nseptember-1\n", encoding="utf-8")
    code, result, _ = reconcile(
        DAILY, [*DAILY_PAID, september], **OCTOBER, options=("--references", "more.csv")
    )

    assert (code, result["verdict"], result["uncompared"]) == (1, "discrepancies", {"NOK": 5000})
    assert any("50.00 NOK captured in 1 payment was not compared" in n for n in result["notices"])


def test_a_sales_unit_that_is_not_compared_is_left_out_and_listed(reconcile, tmp_path):
    """A point of sale has no orders in the shop, so its rows are counted but not compared."""
    (tmp_path / "vippsrecon.toml").write_text(
        f'[[sales_unit]]\nmsn = "{MSN}"\n[[sales_unit]]\nmsn = "654321"\ncompared = false\n',
        encoding="utf-8",
    )
    (tmp_path / "more.csv").write_text("msn,reference\n654321,till-0001\n", encoding="utf-8")
    till = payment("till-0001", 5000, "2026-10-03", ("CAPTURED", 5000, "2026-10-03"), msn="654321")
    lines = [f"{line},{MSN}" for line in DAILY]
    lines.append(order("till-0002", "5.00", "2026-10-04", "2026-10-04") + ",654321")
    code, result, _ = reconcile(
        lines,
        [*DAILY_PAID, till],
        **OCTOBER,
        head=f"{HEAD},msn",
        options=("--references", "more.csv"),
    )

    assert (code, result["verdict"]) == (0, "clean")
    assert result["buckets"] == {"orders": {"matched": 31}, "payments": {"matched": 31}}
    assert any("654321 is left out (compared = false): 1 order" in n for n in result["notices"])


@pytest.mark.ci
@pytest.mark.parametrize(
    ("lines", "last", "missing"),
    [
        pytest.param(DAILY[:15], "2026-10-31", "2026-10-16 to 2026-10-31", id="half a month"),
        pytest.param(DAILY[:30], "2026-10-31", "2026-10-31", id="the last day"),
        pytest.param(DAILY[:15], "2026-10-15", None, id="as much as was asked"),
        pytest.param(DAILY, "2026-10-31", None, id="the whole month"),
        pytest.param([DAILY[4], DAILY[14], DAILY[27]], "2026-10-31", None, id="a quiet shop"),
        pytest.param([*DAILY[:4], DAILY[14]], "2026-10-31", "2026-10-16 to 2026-10-31", id="few"),
        pytest.param([DAILY[9]], "2026-10-31", None, id="one day says nothing"),
    ],
)
def test_an_export_that_ends_before_the_period_is_incomplete(reconcile, lines, last, missing):
    """Half a month would look better than the whole month, so the missing days are named."""
    period = OCTOBER | {"last": last}
    code, result, warned = reconcile(lines, DAILY_PAID, **period)

    if missing is None:
        assert (code, result["verdict"]) == (0, "clean")
        return
    assert (code, result["verdict"]) == (2, "incomplete")
    assert result["incomplete_because"] == [f"the export does not cover {missing}"]
    assert f"INCOMPLETE: the export does not cover {missing}" in warned
    assert any(f"does not cover {missing} (report.csv)" in notice for notice in result["notices"])


@pytest.mark.ci
@pytest.mark.parametrize(
    ("lines", "first", "missing"),
    [
        pytest.param(DAILY[14:], "2026-10-01", "2026-10-01 to 2026-10-14", id="half a month"),
        pytest.param(DAILY[14:], "2026-10-15", None, id="as much as was asked"),
        pytest.param(DAILY[3:], "2026-10-01", None, id="closed on the first days"),
        pytest.param(
            [DAILY[9], *DAILY[20:]], "2026-10-01", None, id="as quiet as within the export"
        ),
        pytest.param([DAILY[20], DAILY[27]], "2026-10-01", None, id="two days say nothing"),
    ],
)
def test_an_export_that_begins_after_the_period_is_incomplete(reconcile, lines, first, missing):
    """The second half of a month is not the month; the message names the other way out."""
    period = OCTOBER | {"first": first}
    code, result, _ = reconcile(lines, DAILY_PAID, **period)

    if missing is None:
        assert (code, result["verdict"]) == (0, "clean")
        return
    assert (code, result["verdict"]) == (2, "incomplete")
    assert result["incomplete_because"] == [f"the export does not cover {missing}"]
    assert any("begin the period with --from 2026-10-15" in n for n in result["notices"])


def test_a_payment_on_a_day_without_orders_shows_that_they_are_missing(reconcile, tmp_path):
    """Even with one order, a payment on a later day shows that orders are missing."""
    (tmp_path / "more.csv").write_text("reference\ndaily-20\n", encoding="utf-8")
    code, result, _ = reconcile(
        [DAILY[9]], DAILY_PAID, **OCTOBER, options=("--references", "more.csv")
    )

    assert code == 2
    assert result["incomplete_because"] == ["the export does not cover 2026-10-11 to 2026-10-31"]


def test_days_that_are_not_over_are_not_missing():
    """In the middle of a month, the rest of it cannot be exported yet."""
    days = [to_day_number(datetime(2026, 10, day, tzinfo=UTC).date()) for day in range(1, 15)]
    exported = datetime(2026, 10, 15, 6, tzinfo=UTC)
    orders = pl.DataFrame({"ordered_day": days}).with_columns(
        msn=pl.lit(MSN), reference=pl.lit("r"), exported_at=pl.lit(exported)
    )
    last = datetime(2026, 10, 31, tzinfo=UTC).date()

    none = schemas.to_polars(None, schemas.PAYMENTS)
    today, later = (datetime(2026, 10, day, 8, tzinfo=UTC) for day in (15, 20))
    assert not list(find_missing_days(orders, none, (None, last), today, ()))
    [missing] = find_missing_days(orders, none, (None, last), later, ())
    assert (missing.first.day, missing.last.day) == (15, 19)
