"""A `Reconciliation` as Python itself shows it."""

from __future__ import annotations

from vippsrecon.reconciliation.examples import reconcile_example


def test_a_run_is_shown_in_one_line():
    """A frame printed inside another's repr fills the terminal and says nothing."""
    found = reconcile_example(C=400)
    moment = found.manifest["as_of"]

    assert repr(found) == f"<Reconciliation: as of {moment}, 1 pair, 1 discrepancy, complete>"


def test_a_run_that_is_not_whole_says_so():
    """What was found so far must not be taken for all there is."""
    assert "0 discrepancies, incomplete>" in repr(reconcile_example(A=None, failure=503))
