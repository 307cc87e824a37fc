"""Operations that a list or a report asks for: one `Request` from the file's row to the plan's row."""

from __future__ import annotations

from typing import NamedTuple

PaymentKey = tuple[str, str]
"""(msn, reference)."""


class Request(NamedTuple):
    """One operation that a list or a report asks for, before it is a plan row.

    Attributes:
        source_row: Row of the source file or frame, from 1.
        msn, reference: The payment.
        order_number: The number the shop shows, where known.
        currency: None where the list gives no currency and asks for the whole amount.
        amount_minor: In minor units; None: the largest amount the payment allows.
        reason: One of the reasons of a plan; a list's own words are mapped to them.
        note, document_ref: As written.
        vat_minor: VAT within the amount, where given.
        discrepancy_id: The discrepancies that a report's request settles; None for a list.
    """

    source_row: int
    msn: str
    reference: str
    order_number: str | None
    currency: str | None
    amount_minor: int | None
    reason: str
    note: str
    document_ref: str
    vat_minor: int | None
    discrepancy_id: str | None = None

    @property
    def key(self) -> PaymentKey:
        """The payment's sales unit and reference."""
        return self.msn, self.reference
