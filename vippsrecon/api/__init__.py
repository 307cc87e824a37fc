"""The door to Vipps MobilePay: the ePayment, Access Token and Report APIs.

`Client` is what most use; `AsyncClient` is the same for those who have an event loop. No
other part of the house speaks HTTP to Vipps MobilePay.
"""

from __future__ import annotations

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.api.client import Client

__all__ = ["AsyncClient", "Client"]
