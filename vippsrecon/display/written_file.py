"""A path that a notebook shows as a sentence."""

from __future__ import annotations

from pathlib import Path

from vippsrecon.display.html import HtmlView
from vippsrecon.texts import say


class WrittenFile(type(Path())):  # type: ignore[misc]  # the class of paths of this system
    """The path of a file that was written. It is a `Path`; a notebook shows a sentence."""

    def _repr_html_(self) -> str:
        view = HtmlView()
        view.add_banner(say("written.name", name=self.name), "good")
        view.add_code(say("written.path"), str(self))
        return view.render()
