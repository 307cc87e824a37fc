"""How results are printed: one JSON object for machines, aligned lines for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vippsrecon.money import to_major

if TYPE_CHECKING:
    import pandas as pd

    from vippsrecon.reconcile import Reconciliation


def as_json(value: Any) -> str:
    """Return one JSON object: text as it is, amounts whole minor units, unknown null."""
    return json.dumps(value, ensure_ascii=False, default=str, indent=2)


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as plain values: whole numbers, text, ISO 8601 times, None.

    Goes through Arrow, so that a nullable amount never becomes a float on its way.
    """
    import pyarrow as pa

    found: list[dict[str, Any]] = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def holes(failures: pd.DataFrame) -> pd.DataFrame:
    """Return the failures that leave a hole: not a 404, which is an answer, nor what was not sent."""
    answered = failures["status"].fillna(0).eq(404) | failures["operation"].eq("not_sent")
    return failures[~answered.astype(bool)]


def reconciliation_json(result: Reconciliation, report: str | None) -> dict[str, Any]:
    """Return what `reconcile --json` prints."""
    buckets: dict[str, dict[str, int]] = {"orders": {}, "payments": {}}
    for (side, bucket), count in result.buckets.groupby(["side", "bucket"]).size().items():
        buckets.setdefault(str(side), {})[str(bucket)] = int(count)
    return {
        "verdict": result.verdict,
        "complete": result.complete,
        "summary": rows(result.summary),
        "discrepancies": rows(result.discrepancies),
        "buckets": buckets,
        "failures": rows(holes(result.failures)),
        "rejects": rows(result.rejects),
        "report": report,
        "notices": list(result.notices),
        "as_of": result.manifest.get("as_of"),
    }


def major(amount: int | None, currency: str) -> str:
    """Return an amount as people write it, or nothing where it is unknown.

    >>> major(123450, "NOK")
    '1,234.50'
    """
    return "" if amount is None else f"{to_major(amount, currency):,}"
