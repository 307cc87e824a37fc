"""Post a message to a channel of Teams or Slack. Their URLs are secrets and are never shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vippsrecon.config.notifications import LOOPBACK_HOSTS
from vippsrecon.errors import NotificationError

if TYPE_CHECKING:
    from vippsrecon.config.notifications import WebhookSettings
    from vippsrecon.notification.digest import Digest

TIMEOUT_SECONDS = 30.0

_LOGGERS_OF_URLS = ("httpx", "httpcore")


def build_payload(digest: Digest, service: str) -> dict[str, Any]:
    """Return the message as the service reads it, as text in which nothing is markup.

    Sources: Microsoft, "Create incoming webhooks with Workflows" (an Adaptive Card, whose text runs
    contain no Markdown); Slack, "Sending messages using incoming webhooks" and "Formatting text".
    """
    notes = [] if digest.report is None else [f"Report: {digest.report_name}"]
    text = digest.format_text(*notes)
    if service == "slack":
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return {"text": escaped, "mrkdwn": False}
    lines = text.split("\n")
    blocks = [
        {
            "type": "RichTextBlock",
            "inlines": [
                {"type": "TextRun", "text": line, "weight": "bolder" if number == 0 else "default"}
            ],
        }
        for number, line in enumerate(lines)
        if line
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def post_message(
    digest: Digest, webhook: WebhookSettings, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """Post a message to the channel for results or for failures.

    Raises:
        NotificationError: It was not accepted.
    """
    import httpx

    # At level INFO its log would show the URL.
    for name in _LOGGERS_OF_URLS:
        logging.getLogger(name).setLevel(logging.WARNING)
    url = webhook.choose_url(failed=digest.failed).get_secret_value()
    where = f"The webhook of {webhook.service.capitalize()}"
    try:
        response = httpx.post(
            url,
            json=build_payload(digest, webhook.service),
            timeout=timeout_seconds,
            trust_env=urlsplit(url).hostname not in LOOPBACK_HOSTS,
        )
    # The texts of these errors may contain the URL.
    except httpx.TimeoutException:
        raise NotificationError(f"{where} did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        reason = type(error).__name__
        raise NotificationError(f"{where} could not be reached ({reason}).") from None
    if not response.is_success:
        raise NotificationError(
            f"{where} refused the message ({response.status_code}). Check that the variable with its "
            "URL is still valid."
        )
