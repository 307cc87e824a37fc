"""Test what is read from camt.053, the bank statement of ISO 20022."""

from __future__ import annotations

from datetime import date

import pytest

from tests.sources.bank.conftest import IBAN, balance, document, entry, statement
from vippsrecon import preview
from vippsrecon.errors import SourceError


def amounts(read_files) -> list[int]:
    """Return the amounts of the lines."""
    return read_files.lines["amount_minor"].to_list()


def test_entry_becomes_a_line(read):
    """The figures and words of one entry, in the form that is compared with payouts."""
    result = read(document(statement([entry("1572.00", reference="272437290")])))
    (line,) = result.lines.to_dicts()
    assert line == {
        "account": IBAN,
        "booked_date": date(2026, 10, 5),
        "value_date": date(2026, 10, 5),
        "currency": "NOK",
        "amount_minor": 157200,
        "text": "Utb. 2000591 Vippsnr 698382",
        "bank_reference": "272437290",
        "source_file": "1.xml",
        "source_row": 1,
    }
    assert result.rejects.is_empty()


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "13"])
def test_each_version_is_read_by_its_own_namespace(read, version: str):
    """Banks move from 02 to 08; the version of a file is never guessed or required."""
    status = "<Sts>BOOK</Sts>" if version == "02" else "<Sts><Cd>BOOK</Cd></Sts>"
    result = read(document(statement([entry(status=status)]), version=version))
    assert amounts(result) == [10000]


def test_prefixed_names_and_times_are_read(read):
    """A bank may prefix every element, and write days as times of its own zone."""
    content = document(statement([entry(day="")])).replace("Document xmlns=", "Document xmlns:c=")
    for name in ("Document", "BkToCstmrStmt", "Stmt", "Ntry", "Amt", "CdtDbtInd", "Sts", "Cd"):
        content = content.replace(f"<{name}>", f"<c:{name}>").replace(f"<{name} ", f"<c:{name} ")
        content = content.replace(f"</{name}>", f"</c:{name}>")
    content = content.replace(
        "<ValDt><Dt>2026-10-05</Dt>", "<ValDt><DtTm>2026-10-05T23:30:00+02:00</DtTm>"
    )
    content = content.replace("<ValDt>", "<c:ValDt>").replace("</ValDt>", "</c:ValDt>")
    content = content.replace("<DtTm>", "<c:DtTm>").replace("</DtTm>", "</c:DtTm>")
    result = read(content)
    assert result.lines["booked_date"].to_list() == [date(2026, 10, 5)]
    assert any("has no booking day" in note for note in result.files[0].notes)


@pytest.mark.parametrize(
    ("details", "text"),
    [
        pytest.param(
            "<NtryDtls><TxDtls><RmtInf><Ustrd>Utb. 2000591</Ustrd><Ustrd>Vippsnr 698382</Ustrd>"
            "</RmtInf></TxDtls></NtryDtls>",
            "Utb. 2000591 Vippsnr 698382", id="several unstructured texts",
        ),
        pytest.param(
            "<NtryDtls><TxDtls><RmtInf><Strd><CdtrRefInf><Ref>02001234560010402244</Ref>"
            "</CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls>",
            "02001234560010402244", id="structured reference",
        ),
        pytest.param(
            "<AddtlNtryInf>Utb. 2000591 Vippsnr 698382</AddtlNtryInf>",
            "Utb. 2000591 Vippsnr 698382", id="only with the entry",
        ),
        pytest.param(
            "<NtryDtls><TxDtls><BkTxCd><Prtry><Cd>MobilePay 02001234560010402244</Cd></Prtry>"
            "</BkTxCd></TxDtls></NtryDtls>",
            "MobilePay 02001234560010402244", id="in the bank's own code",
        ),
        pytest.param(
            "<BkTxCd><Prtry><Cd>710TILISIIRTO</Cd></Prtry></BkTxCd><NtryDtls><TxDtls>"
            "<AddtlTxInf>Viesti 1</AddtlTxInf></TxDtls></NtryDtls>",
            "Viesti 1", id="a code without text is left out",
        ),
        pytest.param(
            "<NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Vipps Mobilepay As</Nm></Pty></Dbtr>"
            "</RltdPties></TxDtls></NtryDtls>",
            "Vipps Mobilepay As", id="payer, version 08",
        ),
        pytest.param(
            "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Kari Nordmann</Nm></Dbtr></RltdPties>"
            "<RmtInf><Ustrd>Leie</Ustrd></RmtInf></TxDtls></NtryDtls>",
            "Leie", id="no customer's name",
        ),
        pytest.param(
            "<NtryDtls><Btch><PmtInfId>BATCH 7   </PmtInfId></Btch></NtryDtls>",
            "BATCH 7", id="name of a batch, with blanks",
        ),
    ],
)  # fmt: skip
def test_text_is_found_wherever_the_bank_put_it(read, details: str, text: str):
    """A payout is recognised by its text, and no two banks put it into the same element."""
    result = read(document(statement([entry(details=details)])))
    assert result.lines["text"].to_list() == [text]


def test_entry_is_the_truth_where_its_transactions_differ(read):
    """Of a batch the bank books one sum; its parts may lack charges or be in another currency."""
    parts = "".join(
        f'<TxDtls><Amt Ccy="EUR">{amount}</Amt><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>'
        for amount, text in (("1.00", "Utb. 2000593 Vippsnr 1"), ("2.00", "Utb. 2000594 Vippsnr 2"))
    )
    result = read(document(statement([entry("800.00", details=f"<NtryDtls>{parts}</NtryDtls>")])))
    assert result.lines.select("amount_minor", "currency", "text").rows() == [
        (80000, "NOK", "Utb. 2000593 Vippsnr 1 Utb. 2000594 Vippsnr 2")
    ]


def test_only_booked_entries_are_lines(read):
    """A pending entry may never be booked; one for information moved no money on this account."""
    entries = [
        entry("1.00"),
        entry("2.00", status="<Sts><Cd>PDNG</Cd></Sts>"),
        entry("3.00", status="<Sts>INFO</Sts>"),
    ]
    result = read(document(statement(entries, opening="10.00", closing="11.00")))
    assert amounts(result) == [100]
    assert result.provisional["amount_minor"].to_list() == [200]
    (summary,) = result.files
    assert (summary.rows, summary.entries, summary.provisional, summary.rejected) == (3, 1, 1, 0)
    assert any("information only" in note for note in summary.notes)
    assert any("provisional" in note for note in result.notes)


def test_reversal_keeps_the_direction_of_the_money(read):
    """The direction of a reversal is that of the money that moves now."""
    entries = [entry("300.00"), entry("300.00", "DBIT", more="<RvslInd>true</RvslInd>")]
    result = read(document(statement(entries, opening="0.00", closing="0.00")))
    assert amounts(result) == [30000, -30000]
    assert not any("add up" in note for note in result.files[0].notes)


def test_reversal_with_the_original_direction_is_turned_round(read):
    """The balances prove what the bank means, so its sums are right either way."""
    entries = [entry("300.00"), entry("300.00", "CRDT", more="<RvslInd>true</RvslInd>")]
    result = read(document(statement(entries, opening="0.00", closing="0.00")))
    assert amounts(result) == [30000, -30000]
    assert result.statements[0].unexplained_minor == 0
    assert any("turned round" in note for note in result.files[0].notes)


def test_missing_entry_shows_in_the_balances(read):
    """A statement that does not foot is incomplete, whatever else is right about it."""
    result = read(document(statement([entry("1.00")], opening="10.00", closing="12.00")))
    assert result.statements[0].unexplained_minor == 100
    (note,) = [note for note in result.files[0].notes if "does not add up" in note]
    assert "11.00 NOK" in note
    assert "12.00 NOK" in note


