"""Test lists of refunds: no row is planned if it is hidden or can have two meanings."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from tests.sources.conftest import Writer
from vippsrecon.errors import SourceError
from vippsrecon.sources.plan_list.read import PlanList, read_plan_list

HEAD = ("reference", "amount", "currency")


def read(path: Path) -> tuple[dict[str, int | None], list[str]]:
    """Return the planned amounts by reference, and the sentences on rejected rows."""
    got: PlanList = read_plan_list(path, default_msn="123456")
    amounts = {row.reference: row.amount_minor for row in got.requests}
    return amounts, [reject.describe() for reject in got.refused]


def write_sheet(path: Path, amounts: list[object], **row_3: object) -> Path:
    """Write a refund list whose third row has these properties."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(HEAD)
    for number, amount in enumerate(amounts, start=1):
        sheet.append((f"nord-00000{number}", amount, "NOK"))
    for name, value in row_3.items():
        setattr(sheet.row_dimensions[3], name, value)
    workbook.save(path)
    return path


@pytest.mark.parametrize(
    "hiding",
    [{"hidden": True}, {"hidden": True, "outlineLevel": 1}, {"height": 0.75}],
    ids=["filter", "folded group", "height below 1"],
)
def test_hidden_rows_refuse_the_list_and_are_named(tmp_path: Path, hiding: dict[str, object]):
    """A user who filtered the sheet believes that only the visible rows are refunded."""
    path = write_sheet(tmp_path / "refunds.xlsx", [10, 20, 30], **hiding)
    with pytest.raises(SourceError, match=r"refunds\.xlsx: hidden rows: 3 .*filter"):
        read(path)


def test_empty_hidden_rows_and_shown_groups_are_accepted(tmp_path: Path):
    """Only hidden rows that would be planned are a reason to refuse the list."""
    path = write_sheet(tmp_path / "refunds.xlsx", [10, 20], outlineLevel=1)
    workbook = openpyxl.load_workbook(path)
    workbook.active.row_dimensions[9].hidden = True
    workbook.save(path)
    assert read(path) == ({"nord-000001": 1000, "nord-000002": 2000}, [])


def rewrite(path: Path, part: str, old: str, new: str) -> Path:
    """Return the path of a copy of the workbook, with one text in one part replaced."""
    changed = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(changed, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name).decode()
            assert name != part or old in content
            copy.writestr(name, content.replace(old, new) if name == part else content)
    return changed


def test_a_row_of_height_0_is_hidden(tmp_path: Path):
    """Excel marks such a row as hidden too; other programs write only the height."""
    path = write_sheet(tmp_path / "refunds.xlsx", [10, 20, 30], height=7)
    changed = rewrite(path, "xl/worksheets/sheet1.xml", 'ht="7"', 'ht="0"')
    with pytest.raises(SourceError, match="hidden rows: 3 "):
        read(changed)


def test_workbook_with_unknown_hidden_rows_is_refused(tmp_path: Path):
    """If it is unknown whether rows are hidden, they do not count as visible."""
    path = write_sheet(tmp_path / "refunds.xlsx", [10])
    changed = rewrite(path, "xl/workbook.xml", "<workbook ", "<!DOCTYPE workbook><workbook ")
    with pytest.raises(SourceError, match="not clear whether rows of this workbook are hidden"):
        read(changed)


@pytest.mark.parametrize(
    ("amount", "minor"),
    [(59.699999999999996, 5970), (3.3000000000000003, 330), (123456.70000000001, 12345670), (0.1 + 0.2, 30)],
)  # fmt: skip
def test_computed_numbers_are_read_as_excel_shows_them(tmp_path: Path, amount: float, minor: int):
    """Excel stores 17 digits and shows 15 at most: for the user, 3 times 19.90 is 59.7."""
    assert read(write_sheet(tmp_path / "refunds.xlsx", [amount]))[0] == {"nord-000001": minor}


def test_number_with_three_decimals_is_refused(tmp_path: Path):
    """12.345 kroner is not a valid amount, computed or not."""
    amounts, reasons = read(write_sheet(tmp_path / "refunds.xlsx", [12.345, 12.345000000000001]))
    assert amounts == {}
    assert ["more decimals than NOK" in reason for reason in reasons] == [True, True]


@pytest.mark.parametrize("amount", ["1.100", "2.500", "12,500", "1,100", "-1.100", "899.000"])
def test_three_digits_after_the_only_mark_are_refused(
    write: Writer, write_xlsx: Writer, amount: str
):
    """Some shops write 1.100 for 1100; a refund of 1.10 would be wrong by 1098.90."""
    listed = write(f"reference;amount;currency\nnord-000001;{amount};NOK\n", "refunds.csv")
    sheet = write_xlsx([HEAD, ("nord-000001", amount, "NOK")], "refunds.xlsx")
    for path in (listed, sheet):
        amounts, (reason,) = read(path)
        assert amounts == {}
        assert "three digits after its only mark" in reason


def test_unambiguous_amounts_are_read(write: Writer):
    """Two decimals, no decimals, or spaces between the thousands are clear."""
    rows = "nord-000001;1 100,00;NOK\nnord-000002;1100;NOK\nnord-000003;12,50;NOK\n"
    path = write(f"reference;amount;currency\n{rows}".encode("cp1252"), "refunds.csv")
    assert read(path)[0] == {"nord-000001": 110000, "nord-000002": 110000, "nord-000003": 1250}


