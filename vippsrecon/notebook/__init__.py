"""What the notebooks use: a month to work on, and the figures."""

from __future__ import annotations

from vippsrecon.notebook import plots

__all__ = ["plots"]
