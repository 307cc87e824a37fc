"""Write settlement files; each test states the rows that it is about. All of it is invented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest

from vippsrecon.sources.settlement import SettlementFiles, read_settlement_files

NORWEGIAN = (
    "Salgssted", "MSN/Vippsnummer", "Land", "Betalingsløsning", "Tidspunkt", "Bokføringsdato",
    "Type", "Beløp", "Balanse", "Gebyr", "Nettobeløp", "Valuta", "Kundens navn",
    "Kundens telefonnummer", "Melding", "Kategori", "PSP-referanse", "Ordre-ID/Referanse",
    "Utbetalingsnummer", "Bankkonto for utbetaling", "Planlagt utbetalingsdato",
)  # fmt: skip
ENGLISH = (
    "Sales unit", "MSN/Vipps number", "Country", "Payment solution", "Time", "Booking date", "Type",
    "Amount", "Balance", "Fee", "Net amount", "Currency", "Customer name", "Customer phone number",
    "Message", "Category", "PSP reference", "Order ID/Reference",
)  # fmt: skip
FINNISH = (
    "Myyntipaikka", "MSN/MobilePay-lyhytnumero", "Maa", "Maksuratkaisu", "Aika", "Kirjauspäivä",
    "Tyyppi", "Summa", "Saldo", "Palkkio", "Nettosumma", "Valuutta", "a", "b", "c", "Kategoria",
    "PSP-viite", "Tilaustunnus/Viite", "Maksunumero", "Maksutili", "Suunniteltu maksupäivä",
)  # fmt: skip


def portal_row(
    kind: str,
    amount: str,
    balance: str,
    fee: str = "0.00",
    *,
    psp: str = "20000000001",
    reference: str = "order-0001",
    time: str = "2026-10-01 12:00:00",
    day: str = "2026-10-01",
    currency: str = "NOK",
    msn: str = "123456",
    payout: Sequence[str] = ("", "", ""),
) -> list[str]:
    """Return the cells of a row of the portal's report, in its usual order."""
    return [
        "Fjordbutikken", msn, "NO", "Vipps MobilePay", time, day, kind, amount, balance, fee, "",
        currency, "Kari Nordmann", "xxxx 1234", "Hei,\npå deg", "", psp, reference, *payout,
    ]  # fmt: skip


def one_day(
    labels: Sequence[str] = (
        "Belastning",
        "Refundering",
        "Gebyrer fratrukket",
        "Utbetaling planlagt",
    ),
) -> list[list[str]]:
    """Return a day with two captures, a refund, the retained fees and the payout."""
    capture, refund, fees, payout = labels
    night = "2026-10-02 00:12:07"
    return [
        portal_row(capture, "100.00", "100.00", "-2.00", psp="1"),
        portal_row(capture, "200.00", "300.00", "-4.00", psp="2", reference="order-0002"),
        portal_row(refund, "-50.00", "250.00", psp="3"),
        portal_row(fees, "-6.00", "244.00", psp="302321-20261001", reference="", time=night),
        portal_row(
            payout, "-244.00", "0.00", psp="302321-2000001", reference="Utb. 2000001 Vippsnr 123456",
            time=night, payout=("2000001", "NO93 8601 1117 947", "2026-10-06"),
        ),
    ]  # fmt: skip


def as_portal_csv(
    rows: Sequence[Sequence[str]], headings: Sequence[str] = NORWEGIAN, delimiter: str = ","
) -> str:
    """Return rows as CSV; all cells are quoted, as some contain line ends."""
    return "".join(
        delimiter.join(f'"{cell}"' for cell in row[: len(headings)]) + "\n"
        for row in (headings, *rows)
    )


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., SettlementFiles]:
    """Read contents as files named `1.csv`, `2.csv`, … in Polars."""

    def read_contents(*contents: str | bytes, suffix: str = ".csv") -> SettlementFiles:
        paths = []
        for number, content in enumerate(contents, start=1):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            paths.append(path)
        return read_settlement_files(paths)

    return read_contents


@pytest.fixture
def read_sheets(tmp_path: Path) -> Callable[..., SettlementFiles]:
    """Read sheets of rows, by name, as one workbook."""

    def read_workbook(sheets: dict[str, Sequence[Sequence[object]]]) -> SettlementFiles:
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for name, rows in sheets.items():
            sheet = workbook.create_sheet(name)
            for row in rows:
                sheet.append(list(row))
        workbook.save(tmp_path / "report.xlsx")
        return read_settlement_files([tmp_path / "report.xlsx"])

    return read_workbook
