"""Each accounting system gets the form of file that it documents."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal

import pytest

from tests.closing.ledger_months import LEDGER, MSN, LedgerMonth, october
from vippsrecon.closing import VOUCHER_FORMS, build_vouchers, number_vouchers, render_vouchers
from vippsrecon.config.vouchers import Accounts, VoucherSettings
from vippsrecon.errors import ClosedPeriodError, ConfigurationError, InputError

SETTINGS = VoucherSettings(NO=Accounts(sales="3000", vat_code="3"))
MADE_ON = date(2026, 11, 5)
DAY = f"VM-{LEDGER}-{MSN}-20261030"


@pytest.fixture(scope="module")
def vouchers():
    """Return the numbered vouchers of the invented month."""
    return number_vouchers(build_vouchers(**october().inputs, settings=SETTINGS))


def _rows(content, encoding="utf-8"):
    return list(csv.reader(content.decode(encoding).splitlines(), delimiter=";"))


def _number(text):
    return Decimal(text.replace(",", "."))


@pytest.mark.parametrize("system", ["tripletex", "poweroffice"])
def test_gbat10_has_its_columns(vouchers, system):
    """Column numbers are those of Mamut's page: account 7, VAT code 8, gross amount 28."""
    rows = _rows(render_vouchers(vouchers, system, "NOK", MADE_ON))

    assert {len(row) for row in rows} == {28}
    sale = next(row for row in rows if row[6] == "3000")
    assert sale[:9] == ["GBAT10", "1", "20261030", "90", "10", "2026", "3000", "3", "-1500,00"]
    assert sale[20] == f"{DAY} Vipps MobilePay {MSN}, captured payments, 2026-10-30"
    assert sale[26:] == ["T", "-1500,00"]
    assert sum(_number(row[27]) for row in rows) == 0


def test_a_list_for_fiken_has_debit_credit_and_a_positive_amount(vouchers):
    """Its manual posting takes an account to post to and one to post from."""
    rows = _rows(render_vouchers(vouchers, "fiken", "NOK", MADE_ON), "utf-8-sig")

    assert rows[0] == ["Dato", "Beskrivelse", "Debet", "Kredit", "MVA-kode", "Beløp"]
    assert [row[2:] for row in rows[1:4]] == [
        ["1580", "3000", "3", "1500,00"],
        ["3000", "1580", "3", "100,00"],
        ["7770", "1580", "", "14,00"],
    ]


def test_a_list_for_e_conomic_balances(vouchers):
    """Its import asks which column is what."""
    rows = _rows(render_vouchers(vouchers, "e-conomic", "NOK", MADE_ON, first_number=500))

    assert rows[1][:5] == ["2026-10-30", "500", "1580", "", "1500,00"]
    assert sum(_number(row[4]) for row in rows[1:]) == 0


def test_sie_has_balanced_vouchers():
    """Swedish books: code page 437, a decimal point, and 1686 as the clearing account."""
    month = LedgerMonth(currency="SEK")
    month.add(date(2026, 10, 30), "capture", 50000, "order-1")
    month.add(date(2026, 10, 30), "fees-retained", -750)
    settings = VoucherSettings(SE=Accounts(sales="3001"))
    vouchers = number_vouchers(build_vouchers(**month.inputs, settings=settings))
    content = render_vouchers(vouchers, "fortnox", "SEK", MADE_ON, company='Ål & "Co"')
    records = content.decode("cp437").split("\r\n")

    assert {"#FORMAT PC8", "#SIETYP 4", '#FNAMN "Ål & \\"Co\\""', "#GEN 20261105"} <= set(records)
    assert f'#VER V "" 20261030 "{DAY}"' in records
    amounts = [(r.split()[1], r.split()[3]) for r in records if "#TRANS" in r]
    assert amounts == [
        ("1686", "500.00"),
        ("3001", "-500.00"),
        ("1686", "-7.50"),
        ("6570", "7.50"),
    ]


@pytest.mark.parametrize("system", VOUCHER_FORMS)
def test_what_is_missing_is_refused(system):
    """Denmark has no default account, and sales has none anywhere."""
    month = LedgerMonth(currency="DKK")
    month.add(date(2026, 10, 30), "capture", 50000, "order-1")
    vouchers = number_vouchers(build_vouchers(**month.inputs))

    with pytest.raises(ConfigurationError, match=r"clearing, sales.*\[vouchers.DK\]"):
        render_vouchers(vouchers, system, "DKK", MADE_ON)
    with pytest.raises(InputError, match="one currency"):
        render_vouchers(vouchers, system, "NOK", MADE_ON)


def test_written_vouchers_are_not_written_again(vouchers):
    """The second run of a month has nothing to write, and a closed month writes nothing."""
    again = number_vouchers(build_vouchers(**october().inputs, settings=SETTINGS), vouchers)
    closed = number_vouchers(
        build_vouchers(**october().inputs, settings=SETTINGS), closed_months=["2026-10"]
    )

    assert render_vouchers(again, "tripletex", "NOK", MADE_ON) == b""
    with pytest.raises(ClosedPeriodError):
        render_vouchers(closed, "tripletex", "NOK", MADE_ON)
    with pytest.raises(InputError, match="tripletex, poweroffice"):
        render_vouchers(vouchers, "mamut", "NOK", MADE_ON)
