"""Choose where the pages of a printed sheet end, so that a section is not cut in two."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE_WIDTH_POINTS, PAGE_HEIGHT_POINTS = 784, 516
"""The printed area of A4 landscape within the margins of `set_up_printing`."""

_USED_SHARE = 0.95
"""Programs and fonts differ a little; a page that ends too early is better than a row too many."""


def compute_page_height(column_widths: Sequence[float]) -> float:
    """Return how many points of rows fit on a page that is as wide as the columns.

    Args:
        column_widths: In characters, of all printed columns. A character is 7 pixels and a column
            has 5 more; a pixel is 0.75 points.
    """
    width = sum((characters * 7 + 5) * 0.75 for characters in column_widths)
    scale = min(1, PAGE_WIDTH_POINTS / width)
    return PAGE_HEIGHT_POINTS / scale * _USED_SHARE


def choose_page_breaks(
    sections: Sequence[int], end: int, height: float, measure: Callable[[int, int], float]
) -> list[int]:
    """Return the rows that start a page: first rows of sections that would be cut otherwise.

    A section that is longer than a page is cut in any case. It starts a page only if little of the
    page before it is left.

    Args:
        sections: First row of each section, from the top down.
        end: The row below the last section.
        height: What fits on a page, in points.
        measure: Returns the height of the rows from the first up to, but without, the second.

    >>> choose_page_breaks([4, 10, 30], 40, 30, lambda first, last: last - first)
    [30]
    >>> choose_page_breaks([4, 10], 60, 30, lambda first, last: last - first)
    []
    """
    breaks: list[int] = []
    start = 0
    for first, last in zip(sections, [*sections[1:], end], strict=True):
        is_cut = measure(start, last) > height
        fits_alone = measure(first, last) <= height
        if is_cut and first > start and (fits_alone or measure(start, first) > height * 2 / 3):
            breaks.append(first)
            start = first
        while measure(start, last) > height:
            start += 1
    return breaks
