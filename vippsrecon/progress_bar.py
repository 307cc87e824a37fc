"""Show how far a long task is: a line in a terminal, a widget in a notebook.

Fetching payments and events:  42%|████▏     | 840 of 2000 payments, 00:07 left
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vippsrecon.texts import say, use_language

if TYPE_CHECKING:
    from tqdm import tqdm

_BAR = "{desc}: {percentage:3.0f}%|{bar}| "


@contextmanager
def show_progress(
    task: str,
    total: int,
    unit: str,
    *,
    number: int | None = None,
    done: int = 0,
    shown: bool = True,
    language: str | None = None,
) -> Iterator[tqdm[Any]]:
    """Show a progress bar until the block ends; `update` of what it gives advances it.

    Without a terminal and outside a notebook nothing is shown. To be called in the thread that runs
    the notebook's cell: what another thread displays may end up under another cell.

    Args:
        task: The key below `progress` of what is waited for, such as "fetching" for "Fetching
            payments". Bars shown one after another have different names.
        total: How many there are.
        unit: The key below `progress` of what is counted, such as "payments".
        number: The number in the name of the task, if it has one.
        done: How many were done before.
        shown: Whether a bar is wanted.
        language: Of the bar; None: the current one.
    """
    from tqdm import tqdm

    counts = {"done": "{n_fmt}", "total": "{total_fmt}"}
    with use_language(language):
        counts["unit"] = say(f"progress.{unit}")
        while_running = _BAR + say("progress.running", left="{remaining}", **counts)
        at_the_end = _BAR + say("progress.ended", elapsed="{elapsed}", **counts)
        name = say(f"progress.{task}", **({} if number is None else {"number": number}))
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
        desc=name,
        disable=disable,
        bar_format=while_running,
    ) as bar:
        yield bar
        bar.bar_format = at_the_end


def _is_in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
