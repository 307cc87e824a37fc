"""Check keys, clock and funds ledger before the first reference is fetched."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.errors import ApiError, NoAnswerError, NotConnectedError, UnauthorizedError
from vippsrecon.fetching import LedgerWalk, build_unread_walk, walk_ledgers
from vippsrecon.money import format_count
from vippsrecon.schemas.inputs import PAYMENT_KEY
from vippsrecon.texts import say
from vippsrecon.vipps_rules import MAX_CLOCK_SKEW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from vippsrecon.api import Client
    from vippsrecon.config.settings import Settings
    from vippsrecon.fetching import Fetched

LOG = logging.getLogger(__name__)

ANSWER_DELAY_SECONDS = 5
"""An event may be dated so much later than the answer that contains it: `Date` has whole seconds,
and two servers made the two times."""


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
            advice = (
                "start the simulator, or correct its address (VIPPS_BASE_URL)"
                if client.settings.environment == "simulator"
                and isinstance(error, NotConnectedError)
                else "check the environment (VIPPS_ENVIRONMENT), the internet connection and the "
                "firewall, and try again in a few minutes"
            )
            error.add_note(
                f"this was the request for the access token of sales unit {msn}, which every other "
                f"request needs: {advice}"
            )
            raise


def warn_of_clock_skew(skew_seconds: float, settings: Settings) -> None:
    """Log a warning if the local clock and server time differ by more than a minute."""
    # A simulator's month runs on the simulator's own clock, which may be months away from the local clock.
    warning = describe_clock_skew(skew_seconds)
    if warning and settings.environment != "simulator":
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


def describe_clock_problem(error_seconds: float, fetched: Fetched[pl.DataFrame]) -> str:
    """Describe a clock that contradicts the data, or return "".

    All ages and deadlines come from the `Date` of the answers. A `Date` that is wrong makes them
    wrong, and it moves the cut-off time: captures after it would silently not count.

    Args:
        error_seconds: The largest difference between an answer's `Date` and the time it should be.
        fetched: The payments with the `Date` of their answers, and their events.
    """
    late = _find_event_after_answer(fetched)
    if late is not None:
        msn, reference, event_at, fetched_at = late
        return say(
            "notices.clock_after_answer",
            reference=reference,
            msn=msn,
            fetched=f"{fetched_at:%Y-%m-%d %H:%M:%S}",
            event=f"{event_at:%Y-%m-%d %H:%M:%S}",
        )
    if abs(error_seconds) > MAX_CLOCK_SKEW_SECONDS:
        key = "notices.clock_ahead" if error_seconds > 0 else "notices.clock_behind"
        return say(key, seconds=round(abs(error_seconds)))
    return ""


def _find_event_after_answer(
    fetched: Fetched[pl.DataFrame],
) -> tuple[str, str, datetime, datetime] | None:
    """Return msn, reference, event time and answer time of the worst contradiction, or None."""
    answers = fetched.payments.lazy().select(*PAYMENT_KEY, "fetched_at")
    ahead = pl.col("event_at") - pl.col("fetched_at")
    rows = (
        fetched.events.lazy()
        .group_by(*PAYMENT_KEY)
        .agg(pl.col("event_at").max())
        .join(answers, on=PAYMENT_KEY)
        .filter(ahead > pl.duration(seconds=ANSWER_DELAY_SECONDS))
        .sort(ahead, "msn", "reference", descending=[True, False, False])
        .head(1)
        .collect()
        .rows()
    )
    return rows[0] if rows else None


def walk_ledger(client: Client, first: date, last: date) -> LedgerWalk[pl.DataFrame]:
    """Collect the period's references from the funds ledger, or report why it could not be read.

    The orders can be reconciled without the ledger, so a Report API that is down does not stop
    the run. But payments that only the ledger mentions are missing then, so the month is incomplete.
    """
    try:
        return walk_ledgers(client, first, last)
    except (ApiError, NoAnswerError) as error:
        walk = build_unread_walk(say("notices.ledger_failed", error=str(error)))
        LOG.warning("%s", walk.notes[0])
        return walk._replace(failed=True)
