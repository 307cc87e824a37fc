"""Write codes.md and a page for each code, with a worked example that is really reconciled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from docs.code_examples import EXAMPLES as ORDER_EXAMPLES
from docs.code_examples import CodeExample
from docs.ledger_examples import CONTRACT, LEDGER_EXAMPLES
from docs.payout_examples import PAYOUT_EXAMPLES
from docs.payout_pages import QUESTIONS as PAYOUT_QUESTIONS
from docs.payout_pages import describe_payout_example
from docs.reference_page import MADE

EXAMPLES = ORDER_EXAMPLES | LEDGER_EXAMPLES
Rows = list[dict[str, Any]]

QUESTIONS = {
    "there": "Do the order and its payment both exist?",
    "captured": "Is the captured amount right? Expected is what should be captured by now; actual is "
    "what is captured.",
    "refunded": "Is the refunded amount right? Expected is what the shop refunded; actual is what "
    "Vipps MobilePay refunded.",
    "reserved": "Is money still reserved that should not be, or that will be lost? Actual is what is "
    "still reserved.",
    "aggregate": "Do the events of the payment add up to its totals?",
    "entry": "Is each capture and refund on the ledger, with its amount? Expected is the event of the "
    "payment; actual is the ledger's entry, in which a refund is negative.",
    "fee": "Is the fee of each capture charged, and the one agreed? Expected is the fee by contract; "
    "actual is what was charged. Fees are negative.",
    "dispute": "Is money retained for a dispute? Actual is what is still retained, as a negative amount.",
    "booking": "Did Vipps MobilePay book something else? Actual is the entry's amount.",
    "balance": "Does each day of the ledger begin with the balance that the day before ended with?",
}

BUCKETS = {
    "discrepancy": "Discrepancy: to be reviewed.",
    "timing": "Timing: it becomes a discrepancy when it is overdue.",
    "ignored": "Ignored: it does not concern Vipps MobilePay, or is not compared. It is counted.",
    "matched": "Matched: it agrees.",
}


def list_documented_codes() -> list[str]:
    """Return the codes that a report can show, in the order of codes.md."""
    from vippsrecon.reconciliation.codes import CODES

    return [code.name for code in CODES if code.bucket == "discrepancy" or code.meaning]


def codes_page() -> str:
    """Every code: what it means, what causes it, what to do next."""
    from vippsrecon.reconciliation.codes import CODES
    from vippsrecon.reconciliation.sentences import list_code_texts

    lines = [
        "# Codes",
        "",
        MADE,
        "",
        "Each pair of order and payment is asked four questions, and so is each entry of a ledger; each "
        "question gives at most one code: the first that applies. So the totals add up, and no amount is counted twice. Amounts "
        "in a report are never part of these sentences; they have columns of their own.",
        "",
        "`expected_minor` is the order's amount, `actual_minor` Vipps MobilePay's (between payment and "
        "ledger: the payment's, and the ledger's), and "
        "`difference_minor` is always actual minus expected. `at_risk_minor` is the money that "
        "may be lost or owed.",
        "",
        "Each code leads to a page with an example.",
        "",
        "## Discrepancies",
        "",
        "| code | flag | cause | next step |",
        "|---|---|---|---|",
    ]
    for text in list_code_texts("en"):
        flag = f"`{text.flag}`" if text.flag else ""
        lines.append(f"| {_link(text.kind)} | {flag} | {text.cause} | {text.next_step} |")
    lines += [
        "",
        "If a code is listed with a flag, that sentence is used for rows with the flag.",
        "",
        "## Not discrepancies",
        "",
        '*Timing* kinds are "not here yet"; they become discrepancies when overdue. *Ignored* '
        "kinds do not concern Vipps MobilePay. Both are counted and summed, never hidden.",
        "",
        "| kind | meaning |",
        "|---|---|",
    ]
    lines += [f"| {_link(code.name)} | {code.meaning} |" for code in CODES if code.meaning]
    return "\n".join(lines) + "\n"


def list_code_pages() -> dict[str, Callable[[], str]]:
    """Return what writes the page of each code, by the file's name in docs/."""
    return {
        f"codes/{name}.md": lambda name=name: code_page(name) for name in list_documented_codes()
    }


