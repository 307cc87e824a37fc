"""Define what the invented merchant pays for a capture, and compute the fees."""

from __future__ import annotations

from typing import NamedTuple


class FeeTerms(NamedTuple):
    """What one capture costs: a share of its amount and a fixed amount.

    Attributes:
        payment_method: As the payment states it.
        basis_points: Hundredths of a percent of the captured amount.
        fixed_minor: Added to each fee, in minor units.
    """

    currency: str
    payment_method: str
    basis_points: int
    fixed_minor: int

    @property
    def percent(self) -> str:
        """The share as text.

        >>> FEE_TERMS[0].percent
        '1.99'
        """
        return f"{self.basis_points // 100}.{self.basis_points % 100:02}"


FEE_TERMS = tuple(
    FeeTerms(currency, method, basis_points, fixed_minor)
    for currency, fixed_minor in (("NOK", 100), ("DKK", 70), ("EUR", 10))
    for method, basis_points in (("WALLET", 199), ("CARD", 249))
)
"""The contract of every sales unit, by currency and payment method."""

_TERMS = {(terms.currency, terms.payment_method): terms for terms in FEE_TERMS}


def compute_fee(amount: int, currency: str, payment_method: str) -> int:
    """Return the fee of a capture; half a minor unit is rounded up.

    >>> compute_fee(10000, "NOK", "WALLET"), compute_fee(10000, "EUR", "CARD")
    (299, 259)
    """
    terms = _TERMS[currency, payment_method]
    return (amount * terms.basis_points + 5000) // 10000 + terms.fixed_minor
