"""Test what is said of settlement files and bank statements that do not cover the month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.sources.bank.conftest import ACCOUNT, IBAN, document, entry, statement
from tests.sources.settlement.conftest import ENGLISH, as_portal_csv, one_day, portal_row
from tests.sources.settlement.test_older_forms import SECTIONED
from vippsrecon.config.settings import Settings
from vippsrecon.errors import InputError, SourceError
from vippsrecon.workflow.inputs.money_files import MoneyFiles, MoneyPaths, read_money_files

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
QUIET_OCTOBER = (date(2026, 10, 1), date(2026, 10, 4))
NO_SETTINGS = Settings("", "")
OTHER_ACCOUNT = "NO5098765432114"


def captures(days: list[str], **changes) -> list[list[str]]:
    """Return a capture of 10.00 on each of these days."""
    return [
        portal_row("Belastning", "10.00", f"{10 * n}.00", psp=day, day=day, **changes)
        for n, day in enumerate(days, start=1)
    ]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., MoneyFiles]:
    """Read contents: of settlement as `1.csv`, …, of statements as `1.xml`, …."""

    def write(contents: list[str], suffix: str) -> list[Path]:
        paths = [tmp_path / f"{number}{suffix}" for number in range(1, len(contents) + 1)]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content, encoding="utf-8")
        return paths

    def read_contents(settlement=(), bank=(), **options) -> MoneyFiles:
        paths = MoneyPaths(None, write(list(settlement), ".csv"), write(list(bank), ".xml"))
        return read_money_files(paths, NO_SETTINGS, **options)

    return read_contents


def count_rows(files: MoneyFiles) -> tuple[int, ...]:
    """Return the numbers of entries, payouts and bank lines."""
    frames = files.list_arguments()
    return tuple(frames[name].height for name in ("ledger_entries", "payouts", "bank_lines"))


def list_clauses(files: MoneyFiles) -> list[str]:
    """Return why the run is incomplete, in a few words each."""
    return [gap.clause for gap in files.gaps]


def balanced(*days: tuple[str, str, str, str], account: str = ACCOUNT) -> str:
    """Return a file with a statement of 100.00 for each (first day, last day, opening, closing)."""
    return document(
        *(
            statement(
                [entry(day=first, reference=first)],
                days=(first, last),
                opening=opening,
                closing=closing,
                account=f"<Othr><Id>{account}</Id></Othr>",
                name=str(n),
            )
            for n, (first, last, opening, closing) in enumerate(days, start=1)
        )
    )


def test_files_that_cover_the_month_say_nothing(read):
    """The usual month: one settlement report, one statement of the account it pays to."""
    files = read(
        [as_portal_csv(one_day())],
        [balanced(("2026-10-01", "2026-10-31", "5.00", "105.00"))],
        period=QUIET_OCTOBER,
    )
    assert (files.gaps, files.notices) == ((), ())
    assert count_rows(files) == (8, 1, 1)
    days = {IBAN: (date(2026, 10, 1), date(2026, 10, 31))}
    assert files.list_arguments()["statement_days"] == days
    assert sorted(files.inputs) == ["1.csv", "1.xml"]
    assert files.describe()["money_files"]["1.xml"]["last_day"] == "2026-10-31"


def test_absent_files_are_none_and_not_empty():
    """A comparison with what was not given would be a comparison with zero."""
    files = read_money_files(MoneyPaths(), NO_SETTINGS)
    assert set(files.list_arguments().values()) == {None}
    assert (files.describe(), files.inputs) == ({}, {})
    assert (files.gaps, files.notices, files.rejects.height) == ((), (), 0)


def test_repeated_and_overlapping_files_are_read_once(read):
    """A file downloaded twice must not double the money; the manifest's notes say so."""
    report, lines = (
        as_portal_csv(one_day()),
        balanced(("2026-10-01", "2026-10-31", "5.00", "105.00")),
    )
    files = read([report, report], [lines, lines])
    assert count_rows(files) == (8, 1, 1)
    assert sum("counted once" in note for note in files.notes) == 2


