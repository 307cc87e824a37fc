"""The next comparison reports what plans have done: discrepancies are closed, or still open."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from tests.bulk.simulated_account import CLOCK, MSN, SHORT_TIMEOUTS, make_payment_line
from tests.simulator_settings import load_simulator_settings
from vippsrecon import approve, carry_out, closed_by_receipts, open_store, plan_refunds
from vippsrecon import reconcile as compare
from vippsrecon.api import Client
from vippsrecon.errors import InputError
from vippsrecon.schemas import RECEIPTS, validate
from vippsrecon.simulator import Simulator, serve
from vippsrecon.workflow.reconcile_month import reconcile_month

EXPORTED = datetime(2026, 1, 31, 11, tzinfo=UTC)
AMOUNTS = {"order-000001": "300.00", "order-000002": "20.50", "order-000003": "0.00"}
"""What the shop gave back of each order of 1,000.00, and Vipps MobilePay did not."""

A_DAY_AND_AN_HOUR = 25 * 3600
"""Seconds after which the shop should have recorded a refund."""


class Books:
    """A shop's export, the simulator with its payments, and a workspace database."""

    def __init__(self, folder, simulator, client) -> None:
        self.folder, self.simulator, self.client = folder, simulator, client
        self.settings = client.settings

    def export(self, refunded) -> None:
        """Write the shop's export: each order with what the shop refunded."""
        head = "reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at"
        head += ",refunded_at"
        at = "2026-01-21T09:00:00Z,2026-01-22T10:00:00Z,2026-01-23T10:00:00Z"
        rows = [
            f"{reference},#{number},NOK,1000.00,{amount},fulfilled,{at}"
            for number, (reference, amount) in enumerate(refunded.items(), start=1)
        ]
        self.orders.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")

    @property
    def orders(self):
        """Return the path of the export."""
        return self.folder / "orders.csv"

    def month(self, *, exported_at=None, **given):
        """Reconcile with an export made now."""
        self.simulator.advance(60)
        moment = exported_at or self.simulator.now()
        given = {"client": self.client, **given}
        return reconcile_month([self.orders], self.settings, exported_at=moment, **given)

    def store(self):
        """Open the workspace database."""
        return open_store(self.settings.database_url)

    def refund(self, discrepancies, *, live=True, patience=SHORT_TIMEOUTS):
        """Plan the proposals, approve them as another person, and carry them out a minute later."""
        self.simulator.advance(60)
        plan = plan_refunds(discrepancies, client=self.client, planner="kari")
        with self.store() as store:
            now = self.simulator.now()
            approve(plan, store, approver="ola", os_account="ola", host="desk", now=now)
            return carry_out(
                plan,
                self.client,
                live=live,
                confirm=plan.totals,
                store=store,
                patience=patience,
            )


@contextmanager
def open_books(folder, state):
    """Serve payments at a simulator, with the export and the database in a folder."""
    simulator = Simulator(state)
    with ExitStack() as stack:
        url = stack.enter_context(serve(simulator))
        settings = load_simulator_settings(folder, base_url=url, retry_seconds=5)
        settings = replace(settings, database_url=f"sqlite:///{folder / 'work.db'}")
        yield Books(folder, simulator, stack.enter_context(Client(settings)))


STATE = [
    {"clock": CLOCK},
    *(make_payment_line(reference, captured=100_000) for reference in AMOUNTS),
]


@pytest.fixture
def books(tmp_path):
    """Return three captured payments; the shop says that two of them were refunded."""
    with open_books(tmp_path, STATE) as books:
        books.export(AMOUNTS)
        yield books


@pytest.fixture(scope="module")
def settled_books(tmp_path_factory):
    """Return the same books after both refunds were carried out, with the new `state`."""
    with open_books(tmp_path_factory.mktemp("settled"), STATE) as books:
        books.export(AMOUNTS)
        books.first_result = books.month()
        books.carried = books.refund(books.first_result)
        books.state = list(books.simulator.state())
    return books


@pytest.fixture
def refunded_books(settled_books, tmp_path):
    """Return a copy of `settled_books` for one test; `first_result` is the result before the refunds."""
    shutil.copytree(settled_books.folder, tmp_path, dirs_exist_ok=True)
    with open_books(tmp_path, settled_books.state) as books:
        books.first_result, books.carried = settled_books.first_result, settled_books.carried
        yield books


def list_receipt_notices(result):
    """Return the notices about receipts."""
    return [notice for notice in result.notices if "receipt" in notice or "still open" in notice]


