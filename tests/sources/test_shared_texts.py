"""Test workbooks in which one long text is in many cells."""

from __future__ import annotations

import io
import zipfile

import pytest
import xlsxwriter

from tests.sources.conftest import Writer
from vippsrecon.config.settings import SalesUnit
from vippsrecon.errors import SourceError
from vippsrecon.sources import read_orders

SHEET_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LONG_TEXT = "a long note " * 2_000
REPEATED = '<row r="{0}"><c r="A{0}" t="s"><v>4</v></c></row>'


def workbook() -> bytes:
    """Return a workbook with shared texts."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet().write_row(0, 0, ["reference", "currency", "total"])
    return file.getvalue()


def workbook_with_long_text(rows: str) -> bytes:
    """Return a workbook whose shared text number 4 is long, with these rows under the headings."""
    texts = ["reference", "currency", "total", "ord-000001", LONG_TEXT]
    shared = "".join(f"<si><t>{each}</t></si>" for each in texts)
    headings = "".join(f'<c r="{"ABC"[n]}1" t="s"><v>{n}</v></c>' for n in range(3))
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as before,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as after,
    ):
        for member in before.infolist():
            content = before.read(member)
            if member.filename.endswith("sharedStrings.xml"):
                content = f'<sst xmlns="{SHEET_NAMESPACE}">{shared}</sst>'.encode()
            if member.filename.endswith("sheet1.xml"):
                content = (
                    f'<worksheet xmlns="{SHEET_NAMESPACE}" xmlns:x="{SHEET_NAMESPACE}"><sheetData>'
                    f'<row r="1">{headings}</row>{rows}</sheetData></worksheet>'
                ).encode()
            after.writestr(member.filename, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(REPEATED, id="as programs write it"),
        pytest.param('<row r="2"><c r="A2" t="s"><v>4</v></c></row>', id="one cell, again"),
        pytest.param("<row r='{0}'><c t='s' r='A{0}'><v> 4 </v></c></row>", id="other marks"),
        pytest.param('<row r="{0}"><c r="A{0}" t="s"><v>+04</v></c></row>', id="another number"),
        pytest.param('<row r="{0}"><c r="A{0}" t="s"><v>4<!-- --></v></c></row>', id="a comment"),
        pytest.param('<row r="{0}"><c r="A{0}" t="s"><v>&#52;</v></c></row>', id="an entity"),
        pytest.param('<row r="{0}"><c r="A{0}" t="s"><f/><v>4</v></c></row>', id="a formula"),
        pytest.param(
            '<x:row r="{0}"><x:c r="A{0}" t="s"><x:v>4</x:v></x:c></x:row>', id="a prefix"
        ),
    ],
)
def test_a_long_text_in_many_cells_is_refused(write: Writer, row: str):
    """The reader copies a shared text into each cell: 720 MB from a file of 1 MB."""
    rows = "".join(row.format(number) for number in range(2, 30_000))
    path = write(workbook_with_long_text(rows), "orders.xlsx")
    says = (
        r"^orders\.xlsx: the cells of the sheet in xl/worksheets/sheet1\.xml hold more than 512 MB of "
        r"text.* one text of 24\s000 bytes is in at least 22\s370 cells\. Delete the column"
    )
    with pytest.raises(SourceError, match=says):
        read_orders(path)


def test_a_number_is_not_a_long_text(write: Writer):
    """An amount of 4 is not the fourth text, however long that text is."""
    row = '<row r="{0}"><c r="A{0}" t="s"><v>3</v></c><c r="B{0}"/><c r="C{0}"><v>4</v></c></row>'
    rows = "".join(row.format(number) for number in range(2, 30_000))
    path = write(workbook_with_long_text(rows), "orders.xlsx")
    read = read_orders(path, units=(SalesUnit("123456", currency="NOK"),))
    assert len(read.orders) + len(read.rejects) == 29_998


def test_a_workbook_with_two_lists_of_texts_is_refused(write: Writer):
    """Readers differ in which of the two they take."""
    file = io.BytesIO(workbook())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/SharedStrings.xml", "<sst/>")
    with pytest.raises(SourceError, match="two lists of texts"):
        read_orders(write(file.getvalue(), "orders.xlsx"))