def test_two_files_of_one_name_are_refused(tmp_path):
    """A row is known by its file's name; the manifest too has one hash per name."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text(as_portal_csv(one_day()), encoding="utf-8")
    with pytest.raises(SourceError, match="two input files have this name"):
        read_money_files(
            MoneyPaths(None, [tmp_path / "a" / "x.csv"], [tmp_path / "b" / "x.csv"]), NO_SETTINGS
        )


@pytest.mark.parametrize(
    ("days", "clause"),
    [
        (["2026-09-01", "2026-09-30"], "no settlement file covers the period"),
        (["2026-11-01", "2026-11-30"], "no settlement file covers the period"),
        (
            [f"2026-10-{day:02}" for day in range(1, 21)],
            "the settlement files do not cover 2026-10-21 to 2026-10-31",
        ),
        (
            [f"2026-10-{day:02}" for day in range(8, 32)],
            "the settlement files do not cover 2026-10-01 to 2026-10-07",
        ),
    ],
)
def test_days_without_entries_make_the_run_incomplete(read, days: list[str], clause: str):
    """What happened on these days is not known, so it cannot be called right."""
    files = read([as_portal_csv(captures(days))], period=OCTOBER)
    assert list_clauses(files) == [clause]
    assert "there is no verdict" in files.gaps[0].sentence


def test_shop_that_sells_weekly_covers_its_month(read):
    """The last week without an entry is as long as the others."""
    days = ["2026-10-02", "2026-10-09", "2026-10-16", "2026-10-26"]
    files = read([as_portal_csv(captures(days))], period=OCTOBER)
    assert files.gaps == ()


def test_other_unit_and_two_currencies_are_notices(read):
    """Neither hides money, but either may be the wrong file."""
    rows = [*one_day(), *captures(["2026-10-02"], currency="EUR", msn="654321")]
    rows += captures(["2026-10-03"], currency="EUR")
    files = read([as_portal_csv(rows)], msns=frozenset(["123456"]))
    assert files.gaps == ()
    assert any("sales unit 654321" in notice for notice in files.notices)
    assert any("Ledger 302321" in notice and "EUR, NOK" in notice for notice in files.notices)


def test_statement_that_does_not_add_up_is_incomplete(read):
    """A missing line may be a payout; the sentence has the sums that differ."""
    files = read(bank=[balanced(("2026-10-01", "2026-10-31", "5.00", "110.00"))])
    assert list_clauses(files) == ["a bank statement does not add up"]
    assert "give 105.00 NOK, and the closing balance is 110.00 NOK" in files.gaps[0].sentence


def test_gap_between_statements_is_incomplete(read):
    """The next statement does not open where the one before closed."""
    first = ("2026-10-01", "2026-10-10", "0.00", "100.00")
    files = read(bank=[balanced(first, ("2026-10-21", "2026-10-31", "300.00", "400.00"))])
    assert list_clauses(files) == ["bank statements between 2026-10-10 and 2026-10-21 are missing"]


def test_days_without_a_line_are_a_notice(read):
    """Without balances nothing proves a gap, nor that there is none."""
    one = statement([entry()], days=("2026-10-01", "2026-10-05"))
    other = statement([entry(day="2026-10-20")], days=("2026-10-20", "2026-10-31"), name="2")
    files = read(bank=[document(one, other)])
    assert files.gaps == ()
    assert any("Check that no statement is missing" in notice for notice in files.notices)
    assert any("2 bank statements state no opening" in notice for notice in files.notices)


@pytest.mark.parametrize(
    ("days", "clause"),
    [
        (("2026-08-01", "2026-08-31"), "no bank statement covers the period"),
        (("2026-12-01", "2026-12-31"), "no bank statement covers the period"),
        (("2026-10-12", "2026-10-31"), "the bank statements begin on 2026-10-12"),
    ],
)
def test_statement_of_another_month_is_incomplete(read, days: tuple[str, str], clause: str):
    """Each payout would be missing in such a bank."""
    files = read(bank=[balanced((*days, "0.00", "100.00"))], period=OCTOBER)
    assert list_clauses(files) == [clause]


def test_statement_that_ends_early_is_a_notice(read):
    """Later payouts are in transit, as they are at the end of each month."""
    days = ("2026-10-01", "2026-10-20", "0.00", "100.00")
    files = read(bank=[balanced(days)], period=OCTOBER)
    assert files.gaps == ()
    assert any("end on 2026-10-20" in notice for notice in files.notices)


def test_statement_of_another_account_is_incomplete(read):
    """The settlement file names the account that is paid; no statement is of it."""
    days = ("2026-10-01", "2026-10-31", "0.00", "100.00")
    files = read([as_portal_csv(one_day())], [balanced(days, account=OTHER_ACCOUNT)])
    assert list_clauses(files) == [f"there is no statement of account {IBAN}"]
    assert any(f"account {OTHER_ACCOUNT} (1.xml)" in notice for notice in files.notices)


def test_further_account_is_a_notice(read):
    """A bank often gives the statements of all accounts together."""
    days = ("2026-10-01", "2026-10-31", "0.00", "100.00")
    files = read(
        [as_portal_csv(one_day())], [balanced(days), balanced(days, account=OTHER_ACCOUNT)]
    )
    assert files.gaps == ()
    assert any(f"account {OTHER_ACCOUNT} (2.xml)" in notice for notice in files.notices)


def test_account_is_not_doubted_if_that_of_a_payout_is_unknown(read):
    """The Report API states only the account of today, and earlier payouts went to another one."""
    days = ("2026-10-01", "2026-10-31", "0.00", "100.00")
    unknown = [*one_day()[-1]]
    unknown = [cell if cell != "NO93 8601 1117 947" else "" for cell in unknown]
    unknown = [cell.replace("2000001", "2000002") for cell in unknown]
    files = read(
        [as_portal_csv([*one_day(), unknown])],
        [balanced(days), balanced(days, account=OTHER_ACCOUNT)],
    )
    assert not any("No payout goes to account" in notice for notice in files.notices)


def test_file_without_a_readable_row_is_refused(read):
    """Nothing was read, so nothing can be compared."""
    with pytest.raises(InputError, match=r"1\.csv: The only row could not be read"):
        read([as_portal_csv([portal_row("Belastning", "ti kroner", "10.00")])])


def test_file_of_another_kind_is_refused(read):
    """The sentence says what the file is."""
    with pytest.raises(SourceError, match="not a settlement file"):
        read(["reference,currency,total\nA-1,NOK,10.00\n"])


def test_payout_without_a_day_gets_the_usual_one(read):
    """Most forms of the file do not plan a day; Norway pays three bank days later."""
    rows = [*one_day()[:-1], [*one_day()[-1][:-1], ""]]
    payouts = read([as_portal_csv(rows)]).list_arguments()["payouts"]
    assert payouts["expected_bank_date"].to_list() == [date(2026, 10, 6)]


def test_payout_of_an_english_file_gets_the_usual_day(read):
    """The English report has no columns of payouts: the number is in the text, the day is computed."""
    labels = ("Capture", "Refund", "Fees retained", "Payout scheduled")
    payouts = read([as_portal_csv(one_day(labels), ENGLISH)]).list_arguments()["payouts"]
    found = payouts.select("payout_number", "amount_minor", "expected_bank_date", "account").rows()
    assert found == [("2000001", 24400, date(2026, 10, 6), None)]


@pytest.mark.parametrize("newest_first", [False, True])
def test_proof_of_completeness_is_made_of_any_order(read, newest_first: bool):
    """A portal sorts a report as its reader did; the balances run on all the same."""
    rows = [*one_day()]
    second = [portal_row("Belastning", "9.00", "9.00", psp="9", day="2026-10-02")]
    rows = [*rows, *second]
    files = read([as_portal_csv(rows[::-1] if newest_first else rows)])
    (proof,) = files.describe()["ledger_completeness"]
    assert (proof["verdict"], proof["ledger_id"], proof["entries"]) == ("complete", "302321", 6)


def test_proof_names_the_entry_from_which_it_is_broken(read):
    """A row was deleted in Excel: without it there is no verdict, as without a payment's answer."""
    rows = one_day()
    files = read([as_portal_csv([rows[0], *rows[2:]])])
    (proof,) = files.describe()["ledger_completeness"]
    assert (proof["verdict"], proof["broken_entry"]) == ("incomplete", 2)
    [gap] = [gap for gap in files.gaps if gap.clause.startswith("ledger")]
    assert gap.clause == "ledger 302321 (funds) is incomplete from entry 2 (2026-10-01)"
    assert gap.sentence.endswith("Entries are missing or repeated. Read the ledger again.")


