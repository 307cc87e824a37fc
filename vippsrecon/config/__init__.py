"""Settings: what they are, and where each value comes from."""

from __future__ import annotations

from vippsrecon.config.settings import Keys, Rules, SalesUnit, Settings, load_settings

__all__ = ["Keys", "Rules", "SalesUnit", "Settings", "load_settings"]
