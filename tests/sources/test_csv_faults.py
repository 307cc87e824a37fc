"""Test that no row is lost: after a fault in the file, each row is read or rejected."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.conftest import Writer
from vippsrecon.errors import SourceError
from vippsrecon.sources import OrderFiles, read_orders
from vippsrecon.sources.files.csv_rows import MAX_LINE_LENGTH, read_csv_rows

HEAD = "reference;order_number;currency;note;total;refunded"
ROWS = [f"ord-00000{n};{n};NOK;;{n}.00;0.00" for n in range(1, 6)]


def read(write: Writer, lines: list[str], encoding: str = "utf-8") -> OrderFiles:
    """Read a plain export of these lines."""
    text = "\r\n".join([HEAD, *lines])
    return read_orders(write(text.encode(encoding)), default_msn="123456")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize(
    ("row_3", "quoted_row_5"),
    [
        (r'ord-000002;2;NOK;"Si \"hei\"";2.00;0.00', '"Ring, takk"'),
        (r'ord-000002;2;NOK;"24\"";2.00;0.00', '"Ring, takk"'),
        (r'ord-000002;2;NOK;"24\"";2.00;0.00', '"; takk"'),
        (r'ord-000002;2;NOK;"24\"";2.00;0.00', ""),
        ('ord-000002;2;NOK;"Ring;2.00;0.00', '"Ring, takk"'),
        ('ord-000002;2;NOK;"Ring;2.00;0.00', 'x"'),
        ('ord-000002;2;NOK;"Ring;2.00;0.00', ""),
        ('"ord-000002";"2";"NOK";"Ring;"2.00";"0.00"', ""),
    ],
    ids=["PHP", "PHP at the end", "PHP and a delimiter", "PHP to the file's end", "unclosed",
         "closed far below", "never closed", "all quoted"],
)  # fmt: skip
def test_unbalanced_quote_rejects_only_its_line(
    write: Writer, row_3: str, quoted_row_5: str, encoding: str
):
    """A reader takes all text up to the next quotation mark for one cell, and loses those rows."""
    rows = [ROWS[0], row_3, ROWS[2], ROWS[3].replace(";;", f";{quoted_row_5};"), ROWS[4]]
    got = read(write, rows, encoding)
    assert list(got.orders["source_row"]) == [2, 4, 5, 6]
    assert list(got.orders["total_minor"]) == [100, 300, 400, 500]
    assert list(got.rejects["source_row"]) == [3]
    assert "quotation mark" in got.rejects["reason"][0]


def test_a_missing_quote_in_the_last_row_rejects_that_row(write: Writer):
    """A file that was cut off still has all the rows above the last one."""
    got = read(write, [*ROWS, 'ord-000006;6;NOK;"Hei;6.00;0'])
    assert len(got.orders) == 5
    assert list(got.rejects["source_row"]) == [7]
    assert "never closed" in got.rejects["reason"][0]


def test_a_line_of_separators_is_refused(write: Writer):
    """Each of them makes a cell: a file of 500 MB would need 4 GB of memory."""
    path = write("reference,currency,total\n" + "," * (MAX_LINE_LENGTH + 1))
    with pytest.raises(SourceError, match=r"^orders\.csv: a line is larger than 16 MB"):
        read_orders(path, default_msn="123456")


def test_a_cell_of_several_lines_stays_one_cell(write: Writer):
    """Addresses and notes contain line breaks; the rows below keep their line numbers."""
    note = 'ord-000002;2;NOK;"Hei\r\n- ett; to; tre; fire; fem; seks\r\n\r\n""Takk""";2.00;0.00'
    got = read(write, [ROWS[0], note, ROWS[2]])
    assert list(got.orders["source_row"]) == [2, 3, 7]
    assert got.rejects.empty


def test_every_line_of_a_broken_cell_is_rejected(write: Writer):
    """The faulty cell really has several lines, so each line is rejected by its number."""
    got = read(write, [ROWS[0], 'ord-000002;2;NOK;"Hei "du"', 'igjen";2.00;0.00', ROWS[2]])
    assert list(got.orders["source_row"]) == [2, 5]
    assert list(got.rejects["source_row"]) == [3, 4]


