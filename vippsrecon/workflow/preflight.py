"""What is settled with Vipps MobilePay before the first reference is asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vippsrecon.errors import ApiError, NoAnswerError, UnauthorizedError
from vippsrecon.fetching import LedgerWalk, build_unread_walk, ledger_references
from vippsrecon.money import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from vippsrecon.api import Client
    from vippsrecon.config.settings import Settings

LOG = logging.getLogger(__name__)
CLOCK_SKEW_WARNING_SECONDS = 60


def check_keys(client: Client, msns: Iterable[str]) -> None:
    """Get an access token for each sales unit.

    Wrong keys are said once here, before thousands of references fail one by one.

    Raises:
        ApiError, NoAnswerError: None was given; a note says of what call, and what to do.
        ConfigurationError: A sales unit has no keys.
    """
    for msn in msns:
        try:
            client.check_keys(msn)
        except UnauthorizedError:
            raise  # says what to check already
        except (ApiError, NoAnswerError) as error:
            error.add_note(
                f"this was the access token of sales unit {msn}, without which nothing can be "
                "asked: check VIPPS_ENVIRONMENT and the network, and try again in some minutes"
            )
            raise


def warn_of_clock_skew(skew_seconds: float, settings: Settings) -> None:
    """Log a warning where the two clocks are more than a minute apart."""
    # Settings that came from no place are a practice month's, whose clock stands in that month.
    practice = settings.environment == "simulator" and not settings.sources
    warning = describe_clock_skew(skew_seconds)
    if warning and not practice:
        LOG.warning("%s", warning)


def describe_clock_skew(skew_seconds: float) -> str | None:
    """Return a sentence where the clocks are more than a minute apart.

    Args:
        skew_seconds: How far the service's clock is ahead of the machine's.

    >>> describe_clock_skew(-59.0)
    >>> describe_clock_skew(3600.0).partition(" (")[0]
    "this machine's clock and Vipps MobilePay's are 3 600 s apart"
    """
    if abs(skew_seconds) <= CLOCK_SKEW_WARNING_SECONDS:
        return None
    side = "behind" if skew_seconds > 0 else "ahead"
    apart = format_count(round(abs(skew_seconds)), "s", "s")
    return (
        f"this machine's clock and Vipps MobilePay's are {apart} apart (this one is {side}): "
        "theirs is used for ages and deadlines; set this one right"
    )


def walk_ledger(client: Client, first: date, last: date) -> LedgerWalk:
    """Collect the period's references from the funds ledger, or say why it could not be read.

    The orders can be reconciled without it, so a Report API that is down does not stop a month;
    but what the ledger alone knows is missing then, and the month is not complete.
    """
    try:
        return ledger_references(client, first, last)
    except (ApiError, NoAnswerError) as error:
        walk = build_unread_walk(f"the Report API could not be read ({error}); run it again later")
        LOG.warning("%s", walk.notes[0])
        return walk._replace(failed=True)
