"""Choose which payments of an earlier fetch can have changed since. Pure: no network, no disk.

A capture and a refund are entries of the funds ledger, so a payment on which nothing is reserved any
more changes only together with its ledger. Without the ledger, every payment that can still be
refunded is read again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.texts import say
from vippsrecon.vipps_rules import ENDED_STATES, REFUND_DAYS

RECENT_DAYS = 3
"""A payment with an event in so many days is read again whatever the ledger has: it may be behind."""

LEDGER_DELAY = timedelta(days=1)
"""An entry made so long before a payment was read may have been made after it: clocks differ."""

ASKED_REASONS = ("new", "on_ledger", "differs", "not_final", "recent", "refundable")
SKIPPED_REASONS = ("ended", "refunded", "settled", "refund_period_over")

_SAFETY_DAYS = 2
"""A refund period ends so many days later here than by the rule."""


class ChangeChoice(NamedTuple):
    """Which payments are read again, and why the others are not.

    Attributes:
        references: msn, reference, discovered_by of those that are read.
        asked: Reason to the number of payments that are read for it.
        skipped: Reason to the number of payments that are not read.
        with_ledger: Whether the funds ledger was read.
    """

    references: pl.DataFrame
    asked: dict[str, int]
    skipped: dict[str, int]
    with_ledger: bool

    def describe(self) -> list[str]:
        """Return sentences that say how many were read and skipped, and why."""
        sentences = [
            say("changes.asked", count=sum(self.asked.values()), reasons=_list(self.asked)),
            say("changes.skipped", count=sum(self.skipped.values()), reasons=_list(self.skipped)),
        ]
        if not self.with_ledger:
            sentences.append(say("changes.no_ledger"))
        return [sentence for sentence in sentences if sentence]


def choose_changed_payments(
    references: pl.DataFrame,
    payments: pl.DataFrame,
    events: pl.DataFrame,
    entries: pl.DataFrame | None,
    as_of: datetime,
    *,
    expected: pl.DataFrame | None = None,
) -> ChangeChoice:
    """Choose the payments to read again.

    Args:
        references: msn, reference, discovered_by of every payment that is wanted.
        payments: `schemas.PAYMENTS` of the earlier fetch.
        events: `schemas.EVENTS` of the earlier fetch.
        entries: `schemas.LEDGER_ENTRIES` of the funds ledger since the earlier fetch or before;
            None: the ledger was not read.
        as_of: Server time.
        expected: msn, reference, captured_minor, refunded_minor as the shop expects them now. A payment
            that differs is read again: a refund that failed is on no ledger.
    """
    on_ledger = _find_on_ledger(entries, payments)
    differing = _find_differing(expected, payments)
    recent = (
        events.filter(pl.col("event_at") >= as_of - timedelta(days=RECENT_DAYS))
        .select(PAYMENT_KEY)
        .unique()
        .with_columns(is_recent=True)
    )
    known = (
        payments.join(on_ledger, on=PAYMENT_KEY, how="left", maintain_order="left")
        .join(recent, on=PAYMENT_KEY, how="left", maintain_order="left")
        .join(differing, on=PAYMENT_KEY, how="left", maintain_order="left")
        .with_columns(reason=_give_reason(as_of, with_ledger=entries is not None))
    )
    is_asked = pl.col("reason").is_in(ASKED_REASONS)
    columns = (*PAYMENT_KEY, "discovered_by")
    new = _find_new(references, entries, payments).select(columns)
    asked = {"new": len(new)} | _count(known.filter(is_asked))
    return ChangeChoice(
        pl.concat([new, known.filter(is_asked).select(columns)]),
        {reason: asked[reason] for reason in ASKED_REASONS if asked.get(reason)},
        _count(known.filter(~is_asked)),
        entries is not None,
    )


def _give_reason(as_of: datetime, *, with_ledger: bool) -> pl.Expr:
    reserved = pl.col("authorized_minor") - pl.col("captured_minor") - pl.col("cancelled_minor")
    has_ended = pl.col("state").is_in(ENDED_STATES)
    is_open = ~has_ended & ((pl.col("state") != "AUTHORIZED") | (reserved != 0))
    over_at = pl.col("authorized_at") + pl.duration(days=REFUND_DAYS + _SAFETY_DAYS)
    return (
        pl.when("is_on_ledger")
        .then(pl.lit("on_ledger"))
        .when("differs")
        .then(pl.lit("differs"))
        .when(is_open)
        .then(pl.lit("not_final"))
        .when("is_recent")
        .then(pl.lit("recent"))
        .when(has_ended)
        .then(pl.lit("ended"))
        .when(pl.col("captured_minor") == pl.col("refunded_minor"))
        .then(pl.lit("refunded"))
        .when((over_at < as_of).fill_null(value=False))
        .then(pl.lit("refund_period_over"))
        .when(pl.lit(with_ledger))
        .then(pl.lit("settled"))
        .otherwise(pl.lit("refundable"))
    )


def _find_on_ledger(entries: pl.DataFrame | None, payments: pl.DataFrame) -> pl.DataFrame:
    """Return the payments with an entry that may be newer than their reading."""
    if entries is None:
        return payments.select(PAYMENT_KEY).clear().with_columns(is_on_ledger=pl.lit(value=True))
    return (
        entries.filter(pl.col("reference").is_not_null())
        .select(*PAYMENT_KEY, "entry_at")
        .join(payments.select(*PAYMENT_KEY, "fetched_at"), on=PAYMENT_KEY)
        .filter(pl.col("entry_at") >= pl.col("fetched_at") - LEDGER_DELAY)
        .select(PAYMENT_KEY)
        .unique()
        .with_columns(is_on_ledger=pl.lit(value=True))
    )


def _find_differing(expected: pl.DataFrame | None, payments: pl.DataFrame) -> pl.DataFrame:
    """Return the payments that are not as the shop expects them; an unknown amount expects nothing."""
    totals = ("captured_minor", "refunded_minor")
    if expected is None:
        expected = payments.select(*PAYMENT_KEY, *totals).clear()
    actual = payments.select(*PAYMENT_KEY, *totals)
    differs = pl.any_horizontal(
        (pl.col(name) != pl.col(f"{name}_actual")).fill_null(value=False) for name in totals
    )
    return (
        expected.join(actual, on=PAYMENT_KEY, suffix="_actual")
        .filter(differs)
        .select(PAYMENT_KEY)
        .unique()
        .with_columns(differs=pl.lit(value=True))
    )


def _find_new(
    references: pl.DataFrame, entries: pl.DataFrame | None, payments: pl.DataFrame
) -> pl.DataFrame:
    """Return the references that no earlier fetch has read as a payment."""
    columns = (*PAYMENT_KEY, "discovered_by")
    named = [references.select(columns)]
    if entries is not None:
        is_payment = pl.col("entry_type").is_in(("capture", "refund"))
        of_payments = entries.filter(is_payment & pl.col("reference").is_not_null())
        named.append(of_payments.select(*PAYMENT_KEY, discovered_by=pl.lit("ledger")))
    return (
        pl.concat(named)
        .join(payments.select(PAYMENT_KEY), on=PAYMENT_KEY, how="anti", maintain_order="left")
        .unique(PAYMENT_KEY, keep="first", maintain_order=True)
    )


def _count(rows: pl.DataFrame) -> dict[str, int]:
    counts = rows.group_by("reason").len().rows()
    return dict(sorted((str(reason), int(count)) for reason, count in counts))


def _list(reasons: dict[str, int]) -> str:
    named = [
        say(f"changes.{reason}", count=count)
        for reason, count in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return ", ".join(named) if named else say("changes.none")
