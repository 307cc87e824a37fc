"""Files people have: order exports now; settlement files and bank statements have their room here.

    file ── files ──► table of text ── profiles ──► orders ── readings ──► orders, rejects
            first      tables, delimited,  which     placing,    twins, sums,
            bytes,     workbooks, rest     columns   amounts,    notes
            limits                                   moments

A row of a file ends in exactly one place: an order, a reject, or a continuation of the order
above it.
"""

from vippsrecon.sources.file_preview import preview
from vippsrecon.sources.orders.read import FileSummary, OrderFiles, read_orders
from vippsrecon.sources.orders.references import RULES_AFTER_NOT_FOUND, find_candidate_references
from vippsrecon.sources.reference_list import (
    is_reference_list,
    read_reference_list,
    read_references,
)

__all__ = [
    "RULES_AFTER_NOT_FOUND",
    "FileSummary",
    "OrderFiles",
    "find_candidate_references",
    "is_reference_list",
    "preview",
    "read_orders",
    "read_reference_list",
    "read_references",
]
