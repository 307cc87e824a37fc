"""The caps per day count on the local day on which a row is sent."""

from __future__ import annotations

from tests.bulk.simulated_account import list_outcomes


def test_run_past_midnight_counts_against_the_new_day(make_account, monkeypatch):
    """Otherwise, the rows that a run sends after midnight would not use the cap of the new day."""
    account = make_account(3, limits="per_day = 5")
    before_midnight = account.make_approved_plan("refund", 200, 300)
    last = account.make_plan("refund", 1, 1, 300).rows[-1]
    after = account.make_approved_plan("refund", rows=(last._replace(row=1),))
    core = account.client.core
    refund = core.refund

    async def then_midnight(*arguments, **named):
        monkeypatch.undo()
        answer = await refund(*arguments, **named)
        account.simulator.advance(12 * 3600)
        return answer

    monkeypatch.setattr(core, "refund", then_midnight)
    assert list_outcomes(account.carry_out(before_midnight, in_flight=1)) == ["done", "done"]

    assert list_outcomes(account.carry_out(after)) == ["refused"]
    assert "cap of 5.00 NOK" in account.carry_out(after).results[0].explanation
