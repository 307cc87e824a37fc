"""Every command runs on data full of customers, and no customer or secret is in what it writes."""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from IPython.display import HTML
from openpyxl import load_workbook

import vippsrecon
from tests.cli.test_secrecy import run_in_this_process
from tests.privacy.echoing_proxy import serve_echoing_errors
from tests.privacy.markers import (
    BIRTH_DATE,
    CITY,
    EMAIL,
    MESSAGE,
    NAME,
    PHONES,
    SECRETS,
    STREET,
    find_markers,
)
from tests.privacy.planted import (
    CUSTOMER_COLUMNS,
    plant_in_export,
    plant_in_state,
    write_settings,
)
from tests.privacy.written import find_in_folder
from tests.report.test_changes import fill_in
from tests.report.test_workbook import rows_of
from vippsrecon import plots
from vippsrecon.notification.digest import build_report_digest
from vippsrecon.notification.webhook import build_payload
from vippsrecon.report.html.tiles import render_reconciliation
from vippsrecon.report.terminal import format_summary
from vippsrecon.scenario import write_month
from vippsrecon.scenario.cases.case_mix import ALL_CASES_FROM
from vippsrecon.simulator import Simulator, serve
from vippsrecon.store import list_plan_ids

pytestmark = pytest.mark.ci

MSN = "123456"
RESULT_FRAMES = (
    *("orders", "payments", "events", "failures", "rejects"),
    *("discrepancies", "buckets", "summary", "bridge", "groups"),
)
FIGURES = (
    *(plots.at_risk_by_code, plots.bridge_waterfall, plots.ages, plots.reservations),
    *(plots.captured_and_refunded, plots.concentrations),
)
TYPED_NOTE = "typed-note-4711"
TYPED_DOCUMENT = "typed-document-4712"
REVIEW_NOTE = "review-note-4713"
ORDER_NUMBER = "#2700"
ALLOWED = {
    "order number: the only way from a finding to the order in the shop": (
        ORDER_NUMBER,
        ["report.xlsx", "report.html"],
    ),
    "note in a list: the reason for the refund, for the approver and the auditor": (
        TYPED_NOTE,
        ["plan.json", "plan.xlsx", "outcomes.xlsx", "journal.xlsx", "vippsrecon.db"],
    ),
    "document in a list: the voucher in the accounts": (
        TYPED_DOCUMENT,
        ["plan.json", "plan.xlsx", "outcomes.xlsx", "journal.xlsx", "vippsrecon.db"],
    ),
    "note in a report: kept for the next report and as the reason of a waiver": (
        REVIEW_NOTE,
        ["report.xlsx", "again.xlsx", "ignore.csv"],
    ),
    "names given with --as: who planned and who approved": (
        "planner-kari",
        ["plan.json", "plan.xlsx", "journal.xlsx"],
    ),
}
"""What may be written because people asked for it: text, and files that hold it."""

ALL_CUSTOMER_MARKERS = find_markers(
    "; ".join([NAME, *PHONES, EMAIL, STREET, CITY, MESSAGE, BIRTH_DATE, *SECRETS.values()])
) - {"database password"}
INPUTS = {
    ".env",
    "vippsrecon.toml",
    "orders.csv",
    "simulator.jsonl",
    "refunds.csv",
    "references.csv",
    "bank.xml",
    "settlement.csv",
    "truth.csv",
}
FIRST = {
    "preview": ["preview", "orders.csv"],
    "preview as JSON": ["preview", "orders.csv", "--json"],
    "preview of a list": ["preview", "references.csv", "--shop", "plain"],
    "check": ["check"],
    "check as JSON": ["check", "--json"],
    "fetch": ["fetch", "orders.csv", "--out", "fetched"],
    "fetch of a list": ["fetch", "references.csv", "--out", "listed"],
    "reconcile": [
        *["reconcile", "--orders", "orders.csv", "--references", "references.csv"],
        *["--out", "report.xlsx", "--html", "--detail", "full"],
    ],
    "reconcile into a folder": [
        *["reconcile", "--orders", "orders.csv", "--payments", "fetched"],
        *["--into", "reports", "--period", "2026-10", "--catch-up"],
    ],
    "reconcile for a mail": [
        *["reconcile", "--orders", "orders.csv", "--payments", "fetched"],
        *["--out", "mailed.xlsx", "--html", "--detail", "findings", "--json"],
    ],
}
SECOND = {
    "reconcile again": [
        *["reconcile", "--orders", "orders.csv", "--payments", "fetched"],
        *["--previous", "report.xlsx", "--earlier", "report.data", "--out", "again.xlsx", "--html"],
    ],
    "resolve": ["resolve", "report.xlsx"],
    "resolve as JSON": ["resolve", "report.xlsx", "--json"],
    "waivers": ["resolve", "report.xlsx", "--waivers", "ignore.csv", "--until", "never"],
    "plan": [
        *["plan", "refunds", "refunds.csv", "--out", "plan.json", "--workbook", "plan.xlsx"],
        *["--as", "planner-kari"],
    ],
    "plan of a report": [
        *["plan", "captures", "--from-report", "report.xlsx", "--out", "captures.json"],
        *["--as", "planner-kari", "--json"],
    ],
    "approve": ["approve", "plan.json", "--as", "ola"],
    "carry-out": ["carry-out", "plan.json", "--out", "dry.xlsx"],
    "live": ["carry-out", "plan.json", "--live", "--confirm", "3.00 NOK", "--out", "outcomes.xlsx"],
    "settle": ["journal", "settle", "plan.json"],
    "journal": ["journal", "--verify", "--out", "journal.xlsx"],
    "journal as JSON": ["journal", "--plan", "plan.json", "--json"],
    "backup": ["journal", "--backup", "backup.db"],
    "notebooks": ["notebooks", "copies"],
}


