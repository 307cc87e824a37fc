"""A workspace with approved plans, and the checks of its journal against the simulator."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from tests.crash.carrier import Life
from tests.crash.simulator_process import SimulatorProcess
from vippsrecon.bulk.approval.approve import approve
from vippsrecon.bulk.limits import Limits
from vippsrecon.bulk.plan.file import write_plan
from vippsrecon.bulk.plan.model import Plan, PlanRow, compute_idempotency_key
from vippsrecon.bulk.verbs import EVENTS_OF_VERB
from vippsrecon.errors import StoreError
from vippsrecon.store import Entry, Store, open_store, read_entries, read_row_states, verify_journal
from vippsrecon.store.database.transactions import write_transaction

DAY_CAP = 1_000_000_000
"""Minor units a day, never reached: there so that what is reserved can be counted."""

NAMES = ("authorized", "captured", "refunded", "cancelled")
GOOD = ("done", "already_done")


class Workspace:
    """A folder with settings, a database, and the plans approved in it.

    Args:
        folder: The folder. It is created if it does not exist.
        database_url: The URL of the workspace database.
        simulator: The simulator with the payments of the plans.
    """

    def __init__(self, folder: Path, database_url: str, simulator: SimulatorProcess) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database_url = database_url
        self.simulator = simulator
        limits = f"[limits]\nper_day = {DAY_CAP // 100}\nown_approval_up_to = 0\n"
        (folder / "vippsrecon.toml").write_text(limits, encoding="utf-8")
        self.store = open_store(database_url)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def approve_plan(self, plan: Plan, *, store: Store | None = None) -> Path:
        """Write the plan's file, have a second person approve it, and return the file's path."""
        approve(
            plan,
            store or self.store,
            approver="ola",
            os_account="ola",
            host="here",
            now=self.simulator.now(),
            limits=Limits.from_settings({"own_approval_up_to": 0}),
        )
        return write_plan(plan, self.folder / f"{plan.plan_id}.json")

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Run SQL directly on the database, without the journal's own code."""
        url = self.database_url.replace("postgresql://", "postgresql+psycopg://")
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                answer = connection.execute(text(statement), values)
                return list(answer) if answer.returns_rows else []
        finally:
            engine.dispose()

    def is_free(self) -> bool:
        """Return whether nobody holds the write lock."""
        with (
            contextlib.suppress(StoreError),
            open_store(self.database_url, wait_seconds=0.2) as store,
            write_transaction(store),
        ):
            return True
        return False

    def count_open_rows(self, plan: Plan) -> dict[str, int]:
        """Return the state of a plan's open rows now, from the journal and the simulator.

        The journal is read first, because an intended operation may take effect during the check.
        """
        states = read_row_states(self.store, plan.plan_id)
        effects = self.simulator.effects()
        outcomes: Counter[str] = Counter()
        for row in plan.rows:
            state = states.get(row.row)
            outcome = "not begun" if state is None else state.outcome
            took_effect = bool(effects.get(row.reference))
            assert took_effect or outcome not in GOOD, f"{row.reference} is {outcome}, and is not"
            assert state is not None or not took_effect, f"{row.reference} was not intended"
            if outcome in ("intended", "unknown"):
                outcomes["intended, done" if took_effect else "intended, not done"] += 1
        return dict(outcomes)


def make_life(workspace: Workspace, plan: Plan, **changed: Any) -> Life:
    """Approve a plan now, and return a life that carries it out."""
    return Life(
        workspace.folder,
        workspace.simulator.base_url,
        workspace.database_url,
        workspace.approve_plan(plan),
        **changed,
    )


