"""Load where results and failures are sent: `[mail]` and `[webhook]`, with their secrets."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from vippsrecon.config.load import SettingSources
from vippsrecon.config.notification_tables import PORT_OF_SECURITY, MailTable, WebhookTable
from vippsrecon.config.toml_file import SETTINGS_FILE_NAME
from vippsrecon.errors import ConfigurationError

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


class MailSettings(NamedTuple):
    """A mail server and who gets mail.

    Attributes:
        table: `[mail]`.
        port: Port of the server.
        password: To log in with; None: no login.
    """

    table: MailTable
    port: int
    password: SecretStr | None

    def list_receivers(self, *, failed: bool) -> tuple[str, ...]:
        """Return who gets a result, or a failure."""
        return (failed and self.table.failures_to) or self.table.results_to


class WebhookSettings(NamedTuple):
    """A channel of Teams or Slack. Its URLs are secrets: whoever has one can post to the channel."""

    service: str
    results_url: SecretStr
    failures_url: SecretStr

    def choose_url(self, *, failed: bool) -> SecretStr:
        """Return the URL for a result, or for a failure."""
        return self.failures_url if failed else self.results_url


class NotificationSettings(NamedTuple):
    """Where notifications are sent; None: not there."""

    mail: MailSettings | None
    webhook: WebhookSettings | None


def load_notification_settings(folder: Path | None = None) -> NotificationSettings:
    """Load `[mail]` and `[webhook]` of the settings file, and the secrets they name.

    Args:
        folder: The working folder, with `vippsrecon.toml` and `.env`; None: the current one.

    Raises:
        ConfigurationError: Neither is set, a secret is missing, or mail would be sent unencrypted.
    """
    sources = SettingSources(folder or Path.cwd(), None, {})
    mail, webhook = sources.file.mail, sources.file.webhook
    if mail is None and webhook is None:
        raise ConfigurationError(
            f"{SETTINGS_FILE_NAME} has neither [mail] nor [webhook], so nobody can be notified. Add one."
        )
    return NotificationSettings(
        None if mail is None else _load_mail(sources, mail),
        None if webhook is None else _load_webhook(sources, webhook),
    )


def _load_mail(sources: SettingSources, table: MailTable) -> MailSettings:
    place = f"{SETTINGS_FILE_NAME} [mail]"
    if not table.results_to:
        raise ConfigurationError(f"{place}: results_to names nobody. Add an address.")
    if (table.user is None) != (table.password_from is None):
        raise ConfigurationError(
            f"{place}: user and password_from belong together. Add the other, or omit both."
        )
    if (
        table.security == "none"
        and table.host.lower() not in LOOPBACK_HOSTS
        and not table.allow_unencrypted
    ):
        raise ConfigurationError(
            f'{place}: security = "none" would send the report unencrypted to {table.host}. Use '
            "starttls or tls, or set allow_unencrypted = true."
        )
    password = None
    if table.password_from is not None:
        password = _find_secret(sources, table.password_from, f"{place} password_from")
    return MailSettings(table, table.port or PORT_OF_SECURITY[table.security], password)


def _load_webhook(sources: SettingSources, table: WebhookTable) -> WebhookSettings:
    place = f"{SETTINGS_FILE_NAME} [webhook]"
    results_url = _find_url(sources, table.results_url_from, f"{place} results_url_from")
    failures_url = results_url
    if table.failures_url_from is not None:
        failures_url = _find_url(sources, table.failures_url_from, f"{place} failures_url_from")
    return WebhookSettings(table.service, results_url, failures_url)


def _find_url(sources: SettingSources, variable: str, place: str) -> SecretStr:
    url = _find_secret(sources, variable, place)
    try:
        parts = urlsplit(url.get_secret_value())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    secure = host is not None and (
        parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)
    )
    if not secure:
        raise ConfigurationError(
            f"{place}: the variable {variable} does not contain an https URL. Copy the URL of the "
            "webhook again."
        )
    return url


def _find_secret(sources: SettingSources, variable: str, place: str) -> SecretStr:
    value = sources.find_variable(variable, variable, secret=True)
    if not value or not value.strip():
        raise ConfigurationError(f"{place}: the variable {variable} is not set. Set it.")
    return SecretStr(value.strip())
