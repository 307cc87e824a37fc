"""Payouts are matched with bank lines by reference, by amount and day, and by proposed sets."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.payouts import (
    AS_OF,
    FIRST_DAY,
    STATEMENT,
    build_frame,
    make_bank_line,
    make_payout,
)
from vippsrecon.reconciliation.ledger_payouts import compare_ledger_payouts
from vippsrecon.reconciliation.ledger_payouts.payout_legs import PayoutLegs
from vippsrecon.reconciliation.payouts_bank import compare_payouts_bank
from vippsrecon.schemas import BANK_LINES, PAYOUTS


def compare(payouts, lines, days=STATEMENT, as_of=AS_OF, **period):
    """Compare rows and return the result."""
    return compare_payouts_bank(
        build_frame(payouts, PAYOUTS), build_frame(lines, BANK_LINES), days, as_of, **period
    )


def list_kinds(result, side):
    """Return bucket, code and flags of each row of a side, in order of row_key."""
    rows = result.buckets.filter(side=side)
    return list(rows.select("bucket", "kind", "flags").iter_rows())


MATCHED = [("matched", "", "")]


@pytest.mark.parametrize(
    "text",
    [
        "Utb. 2000591 Vippsnr 698382",
        "UTB 2000591 VIPPSNR 698382",
        "Utb. 698382 Vippsnr 2000591",
        "Utbet. 2000591 Vippsnr 698382",
        "Vipps utbet. 2000591  Vippsnr. 698382",
        "Fra: Vipps MobilePay AS Betalt: 08.10.26 Utb. 2000591 Vippsnr 698382",
        "Utb. 2000591 Vippsnr 6983",
        "Utb. 2000591 Vip",
        "Utbetaling 2000591 fra MobilePay A/S",
        "2000591/698382",
    ],
)
def test_norwegian_text_names_the_payout(text):
    """Banks cut, spell and order the text differently; both numbers, or one in a payout's text, name it."""
    result = compare([make_payout()], [make_bank_line(text=text, booked_date=date(2026, 10, 30))])

    assert list_kinds(result, "payouts") == MATCHED
    assert list_kinds(result, "bank_lines") == MATCHED
    assert result.matches["matched_by"].to_list() == ["reference"]
    assert result.findings.is_empty()


@pytest.mark.parametrize(
    "text",
    [
        "02001234560010510262",
        "2001234560010510262",
        "MobilePay 02001 23456 00105 10262 kl. 01:02",
        "Viite 2001234560010510262 VIPPS MOBILEPAY AS,",
    ],
)
def test_danish_and_finnish_reference_names_the_payout(text):
    """The reference has a check digit; banks write it in groups, or without its leading zero."""
    payout = make_payout(
        msn="123456", currency="DKK", bank_text="02001234560010510262", ledger_date=FIRST_DAY
    )
    line = make_bank_line(currency="DKK", text=text, booked_date=date(2026, 10, 30))

    result = compare([payout], [line])

    assert list_kinds(result, "payouts") == MATCHED
    assert result.matches["matched_by"].to_list() == ["reference"]


def test_reference_is_found_by_sales_unit_and_day():
    """Not every source states the text of a payout; the reference holds the sales unit and the day."""
    payout = make_payout(msn="123456", currency="DKK", bank_text=None)
    line = make_bank_line(currency="DKK", text="02001234560010510262")

    assert list_kinds(compare([payout], [line]), "payouts") == MATCHED


def test_one_reference_on_many_credits_is_matched_as_a_multiset():
    """A reference may be on a credit for each point of sale: as many of an amount as there are."""
    text = "01000000010010510265"
    payouts = [
        make_payout(2000001 + number, currency="DKK", bank_text=text, amount_minor=amount)
        for number, amount in enumerate((100, 100, 250, 300))
    ]
    lines = [
        make_bank_line(row, currency="DKK", text=text, amount_minor=amount)
        for row, amount in enumerate((250, 100, 100, 999), start=2)
    ]

    result = compare(payouts, lines)

    assert (
        sorted(result.buckets.filter(bucket="matched")["side"])
        == ["bank_lines"] * 3 + ["payouts"] * 3
    )
    assert result.findings.select("kind", "expected", "actual").rows() == [
        ("payout_amount_difference", 300, 999)
    ]


