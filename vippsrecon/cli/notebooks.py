"""`notebooks`, `lab`: the notebooks of this package, to copy and to open."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from vippsrecon.errors import printable


def notebooks(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to copy them to.")],
) -> None:
    """Copy the five notebooks into a folder, to run and to change them.

    A notebook that is there and was edited is not overwritten: then nothing is copied.

    \b
    Example:
      vippsrecon notebooks october
    """
    from vippsrecon.notebook.copies import copy_notebooks

    written = copy_notebooks(directory)
    names = ", ".join(path.name for path in written)
    shown = printable(str(directory))
    print(f"wrote {shown}: {names}" if written else f"{shown} has all of them already")
    print(f"To open them: vippsrecon lab {shlex.quote(shown)}")


def lab(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder with notebooks, created if missing.")
    ] = Path("notebooks"),
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or print the address.")
    ] = True,
) -> None:
    """Open JupyterLab on the notebooks of a folder; copy those that it lacks.

    Needs the extra `lab`: pip install 'vippsrecon[lab]'. JupyterLab listens on 127.0.0.1 only, until
    it is shut down (Ctrl-C). Notebooks read `.env` and `vippsrecon.toml` in their own folder.

    \b
    Example:
      vippsrecon lab
      vippsrecon lab october
    """
    from vippsrecon.cli.errors import FAILURE_EXIT_CODE, print_error
    from vippsrecon.notebook.copies import (
        check_lab_is_installed,
        copy_missing_notebooks,
        open_lab,
    )

    check_lab_is_installed()
    written = copy_missing_notebooks(directory)
    if written:
        print(
            f"wrote {printable(str(directory))}: {', '.join(path.name for path in written)}",
            flush=True,
        )
    code = open_lab(directory, browser=browser)
    if code:
        print_error(f"JupyterLab ended with exit code {code}; the lines above give the reason.")
        raise typer.Exit(FAILURE_EXIT_CODE)
