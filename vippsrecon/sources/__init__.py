"""Read the files that merchants have: order exports, lists of references, plan lists, reports.

    file ── detect ──► table of text ── profile ──► parse ── read_orders ──► orders, rejects
            type,      CSV, Excel,      which       sales unit,  duplicates,
            size       REST answer      columns     amounts,     totals, notes
                                                    dates

Every row of an order export becomes exactly one of: an order, a reject, or a continuation of the
order above it.
"""

from vippsrecon.sources.orders.fields.references import (
    RULES_AFTER_NOT_FOUND,
    find_candidate_references,
)
from vippsrecon.sources.orders.open import choose_profile
from vippsrecon.sources.orders.order_files import FileSummary, OrderFiles
from vippsrecon.sources.orders.read import (
    list_sources,
    read_order_files,
    read_orders,
)
from vippsrecon.sources.reference_list import (
    is_reference_list,
    read_reference_list,
    read_references,
)

__all__ = [
    "RULES_AFTER_NOT_FOUND",
    "FileSummary",
    "OrderFiles",
    "choose_profile",
    "find_candidate_references",
    "is_reference_list",
    "list_sources",
    "read_order_files",
    "read_orders",
    "read_reference_list",
    "read_references",
]
