"""Test that a line is counted once, whatever number of rows and files show it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.sources.bank.conftest import document, entry, statement

PENDING = "<Sts><Cd>PDNG</Cd></Sts>"


def amounts(result) -> list[int]:
    """Return the amounts of the lines."""
    return result.lines["amount_minor"].to_list()


def test_same_reference_twice_is_a_duplicate(read):
    """The bank gives each booking its own reference, so the second row is the same money."""
    result = read(document(statement([entry(reference="A1"), entry(reference="A1")])))
    assert amounts(result) == [10000]
    (reject,) = result.rejects.to_dicts()
    assert (reject["source_row"], reject["value"]) == (2, "A1")
    assert "exact duplicate" in reject["reason"]


def test_different_references_are_a_double_payment(read):
    """All else is equal, but the bank booked two payments."""
    result = read(document(statement([entry(reference="A1"), entry(reference="A2")])))
    assert amounts(result) == [10000, 10000]
    assert result.rejects.is_empty()


def test_equal_rows_without_reference_are_two_payments(read):
    """Two equal gifts on one day are real; a note says that nothing tells them apart."""
    result = read(document(statement([entry(), entry()])))
    assert amounts(result) == [10000, 10000]
    assert any("without a reference" in note for note in result.files[0].notes)


def test_balances_prove_that_both_rows_were_booked(read):
    """Some banks give all payments of a batch one reference."""
    twins = [entry(reference="A1"), entry(reference="A1")]
    result = read(document(statement(twins, opening="0.00", closing="200.00")))
    assert amounts(result) == [10000, 10000]
    assert any("the balances show" in note for note in result.files[0].notes)


def test_balances_foot_again_without_the_duplicate(read):
    """The duplicate was never booked, so the statement is complete without it."""
    twins = [entry(reference="A1"), entry(reference="A1")]
    result = read(document(statement(twins, opening="0.00", closing="100.00")))
    assert result.statements[0].unexplained_minor == 0
    assert not any("add up" in note for note in result.files[0].notes)


@pytest.mark.parametrize("reference", ["A1", ""])
def test_overlapping_files_count_each_line_once(read, reference: str):
    """The second download begins before the first ends."""
    shared = entry("1.00", reference=reference)
    result = read(
        document(statement([entry("5.00", day="2026-10-01"), shared], days=("2026-10-01", "2026-10-10"))),
        document(
            statement(
                [shared, entry("7.00", day="2026-10-20")], days=("2026-10-05", "2026-10-31"), name="2"
            )
        ),
    )  # fmt: skip
    assert sorted(amounts(result)) == [100, 500, 700]
    assert any("1 line is in several files" in note for note in result.notes)


def test_same_file_under_two_names_counts_once(read):
    """A file is downloaded twice more often than anything else."""
    content = document(statement([entry("1.00"), entry("1.00"), entry("2.00")]))
    assert sorted(amounts(read(content, content))) == [100, 100, 200]


def test_statement_repeated_in_one_file_counts_once(read):
    """Some systems send a statement again in the next file, beside the new one."""
    own = statement([entry("1.00")], name="7")
    assert amounts(read(document(own, own))) == [100]


def test_statements_of_one_day_that_follow_one_another_are_both_counted(read):
    """Equal lines of a morning's and an evening's statement are two payments."""
    day = ("2026-10-05", "2026-10-05")
    first = statement([entry("1.00")], name="1", opening="0.00", closing="1.00", days=day)
    second = statement([entry("1.00")], name="2", opening="1.00", closing="2.00", days=day)
    assert amounts(read(document(first), document(second))) == [100, 100]
    assert amounts(read(document(first, second))) == [100, 100]


def test_text_that_the_bank_completed_later_is_one_line(read):
    """The newer file has as many lines of that day and amount, so none came in addition."""
    result = read(
        document(statement([entry(text="Utb. 2000591")])),
        document(statement([entry(text="Utb. 2000591 Vippsnr 698382")], name="2")),
    )
    assert result.lines["text"].to_list() == ["Utb. 2000591 Vippsnr 698382"]


def test_further_payment_of_the_same_amount_is_counted(read):
    """The older file was made at noon; in the afternoon an equal amount came in."""
    result = read(
        document(statement([entry(text="one")])),
        document(statement([entry(text="one"), entry(text="two")], name="2")),
    )
    assert sorted(result.lines["text"]) == ["one", "two"]


def test_file_with_references_and_one_without_are_the_same_money(read):
    """The CSV of a bank lacks the references that its camt.053 has."""
    result = read(
        document(statement([entry(reference="A1")])),
        document(statement([entry(text="Other words")], name="2")),
    )
    assert result.lines["bank_reference"].to_list() == ["A1"]


def test_provisional_line_and_its_booked_line_are_one(read):
    """A line on its way is shown first without, then with a booking day."""
    on_its_way = entry("99.00", day="2026-10-06", status=PENDING, text="Reservert")
    result = read(
        document(statement([on_its_way], days=("2026-10-01", "2026-10-06"))),
        document(statement([entry("99.00", day="2026-10-08")], days=("2026-10-07", "2026-10-31"), name="2")),
    )  # fmt: skip
    assert amounts(result) == [9900]
    assert result.provisional.is_empty()
    assert any("was booked later" in note for note in result.notes)


@pytest.mark.parametrize(
    "booked",
    [
        entry("99.00", day="2026-10-05"),
        entry("99.00", day="2026-10-25"),
        entry("98.00", day="2026-10-08"),
        entry("99.00", day="2026-10-08", reference="B2"),
    ],
    ids=["earlier", "much later", "other amount", "other reference"],
)
def test_provisional_line_stays_where_no_line_replaces_it(read, booked: str):
    """Otherwise money on its way would vanish from sight."""
    on_its_way = entry(
        "99.00", day="2026-10-06", status=PENDING, reference="A1" if "B2" in booked else ""
    )
    result = read(document(statement([on_its_way, booked])))
    assert result.provisional["amount_minor"].to_list() == [9900]
    assert any("is in no sum" in note for note in result.notes)


def test_each_booked_line_replaces_one_provisional_line(read):
    """Two equal payments are on their way, and one of them is booked."""
    waiting = [entry("9.00", day="2026-10-05", status=PENDING) for _ in range(2)]
    result = read(document(statement([*waiting, entry("9.00", day="2026-10-06")])))
    assert (amounts(result), result.provisional.height) == ([900], 1)


def october(name: str, first: int, last: int, **options) -> str:
    """Return a statement of some days of October."""
    days = (date(2026, 10, first).isoformat(), date(2026, 10, last).isoformat())
    return document(statement(days=days, name=name, **options))


def test_gap_between_statements_is_said(read):
    """By the balances, by the numbers, or by the days."""
    chained = {"opening": "1.00", "closing": "1.00"}
    broken = read(
        october("1", 1, 9, **chained), october("2", 10, 20, opening="3.00", closing="3.00")
    )
    assert any("closes at 1.00 NOK, the next opens at 3.00 NOK" in note for note in broken.notes)
    numbered = read(
        october("1", 1, 9, sequence="4", **chained), october("2", 12, 20, sequence="7", **chained)
    )
    assert any("2 statements are missing (numbers 4 and 7)" in note for note in numbered.notes)
    silent = read(
        document(statement([entry()], days=("2026-10-01", "2026-10-06"))),
        document(statement([entry(day="2026-10-25")], days=("2026-10-20", "2026-10-31"), name="2")),
    )  # fmt: skip
    assert any("days without a statement" in note for note in silent.notes)
    whole = read(october("1", 1, 9, **chained), october("2", 12, 20, **chained))
    assert whole.notes == ()


def test_other_account_and_other_month_are_said(read):
    """A statement of the wrong account or month must not look like missing payouts."""
    content = document(statement([entry()]))
    other = read(content, accounts=["15039794613"])
    assert any("Account NO9386011117947 is not one that payouts go to" in n for n in other.notes)
    assert any("no statement of account NO1315039794613" in n for n in other.notes)
    assert read(content, accounts=["8601.11.17947"]).notes == ()
    month = read(content, period=(date(2026, 11, 1), date(2026, 11, 30)))
    assert any("another month" in note for note in month.notes)
    longer = read(content, period=(date(2026, 10, 1), date(2026, 11, 4)))
    assert any("end on 2026-10-31, before the period" in note for note in longer.notes)
