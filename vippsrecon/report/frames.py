"""Convert the frames of a Reconciliation to Polars, in a fixed row order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from vippsrecon import schemas
from vippsrecon.reconciliation.results.groups import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


class ReportInput(Protocol):
    """The parts of `vippsrecon.Reconciliation` that a report uses."""

    @property
    def orders(self) -> pd.DataFrame: ...  # noqa: D102 - the frames are described in schemas
    @property
    def payments(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def events(self) -> pd.DataFrame | None: ...  # noqa: D102
    @property
    def failures(self) -> pd.DataFrame | None: ...  # noqa: D102
    @property
    def rejects(self) -> pd.DataFrame | None: ...  # noqa: D102
    @property
    def discrepancies(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def buckets(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def summary(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def bridge(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def groups(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def manifest(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def notices(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def verdict(self) -> str: ...  # noqa: D102
    @property
    def complete(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class ReportFrames:
    """The frames of one Reconciliation, in Polars. Discrepancies stay in the order given.

    Attributes:
        orders: `schemas.ORDERS` with `bucket`, `kind` and `flags` of each row.
        payments: `schemas.PAYMENTS` with the same three columns.
        events: `schemas.EVENTS`.
        failures: `schemas.FAILURES`.
        rejects: `schemas.REJECTS`.
        discrepancies: `schemas.DISCREPANCIES`, worst first.
        summary: `schemas.SUMMARY`.
        bridge: `schemas.BRIDGE`, by leg, sales unit, currency and position.
        groups: `reconciliation.results.groups.GROUPS`: one row per kind, cause and currency.
    """

    orders: pl.DataFrame
    payments: pl.DataFrame
    events: pl.DataFrame
    failures: pl.DataFrame
    rejects: pl.DataFrame
    discrepancies: pl.DataFrame
    summary: pl.DataFrame
    bridge: pl.DataFrame
    groups: pl.DataFrame


def build_report_frames(reconciliation: ReportInput) -> ReportFrames:
    """Return the frames of `reconciliation`. The input is not changed."""
    buckets = to_polars(reconciliation.buckets, schemas.BUCKETS)
    orders = to_polars(reconciliation.orders, schemas.ORDERS)
    payments = to_polars(reconciliation.payments, schemas.PAYMENTS)
    order_key = pl.format("{}:{}", "source_file", "source_row")
    payment_key = pl.format("{}:{}", "msn", "reference")
    return ReportFrames(
        orders=_add_buckets(orders, order_key, buckets, "orders").sort(
            "msn", "source_file", "source_row", "reference", "order_number"
        ),
        payments=_add_buckets(payments, payment_key, buckets, "payments").sort(
            "msn", "reference", "psp_reference"
        ),
        events=to_polars(reconciliation.events, schemas.EVENTS).sort(
            "msn", "reference", "event_at", "psp_reference", "name", "success"
        ),
        failures=to_polars(reconciliation.failures, schemas.FAILURES).sort(
            "msn", "reference", "operation"
        ),
        rejects=to_polars(reconciliation.rejects, schemas.REJECTS).sort(
            "source_file", "source_row", "column", "value", "reason"
        ),
        discrepancies=to_polars(reconciliation.discrepancies, schemas.DISCREPANCIES),
        summary=to_polars(reconciliation.summary, schemas.SUMMARY),
        bridge=to_polars(reconciliation.bridge, schemas.BRIDGE).sort(
            "currency", "msn", "leg", "position"
        ),
        groups=to_polars(reconciliation.groups, GROUPS),
    )


def to_polars(data: Any, frame: schemas.Frame) -> pl.DataFrame:
    """Return a frame of `vippsrecon.schemas` in Polars; None gives a frame without rows."""
    import pyarrow as pa

    if data is None:
        return pl.DataFrame(schema=schemas.polars_schema(frame))
    if isinstance(data, pl.DataFrame):
        return data.select(frame.names)
    table = pa.Table.from_pandas(data, schema=frame.arrow_schema(), preserve_index=False)
    converted = pl.from_arrow(table)
    assert isinstance(converted, pl.DataFrame)
    return converted


def _add_buckets(
    data: pl.DataFrame, key: pl.Expr, buckets: pl.DataFrame, side: str
) -> pl.DataFrame:
    outcomes = (
        buckets.filter(pl.col("side") == side)
        .select("row_key", "bucket", "kind", "flags")
        .unique("row_key", keep="first", maintain_order=True)
    )
    return (
        data.with_columns(row_key=key)
        .join(outcomes, on="row_key", how="left", maintain_order="left")
        .drop("row_key")
    )