def test_refunds_close_their_discrepancies(refunded_books):
    """Export and payments agree now, so two refunds of 320.50 in total closed the discrepancies."""
    assert (
        sorted(refunded_books.first_result.discrepancies["kind"]) == ["refund_missing_at_vipps"] * 2
    )
    assert list_receipt_notices(refunded_books.first_result) == []

    result = refunded_books.month()

    assert not len(result.discrepancies)
    assert list_receipt_notices(result) == [
        "2 discrepancies are closed by their receipts: 320.50 NOK refunded."
    ]
    assert result.manifest["closed_by_receipts"] == 2
    with refunded_books.store() as store:
        closed = closed_by_receipts(result, store, units=refunded_books.settings.units)
    validate(closed, RECEIPTS)
    rows = closed.to_dict("records")
    assert [row["discrepancy_id"] for row in rows] == [
        f"refund_missing_at_vipps:{MSN}:order-00000{n}" for n in (1, 2)
    ]
    assert {row["plan_id"] for row in rows} == {refunded_books.carried.plan.plan_id}
    assert [(row["row"], row["amount_minor"], row["outcome"], row["closed"]) for row in rows] == [
        (1, 30_000, "done", True),
        (2, 2_050, "done", True),
    ]
    assert {row["booking_date"].isoformat() for row in rows} == {"2026-01-31"}


def test_plan_that_was_not_carried_out_closes_nothing(books):
    """A plan that was only approved or run dry gives no receipt."""
    first_result = books.month()
    books.refund(first_result, live=False)

    result = books.month()

    assert list_receipt_notices(result) == []
    assert "closed_by_receipts" not in result.manifest


def test_fetch_before_the_refund_gives_a_notice(refunded_books):
    """`--payments` was fetched before the refund.

    The notice says that it was done, so nobody sends it again.
    """
    refunded_books.month(keep=refunded_books.folder / "kept")
    earlier = refunded_books.folder / "kept"
    refunded_books.export({**AMOUNTS, "order-000003": "10.00"})
    again = refunded_books.month(keep=earlier)
    refunded_books.refund(again)

    result = refunded_books.month(client=None, payments=earlier)

    assert len(result.discrepancies) == 1
    assert list_receipt_notices(result) == [
        "2 discrepancies are closed by their receipts: 320.50 NOK refunded.",
        "1 discrepancy is still open although refunded on 2026-01-31 (10.00 NOK refunded): "
        f"refund_missing_at_vipps:{MSN}:order-000003. Fetch again: the payment was read before "
        "this operation.",
    ]


def test_export_before_the_refund_is_compared_at_its_own_time(refunded_books):
    """The same export is compared as of its own time, which is before the refund."""
    result = refunded_books.month(exported_at=EXPORTED)

    assert len(result.discrepancies) == 2
    (notice,) = list_receipt_notices(result)
    assert notice.startswith(
        "2 discrepancies are still open although refunded on 2026-01-31 (320.50"
    )
    assert notice.endswith(
        "Export the orders again: the cut-off time of the comparison is earlier than this operation."
    )
    assert result.manifest["open_despite_receipts"] == 2


def test_insufficient_refund_leaves_the_discrepancy_open(refunded_books):
    """The shop has refunded more since: the id is the same, but the difference is new."""
    refunded_books.export({**AMOUNTS, "order-000001": "400.00"})

    result = refunded_books.month()

    (closed, still) = list_receipt_notices(result)
    assert closed == "1 discrepancy is closed by its receipt: 20.50 NOK refunded."
    assert still.endswith(
        "Check the payment and the order: the money moved, but they still differ."
    )


def test_order_that_was_not_compared_closes_nothing(refunded_books):
    """If an order was not compared, its missing discrepancy is not closed."""
    refunded_books.export({"order-000002": "20.50"})

    result = refunded_books.month()

    assert list_receipt_notices(result) == [
        "1 discrepancy is closed by its receipt: 20.50 NOK refunded."
    ]


def test_waived_discrepancy_is_not_closed(refunded_books):
    """A person decided to ignore the discrepancy; this does not prove that the sides agree."""
    result = compare(
        refunded_books.first_result.orders,
        refunded_books.first_result.payments,
        refunded_books.first_result.events,
        units=refunded_books.settings.units,
        waived=[(MSN, "order-000001")],
        manifest={"environment": "simulator"},
    )

    with refunded_books.store() as store:
        receipts = closed_by_receipts(result, store)
    assert receipts["discrepancy_id"].tolist() == [f"refund_missing_at_vipps:{MSN}:order-000002"]
    assert receipts["closed"].tolist() == [False]


def test_checking_one_kind_closes_no_other_kind(refunded_books):
    """Discrepancies of a kind that was not compared are not closed."""
    result = compare(
        refunded_books.first_result.orders,
        refunded_books.first_result.payments,
        refunded_books.first_result.events,
        only="over_captured",
        manifest={"environment": "simulator"},
    )

    with refunded_books.store() as store:
        assert not len(closed_by_receipts(result, store))


def test_closed_discrepancies_work_with_duckdb_frames(refunded_books):
    """The payments may be in a frame of another engine, here DuckDB."""
    month = refunded_books.month()
    result = compare(
        month.orders, month.payments, month.events, manifest={"environment": "simulator"}
    )
    elsewhere = replace(result, payments=duckdb.from_arrow(_arrow(month.payments)))

    with refunded_books.store() as store:
        assert closed_by_receipts(elsewhere, store).equals(closed_by_receipts(result, store))
        assert len(closed_by_receipts(elsewhere, store)) == 2