class Run(NamedTuple):
    """What was run, and what it printed: stdout and stderr by the name of a command."""

    folder: Path
    outputs: dict[str, tuple[bytes, bytes]]


def read_paid_references(state: Path, count: int) -> list[str]:
    """Return references of payments that are captured whole and not refunded."""
    payments = [
        line["payment"]
        for line in map(json.loads, state.read_text(encoding="utf-8").splitlines())
        if line.get("msn") == MSN and "payment" in line
    ]
    paid = [
        payment["reference"]
        for payment in payments
        if payment["aggregate"]["capturedAmount"] == payment["amount"]
        and payment["aggregate"]["refundedAmount"]["value"] == 0
    ]
    assert len(paid) >= count
    return paid[:count]


def write_lists(folder: Path, paid: list[str]) -> None:
    """Write a list of refunds and a list of references, each with customer columns."""
    customer = ",".join(f'"{cell}"' for cell in CUSTOMER_COLUMNS.values())
    heading = f"reference,amount,currency,note,document_ref,{','.join(CUSTOMER_COLUMNS)}"
    rows = [f"{paid[n]},1.00,NOK,{TYPED_NOTE},{TYPED_DOCUMENT},{customer}" for n in range(3)]
    refused = f"{paid[3]},nothing,NOK,,,{customer}"
    cut_off = f"{paid[4]},1.00,NOK,a, comma,,,{NAME},{EMAIL},{customer}"
    text = "\n".join([heading, *rows, refused, cut_off])
    (folder / "refunds.csv").write_text(text, encoding="utf-8")
    references = [f"{reference},{customer}" for reference in [*paid[:3], "unknown-reference-1"]]
    text = "\n".join([f"reference,{','.join(CUSTOMER_COLUMNS)}", *references])
    (folder / "references.csv").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Run:
    """Run all commands on one month, as one user after the other works with it."""
    return run_all(tmp_path_factory.mktemp("privacy"))


def run_all(folder: Path) -> Run:
    """Make the month in an empty folder, run all commands there, and return what they printed."""
    write_month(folder, payments=ALL_CASES_FROM, seed=7, shop="shopify")
    paid = read_paid_references(folder / "simulator.jsonl", 6)
    write_lists(folder, paid)
    plant_in_export(folder / "orders.csv")
    plant_in_state(folder / "simulator.jsonl")
    simulator = Simulator.from_file(folder / "simulator.jsonl")
    refusals = [
        {"code": 6090, "operation": "refund", "reference": paid[2]},
        {"code": 4070, "operation": "getPayment", "reference": paid[5], "times": 4},
    ]
    simulator.set_settings(refusals=refusals, writes_per_minute=None, reads_per_minute=None)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VIPPS")},
        "VIPPSRECON_LOG_LEVEL": "DEBUG",
    }
    with serve(simulator) as simulator_url, serve_echoing_errors(simulator_url) as base_url:
        write_settings(folder, base_url)
        outputs = run_in_this_process(FIRST, folder, environment)
        decide(folder / "report.xlsx")
        outputs |= run_in_this_process(SECOND, folder, environment)
    return Run(folder, outputs)


def decide(report: Path) -> None:
    """Write owner, decision and note beside the discrepancies, as people do."""
    rows = [row for row in rows_of(load_workbook(report)["Discrepancies"]) if row["Reference"]]
    assert rows
    fill_in(
        report,
        {
            str(row["Reference"]): (
                "reviewer",
                "capture" if row["Code"] == "under_captured" else "waive",
                REVIEW_NOTE,
            )
            for row in rows
        },
    )


def test_no_command_prints_a_customer_or_a_secret(finished):
    """The log is at DEBUG, where libraries log most."""
    assert b"DEBUG" in finished.outputs["fetch"][1]
    leaks = {
        name: found
        for name, streams in finished.outputs.items()
        if (found := find_markers(b"\n".join(streams)))
    }
    assert leaks == {}


