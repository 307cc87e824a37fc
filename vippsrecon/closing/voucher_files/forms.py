"""The files that accounting systems import: GBAT10, SIE 4, and lists with the reader's own mapping.

Sources:
    GBAT10: http://help.mamut.com/no/mhelp/rtm/import_export/csv_formats/journal_formats/gbat10.htm and
    https://hjelp.tripletex.no/hc/no/articles/4411155692945. PowerOffice Go imports it too:
    https://support.poweroffice.com/hc/no/articles/210133513-Importerbare-bilagstyper-og-filformater
    SIE 4: https://sie.se/format/ and https://support.fortnox.se/produkthjalp/bokforing/sie-fil
    e-conomic, whose import asks which column is what: http://wiki.e-conomic.no/import-av-data/
    Fiken, which documents no import of vouchers; the list has the fields of its manual posting:
    https://hjelp.fiken.no/support/solutions/articles/5000667096-fri-postering
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from vippsrecon.closing.voucher_files.rows import (
    VoucherLine,
    format_comma,
    list_lines,
    pair_lines,
    write_rows,
)
from vippsrecon.errors import InputError
from vippsrecon.version import __version__

_GBAT10_COLUMNS = 28
_GBAT10_TYPE = "90"
"""Voucher type: Tripletex makes a number series of its own for each, so it collides with none."""


class FileFacts(NamedTuple):
    """What a file says about itself.

    Attributes:
        made_on: Day on which it is made.
        company: Name of the company; SIE requires one.
    """

    made_on: date
    company: str


def _render_gbat10(lines: list[VoucherLine], facts: FileFacts) -> bytes:
    return write_rows(_gbat10_row(line) for line in lines)


def _gbat10_row(line: VoucherLine) -> list[str]:
    row = [""] * _GBAT10_COLUMNS
    amount = format_comma(line.amount)
    row[0:3] = ["GBAT10", str(line.sequence), f"{line.day:%Y%m%d}"]
    row[3:6] = [_GBAT10_TYPE, f"{line.day:%m}", f"{line.day:%Y}"]
    # The account system works out VAT of the gross amount (column 28), so net is not asked for.
    row[6:9] = [line.account, line.vat_code or "0", amount]
    row[20] = line.text[:100]
    row[26:28] = ["T", amount]
    return row


def _render_economic(lines: list[VoucherLine], facts: FileFacts) -> bytes:
    heading = ["Date", "Voucher no.", "Account", "VAT code", "Amount", "Text"]
    rows = [
        [
            *(line.day.isoformat(), str(line.sequence), line.account, line.vat_code),
            *(format_comma(line.amount), line.text[:250]),
        ]
        for line in lines
    ]
    return write_rows([heading, *rows])


def _render_fiken(lines: list[VoucherLine], facts: FileFacts) -> bytes:
    heading = ["Dato", "Beskrivelse", "Debet", "Kredit", "MVA-kode", "Beløp"]
    rows = [
        [
            *(debit.day.isoformat(), debit.text, debit.account, credit.account),
            *(debit.vat_code or credit.vat_code, format_comma(debit.amount)),
        ]
        for debit, credit in pair_lines(lines)
    ]
    # With the mark, Excel reads the letters of the headings.
    return write_rows([heading, *rows], "utf-8-sig")


def _render_sie(lines: list[VoucherLine], facts: FileFacts) -> bytes:
    records = [
        "#FLAGGA 0",
        f'#PROGRAM "vippsrecon" {_quote_sie(__version__)}',
        "#FORMAT PC8",
        f"#GEN {facts.made_on:%Y%m%d}",
        "#SIETYP 4",
        f"#FNAMN {_quote_sie(facts.company)}",
    ]
    number = None
    for line in lines:
        if line.number != number:
            records += ["}"] if number is not None else []
            number = line.number
            # Without a number of its own the voucher gets the next of the series on import.
            records += [f'#VER V "" {line.day:%Y%m%d} {_quote_sie(line.number)}', "{"]
        records.append(
            f"   #TRANS {line.account} {{}} {line.amount:.2f} {line.day:%Y%m%d} {_quote_sie(line.text)}"
        )
    records += ["}"] if number is not None else []
    return ("\r\n".join(records) + "\r\n").encode("cp437", errors="replace")


def _quote_sie(text: str) -> str:
    """Return a field in quotes; a quote inside is escaped, and no control character stays."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


class VoucherForm(NamedTuple):
    """One form of file.

    Attributes:
        extension: Of the file's name.
        render: Makes the content.
    """

    extension: str
    render: Callable[[list[VoucherLine], FileFacts], bytes]


VOUCHER_FORMS: Mapping[str, VoucherForm] = MappingProxyType(
    {
        "tripletex": VoucherForm("csv", _render_gbat10),
        "poweroffice": VoucherForm("csv", _render_gbat10),
        "fiken": VoucherForm("csv", _render_fiken),
        "e-conomic": VoucherForm("csv", _render_economic),
        "fortnox": VoucherForm("se", _render_sie),
    }
)
"""Accounting system to the form of its file."""


def render_vouchers(
    vouchers: pl.DataFrame,
    system: str,
    currency: str,
    made_on: date,
    *,
    company: str = "-",
    first_number: int = 1,
) -> bytes:
    """Return the file of the vouchers that are not written yet, for one accounting system.

    Args:
        vouchers: `schemas.VOUCHERS` from `number_vouchers`.
        system: A name of `VOUCHER_FORMS`.
        currency: The currency of the books. Vouchers of another currency are refused.
        made_on: Day on which the file is made.
        company: Name of the company, for SIE.
        first_number: Number of the first voucher, for systems that number with digits. The stable
            number is in the text of each line.

    Raises:
        ClosedPeriodError: A voucher would be written into a closed period.
        ConfigurationError: A role has no account.
        InputError: The system is not known, or there are several currencies.
    """
    if system not in VOUCHER_FORMS:
        raise InputError(
            f"{system!r} is not a form of voucher file. Use one of: {', '.join(VOUCHER_FORMS)}."
        )
    lines = list_lines(vouchers, currency, first_number)
    return VOUCHER_FORMS[system].render(lines, FileFacts(made_on, company))