def _arrow(frame):
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


def test_refund_at_the_simulator_closes_nothing_in_production(refunded_books):
    """A refund at the simulator closes no discrepancy in production."""
    result = compare(
        refunded_books.first_result.orders,
        refunded_books.first_result.payments,
        refunded_books.first_result.events,
    )

    with refunded_books.store() as store:
        with pytest.raises(InputError, match="environment="):
            closed_by_receipts(result, store)
        assert not len(closed_by_receipts(result, store, environment="production"))


def test_refund_planned_from_a_list_is_ours(books):
    """The shop does not know this refund, but our journal does: it was not made in the portal."""
    books.simulator.advance(600)
    (books.folder / "list.csv").write_text(
        "reference,amount,currency\norder-000003,50.00,NOK\n", encoding="utf-8"
    )
    plan = books.refund(books.folder / "list.csv").plan
    books.simulator.advance(A_DAY_AND_AN_HOUR)

    discrepancies = books.month().discrepancies
    flags = dict(zip(discrepancies["kind"], discrepancies["flags"], strict=True))

    assert plan.source.kind == "list"
    assert flags["refund_missing_in_shop"] == "refunded_by_us"


def test_portal_refund_is_not_ours(refunded_books):
    """This refund is not in our journal."""
    refunded_books.client.refund(
        "order-000003", 5_000, "NOK", idempotency_key="the-portal", msn=MSN
    )
    refunded_books.simulator.advance(A_DAY_AND_AN_HOUR)

    discrepancies = refunded_books.month().discrepancies

    assert discrepancies["flags"].tolist() == ["made_elsewhere"]


def test_open_row_removes_the_proposal(books):
    """It is not known if the refund was done, so nobody must refund a second time."""
    first_result = books.month()
    books.simulator.set_settings(event_log_lag_ms=600_000)
    books.simulator.set_faults([{"operations": ["refund"], "share": 1, "drop_after": True}])
    patience = SHORT_TIMEOUTS._replace(settle_for=0.5)
    carried = books.refund(first_result, patience=patience)
    books.simulator.set_faults([])
    assert carried.counts["unknown"] == 2
    books.simulator.set_settings(event_log_lag_ms=0)

    result = books.month(exported_at=EXPORTED)

    assert set(result.discrepancies["flags"]) == {"changed_after_export possible_duplicate"}
    assert result.discrepancies["proposal"].isna().all()
    assert any(
        "2 payments have an operation whose outcome is open" in notice for notice in result.notices
    )


def make_newer(path):
    """Mark the database as made by a later version."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO migrations VALUES (99, 'later', '2030-01-01')")


def make_tampered(path):
    """Change a done entry directly in the database."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER journal_no_update")
        database.execute("UPDATE journal SET detail = '[' WHERE kind = 'done'")


@pytest.mark.ci
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda path: path.write_bytes(b"no database at all" * 99), "", id="broken"),
        pytest.param(make_newer, "made by a newer vippsrecon", id="of a newer version"),
        pytest.param(make_tampered, "cannot be understood", id="tampered with"),
    ],
)
def test_unreadable_journal_gives_a_notice(refunded_books, spoil, message):
    """The comparison works without the journal, and says what it does not know."""
    before = refunded_books.month()
    path = refunded_books.folder / "work.db"
    for name in ("work.db-wal", "work.db-shm"):
        (refunded_books.folder / name).unlink(missing_ok=True)
    spoil(path)

    result = refunded_books.month()

    (notice,) = [notice for notice in result.notices if "could not be read" in notice]
    assert message in notice
    assert result.exit_code == before.exit_code == 0
    assert list_receipt_notices(before) != []
    assert list_receipt_notices(result) == []


def test_locked_journal_gives_a_notice(refunded_books, monkeypatch):
    """Another program has locked the database; the run does not wait for it."""
    monkeypatch.setattr("vippsrecon.workflow.history.database.WAIT_SECONDS", 0.2)
    with closing(sqlite3.connect(refunded_books.folder / "work.db", isolation_level=None)) as tool:
        tool.execute("PRAGMA locking_mode = EXCLUSIVE")
        tool.execute("PRAGMA journal_mode = DELETE")
        tool.execute("BEGIN EXCLUSIVE")

        result = refunded_books.month()

    assert any("could not be read" in notice for notice in result.notices)
    assert result.exit_code == 0


def test_reconcile_without_a_journal_creates_none(books):
    """Users who only reconcile have no journal, and the run does not create one."""
    result = books.month()

    assert not (books.folder / "work.db").exists()
    assert not any("looked up" in notice for notice in result.notices)


def test_saved_payments_give_the_same_notices(refunded_books):
    """With the same journal, `payments=` gives the same notices."""
    moment = refunded_books.simulator.now()
    first = refunded_books.month(keep=refunded_books.folder / "kept", exported_at=moment)
    again = refunded_books.month(
        client=None, payments=refunded_books.folder / "kept", exported_at=moment
    )

    assert first.notices == again.notices
    assert first.manifest == again.manifest
