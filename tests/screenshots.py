"""Make the pictures of README and docs from a real report, a real notebook and real programs.

    python -m tests.screenshots [FOLDER]

Needs Chromium, LibreOffice, poppler and JupyterLab. Writes to `docs/images` unless told otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import nbformat
import openpyxl
from PIL import Image, ImageChops

from tests.chromium import SECONDS, Browser, open_browser
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


SHEET_ROWS = 20
"""Rows of payouts that a picture shows."""

MARGIN = 24
"""White pixels around what a picture of a page shows."""

FOOTER = 0.93
"""Share of a printed page's height above its footer."""

RESULT = """[...document.querySelectorAll('.jp-OutputArea-output')].find(
  one => one.querySelector(".vr-tiles") && /DISCREPANCIES|INCOMPLETE/.test(one.textContent))"""
IS_SHOWN = f"""(one => one && one.getBoundingClientRect().top > 0
  && one.getBoundingClientRect().top < innerHeight)({RESULT})"""
HIGHEST = 150
"""Pixels from the top of the window, below JupyterLab's toolbar."""

NO_SPLASH = "document.getElementById('jupyterlab-splash') === null"
"""JupyterLab covers its page while it changes the theme."""


def write_reports(folder: Path) -> None:
    """Reconcile the sample month, as the tutorial does: `october` with orders alone, `bank` to the bank."""
    month = ROOT / "sample_data" / "plain"
    money = {"settlement": [month / "settlement.csv"], "bank": [month / "bank.xml"]}
    with serve(Simulator.from_file(month / "simulator.jsonl")) as url:
        settings = load_settings(
            folder=folder,
            database_url=f"sqlite:///{folder / 'runs.db'}",
            environment="simulator",
            base_url=url,
            msn="123456",
            client_id="scenario-client-123456",
            client_secret="scenario-secret-123456",
            subscription_key="scenario-subscription-123456",
        )
        for name, files in (("october", {}), ("bank", money)):
            result = reconcile_month(
                [month / "orders.csv"],
                settings,
                exported_at=datetime(2026, 11, 5, 6, tzinfo=UTC),
                first=date(2026, 10, 1),
                last=date(2026, 10, 31),
                **files,
            )
            write_workbook(result, folder / f"{name}.xlsx")
            write_html(result, folder / f"{name}.html", workbook=f"{name}.xlsx")


def picture_workbook(folder: Path, out: Path) -> None:
    """Print the workbooks with LibreOffice; take their first pages, and the end of the bridge."""
    orders = print_workbook(folder / "october.xlsx", folder)
    pdf = print_workbook(folder / "bank.xlsx", folder)
    pages = subprocess.run(["pdftotext", str(pdf), "-"], check=True, capture_output=True, text=True)
    texts = pages.stdout.split("\f")
    to_bank = next(n for n, page in enumerate(texts, start=1) if "From payouts to the bank" in page)
    for name, document, page in (
        ("summary", orders, 1),
        ("first-page", pdf, 1),
        ("bridge", pdf, to_bank),
    ):
        save(crop(take_page(document, page, folder / name)), out / f"workbook-{name}.png")


def picture_payouts(folder: Path, out: Path) -> None:
    """Print the first rows of *Payouts and bank*, a sheet for the screen, by itself."""
    book = openpyxl.load_workbook(folder / "bank.xlsx")
    for name in book.sheetnames:
        if name != "Payouts and bank":
            del book[name]
    sheet = book["Payouts and bank"]
    book.defined_names.clear()
    (last,) = (cell for row in sheet.iter_rows() for cell in row if cell.value == "Found")
    sheet.print_area = f"A1:{last.column_letter}{last.row + SHEET_ROWS}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = openpyxl.worksheet.properties.PageSetupProperties(
        fitToPage=True
    )
    path = folder / "payouts.xlsx"
    book.save(path)
    page = take_page(print_workbook(path, folder), 1, folder / "payouts")
    save(crop(page), out / "workbook-payouts.png")