def test_statement_without_balances_is_not_proven(read):
    """Unknown is not zero: nothing is said to foot, and the totals have no balances."""
    result = read(document(statement([entry("1.00")])))
    assert result.statements[0].unexplained_minor is None
    assert result.files[0].totals["NOK"]["opening_minor"] is None
    assert any("not proven" in note for note in result.files[0].notes)


def test_several_accounts_and_currencies_in_one_file(read):
    """Each line belongs to the account of its own statement, and sums are never across currencies."""
    danish = "<IBAN>DK50 0040 0440 1162 43</IBAN>"
    content = document(
        statement([entry("5.00")], opening="1.00", closing="6.00"),
        statement([entry("7.00", "DBIT")], account="<IBAN>NO5386011117940</IBAN>", opening="9.00", closing="2.00"),
        statement([entry("8.00", currency="DKK")], account=danish, currency="DKK", opening="0.00", closing="8.00"),
    )  # fmt: skip
    result = read(content)
    assert result.lines["account"].to_list() == [IBAN, "NO5386011117940", "DK5000400440116243"]
    totals = result.files[0].totals
    assert totals["DKK"] == {
        "entries": 1, "credits_minor": 800, "debits_minor": 0, "opening_minor": 0, "closing_minor": 800,
    }  # fmt: skip
    own = totals["NOK"].pop("accounts")
    assert totals["NOK"] == {
        "entries": 2, "credits_minor": 500, "debits_minor": 700, "opening_minor": 1000, "closing_minor": 800,
    }  # fmt: skip
    assert [account["account"] for account in own] == [IBAN, "NO5386011117940"]
    assert own[1]["debits_minor"] == 700


@pytest.mark.parametrize(
    ("bad", "column", "reason"),
    [
        (entry("12..34"), "Amt", "is not an amount with a decimal point"),
        (entry("1e5"), "Amt", "is not an amount with a decimal point"),
        (entry("-5.00"), "Amt", "is negative; the direction belongs in CdtDbtInd"),
        (entry("1.005"), "Amt", "has more decimals than NOK has (2)"),
        (entry(""), "Amt", "the entry has no amount"),
        (entry("99999999999999.00"), "Amt", "has more than fifteen digits"),
        (entry(currency="kr"), "Amt", "is not a currency"),
        (entry(currency=""), "Amt", "the amount has no currency"),
        (entry(direction="IN"), "CdtDbtInd", "is neither CRDT (in) nor DBIT (out)"),
        (entry(status="<Sts>MAYBE</Sts>"), "Sts", "is not a known status; is the entry booked?"),
        (entry(day="2026-02-31"), "BookgDt", "is not a day on which a line can be booked"),
        (entry(day="0001-01-01"), "BookgDt", "is not a day on which a line can be booked"),
    ],
)
def test_entry_that_cannot_be_used_is_a_reject(read, bad: str, column: str, reason: str):
    """It is named by its number in the file; the other entries are read."""
    result = read(document(statement([entry("1.00"), bad])))
    assert amounts(result) == [100]
    (reject,) = result.rejects.to_dicts()
    assert (reject["source_row"], reject["column"], reject["reason"]) == (2, column, reason)


def test_amount_filled_with_zeros_is_read(read):
    """Some banks pad amounts, and write more decimals than the currency has, all zero."""
    result = read(document(statement([entry("000000000000149.87"), entry("8.85000")])))
    assert amounts(result) == [14987, 885]


def test_currency_that_is_never_paid_out_is_counted(read):
    """A merchant's account in Swiss francs cannot hold payouts; its entries are no faults."""
    result = read(document(statement([entry(currency="CHF")])))
    assert result.rejects.is_empty()
    assert any("Entries in CHF" in note and ": 1." in note for note in result.files[0].notes)