def test_no_file_holds_a_customer_or_a_secret(finished):
    """Workbooks, pages, frames, plans and the database are all searched in decoded form."""
    assert find_in_folder(finished.folder, INPUTS) == {}


def list_displays(folder: Path) -> Iterator[tuple[str, object]]:
    """Yield every object that a notebook shows of the month, with its name."""
    settings = vippsrecon.load_settings(folder=folder, offline=True)
    fetched = vippsrecon.read_fetched(folder / "fetched")
    result = vippsrecon.reconcile_month(
        [folder / "orders.csv"],
        settings,
        references=[folder / "references.csv"],
        payments=folder / "fetched",
        previous=folder / "report.xlsx",
        earlier=folder / "report.data",
    )
    yield "preview", vippsrecon.preview(folder / "orders.csv")
    yield "orders", vippsrecon.read_orders(folder / "orders.csv", default_msn=MSN)
    yield "fetched", fetched
    yield "result", result
    yield "plan", vippsrecon.read_plan(folder / "plan.json")
    yield "worst discrepancies", HTML(render_reconciliation(result, 1_000))
    yield "summary", format_summary(result)
    for name in (*RESULT_FRAMES, "open_items"):
        frame = getattr(result, name)
        yield name, frame
        yield f"{name}, shown", vippsrecon.show_frame(frame)
        yield f"{name}, searched", vippsrecon.search_frame(frame)
    yield "links", vippsrecon.show_frame(vippsrecon.link_discrepancies(result))
    for draw in FIGURES:
        yield draw.__name__, draw(result)
    with vippsrecon.open_store(settings.database_url) as store:
        for plan_id in list_plan_ids(store):
            yield f"journal {plan_id}", vippsrecon.verify_journal(store, plan_id)


def test_no_display_of_a_notebook_shows_a_customer_or_a_secret(finished, monkeypatch, caplog):
    """Text, HTML, tables to search, texts of figures, warnings and the log at its most detailed."""
    pytest.importorskip("matplotlib", reason="matplotlib comes with the extra `lab`")
    pytest.importorskip("itables", reason="itables comes with the extra `lab`")
    monkeypatch.chdir(finished.folder)
    caplog.set_level(logging.DEBUG)
    leaks, shown = {}, 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, display in list_displays(finished.folder):
            texts = [repr(display), getattr(display, "description", "")]
            if hasattr(display, "_repr_html_"):
                texts.append(display._repr_html_())
            found = set().union(*map(find_markers, map(leave_out_base64, texts)))
            shown += 1
            if found:
                leaks[name] = found
    assert leaks == {}
    assert shown > 40
    assert find_markers("\n".join([caplog.text, *(str(each.message) for each in caught)])) == set()


def leave_out_base64(text: str) -> str:
    """Return a text without pictures and packed scripts, whose digits may look like a phone number."""
    return re.sub(r"[A-Za-z0-9+/]{200,}=*", "", text)


def test_no_message_of_notify_holds_a_customer_or_a_secret(finished):
    """The text of the mail and of the channel; the attached report is one of the files above."""
    for report in ("report.xlsx", "again.xlsx", "mailed.xlsx"):
        digest = build_report_digest(finished.folder / report)
        payloads = [json.dumps(build_payload(digest, service)) for service in ("teams", "slack")]
        assert find_markers("\n".join([digest.headline, *digest.lines, *payloads])) == set()
        assert REVIEW_NOTE not in "\n".join(digest.lines), "notes are not in a message"


def test_commands_met_the_customers(finished):
    """The inputs hold everything that is searched, and the commands read them to their end."""
    planted = find_in_folder(finished.folder, set())
    assert set().union(*planted.values()) >= ALL_CUSTOMER_MARKERS
    assert planted.keys() <= INPUTS
    written = {path.name for path in finished.folder.iterdir()}
    assert written >= {
        *[
            "fetched",
            "listed",
            "reports",
            "report.xlsx",
            "report.html",
            "report.data",
            "mailed.xlsx",
        ],
        *["again.xlsx", "ignore.csv", "plan.json", "plan.xlsx", "captures.json", "dry.xlsx"],
        *["outcomes.xlsx", "journal.xlsx", "backup.db", "vippsrecon.db"],
    }
    live = finished.outputs["live"][0]
    assert b"done                 2" in live
    assert b"refused              1" in live
    assert b"customer.[number]" in live
    assert b"[number]" in finished.outputs["fetch"][1]


@pytest.mark.parametrize("typed", ALLOWED)
def test_what_people_typed_is_kept_where_it_is_needed(finished, typed):
    """The table of what may be written is complete: each of its lines is used."""
    text, places = ALLOWED[typed]
    for place in places:
        content = (finished.folder / place).read_bytes()
        if zipfile.is_zipfile(finished.folder / place):
            with zipfile.ZipFile(finished.folder / place) as book:
                content = b"".join(map(book.read, book.namelist()))
        assert text.encode() in content, place
