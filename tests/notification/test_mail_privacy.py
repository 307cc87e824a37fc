"""The mails of `reconcile --notify` hold no customer and no secret, in any part that a reader can open."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tests.notification.conftest import PASSWORD
from tests.payments import make_history_line
from tests.privacy.echoing_proxy import serve_echoing_errors
from tests.privacy.markers import NAME, SECRETS, find_markers
from tests.privacy.planted import CLIENT_ID, CUSTOMER_COLUMNS, plant_in_line
from tests.privacy.written import find_in_folder
from vippsrecon.cli import app
from vippsrecon.simulator import Simulator, serve

NOW = datetime(2026, 11, 5, 5, 30, tzinfo=UTC)
ORDER = {
    "reference": "order-000001",
    "order_number": "1",
    "currency": "NOK",
    "total": "9.00",
    "refunded": "0.00",
    "status": "fulfilled",
    "ordered_at": "2026-10-12T10:00:00Z",
    "fulfilled_at": "2026-10-12T12:00:00Z",
    **CUSTOMER_COLUMNS,
}
STEPS = [
    ("CREATED", 1000, "2026-10-12T10:00:00Z"),
    ("AUTHORIZED", 1000, "2026-10-12T10:01:00Z"),
    ("CAPTURED", 1000, "2026-10-12T12:00:00Z"),
]


@pytest.fixture
def notify(folder, monkeypatch, start_mail_server, write_mail_settings):
    """Return a function that reconciles an order full of customer data, and the mail server."""
    server = start_mail_server(login=("vippsrecon", PASSWORD))
    write_mail_settings(server, login=True)
    sales_unit = {"sales_unit": {"msn": "123456", "market": "NO"}}
    lines = [sales_unit, make_history_line("order-000001", STEPS)]
    text = io.StringIO()
    writer = csv.DictWriter(text, ORDER)
    writer.writeheader()
    writer.writerow(ORDER)
    (folder / "orders.csv").write_text(text.getvalue())
    clock = {"clock": "2026-11-05T05:30:00Z"}
    with (
        serve(Simulator([clock, *map(plant_in_line, lines)])) as simulator_url,
        serve_echoing_errors(simulator_url) as url,
    ):
        settings = {
            "ENVIRONMENT": "simulator",
            "BASE_URL": url,
            "MSN": "123456",
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": SECRETS["client secret"],
            "SUBSCRIPTION_KEY": SECRETS["subscription key"],
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"VIPPS_{name}", value)

        def run(*arguments):
            given = ("--orders", "orders.csv", "--exported-at", "2026-11-05T05:00:00Z", "--notify")
            return CliRunner().invoke(app, ["reconcile", *given, *arguments], obj=lambda: NOW)

        yield run, server


def write_parts(message, folder):
    """Write the decoded parts and the head of a mail as files, and return them as one text."""
    folder.mkdir()
    head = "\n".join(f"{name}: {value}" for name, value in message.items())
    texts = [head]
    for number, part in enumerate(message.walk()):
        if not part.is_multipart():
            content = part.get_content()
            raw = content.encode() if isinstance(content, str) else content
            (folder / (part.get_filename() or f"{number}.txt")).write_bytes(raw)
            texts += [content] if isinstance(content, str) else []
    return "\n".join(texts)


@pytest.mark.ci
def test_a_mailed_report_holds_no_customer_and_no_secret(notify, folder):
    """The text, the head, and the attached workbook with everything in it."""
    run, server = notify
    done = run("--out", "report.xlsx")
    assert done.exit_code == 1, done.output
    [message] = server.messages

    shown = write_parts(message, folder / "mail")
    assert "order 1" in shown
    assert find_markers(shown) == set()
    assert PASSWORD not in shown
    assert {path.name for path in (folder / "mail").iterdir()} >= {"report.xlsx"}
    assert find_in_folder(folder / "mail", set()) == {}
    assert NAME in (folder / "orders.csv").read_text()


def test_a_mailed_failure_holds_no_customer_and_no_secret(notify, folder, monkeypatch):
    """Vipps MobilePay's answer to wrong keys may repeat them; the mail says what to do instead."""
    run, server = notify
    monkeypatch.setenv("VIPPS_CLIENT_ID", "client-of-another-merchant")
    done = run("--out", "report.xlsx")
    assert done.exit_code == 2, done.output
    [message] = server.messages

    shown = write_parts(message, folder / "mail")
    assert message["Subject"].startswith("vippsrecon: FAILED. ")
    assert find_markers(shown) == set()
    assert PASSWORD not in shown
