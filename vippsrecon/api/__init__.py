"""Clients for the ePayment, Access Token and Report APIs of Vipps MobilePay.

`Client` is synchronous; `AsyncClient` has the same methods for code that runs an event loop. No
other part of the package sends HTTP requests.
"""

from __future__ import annotations

from vippsrecon.api.async_client import AsyncClient
from vippsrecon.api.client import Client

__all__ = ["AsyncClient", "Client"]
