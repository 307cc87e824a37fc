"""The caps per day count on the local day on which a row is sent."""

from __future__ import annotations


def outcomes(carried) -> list[str]:
    """Return the outcomes, in the plan's order."""
    return [result.outcome for result in carried.results]


def test_run_past_midnight_counts_against_the_new_day(world, monkeypatch):
    """Otherwise, the rows that a run sends after midnight would not use the cap of the new day."""
    here = world(3, limits="per_day = 5")
    before_midnight = here.approved("refund", 200, 300)
    last = here.plan("refund", 1, 1, 300).rows[-1]
    after = here.approved("refund", rows=(last._replace(row=1),))
    core = here.client.core
    refund = core.refund

    async def then_midnight(*given, **named):
        monkeypatch.undo()
        answer = await refund(*given, **named)
        here.simulator.advance(12 * 3600)
        return answer

    monkeypatch.setattr(core, "refund", then_midnight)
    assert outcomes(here.live(before_midnight, in_flight=1)) == ["done", "done"]

    assert outcomes(here.live(after)) == ["refused"]
    assert "cap of 5.00 NOK" in here.live(after).results[0].explanation
