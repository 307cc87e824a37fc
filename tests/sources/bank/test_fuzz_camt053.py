"""Give any content to the reader of camt.053: a result whose rows add up, or a package error."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.sources.bank.conftest import balance, document, entry, statement
from vippsrecon import preview
from vippsrecon.errors import VippsReconError
from vippsrecon.sources.bank import read_bank_files

SOUND = document(
    statement(
        [entry("5.00", reference="A"), entry("1.00", "DBIT")], opening="1.00", closing="5.00"
    ),
    statement([entry(status="<Sts>PDNG</Sts>"), balance("CLBD", "5.00")], name="2"),
).encode()
QUIET = draw_examples(15)

TEXTS = st.one_of(
    st.sampled_from(["", "0", "1.00", "-1", "1,00", "1e9", "NaN", "9" * 20, "00012.500", "٣.00", "1_0"]),
    st.text(st.characters(codec="utf-8", exclude_characters="<>&\x00"), max_size=12),
)  # fmt: skip
DAYS = st.sampled_from(
    ["2026-10-05", "2026-02-30", "", "0000-00-00", "2026-10-05T25:00", "05.10.2026"]
)
ENTRIES = st.builds(
    entry,
    TEXTS,
    st.sampled_from(["CRDT", "DBIT", "", "crdt"]),
    day=DAYS,
    text=TEXTS,
    reference=st.sampled_from(["", "A1", "A2"]),
    status=st.sampled_from(["", "<Sts>BOOK</Sts>", "<Sts><Cd>PDNG</Cd></Sts>", "<Sts>X</Sts>"]),
    currency=st.sampled_from(["NOK", "EUR", "CHF", "", "nok"]),
)


def assert_rows_add_up(path: Path) -> None:
    """Read a file: each entry is a line, a provisional line, a reject, or counted in a note."""
    with contextlib.suppress(VippsReconError):
        result = read_bank_files([path])
        (summary,) = result.files
        assert summary.entries + summary.provisional + summary.rejected <= summary.rows
        assert len(result.lines) == summary.entries
        for statement_read in result.statements:
            moved = result.lines.filter(currency=statement_read.currency)["amount_minor"].sum()
            assert isinstance(moved, int)
    with contextlib.suppress(VippsReconError):
        preview(path)


@QUIET
@given(data=st.data())
def test_damaged_bytes_give_a_result_or_a_package_error(tmp_path: Path, data: st.DataObject):
    """Bytes are removed, changed or added, so that the damage is deep inside a valid file."""
    content = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content)))
        size = data.draw(st.integers(0, 40))
        content[place : place + size] = data.draw(st.binary(max_size=12))
    path = tmp_path / "bank.xml"
    path.write_bytes(bytes(content))
    assert_rows_add_up(path)


@QUIET
@given(entries=st.lists(ENTRIES, max_size=8), opening=TEXTS, closing=TEXTS)
def test_any_cells_give_a_result_or_a_package_error(
    tmp_path: Path, entries: list[str], opening: str, closing: str
):
    """Each cell may hold anything that fits into XML."""
    path = tmp_path / "bank.xml"
    content = document(statement(entries, opening=opening, closing=closing))
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    assert_rows_add_up(path)


@QUIET
@given(
    entries=st.lists(
        st.builds(entry, st.sampled_from(["1.00", "2.00"]), text=st.sampled_from(["a", "b"]),
                  reference=st.sampled_from(["", "R1", "R2"]), day=st.sampled_from(["2026-10-05", "2026-10-06"])),
        max_size=8,
    ),
    split=st.integers(0, 8),
)  # fmt: skip
def test_second_download_adds_nothing(tmp_path: Path, entries: list[str], split: int):
    """Whatever a file holds: given twice, or with an earlier part of it, it is the same money."""
    whole, part = tmp_path / "whole.xml", tmp_path / "part.xml"
    whole.write_text(document(statement(entries)))
    part.write_text(document(statement(entries[:split], name="part")))
    alone = read_bank_files([whole]).lines
    both = read_bank_files([part, whole]).lines
    assert both["amount_minor"].sum() == alone["amount_minor"].sum()
    assert both.height == alone.height
