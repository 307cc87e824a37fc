"""Show how far a long task is: a line in a terminal, a widget in a notebook.

Fetching payments and events:  42%|████▏     | 840 of 2000 payments, 00:07 left
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

_WHILE_RUNNING = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} {unit}, {remaining} left"
_AT_THE_END = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} {unit} in {elapsed}"


@contextmanager
def show_progress(
    task: str, total: int, unit: str, *, done: int = 0, shown: bool = True
) -> Iterator[tqdm[Any]]:
    """Show a progress bar until the block ends; `update` of what it gives advances it.

    Without a terminal and outside a notebook nothing is shown. To be called in the thread that runs
    the notebook's cell: what another thread displays may end up under another cell.

    Args:
        task: What is waited for, such as "Fetching payments". Bars shown one after another have
            different names.
        total: How many there are.
        unit: What is counted, such as "payments".
        done: How many were done before.
        shown: Whether a bar is wanted.
    """
    from tqdm import tqdm

    bar_class: Any = tqdm
    # None: tqdm shows nothing by itself if the output is not a terminal.
    disable = None if shown else True
    if shown and _is_in_notebook():
        disable = False
        if find_spec("ipywidgets"):  # else a line of text below the cell
            from tqdm.auto import tqdm as bar_class
    with bar_class(
        total=total,
        initial=done,
        unit=unit,
        desc=task,
        disable=disable,
        bar_format=_WHILE_RUNNING,
    ) as bar:
        yield bar
        bar.bar_format = _AT_THE_END


def _is_in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
