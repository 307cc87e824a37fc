"""Give any content to the reader of banks' CSV files: a result whose rows add up, or a package error."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.sources.bank.test_bank_csv import FORMS, encode
from vippsrecon.errors import VippsReconError
from vippsrecon.sources.bank import read_bank_files

CELLS = st.one_of(
    st.sampled_from(["", "0,00", "1.00", "-1", "1.234,50", "1e9", "NaN", "9" * 20, "30.04.2026", "Saldo", "Reservert"]),
    st.text(st.characters(codec="utf-8", exclude_characters='"\x00'), max_size=8),
)  # fmt: skip


def assert_rows_add_up(path: Path) -> None:
    """Each row is a line, a provisional line or a reject."""
    with contextlib.suppress(VippsReconError):
        result = read_bank_files([path])
        (summary,) = result.files
        assert summary.entries + summary.provisional + summary.rejected == summary.rows
        assert sum(totals["entries"] for totals in summary.totals.values()) == summary.entries


@pytest.mark.parametrize("form", sorted(FORMS))
@draw_examples(4)
@given(data=st.data())
def test_damaged_bytes_give_a_result_or_a_package_error(tmp_path: Path, form: str, data):
    """Bytes are removed, changed or added, so that the damage is deep inside a valid file."""
    content = bytearray(encode(form))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content)))
        size = data.draw(st.integers(0, 30))
        content[place : place + size] = data.draw(st.binary(max_size=10))
    path = tmp_path / "bank.csv"
    path.write_bytes(bytes(content))
    assert_rows_add_up(path)


@pytest.mark.parametrize("form", ["dnb", "handelsbanken-no", "nordea-dk"])
@draw_examples(6)
@given(rows=st.lists(st.lists(CELLS, min_size=15, max_size=15), max_size=5))
def test_any_cells_give_a_result_or_a_package_error(tmp_path: Path, form: str, rows):
    """Each cell may hold anything."""
    heading = FORMS[form].splitlines()[0]
    width = len(heading.rstrip(";").split(";"))
    lines = [";".join(f'"{cell}"' for cell in row[:width]) for row in rows]
    path = tmp_path / "bank.csv"
    path.write_text(
        "\n".join([*FORMS[form].splitlines(), *lines]), encoding="utf-8", errors="replace"
    )
    assert_rows_add_up(path)
