"""A matplotlib figure that a notebook shows with a text for those who do not see it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from vippsrecon.report.sentences import describe_bars
from vippsrecon.texts import format_money

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 110


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
        self.add_sentence(describe_bars(panel.get_title(loc="left"), amounts))

    def _repr_html_(self) -> str:
        picture = BytesIO()
        self.savefig(picture, format="png", dpi=DOTS_PER_INCH)
        source = b64encode(picture.getvalue()).decode()
        text = escape(self.description, quote=True)
        return f'<img alt="{text}" src="data:image/png;base64,{source}" style="max-width:100%">'