def code_page(name: str) -> str:
    """One code: its meaning, and an example from the two sides to the line of the report."""
    lines = [f"# {name}", "", MADE, "", *_describe(name), "", "## Example", ""]
    if name in PAYOUT_EXAMPLES:
        lines += [*describe_payout_example(name), *_describe_flags(name)]
        return "\n".join([*lines, "", "All codes: [codes.md](../codes.md)."]) + "\n"
    example = EXAMPLES[name]
    lines += [example.story, "", "In the shop:", "", *_order_table(example)]
    if example.payments:
        lines += ["", "At Vipps MobilePay:", "", *_payment_table(example)]
        lines += ["", "Its events:" if len(example.payments) == 1 else "Their events:", ""]
        lines += _event_table(example)
    else:
        lines += ["", "At Vipps MobilePay: no payment with this reference."]
    if example.entries:
        lines += ["", "On the ledger:", "", *_entry_table(example)]
    lines += ["", "In the report, compared at 2026-10-31 12:00 UTC:", "", *_result(name)]
    lines += _describe_flags(name)
    lines += ["", "All codes: [codes.md](../codes.md)."]
    return "\n".join(lines) + "\n"


def _link(name: str) -> str:
    return f"[`{name}`](codes/{name}.md)"


def _describe(name: str) -> Iterator[str]:
    from vippsrecon.reconciliation.codes import get_code
    from vippsrecon.reconciliation.orders_payments.checks import QUESTIONS as ORDER_CHECKS
    from vippsrecon.reconciliation.payments_ledger.checks import QUESTIONS as LEDGER_CHECKS
    from vippsrecon.reconciliation.sentences import list_code_texts

    code = get_code(name)
    leg_checks = ORDER_CHECKS if code.leg == "order_payment" else LEDGER_CHECKS
    asked = [q for q, checks in leg_checks.items() if any(c.__name__ == name for c in checks)]
    yield f"**{code.title}.** {BUCKETS[code.bucket]}"
    yield ""
    yield "| property | value |"
    yield "|---|---|"
    questions = PAYOUT_QUESTIONS.get(code.leg) or " ".join(QUESTIONS[each] for each in asked)
    yield f"| question | {questions} |"
    if code.meaning:
        yield f"| meaning | {code.meaning} |"
        return
    texts = [text for text in list_code_texts("en") if text.kind == name]
    yield f"| severity | {code.severity}; amount, deadline and age can change it |"
    yield f"| proposed operation | {code.proposes or 'none'} |"
    for text in texts:
        if not text.flag:
            yield f"| cause | {text.cause} |"
            yield f"| next step | {text.next_step} |"
    yield f"| if many rows have it | the likely cause is {code.likely_cause} |"


def _describe_flags(name: str) -> Iterator[str]:
    from vippsrecon.reconciliation.sentences import list_code_texts

    flagged = [text for text in list_code_texts("en") if text.kind == name and text.flag]
    if flagged:
        yield from ("", "## With a flag or a hint", "", "These sentences are used instead:", "")
        yield "| flag or hint | cause | next step |"
        yield "|---|---|---|"
    for text in flagged:
        yield f"| `{text.flag}` | {text.cause} | {text.next_step} |"


