"""Decode 2xx answers into records, or raise UnreadableAnswerError. No I/O.

Unknown fields are ignored and unknown names accepted, as Vipps MobilePay asks
(https://developer.vippsmobilepay.com/docs/knowledge-base/api-lifecycle/). What totals
depend on is checked strictly: an amount is a whole number, a currency is present, the reference is
the requested one. Personal fields are never read.
"""

from vippsrecon.api.responses.ledgers import (
    decode_ledger_page,
    decode_ledgers,
    read_page_size,
)
from vippsrecon.api.responses.payments import (
    decode_created_payment,
    decode_events,
    decode_modification,
    decode_payment,
    require_whole_json,
)
from vippsrecon.api.responses.tokens import (
    decode_token,
)

__all__ = [
    "decode_created_payment",
    "decode_events",
    "decode_ledger_page",
    "decode_ledgers",
    "decode_modification",
    "decode_payment",
    "decode_token",
    "read_page_size",
    "require_whole_json",
]
