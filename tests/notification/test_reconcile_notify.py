"""Test `reconcile --notify`: every run that is not clean reaches somebody, once."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tests.cli.assertions import assert_one_sentence_error
from tests.payments import make_history_line
from vippsrecon.cli import app
from vippsrecon.simulator import Simulator, serve

NOW = datetime(2026, 11, 5, 5, 30, tzinfo=UTC)
CLOCK = {"clock": "2026-11-05T05:30:00Z"}
HEAD = "reference,order_number,currency,total,refunded,status,ordered_at,fulfilled_at\n"
ROW = "order-000001,1,NOK,10.00,0.00,fulfilled,2026-10-12T10:00:00Z,2026-10-12T12:00:00Z\n"
STEPS = [("CREATED", 1000, "10:00"), ("AUTHORIZED", 1000, "10:01"), ("CAPTURED", 1000, "12:00")]
MONTHLY = ("--period", "last-month", "--into", "reports")


@pytest.fixture
def account(monkeypatch):
    """Serve one payment of October, captured in full."""
    steps = [(name, minor, f"2026-10-12T{time}:00Z") for name, minor, time in STEPS]
    with serve(Simulator([CLOCK, make_history_line("order-000001", steps)])) as url:
        monkeypatch.setenv("VIPPS_ENVIRONMENT", "simulator")
        monkeypatch.setenv("VIPPS_BASE_URL", url)
        for name in ("CLIENT_ID", "CLIENT_SECRET", "SUBSCRIPTION_KEY"):
            monkeypatch.setenv(f"VIPPS_{name}", name.lower())
        monkeypatch.setenv("VIPPS_MSN", "123456")
        yield url


@pytest.fixture
def reconcile(account, folder):
    """Return a function that reconciles one order, of which the shop may state another total."""

    def reconcile(*arguments, total="9.00"):
        (folder / "orders.csv").write_text(HEAD + ROW.replace("10.00", total))
        given = ("--orders", "orders.csv", "--exported-at", "2026-11-05T05:00:00Z", "--notify")
        return CliRunner().invoke(app, ["reconcile", *given, *arguments], obj=lambda: NOW)

    return reconcile


@pytest.fixture
def server(start_mail_server, write_mail_settings):
    """Start a mail server, and name it in the settings."""
    server = start_mail_server()
    write_mail_settings(server)
    return server


def test_discrepancies_are_mailed_once(reconcile, server, folder):
    """The report has the name of its month, and a second start sends nothing."""
    done = reconcile(*MONTHLY)
    assert done.exit_code == 1, done.output
    assert "mail sent to finance@example.com, owner@example.com" in done.stdout
    [message] = server.messages
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == "report-2026-10.xlsx"
    report = folder / "reports" / "2026-10" / "report.xlsx"
    assert attachment.get_content() == report.read_bytes()

    assert reconcile(*MONTHLY).exit_code == 1
    assert len(server.messages) == 1
    shown = json.loads(reconcile(*MONTHLY, "--again", "--json").stdout)
    assert shown["verdict"] == "discrepancies"
    assert len(server.messages) == 2


@pytest.mark.ci
def test_a_clean_run_sends_nothing(reconcile, server):
    """People stop reading mails that say that nothing is wrong."""
    assert reconcile(*MONTHLY, total="10.00").exit_code == 0
    assert reconcile("--out", "report.xlsx", total="10.00").exit_code == 0
    assert server.messages == []


def test_a_failed_month_and_a_finished_one_reach_their_receivers(reconcile, server, folder):
    """August has no export: its failure goes to IT, the report of October to finance."""
    (folder / "reports" / ".2026-09.unfinished").mkdir(parents=True)
    done = reconcile(*MONTHLY, "--catch-up")
    assert done.exit_code == 2
    assert server.receivers == [["it@example.com"], ["finance@example.com", "owner@example.com"]]
    assert "FAILED. 2026-09: orders.csv" in server.messages[0]["Subject"]


def test_a_report_with_out_is_mailed_too(reconcile, server):
    """The option does not need folders."""
    assert reconcile("--out", "october.xlsx").exit_code == 1
    [attachment] = server.messages[0].iter_attachments()
    assert attachment.get_filename() == "october.xlsx"


@pytest.mark.parametrize("arguments", [MONTHLY, ("--out", "report.xlsx")])
def test_a_run_that_cannot_start_is_told(reconcile, server, monkeypatch, arguments):
    """Somebody removed the keys: nobody looks at the log of a job."""
    monkeypatch.delenv("VIPPS_CLIENT_SECRET")
    assert_one_sentence_error(reconcile(*arguments), "VIPPS_CLIENT_SECRET")
    [message] = server.messages
    assert message["Subject"].startswith("vippsrecon: FAILED. ")
    assert server.receivers == [["it@example.com"]]


def test_a_mail_that_is_not_sent_is_a_failure(reconcile, server, write_mail_settings, folder):
    """The run has ended and its folder is there, but nobody knows of it."""
    write_mail_settings(server, "port = 9")
    done = reconcile(*MONTHLY)
    assert_one_sentence_error(done, "mail server 127.0.0.1:9", "could not be reached")
    assert (folder / "reports" / "2026-10" / "manifest.json").is_file()


def test_receivers_are_needed(reconcile, folder):
    """A mistake shows now, and not at the first discrepancy."""
    assert_one_sentence_error(reconcile(*MONTHLY), "[mail]")
    assert not (folder / "reports").exists()
