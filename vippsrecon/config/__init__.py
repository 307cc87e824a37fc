"""Settings: their dataclasses, and loading them from arguments, environment and files."""

from __future__ import annotations

from vippsrecon.config.load import load_settings
from vippsrecon.config.settings import Keys, Rules, SalesUnit, Settings

__all__ = ["Keys", "Rules", "SalesUnit", "Settings", "load_settings"]
