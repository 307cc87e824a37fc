"""Load the settings of a merchant whose Vipps MobilePay is the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.payments import MSN
from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import SalesUnit, Settings


def load_simulator_settings(folder: Path, **changed: Any) -> Settings:
    """Load settings with invented keys and one Norwegian sales unit.

    Args:
        folder: Where vippsrecon.toml and .env are looked for.
        **changed: Arguments of `load_settings` that replace these or are added to them. Nothing
            listens at the default `base_url`; a client needs a transport then.
    """
    defaults = {
        "environment": "simulator",
        "base_url": "http://127.0.0.1:9",
        "client_id": "client-id",
        "client_secret": "client-secret",
        "subscription_key": "subscription-key",
        "msn": MSN,
        "units": (SalesUnit(MSN, market="NO"),),
    }
    return load_settings(folder=folder, **(defaults | changed))
