"""The model's questions: what is wrong between one order and its payment.

Plain Python, written from the text of the rules alone; see `oracle`. Each function follows
its table in the rules: the first line that applies gives the answer.
"""
# ruff: noqa: E741, N803, N806, PLR0911, PLR0912, SIM300 - the rules' letters, and long tables

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.reconciliation.oracle_money import DAY, HOUR, Money, Unit

DEAD = {"ABORTED", "EXPIRED", "TERMINATED"}
NOT_YET_REFUNDED = {"refund_missing_at_vipps", "refund_failed", "timing_refund_pending"}
NOT_YET_CAPTURED = {
    "fulfilled_not_captured",
    "under_captured",
    "timing_capture_pending",
    "authorization_expiring",
}


class Settings(NamedTuple):
    """The settings of a run that the questions need, in their units."""

    tolerance: int = 0
    delivery_grace_days: int = 3
    capture_grace_hours: int = 24
    refund_grace_hours: int = 24
    callback_grace_hours: int = 2


class Answer(NamedTuple):
    """The answer to one question: a code, a timing kind, an ignored kind, a match, or nothing."""

    outcome: str
    kind: str = ""
    expected: int = 0
    actual: int = 0
    at_risk: int = 0


class Net(NamedTuple):
    """An order's amounts net of refunds before the capture and of refunded excess.

    `not_due` is the part of O that is not due, because some of the orders paid together are open.
    """

    O: int
    Or: int
    q: int
    p: int
    E: int
    Er: int
    cut: int
    known: bool
    not_due: int = 0


class Judgement(NamedTuple):
    """All answers for one pair."""

    status: str
    net: Net
    captured: Answer
    refunded: Answer
    reserved: Answer
    flags: frozenset[str]
    deadline_passed: bool
    captured_compared: bool = True


NOTHING = Answer("nothing")


def standing(order: dict[str, Any], C: int, unit: Unit) -> str:
    """Return the order status that the comparison uses."""
    O, Or, status = order["total_minor"], order["refunded_minor"], order["status"]
    at_once = status == "open" and unit.at_once
    if status == "unknown":
        status = "fulfilled" if C > 0 else "open"
    if status == "open" and order.get("shop_authorization") == "voided":
        return "cancelled"
    if at_once:
        status = "fulfilled"
    if status in {"open", "partial"} and Or is not None and Or >= O > 0:
        return "fulfilled"
    if status == "open" and order.get("rest_refunded") and Or and C + Or >= O:
        return "fulfilled"
    return status


def net_of(O: int, given_back: int | None, status: str, C: int, R: int) -> Net:
    """Return the expected amounts, net of amounts that need no further operation."""
    Or = given_back or 0
    known = given_back is not None
    open_and_captured = status == "open" and C > 0
    q = p = 0
    if known and status != "cancelled" and not open_and_captured:
        q = max(0, min(O - C, Or - R))
        p = max(0, min(C - O, R - Or))
    Er = Or - q + p
    cut = 0
    if Er > C and status != "cancelled":
        if open_and_captured:
            q = Er - C
        else:
            cut = Er - C
        Er = C
    return Net(O, Or, q, p, O - q + p, Er, cut, known)


def ask(
    order: dict[str, Any],
    m: Money,
    unit: Unit,
    moment: datetime,
    settings: Settings,
) -> Judgement:
    """Answer for one order and its payment what is captured, refunded and still reserved."""
    status = standing(order, m.C, unit)
    not_due = order.get("not_due", 0)
    due = order["total_minor"] - not_due
    net = net_of(due, order["refunded_minor"], status, m.C, m.R)
    net = net._replace(O=order["total_minor"], not_due=not_due)
    flags: set[str] = set()
    if net.q:
        flags.add("refunded_before_capture")
    if net.p:
        flags.add("excess_refunded")
    passed = m.authorized is not None and m.authorized + timedelta(days=unit.capture_days) < moment
    of_captured: set[str] = set()
    captured = ask_captured(order, m, net, status, unit, moment, settings, passed, of_captured)
    refunded, comparable = NOTHING, True
    if net.known:
        refunded = ask_refunded(order, m, net, status, moment, settings, flags)
        if captured.kind in {"over_captured", "duplicate_capture"} and refunded.kind in {
            "refund_missing_at_vipps",
            "refund_failed",
        }:
            # Of what is kept, this much is not yet at risk in the row of the captured question.
            left = max(0, m.C - m.R - captured.at_risk)
            refunded = refunded._replace(at_risk=min(refunded.at_risk, left))
    else:
        flags.add("refunds_unknown")
        is_complete = m.C >= net.O or m.A == m.C == order.get("truncated_minor")
        comparable = m.C == 0 or (m.R == 0 and is_complete)
        if not comparable:
            captured = NOTHING
            of_captured.clear()
    flags |= of_captured
    if lapsed_in_shop(order, m, passed):
        flags.add("expired_in_shop")
    if status == "cancelled" and m.refund_failed_last:
        flags.add("last_refund_failed")
    fee_kept = captured.kind == "cancellation_fee_kept"
    owed = net.known and not fee_kept and min(net.Er, m.C) > m.R
    if owed and order.get("recorded_by_hand"):
        flags.add("recorded_by_hand")
    reserved = ask_reserved(m, net, status, unit, moment, captured)
    return Judgement(
        status, net, captured, refunded, reserved, frozenset(flags), passed, comparable
    )


