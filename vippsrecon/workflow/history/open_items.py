"""Follow each discrepancy over several runs: open, in progress, waived, closed, reopened.

    items of earlier runs ─┐
    discrepancies ─────────┤
    sides compared ────────┼─► judge_items ──► items as this run leaves them ──► build_open_items
    waivers, decisions ────┘                        │
                                                    └─► recorded for the next run

              reported                  compared, not reported,
    (new) ──────────────► open ◄─┐      by a complete run
                            │    │ ┌───────────────────────────► closed_by_evidence
              in progress ◄─┤    │ │                                   │ reported again
              waived ◄──────┘    └─┴─────────────── reopened ◄─────────┘

An incomplete run closes nothing: what it does not report, it may not have read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from vippsrecon import schemas
from vippsrecon.config.settings import SalesUnit
from vippsrecon.store import ItemDecision, OpenItem
from vippsrecon.workflow.history.earlier_orders import parse_time

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.workflow.decisions.ignore_file import Waiver

CLOSED, WAIVED = "closed_by_evidence", "waived"
_FACTS = ("kind", "msn", "reference", "order_number", "currency", "at_risk_minor")


class JudgingRun(NamedTuple):
    """The run that judges the items.

    Attributes:
        run_id: The same for the same inputs and arguments.
        as_of: The cut-off time, YYYY-MM-DDTHH:MM:SSZ.
        today: Its local day.
        complete: Whether it had all its data.
    """

    run_id: str
    as_of: str
    today: date
    complete: bool


def judge_items(
    known: Mapping[str, OpenItem],
    discrepancies: pl.DataFrame,
    *,
    compared: Collection[str],
    waivers: Mapping[tuple[str, str], Waiver],
    decisions: Mapping[str, ItemDecision],
    run: JudgingRun,
) -> dict[str, OpenItem]:
    """Return every item as a run leaves it, in order of discrepancy_id.

    An item that a run with a later cut-off time has judged counts as unknown. A decision counts if its
    report is not older than the item's status: a discrepancy that comes back needs a new one.

    Args:
        known: Items of earlier runs, by discrepancy_id.
        discrepancies: `schemas.DISCREPANCIES` of the run.
        compared: discrepancy_id of the items of earlier runs whose sides the run compared.
        waivers: The payments that are ignored at the cut-off time.
        decisions: Who works on what, by discrepancy_id.
        run: The run.
    """
    earlier = {key: item for key, item in known.items() if item.as_of <= run.as_of}
    items = dict(earlier)
    for row in discrepancies.iter_rows(named=True):
        before = earlier.get(row["discrepancy_id"])
        items[row["discrepancy_id"]] = _judge_reported(row, before, decisions, run)
    reported = set(discrepancies["discrepancy_id"])
    for key, before in earlier.items():
        if key not in reported:
            items[key] = _judge_unreported(before, compared, waivers, run)
    return dict(sorted(items.items()))


def _judge_reported(
    row: Mapping[str, Any],
    before: OpenItem | None,
    decisions: Mapping[str, ItemDecision],
    run: JudgingRun,
) -> OpenItem:
    status, since, who, why = "open", run.as_of, None, None
    if before is not None and before.status == CLOSED:
        status = "reopened"
    elif before is not None and before.status != WAIVED:
        status, since, who, why = before.status, before.status_at, before.who, before.why
    decision = decisions.get(row["discrepancy_id"])
    if decision is not None and (before is None or decision.as_of >= before.status_at):
        if decision.in_progress:
            since = since if status == "in_progress" else run.as_of
            status, who, why = "in_progress", decision.owner or None, decision.note or None
        elif status == "in_progress":
            status, since, who, why = "open", run.as_of, None, None
    return OpenItem(
        discrepancy_id=row["discrepancy_id"],
        status=status,
        kind=row["kind"],
        msn=row["msn"],
        reference=row["reference"],
        order_number=row["order_number"],
        currency=row["currency"],
        at_risk_minor=row["at_risk_minor"],
        first_seen_date=row["first_seen_date"],
        last_seen_date=run.today,
        status_at=since,
        who=who,
        why=why,
        until_date=None,
        closed_by=None,
        as_of=run.as_of,
    )


def _judge_unreported(
    item: OpenItem,
    compared: Collection[str],
    waivers: Mapping[tuple[str, str], Waiver],
    run: JudgingRun,
) -> OpenItem:
    if item.status == CLOSED:
        return item
    waiver = waivers.get((item.msn, item.reference or ""))
    if waiver is not None:
        since = item.status_at if item.status == WAIVED else run.as_of
        return item._replace(
            status=WAIVED,
            status_at=since,
            who=waiver.who,
            why=waiver.reason,
            until_date=waiver.until,
            as_of=run.as_of,
        )
    if item.status == WAIVED:
        # The waiver ended; whether the discrepancy is still there, a run that compares it tells.
        item = item._replace(
            status="open", status_at=run.as_of, who=None, why=None, until_date=None, as_of=run.as_of
        )
    if run.complete and item.discrepancy_id in compared:
        return item._replace(
            status=CLOSED, status_at=run.as_of, closed_by=run.run_id, as_of=run.as_of
        )
    return item


def build_open_items(
    items: Iterable[OpenItem],
    waived_rows: Iterable[Mapping[str, Any]],
    waivers: Mapping[tuple[str, str], Waiver],
    run: JudgingRun,
) -> pl.DataFrame:
    """Return `schemas.OPEN_ITEMS` as a report shows it: what is not closed, and what the run closed.

    Args:
        items: As the run leaves them.
        waived_rows: msn, reference, order_number and currency of each order or payment that the run
            left out because it is waived.
        waivers: The payments that are ignored at the cut-off time.
        run: The run.
    """
    shown = [item for item in items if item.status != CLOSED or item.status_at == run.as_of]
    known = {item.key for item in shown if item.status == WAIVED}
    rows = [_list_values(item, run.today) for item in shown]
    rows += [
        _list_waived_values(row, waivers[row["msn"], row["reference"]], run)
        for row in waived_rows
        if (row["msn"], row["reference"]) in waivers.keys() - known
    ]
    rank = {status: place for place, status in enumerate(schemas.ITEM_STATUSES)}
    return (
        _build_frame(rows)
        .with_columns(rank=pl.col("status").replace_strict(rank, return_dtype=pl.Int64))
        .sort(
            "rank",
            "at_risk_minor",
            "discrepancy_id",
            descending=[False, True, False],
            nulls_last=True,
        )
        .drop("rank")
    )


def list_items(items: Iterable[OpenItem], today: date) -> pl.DataFrame:
    """Return `schemas.OPEN_ITEMS` with all items, aged on a day, for a file."""
    return _build_frame([_list_values(item, today) for item in items])


def find_local_day(result: Reconciliation, units: Sequence[SalesUnit]) -> date:
    """Return the local day of a result's cut-off time, in the time zone of the first sales unit."""
    unit = units[0] if units else SalesUnit("")
    as_of = datetime.fromisoformat(str(result.manifest["as_of"]))
    return as_of.astimezone(ZoneInfo(unit.zone)).date()


