"""Show a plan as frames, and as an HTML table in a notebook.

`display` imports this module when a view of a plan is used: carrying out a plan needs no frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from vippsrecon.bulk.plan.file import compute_digest
from vippsrecon.bulk.plan.model import Plan, PlanRow
from vippsrecon.bulk.times import parse_plan_time
from vippsrecon.bulk.wording import count_operations, describe_card_refunds, list_sums
from vippsrecon.dates import format_with_local
from vippsrecon.display.html import MAX_ROWS_SHOWN, HtmlView, TableColumn
from vippsrecon.money import to_major
from vippsrecon.schemas import REJECTS, to_pandas
from vippsrecon.texts import in_language_of_result, say, say_number
from vippsrecon.vipps_rules import MARKET_OF_CURRENCY, ZONE_OF_MARKET

if TYPE_CHECKING:
    import pandas as pd

MAX_REJECTS_SHOWN = 20

_INTEGER_COLUMNS = ("row", "vat_minor", "amount_minor", *PlanRow._fields[-5:-1])
_ROW_SCHEMA = pa.schema(
    [
        (
            name,
            pa.bool_()
            if name == "duplicate"
            else pa.int64()
            if name in _INTEGER_COLUMNS
            else pa.large_string(),
        )
        for name in PlanRow._fields
    ]
)
_SUMMARY_SCHEMA = pa.schema(
    [
        ("verb", pa.large_string()),
        ("msn", pa.large_string()),
        ("currency", pa.large_string()),
        ("reason", pa.large_string()),
        ("rows", pa.int64()),
        ("amount_minor", pa.int64()),
    ]
)


def build_plan_summary(plan: Plan) -> pd.DataFrame:
    """Return one row per sales unit, currency and reason: number of rows, and sum in minor units."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row in plan.rows:
        group = sums.setdefault((row.msn, row.currency, row.reason), [0, 0])
        group[0] += 1
        group[1] += row.amount_minor
    rows = [
        dict(zip(_SUMMARY_SCHEMA.names, (plan.verb, *key, *group), strict=True))
        for key, group in sorted(sums.items())
    ]
    return to_pandas(pa.Table.from_pylist(rows, schema=_SUMMARY_SCHEMA))


def build_plan_frame(plan: Plan) -> pd.DataFrame:
    """Return the plan's rows, one per payment. Amounts are in minor units."""
    rows = [row._asdict() for row in plan.rows]
    return to_pandas(pa.Table.from_pylist(rows, schema=_ROW_SCHEMA))


def build_plan_rejects(plan: Plan) -> pd.DataFrame:
    """Return the requests that are not in the plan, as a frame of `schemas.REJECTS`."""
    rows = [reject._asdict() for reject in plan.refused]
    return to_pandas(pa.Table.from_pylist(rows, schema=REJECTS.arrow_schema()))


PLAN_VIEWS = {
    "rows": build_plan_frame,
    "summary": build_plan_summary,
    "rejects": build_plan_rejects,
}
"""Name to the function that builds the frame."""


@in_language_of_result
def render_plan_html(plan: Plan) -> str:
    """Render the plan as HTML: its sums, its rows, and the refused requests."""
    view = HtmlView(plan.totals)
    sums = say("words.and").join(list_sums(plan.totals))
    view.add_title(f"{count_operations(plan.verb, plan.count)}, {sums}")
    view.add_sentence(
        say(
            "plan.about",
            environment=plan.environment,
            planner=plan.planner,
            made_at=_format_time(plan.made_at, plan),
            expires_at=_format_time(plan.expires_at, plan),
        )
    )
    if card_notice := describe_card_refunds(plan.verb, plan.totals):
        view.add_sentence(card_notice)
    view.add_code(say("plan.digest"), compute_digest(plan))
    confirmed = [
        f"{to_major(total, currency)} {currency}" for currency, total in plan.totals.items()
    ]
    view.add_code(say("plan.confirm"), f"confirm={confirmed}")
    view.add_table(
        _list_columns(),
        (_build_cells(row, view) for row in plan.rows[:MAX_ROWS_SHOWN]),
        count=plan.count,
        everything="plan.to_frame()",
    )
    view.add_list(
        say_number("plan.refused", len(plan.refused)),
        [reject.describe() for reject in plan.refused[:MAX_REJECTS_SHOWN]],
        count=len(plan.refused),
    )
    view.add_list(say("plan.notes"), plan.notes)
    return view.render()


def _format_time(time: str, plan: Plan) -> str:
    """Return a plan's time in UTC, and in the zone of its currency's market if there is one zone."""
    markets = {MARKET_OF_CURRENCY.get(currency, "") for currency in plan.totals}
    zone = ZONE_OF_MARKET.get(markets.pop()) if len(markets) == 1 else None
    return format_with_local(parse_plan_time(time), zone)


def _list_columns() -> list[TableColumn]:
    return [
        TableColumn(say("plan.row"), "number"),
        TableColumn(say("plan.sales_unit")),
        TableColumn(say("table.reference")),
        TableColumn(say("table.order")),
        TableColumn(say("table.amount"), "number"),
        TableColumn(say("plan.reason")),
        TableColumn(say("plan.document")),
        TableColumn(say("words.note"), "sentence"),
    ]


def _build_cells(row: PlanRow, view: HtmlView) -> list[object]:
    return [
        row.row,
        row.msn,
        row.reference,
        row.order_number,
        view.amounts.format(row.amount_minor, row.currency),
        row.reason,
        row.document_ref,
        say("plan.duplicate", note=row.note) if row.duplicate else row.note,
    ]
