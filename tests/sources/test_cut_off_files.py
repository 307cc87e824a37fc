"""Cut files anywhere: the rest is refused, or what is missing is said, and no value is changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.sources.bank.conftest import document, entry, statement
from tests.sources.bank.test_bank_csv import FORMS, encode
from tests.sources.settlement.conftest import ENGLISH, NORWEGIAN, as_portal_csv, one_day
from tests.sources.settlement.test_older_forms import ROWS, SECTIONED, as_text, report
from vippsrecon.errors import VippsReconError
from vippsrecon.sources.bank import read_bank_files
from vippsrecon.sources.settlement import read_settlement_files


def as_plain_csv(rows, headings) -> str:
    """Return rows of the portal without quotation marks, as other programs write them."""
    cells = [[cell.replace("\n", " ").replace(",", "") for cell in row] for row in rows]
    lines = [",".join(row[: len(headings)]) for row in (headings, *cells)]
    return "\n".join([*lines, ""])


ENGLISH_LABELS = ("Capture", "Refund", "Fees retained", "Payout scheduled")
SETTLEMENT = {
    "portal.csv": as_portal_csv(one_day()).encode(),
    "portal without quotes.csv": as_plain_csv(one_day(), NORWEGIAN).encode(),
    "portal in English.csv": as_plain_csv(one_day(ENGLISH_LABELS), ENGLISH).encode("utf-8-sig"),
    "flat.csv": as_text(ROWS).encode("cp1252"),
    "sectioned.csv": SECTIONED.format(net="245.50", unit="123456", id="2000001").encode(),
    "report.xml": report("Net", "245.50").encode(),
}
ENTRIES = [entry("5.00", reference="A1"), entry("2.00", "DBIT", reference="A2")]
BANK = {f"{form}.csv": encode(form) for form in FORMS} | {
    "camt.xml": document(statement(ENTRIES, opening="1.00", closing="4.00")).encode()
}
STATES_SUMS = {
    "flat.csv",
    "sectioned.csv",
    "report.xml",
    "camt.xml",
    "handelsbanken-no.csv",
    "valle.csv",
}
FILES = SETTLEMENT | BANK
OF_PAYMENTS = ["capture", "refund", "capture-fee"]


def read(path: Path, name: str):
    """Return the rows of a file that are not computed from others, its totals, and what is said."""
    if name in SETTLEMENT:
        result = read_settlement_files([path])
        rows = result.entries.filter(pl.col("entry_type").is_in(OF_PAYMENTS)).rows()
        if name.startswith("portal"):
            # Only a payout names the ledger.
            frames = [result.entries.drop("ledger_id"), result.payouts.drop("ledger_id")]
            rows = [row for frame in frames for row in frame.rows()]
    else:
        result = read_bank_files([path])
        rows = result.lines.rows()
    (summary,) = result.files
    return set(rows), summary.totals, {*summary.notes, *result.rejects["reason"]}


@cache
def read_whole(folder: Path, name: str):
    """Return what `read` does of the whole file."""
    path = folder / name
    path.write_bytes(FILES[name])
    return read(path, name)


def check_prefix(folder: Path, name: str, length: int) -> None:
    """Read the first bytes of a file."""
    rows, totals, said = read_whole(folder, name)
    path = folder / name
    path.write_bytes(FILES[name][:length])
    try:
        kept, sums, now_said = read(path, name)
    except VippsReconError:
        return
    assert kept <= rows, (name, length, FILES[name][:length][-60:])
    if name in STATES_SUMS and sums != totals:
        assert now_said - said, (name, length, FILES[name][:length][-60:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all files, as `read_whole` remembers it."""
    return tmp_path_factory.mktemp("cut")


@draw_examples(60)
@given(name=st.sampled_from(sorted(FILES)), place=st.floats(0, 1))
def test_file_that_is_cut_off_changes_no_row(folder: Path, name: str, place: float):
    """Half an amount is an amount too: 1572,00 that ends at 15 must not be money."""
    check_prefix(folder, name, int(place * len(FILES[name])))


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(FILES))
def test_file_may_be_cut_at_each_byte(folder: Path, name: str):
    """The same for every length there is."""
    for length in range(len(FILES[name])):
        check_prefix(folder, name, length)


@pytest.mark.parametrize(
    ("name", "end", "reason"),
    [
        ("sbanken.csv", b"\t\t15", "the file ends within this row"),
        ("portal without quotes.csv", b"947,2026-10-0", "the file ends within this row"),
        ("portal.csv", b'"2000001","NO93', "never closed"),
    ],
)
def test_row_that_is_cut_off_is_a_reject(folder: Path, name: str, end: bytes, reason: str):
    """The last row is named, and the rows before it are read."""
    whole = FILES[name]
    path = folder / name
    path.write_bytes(whole[: whole.index(end) + len(end)])
    _, _, said = read(path, name)
    assert any(reason in text for text in said)


def test_file_that_ends_within_a_character_is_cut_off(folder: Path):
    """Its encoding is known from the letters before; it is not Windows-1252 all of a sudden."""
    whole = FILES["portal.csv"]
    path = folder / "portal.csv"
    path.write_bytes(whole[: whole.rindex("å".encode()) + 1])
    with pytest.raises(VippsReconError, match="ends within a character"):
        read_settlement_files([path])


@pytest.mark.parametrize("form", ["dnb", "sbanken"])
def test_line_end_or_quotation_mark_makes_the_last_row_whole(folder: Path, form: str):
    """DNB ends its files without a line end, but each cell with its quotation mark."""
    path = folder / f"{form}.csv"
    path.write_bytes(encode(form))
    assert read_bank_files([path]).rejects.is_empty()
