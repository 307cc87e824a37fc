"""How a notebook shows things: the styles of a page, its tiles and its tables."""

from vippsrecon.spreadsheet.formats import INK, RULE

PAGE = f"font-family:Arial,Helvetica,sans-serif;font-size:13px;line-height:1.4;color:{INK}"
TILE = (
    f"border:1px solid {RULE};border-radius:6px;padding:8px 14px;margin:0 8px 8px 0;"
    "min-width:110px;background:#fff"
)
CELL = f"padding:3px 10px;border-bottom:1px solid {RULE};text-align:left;vertical-align:top"
AMOUNT = f"{CELL};text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"