def changed_later(order: dict[str, Any], column: str, moment: datetime, unit: Unit) -> bool:
    """Return whether the shop's date is later than a time; dates without a time compare by day."""
    changed = order.get(column)
    if changed is None:
        return False
    if order.get("dates_without_time"):
        return bool(unit.day(changed) > unit.day(moment))
    return bool(changed > moment)


def explained(
    answer: Answer, judgement: Judgement, order: dict[str, Any], m: Money, unit: Unit
) -> bool:
    """Return whether a shop change after the payment was read can explain a difference."""
    O, Or, E, Er = judgement.net.O, judgement.net.Or, judgement.net.E, judgement.net.Er
    C, R, kind = m.C, m.R, answer.kind
    if changed_later(order, "fulfilled_at", m.fetched, unit) and judgement.status in {
        "fulfilled",
        "partial",
    }:
        # It was sent: the shop captures what is still reserved, and releases the rest.
        if kind in NOT_YET_CAPTURED and E - C <= m.K and not judgement.deadline_passed:
            return True
        if kind == "remainder_open" or (kind == "not_paid" and m.state == "CREATED"):
            return True
    size = Or - R
    if not changed_later(order, "refunded_at", m.fetched, unit) or size <= 0:
        return False
    if kind == "cancelled_but_captured":
        return Or >= C or C == O
    if kind == "remainder_open":
        given_back = min(C, Or) - R if judgement.status == "cancelled" else max(0, Er - R)
        return given_back + answer.actual <= size
    return kind in NOT_YET_REFUNDED


def lapsed_in_shop(order: dict[str, Any], m: Money, passed: bool) -> bool:
    """Return whether the shop's own "expired" agrees with a reservation that lapsed."""
    unsent = order["status"] in {"open", "unknown"} and m.C == 0
    lapsed = m.state in DEAD or (m.A > 0 and (m.K == 0 or passed))
    return unsent and lapsed and order.get("shop_authorization") == "expired"


def ask_captured(
    order: dict[str, Any],
    m: Money,
    net: Net,
    status: str,
    unit: Unit,
    moment: datetime,
    settings: Settings,
    passed: bool,
    flags: set[str],
) -> Answer:
    """Return what is wrong with the captured amount: the first line that applies."""
    O, Or, q, E = net.O, net.Or, net.q, net.E
    A, C, R, K = m.A, m.C, m.R, m.K
    sent = status in {"partial", "fulfilled"}
    unsent = order["status"] in {"open", "unknown"} and C == 0
    unsent_and_expired = unsent and order.get("shop_authorization") == "expired"
    voided_and_sent = sent and order.get("shop_authorization") == "voided"

    def code(kind: str, expected: int, actual: int, at_risk: int) -> Answer:
        return Answer("code", kind, expected, actual, max(0, at_risk))

    def lapsed(answer: Answer) -> Answer:
        if not unsent_and_expired or m.state == "CREATED":
            return answer
        return Answer("matched")

    if status == "cancelled":
        if 0 < Or < O and C - R == O - Or:
            flags.add("cancellation_fee_kept")
            return Answer("matched", "cancellation_fee_kept")
        if C > R:
            return code("cancelled_but_captured", 0, C - R, C - R)
        return NOTHING
    if E == 0 and C == 0:
        return NOTHING
    if unsent_and_expired and A > 0 and (K == 0 or passed):
        return lapsed(NOTHING)
    if (
        order["paid"] == "no"
        and m.authorized is not None
        and moment - m.authorized > settings.callback_grace_hours * HOUR
        and A > 0
        and (K > 0 or C > R)
    ):
        back = max(R, net.Er) if net.known else R
        return code("payment_not_recorded", C, C, min(O, K + max(0, C - back)))
    if status == "open" and C > 0:
        since = m.first_captured
        if since is not None and moment - since <= settings.delivery_grace_days * DAY:
            return Answer("timing", "timing_awaiting_fulfilment", 0, C)
        return code("captured_not_fulfilled", 0, C, C - max(R, Or))
    if (m.state in DEAD and (order["paid"] == "yes" or sent)) or (
        (m.state == "CREATED" or (voided_and_sent and C == 0)) and sent
    ):
        if status == "open":
            return lapsed(code("not_paid", 0, C, 0))
        return lapsed(code("not_paid", E, C, E))
    if status == "open" and m.state in DEAD:
        if order["paid"] == "no":
            return lapsed(Answer("ignored", "abandoned_checkout"))
        return lapsed(code("not_paid", 0, C, 0))
    if status == "open" and m.state == "CREATED":
        return Answer("timing", "timing_awaiting_payment", E, C)
    if A > 0 and C == 0 and (K == 0 or passed):
        return lapsed(code("authorization_lost", 0 if status == "open" else E, C, O - q - C))
    if status == "partial" and 0 < C < E and (K == 0 or passed):
        return code("authorization_lost", C, C, O - q - C)
    if (status == "partial" and 0 < C < E) or (status == "open" and C == 0):
        return Answer("timing", "timing_awaiting_fulfilment", E, C)
    if sent and C == 0:
        since = order.get("fulfilled_at")
        if since is not None and moment - since <= settings.capture_grace_hours * HOUR:
            return Answer("timing", "timing_capture_pending", E, C)
        return code("fulfilled_not_captured", E, C, E - C)
    if C > E and captured_twice(m, C - E) and not m.gap:
        return code("duplicate_capture", E, C, C - E)
    if C != E and A == C == order.get("truncated_minor"):
        flags.add("shopware_truncation")
        return code("rounding_difference", E, C, 0)
    if 0 < abs(C - E) <= settings.tolerance:
        return code("rounding_difference", E, C, 0)
    if status == "fulfilled" and C < E:
        if K < E - C:
            flags.add("not_capturable")
        return code("under_captured", E, C, E - C)
    if C > E:
        if A > m.amount and C - O == A - m.amount:
            flags.add("express_shipping")
        return code("over_captured", E, C, C - E)
    return NOTHING