def print_workbook(path: Path, folder: Path) -> Path:
    """Print a workbook with LibreOffice; return the PDF."""
    profile = f"-env:UserInstallation={(folder / 'office').as_uri()}"
    print_it = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder)]
    subprocess.run([*print_it, str(path)], check=True, capture_output=True, timeout=600)
    return folder / f"{path.stem}.pdf"


def take_page(pdf: Path, number: int, target: Path) -> Path:
    """Return a page of a PDF as a picture."""
    pages = ["-f", str(number), "-l", str(number), "-singlefile"]
    subprocess.run(["pdftoppm", "-png", "-r", "110", *pages, str(pdf), str(target)], check=True)
    return target.with_suffix(".png")


def crop(path: Path) -> Path:
    """Cut off the footer of a page and the white around its content."""
    with Image.open(path) as page:
        body = page.convert("RGB").crop((0, 0, page.width, int(page.height * FOOTER)))
    white = Image.new("RGB", body.size, "white")
    left, top, right, bottom = ImageChops.difference(body, white).getbbox()
    size = (right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)
    cropped = Image.new("RGB", size, "white")
    cropped.paste(body.crop((left, top, right, bottom)), (MARGIN, MARGIN))
    cropped.save(path)
    return path


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
    with run_notebook("02_reconcile_orders.ipynb", folder) as (browser, notebook):
        picture_result(browser, notebook, out / "notebook.png", folder)


def picture_month_end(folder: Path, out: Path) -> None:
    """Run notebook 05, and show its four comparisons in both themes."""
    from tests.notebooks.jupyterlab import change_theme

    with run_notebook("05_month_end.ipynb", folder) as (browser, notebook):
        for theme in ("Light", "Dark"):
            change_theme(browser, f"JupyterLab {theme}")
            target = out / f"notebook-month-end-{theme.lower()}.png"
            picture_result(browser, notebook, target, folder, from_result=True)


@contextmanager
def run_notebook(name: str, folder: Path) -> Iterator[tuple[Browser, nbformat.NotebookNode]]:
    """Run all cells of a notebook in JupyterLab and yield the browser that shows it."""
    from tests.notebooks import jupyterlab as lab

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
        yield browser, changed


def picture_result(
    browser: Browser,
    notebook: nbformat.NotebookNode,
    target: Path,
    folder: Path,
    *,
    from_result: bool = False,
) -> None:
    """Show the cell that compares, with its result, and take a picture when it is drawn.

    Args:
        browser: Shows the notebook, which has run.
        notebook: Its cells.
        target: The picture.
        folder: For files on the way.
        from_result: Begin at the result, not at the code above it.
    """
    from tests.notebooks.jupyterlab import PANEL

    place = first_result(notebook)
    browser.wait_for(NO_SPLASH)
    browser.run_script(f"await {PANEL}.content.scrollToItem({place}, 'start')")
    browser.wait_for(IS_SHOWN)
    shot = folder / target.name
    scroll = f"({RESULT}).scrollIntoView({{block: 'start'}})" if from_result else "null"
    in_place = (
        f"({RESULT}).getBoundingClientRect().top < {HIGHEST if from_result else 'innerHeight'}"
    )

    def is_drawn() -> bool:
        browser.run(scroll)
        browser.take_screenshot(shot, whole=False)
        return shows_something(shot) and browser.run(in_place)

    # JupyterLab draws a cell some time after it says that it is there, and moves those below it.
    wait_until(is_drawn, SECONDS)
    save(shot, target)


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
    picture_workbook: ("workbook-summary.png", "workbook-first-page.png", "workbook-bridge.png"),
    picture_payouts: ("workbook-payouts.png",),
    picture_page: ("html-page-light.png", "html-page-dark.png"),
    picture_notebook: ("notebook.png",),
    picture_month_end: ("notebook-month-end-light.png", "notebook-month-end-dark.png"),
}
"""What makes each picture."""


def main(out: Path) -> None:
    """Make every picture."""
    out.mkdir(exist_ok=True)
    for make, names in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            if make not in (picture_notebook, picture_month_end):
                write_reports(Path(folder))
            make(Path(folder), out)
        print(*names)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
