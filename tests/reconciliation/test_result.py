"""The repr of a `Reconciliation`."""

from __future__ import annotations

from vippsrecon.reconciliation.examples import reconcile_example


def test_result_repr_is_one_line():
    """Frames printed inside a repr fill the terminal and do not help the reader."""
    result = reconcile_example(C=400)
    moment = result.manifest["as_of"]

    assert repr(result) == f"<Reconciliation: as of {moment}, 1 pair, 1 discrepancy, complete>"


def test_result_repr_states_that_a_run_is_incomplete():
    """The reader must not believe that the discrepancies found so far are all there are."""
    assert "0 discrepancies, incomplete>" in repr(reconcile_example(A=None, failure=503))