def _order_table(example: CodeExample) -> Iterator[str]:
    several = len({row["source_file"] for row in example.orders}) > 1
    yield f"| {'file | ' if several else ''}reference | total | refunded | status | paid with | ordered | sent |"
    yield f"|{'---|' if several else ''}---|---:|---:|---|---|---|---|"
    for row in example.orders:
        status = row["status"] + (", not paid" if row["paid"] == "no" else "")
        yield (
            f"| {row['source_file'] + ' | ' if several else ''}{row['reference']} "
            f"| {_amount(row['total_minor'], row['currency'])} "
            f"| {_amount(row['refunded_minor'], row['currency'])} | {status} "
            f"| {row['payment_method']} | {_day(row['ordered_at'])} | {_day(row.get('fulfilled_at'))} |"
        )


def _payment_table(example: CodeExample) -> Iterator[str]:
    yield "| reference | state | authorized | captured | refunded | cancelled |"
    yield "|---|---|---:|---:|---:|---:|"
    for row, _ in example.payments:
        amounts = " | ".join(
            _amount(row[f"{name}_minor"], row["currency"])
            for name in ("authorized", "captured", "refunded", "cancelled")
        )
        yield f"| {row['reference']} | {row['state']} | {amounts} |"


def _event_table(example: CodeExample) -> Iterator[str]:
    yield "| time (UTC) | reference | event | amount |"
    yield "|---|---|---|---:|"
    for _, events in example.payments:
        for row in events:
            failed = "" if row["success"] else ", failed"
            yield (
                f"| {row['event_at']:%Y-%m-%d %H:%M} | {row['reference']} | {row['name']}{failed} "
                f"| {_amount(row['amount_minor'], row['currency'])} |"
            )


def _entry_table(example: CodeExample) -> Iterator[str]:
    yield "| time (UTC) | topic | type | reference | amount | balance after |"
    yield "|---|---|---|---|---:|---:|"
    for row in example.entries:
        amounts = " | ".join(
            _amount(row[name], row["currency"]) for name in ("amount_minor", "balance_after_minor")
        )
        yield (
            f"| {row['entry_at']:%Y-%m-%d %H:%M} | {row['topic']} | {row['entry_type']} "
            f"| {row['reference'] or row['psp_reference']} | {amounts} |"
        )


def _result(name: str) -> Iterator[str]:
    discrepancies, buckets, bridge = _reconcile_examples()[name]
    if discrepancies:
        yield "| code | severity | expected | actual | difference | at risk | proposal |"
        yield "|---|---|---:|---:|---:|---:|---|"
    for row in discrepancies:
        currency = row["currency"]
        proposal = "none"
        if row["proposal"]:
            proposal = f"{row['proposal']} {_amount(row['proposal_minor'], currency)}"
        amounts = " | ".join(
            _amount(row[f"{column}_minor"], currency)
            for column in ("expected", "actual", "difference", "at_risk")
        )
        yield f"| `{row['kind']}` | {row['severity']} | {amounts} | {proposal} |"
    for row in discrepancies:
        yield ""
        if row["expected_minor"] is not None and row["actual_minor"] is not None:
            expected, actual, difference = (
                _number(row[f"{column}_minor"]) for column in ("expected", "actual", "difference")
            )
            expected = f"({expected})" if row["expected_minor"] < 0 else expected
            yield f"Difference = actual − expected: {actual} − {expected} = {difference}."
        flags = ", ".join(f"`{flag}`" for flag in row["flags"].split())
        yield f"{row['cause']} {row['next_step']}" + (f" Flags: {flags}." if flags else "")
    rest = [row for row in buckets if row["bucket"] != "discrepancy"]
    if rest:
        if discrepancies:
            yield ""
        yield "| row | bucket | code |"
        yield "|---|---|---|"
    for row in rest:
        kind = f"`{row['kind']}`" if row["kind"] else ""
        yield f"| {_describe_place(row)} | {row['bucket']} | {kind} |"
    if bridge:
        from vippsrecon.report.names import get_line_name

        yield from (
            "",
            "From the payments to the ledger:",
            "",
            "| line | code | amount |",
            "|---|---|---:|",
        )
    for row in bridge:
        line = row["line"]
        code = f"`{line}`" if line in EXAMPLES else ""
        total = line == "ledger"
        title = "Captures less refunds on the ledger" if total else get_line_name(line, "ledger")
        yield f"| {title} | {code} | {_amount(row['amount_minor'], row['currency'])} |"


