"""Write the example of each code from the ledger to the bank, with what the comparison returned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs.payout_examples import COMPARED_ON, FIRST_DAY, PAYOUT_EXAMPLES, PayoutExample

QUESTIONS = {
    "ledger_payout": "Is each payout what its ledger says: its amount, its number, its account? Expected is "
    "the ledger's entry; actual is the payout.",
    "payout_bank": "Is each payout in the bank, and each credit of Vipps MobilePay a payout? Expected is "
    "the payout; actual is the bank's credit.",
}


def describe_payout_example(name: str) -> Iterator[str]:
    """Return the lines of an example: ledger, payouts, bank, and the report."""
    example = PAYOUT_EXAMPLES[name]
    yield from (example.story, "", "On the ledger:", "")
    yield "| ledger date | type | amount | balance after |"
    yield "|---|---|---:|---:|"
    for row in example.entries:
        amounts = " | ".join(
            _amount(row[column]) for column in ("amount_minor", "balance_after_minor")
        )
        yield f"| {row['ledger_date']} | {row['entry_type']} | {amounts} |"
    yield from ("", "Payouts:", "")
    yield "| number | ledger date | amount | expected in the bank | account | status |"
    yield "|---|---|---:|---|---|---|"
    for row in example.payouts:
        yield (
            f"| {row['payout_number']} | {row['ledger_date']} | {_amount(row['amount_minor'])} "
            f"| {row['expected_bank_date']} | {row['account']} | {row['status']} |"
        )
    yield from ("", "In the bank:", "")
    yield "| row | booked | text | amount |"
    yield "|---|---|---|---:|"
    for row in example.bank_lines:
        yield (
            f"| {row['source_row']} | {row['booked_date']} | {row['text']} "
            f"| {_amount(row['amount_minor'])} |"
        )
    yield from ("", f"In the report, compared on {COMPARED_ON}:", "")
    yield from _report(example)


def _report(example: PayoutExample) -> Iterator[str]:
    rows, buckets = _compare(example)
    if rows:
        yield "| code | payout | severity | expected | actual | difference | at risk |"
        yield "|---|---|---|---:|---:|---:|---:|"
    for row in rows:
        amounts = " | ".join(
            "" if row[column] is None else _amount(row[column])
            for column in ("expected", "actual", "difference_minor", "at_risk_minor")
        )
        number = row["payout_number"] or ""
        yield f"| `{row['kind']}` | {number} | {row['severity']} | {amounts} |"
    for row in rows:
        yield from ("", f"{row['cause']} {row['next_step']}")
    if rows:
        yield ""
    yield "| row | bucket | code |"
    yield "|---|---|---|"
    for row in buckets:
        kind = f"`{row['kind']}`" if row["kind"] else ""
        place, _, number = row["row_key"].partition(":")
        shown = f"row {number} of {place}" if row["side"] == "bank_lines" else f"payout {number}"
        yield f"| {shown} | {row['bucket']} | {kind} |"


def _compare(example: PayoutExample) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the discrepancies as a report shows them, and the buckets."""
    import narwhals.stable.v2 as nw
    import polars as pl

    from vippsrecon import schemas
    from vippsrecon.reconciliation.ledger_payouts import compare_ledger_payouts
    from vippsrecon.reconciliation.ledger_payouts.payout_legs import PayoutLegs
    from vippsrecon.reconciliation.payouts_bank import compare_payouts_bank
    from vippsrecon.reconciliation.results.severity import add_severity
    from vippsrecon.reconciliation.sentences import choose_sentence, list_code_texts

    entries, payouts, lines = (
        pl.DataFrame(rows, schema=schemas.polars_schema(schema), orient="row")
        for rows, schema in (
            (example.entries, schemas.LEDGER_ENTRIES),
            (example.payouts, schemas.PAYOUTS),
            (example.bank_lines, schemas.BANK_LINES),
        )
    )
    ledger = compare_ledger_payouts(entries, payouts)
    bank = compare_payouts_bank(payouts, lines, {"": (FIRST_DAY, COMPARED_ON)}, COMPARED_ON)
    found = pl.concat([ledger.findings, bank.findings])
    difference = pl.col("actual").fill_null(0) - pl.col("expected").fill_null(0)
    rows = found.with_columns(
        difference_minor=difference,
        at_risk_minor="at_risk",
        hints=pl.col("flags") + " " + pl.col("variant"),
        near=pl.lit(value=False),
        age_days=pl.lit(0, pl.Int64),
    )
    texts = list_code_texts("en")
    graded = add_severity(nw.from_native(rows.lazy()), 0).with_columns(
        cause=choose_sentence("cause", texts), next_step=choose_sentence("next_step", texts)
    )
    return (
        graded.collect().to_native().to_dicts(),
        PayoutLegs(ledger, bank).list_buckets().sort("side", "row_key").to_dicts(),
    )


def _amount(minor: int) -> str:
    from vippsrecon.money import format_amount

    return format_amount(minor, "NOK").replace("-", "−")