def test_ledger_that_breaks_after_the_period_leaves_the_period_complete(read):
    """The first break is of a later day, so nothing of the period is missing."""
    rows = [*one_day(), portal_row("Belastning", "9.00", "99.00", psp="9", day="2026-10-09")]
    for last, is_complete in ((date(2026, 10, 8), True), (date(2026, 10, 31), False)):
        files = read([as_portal_csv(rows)], period=(date(2026, 10, 1), last))
        clauses = [gap.clause for gap in files.gaps if gap.clause.startswith("ledger")]
        assert (not clauses) == is_complete


def test_mapping_without_statements_is_refused():
    """The option would have no effect."""
    with pytest.raises(InputError, match="no statement is given"):
        read_money_files(MoneyPaths(bank_mapping="bank.toml"), NO_SETTINGS)


def test_entry_missing_from_the_only_day_is_incomplete(read):
    """The balances of days that follow one another would show it; a last day has none after it."""
    rows = one_day()
    files = read([as_portal_csv([rows[0], *rows[2:]])])
    assert list_clauses(files) == ["ledger 302321 (funds) is incomplete from entry 2 (2026-10-01)"]
    assert "300.00 NOK, but 100.00 NOK should be there" in files.gaps[0].sentence


@pytest.mark.parametrize("order", ["newest first", "by amount"])
def test_order_of_rows_does_not_make_a_file_incomplete(read, order: str):
    """The times of the entries tell their order, whichever way the user sorted the file."""
    rows = one_day()
    moved = [[*row[:4], f"2026-10-01 12:00:0{n}", *row[5:]] for n, row in enumerate(rows)]
    order_of = {"newest first": rows[::-1], "by amount": sorted(moved, key=lambda row: row[7])}
    files = read([as_portal_csv(order_of[order])])
    assert files.gaps == ()
    assert files.ledger.completeness["verdict"].to_list() == ["complete"]