def _describe_place(row: dict[str, Any]) -> str:
    if row["side"] == "ledger_entries":
        topic, psp_reference, entry_type, _ = row["row_key"].split(":")
        return f"{entry_type} {psp_reference} of {topic}"
    file, _, number = row["row_key"].partition(":")
    return f"row {number} of {file}" if number else f"payment {file}"


@cache
def _reconcile_examples() -> dict[str, tuple[Rows, Rows, Rows]]:
    """Reconcile each example as a sales unit of its own; one call for each period."""
    found = {}
    for in_october in (False, True):
        found |= _reconcile_together(
            {name: each for name, each in EXAMPLES.items() if each.in_october is in_october},
            in_october=in_october,
        )
    return found


def _reconcile_together(
    examples: dict[str, CodeExample], *, in_october: bool
) -> dict[str, tuple[Rows, Rows, Rows]]:
    from datetime import date

    from vippsrecon.config.settings import Rules, SalesUnit
    from vippsrecon.reconciliation import reconcile
    from vippsrecon.reconciliation.example_rows import NOW
    from vippsrecon.reconciliation.result import build_frame
    from vippsrecon.schemas import EVENTS, FAILURES, LEDGER_ENTRIES, ORDERS, PAYMENTS

    units = {f"{200001 + number}": name for number, name in enumerate(examples)}
    orders, payments, events, entries = [], [], [], []
    for msn, name in units.items():
        for row in examples[name].orders:
            file = f"{msn}/{row['source_file']}"
            number = 2 + sum(each["source_file"] == file for each in orders)
            orders.append(row | {"msn": msn, "source_file": file, "source_row": number})
        for row, log in examples[name].payments:
            payments.append(row | {"msn": msn})
            events += [event | {"msn": msn} for event in log]
        entries += [row | {"msn": msn, "ledger_id": msn} for row in examples[name].entries]
    result = reconcile(
        build_frame(orders, ORDERS),
        build_frame(payments, PAYMENTS),
        build_frame(events, EVENTS),
        build_frame([], FAILURES),
        units=[SalesUnit(msn, market=examples[name].market) for msn, name in units.items()],
        rules=Rules(tolerance_minor=1),
        as_of=NOW,
        ledger_entries=build_frame(entries, LEDGER_ENTRIES),
        contracts=[CONTRACT],
        first=date(2026, 10, 1) if in_october else None,
        last=date(2026, 10, 31) if in_october else None,
        waived=[
            (msn, row["reference"])
            for msn, name in units.items()
            if examples[name].waived
            for row, _ in examples[name].payments
        ],
    )
    discrepancies = _list_rows(result.discrepancies)
    buckets = _list_rows(result.buckets)
    bridge = [row for row in _list_rows(result.bridge) if row["leg"] == "ledger"]
    return {
        name: (
            [row for row in discrepancies if row["msn"] == msn],
            [
                row | {"row_key": row["row_key"].removeprefix(f"{msn}/").removeprefix(f"{msn}:")}
                for row in buckets
                if row["row_key"].startswith((f"{msn}/", f"{msn}:"))
            ],
            [row for row in bridge if row["msn"] == msn],
        )
        for msn, name in units.items()
    }


def _list_rows(frame: Any) -> list[dict[str, Any]]:
    rows = frame.astype(object)
    return rows.where(rows.notna(), None).to_dict("records")


def _number(minor: int) -> str:
    whole, rest = divmod(abs(minor), 100)
    return f"{'−' if minor < 0 else ''}{whole:,}.{rest:02}".replace(",", "\u00a0")


def _amount(minor: int | None, currency: str) -> str:
    return "" if minor is None else f"{_number(minor)}\u00a0{currency}"


def _day(moment: Any) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"
