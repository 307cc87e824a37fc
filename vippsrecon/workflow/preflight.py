"""Check keys, clock and funds ledger before the first reference is fetched."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vippsrecon.errors import ApiError, NoAnswerError, UnauthorizedError
from vippsrecon.fetching import LedgerWalk, build_unread_walk, ledger_references
from vippsrecon.money import format_count
from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from vippsrecon.api import Client
    from vippsrecon.config.settings import Settings

LOG = logging.getLogger(__name__)


def check_keys(client: Client, msns: Iterable[str]) -> None:
    """Get an access token for each sales unit.

    Wrong keys are reported here once, instead of by thousands of failed references.

    Raises:
        ApiError, NoAnswerError: No token was returned; a note names the call and what to do.
        ConfigurationError: A sales unit has no keys.
    """
    for msn in msns:
        try:
            client.check_keys(msn)
        except UnauthorizedError:
            raise  # its message already says what to check
        except (ApiError, NoAnswerError) as error:
            error.add_note(
                f"this was the request for the access token of sales unit {msn}, which every other "
                "request needs: check VIPPS_ENVIRONMENT and the network, and try again in a few minutes"
            )
            raise


def warn_of_clock_skew(skew_seconds: float, settings: Settings) -> None:
    """Log a warning if the local clock and server time differ by more than a minute."""
    # A demo month runs on the simulator's own clock, which may be months away from ours. Its
    # settings were built in the program, so they have no sources.
    is_demo = settings.environment == "simulator" and not settings.sources
    warning = describe_clock_skew(skew_seconds)
    if warning and not is_demo:
        LOG.warning("%s", warning)


def describe_clock_skew(skew_seconds: float) -> str | None:
    """Describe a clock difference of more than a minute, else return None.

    Args:
        skew_seconds: Seconds by which server time is ahead of the local clock.

    >>> describe_clock_skew(-59.0)
    >>> describe_clock_skew(3600.0).partition(" (")[0]
    "this machine's clock and Vipps MobilePay's are 3 600 s apart"
    """
    if abs(skew_seconds) <= MAX_CLOCK_SKEW_SECONDS:
        return None
    side = "behind" if skew_seconds > 0 else "ahead"
    apart = format_count(round(abs(skew_seconds)), "s", "s")
    return (
        f"this machine's clock and Vipps MobilePay's are {apart} apart (this one is {side}). "
        "Ages and deadlines use Vipps MobilePay's clock. Set this machine's clock"
    )


def walk_ledger(client: Client, first: date, last: date) -> LedgerWalk:
    """Collect the period's references from the funds ledger, or report why it could not be read.

    The orders can be reconciled without the ledger, so a Report API that is down does not stop
    the run. But payments that only the ledger mentions are missing then, so the month is incomplete.
    """
    try:
        return ledger_references(client, first, last)
    except (ApiError, NoAnswerError) as error:
        walk = build_unread_walk(f"the Report API could not be read ({error}); run it again later")
        LOG.warning("%s", walk.notes[0])
        return walk._replace(failed=True)
