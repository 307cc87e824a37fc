"""Find which discrepancies of earlier runs a run judged again: what is not reported then is cleared.

    orders and payments      the pair was compared
    payments and ledger      each capture or refund of the payment is on the ledger, and was compared
    ledger and payouts       the payout is there on both sides
    payouts and bank         a bank line is known to be the payout; of a line, it is in a statement

A leg that was not compared clears nothing. What once happened is never cleared: an aborted payout, a
changed account, a balance below zero. Nothing that a ledger adds later makes it undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon import schemas
from vippsrecon.ledger.payouts import list_payout_numbers
from vippsrecon.reconciliation.codes import CODES
from vippsrecon.reconciliation.engines.backends import prepare_frame
from vippsrecon.reconciliation.payments_ledger.entries import EVENT_BY_TYPE, prepare_entries
from vippsrecon.reconciliation.payouts_bank.rows import list_payouts, list_possible_lines
from vippsrecon.report.frames import select_compared_pairs
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.vipps_rules import PAYOUT_SCHEDULED

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation

_LEG_BY_KIND = {code.name: code.leg for code in CODES}
_JUDGED = ("matched", "discrepancy")
_IN_BANK = "bank"
"""Discriminator of a payout whose amount differs in the bank, and not on the ledger."""

_CHAIN = ["ledger_id", "topic", "currency"]


class EarlierItem(NamedTuple):
    """A discrepancy of an earlier run."""

    discrepancy_id: str
    kind: str
    msn: str
    reference: str | None


def find_compared_items(
    result: Reconciliation,
    orders: pl.DataFrame,
    payments: pl.DataFrame,
    items: Iterable[EarlierItem],
) -> set[str]:
    """Return the discrepancy_id of each item whose sides this run compared again.

    Args:
        result: The run.
        orders: With buckets, as `frames.read_sides` returns them.
        payments: The same.
        items: Discrepancies of earlier runs that this run does not report.
    """
    compared = _ComparedSides(result, orders, payments)
    return {item.discrepancy_id for item in items if compared.has(item)}


class _ComparedSides:
    """What a run compared; each leg is looked up when an item of it is asked for."""

    def __init__(
        self, result: Reconciliation, orders: pl.DataFrame, payments: pl.DataFrame
    ) -> None:
        self._result = result
        self._sides = (orders, payments)
        self._legs = {"order_payment", *(result.manifest.get("legs") or ())}

    def has(self, item: EarlierItem) -> bool:
        leg = _LEG_BY_KIND.get(item.kind)
        parts = item.discrepancy_id.split(":")[2:]
        number = parts[0] if parts else ""
        if item.kind == "payout_amount_difference" and _IN_BANK in parts[1:]:
            leg = "payout_bank"
        if leg not in self._legs:
            return False
        key = (item.msn, item.reference or "")
        if leg == "order_payment":
            return key in self._pairs
        if leg == "payment_ledger":
            return self._has_entries(item, key)
        if item.kind in ("payout_not_in_bank", "payout_amount_difference"):
            known = self._arrived if leg == "payout_bank" else self._paid_out
            return (item.msn, number) in known
        if item.kind == "payout_number_gap":
            return (item.msn, number) in self._paid_out
        return item.kind == "bank_credit_unexplained" and ":".join(parts[1:]) in self._lines

    def _has_entries(self, item: EarlierItem, key: tuple[str, str]) -> bool:
        if item.kind == "balance_chain_break":
            return tuple(item.discrepancy_id.split(":")[3:]) in self._proved_days
        if item.kind in ("manual_correction", "unknown_entry_type"):
            subject = item.discrepancy_id.partition(":")[2]
            return bool({subject, subject.rpartition(":")[0]} & self._bookings)
        if item.kind in ("dispute_retained", "dispute_returned"):
            # What was retained is returned: this run reports the same dispute so.
            subject = item.discrepancy_id.partition(":")[2]
            return f"dispute_returned:{subject}" in self._reported
        if item.kind in ("fee_missing", "fee_variance"):
            return key in self._charged
        is_refund = item.kind == "refund_not_on_ledger" or (
            "refund" in item.discrepancy_id.split(":")[3:4]
        )
        return key in self._movements["refund" if is_refund else "capture"]

    @cached_property
    def _pairs(self) -> set[tuple[str, str]]:
        pairs = select_compared_pairs(*self._sides, self._result.manifest)
        return set(pairs.iter_rows())

    @cached_property
    def _entries(self) -> pl.DataFrame:
        """The entries with row key, and whether each was judged."""
        entries = prepare_frame(self._result.polars_frame("ledger_entries"), schemas.LEDGER_ENTRIES)
        rows: pl.DataFrame = prepare_entries(entries).collect().to_native()
        return rows.join(
            self._list_judged("ledger_entries"), on="row_key", how="left"
        ).with_columns(pl.col("judged").fill_null(value=False))

    def _list_judged(self, side: str) -> pl.DataFrame:
        """Return the row keys of a side, and whether the row was matched or differs."""
        buckets = self._result.polars_frame("buckets").filter(pl.col("side") == side)
        return buckets.group_by("row_key").agg(judged=pl.col("bucket").is_in(_JUDGED).all())

    @cached_property
    def _movements(self) -> dict[str, set[tuple[str, str]]]:
        """Payments all of whose captures, or refunds, are on the ledger and were judged."""
        events = self._result.polars_frame("events").filter(pl.col("success"))
        found = {}
        for entry_type, name in EVENT_BY_TYPE.items():
            entries = self._entries.filter(
                pl.col("topic") == "funds", pl.col("entry_type") == entry_type
            )
            own = events.filter(pl.col("name") == name)
            missing = own.join(entries, on=["msn", "psp_reference"], how="anti")
            unjudged = entries.filter(~pl.col("judged"))
            open_keys = pl.concat([part.select(PAYMENT_KEY) for part in (missing, unjudged)])
            known = pl.concat([part.select(PAYMENT_KEY) for part in (own, entries)]).unique()
            found[entry_type] = set(known.join(open_keys, on=PAYMENT_KEY, how="anti").iter_rows())
        return found

    @cached_property
    def _charged(self) -> set[tuple[str, str]]:
        """Payments whose captures are on the ledger, each with a fee that was judged."""
        is_fee = (pl.col("topic") == "fees") & (pl.col("entry_type") == "capture-fee")
        fees = self._entries.filter(is_fee & pl.col("judged"))
        captures = self._entries.filter(
            pl.col("topic") == "funds", pl.col("entry_type") == "capture"
        )
        free = captures.join(fees, on=["msn", "psp_reference"], how="anti")
        return self._movements["capture"] - set(free.select(PAYMENT_KEY).iter_rows())

    @cached_property
    def _bookings(self) -> set[str]:
        """Entries that are no longer unknown, by what their discrepancy_id has after the code."""
        judged = self._entries.filter(pl.col("judged"))
        columns = ("msn", "reference", "topic", "psp_reference", "entry_type")
        return {
            ":".join([msn, reference, *filter(None, rest)])
            for msn, reference, *rest in judged.select(columns).unique().iter_rows()
        }

    @cached_property
    def _proved_days(self) -> set[tuple[str, ...]]:
        """Ledger, topic, currency and date whose balance continues that of an earlier date."""
        balances = ("balance_before_minor", "balance_after_minor")
        stated = self._entries.filter(pl.all_horizontal(pl.col(balances).is_not_null()))
        first = pl.col("ledger_date").min().over(_CHAIN)
        days = stated.filter(pl.col("ledger_date") > first).select(*_CHAIN, "ledger_date")
        return {(*chain, str(day)) for *chain, day in days.unique().iter_rows()}

    @cached_property
    def _paid_out(self) -> set[tuple[str, str]]:
        """Sales unit and number of the payouts that are both listed and on the ledger."""
        key = ["ledger_id", "payout_number"]
        rows = self._result.polars_frame("ledger_entries").filter(
            pl.col("topic") == "funds", pl.col("entry_type") == PAYOUT_SCHEDULED
        )
        scheduled = rows.select("ledger_id").with_columns(list_payout_numbers(rows))
        payouts = self._result.polars_frame("payouts").join(scheduled, on=key, how="semi")
        return set(payouts.select("msn", "payout_number").iter_rows())

    @cached_property
    def _arrived(self) -> set[tuple[str, str]]:
        """Sales unit and number of the payouts that are known to be a bank line."""
        matches = self._result.polars_frame("payout_matches").filter(~pl.col("proposed"))
        return set(matches.select("msn", "payout_number").iter_rows())

    @cached_property
    def _lines(self) -> set[str]:
        """The bank lines in the statements of this run, as a discrepancy_id names them."""
        read = self._result.polars_frame
        lines, _ = list_possible_lines(read("bank_lines"), list_payouts(read("payouts")))
        return {line.identity for line in lines}

    @cached_property
    def _reported(self) -> set[str]:
        return set(self._result.polars_frame("discrepancies")["discrepancy_id"])
