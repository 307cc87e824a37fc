"""Send a message to everyone who is configured for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vippsrecon.errors import NotificationError
from vippsrecon.notification.mail import build_message, send_mail
from vippsrecon.notification.webhook import post_message
from vippsrecon.texts import say, use_language

if TYPE_CHECKING:
    from vippsrecon.config.notifications import NotificationSettings
    from vippsrecon.notification.digest import Digest


def send_digest(digest: Digest, settings: NotificationSettings) -> list[str]:
    """Send a message by mail and to the channel, whichever are configured.

    If one of them fails, the other is still tried.

    Returns:
        To whom it was sent, one sentence each.

    Raises:
        NotificationError: At least one of them failed.
    """
    sent: list[str] = []
    problems: list[str] = []
    if settings.mail is not None:
        try:
            send_mail(build_message(digest, settings.mail), settings.mail)
            receivers = settings.mail.list_receivers(failed=digest.failed)
            with use_language(digest.language):
                sent.append(say("messages.mail_sent", receivers=", ".join(receivers)))
        except NotificationError as error:
            problems.append(str(error))
    if settings.webhook is not None:
        try:
            post_message(digest, settings.webhook)
            with use_language(digest.language):
                service = settings.webhook.service.capitalize()
                sent.append(say("messages.posted", service=service))
        except NotificationError as error:
            problems.append(str(error))
    if problems:
        raise NotificationError("; ".join([*problems, *sent]))
    return sent
