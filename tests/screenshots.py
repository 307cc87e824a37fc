"""Make the pictures of README and docs from a real report, a real notebook and real programs.

    python -m tests.screenshots [FOLDER]

Needs Chromium, LibreOffice, poppler and JupyterLab. Writes to `docs/images` unless told otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import nbformat
from PIL import Image

from tests.chromium import SECONDS, open_browser
from tests.notebooks.notebook_files import SMALL, set_parameters
from tests.waiting import wait_until
from vippsrecon.config.load import load_settings
from vippsrecon.report import write_html, write_workbook
from vippsrecon.simulator import Simulator, serve
from vippsrecon.workflow.reconcile_month import reconcile_month

ROOT = Path(__file__).parent.parent
LARGEST = 150_000
"""Bytes of a picture at most, so that the repository and the pages stay small."""

COLOURS = 64
"""Colours of a picture: enough for text, tables and bars."""


RESULT_IS_SHOWN = """
[...document.querySelectorAll(".jp-OutputArea-output")].some(
  one => one.textContent.includes("DISCREPANCIES") && one.getBoundingClientRect().bottom < innerHeight
    && one.getBoundingClientRect().top > 0)
"""


def write_reports(folder: Path) -> None:
    """Reconcile the sample month, as the tutorial does, and write the workbook and the page."""
    month = ROOT / "sample_data" / "plain"
    with serve(Simulator.from_file(month / "simulator.jsonl")) as url:
        settings = load_settings(
            folder=folder,
            environment="simulator",
            base_url=url,
            msn="123456",
            client_id="scenario-client-123456",
            client_secret="scenario-secret-123456",
            subscription_key="scenario-subscription-123456",
        )
        result = reconcile_month(
            [month / "orders.csv"],
            settings,
            exported_at=datetime(2026, 11, 5, 6, tzinfo=UTC),
            first=date(2026, 10, 1),
            last=date(2026, 10, 31),
        )
    write_workbook(result, folder / "october.xlsx")
    write_html(result, folder / "october.html", workbook="october.xlsx")


def picture_summary(folder: Path, out: Path) -> None:
    """Print the workbook with LibreOffice and take its first page, which is the Summary."""
    profile = f"-env:UserInstallation={(folder / 'office').as_uri()}"
    print_it = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder)]
    subprocess.run(
        [*print_it, str(folder / "october.xlsx")], check=True, capture_output=True, timeout=600
    )
    page = folder / "summary"
    first = ["pdftoppm", "-png", "-r", "110", "-f", "1", "-l", "1", "-singlefile"]
    subprocess.run([*first, str(folder / "october.pdf"), str(page)], check=True)
    save(page.with_suffix(".png"), out / "workbook-summary.png")


def picture_page(folder: Path, out: Path) -> None:
    """Open the page of the report in both themes."""
    with open_browser(folder) as browser:
        for theme in ("light", "dark"):
            browser.open(folder / "october.html", width=1200, height=1360, dark=theme == "dark")
            shot = folder / f"page-{theme}.png"
            browser.take_screenshot(shot, whole=False)
            save(shot, out / f"html-page-{theme}.png")


def picture_notebook(folder: Path, out: Path) -> None:
    """Run notebook 02 in JupyterLab and show what a reader sees at its result."""
    from tests.notebooks import jupyterlab as lab

    name = "02_reconcile_orders.ipynb"
    notebooks, settings = folder / "notebooks", folder / "settings"
    notebooks.mkdir()
    settings.mkdir()
    changed = set_parameters(ROOT / "notebooks" / name, PAYMENTS=SMALL)
    nbformat.write(changed, notebooks / name)
    with lab.serve_lab(notebooks, settings) as address, open_browser(folder) as browser:
        tree = address.replace("/lab?", f"/lab/tree/{name}?")
        browser.open(tree, width=1400, height=1000)
        browser.wait_for(lab.IS_IDLE)
        browser.run_script(
            "await window.jupyterapp.commands.execute('application:toggle-left-area')"
        )
        browser.run_script(lab.RUN_ALL)
        browser.wait_for(lab.EXECUTED)
        browser.run_script(
            f"await {lab.PANEL}.content.scrollToItem({first_result(changed)}, 'start')"
        )
        browser.wait_for(RESULT_IS_SHOWN)
        shot = folder / "notebook.png"

        def is_drawn() -> bool:
            browser.take_screenshot(shot, whole=False)
            return shows_something(shot)

        # JupyterLab draws a cell some time after it says that it is there.
        wait_until(is_drawn, SECONDS)
    save(shot, out / "notebook.png")


def first_result(notebook: nbformat.NotebookNode) -> int:
    """Return the number of the cell that shows the result of the comparison."""
    return next(
        number
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and "reconcile_month(" in cell.source
    )


def shows_something(path: Path) -> bool:
    """Return whether the middle of a picture has more than one colour nearly everywhere."""
    with Image.open(path) as picture:
        width, height = picture.size
        middle = picture.convert("RGB").crop(
            (width // 8, height // 8, width * 7 // 8, height * 7 // 8)
        )
    colours = middle.getcolors(middle.width * middle.height)
    most, _ = max(colours)
    return len(colours) > 16 and most < 0.97 * middle.width * middle.height


def save(shot: Path, target: Path) -> None:
    """Write a picture with few colours, which makes it small."""
    with Image.open(shot) as picture:
        reduced = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        reduced.save(target, optimize=True)
    size = target.stat().st_size
    assert size < LARGEST, f"{target.name} has {size} bytes, more than {LARGEST}"


PICTURES: dict[Callable[[Path, Path], None], tuple[str, ...]] = {
    picture_summary: ("workbook-summary.png",),
    picture_page: ("html-page-light.png", "html-page-dark.png"),
    picture_notebook: ("notebook.png",),
}
"""What makes each picture."""


def main(out: Path) -> None:
    """Make every picture."""
    out.mkdir(exist_ok=True)
    for make, names in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            if make is not picture_notebook:
                write_reports(Path(folder))
            make(Path(folder), out)
        print(*names)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
