"""Write the bank statement of the month in camt.053.001.08, with the payouts received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TextIO

from vippsrecon.scenario.bank.lines import BankLine
from vippsrecon.scenario.calendar import ScenarioMonth, format_utc
from vippsrecon.scenario.exports.plain_woo_magento import format_major

_OPENING_BALANCE = 100_000
_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_BIC_BY_CURRENCY = {"NOK": "DNBANOKK", "DKK": "NDEADKKK", "EUR": "NDEAFIHH"}


def write_bank_statement(
    file: TextIO,
    month: ScenarioMonth,
    accounts: Sequence[tuple[str, str]],
    lines: Sequence[BankLine],
) -> None:
    """Write a statement for each account and its currency, with the entries in booking order.

    What is only announced is shown, and is not in the closing balance.
    """
    created = f"{format_utc(month.exported_at)}Z"
    file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    file.write(f'<Document xmlns="{_NAMESPACE}">\n<BkToCstmrStmt>\n')
    name = f"SCENARIO-{month.first_day:%Y-%m}"
    file.write(f"<GrpHdr><MsgId>{name}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\n")
    for number, (account, currency) in enumerate(accounts, start=1):
        own = [line for line in lines if line.account == account]
        closing = _OPENING_BALANCE + sum(line.amount for line in own if line.booked)
        file.write(f"<Stmt><Id>{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>")
        file.write(f"<CreDtTm>{created}</CreDtTm>\n")
        file.write(f"<Acct><Id>{_format_account(account)}</Id><Ccy>{currency}</Ccy>")
        file.write(
            f"<Svcr><FinInstnId><BICFI>{_BIC_BY_CURRENCY[currency]}</BICFI></FinInstnId></Svcr>"
        )
        file.write("</Acct>\n")
        file.write(_format_balance("OPBD", _OPENING_BALANCE, currency, month.first_day))
        file.write(_format_balance("CLBD", closing, currency, month.statement_last_day))
        for position, line in enumerate(own, start=1):
            file.write(_format_entry(position, line))
        file.write("</Stmt>\n")
    file.write("</BkToCstmrStmt>\n</Document>\n")


def _format_account(account: str) -> str:
    if account.isdigit():
        return f"<Othr><Id>{account}</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr>"
    return f"<IBAN>{account}</IBAN>"


def _format_balance(code: str, amount: int, currency: str, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{format_major(abs(amount))}</Amt>{_format_side(amount)}'
        f"<Dt><Dt>{day.isoformat()}</Dt></Dt></Bal>\n"
    )


def _format_side(amount: int) -> str:
    return f"<CdtDbtInd>{'DBIT' if amount < 0 else 'CRDT'}</CdtDbtInd>"


def _format_entry(position: int, line: BankLine) -> str:
    money = f'<Amt Ccy="{line.currency}">{format_major(abs(line.amount))}</Amt>'
    side = _format_side(line.amount)
    if line.text.isdigit():
        about = (
            "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>"
            f"<Ref>{line.text}</Ref></CdtrRefInf></Strd>"
        )
    else:
        about = f"<Ustrd>{line.text}</Ustrd>"
    day = line.day.isoformat()
    status, bank_reference = "PDNG", ""
    if line.booked:
        status = "BOOK"
        bank_reference = f"<AcctSvcrRef>{270000000 + position}</AcctSvcrRef>"
    party = "Cdtr" if line.amount < 0 else "Dbtr"
    family = "ICDT" if line.amount < 0 else "RCDT"
    return (
        f"<Ntry><NtryRef>{position}</NtryRef>{money}{side}"
        f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"{bank_reference}"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn>"
        "</BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"{money}{side}<RltdPties><{party}><Pty><Nm>{line.name}</Nm></Pty>"
        f"</{party}></RltdPties><RmtInf>{about}</RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )
