"""Reconcile many examples in a few calls: one small call needs 0.25 seconds of CPU time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vippsrecon.reconciliation import reconcile
from vippsrecon.reconciliation.example_rows import EXAMPLE_MSN, NOW
from vippsrecon.reconciliation.examples import Example, make_example
from vippsrecon.reconciliation.result import Reconciliation, build_frame
from vippsrecon.schemas import EVENTS, FAILURES, LEDGER_ENTRIES, ORDERS, PAYMENTS

Booking = Callable[[Example], list[dict[str, Any]]]
"""Makes the ledger entries of an example."""


def reconcile_examples(
    cases: Sequence[Mapping[str, Any]], book: Booking | None = None
) -> list[Reconciliation]:
    """Reconcile each case of `make_example` as a sales unit of its own.

    No comparison looks beyond its sales unit, so each case has the result that it has alone; only
    the summary, the groups and the manifest are those of the whole call. Cases share a
    call if they have the same rules and if all or none of them have event logs.

    Args:
        cases: Arguments of `make_example`.
        book: The ledger entries of each; None: no ledger.

    Returns:
        One result per case, in order; its discrepancies, buckets and bridge are its own.
    """
    examples = [
        _move_to_unit(make_example(**case), f"{int(EXAMPLE_MSN) + number}")
        for number, case in enumerate(cases)
    ]
    calls: dict[Any, list[Example]] = {}
    for example in examples:
        calls.setdefault((example.rules, example.events is None), []).append(example)
    results = {
        example.unit.msn: _select_unit(result, example.unit.msn)
        for together in calls.values()
        for result in [_reconcile_together(together, book)]
        for example in together
    }
    return [results[example.unit.msn] for example in examples]


def _move_to_unit(example: Example, msn: str) -> Example:
    def move(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"msn": msn} for row in rows]

    return Example(
        [row | {"source_file": f"{msn}.csv"} for row in move(example.orders)],
        move(example.payments),
        None if example.events is None else move(example.events),
        move(example.failures),
        replace(example.unit, msn=msn),
        example.rules,
        frozenset((msn, reference) for _, reference in example.waived),
    )


def _reconcile_together(examples: Sequence[Example], book: Booking | None) -> Reconciliation:
    def collect(name: str) -> list[dict[str, Any]]:
        return [row for example in examples for row in getattr(example, name) or ()]

    return reconcile(
        build_frame(collect("orders"), ORDERS),
        build_frame(collect("payments"), PAYMENTS),
        None if examples[0].events is None else build_frame(collect("events"), EVENTS),
        build_frame(collect("failures"), FAILURES),
        units=[example.unit for example in examples],
        rules=examples[0].rules,
        as_of=NOW,
        waived=[key for example in examples for key in example.waived],
        ledger_entries=None
        if book is None
        else build_frame(
            [entry for example in examples for entry in book(example)], LEDGER_ENTRIES
        ),
    )


def _select_unit(result: Reconciliation, msn: str) -> Reconciliation:
    keys = result.buckets["row_key"].str
    discrepancies = result.discrepancies
    return replace(
        result,
        discrepancies=discrepancies[discrepancies["msn"] == msn],
        bridge=result.bridge[result.bridge["msn"] == msn],
        buckets=result.buckets[keys.startswith(f"{msn}:") | keys.startswith(f"{msn}.csv:")],
    )