def test_faults_in_every_line_are_read_in_one_pass():
    """After each fault, the reader must not read the rest of the file again."""
    count = 0

    def lines():
        nonlocal count
        for number in range(20_000):
            count += 1
            yield f'{number},"x""\n'

    rows = list(read_csv_rows(lines(), 2, ",", 2, "a.csv"))
    assert [row.number for row in rows] == list(range(2, 20_002))
    assert all(row.fault for row in rows)
    assert count == 20_000


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_repeated_heading_row_is_not_an_order(write: Writer, mark: str):
    """Two exports were joined into one file, for example with Windows' copy a.csv + b.csv."""
    got = read(write, [ROWS[0], mark + HEAD.upper(), ROWS[1], "\x1a"])
    assert list(got.orders["source_row"]) == [2, 4]
    assert list(got.rejects["source_row"]) == [3]
    assert "heading row again" in got.rejects["reason"][0]


def test_joined_exports_are_read_by_their_own_headings(write: Writer, write_xlsx: Writer):
    """With the first headings, the refund of 0 would be read as the total."""
    second = "reference;order_number;currency;note;refunded;total"
    lines = [ROWS[0], second, "ord-000002;2;NOK;;0.50;200.00", "ord-000003;3;NOK;;0.00;300.00"]
    sheet = write_xlsx([line.split(";") for line in [HEAD, *lines]])
    for got in (read(write, lines), read_orders(sheet, default_msn="123456")):
        assert list(got.orders["total_minor"]) == [100, 20000, 30000]
        assert list(got.orders["refunded_minor"]) == [0, 50, 0]
        assert list(got.rejects["source_row"]) == [3]
        assert "read by its names" in got.rejects["reason"][0]


@pytest.mark.parametrize(
    "second",
    [
        "reference;order_number;currency;note;total;status",
        "msn;reference;order_number;currency;total;refunded",
        "reference;order_number;currency;total",
        "id;name;total;refunded;currency;reference",
        "Beløp;Ordrenummer;Valuta;Reference;Merknad;Refusjon",
        "referanse;ordrenr;valuta;merknad;refundert;totalbeløp",
        "Referens;Ordernummer;Valuta;Butik;Återbetalat;Belopp",
    ],
    ids=[
        "another column",
        "one more, one less",
        "fewer",
        "other columns first",
        "other names",
        "Norwegian",
        "Swedish",
    ],
)
def test_rows_below_other_columns_are_refused_by_number(
    write: Writer, write_xlsx: Writer, second: str
):
    """Nobody can know which cell belongs to which column."""
    row = ";".join("1" for _ in second.split(";"))
    lines = [ROWS[0], second, row, row]
    sheet = write_xlsx([line.split(";") for line in [HEAD, *lines]])
    for got in (read(write, lines), read_orders(sheet, default_msn="123456")):
        assert list(got.orders["source_row"]) == [2]
        assert list(got.rejects["source_row"]) == [3, 4, 5]
        assert "save the two exports as two files" in got.rejects["reason"][2]


def test_headings_joined_to_the_last_row_reject_what_follows(write: Writer):
    """The first file had no line end, so its last row and the next headings are on one line."""
    glued = f"{ROWS[1]}\ufeffreference;order_number;currency;note;refunded;total"
    got = read(write, [ROWS[0], glued, "ord-000003;3;NOK;;0.00;300.00"])
    assert list(got.orders["source_row"]) == [2]
    assert list(got.rejects["source_row"]) == [3, 4]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(['"', '""', r"\"", ",", ",", "a", "x y", "\n", "1,2,3\n", '"q, r"', '4,"', '",5']),
        max_size=30,
    )
)  # fmt: skip
def test_every_line_belongs_to_a_row_or_a_reject(pieces: list[str]):
    """Wherever the quotation marks are, no line is left out."""
    lines = list(io.StringIO("".join(pieces), newline=""))
    rows = list(read_csv_rows(iter(lines), 1, ",", 3, "a.csv"))
    is_valid = {row.number: row.fault is None for row in rows}
    assert list(is_valid) == sorted(is_valid)
    assert len(is_valid) == len(rows)
    start = 0
    for number in range(1, len(lines) + 1):
        start = number if number in is_valid else start
        assert start == number or is_valid[start]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        pytest.param("Sum;2 orders;NOK;;101.00;", "the row only sums the rows above it", id="sum"),
        pytest.param("Total-2;2 orders;NOK;;101.00;", None, id="an order's reference"),
        pytest.param("Sum;2 orders;NOK;;999.00;", None, id="not the sum of the rows above"),
    ],
)
def test_row_with_a_word_and_the_sum_of_the_rows_is_not_an_order(
    write: Writer, last: str, reason: str | None
):
    """A sum row may count the orders too."""
    rows = ["ord-1;1;NOK;;1.00;", "ord-2;2;NOK;;100.00;"]
    got = read(write, [*rows, last])
    assert list(got.rejects["reason"]) == ([reason] if reason else [])
    assert len(got.orders) == (2 if reason else 3)
