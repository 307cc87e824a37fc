"""Read a notebook, and change its parameters as a reader does."""

from __future__ import annotations

import re

import nbformat

SMALL = 600
"""Payments in the month of a test; a smaller one has nothing to refund."""


def code(notebook):
    """Return the code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def set_parameters(path, **changed):
    """Read a notebook and change constants in its parameters cell."""
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (
        tagged for tagged in code(notebook) if "parameters" in tagged.metadata.get("tags", ())
    )
    for name, value in changed.items():
        cell.source, edited = re.subn(
            rf"(?m)^{name} = .*?(?=$|  #)", f"{name} = {value}", cell.source
        )
        assert edited == 1, name
    return notebook