def _build_frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=schemas.polars_schema(schemas.OPEN_ITEMS), orient="row")
    return schemas.cast_to_schema(frame, schemas.OPEN_ITEMS)


def _list_values(item: OpenItem, today: date) -> tuple[Any, ...]:
    end = date.fromisoformat(item.status_at[:10]) if item.status == CLOSED else today
    return (
        item.discrepancy_id,
        item.status,
        *(getattr(item, name) for name in _FACTS),
        item.first_seen_date,
        item.last_seen_date,
        max((end - item.first_seen_date).days, 0),
        parse_time(item.status_at),
        item.who,
        item.why,
        item.until_date,
        item.closed_by,
        parse_time(item.as_of),
    )


def parse_items(frame: pl.DataFrame) -> list[OpenItem]:
    """Return the items of a `schemas.OPEN_ITEMS` frame that a run stored."""
    moments = ("status_at", "as_of_at")
    texts = frame.with_columns(pl.col(moments).dt.strftime("%Y-%m-%dT%H:%M:%SZ")).rename(
        {"as_of_at": "as_of"}
    )
    return [OpenItem(*row) for row in texts.select(OpenItem._fields).iter_rows()]


def _list_waived_values(row: Mapping[str, Any], waiver: Waiver, run: JudgingRun) -> tuple[Any, ...]:
    """Return the values of a waived payment of which no run reported a discrepancy."""
    facts = (row["msn"], row["reference"], row["order_number"], row["currency"], None)
    moment = parse_time(run.as_of)
    seen = (None, None, None)
    return (
        *(f"{WAIVED}:{row['msn']}:{row['reference']}", WAIVED, WAIVED, *facts, *seen, moment),
        *(waiver.who, waiver.reason, waiver.until, None, moment),
    )