def test_each_currency_of_a_ledger_has_its_own_balance(read):
    """The entries of one currency do not continue the balance of the other."""
    euros = [
        [*row[:11], "EUR", *row[12:16], f"9{n}", *row[17:]] for n, row in enumerate(one_day()[:2])
    ]
    files = read([as_portal_csv([one_day()[0], *euros, *one_day()[1:]])])
    assert files.gaps == ()
    assert files.ledger.completeness.select("currency", "verdict").rows() == [
        ("NOK", "complete"),
        ("EUR", "complete"),
    ]


def test_transactions_missing_from_an_older_file_are_incomplete(read):
    """A capture and its refund cancel in the sum of the payout; the number of rows shows them."""
    more = (
        "TransactionInfo,09.04.2021,Fjord,123456,4,2000001,order-4,12.04.2021,50.00,NOK,0.00,0.00,50.00\n"
        "TransactionInfo,09.04.2021,Fjord,123456,5,2000001,order-4,12.04.2021,0.00,NOK,0.00,-50.00,0.00\n"
    )
    short = SECTIONED.format(net="245.50", unit="123456", id="2000001").replace(
        ",245.50,3", ",245.50,5"
    )
    assert read([short + more]).gaps == ()
    files = read([short])
    assert list_clauses(files) == ["transactions are missing from 1.csv"]
    assert any("states 5 transactions and has 3" in note for note in files.notes)


def test_broken_balance_of_the_second_currency_is_named(read):
    """The proof of the first currency must not hide it."""
    euros = [[*row[:11], "EUR", *row[12:16], f"9{n}", *row[17:]] for n, row in enumerate(one_day())]
    files = read([as_portal_csv([*one_day(), euros[0], *euros[2:]])])
    (gap,) = files.gaps
    assert "300.00 EUR" in gap.sentence
