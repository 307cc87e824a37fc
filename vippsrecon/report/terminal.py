"""The report as a terminal shows it: plain text, narrow enough for a mail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vippsrecon.money import format_count
from vippsrecon.report import names, sentences
from vippsrecon.report.figures import tally
from vippsrecon.report.frames import take_in
from vippsrecon.report.sentences import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vippsrecon.report.figures import Bucket, Code, Glance, Tally
    from vippsrecon.report.frames import Reconciled


def summary_text(reconciliation: Reconciled, report: str | Path | None = None) -> str:
    """Return a Reconciliation as a page of plain text.

    Args:
        reconciliation: What `vippsrecon.reconcile` returned.
        report: Where the workbook is, for the last line; None for none.

    Returns:
        The verdict, then for each currency its figures, codes and outcomes, then whether the
        data is complete. Amounts in major units with their currency. No colour, no trailing
        newline.
    """
    figures = tally(take_in(reconciliation))
    said = [
        sentences.headline(reconciliation, figures),
        sentences.period(reconciliation.manifest),
        *(f"! {notice}" for notice in reconciliation.notices),
    ]
    for glance in figures.glances:
        said += ["", *_currency(glance, figures)]
    said += [
        "",
        sentences.completeness(reconciliation, figures),
        sentences.discovered(reconciliation.manifest),
        names.BLIND_SPOT,
    ]
    if report is not None:
        said += ["", f"Report: {report}"]
    return "\n".join(said)


def _currency(glance: Glance, figures: Tally) -> Iterable[str]:
    currency = glance.currency
    yield (
        f"{currency}: {format_count(glance.orders, 'order')} over "
        f"{money(glance.ordered_minor, currency)}, "
        f"{format_count(glance.payments, 'payment')}, captured "
        f"{sentences.moved('captured', glance, figures)}, refunded "
        f"{sentences.moved('refunded', glance, figures)}"
    )
    codes = figures.codes_of(currency)
    if codes:
        yield ""
        yield from _table(("code", "worst", "rows", "at risk"), [_code(code) for code in codes])
    buckets = figures.buckets_of(currency)
    if buckets:
        yield ""
        yield from _table(
            ("outcome", "orders", "payments", "captured as fetched"), _buckets(buckets, currency)
        )


def _code(code: Code) -> tuple[str, ...]:
    return (
        code.kind,
        code.severity,
        names.grouped(code.rows),
        money(code.at_risk_minor, code.currency),
    )


def _buckets(buckets: Sequence[Bucket], currency: str) -> list[tuple[str, ...]]:
    sums: dict[str, list[int]] = {}
    for bucket in buckets:
        name = bucket.bucket.replace("_", " ") or "outside the period"
        held = sums.setdefault(name, [0, 0, 0])
        for place, figure in enumerate((bucket.orders, bucket.payments, bucket.captured_minor)):
            held[place] += figure
    return [
        (name, names.grouped(orders), names.grouped(payments), money(captured, currency))
        for name, (orders, payments, captured) in sums.items()
    ]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Lay rows out in columns: the first to the left, a word beside it too, figures to the right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        cells = [
            text.ljust(width) if place == 0 or head[place] == "worst" else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
