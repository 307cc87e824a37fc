"""Print results: one JSON object for programs, aligned lines for people."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from vippsrecon.money import group_thousands

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import polars as pl

    from vippsrecon.reconciliation import Reconciliation

MAX_REJECTS_LISTED = 20


def format_json(value: Any) -> str:
    """Return one JSON object: text unchanged, amounts in whole minor units, unknown values null.

    A character that cannot be displayed, or that standard output cannot encode, is a JSON escape.
    """
    text = json.dumps(value, ensure_ascii=False, default=str, indent=2)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, default=str, indent=2)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in text
    )


def convert_rows_to_json(frame: pd.DataFrame | pl.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as plain values: whole numbers, text, ISO 8601 times, None.

    Converts through Arrow, so that a nullable amount never becomes a float.
    """
    import polars as pl
    import pyarrow as pa

    table = (
        frame.to_arrow()
        if isinstance(frame, pl.DataFrame)
        else pa.Table.from_pandas(frame, preserve_index=False)
    )
    return [
        {name: _convert_value(value) for name, value in row.items()} for row in table.to_pylist()
    ]


def _convert_value(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def describe_most_common_reason(failures: pl.DataFrame) -> str:
    """Return the most common reason of these failures, and how many have it."""
    reasons = Counter(
        f"{title}: {detail or ''}" for title, detail in failures.select("title", "detail").rows()
    )
    first, count = min(reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    share = "all" if count == failures.height else f"{group_thousands(count)} of them"
    return f"{share}: {first.removesuffix(': ')}"


def build_reconciliation_json(result: Reconciliation, report: str | None) -> dict[str, Any]:
    """Return what `reconcile --json` prints."""
    from vippsrecon.schemas.failure_effects import select_failures

    read = result.polars_frame
    buckets: dict[str, dict[str, int]] = {"orders": {}, "payments": {}}
    counts = read("buckets").group_by("side", "bucket").len().sort("side", "bucket")
    for side, bucket, count in counts.rows():
        buckets.setdefault(side, {})[bucket] = count
    return {
        "verdict": result.verdict,
        "complete": result.complete,
        "incomplete_because": list(result.manifest.get("incomplete_because", ())),
        "uncompared": dict(result.manifest.get("uncompared") or {}),
        "units_without_ledger": list(result.manifest.get("units_without_ledger") or ()),
        "summary": convert_rows_to_json(read("summary")),
        "discrepancies": convert_rows_to_json(read("discrepancies")),
        "open_items": convert_rows_to_json(read("open_items")),
        "buckets": buckets,
        "failures": convert_rows_to_json(select_failures(read("failures"), "unanswered")),
        "references": {
            name: result.manifest["counts"][count]
            for name, count in (
                ("not_found", "not_found"),
                ("not_sent", "not_sent"),
                ("not_read", "holes"),
            )
        },
        "rejects": convert_rows_to_json(read("rejects")),
        "report": report,
        "notices": list(result.notices),
        "as_of": result.manifest.get("as_of"),
    }


def format_rejects(rejects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return lines that list the first twenty rows that could not be read, with their reasons."""
    from vippsrecon.sources.rejects import Reject
    from vippsrecon.texts import say_number

    lines = [say_number("preview.unreadable", len(rejects))]
    lines += [
        "  "
        + Reject(
            str(row.get("source_file") or ""),
            row["source_row"],
            row.get("column"),
            row.get("value"),
            row["reason"],
        ).describe()
        for row in rejects[:MAX_REJECTS_LISTED]
    ]
    if len(rejects) > MAX_REJECTS_LISTED:
        lines.append(f"  {say_number('preview.more', len(rejects) - MAX_REJECTS_LISTED)}")
    return lines


def format_major_amount(amount: int | None, currency: str) -> str:
    """Return an amount in major units, in English with a space between thousands.

    >>> format_major_amount(123450, "NOK"), format_major_amount(None, "NOK")
    ('1 234.50', 'unknown')
    """
    from vippsrecon.texts import format_spaced_money, say

    if amount is None:
        return say("files.unknown")
    return format_spaced_money(amount, currency).removesuffix(f" {currency}")


def should_show_progress(json: bool) -> bool:
    """Return whether a progress bar may be shown: text is printed, and standard error is a terminal."""
    return not json and sys.stderr.isatty()
