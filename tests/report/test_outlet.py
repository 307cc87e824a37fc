"""Where a report cannot be written: one sentence, and nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.building import a_month
from vippsrecon.errors import OutputError
from vippsrecon.report import write_workbook


@pytest.fixture(scope="module")
def month():
    """A month with trouble in it."""
    return a_month(20, flood=0).reconciliation()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (".", "is a folder"),
        ("nowhere/report.xlsx", "does not exist"),
        ("file.txt/report.xlsx", "is a file, not a folder"),
    ],
    ids=["folder", "missing folder", "file as folder"],
)
def test_a_place_that_cannot_be(place, said, month, tmp_path):
    """Each says what is wrong with the place, before an hour of work is lost to it."""
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(OutputError, match=said):
        write_workbook(month, tmp_path / place)


@pytest.mark.parametrize(
    "lock", [".~lock.report.xlsx#", "~$report.xlsx"], ids=["LibreOffice", "Excel"]
)
def test_a_report_somebody_has_open(lock, month, tmp_path):
    """Replaced under their eyes, their edits would be lost when they save."""
    (tmp_path / "report.xlsx").write_bytes(b"good")
    (tmp_path / lock).write_text("")
    with pytest.raises(OutputError, match="is open in"):
        write_workbook(month, tmp_path / "report.xlsx")
    assert (tmp_path / "report.xlsx").read_bytes() == b"good"


SMALL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, sys.argv[1])
from tests.report.building import a_month
from vippsrecon.report import write_workbook
from vippsrecon.errors import OutputError
month = a_month(400).reconciliation()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    write_workbook(month, sys.argv[2])
except OutputError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("size", [20_000, 60_000], ids=["while rows are written", "while zipping"])
def test_a_full_disk_leaves_the_old_report(size, tmp_path):
    """A limit on file size stands in for a full disk: the write itself fails."""
    report = tmp_path / "report.xlsx"
    report.write_bytes(b"good")
    ran = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            SMALL_DISK,
            str(Path(__file__).parents[2]),
            str(report),
            str(size),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 7, ran.stderr
    assert "no room is left" in ran.stdout
    assert ran.stderr == ""
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]
    assert report.read_bytes() == b"good"


def test_nothing_is_left_beside_a_report(month, tmp_path):
    """Working files in a shared folder frighten people."""
    write_workbook(month, tmp_path / "report.xlsx")
    assert [p.name for p in tmp_path.iterdir()] == ["report.xlsx"]
