"""Colours, font and cell formats of all workbooks.

Colour is used only where it carries information: severity, verdict, a check that differs. The rest
is dark text on white, so that a printed page is as legible as the screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vippsrecon.money import DECIMALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

INK = "#1F2933"
NAVY = "#1F3A5F"
MUTED = "#6B7785"
RULE_COLOUR = "#CBD2D9"
PALE = "#EEF2F6"
INPUT_COLOUR = "#FFFBE6"
BAR_COLOUR = "#3E6592"
LINK_COLOUR = "#0B57A4"

SEVERITY_COLOURS = {
    "critical": ("#8C1D18", "#FFFFFF"),
    "high": ("#F6C9C5", "#7A1712"),
    "medium": ("#FCE3C4", "#7A4300"),
    "low": ("#FBF3D0", "#5F5200"),
    "info": ("#E6EBF0", "#46525E"),
}
"""Severity to colours of background and text; the most urgent is the darkest."""

BAR_COLOURS = {
    "critical": "#8C1D18",
    "high": "#C9493D",
    "medium": "#BF7310",
    "low": "#8F7F12",
    "info": "#6F7E8D",
    "total": BAR_COLOUR,
}
"""Severity to the colour of a bar, which stands out from white; "total": a bar without one."""

INCREASE_COLOUR, DECREASE_COLOUR = "#2B7D54", "#B8483C"
"""Colours of the steps of a waterfall."""

VERDICT_COLOURS = {
    "clean": ("#DFF1E5", "#17603A"),
    "discrepancies": ("#FCE9D4", "#7A4300"),
    "incomplete": ("#F9DAD7", "#8C1D18"),
}
"""Verdict to colours of background and text of the banner."""

FONT = {"font_name": "Arial", "font_size": 9, "font_color": INK}
"""Arial has the same widths in Excel (Arial) and LibreOffice (Liberation Sans)."""

_AMOUNT_STYLE = {"align": "right"}
_HEAD_STYLE: dict[str, Any] = {
    "bold": True,
    "font_color": NAVY,
    "bg_color": PALE,
    "bottom": 1,
    "bottom_color": NAVY,
    "text_wrap": True,
    "valign": "vcenter",
}
_TOTAL_STYLE: dict[str, Any] = {
    "bold": True,
    "valign": "vcenter",
    "top": 1,
    "top_color": INK,
    "bottom": 6,
    "bottom_color": INK,
}

_STYLES: dict[str, dict[str, Any]] = {
    "text": {"valign": "vcenter"},
    "wrapped": {"text_wrap": True, "valign": "vcenter", "align": "left", "indent": 1},
    "wrapped_flush": {"text_wrap": True, "valign": "vcenter", "align": "left"},
    "muted": {"valign": "vcenter", "font_color": MUTED},
    "muted_wrapped": {"font_color": MUTED, "text_wrap": True, "valign": "vcenter"},
    "muted_right": {"valign": "vcenter", "font_color": MUTED, "align": "right"},
    "bold": {"valign": "vcenter", "bold": True},
    "code": {"valign": "vcenter", "font_color": NAVY},
    "link": {"valign": "vcenter", "font_color": LINK_COLOUR, "underline": 1},
    "title": {"bold": True, "font_size": 18, "font_color": NAVY, "valign": "vcenter"},
    "sheet_title": {"bold": True, "font_size": 13, "font_color": NAVY, "valign": "vcenter"},
    "section": {
        "bold": True,
        "font_size": 11,
        "font_color": NAVY,
        "bottom": 2,
        "bottom_color": NAVY,
        "valign": "vcenter",
    },
    "head": _HEAD_STYLE,
    "head_right": {**_HEAD_STYLE, "align": "right"},
    "notice": {
        "text_wrap": True,
        "valign": "vcenter",
        "bg_color": "#FFF6E5",
        "left": 5,
        "left_color": "#E08E0B",
        "indent": 1,
    },
    "note": {"bold": True, "text_wrap": True, "valign": "vcenter", "align": "left"},
    "input": {
        "bg_color": INPUT_COLOUR,
        "text_wrap": True,
        "valign": "vcenter",
        "locked": False,
        "left": 4,
        "left_color": RULE_COLOUR,
    },
    "input_date": {
        "bg_color": INPUT_COLOUR,
        "num_format": "yyyy-mm-dd",
        "align": "left",
        "locked": False,
        "bottom": 4,
        "bottom_color": MUTED,
    },
    "signature": {"bg_color": INPUT_COLOUR, "locked": False, "bottom": 4, "bottom_color": MUTED},
    "count": {"num_format": "#,##0", "align": "right", "valign": "vcenter"},
    "share": {"valign": "vcenter", "num_format": "0.0%", "align": "right"},
    "date": {"num_format": "yyyy-mm-dd", "align": "left", "valign": "vcenter"},
    "moment": {"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left", "valign": "vcenter"},
    "check": {"valign": "vcenter", "bold": True, "align": "center"},
    "check_left": {"valign": "vcenter", "bold": True, "align": "left"},
    "mono": {"valign": "vcenter", "font_name": "Courier New", "font_size": 8},
    "total_text": _TOTAL_STYLE,
    "total_count": {**_TOTAL_STYLE, "num_format": "#,##0", "align": "right"},
}


class WorkbookFormats:
    """The formats of one workbook, by name. Each is created once.

    Attributes:
        workbook: The workbook the formats belong to.
    """

    def __init__(self, workbook: Workbook) -> None:
        """Start without formats."""
        self.workbook = workbook
        self._formats: dict[str, Format] = {}

    def __getitem__(self, name: str) -> Format:
        """Return the format called `name`."""
        return self._get_format(name, _STYLES[name])

    def get_indented(self, name: str) -> Format:
        """Return the format called `name` with an indent, for text to the right of a number."""
        return self._get_format(
            f"{name} after number", {**_STYLES[name], "indent": 1, "align": "left"}
        )

    def money(self, currency: str = "", *, total: bool = False) -> Format:
        """Return the number format of amounts in major units.

        Args:
            currency: Shown behind the amount; "" if another column shows it.
            total: A line above and a double line below, as in the total of a statement.
        """
        decimals = "0" * DECIMALS.get(currency, 2)
        pattern = f"#,##0.{decimals}"
        if currency:
            pattern += f'\\ "{currency}"'
        style = {
            **(_TOTAL_STYLE if total else {"valign": "vcenter"}),
            **_AMOUNT_STYLE,
            "num_format": pattern,
        }
        return self._get_format(f"money {currency} {total}", style)

    def severity(self, name: str) -> Format:
        """Return the colours of a severity, for a conditional format."""
        fill, ink = SEVERITY_COLOURS[name]
        return self._get_format(
            f"severity {name}", {"bg_color": fill, "font_color": ink}, bare=True
        )

    def get_severity_formats(self) -> dict[str, Format]:
        """Return severity to colours, for `colour_cells_by_text`."""
        return {name: self.severity(name) for name in SEVERITY_COLOURS}

    def get_colour_format(self, fill: str, ink: str) -> Format:
        """Return these colours, for a conditional format."""
        colours = {"bg_color": fill, "font_color": ink}
        return self._get_format(f"coloured {fill} {ink}", colours, bare=True)

    def get_rule_format(self) -> Format:
        """Return a thin line below a row, for a conditional format."""
        return self._get_format("ruled", {"bottom": 4, "bottom_color": RULE_COLOUR}, bare=True)

    def check(self, good: bool) -> Format:
        """Return the colours of a check cell, for a conditional format."""
        fill, ink = VERDICT_COLOURS["clean" if good else "incomplete"]
        return self._get_format(f"check {good}", {"bg_color": fill, "font_color": ink}, bare=True)

    def checks(self) -> dict[str, Format]:
        """Return the result of a check to its colours, for `colour_cells_by_text`."""
        return {"OK": self.check(True), "DIFFERS": self.check(False)}

    def verdict(self, verdict: str) -> Format:
        """Return the banner of a verdict."""
        fill, ink = VERDICT_COLOURS[verdict]
        return self._get_format(
            f"verdict {verdict}",
            {
                "bold": True,
                "font_size": 12,
                "bg_color": fill,
                "font_color": ink,
                "valign": "vcenter",
                "text_wrap": True,
                "indent": 1,
            },
        )

    def _get_format(self, key: str, style: dict[str, Any], *, bare: bool = False) -> Format:
        if key not in self._formats:
            # A conditional format may contain only what it changes: with a font name in one,
            # Excel offers to repair the file.
            self._formats[key] = self.workbook.add_format(style if bare else {**FONT, **style})
        return self._formats[key]


def colour_cells_by_text(
    worksheet: Worksheet, rows: tuple[int, int], column: int, formats_by_text: Mapping[str, Format]
) -> None:
    """Colour the cells of a column whose text is one of `words`, in the first to last of `rows`.

    Conditional formats: the colour of a cell changes with its text.
    """
    first, last = rows
    for text, cell_format in formats_by_text.items():
        worksheet.conditional_format(
            first,
            column,
            last,
            column,
            {"type": "cell", "criteria": "==", "value": f'"{text}"', "format": cell_format},
        )
