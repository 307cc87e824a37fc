"""The model's groups: which order rows and payments are one order, and which payment counts.

Plain Python, written from the text of the rules alone; see `oracle`.
"""
# ruff: noqa: E741, N803, N806 - the rules' own letters

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, NamedTuple

from tests.reconciliation.oracle_money import Money

Row = dict[str, Any]
WHERE_FROM = {"source_file", "source_row", "exported_at", "exported_at_guessed"}


class Family(NamedTuple):
    """The rows that count, the rows of older exports, and the payments of one order."""

    msn: str
    rows: list[Row]
    superseded: list[Row]
    payments: list[Row]
    references: set[str]


def stem(reference: str) -> str:
    """Return a reference without the number of its attempt.

    >>> stem("r000012-1"), stem("r000012")
    ('r000012', 'r000012')
    """
    return re.sub(r"-\d{1,2}$", "", reference)


def families(orders: list[Row], payments: list[Row]) -> tuple[list[Family], list[Row]]:
    """Return the rows of each order with its payments, and the payments that belong to none."""
    current, older = newest_rows(orders)
    grouped: dict[tuple[str, Any], list[Row]] = defaultdict(list)
    for number, row in enumerate(current):
        grouped[row["msn"], row["reference"] or number].append(row)
    all_families: list[Family] = []
    by_name: dict[tuple[str, str], Family] = {}
    by_stem: dict[tuple[str, str], Family] = {}
    for (msn, _), rows in grouped.items():
        older_rows = [row for newest in rows for row in older.get(id(newest), [])]
        named = {
            name
            for row in [*rows, *older_rows]
            for name in (
                row["reference"],
                row.get("also_named"),
                *(row.get("further_references") or "").split(),
            )
            if name
        }
        family = Family(msn, rows, older_rows, [], set(named))
        all_families.append(family)
        for name in named:
            by_name[msn, name] = family
            by_stem.setdefault((msn, stem(name)), family)
        for row in rows:
            if row.get("attempt_base"):
                by_stem.setdefault((msn, row["attempt_base"]), family)
    spare = []
    for payment in payments:
        msn, reference = payment["msn"], payment["reference"]
        family = by_name.get((msn, reference)) or by_stem.get((msn, stem(reference)))
        if family is None:
            spare.append(payment)
        else:
            family.payments.append(payment)
            family.references.add(reference)
    for family in all_families:
        names = {stem(name) for name in family.references}
        family.references.update(
            f"{name}{tail}" for name in names for tail in ("", "-1", "-2", "-3")
        )
    return all_families, repair(all_families, spare)


def repair(all_families: list[Family], spare: list[Row]) -> list[Row]:
    """Match damaged references to a payment if exactly one fits; return the remaining payments."""
    left = list(spare)
    for family in all_families:
        damaged = family.rows[0]["reference"]
        if family.payments or not damaged:
            continue
        fitting = [
            payment
            for payment in left
            if payment["msn"] == family.msn and damages(payment["reference"], damaged)
        ]
        if len(fitting) == 1:
            family.payments.append(fitting[0])
            left.remove(fitting[0])
    return left


def damages(repaired: str, damaged: str) -> bool:
    """Return whether a spreadsheet could make this change: zeros lost, or another letter case."""
    return repaired.lower() == damaged.lower() or (
        damaged.isdigit() and repaired.lstrip("0") == damaged
    )


def newest_rows(orders: list[Row]) -> tuple[list[Row], dict[int, list[Row]]]:
    """Return the rows that count for their order.

    The dict has the older rows that each replaces, by its id().
    """
    same: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for number, row in enumerate(orders):
        key: tuple[Any, ...] = (number,)
        if row["order_number"] and row["reference"]:
            key = (row["msn"], row["store"], row["order_number"], stem(row["reference"]))
        same[key].append(row)
    current: list[Row] = []
    older: dict[int, list[Row]] = {}
    for rows in same.values():
        if len({row["source_file"] for row in rows}) < 2:
            current += rows
            continue
        guessed = any(row.get("exported_at_guessed") for row in rows)
        best = max(age(row, guessed) for row in rows)
        youngest: list[Row] = []
        set_aside = []
        for row in rows:
            if age(row, guessed) != best or any(
                same_content(row, earlier_row) for earlier_row in youngest
            ):
                set_aside.append(row)
            else:
                youngest.append(row)
        youngest.sort(key=lambda row: str(row["reference"]))
        youngest = one_order(youngest)
        current += youngest
        older[id(youngest[0])] = set_aside
    return current, older


def one_order(youngest: list[Row]) -> list[Row]:
    """Give equally new rows of one order one reference; `also_named` has a row's own."""
    first = youngest[0]
    in_first_file = {
        row["reference"] for row in youngest if row["source_file"] == first["source_file"]
    }
    return [
        row
        if row["reference"] in in_first_file
        else row | {"reference": first["reference"], "also_named": row["reference"]}
        for row in youngest
    ]


