"""Test the examples in the docstrings of the checks, nearly all in a few calls of `reconcile`.

`pyproject.toml` keeps `--doctest-modules` out of that folder, because it would reconcile each
example alone, which takes as long as all of them together.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil

import pytest

from tests.reconciliation.example_batch import reconcile_examples
from vippsrecon.reconciliation.examples import describe_result
from vippsrecon.reconciliation.orders_payments import checks

IMPORT = "from vippsrecon.reconciliation.examples import run_example\n"


def collect_docstrings():
    """Return the examples of each docstring in the folder of the checks, by its name."""
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}.")
    ]
    docstrings = [test for module in modules for test in doctest.DocTestFinder().find(module)]
    return {
        test.name.removeprefix(f"{checks.__name__}."): test for test in docstrings if test.examples
    }


def list_cases(docstring):
    """Return the arguments of each `run_example(…)` of a docstring."""
    calls = [
        ast.parse(example.source, mode="eval").body
        for example in docstring.examples
        if example.source.startswith("run_example(")
    ]
    assert all(not call.args for call in calls)
    return [{word.arg: ast.literal_eval(word.value) for word in call.keywords} for call in calls]


DOCSTRINGS = collect_docstrings()


@pytest.fixture(scope="module")
def descriptions():
    """Return the description of the result of every case, by the case."""
    cases = [case for docstring in DOCSTRINGS.values() for case in list_cases(docstring)]
    results = reconcile_examples(cases)
    return {
        repr(case): describe_result(result) for case, result in zip(cases, results, strict=True)
    }


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_docstring_shows_the_result(descriptions, name):
    """A reader learns from these examples what a check finds."""
    docstring = DOCSTRINGS[name]
    docstring.examples = [example for example in docstring.examples if example.source != IMPORT]
    docstring.globs["run_example"] = lambda **case: descriptions[repr(case)]
    failures = []

    tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
        docstring, out=failures.append
    )

    assert tried.attempted == len(docstring.examples) > 0
    assert tried.failed == 0, "".join(failures)
