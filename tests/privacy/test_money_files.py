"""No customer in a settlement file, a bank statement or the ledger reaches what a run writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import vippsrecon
from tests.cli.test_secrecy import run_in_this_process
from tests.privacy.markers import CITY, EMAIL, MESSAGE, NAME, PHONES, STREET, find_markers
from tests.privacy.planted import plant_in_state, read_export, write_export, write_settings
from tests.privacy.written import find_in_folder
from vippsrecon.scenario import write_month
from vippsrecon.simulator import Simulator, serve

pytestmark = pytest.mark.ci

INPUTS = {
    *(".env", "vippsrecon.toml", "orders.csv", "simulator.jsonl", "truth.csv"),
    *("settlement.csv", "bank.xml", "bank.csv"),
}
CUSTOMER_CELLS = {
    "Kundens navn": NAME,
    "Kundens telefonnummer": PHONES[6],
    "Melding": f"{MESSAGE}, {PHONES[4]}",
}
"""Columns of the settlement report with data of customers, which a merchant may have switched on."""

ENTRY = """<Ntry><Amt Ccy="NOK">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts>
<BookgDt><Dt>2026-10-07</Dt></BookgDt><ValDt><Dt>2026-10-07</Dt></ValDt><NtryDtls><TxDtls>
<Refs><EndToEndId>{phone}</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>{name}</Nm><PstlAdr>
<AdrLine>{street}</AdrLine><AdrLine>{city}</AdrLine></PstlAdr></Pty></Dbtr></RltdPties>
<RmtInf><Ustrd>{message} {phone}</Ustrd></RmtInf><AddtlTxInf>{email}</AddtlTxInf></TxDtls></NtryDtls>
<AddtlNtryInf>Overføring fra {name}</AddtlNtryInf></Ntry>
"""
"""A customer pays by bank transfer: in and out, so that the statement still adds up."""

MONEY = ["--settlement", "settlement.csv", "--bank", "bank.xml"]
COMMANDS = {
    "preview": ["preview", "settlement.csv", "bank.xml"],
    "preview as JSON": ["preview", "settlement.csv", "bank.xml", "--json", "--language", "nb"],
    "reconcile": [
        *["reconcile", "--orders", "orders.csv", *MONEY, "--period", "2026-10"],
        *["--out", "report.xlsx", "--html", "--detail", "full", "--language", "nb"],
    ],
    "as JSON": [
        *["reconcile", "--orders", "orders.csv", *MONEY, "--period", "2026-10"],
        *["--payments", "report.data", "--out", "mailed.xlsx", "--detail", "findings", "--json"],
    ],
    "without the files": [
        *["reconcile", "--orders", "orders.csv", "--payments", "report.data"],
        *["--period", "2026-10", "--cutoff", "2026-10-31", "--out", "again.xlsx", "--html"],
    ],
    "payout": ["payout", "2000001", "--settlement", "settlement.csv"],
    "payout as JSON": ["payout", "2000001", "--settlement", "settlement.csv", "--json"],
    "ledger": ["ledger", "--from", "2026-10-01", "--to", "2026-10-31", "--out", "ledger"],
    "with the ledger": [
        *["reconcile", "--orders", "orders.csv", "--payments", "report.data", "--ledger", "ledger"],
        *["--bank", "bank.xml", "--period", "2026-10", "--out", "ledger.xlsx"],
    ],
}
FRAMES = ("ledger_entries", "payouts", "bank_lines", "discrepancies", "rejects", "vouchers")


def plant_in_settlement(path: Path) -> None:
    """Add the columns of customers, and a row whose cells are shifted by a comma in a message."""
    headings, *rows = read_export(path)
    width = len(headings)
    shifted = [[*rows[0][:place], cell, *rows[0][place:]][:width]
               for place in range(1, width) for cell in (NAME, EMAIL, PHONES[4])]  # fmt: skip
    cells = list(CUSTOMER_CELLS.values())
    rows = [[*row, *cells] for row in [*rows, *shifted]]
    write_export(path, [[*headings, *CUSTOMER_CELLS], *rows])


def plant_in_statement(path: Path) -> None:
    """Add transfers of a customer, one that cannot be read among them."""
    facts = {"name": NAME, "street": STREET, "city": CITY, "message": MESSAGE, "email": EMAIL}
    entries = "".join(
        ENTRY.format(
            amount=amount, direction=direction, status=status, phone=PHONES[number], **facts
        )
        for number, (amount, direction, status) in enumerate(
            [("75.00", "CRDT", "BOOK"), ("75.00", "DBIT", "BOOK"), (f"7 {NAME}", "CRDT", "BOOK"),
             ("80.00", "CRDT", NAME), ("90.00", "CRDT", "PDNG")]
        )
    )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    assert text.count("<Ntry>") > 3
    path.write_text(text.replace("<Ntry>", f"{entries}<Ntry>", 1), encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run the commands on a month full of customers; return the folder and what they printed."""
    folder = tmp_path_factory.mktemp("money")
    write_month(folder, payments=60, seed=7)
    plant_in_settlement(folder / "settlement.csv")
    plant_in_statement(folder / "bank.xml")
    plant_in_state(folder / "simulator.jsonl")
    environment = {name: value for name, value in os.environ.items() if "VIPPS" not in name}
    simulator = Simulator.from_file(folder / "simulator.jsonl")
    with serve(simulator) as base_url:
        write_settings(folder, base_url)
        environment |= {"VIPPSRECON_LOG_LEVEL": "DEBUG"}
        outputs = run_in_this_process(COMMANDS, folder, environment)
    return folder, outputs


def test_commands_read_the_files_to_their_end(finished):
    """A command that was refused would show no customer either."""
    folder, _ = finished
    written = {path.name for path in folder.iterdir()}

    assert written >= {"report.xlsx", "report.html", "report.data", "mailed.xlsx", "again.xlsx"}
    assert written >= {"ledger", "ledger.xlsx", "vippsrecon.db"}
    assert {"bank_lines.parquet", "ledger_entries.parquet"} <= {
        path.name for path in (folder / "report.data").iterdir()
    }
    assert find_markers((folder / "bank.xml").read_text(encoding="utf-8")) >= {"first name", "city"}


def test_no_command_prints_a_customer(finished):
    """Rejected rows are printed with their cells."""
    _, outputs = finished
    leaks = {name: found for name, streams in outputs.items()
             if (found := find_markers(b"\n".join(streams)))}  # fmt: skip

    assert leaks == {}


def test_no_file_holds_a_customer(finished):
    """Each sheet, the page, what is kept for a repetition, and the database."""
    folder, _ = finished

    assert find_in_folder(folder, INPUTS) == {}


def test_no_frame_of_a_notebook_holds_a_customer(finished, monkeypatch):
    """What a cell shows, and what is behind it."""
    folder, _ = finished
    monkeypatch.chdir(folder)
    result = vippsrecon.reconcile_month(
        [folder / "orders.csv"],
        vippsrecon.load_settings(folder=folder, offline=True),
        payments=folder / "report.data",
        settlement=[folder / "settlement.csv"],
        bank=[folder / "bank.xml"],
    )
    shown = {name: getattr(result, name) for name in FRAMES}
    leaks = {
        name: found
        for name, frame in shown.items()
        if (found := find_markers(frame.to_csv() + vippsrecon.show_frame(frame)._repr_html_()))
    }

    assert len(result.bank_lines) > 3
    assert leaks == {}
    assert find_markers(result._repr_html_()) == set()
