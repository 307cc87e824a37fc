"""Test which exports of a folder a period takes, and when a missing one makes it incomplete."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from vippsrecon.errors import InputError
from vippsrecon.sources import read_order_files
from vippsrecon.workflow.export_folder import MAX_FILES, choose_exports

HEAD = "msn,reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"
OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
MADE = datetime(2026, 11, 3, 6, tzinfo=UTC)


@pytest.fixture
def exports(tmp_path):
    """Return an empty folder of exports."""
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


@pytest.fixture
def write(exports):
    """Return a function that writes an export of some days, one order a day."""

    def write(name, *days, msn="123456", made=MADE):
        rows = [
            f"{msn},order-{msn}-{day:%m%d},{day:%m%d},NOK,10.00,0.00,fulfilled,{day}T10:00:00Z,"
            f"{day}T11:00:00Z\n"
            for day in days
        ]
        path = exports / name
        path.write_text(HEAD + "".join(rows))
        os.utime(path, (made.timestamp(), made.timestamp()))
        return path

    return write


def october(first, last=None):
    """Return days of October."""
    return [date(2026, 10, day) for day in range(first, (last or first) + 1)]


def choose(*sources, first=OCTOBER[0], last=OCTOBER[1]):
    """Choose the exports of October."""
    read = partial(read_order_files, profile=None, default_msn="123456")
    return choose_exports(sources, read, first, last)


def names_of(chosen):
    """Return the names of the files that were chosen."""
    return [source.name for source in chosen.sources]


def test_exports_with_orders_of_the_period_are_taken(write, exports):
    """Each other file is left out for a reason that is told."""
    write("october.csv", *october(1, 31))
    write("week45.csv", date(2026, 10, 31), date(2026, 11, 1))
    write("november.csv", date(2026, 11, 1), date(2026, 11, 2))
    write("july.csv", date(2026, 7, 1), date(2026, 7, 31))
    write("august.csv", date(2026, 8, 1), made=datetime(2026, 9, 1, tzinfo=UTC))
    write("nothing.csv")
    (exports / "readme.md").write_text("Exports of the shop.")
    (exports / ".hidden.csv").write_text("x")
    (exports / "~$october.xlsx").write_text("x")
    (exports / "archive").mkdir()
    (exports / "bank.csv").write_text(
        "Dato;Forklaring;Rentedato;Ut fra konto;Inn på konto\n01.10.2026;x;01.10.2026;1,00;\n"
    )
    chosen = choose(exports)

    assert names_of(chosen) == ["october.csv", "week45.csv"]
    assert chosen.gaps == ()
    reasons = chosen.left_out
    assert reasons.pop("bank.csv").startswith("this is a bank statement")
    assert reasons == {
        "august.csv": "it was made on 2026-09-01, before the period",
        "july.csv": "its orders are from 2026-07-01 to 2026-07-31",
        "november.csv": "its orders are from 2026-11-01 to 2026-11-02",
        "nothing.csv": "it has no order",
        "readme.md": "it is not a table",
    }
    [notice] = chosen.notices
    assert notice.startswith("Exports from the folder exports: october.csv, week45.csv. Left out: ")
    assert "and 1 more" in notice
    assert str(exports.parent) not in notice


def test_files_and_folders_may_be_mixed(write, exports, tmp_path):
    """A file that is named is read whatever its days."""
    write("october.csv", *october(1, 31))
    named = write("july.csv", date(2026, 7, 1)).rename(tmp_path / "july.csv")
    assert names_of(choose(named, exports)) == ["july.csv", "october.csv"]
    assert names_of(choose(exports, first=None, last=None)) == ["october.csv"]


@pytest.mark.ci
def test_a_missing_file_in_the_middle_makes_the_run_incomplete(write, exports):
    """A shop that writes one file each day: the one of the 14th never arrived."""
    for day in october(1, 31):
        if day.day != 14:
            write(f"{day:%d}.csv", day)
    [gap] = choose(exports).gaps
    assert gap.clause == "no export covers 2026-10-14"
    assert "the folder exports" in gap.sentence


@pytest.mark.parametrize(
    ("spans", "missing"),
    [
        ([(1, 31)], []),
        ([(1, 10), (11, 31)], []),
        ([(1, 10), (5, 31)], []),
        ([(1, 10), (12, 31)], ["2026-10-11"]),
        ([(1, 10), (21, 31)], ["2026-10-11 to 2026-10-20"]),
        ([(1, 6), (8, 13), (15, 20), (22, 27), (29, 31)], []),
        ([(1, 6), (8, 13), (22, 27), (29, 31)], ["2026-10-14 to 2026-10-21"]),
    ],
    ids=[
        *("one", "two", "overlapping", "a day", "ten days"),
        *("closed between all exports", "one export missing of a shop with closed days"),
    ],
)
def test_days_between_exports(write, exports, spans, missing):
    """A day without an export is missing, unless the shop is closed at each such place."""
    for number, span in enumerate(spans):
        write(f"export{number}.csv", *october(*span))
    assert [gap.clause for gap in choose(exports).gaps] == [
        f"no export covers {days}" for days in missing
    ]


def test_days_without_orders_inside_an_export_are_no_gap(write, exports):
    """A shop that often sells nothing for two days may sell nothing between two exports."""
    write("a.csv", *october(1, 3), *october(6, 12))
    write("b.csv", *october(15, 31))
    assert choose(exports).gaps == ()
    write("b.csv", *october(16, 31))
    assert [gap.clause for gap in choose(exports).gaps] == [
        "no export covers 2026-10-13 to 2026-10-15"
    ]


@pytest.mark.parametrize(
    ("name", "days", "made", "covered"),
    [
        ("orders_2026-10-11_2026-10-20.csv", (), MADE, True),
        ("orders-20261011-20261020.csv", (), MADE, True),
        ("orders_2026-10-11_2026-10-20.csv", (), datetime(2026, 10, 15, tzinfo=UTC), False),
        ("orders_2026-10-11_2026-10-20.csv", october(12), MADE, True),
        ("orders_2026-10-11.csv", (), MADE, False),
        ("orders.csv", (), MADE, False),
    ],
    ids=["named", "without hyphens", "made too early", "with an order", "one day", "no days"],
)
def test_days_in_the_name_of_an_export_count(write, exports, name, days, made, covered):
    """A day without orders has an empty export; a day that was not over then is not covered."""
    write("a.csv", *october(1, 10))
    write("c.csv", *october(21, 31))
    write(name, *days, made=made)
    assert (choose(exports).gaps == ()) is covered


def test_each_sales_unit_is_covered(write, exports):
    """The file of another shop covers nothing of this one."""
    write("oslo1.csv", *october(1, 10), msn="111111")
    write("oslo3.csv", *october(21, 31), msn="111111")
    write("bergen.csv", *october(1, 31), msn="222222")
    assert [gap.clause for gap in choose(exports).gaps] == [
        "no export covers 2026-10-11 to 2026-10-20 for sales unit 111111"
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.csv", b""),
        ("other.csv", b"a;b\n1;2\n"),
        ("damaged.xlsx", b"PK\x03\x04" + bytes(50)),
        ("page.xls", b"<html><body>log in</body></html>"),
    ],
)
def test_a_table_that_cannot_be_read_makes_the_run_incomplete(write, exports, name, content):
    """It may be the export of the days that another file seems to cover."""
    write("october.csv", *october(1, 31))
    (exports / name).write_bytes(content)
    chosen = choose(exports)
    assert names_of(chosen) == ["october.csv"]
    assert [gap.clause for gap in chosen.gaps] == [f"{name} could not be read"]
    assert chosen.left_out[name]


def test_an_export_of_rejects_only_makes_the_run_incomplete(write, exports):
    """Its rows are orders that nobody has compared."""
    write("october.csv", *october(1, 31))
    path = write("rejects.csv", *october(5))
    path.write_text(path.read_text().replace("10.00", "ten"))
    assert [gap.clause for gap in choose(exports).gaps] == ["rejects.csv could not be read"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_pipe_in_the_folder_is_not_read(write, exports):
    """Reading from it would never end."""
    write("october.csv", *october(1, 31))
    os.mkfifo(exports / "pipe.csv")
    (exports / "nowhere.csv").symlink_to("missing")
    assert [gap.clause for gap in choose(exports).gaps] == [
        "nowhere.csv could not be read",
        "pipe.csv could not be read",
    ]


def test_a_folder_without_an_export_of_the_period_is_refused(write, exports):
    """There is nothing to compare, and the message says what is there."""
    with pytest.raises(InputError, match="It holds no file"):
        choose(exports)
    write("july.csv", date(2026, 7, 1))
    with pytest.raises(InputError, match=r"no order export of 2026-10-01 to .*july\.csv \(its"):
        choose(exports)


def test_a_folder_of_too_many_files_is_refused(exports):
    """It is the folder of something else."""
    for number in range(MAX_FILES + 1):
        (exports / f"{number}.txt").touch()
    with pytest.raises(InputError, match="more than the 1000"):
        choose(exports)


def test_an_order_without_a_day_may_be_of_the_period(write, exports):
    """Unknown is not another month."""
    path = write("undated.csv", *october(5))
    path.write_text(path.read_text().replace("2026-10-05T10:00:00Z", ""))
    assert names_of(choose(exports)) == ["undated.csv"]


def test_an_old_file_is_not_opened(write, exports):
    """A folder of years is read quickly; a day is left for the time zones."""
    made = datetime(2026, 9, 30, 12, tzinfo=UTC)
    write("october.csv", *october(1, 31))
    write("edge.csv", *october(1), made=made)
    write("old.csv", *october(1), made=made - timedelta(days=1))
    chosen = choose(exports)
    assert names_of(chosen) == ["edge.csv", "october.csv"]
    assert "made on 2026-09-29" in chosen.left_out["old.csv"]
