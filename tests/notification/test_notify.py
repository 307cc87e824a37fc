"""Test `notify`: who gets which message, by mail and in a channel, and how each failure is told."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from tests.cli.assertions import assert_one_sentence_error
from tests.notification.conftest import PASSWORD
from tests.notification.mail_server import MailServer
from tests.report.example_results import Month
from tests.report.test_changes import fill_in, wrong
from vippsrecon.cli import app
from vippsrecon.config.notifications import load_notification_settings
from vippsrecon.errors import NotificationError
from vippsrecon.notification.digest import build_failure_digest, build_report_digest
from vippsrecon.notification.mail import build_message, send_mail
from vippsrecon.report import write_workbook
from vippsrecon.report.terminal import format_summary

SECRET_PATH = "/hook/MARK-webhook-secret-3b9d"


@pytest.fixture
def notify():
    """Return a function that runs `notify`."""
    return lambda *arguments, **settings: CliRunner().invoke(
        app, ["notify", *map(str, arguments)], **settings
    )


def read_text(message):
    """Return the text of a mail, with the line breaks of Unix."""
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_the_report_is_mailed(
    notify, report, month, start_mail_server, write_mail_settings, security
):
    """A result goes to its receivers only, over the connection that the settings ask for."""
    server = start_mail_server(security=security, login=("vippsrecon", PASSWORD))
    write_mail_settings(server, login=True)
    result = notify(report, "--exit-code", 1)

    assert result.exit_code == 0, result.output
    assert result.stdout == "mail sent to finance@example.com, owner@example.com\n"
    assert server.receivers == [["finance@example.com", "owner@example.com"]]
    assert server.encrypted == [security != "none"]
    (message,) = server.messages
    headline = format_summary(month).splitlines()[0]
    assert message["Subject"] == f"vippsrecon: {headline}"
    text = read_text(message)
    assert text.startswith(f"{headline}\n2026-10-01 to 2026-10-31")
    assert f"Worst 10 of {len(month.discrepancies)}:\n- " in text
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "report.xlsx"
    assert attachment.get_content() == report.read_bytes()


def test_the_report_of_a_period_is_found_by_its_name(
    notify, report, start_mail_server, write_mail_settings
):
    """A scheduled command does not know the name that reconcile gave to the report."""
    server = start_mail_server()
    write_mail_settings(server)
    report.rename(report.with_name("report-2026-10.xlsx"))
    result = notify(
        "report-{period}.xlsx",
        *("--period", "last-month"),
        obj=lambda: datetime(2026, 10, 31, 23, 30, tzinfo=UTC),
    )

    assert result.exit_code == 0, result.output
    (attachment,) = server.messages[0].iter_attachments()
    assert attachment.get_filename() == "report-2026-10.xlsx"


def test_the_worst_ten_are_those_of_the_report(notify, report, month):
    """Order and amounts are the comparison's own."""
    lines = build_report_digest(report).lines
    listed = [line for line in lines if line.startswith("- ")]
    worst = month.discrepancies.head(10)

    assert len(listed) == 10
    for line, reference, kind in zip(listed, worst["reference"], worst["kind"], strict=True):
        assert f"payment {reference}," in line
        assert line.startswith(f"- {kind} ")


def test_no_text_of_people_is_in_the_message(report, month):
    """Owner and note name people. An order number may be a name or a phone number in some shop."""
    reference = month.discrepancies["reference"].iloc[0]
    fill_in(report, {reference: ("Kari", "accept", "Kari called 99999999")})
    text = build_report_digest(report).format_text()

    assert f"payment {reference}," in text
    assert "Kari" not in text
    assert "99999999" not in text


def test_an_order_number_that_names_a_person_is_left_out(folder):
    """Some shop may number its orders by customer; the reference still finds the payment."""
    month = Month()
    numbers = {"pay-00000001": "Kari Nordmann", "pay-00000002": "+4799999999"}
    for reference, number in numbers.items():
        wrong(month, reference, 50, order_number=number)
    report = write_workbook(month.reconciliation(), folder / "report.xlsx")
    text = build_report_digest(report).format_text()

    for reference, number in numbers.items():
        assert f": payment {reference}, " in text
        assert number not in text


def test_changed_rows_are_not_listed(report, month):
    """Part of such a row may belong to another payment."""
    reference = month.discrepancies["reference"].iloc[0]
    fill_in(report, {}, Actual={reference: 1})
    text = build_report_digest(report).format_text()

    assert f"payment {reference}," not in text
    assert "1 row of the report changed since it was written, so not listed here." in text


def test_a_failure_goes_to_its_own_receivers(notify, start_mail_server, write_mail_settings):
    """Finance cannot repair a job, and the person who can does not read the results."""
    server = start_mail_server()
    write_mail_settings(server)
    assert notify("--failed", "The export of October\nis missing.").exit_code == 0
    assert notify("report.xlsx", "--exit-code", 2).exit_code == 0
    assert notify("--exit-code", 137).exit_code == 0

    assert server.receivers == [["it@example.com"]] * 3
    assert server.messages[0]["Subject"] == (
        "vippsrecon: FAILED. The export of October is missing."
    )
    assert "exit code 137" in server.messages[2]["Subject"]
    assert not list(server.messages[1].iter_attachments()), "the report is of an earlier run"


def test_without_own_receivers_a_failure_goes_to_all(
    notify, start_mail_server, write_mail_settings
):
    """A failure that reaches nobody is worse than one that reaches too many."""
    server = start_mail_server()
    write_mail_settings(server, "failures_to = []")
    assert notify("--failed", "No export.").exit_code == 0
    assert server.receivers == [["finance@example.com", "owner@example.com"]]


def test_an_incomplete_report_is_a_failure(
    notify, month, folder, start_mail_server, write_mail_settings
):
    """It has no verdict, so it is not a result."""
    manifest = month.manifest | {"complete": False, "incomplete_because": ["days are missing"]}
    report = write_workbook(month.with_changes(manifest=manifest), folder / "report.xlsx")
    server = start_mail_server()
    write_mail_settings(server)
    assert notify(report).exit_code == 0
    assert server.receivers == [["it@example.com"]]
    assert server.messages[0]["Subject"].startswith("vippsrecon: INCOMPLETE. Days are missing")


def test_a_clean_run_sends_nothing(notify, start_mail_server, write_mail_settings):
    """Exit code 0 needs nobody; the settings are read, so that a mistake in them shows."""
    server = start_mail_server()
    write_mail_settings(server)
    result = notify("report.xlsx", "--exit-code", 0)
    assert (result.exit_code, server.commands) == (0, [])
    assert "Nothing sent" in result.stdout


def test_a_large_report_is_named_and_not_attached(
    notify, report, start_mail_server, write_mail_settings
):
    """Mail servers refuse large mails, and then nobody would be told."""
    server = start_mail_server()
    write_mail_settings(server, "attach_up_to_mb = 0")
    assert notify(report).exit_code == 0
    assert not list(server.messages[0].iter_attachments())
    assert "Report: report.xlsx, not attached because of its size" in read_text(server.messages[0])


@pytest.mark.parametrize(
    ("server_settings", "login", "texts"),
    [
        ({"login": ("vippsrecon", "another")}, True, ("refused the user or the password (535)",)),
        ({}, True, ("accepts no login",)),
        (
            {"refused": ("finance@example.com", "owner@example.com")},
            False,
            ("refused every receiver", "550 5.1.1 no such user"),
        ),
        (
            {"refused": ("owner@example.com",)},
            False,
            ("refused 1 receiver", "owner@example.com", "the others got the mail"),
        ),
        ({"answer_to_data": "554 5.7.1 spam"}, False, ("refused the mail (554 5.7.1 spam)",)),
        ({"answer_to_data": "552 too large"}, False, ("refused the mail (552 too large)",)),
    ],
    ids=["wrong password", "no login", "all refused", "one refused", "spam", "size"],
)
def test_a_refusal_gives_one_sentence(
    notify, report, start_mail_server, write_mail_settings, server_settings, login, texts
):
    """The sentence says what to check, and no secret: this server repeats the password."""
    server = start_mail_server(**server_settings)
    write_mail_settings(server, login=login)
    result = notify(report)

    assert_one_sentence_error(result, f"127.0.0.1:{server.port}", *texts)
    assert PASSWORD not in result.output


def test_without_starttls_neither_password_nor_mail_is_sent(
    notify, report, start_mail_server, write_mail_settings
):
    """Somebody between the two computers can remove the offer to encrypt."""
    server = start_mail_server(security="none", login=("vippsrecon", PASSWORD))
    server.security = "starttls"
    write_mail_settings(server, login=True)
    server.security = "none"

    assert_one_sentence_error(notify(report), "offers no encryption (STARTTLS)")
    assert "AUTH" not in server.commands
    assert "MAIL" not in server.commands


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_untrusted_certificate_ends_it(
    notify, report, start_mail_server, write_mail_settings, monkeypatch, security
):
    """Another computer may pretend to be the mail server."""
    server = start_mail_server(security=security, login=("vippsrecon", PASSWORD))
    write_mail_settings(server, login=True)
    monkeypatch.delenv("SSL_CERT_FILE")

    assert_one_sentence_error(notify(report), "certificate", "not trusted")
    assert "AUTH" not in server.commands
    assert server.messages == []


def test_a_plain_server_gives_no_encrypted_connection(
    notify, report, start_mail_server, write_mail_settings
):
    """The usual mistake: the port of STARTTLS with security tls."""
    server = start_mail_server()
    server.security = "tls"
    write_mail_settings(server)
    server.security = "none"
    assert_one_sentence_error(notify(report), "No encrypted connection", "[mail] security and port")


def test_a_server_that_is_not_there_gives_one_sentence(notify, report, write_mail_settings):
    """No port 1 is open on this computer."""
    write_mail_settings(MailServer(port=1))
    assert_one_sentence_error(notify(report), "127.0.0.1:1 could not be reached", "[mail] host")


def test_a_silent_server_ends_in_time(start_mail_server, write_mail_settings):
    """A job that waits for ever is noticed by nobody."""
    write_mail_settings(start_mail_server(silent=True))
    mail = load_notification_settings().mail
    message = build_message(build_failure_digest("No export."), mail)
    with pytest.raises(NotificationError, match="did not answer in time"):
        send_mail(message, mail, timeout_seconds=0.2)


def test_the_certificate_is_checked_by_default():
    """What the other tests rely on."""
    context = ssl.create_default_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        (('host = "smtp.example.com"',), ("unencrypted", "allow_unencrypted")),
        (('security = "ssl"',), ("security", "starttls, tls, none")),
        (('sender = "nobody"',), ("sender", "e-mail address")),
        (('results_to = ["a@example.com\\r\\nBcc: b@example.com"]',), ("e-mail address",)),
        (("results_to = []",), ("results_to names nobody",)),
        (('password = "MARK-mail-password-77c1"',), ("password is a secret", "password_from")),
        (
            ('user = "a"', 'password_from = "MARK-mail-password-77c1"'),
            ("not the name of an environment variable",),
        ),
        (('user = "a"', 'password_from = "NO_SUCH_VARIABLE"'), ("NO_SUCH_VARIABLE is not set",)),
        (('user = "a"',), ("user and password_from belong together",)),
        (('host = "https://smtp.example.com"',), ("host", "name of the mail server alone")),
        (("port = 0",), ("port", "65535")),
    ],
)
def test_a_wrong_setting_gives_one_sentence(notify, report, write_mail_settings, lines, texts):
    """Before anything is sent, and without a value that may be a secret."""
    write_mail_settings(MailServer(port=1), *lines)
    result = notify(report)

    assert_one_sentence_error(result, *texts)
    assert PASSWORD not in result.output


def test_unencrypted_mail_may_be_allowed(folder, write_mail_settings):
    """Inside a network of one's own."""
    write_mail_settings(
        MailServer(port=25), 'host = "smtp.example.com"', "allow_unencrypted = true"
    )
    assert load_notification_settings().mail.port == 25


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ((), ("Nothing to send",)),
        (("--failed", "x", "--exit-code", 2), ("--failed contradicts --exit-code",)),
        (("report-{period}.xlsx",), ("{period}", "no --period")),
        (("report.xlsx", "--period", "never"), ("--period", "last-month")),
        (("missing.xlsx",), ("missing.xlsx", "no such file")),
        (("orders.csv",), ("orders.csv", "not a report")),
        (("other.xlsx",), ("other.xlsx", "not a report")),
    ],
)
def test_wrong_arguments_give_one_sentence(
    notify, folder, start_mail_server, write_mail_settings, arguments, texts
):
    """Nothing is sent."""
    from openpyxl import Workbook

    (folder / "orders.csv").write_text("reference\norder-1001\n")
    Workbook().save(folder / "other.xlsx")
    server = start_mail_server()
    write_mail_settings(server)
    assert_one_sentence_error(notify(*arguments), *texts)
    assert server.commands == []


def test_without_settings_nobody_can_be_notified(notify, folder):
    """The sentence names what to add."""
    assert_one_sentence_error(notify("--failed", "x"), "[mail]", "[webhook]")


@pytest.fixture
def write_webhook_settings(folder, channel, monkeypatch):
    """Return a function that writes `[webhook]` for a service."""

    def write(service, *lines, url=None):
        monkeypatch.setenv("RESULTS_URL", url or channel.url + SECRET_PATH)
        monkeypatch.setenv("FAILURES_URL", f"{channel.url}/failures")
        text = ["[webhook]", f'service = "{service}"', 'results_url_from = "RESULTS_URL"', *lines]
        (folder / "vippsrecon.toml").write_text("\n".join(text))

    return write


def test_slack_gets_plain_text(notify, report, month, channel, write_webhook_settings):
    """Slack reads `<…>` as a link, and `&` as the start of an escape."""
    write_webhook_settings("slack", 'failures_url_from = "FAILURES_URL"')
    assert notify(report).stdout == "message posted to Slack\n"
    assert notify("--failed", "No export <of> October & November").exit_code == 0
    (result_path, result), (failure_path, failure) = channel.posts

    assert (result_path, failure_path) == (SECRET_PATH, "/failures")
    assert result["text"].startswith(format_summary(month).splitlines()[0])
    assert failure["text"].startswith("FAILED. No export &lt;of&gt; October &amp; November")


def test_teams_gets_an_adaptive_card(notify, report, month, channel, write_webhook_settings):
    """Its text runs contain no markup, whatever the text is."""
    write_webhook_settings("teams")
    assert notify(report).stdout == "message posted to Teams\n"
    ((path, body),) = channel.posts
    (attachment,) = body["attachments"]

    assert path == SECRET_PATH
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    blocks = attachment["content"]["body"]
    assert {block["type"] for block in blocks} == {"RichTextBlock"}
    assert blocks[0]["inlines"][0]["text"] == format_summary(month).splitlines()[0]
    assert blocks[-1]["inlines"][0]["text"] == "Report: report.xlsx"


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_a_webhook_that_refuses_gives_one_sentence(
    notify, report, channel, write_webhook_settings, status, caplog
):
    """The URL is a secret: whoever has it can post to the channel."""
    write_webhook_settings("slack")
    channel.status = status
    caplog.set_level("DEBUG")
    result = notify(report)

    assert_one_sentence_error(result, "The webhook of Slack refused the message", str(status))
    assert len(channel.posts) == 1, "a redirect is not followed"
    assert "MARK" not in result.output + caplog.text


@pytest.mark.parametrize(
    ("url", "texts"),
    [
        (f"http://127.0.0.1:1{SECRET_PATH}", ("could not be reached",)),
        (f"http://hooks.example.com{SECRET_PATH}", ("RESULTS_URL", "https URL")),
        (f"hooks.example.com{SECRET_PATH}", ("RESULTS_URL", "https URL")),
        (f"https://[::1{SECRET_PATH}", ("RESULTS_URL", "https URL")),
    ],
)
def test_a_wrong_url_is_not_shown(notify, report, write_webhook_settings, url, texts):
    """The sentence names the variable."""
    write_webhook_settings("teams", url=url)
    result = notify(report)
    assert_one_sentence_error(result, *texts)
    assert "MARK" not in result.output


def test_the_channel_is_told_although_the_mail_failed(
    notify, report, folder, channel, write_mail_settings, write_webhook_settings
):
    """One of the two is enough to reach somebody; the exit code still says that one failed."""
    write_webhook_settings("slack")
    webhook = (folder / "vippsrecon.toml").read_text()
    write_mail_settings(MailServer(port=1))
    mail = (folder / "vippsrecon.toml").read_text()
    (folder / "vippsrecon.toml").write_text(f"{mail}\n{webhook}")

    result = notify(report)
    assert_one_sentence_error(result, "could not be reached", "message posted to Slack")
    assert len(channel.posts) == 1
