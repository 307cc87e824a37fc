r"""The order in which plans were registered: each plan's first entry is linked to the plan before.

    first entry of plan n:   earlier_plans = { count: n − 1,
                                               hash: SHA-256(hash of plan n − 1's link + "\n"
                                                             + hash of plan n − 1's first entry) }

So the removal of a whole plan shows in the plan registered after it, unless that plan's chain was
rewritten too. Plans of versions without links count as registered before all others; the first
link is the SHA-256 over their first hashes, sorted and joined by line breaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, select

from vippsrecon.money import format_count
from vippsrecon.store.database.tables import JOURNAL
from vippsrecon.store.journal.entry import NO_HASH

LINK_NAME = "earlier_plans"
"""The field of a first entry's detail that holds the link."""


class RegisteredPlan(NamedTuple):
    """A plan's first entry, as far as the order of plans needs it.

    Attributes:
        plan_id: The plan.
        first_hash: Hash of its first entry.
        earlier: Number of plans registered before it; None for a plan without a link.
        link_hash: The hash in its link; "" for a plan without a link.
    """

    plan_id: str
    first_hash: str
    earlier: int | None
    link_hash: str

    @classmethod
    def from_detail(cls, plan_id: str, first_hash: str, detail: dict[str, Any]) -> RegisteredPlan:
        """Read the link in a first entry's detail."""
        link = detail.get(LINK_NAME)
        if not isinstance(link, dict):
            return cls(plan_id, first_hash, None, "")
        return cls(plan_id, first_hash, int(link["count"]), str(link["hash"]))


def read_registered_plans(connection: Connection) -> list[RegisteredPlan]:
    """Return the first entry of every plan; an entry that cannot be read counts as without link."""
    chosen = select(JOURNAL.c.plan_id, JOURNAL.c.hash, JOURNAL.c.detail).where(JOURNAL.c.seq == 1)
    plans = []
    for row in connection.execute(chosen):
        try:
            plan = RegisteredPlan.from_detail(row.plan_id, row.hash, orjson.loads(row.detail))
        except (ValueError, KeyError, TypeError, AttributeError):
            plan = RegisteredPlan(row.plan_id, row.hash, None, "")
        plans.append(plan)
    return plans


def build_link(plans: Iterable[RegisteredPlan]) -> dict[str, Any]:
    """Return the link of the next plan to be registered after these.

    >>> build_link([])["count"]
    0
    >>> first = RegisteredPlan("a", "11", 0, NO_HASH)
    >>> build_link([first])["count"], build_link([first])["hash"][:8]
    (1, '9829185b')
    """
    linked, unlinked = _split(plans)
    if not linked:
        return {"count": len(unlinked), "hash": _hash_unlinked(unlinked)}
    last = linked[-1]
    return {"count": (last.earlier or 0) + 1, "hash": _hash_after(last)}


def find_order_faults(plans: Iterable[RegisteredPlan]) -> Iterator[str]:
    """Yield a sentence for each place where a plan is missing from the order, or was replaced."""
    linked, unlinked = _split(plans)
    previous: RegisteredPlan | None = None
    for plan in linked:
        expected = len(unlinked) if previous is None else (previous.earlier or 0) + 1
        expected_hash = _hash_unlinked(unlinked) if previous is None else _hash_after(previous)
        after = "" if previous is None else f" after plan {previous.plan_id}"
        if plan.earlier != expected:
            yield (
                f"the journal counted {format_count(plan.earlier or 0, 'plan')} before plan "
                f"{plan.plan_id}, and now has {expected}: a whole plan registered before it"
                f"{after} was {'removed' if (plan.earlier or 0) > expected else 'added'}"
            )
        elif plan.link_hash != expected_hash:
            yield (
                f"plan {plan.plan_id} does not follow the plan registered before it{after}: that "
                "plan was replaced or rewritten"
            )
        previous = plan


def _split(plans: Iterable[RegisteredPlan]) -> tuple[list[RegisteredPlan], list[RegisteredPlan]]:
    """Return the plans with a link in their order, and those without."""
    listed = list(plans)
    linked = [plan for plan in listed if plan.earlier is not None]
    linked.sort(key=lambda plan: (plan.earlier or 0, plan.plan_id))
    return linked, [plan for plan in listed if plan.earlier is None]


def _hash_unlinked(plans: list[RegisteredPlan]) -> str:
    if not plans:
        return NO_HASH
    return sha256("\n".join(sorted(plan.first_hash for plan in plans)).encode()).hexdigest()


def _hash_after(plan: RegisteredPlan) -> str:
    return sha256(f"{plan.link_hash}\n{plan.first_hash}".encode()).hexdigest()
