"""Work in a report as a person does in LibreOffice: fill in cells, sort a sheet, save.

`edit_report` starts LibreOffice and runs this file inside its Python, which has the module `uno`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

WAIT_SECONDS = 60


def find_python() -> str | None:
    """Return a Python that has the module `uno`; None if there is none."""
    for python in ("/usr/bin/python3", "/usr/lib/libreoffice/program/python"):
        if Path(python).exists():
            done = subprocess.run([python, "-c", "import uno"], check=False, capture_output=True)
            if done.returncode == 0:
                return python
    return None


def edit_report(
    path: Path, entries: dict[str, dict[str, str]], *, sort_by: str | None = None
) -> None:
    """Fill in the sheet *Discrepancies* in LibreOffice, sort it, and save the workbook.

    Args:
        path: The workbook, which is replaced.
        entries: discrepancy_id to what is typed, by heading.
        sort_by: Heading of the column to sort by, descending.
    """
    python, office = find_python(), shutil.which("soffice")
    assert python is not None
    assert office is not None
    pipe = f"vippsrecon-{os.getpid()}"
    order = {
        "path": str(path.resolve()), "entries": entries, "sort_by": sort_by, "pipe": pipe,
    }  # fmt: skip
    started = subprocess.Popen(
        [
            office, f"-env:UserInstallation={(path.parent / 'profile').resolve().as_uri()}",
            "--headless", "--norestore", f"--accept=pipe,name={pipe};urp;",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        subprocess.run(
            [python, __file__], input=json.dumps(order), text=True, check=True, timeout=180
        )
        started.wait(WAIT_SECONDS)
    finally:
        started.kill()
        started.wait()


def _connect(pipe: str):
    import uno

    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext(
        "com.sun.star.bridge.UnoUrlResolver", local
    )
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _make_property(name: str, value):
    from com.sun.star.beans import PropertyValue

    return PropertyValue(Name=name, Value=value)


def _edit(order: dict) -> None:
    import uno

    context = _connect(order["pipe"])
    desktop = context.ServiceManager.createInstanceWithContext(
        "com.sun.star.frame.Desktop", context
    )
    url = uno.systemPathToFileUrl(order["path"])
    book = desktop.loadComponentFromURL(url, "_blank", 0, (_make_property("Hidden", True),))
    sheet = book.Sheets.getByName("Discrepancies")
    cursor = sheet.createCursor()
    cursor.gotoEndOfUsedArea(False)
    last_row, last_column = cursor.RangeAddress.EndRow, cursor.RangeAddress.EndColumn
    texts = [
        list(row) for row in sheet.getCellRangeByPosition(0, 0, last_column, last_row).DataArray
    ]
    head = next(number for number, row in enumerate(texts) if "Decision" in row and "Note" in row)
    columns = {text: column for column, text in enumerate(texts[head]) if text}
    key = columns["discrepancy_id"]
    rows = {row[key]: number for number, row in enumerate(texts) if number > head and row[key]}
    for discrepancy_id, typed in order["entries"].items():
        for heading, text in typed.items():
            sheet.getCellByPosition(columns[heading], rows[discrepancy_id]).String = text
    if order["sort_by"]:
        from com.sun.star.table import TableSortField

        field = TableSortField(Field=columns[order["sort_by"]], IsAscending=False)
        field_list = uno.Any("[]com.sun.star.table.TableSortField", (field,))
        area = sheet.getCellRangeByPosition(0, head + 1, last_column, max(rows.values()))
        descriptor = (
            _make_property("SortFields", field_list),
            _make_property("ContainsHeader", False),
        )
        sheet.unprotect("")  # without a password; a protected sheet is not sorted
        area.sort(descriptor)
        assert [row[key] for row in area.DataArray] != list(rows), "nothing was sorted"
    book.storeToURL(url, (_make_property("FilterName", "Calc MS Excel 2007 XML"),))
    book.close(True)
    desktop.terminate()


if __name__ == "__main__":
    _edit(json.load(sys.stdin))
