"""Compare a user's own frame of orders: complete it, then reconcile it as an export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

import narwhals.stable.v2 as nw

from vippsrecon import schemas
from vippsrecon.reconciliation import reconcile as compare
from vippsrecon.sources import list_sources, read_order_files
from vippsrecon.workflow.input_checks import refuse_unreadable_exports
from vippsrecon.workflow.references import stack_frames

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def accept_user_orders(
    function: Callable[_Arguments, _Result],
) -> Callable[_Arguments, _Result]:
    """Return `reconcile` so that its orders may also be a frame of the user's own.

    A frame with `source_row` comes from `read_orders` and is passed on unchanged. Of any other
    frame, absent columns are filled as in the plain form of CSV, with the sales unit of the
    payments if they have only one, and as of `as_of` or the latest fetch.
    """

    @wraps(function)
    def reconcile(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        bound = signature(function).bind(*args, **kwargs)
        if _is_user_frame(bound.arguments["orders"]):
            bound.arguments.update(_complete_arguments(bound.arguments))
        return function(*bound.args, **bound.kwargs)

    return reconcile


reconcile = accept_user_orders(compare)


def _is_user_frame(orders: Any) -> bool:
    frame = nw.from_native(orders, pass_through=True)
    if not isinstance(frame, nw.DataFrame | nw.LazyFrame):
        return False
    return "source_row" not in frame.collect_schema().names()


def _complete_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    payments = nw.from_native(arguments["payments"]).lazy()
    msns = payments.select("msn").unique().collect("polars").to_native()["msn"].to_list()
    fetched_at = payments.select(nw.col("fetched_at").max()).collect("polars").item()
    files = read_order_files(
        list_sources(arguments["orders"]),
        None,
        tuple(arguments.get("units", ())),
        msns[0] if len(msns) == 1 else None,
        arguments.get("as_of") or fetched_at or datetime.now(UTC),
    )
    refuse_unreadable_exports(files)
    rejects = schemas.to_polars(arguments.get("rejects"), schemas.REJECTS)
    manifest = arguments.get("manifest") or {}
    return {
        "orders": schemas.to_pandas(files.orders),
        "rejects": schemas.to_pandas(stack_frames([files.rejects, rejects], schemas.REJECTS)),
        "manifest": {"notes": [note for file in files.files for note in file.notes], **manifest},
    }