def test_card_purchase_is_no_payout():
    """The names of Vipps and MobilePay are in card purchases and private payments, too."""
    lines = [
        make_bank_line(row, text=text)
        for row, text in enumerate(
            [
                "Varekjøp VIPPS MOBILEPAY AS",
                "MobilePay Rejsekort",
                "Vipps Mottakelse",
                "Visa 2000591 retur Vipps",
            ],
            start=1,
        )
    ]

    result = compare([make_payout()], lines)

    assert list_kinds(result, "bank_lines") == [("ignored", "other_bank_line", "")] * 4
    assert list_kinds(result, "payouts") == [("discrepancy", "payout_not_in_bank", "")]


@pytest.mark.parametrize("name", ["VIPPS MOBILEPAY AS,", "MobilePay A/S", "Vipps AS", "Vipps A/S"])
def test_amount_and_day_match_a_text_without_numbers(name):
    """The text of a payout can be chosen in the portal; then the payer, amount and day remain."""
    result = compare([make_payout()], [make_bank_line(text=f"Fra {name}")])

    assert list_kinds(result, "payouts") == MATCHED
    assert result.matches["matched_by"].to_list() == ["amount_and_day"]


def test_equal_amounts_are_not_chosen_between():
    """Two payouts and one credit of equal amount: the text does not tell which arrived."""
    payouts = [
        make_payout(2000591, expected_bank_date=None),
        make_payout(2000592, expected_bank_date=None),
    ]

    result = compare(payouts, [make_bank_line(text="Vipps MobilePay AS")])

    assert list_kinds(result, "payouts") == [("discrepancy", "payout_not_in_bank", "ambiguous")] * 2
    assert list_kinds(result, "bank_lines") == [
        ("discrepancy", "bank_credit_unexplained", "ambiguous")
    ]


def test_expected_day_decides_between_equal_amounts():
    """Equal amounts on different days are different payouts, if each credit is on an expected day."""
    payouts = [
        make_payout(2000591),
        make_payout(2000592, ledger_date=FIRST_DAY + timedelta(days=1)),
    ]
    lines = [make_bank_line(text="Vipps MobilePay AS", booked_date=date(2026, 10, 9))]

    result = compare(payouts, lines)

    assert list_kinds(result, "payouts") == [("discrepancy", "payout_not_in_bank", ""), *MATCHED]


def test_one_credit_that_names_its_payouts_is_matched():
    """A bank may book two payouts in one credit; if the text names both, nothing is to be guessed."""
    payouts = [make_payout(2000591, amount_minor=100), make_payout(2000592, amount_minor=250)]
    line = make_bank_line(
        text="Utb. 2000591 Vippsnr 698382 Utb. 2000592 Vippsnr 698382", amount_minor=350
    )

    result = compare(payouts, [line])

    assert list_kinds(result, "payouts") == MATCHED * 2
    assert result.matches["amount_minor"].to_list() == [350, 350]
    assert result.findings.is_empty()


def test_credit_of_two_sales_units_names_a_pair_of_each():
    """Each ledger has the same numbers: the sales unit beside a number tells whose payout it is."""
    payouts = [
        make_payout(number, msn=msn, ledger_id=msn, amount_minor=amount)
        for number, msn, amount in (
            (2000593, "698382", 300),
            (2000594, "698382", 111),
            (2000593, "111222", 222),
            (2000594, "111222", 500),
        )
    ]
    line = make_bank_line(
        text="Utb. 2000593 Vippsnr 698382 Utb. 2000594 Vippsnr 111222 Samlepost", amount_minor=800
    )

    result = compare(payouts, [line])

    assert result.matches.select("msn", "payout_number").rows() == [
        ("111222", "2000594"),
        ("698382", "2000593"),
    ]
    assert result.findings["kind"].to_list() == ["payout_not_in_bank"] * 2


