"""Test that a month has the same outcome whatever form the bank writes its statement in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vippsrecon import read_bank_statements
from vippsrecon.config.load import load_settings
from vippsrecon.scenario import write_month
from vippsrecon.workflow.reconcile_month import reconcile_month

EXPORTED = datetime(2026, 11, 5, 12, tzinfo=UTC)


def with_comma(minor: int) -> str:
    """Return an amount as Nordic banks write it.

    >>> with_comma(-123456)
    '-1234,56'
    """
    return f"{Decimal(minor).scaleb(-2):.2f}".replace(".", ",")


def in_column(line: Any, sign: int, written_sign: int = 1) -> str:
    """Return the amount for the column of one direction: empty for the other direction."""
    return with_comma(written_sign * line.amount_minor) if line.amount_minor * sign > 0 else ""


def write_dnb(line: Any, _balance: int) -> list[str]:
    """DNB: no account, no balance, money out without a sign."""
    day = f"{line.booked_date:%d.%m.%Y}"
    return [day, line.text, day, in_column(line, -1, -1), in_column(line, 1)]


def write_sparebank1(line: Any, _balance: int) -> list[str]:
    """SpareBank 1: the own account is where the money came from or went to."""
    own = line.account.removeprefix("NO93").removeprefix("NO79")
    into, out_of = (own, "") if line.amount_minor > 0 else ("", own)
    day = f"{line.booked_date:%d.%m.%Y}"
    return [day, line.text, "", in_column(line, 1), in_column(line, -1), into, out_of, ""]


def write_nordea_no(line: Any, _balance: int) -> list[str]:
    """Nordea in Norway: one signed amount."""
    own = line.account[4:]
    sender, receiver = ("", own) if line.amount_minor > 0 else (own, "")
    day, amount = f"{line.booked_date:%Y/%m/%d}", with_comma(line.amount_minor)
    return [day, amount, sender, receiver, "", line.text, "NOK", "Overføring"]


def write_nordea_dk(line: Any, balance: int) -> list[str]:
    """Nordea in Denmark: the balance after each line."""
    own = line.account[4:]
    sender, receiver = ("", own) if line.amount_minor > 0 else (own, "")
    day, amount = f"{line.booked_date:%Y/%m/%d}", with_comma(line.amount_minor)
    return [day, amount, sender, receiver, "", line.text, with_comma(balance), "DKK", "", ""]


def write_nordea_fi(line: Any, balance: int) -> list[str]:
    """Nordea in Finland: the payout's reference has a column of its own."""
    first = line.text.split()[0]
    reference, title = (first, line.text[len(first) + 1 :]) if first.isdigit() else ("", line.text)
    day, amount = f"{line.booked_date:%Y/%m/%d}", with_comma(line.amount_minor)
    own = line.account
    return [day, amount, "", own, "", title, "", reference, with_comma(balance), "EUR", ""]


FORMS: dict[str, tuple[str, str, Callable[[Any, int], list[str]]]] = {
    "dnb": ("NOK", "Dato;Forklaring;Rentedato;Ut fra konto;Inn på konto", write_dnb),
    "sparebank1": (
        "NOK",
        "Dato;Beskrivelse;Rentedato;Inn;Ut;Til konto;Fra konto;",
        write_sparebank1,
    ),
    "nordea-no": (
        "NOK",
        "Bokføringsdato;Beløp;Avsender;Mottaker;Navn;Tittel;Valuta;Betalingstype",
        write_nordea_no,
    ),
    "nordea-dk": (
        "DKK",
        "Bogføringsdato;Beløb;Afsender;Modtager;Navn;Beskrivelse;Saldo;Valuta;Afstemt;",
        write_nordea_dk,
    ),
    "nordea-fi": (
        "EUR",
        "Kirjauspäivä;Määrä;Maksaja;Maksunsaaja;Nimi;Otsikko;Viesti;Viitenumero;Saldo;Valuutta;",
        write_nordea_fi,
    ),
}
"""Currency, heading line and writer; the headings are those of `docs/bank-statements.md`."""


def write_statements(form: str, lines: pd.DataFrame, folder: Path) -> list[Path]:
    """Write a file per account. Nordea lists the newest line first."""
    _, heading, write_line = FORMS[form]
    files = []
    for number, (_, own) in enumerate(lines.groupby("account", sort=False), start=1):
        balances = own["amount_minor"].cumsum() + 100_000
        rows = [
            ";".join(write_line(line, balance))
            for line, balance in zip(own.itertuples(), balances, strict=True)
        ]
        if form.startswith("nordea"):
            rows.reverse()
        path = folder / f"{form}-{number}.csv"
        path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8-sig")
        files.append(path)
    return files


def list_findings(folder: Path, bank: list[Path]) -> list[tuple[str, ...]]:
    """Reconcile a month without keys; return what is wrong, without the names of bank files."""
    settings = load_settings(
        offline=True, folder=folder, database_url=f"sqlite:///{folder / 'runs.db'}"
    )
    result = reconcile_month(
        [folder / "orders.csv"],
        settings,
        settlement=[folder / "settlement.csv"],
        bank=bank,
        first="2026-10-01",
        last="2026-10-31",
        exported_at=EXPORTED,
    )
    assert result.exit_code == 1
    columns = ["leg", "kind", "msn", "reference", "payout_number", "expected_minor", "actual_minor"]
    return sorted(tuple(map(str, row)) for row in result.discrepancies[columns].values.tolist())


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    """Write the planted month of each currency once."""
    written = {}
    for currency in ("NOK", "DKK", "EUR"):
        folder = tmp_path_factory.mktemp(currency)
        write_month(folder, payments=400, currencies=(currency,))
        written[currency] = folder
    return written


@pytest.mark.ci
@pytest.mark.parametrize("form", FORMS)
def test_form_of_the_statement_changes_nothing(form, months, tmp_path):
    """A bank's CSV finds what camt.053 finds, in a month in which every code is planted."""
    folder = months[FORMS[form][0]]
    lines = read_bank_statements(folder / "bank.xml").lines

    found = list_findings(folder, write_statements(form, lines, tmp_path))

    assert found == list_findings(folder, [folder / "bank.xml"])
    assert sum(row[0] == "payout_bank" for row in found) > 4
