"""Copy the notebooks of this package into a folder, and open JupyterLab on it.

The originals are in the wheel; in a checkout they are in the folder `notebooks` beside the package.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from vippsrecon.errors import ConfigurationError, OutputError
from vippsrecon.output_files import atomic_file

NOTEBOOK_NAMES = (
    "01_fetch_payments.ipynb",
    "02_reconcile_orders.ipynb",
    "03_explore_discrepancies.ipynb",
    "04_refund_and_cancel.ipynb",
    "05_month_end.ipynb",
)

_PACKAGED = Path(__file__).parent / "originals"
_IN_CHECKOUT = Path(__file__).parents[2] / "notebooks"


def copy_notebooks(folder: Path) -> list[Path]:
    """Copy the notebooks to a folder, which is created if it does not exist.

    Args:
        folder: Where to. A notebook there that equals the original is left as it is.

    Returns:
        The notebooks that were written.

    Raises:
        OutputError: A notebook there differs from the original: it was edited, run and saved, or
            belongs to another version. Then nothing is written. Or the folder cannot be written.
    """
    missing = find_missing_notebooks(folder)
    edited = [name for name in _list_present(folder) if not _is_original(folder / name)]
    if edited:
        raise OutputError(
            f"{folder / edited[0]} differs from the original: it was edited, run and saved, or is of "
            "another version. Nothing was copied. Choose another folder, or rename this file."
        )
    return _write(folder, missing)


def copy_missing_notebooks(folder: Path) -> list[Path]:
    """Copy the notebooks that the folder lacks, and leave the others as they are.

    Raises:
        OutputError: The folder cannot be written.
    """
    return _write(folder, find_missing_notebooks(folder))


def find_missing_notebooks(folder: Path) -> list[str]:
    """Return the names of the notebooks that the folder lacks; creates the folder.

    Raises:
        OutputError: There is a file of this name, or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{folder} is a file, not a folder. Choose another folder.") from None
    present = _list_present(folder)
    return [name for name in NOTEBOOK_NAMES if name not in present]


def open_lab(folder: Path, *, browser: bool = True) -> int:
    """Open JupyterLab on a folder, served on this computer only, until it is shut down.

    Args:
        folder: The folder it shows.
        browser: Open a browser; else only the address is printed.

    Returns:
        The exit code of JupyterLab.

    Raises:
        ConfigurationError: JupyterLab is not installed.
    """
    check_lab_is_installed()
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        "--ServerApp.ip=127.0.0.1",
        *([] if browser else ["--no-browser"]),
    ]
    with subprocess.Popen(command) as lab:
        while True:
            try:
                return lab.wait()
            except KeyboardInterrupt:
                # JupyterLab gets Ctrl-C too, and asks whether it is meant.
                continue


def check_lab_is_installed() -> None:
    """Raise if JupyterLab cannot be started.

    Raises:
        ConfigurationError: It is not installed.
    """
    if find_spec("jupyterlab") is None:
        raise ConfigurationError(
            "JupyterLab is not installed. Install it with: pip install 'vippsrecon[lab]'"
        )


def _list_present(folder: Path) -> list[str]:
    # A link to a file that does not exist is there too: nothing may be written through it.
    return [
        name for name in NOTEBOOK_NAMES if (folder / name).is_symlink() or (folder / name).exists()
    ]


def _is_original(path: Path) -> bool:
    return path.is_file() and path.read_bytes() == _find_original(path.name).read_bytes()


def _find_original(name: str) -> Path:
    packaged = _PACKAGED / name
    return packaged if packaged.exists() else _IN_CHECKOUT / name


def _write(folder: Path, names: list[str]) -> list[Path]:
    for name in names:
        with atomic_file(folder / name, "notebook") as path:
            path.write_bytes(_find_original(name).read_bytes())
    return [folder / name for name in names]