def captured_twice(m: Money, excess: int) -> bool:
    """Return whether one amount was captured n times, and the excess is 1 to n - 1 times it."""
    return any(
        n >= 2 and v > 0 and excess % v == 0 and 1 <= excess // v <= n - 1
        for of_one_payment in m.same_captures
        for v, n in Counter(of_one_payment).items()
    )


def ask_refunded(
    order: dict[str, Any],
    m: Money,
    net: Net,
    status: str,
    moment: datetime,
    settings: Settings,
    flags: set[str],
) -> Answer:
    """Return what is wrong with the refunded amount: the first line that applies."""
    Er, R, C = net.Er, m.R, m.C
    grace = settings.refund_grace_hours * HOUR
    if R > C:
        return Answer(
            "code", "refund_exceeds_capture", C if status == "cancelled" else Er, R, R - C
        )
    if status == "cancelled":
        return NOTHING
    if 0 < abs(Er - R) <= settings.tolerance:
        return Answer("code", "rounding_difference", Er, R)
    if Er > R and m.refund_failed_last:
        return Answer("code", "refund_failed", Er, R, Er - R)
    if Er > R:
        recorded = order.get("refunded_at")
        if recorded is not None and moment - recorded < grace:
            return Answer("timing", "timing_refund_pending", Er, R)
        return Answer("code", "refund_missing_at_vipps", Er, R, Er - R)
    if R > Er:
        refunded = m.passed_above(Er)
        if refunded is not None and moment - refunded < grace:
            return Answer("timing", "timing_refund_not_recorded", Er, R)
        return Answer("code", "refund_missing_in_shop", Er, R, R - Er)
    return NOTHING


def ask_reserved(
    m: Money, net: Net, status: str, unit: Unit, moment: datetime, captured: Answer
) -> Answer:
    """Return what is wrong with the amount still reserved: the first line that applies."""
    K, C, E = m.K, m.C, net.E
    if K == 0:
        return NOTHING
    sent = status in {"partial", "fulfilled"}
    if (status == "cancelled" or E == 0 or (sent and C >= E)) and K > net.not_due:
        return Answer("code", "remainder_open", 0, K - net.not_due)
    if status == "fulfilled" and 0 < C < E and K > E - C + net.not_due:
        return Answer("code", "remainder_open", 0, K - (E - C) - net.not_due)
    if status in {"open", "partial"} and ends_soon(m, unit, moment):
        at_risk = min(K, max(0, E - C)) - captured.at_risk
        return Answer("code", "authorization_expiring", 0, K, max(0, at_risk))
    return NOTHING


def ends_soon(m: Money, unit: Unit, moment: datetime) -> bool:
    """Return whether the capture deadline or the capture guarantee ends within the warning days."""
    zero = timedelta(0)
    if m.authorized is not None:
        left = m.authorized + timedelta(days=unit.capture_days) - moment
        if zero <= left <= timedelta(days=unit.warn_days):
            return True
    return m.guaranteed is not None and zero <= m.guaranteed - moment <= timedelta(days=2)
