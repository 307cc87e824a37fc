"""Test the names that users import, and which packages an import loads."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from importlib import import_module

import pytest

import vippsrecon
from tests.loaded_modules import list_loaded_modules


@pytest.mark.parametrize("name", vippsrecon.__all__)
def test_each_public_name_can_be_imported(name):
    """`__all__`, the table of lazy imports and the code must agree."""
    home = import_module(f"vippsrecon.{vippsrecon._HOME[name]}")

    assert getattr(vippsrecon, name) is getattr(home, name)


def test_import_table_and_all_have_the_same_names():
    """A name in only one of them could be imported but not listed, or listed but not imported."""
    assert sorted(vippsrecon._HOME) == sorted(vippsrecon.__all__)


@pytest.mark.parametrize("package", ["fetching", "reconciliation"])
def test_importing_a_package_binds_the_module(package):
    """`import vippsrecon.fetching as f` must not give a function of a similar name."""
    code = f"import vippsrecon.{package} as f; import vippsrecon; print(type(f).__name__)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout == "module\n"


def test_dir_lists_the_public_names_only():
    """In a notebook, completion must offer only the names that users may use."""
    assert dir(vippsrecon) == sorted(vippsrecon.__all__)


def test_tracebacks_show_the_same_name_whichever_is_read_first():
    """A user searches for the name in a traceback, and the examples in docstrings contain it."""
    imports = ("from vippsrecon import InputError", "from vippsrecon.errors import InputError")
    last_lines = set()
    for first_import in imports:
        code = f"{first_import}; import vippsrecon; raise InputError('no file was named')"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        last_lines.add(done.stderr.splitlines()[-1])

    assert last_lines == {"vippsrecon.errors.InputError: no file was named"}


def test_help_finds_the_source_of_each_public_function_and_class():
    """`help()` and `inspect.getsource` read the module that a name says it is from."""
    for name in vippsrecon.__all__:
        value = getattr(vippsrecon, name)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert f" {value.__name__}" in inspect.getsource(value)
    error = pickle.loads(pickle.dumps(vippsrecon.InputError("no file was named")))
    assert type(error) is vippsrecon.InputError


def test_unknown_name_raises_attribute_error():
    """A mistyped name must not look like a failed lazy import."""
    with pytest.raises(AttributeError, match="no attribute 'refund_everything'"):
        _ = vippsrecon.refund_everything


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import vippsrecon", id="import"),
        pytest.param("import vippsrecon.cli", id="commands"),
        pytest.param(
            "import vippsrecon.errors, vippsrecon.money, vippsrecon.schemas, vippsrecon.config",
            id="foundation",
        ),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_used(code):
    """Imports at the top make `--help` and every short command slower."""
    heavy = {
        "pandas",
        "polars",
        "pandera",
        "httpx",
        "openpyxl",
        "xlsxwriter",
        "narwhals",
        "pyarrow",
    }

    assert not list_loaded_modules(code) & heavy


# pandera joins failure cases in a way that pandas 2 warns about and pandas 3 accepts.
@pytest.mark.filterwarnings("ignore:The behavior of DataFrame concatenation:FutureWarning")
def test_frames_can_be_validated_as_pandera_users_expect():
    """In a notebook, users look in `failure_cases` for the errors of their frame."""
    import pandas as pd
    from pandera.errors import SchemaErrors

    from vippsrecon.schemas import ORDERS, Orders

    empty = ORDERS.empty()
    row = dict.fromkeys(ORDERS.names) | {"msn": "123456", "total_minor": -5}
    wrong = pd.DataFrame([row]).astype(dict(empty.dtypes))

    assert Orders.validate(empty) is not None
    with pytest.raises(SchemaErrors) as caught:
        Orders.validate(wrong, lazy=True)
    cases = caught.value.failure_cases
    assert "total_minor" in set(cases["column"])
    assert "greater_than_or_equal_to(0)" in set(cases["check"])


def test_each_frame_has_a_pandera_schema_of_its_name():
    """Users could not validate a frame without a schema in a notebook."""
    from vippsrecon import schemas

    for frame in schemas.FRAMES:
        model = getattr(schemas, frame.name.title().replace("_", ""))

        assert model.name == frame.name
        assert tuple(model.columns) == frame.names
    with pytest.raises(AttributeError, match="no attribute 'Invoices'"):
        _ = schemas.Invoices
