"""How fast a bank statement is read, beside a bare parser and a library on the same file.

    python -m tests.benchmarks.read_camt053 [--smoke]

Ours ends with validated lines, checked balances and notes. The bare parser calls an empty function for
each element, which is the floor of any reader in Python. The library is bankstatementparser, if it is
installed: it gives no status, no reversals, and no text of the entry itself. CPU seconds, because other
programs may run on the machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from vippsrecon.sources.bank import read_bank_files

ENTRIES, SMOKE_ENTRIES = 50_000, 2_000
AT_MOST_TIMES_BARE = 3.0


def write_statement(path: Path, entries: int) -> None:
    """Write a statement of version 08 with `entries` payouts that foots."""
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">')
        file.write("<BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>1</Id>")
        file.write("<Acct><Id><IBAN>NO9386011117947</IBAN></Id><Ccy>NOK</Ccy></Acct>")
        closing = sum(number % 9000 + 1 for number in range(entries))
        for code, amount in (("OPBD", 0), ("CLBD", closing)):
            file.write(
                f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
                f'<Amt Ccy="NOK">{amount}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
                "<Dt><Dt>2026-10-31</Dt></Dt></Bal>"
            )
        for number in range(entries):
            day = f"2026-10-{number % 28 + 1:02}"
            money = f'<Amt Ccy="NOK">{number % 9000 + 1}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
            file.write(
                f"<Ntry><NtryRef>{number}</NtryRef>{money}<Sts><Cd>BOOK</Cd></Sts>"
                f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
                f"<AcctSvcrRef>{270_000_000 + number}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd>"
                "<Fmly><Cd>RCDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
                "<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
                f"{money}<RltdPties><Dbtr><Pty><Nm>Vipps Mobilepay As</Nm></Pty></Dbtr></RltdPties>"
                f"<RmtInf><Ustrd>Utb. {2_000_000 + number} Vippsnr 698382</Ustrd></RmtInf>"
                "</TxDtls></NtryDtls></Ntry>\n"
            )
        file.write("</Stmt></BkToCstmrStmt></Document>")


def visit_elements(path: Path) -> int:
    """Call an empty function at the start and at the end of each element."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda name, attributes: None
    parser.EndElementHandler = lambda name: None
    with path.open("rb") as file:
        parser.ParseFile(file)
    return parser.CurrentByteIndex


def parse_with_library(path: Path) -> int:
    """Read the statement with bankstatementparser."""
    from bankstatementparser import CamtParser

    return len(CamtParser(str(path)).parse())


def cpu_seconds(work: Callable[[Path], object], path: Path, times: int) -> float:
    """Return the CPU seconds of the quickest of some runs."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work(path)
        seconds.append(time.process_time() - start)
    return min(seconds)


def main() -> None:
    """Measure and print the times; fail if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="few entries, no promise")
    smoke = parser.parse_args().smoke
    entries = SMOKE_ENTRIES if smoke else ENTRIES
    with tempfile.TemporaryDirectory() as folder:
        small, path = Path(folder) / "small.xml", Path(folder) / "bank.xml"
        write_statement(small, 10)
        write_statement(path, entries)
        read_bank_files([small])  # so that imports are not measured
        own = cpu_seconds(lambda file: read_bank_files([file]), path, 3)
        bare = cpu_seconds(visit_elements, path, 3)
        print(f"{entries:,} entries, {path.stat().st_size / 1e6:.0f} MB, CPU seconds")
        print(f"vippsrecon, to validated lines   {own:8.2f} s")
        print(f"bare parser, empty callbacks     {bare:8.2f} s  {own / bare:5.2f} x")
        if importlib.util.find_spec("bankstatementparser"):
            library = cpu_seconds(parse_with_library, path, 1)
            print(f"bankstatementparser              {library:8.2f} s  {library / own:5.1f} x ours")
    if not smoke and own / bare > AT_MOST_TIMES_BARE:
        raise SystemExit(f"more than {AT_MOST_TIMES_BARE:.0f} x the bare parser")


if __name__ == "__main__":
    main()
