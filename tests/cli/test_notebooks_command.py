"""`notebooks` and `lab`: what they copy, what they never overwrite, and what a wheel contains."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

from tests.cli.assertions import assert_one_sentence_error
from vippsrecon.notebook.copies import NOTEBOOK_NAMES


@pytest.fixture
def originals(root):
    """Return the bytes of each notebook of the project, by name."""
    return {name: (root / "notebooks" / name).read_bytes() for name in NOTEBOOK_NAMES}


def read_folder(folder):
    """Return the bytes of each file, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_notebook_is_copied(run, folder, root, originals):
    """None may be forgotten when one is added; a second copy changes nothing."""
    first = run("notebooks", "year/october")
    second = run("notebooks", "year/october")

    assert first.exit_code == second.exit_code == 0
    assert sorted(NOTEBOOK_NAMES) == sorted(path.name for path in root.glob("notebooks/*.ipynb"))
    assert read_folder(folder / "year" / "october") == originals
    assert first.stdout.startswith("wrote year/october: 01_fetch_payments.ipynb, 02_")
    assert "To open them: vippsrecon lab year/october" in first.stdout
    assert "has all of them already" in second.stdout


def test_an_edited_notebook_is_never_overwritten(run, folder, originals):
    """It may hold a month's work. Nothing else is written either."""
    (folder / "october").mkdir()
    edited = folder / "october" / NOTEBOOK_NAMES[2]
    edited.write_bytes(originals[edited.name] + b" ")

    assert_one_sentence_error(
        run("notebooks", "october"),
        f"{edited.name} differs from the original",
        "nothing was copied",
    )
    assert list(read_folder(folder / "october")) == [edited.name]
    edited.rename(edited.with_name("mine.ipynb"))
    assert run("notebooks", "october").exit_code == 0


def test_nothing_is_written_through_a_link(run, folder):
    """The file that the link names may be anywhere."""
    (folder / "october").mkdir()
    (folder / "october" / NOTEBOOK_NAMES[0]).symlink_to(folder / "elsewhere")

    assert_one_sentence_error(run("notebooks", "october"), "differs from the original")
    assert not (folder / "elsewhere").exists()


def test_a_file_is_not_a_folder(run, folder):
    """One sentence, whatever is in the way."""
    (folder / "october").write_text("")

    assert_one_sentence_error(run("notebooks", "october"), "october is a file, not a folder")
    assert_one_sentence_error(run("notebooks", "a\0b"), "invalid value for 'dir'")
    assert_one_sentence_error(run("notebooks"), "missing argument")


def test_lab_without_jupyterlab_says_what_to_install(folder):
    """Most users install the package without the extra; nothing is written yet."""
    code = (
        "import sys; sys.modules['jupyterlab'] = None; sys.argv[1:] = ['lab', 'october'];"
        "from vippsrecon.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "vippsrecon: JupyterLab is not installed. Install it with: pip install 'vippsrecon[lab]'"
    ]
    assert not (folder / "october").exists()


@pytest.mark.ci
def test_lab_that_cannot_start_gives_exit_code_2(folder):
    """JupyterLab's own message says why; a scheduler or a script sees the code."""
    pytest.importorskip("jupyterlab", reason="JupyterLab comes with the extra `dev`")
    edited = folder / "october" / NOTEBOOK_NAMES[0]
    edited.parent.mkdir()
    edited.write_text("mine")
    (folder / "jupyter_server_config.py").write_text("raise SystemExit(3)")
    done = subprocess.run(
        [sys.executable, "-m", "vippsrecon", "lab", "october", "--no-browser"],
        env=os.environ | {"JUPYTER_CONFIG_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert "vippsrecon: JupyterLab ended with exit code" in done.stderr.splitlines()[-1]
    assert edited.read_text() == "mine", "lab copies only what is missing"
    assert sorted(read_folder(edited.parent)) == sorted(NOTEBOOK_NAMES)


def test_an_installed_wheel_has_the_notebooks(root, tmp_path, originals):
    """Who installs a wheel has no folder `notebooks`. Nothing else of that folder is packaged."""
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(built, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    done = subprocess.run(
        [sys.executable, "-m", "vippsrecon", "notebooks", "october"],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert read_folder(elsewhere / "october") == originals
    assert sorted(path.name for path in site.rglob("*.ipynb")) == sorted(NOTEBOOK_NAMES)
    assert (site / "vippsrecon" / "notebook" / "search_table.js").exists()