@pytest.mark.parametrize(
    ("root", "number"), [("BkToCstmrAcctRpt", "camt.052"), ("BkToCstmrDbtCdtNtfctn", "camt.054")]
)
def test_sister_messages_are_refused_by_name(read, tmp_path, root: str, number: str):
    """Read as a statement they would give no lines at all, without a word."""
    content = document(statement([entry()])).replace("BkToCstmrStmt", root)
    content = content.replace("camt.053", number)
    with pytest.raises(SourceError, match=rf"{number}, .* ask the bank for camt.053"):
        read(content)
    (shown,) = preview(tmp_path / "1.xml")["files"]
    assert (shown["kind"], shown["format"], shown["rows"]) == ("bank", number, None)
    assert "ask the bank for camt.053" in shown["notes"][0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(document(), "there is no statement", id="no statement"),
        pytest.param("<Document><Other/></Document>", "neither a bank statement", id="other XML"),
        pytest.param(document(statement([entry()]))[:-200], "cut off", id="cut off"),
        pytest.param(document(statement([entry()])).replace("</Amt>", "</Amount>"), "well-formed", id="broken"),
        pytest.param(
            document(statement([entry()])).replace("UTF-8", "X-NONE"), "encoding", id="unknown encoding"
        ),
    ],
)  # fmt: skip
def test_unusable_file_is_refused_in_one_sentence(read, content: str, problem: str):
    """An empty answer would look like a month without payouts."""
    with pytest.raises(SourceError, match=problem):
        read(content)


def test_other_encodings_are_read(read):
    """The first line of an XML file names its encoding; older systems of banks write ISO 8859-1."""
    content = document(statement([entry(text="Gebyr for året")]))
    latin = content.replace("UTF-8", "ISO-8859-1").encode("latin-1")
    result = read(latin, content.replace("UTF-8", "UTF-16").encode("utf-16"))
    assert set(result.lines["text"]) == {"Gebyr for året"}


def test_statement_without_entries_is_legal(read):
    """An account without movements has a statement too; the file says so."""
    result = read(document(statement(opening="5.00", closing="5.00")))
    assert result.lines.is_empty()
    assert result.files[0].totals["NOK"]["closing_minor"] == 500
    assert "There is no booked line in it." in result.files[0].notes


def test_balance_that_cannot_be_read_proves_nothing(read):
    """A balance of another kind or form is never taken for zero."""
    content = document(statement([entry("1.00")], opening="10.00", closing="11.00"))
    result = read(content.replace(">10.00<", ">1O.00<"))
    assert result.statements[0].opening_minor is None


def test_previous_closing_balance_is_the_opening_one(read):
    """Some banks state only the balance at which the statement before closed."""
    content = document(statement([balance("PRCD", "4.00"), entry("1.00")], closing="5.00"))
    assert read(content).statements[0].unexplained_minor == 0


def test_preview_states_totals_as_documented(read, tmp_path):
    """Amounts in minor units; credits and debits positive, so that they lead from balance to balance."""
    read(
        document(statement([entry("5.00"), entry("2.00", "DBIT")], opening="1.00", closing="4.00"))
    )
    (shown,) = preview(tmp_path / "1.xml")["files"]
    assert (shown["kind"], shown["format"], shown["rows"]) == ("bank", "camt.053", 2)
    assert shown["period"] == ["2026-10-01", "2026-10-31"]
    assert shown["totals"] == {
        "NOK": {
            "entries": 2, "credits_minor": 500, "debits_minor": 200, "opening_minor": 100, "closing_minor": 400,
        }
    }  # fmt: skip
    assert f"Account: {IBAN}." in shown["notes"]


@pytest.mark.parametrize(
    ("day", "booked"),
    [
        ("2026-10-05", "2026-10-05"),
        ("2026-10-05+02:00", "2026-10-05"),
        ("2026-10-05T23:59:59.999Z", "2026-10-05"),
        ("2026-10-055", None),
        ("2026-10-5", None),
        ("2026-10-05 or so", None),
    ],
)
def test_day_is_read_to_its_end(read, day: str, booked: str | None):
    """A time zone may follow a day; anything else means that it is another text."""
    lines = read(document(statement([entry(day=day)]))).lines
    assert [str(found) for found in lines["booked_date"]] == ([booked] if booked else [])
