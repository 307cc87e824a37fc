"""Read camt.053, the bank statement of ISO 20022, in versions 02 to 08 and later ones of that form.

    read_xml ──► entries and statements as texts ──► amounts, days ──► lines, provisional, rejects
                 (this module)                        (columns)

The entry is the truth: the sum of its transactions may differ by charges, or be in another
currency, so transactions give texts only. `CdtDbtInd` is the direction of the money also where the
entry is a reversal; a bank that means the original direction is recognised by its balances.

Source: ISO 20022 message definitions camt.053.001.02 to .08 (https://www.iso20022.org/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vippsrecon.errors import SourceError
from vippsrecon.sources.bank.camt_frames import (
    RawBalance,
    RawEntries,
    RawStatement,
    build_parsed_file,
)
from vippsrecon.sources.bank.statement import ParsedFile
from vippsrecon.sources.bank.texts import join_texts
from vippsrecon.sources.files.detect import (
    FILE_KIND_NAMES,
    explain_other_message,
    recognize_xml,
)
from vippsrecon.sources.files.xml_file import Wanted, read_xml

MAX_ENTRIES = 2_000_000
"""Entries of one file; a line needs about 1 KB while it is read."""

_STATEMENT = "Document/BkToCstmrStmt/Stmt"
_ENTRY = f"{_STATEMENT}/Ntry"
_DETAILS = f"{_ENTRY}/NtryDtls/TxDtls"

_TEXT_PATHS = (
    f"{_ENTRY}/AddtlNtryInf",
    f"{_DETAILS}/RmtInf/Ustrd",
    f"{_DETAILS}/RmtInf/Strd/CdtrRefInf/Ref",
    f"{_DETAILS}/RmtInf/Strd/AddtlRmtInf",
    f"{_DETAILS}/AddtlTxInf",
    f"{_DETAILS}/RtrInf/AddtlInf",
    f"{_DETAILS}/Refs/EndToEndId",
    f"{_DETAILS}/Refs/PmtInfId",
    f"{_ENTRY}/NtryDtls/Btch/PmtInfId",
)
_CODE_PATHS = (f"{_ENTRY}/BkTxCd/Prtry/Cd", f"{_DETAILS}/BkTxCd/Prtry/Cd")
_REFERENCE_PATHS = (f"{_DETAILS}/Refs/AcctSvcrRef",)
_PAYER_PATHS = (f"{_DETAILS}/RltdPties/Dbtr/Nm", f"{_DETAILS}/RltdPties/Dbtr/Pty/Nm")
_ENTRY_FIELDS = {
    "CdtDbtInd": "direction",
    "RvslInd": "reversal",
    "Sts": "status",
    "Sts/Cd": "status",
    "Sts/Prtry": "status",
    "BookgDt/Dt": "booked",
    "BookgDt/DtTm": "booked",
    "ValDt/Dt": "value",
    "ValDt/DtTm": "value",
    "AcctSvcrRef": "reference",
}
_STATEMENT_FIELDS = {
    "Id": "identification",
    "ElctrncSeqNb": "sequence",
    "LglSeqNb": "legal_sequence",
    "FrToDt/FrDtTm": "first",
    "FrToDt/ToDtTm": "last",
    "Acct/Id/IBAN": "account",
    "Acct/Id/Othr/Id": "account",
    "Acct/Ccy": "currency",
}
_BALANCE_FIELDS = {
    "Tp/CdOrPrtry/Cd": "code",
    "Amt": "amount",
    "CdtDbtInd": "direction",
    "Dt/Dt": "day",
    "Dt/DtTm": "day",
}


def read_camt053(path: Path) -> ParsedFile:
    """Read one file of statements.

    Raises:
        SourceError: It is not camt.053, cannot be read, or holds no statement.
    """
    file_format = recognize_xml(path)
    if file_format.kind != "bank":
        raise SourceError(
            f"this is {FILE_KIND_NAMES[file_format.kind]}, not a bank statement", file=path.name
        )
    other = explain_other_message(file_format)
    if other:
        raise SourceError(other, file=path.name)
    reading = _Reading(path.name)
    read_xml(path, reading.list_wanted())
    if not reading.statements:
        raise SourceError(
            "there is no statement (Stmt) in it, not even an empty one; download it again",
            file=path.name,
        )
    return build_parsed_file(path.name, file_format.format, reading.statements, reading.entries)


class _Reading:
    """Collects the texts of entries and statements while the file passes by."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.statements: list[RawStatement] = []
        self.entries = RawEntries()
        self._statement: dict[str, str] = {}
        self._balances: list[RawBalance] = []
        self._balance: dict[str, str] = {}
        self._entry: dict[str, str] = {}
        self._texts: list[str] = []
        self._codes: list[str] = []
        self._payers: list[str] = []
        self._references: list[str] = []

    def list_wanted(self) -> dict[str, Wanted]:
        """Return the elements to read, with what to do at each."""
        wanted = {
            _STATEMENT: Wanted(self._start_statement, self._end_statement),
            f"{_STATEMENT}/Bal": Wanted(self._start_balance, self._end_balance),
            _ENTRY: Wanted(self._start_entry, self._end_entry),
            f"{_ENTRY}/Amt": Wanted(_keep_currency(self._entry), _keep_text(self._entry, "amount")),
        }
        for name, field in _STATEMENT_FIELDS.items():
            wanted[f"{_STATEMENT}/{name}"] = Wanted(end=_keep_text(self._statement, field))
        for name, field in _BALANCE_FIELDS.items():
            start = _keep_currency(self._balance) if name == "Amt" else None
            wanted[f"{_STATEMENT}/Bal/{name}"] = Wanted(start, _keep_text(self._balance, field))
        for name, field in _ENTRY_FIELDS.items():
            wanted[f"{_ENTRY}/{name}"] = Wanted(end=_keep_text(self._entry, field))
        for paths, texts in (
            (_TEXT_PATHS, self._texts),
            (_CODE_PATHS, self._codes),
            (_PAYER_PATHS, self._payers),
            (_REFERENCE_PATHS, self._references),
        ):
            for path in paths:
                wanted[path] = Wanted(end=texts.append)
        return wanted

    def _start_statement(self, _attributes: Mapping[str, str]) -> None:
        self._statement.clear()
        self._balances = []

    def _end_statement(self, _text: str) -> None:
        self.statements.append(RawStatement(dict(self._statement), tuple(self._balances)))

    def _start_balance(self, _attributes: Mapping[str, str]) -> None:
        self._balance.clear()

    def _end_balance(self, _text: str) -> None:
        self._balances.append(
            RawBalance(**{field: self._balance.get(field, "") for field in RawBalance._fields})
        )

    def _start_entry(self, _attributes: Mapping[str, str]) -> None:
        self._entry.clear()
        self._texts.clear()
        self._codes.clear()
        self._payers.clear()
        self._references.clear()

    def _end_entry(self, _text: str) -> None:
        entry = self._entry
        get = entry.get
        self.entries.add(
            len(self.statements) + 1,
            get("amount", ""),
            get("currency", ""),
            get("direction", ""),
            get("reversal", ""),
            get("status", ""),
            get("booked", ""),
            get("value", ""),
            get("reference") or (self._references[0] if len(self._references) == 1 else ""),
            join_texts(self._texts, self._codes, self._payers),
        )
        if len(self.entries) > MAX_ENTRIES:
            raise SourceError(
                "it has more than 2 million entries; export fewer days", file=self._file
            )


def _keep_text(fields: dict[str, Any], name: str) -> Callable[[str], None]:
    def keep(text: str) -> None:
        if text:
            fields[name] = text

    return keep


def _keep_currency(fields: dict[str, Any]) -> Callable[[Mapping[str, str]], None]:
    def keep(attributes: Mapping[str, str]) -> None:
        fields["currency"] = attributes.get("Ccy", "")

    return keep
