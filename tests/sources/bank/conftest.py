"""Write camt.053 files; each test states the entries that it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vippsrecon.sources.bank import BankFiles, read_bank_files

ACCOUNT = "86011117947"
IBAN = "NO9386011117947"


def entry(
    amount: str = "100.00",
    direction: str = "CRDT",
    *,
    day: str = "2026-10-05",
    text: str = "Utb. 2000591 Vippsnr 698382",
    reference: str = "",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    currency: str = "NOK",
    more: str = "",
    details: str | None = None,
) -> str:
    """Return an entry of version 08."""
    if details is None:
        details = (
            f"<NtryDtls><TxDtls><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls>"
            if text
            else ""
        )
    own = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    booked = f"<BookgDt><Dt>{day}</Dt></BookgDt>" if day else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{more}'
        f"{status}{booked}<ValDt><Dt>2026-10-05</Dt></ValDt>{own}{details}</Ntry>"
    )


def balance(code: str, amount: str, day: str = "2026-10-31", currency: str = "NOK") -> str:
    """Return a booked balance in credit."""
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt>'
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def statement(
    entries: Sequence[str] = (),
    *,
    account: str = f"<Othr><Id>{ACCOUNT}</Id></Othr>",
    opening: str = "",
    closing: str = "",
    days: tuple[str, str] = ("2026-10-01", "2026-10-31"),
    name: str = "1",
    sequence: str = "",
    currency: str = "NOK",
) -> str:
    """Return a statement; without balances where they are not given."""
    number = f"<ElctrncSeqNb>{sequence}</ElctrncSeqNb>" if sequence else ""
    balances = balance("OPBD", opening, days[0], currency) if opening else ""
    balances += balance("CLBD", closing, days[1], currency) if closing else ""
    return (
        f"<Stmt><Id>{name}</Id>{number}<FrToDt><FrDtTm>{days[0]}T00:00:00</FrDtTm>"
        f"<ToDtTm>{days[1]}T23:59:59</ToDtTm></FrToDt><Acct><Id>{account}</Id>"
        f"<Ccy>{currency}</Ccy></Acct>{balances}{''.join(entries)}</Stmt>"
    )


def document(*statements: str, version: str = "08") -> str:
    """Return a file of statements."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>1</MsgId></GrpHdr>{''.join(statements)}</BkToCstmrStmt></Document>"
    )


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., BankFiles]:
    """Read contents as files named `1.xml`, `2.xml`, … in Polars."""

    def read_contents(*contents: str | bytes, suffix: str = ".xml", **options) -> BankFiles:
        paths = []
        for number, content in enumerate(contents, start=1):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            paths.append(path)
        return read_bank_files(paths, **options)

    return read_contents