def test_several_credits_that_name_one_payout_are_matched():
    """A payout booked in two parts with its number on both is complete."""
    lines = [make_bank_line(1, amount_minor=40_000), make_bank_line(2, amount_minor=60_000)]

    result = compare([make_payout()], lines)

    assert list_kinds(result, "payouts") == MATCHED
    assert list_kinds(result, "bank_lines") == MATCHED * 2


def test_exact_set_is_proposed_and_not_booked():
    """One credit is exactly two payouts, and no text says so: a person confirms it."""
    payouts = [
        make_payout(2000591, amount_minor=100),
        make_payout(2000592, amount_minor=250),
        make_payout(2000593, amount_minor=777),
    ]
    line = make_bank_line(text="Vipps MobilePay AS", amount_minor=350)

    result = compare(payouts, [line])

    proposed = ("discrepancy", "payout_not_in_bank", "set_proposed")
    assert list_kinds(result, "payouts") == [
        proposed,
        proposed,
        ("discrepancy", "payout_not_in_bank", ""),
    ]
    assert list_kinds(result, "bank_lines") == [
        ("discrepancy", "bank_credit_unexplained", "set_proposed")
    ]
    assert result.matches.select("payout_number", "matched_by", "proposed").rows() == [
        ("2000591", "set_proposed", True),
        ("2000592", "set_proposed", True),
    ]
    assert result.findings.sort("at_risk").select("variant", "at_risk").rows() == [
        ("set_proposed", 0),
        ("set_proposed", 0),
        ("set_proposed", 0),
        ("", 777),
    ]


def test_set_must_hold_the_payout_that_the_text_names():
    """A credit that names one payout and is larger may hold another one as well."""
    payouts = [
        make_payout(2000591, amount_minor=100),
        make_payout(2000592, amount_minor=250),
        make_payout(2000593, amount_minor=350),
    ]

    result = compare(payouts, [make_bank_line(amount_minor=350)])

    assert result.matches.select("payout_number", "proposed").rows() == [
        ("2000591", True),
        ("2000592", True),
    ]


def test_two_exact_sets_are_said_to_be_ambiguous():
    """100 + 250 and 150 + 200 both are 350: none is proposed."""
    payouts = [
        make_payout(2000591 + number, amount_minor=amount)
        for number, amount in enumerate((100, 250, 150, 200))
    ]

    result = compare(payouts, [make_bank_line(text="Vipps MobilePay AS", amount_minor=350)])

    assert result.matches.is_empty()
    assert result.findings.filter(kind="bank_credit_unexplained").select(
        "variant", "flags", "at_risk"
    ).rows() == [("ambiguous", "ambiguous", 350)]


def test_split_payout_without_numbers_is_proposed():
    """Several credits for one payout, with the payer's name only."""
    lines = [
        make_bank_line(1, text="Vipps MobilePay AS", amount_minor=40_000),
        make_bank_line(2, text="Vipps MobilePay AS", amount_minor=60_000),
    ]

    result = compare([make_payout()], lines)

    assert result.matches["proposed"].to_list() == [True, True]
    assert list_kinds(result, "payouts") == [("discrepancy", "payout_not_in_bank", "set_proposed")]


def test_wrong_amount_is_a_difference():
    """The text names the payout and the amount is another one."""
    result = compare([make_payout()], [make_bank_line(amount_minor=99_000)])

    assert result.findings.select(
        "kind", "payout_number", "expected", "actual", "at_risk", "discriminator"
    ).rows() == [("payout_amount_difference", "2000591", 100_000, 99_000, 1_000, "bank")]
    assert list_kinds(result, "bank_lines") == [("discrepancy", "payout_amount_difference", "")]


