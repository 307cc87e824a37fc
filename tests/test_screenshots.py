"""Test the pictures of README and docs; at night they are made again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.chromium import needs_browser
from tests.screenshots import LARGEST, PICTURES, main, shows_something

ROOT = Path(__file__).parent.parent
COMMITTED = sorted((ROOT / "docs" / "images").glob("*.png"))
USED = {
    (page.parent / path).resolve(): text
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for text, path in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_picture_is_small_and_used(path):
    """A picture that no page shows is never seen to be out of date."""
    assert path.stat().st_size < LARGEST
    assert shows_something(path)
    assert len(USED[path]) > 20, "the text of a picture says what it shows"


def test_every_picture_is_made_by_the_script():
    """A picture made by hand cannot be made again after a change."""
    made = {name for names in PICTURES.values() for name in names}

    assert made <= {path.name for path in COMMITTED}


@pytest.mark.ci
@pytest.mark.office
@needs_browser
@pytest.mark.skipif(
    shutil.which("soffice") is None or shutil.which("pdftoppm") is None,
    reason="LibreOffice (soffice) or pdftoppm is not installed here",
)
def test_pictures_are_made_again(tmp_path):
    """Each shows something, in about the size of the committed one."""
    pytest.importorskip("jupyterlab", reason="JupyterLab comes with the extra `dev`")
    main(tmp_path)

    for made in sorted(tmp_path.glob("*.png")):
        assert shows_something(made)
        with Image.open(made) as new, Image.open(ROOT / "docs" / "images" / made.name) as old:
            # A page of the workbook is cut to its content, which other fonts make a little larger.
            share = 0.1 if made.name.startswith("workbook") else 0
            for width, expected in zip(new.size, old.size, strict=True):
                assert abs(width - expected) <= share * expected, made.name
