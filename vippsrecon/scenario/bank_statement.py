"""Write the bank statement of the month in camt.053.001.08, with the payouts received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TextIO

from vippsrecon.scenario.calendar import EXPORTED_AT, FIRST_DAY, format_utc
from vippsrecon.scenario.exports.plain_woo_magento import format_major
from vippsrecon.scenario.ledgers import Payout

STATEMENT_LAST_DAY = date(2026, 11, 4)
"""Last day of the statement; later payouts are in transit."""

_OPENING_BALANCE = 100_000
_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_BIC_BY_CURRENCY = {"NOK": "DNBANOKK", "DKK": "NDEADKKK", "EUR": "NDEAFIHH"}


def write_bank_statement(file: TextIO, payouts: Sequence[Payout]) -> None:
    """Write a statement for each account, with the entries in booking order."""
    created = f"{format_utc(EXPORTED_AT)}Z"
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    file.write(f'<Document xmlns="{_NAMESPACE}">\n<BkToCstmrStmt>\n')
    file.write(f"<GrpHdr><MsgId>SCENARIO-2026-10</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\n")
    accounts = {payout.unit.account: payout.unit.currency for payout in payouts}
    for number, (account, currency) in enumerate(accounts.items(), start=1):
        arrived = sorted(
            (p.bank_date, p.unit.position, p.number, p.amount, p.text)
            for p in payouts
            if p.unit.account == account and p.bank_date <= STATEMENT_LAST_DAY
        )
        closing = _OPENING_BALANCE + sum(row[3] for row in arrived)
        file.write(f"<Stmt><Id>{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>")
        file.write(f"<CreDtTm>{created}</CreDtTm>\n")
        file.write(f"<Acct><Id>{_format_account(account)}</Id><Ccy>{currency}</Ccy>")
        file.write(
            f"<Svcr><FinInstnId><BICFI>{_BIC_BY_CURRENCY[currency]}</BICFI></FinInstnId></Svcr>"
        )
        file.write("</Acct>\n")
        file.write(_format_balance("OPBD", _OPENING_BALANCE, currency, FIRST_DAY))
        file.write(_format_balance("CLBD", closing, currency, STATEMENT_LAST_DAY))
        for position, (booked, _, _, amount, text) in enumerate(arrived, start=1):
            file.write(_format_entry(position, booked, amount, text, currency))
        file.write("</Stmt>\n")
    file.write("</BkToCstmrStmt>\n</Document>\n")


def _format_account(account: str) -> str:
    if account.isdigit():
        return f"<Othr><Id>{account}</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr>"
    return f"<IBAN>{account}</IBAN>"


def _format_balance(code: str, amount: int, currency: str, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{format_major(amount)}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        f"<Dt><Dt>{day.isoformat()}</Dt></Dt></Bal>\n"
    )


def _format_entry(position: int, booked: date, amount: int, text: str, currency: str) -> str:
    money = f'<Amt Ccy="{currency}">{format_major(amount)}</Amt>'
    if text.isdigit():
        about = (
            "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>"
            f"<Ref>{text}</Ref></CdtrRefInf></Strd>"
        )
    else:
        about = f"<Ustrd>{text}</Ustrd>"
    day = booked.isoformat()
    return (
        f"<Ntry><NtryRef>{position}</NtryRef>{money}<CdtDbtInd>CRDT</CdtDbtInd>"
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"<AcctSvcrRef>{270000000 + position}</AcctSvcrRef>"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn>"
        "</BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"{money}<CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>Vipps Mobilepay As</Nm></Pty>"
        f"</Dbtr></RltdPties><RmtInf>{about}</RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )
