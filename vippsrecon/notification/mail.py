"""Send a message by SMTP, with the report attached.

The connection is encrypted and the server's certificate checked, unless the settings say otherwise:
a server that offers no STARTTLS gets neither password nor mail.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from vippsrecon.errors import NotificationError, printable
from vippsrecon.input_files import read_input_bytes
from vippsrecon.money import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vippsrecon.config.notifications import MailSettings
    from vippsrecon.notification.digest import Digest

TIMEOUT_SECONDS = 30.0
MAX_SUBJECT = 150

_BYTES_PER_MB = 1_000_000
_WORKBOOK_TYPE = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def build_message(digest: Digest, mail: MailSettings) -> EmailMessage:
    """Make the mail about a run.

    A report that is larger than `attach_up_to_mb` is not attached; the mail says so.

    Raises:
        SourceError: The report cannot be read.
    """
    message = EmailMessage()
    message["From"] = mail.table.sender
    message["To"] = ", ".join(mail.list_receivers(failed=digest.failed))
    message["Subject"] = f"vippsrecon: {digest.headline}"[:MAX_SUBJECT]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=mail.table.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    if digest.report is None:
        message.set_content(digest.format_text())
        return message
    name = digest.report_name
    content = read_input_bytes(digest.report)
    if len(content) > mail.table.attach_up_to_mb * _BYTES_PER_MB:
        size = f"{len(content) / _BYTES_PER_MB:.1f} MB"
        note = f"Report: {name}, not attached because of its size ({size})."
        message.set_content(digest.format_text(note))
        return message
    message.set_content(digest.format_text(f"Report: {name} (attached)."))
    main, sub = _WORKBOOK_TYPE
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def send_mail(
    message: EmailMessage, mail: MailSettings, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Send a mail to its receivers.

    Raises:
        NotificationError: It was not sent, or not to every receiver.
    """
    table = mail.table
    where = f"mail server {table.host}:{mail.port}"
    with _translate_errors(where, mail):
        server = _connect(mail, timeout_seconds)
        try:
            if table.user is not None and mail.password is not None:
                server.login(table.user, mail.password.get_secret_value())
            refused = server.send_message(message)
            # The mail has been accepted: how the connection ends no longer matters.
            with contextlib.suppress(OSError):
                server.quit()
        finally:
            server.close()
    if refused:
        receivers = ", ".join(sorted(refused))
        raise NotificationError(
            f"The {where} refused {format_count(len(refused), 'receiver')}, and the others got the mail: "
            f"{receivers}"
        )


def _connect(mail: MailSettings, timeout_seconds: float) -> smtplib.SMTP:
    table = mail.table
    if table.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(table.host, mail.port, timeout=timeout_seconds, context=context)
    server = smtplib.SMTP(table.host, mail.port, timeout=timeout_seconds)
    try:
        if table.security == "starttls":
            server.starttls(context=ssl.create_default_context())
    except smtplib.SMTPNotSupportedError:
        server.close()
        raise NotificationError(
            f"The mail server {table.host}:{mail.port} offers no encryption (STARTTLS), so nothing was "
            "sent. Check [mail] security and port."
        ) from None
    except BaseException:
        server.close()
        raise
    return server


@contextlib.contextmanager
def _translate_errors(where: str, mail: MailSettings) -> Iterator[None]:
    """Raise each error as one sentence. What a server answers to a password is never shown."""
    table = mail.table
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise NotificationError(
            f"The {where} refused the user or the password ({error.smtp_code}). Check [mail] user and the "
            f"variable {table.password_from}."
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise NotificationError(
            f"The {where} accepts no login over this connection, so nothing was sent. Check [mail] security "
            "and port, or omit user and password_from."
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        reason = _format_answer(*next(iter(error.recipients.values())))
        raise NotificationError(
            f"The {where} refused every receiver ({reason}). Check [mail] "
            "results_to and failures_to."
        ) from None
    except smtplib.SMTPResponseException as error:
        answer = _format_answer(error.smtp_code, error.smtp_error)
        raise NotificationError(f"The {where} refused the mail ({answer}).") from None
    except smtplib.SMTPServerDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise NotificationError(_describe_timeout(where)) from None
        raise NotificationError(
            f"The {where} ended the connection before the mail was sent. Check [mail] security and port."
        ) from None
    except smtplib.SMTPException:
        raise NotificationError(
            f"The {where} offers no way to log in that this program knows, so nothing was sent."
        ) from None
    except ssl.SSLCertVerificationError:
        raise NotificationError(
            f"The certificate of the {where} is not trusted. Check [mail] host; a certificate of your own "
            "is named with the variable SSL_CERT_FILE."
        ) from None
    except ssl.SSLError:
        raise NotificationError(
            f"No encrypted connection to the {where} was made. Check [mail] security and port."
        ) from None
    except TimeoutError:
        raise NotificationError(_describe_timeout(where)) from None
    except UnicodeError:
        raise NotificationError(
            f"The {where}: [mail] host, user or password contains a character that cannot be sent."
        ) from None
    except OSError as error:
        reason = error.strerror or "no connection"
        raise NotificationError(
            f"The {where} could not be reached: {reason}. Check [mail] host and port."
        ) from None


def _describe_timeout(where: str) -> str:
    return f"The {where} did not answer in time. Check [mail] security and port."


def _format_answer(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {printable(' '.join(text.split()))[:200]}"