def age(row: Row, guessed: bool) -> tuple[Any, ...]:
    """Return how new a row is; its progress comes first if the export's time is only guessed."""
    if not guessed:
        return (row["exported_at"],)
    return (
        row["refunded_minor"] or 0,
        row["status"] in {"cancelled", "fulfilled"},
        row["paid"] == "yes",
        row["exported_at"],
    )


def same_content(row: Row, other: Row) -> bool:
    """Return whether two rows have the same content, apart from where they come from."""
    names = (row.keys() | other.keys()) - WHERE_FROM
    return all(row.get(name) == other.get(name) for name in names)


def combine(rows: list[Row], A: int, C: int, *, has_payment: bool, at_once: bool) -> Row | None:
    """Return the rows as one order where they were paid together; None where they were not.

    A row cancelled in the shop leaves with its total and its refund, but for what a cancelled
    order keeps when it is refunded in part. If some of the others are sent and some are open, the
    totals of the open ones are `not_due`, until more is captured than the sent ones are due.
    """
    numbers = {row["order_number"] for row in rows}
    total = sum(row["total_minor"] for row in rows)
    if not has_payment or len(numbers) < len(rows) or total not in {A, C}:
        return None
    sent = [row for row in rows if row["status"] != "cancelled"]
    counted = sent or rows
    fee_kept = 0
    if sent:
        for row in rows:
            O, Or = row["total_minor"], row["refunded_minor"]
            if row["status"] == "cancelled" and Or is not None and 0 < Or < O:
                fee_kept += O - Or
    refunds = [row["refunded_minor"] for row in counted]
    statuses = {status_of_row(row) for row in counted}
    due = sum(row["total_minor"] for row in counted if status_of_row(row) == "fulfilled")
    open_rows = [row for row in counted if status_of_row(row) == "open"]
    status = counted[0]["status"]
    not_due = 0
    if statuses == {"fulfilled"}:
        status = "fulfilled"
    elif statuses == {"fulfilled", "open"} and at_once:
        status = "open"
    elif statuses == {"fulfilled", "open"} and due + fee_kept > C:
        status = "fulfilled"
        not_due = sum(row["total_minor"] for row in open_rows)
    elif statuses == {"fulfilled", "open"} or len({row["status"] for row in counted}) > 1:
        status = "partial"
    paid = {row["paid"] for row in counted}
    return counted[0] | {
        "total_minor": sum(row["total_minor"] for row in counted) + fee_kept,
        "refunded_minor": None if None in refunds else sum(refunds),
        "status": status,
        "not_due": not_due,
        "paid": paid.pop() if len(paid) == 1 else "unknown",
        "fulfilled_at": max(
            (r["fulfilled_at"] for r in counted if r["fulfilled_at"]), default=None
        ),
        "refunded_at": max((r["refunded_at"] for r in counted if r["refunded_at"]), default=None),
    }


def status_of_row(row: Row) -> str:
    """Return the status of one of several rows: open but refunded in full counts as fulfilled."""
    O, Or, status = row["total_minor"], row["refunded_minor"] or 0, row["status"]
    return "fulfilled" if status in {"open", "partial"} and Or >= O > 0 else str(status)


def nearest_row(rows: list[Row], C: int) -> Row:
    """Return the row that counts among several that cannot all be right."""
    return min(rows, key=lambda row: (abs(row["total_minor"] - C), row["order_number"] or ""))


def is_split(parts: list[Money], O: int) -> bool:
    """Return whether payments that held money are parts of one order."""
    if any(m.C + m.K >= O for m in parts):
        return False
    return not any(
        part.amount == other.amount and part.C + part.K + other.C + other.K > O
        for number, part in enumerate(parts)
        for other in parts[number + 1 :]
    )


def choose_counted(parts: list[tuple[Row, Money]], order: Row) -> int:
    """Return the position of the payment that counts for the order."""
    O, Or = order["total_minor"], order["refunded_minor"]
    if not any(m.is_reserved for _, m in parts):
        latest = max(range(len(parts)), key=lambda n: parts[n][0]["created_at"])
        named = [n for n, (p, _) in enumerate(parts) if p["reference"] == order["reference"]]
        return named[0] if named else latest
    given_back = [n for n, (_, m) in enumerate(parts) if Or and Or == m.R]
    if len(given_back) == 1:
        return given_back[0]

    def rank(n: int) -> tuple[Any, ...]:
        payment, m = parts[n]
        kind = 0 if m.C > m.R else 1 if m.K > 0 else 2
        return (
            kind,
            payment["reference"] != order["reference"],
            abs(m.C + m.K - O),
            m.authorized or payment["fetched_at"],
            payment["reference"],
        )

    return min(range(len(parts)), key=rank)
