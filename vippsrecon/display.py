"""How a notebook shows things: the styles of a page, its tiles and its tables."""

from vippsrecon.spreadsheet.formats import INK, RULE_COLOUR

PAGE_STYLE = f"font-family:Arial,Helvetica,sans-serif;font-size:13px;line-height:1.4;color:{INK}"
TILE_STYLE = (
    f"border:1px solid {RULE_COLOUR};border-radius:6px;padding:8px 14px;margin:0 8px 8px 0;"
    "min-width:110px;background:#fff"
)
CELL_STYLE = (
    f"padding:3px 10px;border-bottom:1px solid {RULE_COLOUR};text-align:left;vertical-align:top"
)
AMOUNT_STYLE = f"{CELL_STYLE};text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"
