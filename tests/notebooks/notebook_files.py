"""Read a notebook, change its parameters as a reader does, and run it.

Each function imports nbformat itself: that takes two seconds, and every test process imports this
file, also one that runs no notebook.
"""

from __future__ import annotations

import re

SMALL = 600
"""Payments in the month of a test; a smaller one has nothing to refund."""


WIDGET = "application/vnd.jupyter.widget-view+json"
"""The kind of output that a progress bar is in a kernel."""


def read_notebook(path):
    """Return the notebook of a file."""
    import nbformat

    return nbformat.read(path, as_version=4)


def make_notebook(sources, **options):
    """Return a notebook with these code cells; `options` are further fields of the notebook."""
    from nbformat import v4

    return v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources], **options)


def make_client(notebook, folder):
    """Return a client that runs the notebook's cells in a folder."""
    from nbclient import NotebookClient

    return NotebookClient(notebook, resources={"metadata": {"path": folder}})


def code(notebook):
    """Return the code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def set_parameters(path, **changed):
    """Read a notebook and change constants in its parameters cell."""
    notebook = read_notebook(path)
    (cell,) = (
        tagged for tagged in code(notebook) if "parameters" in tagged.metadata.get("tags", ())
    )
    for name, value in changed.items():
        cell.source, edited = re.subn(
            rf"(?m)^{name} = .*?(?=$|  #)", f"{name} = {value}", cell.source
        )
        assert edited == 1, name
    return notebook
