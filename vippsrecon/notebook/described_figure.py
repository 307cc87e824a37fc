"""A matplotlib figure that a notebook shows with a text for those who do not see it.

A notebook gets two pictures, and its theme decides which one is seen: the colours of the report on
white, and those of the HTML page's dark scheme on the ground of JupyterLab's dark theme.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from vippsrecon.display.html import HtmlView
from vippsrecon.report.sentences import format_money
from vippsrecon.spreadsheet.formats import (
    BAR_COLOURS,
    DECREASE_COLOUR,
    INCREASE_COLOUR,
    INK,
    MUTED,
    NAVY,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 110

_DARK_BARS = {
    "critical": "#FF5F52",
    "high": "#E98379",
    "medium": "#E0A147",
    "low": "#CDBB4B",
    "info": "#93A3B3",
    "total": "#6BA3DF",
}
DARK_COLOURS = {
    "#FFFFFF": "#111111",
    "#000000": "#E8EDF2",
    INK: "#E8EDF2",
    MUTED: "#A9B5C1",
    NAVY: "#A9CBF2",
    INCREASE_COLOUR: "#5CC08D",
    DECREASE_COLOUR: "#EC8579",
    **{colour: _DARK_BARS[name] for name, colour in BAR_COLOURS.items()},
}
"""Colour on white to the colour on a dark ground, as in the HTML page's dark scheme."""


class DescribedFigure(Figure):
    """A figure with panels, each described in one sentence."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._sentences: list[str] = []

    @property
    def description(self) -> str:
        """What the figure shows, panel by panel, with each amount."""
        return " ".join(self._sentences)

    def add_sentence(self, sentence: str) -> None:
        """Describe a further part of the figure."""
        self._sentences.append(sentence)

    def describe_bars(self, panel: Axes, currency: str, bars: Iterable[tuple[str, int]]) -> None:
        """Describe a panel: its title, then label and amount in minor units of each bar."""
        amounts = ", ".join(f"{label} {format_money(minor, currency)}" for label, minor in bars)
        self.add_sentence(f"Bar chart. {panel.get_title(loc='left')}: {amounts}.")

    @contextmanager
    def in_dark_colours(self) -> Iterator[None]:
        """Give the figure the colours for a dark ground until the block ends."""
        undo: list[tuple[Callable[[Any], Any], Any]] = []
        for artist in self.findobj():
            for get, put in _list_colours(artist):
                colour = get()
                dark = DARK_COLOURS.get(to_hex(colour).upper())
                if dark is not None and to_rgba(colour)[3]:
                    undo.append((put, colour))
                    put(dark)
        try:
            yield
        finally:
            for put, colour in reversed(undo):
                put(colour)

    def _repr_html_(self) -> str:
        on_light = self._draw()
        with self.in_dark_colours():
            on_dark = self._draw()
        view = HtmlView()
        view.add_picture(self.description, on_light, on_dark)
        return view.render()

    def _draw(self) -> str:
        picture = BytesIO()
        self.savefig(picture, format="png", dpi=DOTS_PER_INCH)
        return f"data:image/png;base64,{b64encode(picture.getvalue()).decode()}"


def _list_colours(artist: Any) -> list[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Return how each colour of a part of the figure is read and set."""
    if isinstance(artist, Text | Line2D):
        return [(artist.get_color, artist.set_color)]
    if isinstance(artist, Patch):
        return [
            (artist.get_facecolor, artist.set_facecolor),
            (artist.get_edgecolor, artist.set_edgecolor),
        ]
    return []
