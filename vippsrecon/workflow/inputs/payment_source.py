"""Choose where the payments of a month come from: a folder, the entries of a ledger, or a fetch.

--payments DIR ──► what `fetch` or an earlier run stored
no keys        ──► payments of the ledger's entries
keys           ──► a fetch now, stored in report.data/

Only the last makes requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon.workflow.coverage import leave_out_payments
from vippsrecon.workflow.inputs.payments_from_files import (
    derive_payments,
    refuse_references_without_keys,
)
from vippsrecon.workflow.saved_run import FetchFacts, hash_payments, load_saved_run

if TYPE_CHECKING:
    from vippsrecon.config.settings import Settings
    from vippsrecon.fetching import Fetched
    from vippsrecon.workflow.inputs.money_files import MoneyFiles
    from vippsrecon.workflow.references import ReferenceSet


class PaymentSource(NamedTuple):
    """Payments that are known without a request.

    Attributes:
        fetched: Payments, events and failures.
        facts: What a fetch would know of them.
        folder: The folder they are stored in; None where they are those of a ledger's entries.
    """

    fetched: Fetched[pl.DataFrame]
    facts: FetchFacts
    folder: Path | None

    def hash_inputs(self) -> dict[str, str]:
        """Return the SHA-256 by name of the files that hold the payments."""
        return {} if self.folder is None else hash_payments(self.folder)


def find_known_payments(
    payments: Path | str | None,
    money: MoneyFiles,
    orders: pl.DataFrame,
    settings: Settings,
    *,
    reference_set: ReferenceSet,
    references: Sequence[Path | str],
) -> PaymentSource | None:
    """Return the payments of a folder or of the ledger's entries; None where they must be fetched.

    Args:
        payments: The folder; None where none is given. If its run had no keys, the payments are those of
            the entries, as they were then.
        money: The ledger.
        orders: `schemas.ORDERS`.
        settings: Environment, sales units.
        reference_set: The references that are needed.
        references: Lists of further references.

    Raises:
        InputError: The folder cannot be used, or references are listed and nothing is requested.
    """
    own = money.has_own_payments if payments is not None else not settings.environment
    if own and money.entries is not None:
        refuse_references_without_keys(references)
        fetched, facts = derive_payments(money.entries, orders, settings)
        folder = None
    elif payments is not None:
        folder = Path(payments)
        fetched, facts = load_saved_run(folder, reference_set)
    else:
        return None
    return PaymentSource(leave_out_payments(fetched, settings.units), facts, folder)