def assert_carried_out(workspace: Workspace, *plans: Plan, good: tuple[str, ...] = GOOD) -> None:
    """Assert that the plans were carried out completely and correctly.

    Each payment was changed once, by the plan's amount, and by nothing else. The chain of each
    journal is intact. Journal and simulator agree on every row. No payment is still in flight.
    """
    assert_never_twice(workspace, *plans)
    effects, payments = workspace.simulator.effects(), workspace.simulator.payments()
    for plan in plans:
        for row in plan.rows:
            expected = {plan.verb: {"count": 1, "sum": row.amount_minor}}
            assert effects.get(row.reference) == expected, f"{row.reference}: lost, or another"
        for row, entry, detail in list_ended_rows(workspace.store, plan):
            assert entry.kind in good, f"{row.reference}: {entry.kind}, {detail['why']}"
            _assert_agree(plan, row, detail, payments[row.reference])
    numbers = {plan.plan_id for plan in plans}
    in_flight = workspace.sql("SELECT plan_id, row FROM in_flight")
    assert [
        in_flight_row for in_flight_row in in_flight if in_flight_row.plan_id in numbers
    ] == [], "payments are still in flight"


def assert_never_twice(workspace: Workspace, *plans: Plan) -> None:
    """Assert what must always be true: nothing was done twice, and the journal is correct."""
    effects = workspace.simulator.effects()
    for plan in plans:
        verdict = verify_journal(workspace.store, plan.plan_id)
        assert verdict.ok, verdict.fault
        states = read_row_states(workspace.store, plan.plan_id)
        for row in plan.rows:
            effect = effects.get(row.reference, {})
            assert set(effect) <= {plan.verb}, f"{row.reference}: {effect}"
            once = effect.get(plan.verb, {"count": 0, "sum": 0})
            assert once["count"] <= 1, f"{row.reference}: {plan.verb} TWICE: {effect}"
            assert once["sum"] in (0, row.amount_minor), f"{row.reference}: {effect}"
            state = states.get(row.row)
            if state is not None and state.outcome in (*GOOD, "refused", "skipped"):
                is_done = state.outcome in GOOD
                assert is_done == bool(once["count"]), f"{row.reference}: {state}, and {effect}"
        _assert_one_intention(workspace.store, plan)


def assert_cap_counts(workspace: Workspace) -> None:
    """Assert that the day's cap counts the amounts that moved, and nothing else."""
    reserved = workspace.sql("SELECT COALESCE(SUM(amount_minor), 0) FROM reserved")[0][0]
    used = workspace.sql("SELECT COALESCE(SUM(amount_minor), 0) FROM caps")[0][0]
    moved = sum(
        counts["sum"]
        for operations in workspace.simulator.effects().values()
        for counts in operations.values()
    )
    assert used == reserved == moved


def list_ended_rows(store: Store, plan: Plan) -> list[tuple[PlanRow, Entry, dict[str, Any]]]:
    """Return each row with its last entry that holds an outcome."""
    last: dict[int, Entry] = {}
    for entry in read_entries(store, plan.plan_id):
        if entry.row is not None and entry.kind not in ("intended", "verified"):
            last[entry.row] = entry
    return [(row, last[row.row], last[row.row].parse_detail()) for row in plan.rows]


def _assert_one_intention(store: Store, plan: Plan) -> None:
    """Assert that every intention of a row has that row's key and amount."""
    rows = {row.row: row for row in plan.rows}
    for entry in read_entries(store, plan.plan_id):
        if entry.kind == "intended":
            assert entry.row is not None
            row = rows[entry.row]
            assert entry.idempotency_key == compute_idempotency_key(plan.plan_id, plan.verb, row)
            assert (entry.reference, entry.amount_minor) == (row.reference, row.amount_minor)


def _assert_agree(plan: Plan, row: PlanRow, detail: dict[str, Any], line: Any) -> None:
    """Assert that the journal's last entry for a row agrees with the simulator."""
    aggregate = [line["payment"]["aggregate"][f"{name}Amount"]["value"] for name in NAMES]
    if detail["after"] is not None:
        assert detail["after"] == aggregate, row.reference
    key = compute_idempotency_key(plan.plan_id, plan.verb, row)
    own = [
        event
        for event in line["events"]
        if event["name"] in EVENTS_OF_VERB[plan.verb]
        and (plan.verb == "cancel" or event.get("idempotencyKey") == key)
    ]
    assert len(own) == 1, f"{row.reference}: {own}"
    assert own[0]["amount"]["value"] == row.amount_minor
    if detail["psp_reference"] is not None:
        assert detail["psp_reference"] == own[0]["pspReference"], row.reference