def test_credit_taken_back_is_no_arrival():
    """The bank returned the money: the payout is not in the bank, and both lines cancel out."""
    lines = [
        make_bank_line(1),
        make_bank_line(2, amount_minor=-100_000, booked_date=date(2026, 10, 12)),
    ]

    result = compare([make_payout()], lines)

    assert list_kinds(result, "payouts") == [("discrepancy", "payout_not_in_bank", "")]
    assert list_kinds(result, "bank_lines") == [("ignored", "other_bank_line", "reversed")] * 2


@pytest.mark.parametrize(
    ("lines", "variant"),
    [
        ([make_bank_line(1), make_bank_line(2)], "already_paid"),
        ([make_bank_line(1), make_bank_line(2, amount_minor=-500)], "taken_back"),
        ([make_bank_line(1), make_bank_line(2, text="Vipps MobilePay AS", amount_minor=7)], ""),
    ],
)
def test_unexplained_line_has_the_sentence_that_fits(lines, variant):
    """A payout paid twice, money taken back, and a credit without a payout need different steps."""
    findings = compare([make_payout()], lines).findings

    assert findings.select("kind", "variant").rows() == [("bank_credit_unexplained", variant)]


def test_unexplained_line_keeps_its_identity_in_another_file():
    """A longer statement, newest line first, does not lose what was decided about a line."""
    lines = [
        make_bank_line(1, text="Vipps MobilePay AS", amount_minor=7),
        make_bank_line(2, text="Vipps MobilePay AS", amount_minor=7),
        make_bank_line(3, text="Vipps MobilePay AS", amount_minor=9),
        make_bank_line(4, text="Vipps MobilePay AS", amount_minor=9, bank_reference="270000011"),
    ]
    later = make_bank_line(0, text="Vipps MobilePay AS", amount_minor=7, booked_date=AS_OF)
    again = [
        line | {"source_file": "november.csv", "source_row": row, "text": "VIPPS  MobilePay AS"}
        for row, line in enumerate([later, *reversed(lines)], start=1)
    ]

    first, second = (
        sorted(compare([], each).findings["discriminator"].to_list()) for each in (lines, again)
    )

    assert len(set(first)) == len(lines)
    assert "270000011" in first
    assert len(set(second) - set(first)) == 1
    assert set(first) < set(second)


def test_aborted_payout_is_not_expected():
    """What was aborted does not arrive; if it does, that is unexplained."""
    aborted = make_payout(status="aborted")

    assert list_kinds(compare([aborted], []), "payouts") == [("discrepancy", "payout_aborted", "")]
    assert compare([aborted], []).findings.is_empty()
    assert compare([aborted], [make_bank_line()]).findings["variant"].to_list() == [
        "payout_aborted"
    ]


@pytest.mark.parametrize(
    ("expected", "as_of", "days", "result"),
    [
        (date(2026, 10, 8), date(2026, 10, 9), STATEMENT, ("discrepancy", "payout_not_in_bank")),
        (date(2026, 10, 8), date(2026, 10, 8), STATEMENT, ("timing", "timing_payout_in_transit")),
        (date(2026, 11, 6), date(2026, 12, 1), STATEMENT, ("timing", "timing_payout_in_transit")),
        (date(2026, 9, 30), date(2026, 12, 1), STATEMENT, ("not_checked", "")),
        (None, date(2026, 12, 1), STATEMENT, ("discrepancy", "payout_not_in_bank")),
        (None, date(2026, 10, 10), STATEMENT, ("timing", "timing_payout_in_transit")),
        (
            date(2026, 10, 8),
            date(2026, 12, 1),
            {"97105012345": (date(2026, 10, 1), date(2026, 11, 4))},
            ("not_checked", ""),
        ),
        (date(2026, 10, 8), date(2026, 12, 1), {}, ("not_checked", "")),
    ],
    ids=[
        "overdue",
        "today",
        "after the statement",
        "before the statement",
        "no day",
        "no day yet",
        "other account",
        "no statement",
    ],
)
def test_payout_is_missing_only_where_a_statement_would_show_it(expected, as_of, days, result):
    """What no statement covers is not missing, and what is not due is in transit."""
    payout = make_payout(expected_bank_date=expected, account="NO9386011117947")

    assert list_kinds(compare([payout], [], days, as_of), "payouts") == [(*result, "")]


