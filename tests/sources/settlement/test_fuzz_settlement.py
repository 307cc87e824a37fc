"""Give any content to the readers of settlement files: a result, or an error of this package."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hypothesis_sizes import draw_examples
from tests.sources.settlement.conftest import as_portal_csv, one_day, portal_row
from tests.sources.settlement.test_older_forms import ROWS, SECTIONED, as_text, report
from vippsrecon.errors import VippsReconError
from vippsrecon.sources.settlement import read_settlement_files

SOUND = {
    "portal.csv": as_portal_csv(one_day()).encode(),
    "flat.csv": as_text(ROWS).encode("cp1252"),
    "sectioned.csv": SECTIONED.format(net="295,50", unit="1234", id="2000720").encode(),
    "report.xml": report("Net", "245.50").encode(),
}
QUIET = draw_examples(8)
CELLS = st.one_of(
    st.sampled_from(["", "0", "1.00", "-1.00", "1,00", "1e9", "NaN", "9" * 20, "2026-10-05", "Belastning"]),
    st.text(st.characters(codec="utf-8", exclude_characters='"\x00'), max_size=8),
)  # fmt: skip


def assert_footing(path: Path) -> None:
    """Read a file: sums are whole numbers, and no row is both an entry and a reject."""
    with contextlib.suppress(VippsReconError):
        result = read_settlement_files([path])
        used = set(result.entries["source_row"])
        if path.suffix == ".csv":
            assert not used & set(result.rejects["source_row"])
        (summary,) = result.files
        assert all(isinstance(v, int) for sums in summary.totals.values() for v in sums.values())


@pytest.mark.parametrize("name", SOUND)
@QUIET
@given(data=st.data())
def test_damaged_bytes_give_a_result_or_a_package_error(tmp_path: Path, name: str, data):
    """Bytes are removed, changed or added, so that the damage is deep inside a valid file."""
    content = bytearray(SOUND[name])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content)))
        size = data.draw(st.integers(0, 30))
        content[place : place + size] = data.draw(st.binary(max_size=10))
    path = tmp_path / name
    path.write_bytes(bytes(content))
    assert_footing(path)


@QUIET
@given(
    rows=st.lists(
        st.builds(
            portal_row, CELLS, CELLS, CELLS, CELLS, psp=CELLS, time=CELLS, day=CELLS,
            currency=st.sampled_from(["NOK", "EUR", "x", ""]), payout=st.tuples(CELLS, CELLS, CELLS),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_cells_give_a_result_or_a_package_error(tmp_path: Path, rows: list[list[str]]):
    """Each cell of the portal's report may hold anything."""
    path = tmp_path / "portal.csv"
    path.write_text(as_portal_csv([*one_day(), *rows]), encoding="utf-8", errors="replace")
    assert_footing(path)