@pytest.mark.parametrize(
    ("reference", "character", "place"),
    [
        ("nord-000001\u200b", "U+200B (zero width space)", 12),
        ("\ufeffnord-000001", "U+FEFF (zero width no-break space)", 1),
        ("nord-00\u00ad0001", "U+00AD (soft hyphen)", 8),
        ("nord-000001\u00a0", "U+00A0 (no-break space)", 12),
        ("nord\u2013000001", "U+2013 (en dash)", 5),
        ("nord\u2011000001", "U+2011 (non-breaking hyphen)", 5),
        ("n\u043erd-000001", "U+043E (cyrillic small letter o)", 2),
    ],
)
def test_reference_in_a_plan_list_is_never_repaired(
    write: Writer, write_xlsx: Writer, reference: str, character: str, place: int
):
    """The reason names the character and the cell, because nobody can see the character."""
    rows = [HEAD, ("nord-000009", "1.00", "NOK"), (reference, "1.00", "NOK")]
    sheet = write_xlsx(rows, "refunds.xlsx")
    text = "\n".join(";".join(row) for row in rows)
    for path in (write(text.encode("utf-16"), "refunds.csv"), sheet):
        amounts, (reason,) = read(path)
        assert amounts == {"nord-000009": 100}
        assert reason.startswith(f"row 3: reference holds {character}")
        assert f"as its character {place}" in reason
        assert ("(cell A3)" in reason) == (path == sheet)


def test_an_invisible_character_in_an_amount_is_named(write: Writer):
    """Without this, nobody can see why 10.00 is not an amount."""
    path = write("reference,amount,currency\nnord-000001,\u200b10.00,NOK\n", "refunds.csv")
    assert "amount holds U+200B" in read(path)[1][0]


def test_formula_without_a_value_is_neither_empty_nor_all(tmp_path: Path):
    """A script wrote =10*2 and no value."""
    amounts, reasons = read(write_sheet(tmp_path / "refunds.xlsx", ["=10*2", 5]))
    assert amounts == {"nord-000002": 500}
    assert reasons == [
        "row 2: amount is a formula without a value; open the workbook in Excel and save it once "
        "(amount = '=10*2')"
    ]


def test_stored_0_of_an_uncomputed_formula_is_not_a_value(tmp_path: Path):
    """Such a workbook asks Excel to compute its formulas when it is opened."""
    path = tmp_path / "refunds.xlsx"
    with xlsxwriter.Workbook(str(path)) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, HEAD)
        sheet.write_row(1, 0, ("nord-000001", None, "NOK"))
        sheet.write_formula(1, 1, "=10*2")
        sheet.write_row(2, 0, ("nord-000002", None, "NOK"))
        sheet.write_formula(2, 1, "=10*2", value=20)
    amounts, (reason,) = read(path)
    assert amounts == {"nord-000002": 2000}
    assert "is a formula without a value" in reason


@pytest.mark.parametrize(
    "last", [";300.00;NOK", ";300.00;", "Sum;300.00;NOK", "Totalt NOK;300.00;"]
)
def test_row_of_sums_is_not_a_refund(write: Writer, last: str):
    """The reason states that the row is a sum, not only that its reference is missing."""
    rows = f"nord-000001;100.00;NOK\nnord-000002;200.00;NOK\n{last}\n"
    amounts, (reason,) = read(write(f"reference;amount;currency\n{rows}", "refunds.csv"))
    assert amounts == {"nord-000001": 10000, "nord-000002": 20000}
    assert reason == "row 4: the row only sums the rows above it"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_line_of_a_note_is_not_a_refund(write: Writer, encoding: str):
    """If the quotation marks do not match, nobody can know which lines are rows."""
    lines = [
        "reference;amount;currency;note",
        "nord-000001;100,00;NOK;a",
        r'nord-000002;200,00;NOK;"24\""',
        "nord-000003;300,00;NOK;",
        'nord-000004;400,00;NOK;"Ring; takk"',
        "nord-000005;500,00;NOK;b",
    ]
    amounts, reasons = read(write("\r\n".join(lines).encode(encoding), "refunds.csv"))
    assert amounts == {"nord-000001": 10000, "nord-000005": 50000}
    assert [reason.partition(":")[0] for reason in reasons] == ["row 3", "row 4", "row 5"]
    assert all("quotation mark" in reason for reason in reasons)


def test_second_heading_row_in_another_language_refuses_what_follows(tmp_path: Path):
    """Two lists were joined: with the first headings, the VAT of the second would be refunded."""
    rows = [
        ("reference", "amount", "currency", "vat"),
        ("nord-000001", "10.00", "NOK", "2.00"),
        ("referanse", "mva", "valuta", "beløp"),
        ("nord-000002", "5.00", "NOK", "1.00"),
    ]
    path = tmp_path / "refunds.csv"
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    amounts, rejects = read(path)
    assert amounts == {"nord-000001": 1000}
    assert ["second heading row" in reject for reject in rejects] == [True, True]


def test_row_whose_amount_is_a_word_is_not_a_heading_row(tmp_path: Path):
    """A reference may have no digit, and `all` is an amount."""
    path = tmp_path / "refunds.csv"
    path.write_text(
        "reference,amount,currency,reason\nnord-abcd,all,NOK,return\n", encoding="utf-8"
    )
    assert read(path) == ({"nord-abcd": None}, [])