def test_names_may_change_in_the_middle_of_a_month():
    """MobilePay becomes Vipps on 12 January 2027; statements of that month have both names."""
    days = [date(2027, 1, 8), date(2027, 1, 15)]
    payouts = [
        make_payout(number, ledger_date=day, amount_minor=number, bank_text=None)
        for number, day in zip((5001, 5002), days, strict=True)
    ]
    lines = [
        make_bank_line(number, booked_date=day + timedelta(days=3), amount_minor=amount, text=name)
        for number, (day, amount, name) in enumerate(
            zip(days, (5001, 5002), ("MobilePay A/S", "Vipps A/S"), strict=True), start=1
        )
    ]

    result = compare(payouts, lines, {"": (date(2027, 1, 1), date(2027, 1, 31))}, date(2027, 2, 1))

    assert list_kinds(result, "payouts") == MATCHED * 2


def test_each_payout_has_one_bucket_of_two_legs():
    """The leg before looks at the same payouts: the worse bucket counts, and flags add up."""
    payouts = build_frame(
        [
            make_payout(2000591, ledger_id="1"),
            make_payout(2000591, ledger_id="1", amount_minor=7),
            make_payout(2000592, ledger_id="1", status="aborted"),
            make_payout(2000593, ledger_id="1", expected_bank_date=date(2026, 12, 1)),
        ],
        PAYOUTS,
    )
    lines = build_frame([make_bank_line()], BANK_LINES)
    ledger = compare_ledger_payouts(None, payouts)
    bank = compare_payouts_bank(payouts, lines, STATEMENT, AS_OF)

    both = PayoutLegs(ledger, bank).list_buckets()

    assert sorted(both.select("row_key", "bucket", "kind").rows()) == [
        ("1:2000591", "discrepancy", "payout_not_in_bank"),
        ("1:2000591", "matched", ""),
        ("1:2000592", "discrepancy", "payout_aborted"),
        ("1:2000593", "timing", "timing_payout_in_transit"),
        ("bank.csv:1", "matched", ""),
    ]


def test_account_that_only_the_bank_states_may_change():
    """English files state no account: the statement shows that payouts arrive on another one."""
    payouts = [
        make_payout(2000591 + day, ledger_date=FIRST_DAY + timedelta(days=day)) for day in range(3)
    ]
    lines = [
        make_bank_line(day + 1, text=f"Utb. {2000591 + day} Vippsnr 698382", account=account)
        for day, account in enumerate(["86011117947", "NO9386011117947", "97105012345"])
    ]

    assert compare(payouts, lines).findings.select("kind", "payout_number").rows() == [
        ("payout_account_changed", "2000593")
    ]
    for payout, line in zip(payouts, lines, strict=True):
        payout["account"] = line["account"]
    assert compare(payouts, lines).findings.is_empty()


def test_identity_does_not_depend_on_the_text_of_another_line():
    """A repeated run has no texts of customers' lines, and a bank may use one reference for several."""
    credit = make_bank_line(1, text="Vipps MobilePay AS", amount_minor=777, bank_reference="7")
    texts = ("Utb. til Kari", "")
    found = [
        compare([], [credit, make_bank_line(2, text=text, bank_reference="7")]).findings
        for text in texts
    ]
    one, other = (frame["discriminator"].to_list() for frame in found)
    assert one == other
    assert len(one) == 1
