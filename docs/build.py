"""Build the documentation site and check it; a warning is an error.

    pip install -e ".[docs]" && python docs/build.py [FOLDER]

The pages are copied into a temporary folder that has the same subfolders as the repository, so each
relative link works in both. Writes the site to FOLDER (`build/site`). View it with
`python -m http.server --bind 127.0.0.1 --directory build/site`; without a server, only search is missing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "docs" / "zensical.toml"
BESIDE_PAGES = {".png", ".svg", ".txt"}
"""Files that are published beside the pages."""

LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
"""Attributes that a browser loads without a click."""

REFERENCE_ENTRY = re.compile(r"^### .+\n\n<!-- id: (\S+) from: (\S+) -->\n.+$", re.MULTILINE)
"""An entry of reference.md: its first sentence for a code host, the whole docstring on the site."""


def list_navigation(config: dict[str, object]) -> list[str]:
    """Return the pages of the navigation in order."""

    def walk(entry: object) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for each in entry.values() if isinstance(entry, dict) else entry:
                yield from walk(each)

    return list(walk(config["project"]["nav"]))


def list_pages(root: Path) -> list[str]:
    """Return every page that is published, from the repository's folder."""
    pages = [root / "README.md", root / "CHANGELOG.md", root / "CONTRIBUTING.md"]
    pages += [root / "sample_data" / "README.md", *sorted((root / "docs").rglob("*.md"))]
    return [page.relative_to(root).as_posix() for page in pages]


def stage_pages(root: Path, stage: Path) -> None:
    """Copy the pages, what is shown beside them, and the package whose docstrings are read."""
    beside = [path for path in (root / "docs").rglob("*") if path.suffix in BESIDE_PAGES]
    for source in [*(root / page for page in list_pages(root)), *beside]:
        target = stage / "pages" / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    reference = stage / "pages" / "docs" / "reference.md"
    text = reference.read_text(encoding="utf-8")
    reference.write_text(REFERENCE_ENTRY.sub(r'<a id="\1"></a>\n\n::: \2', text), encoding="utf-8")
    shutil.copy(root / "docs" / "zensical.toml", stage)
    shutil.copytree(root / "vippsrecon", stage / "vippsrecon")


class _Links(HTMLParser):
    """Collects the links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the link or the anchor of a tag."""
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif (tag, name) in LOADED or (tag == "a" and name == "href"):
                self.links.append((value or "", (tag, name) in LOADED))


def find_broken_links(site: Path) -> list[str]:
    """Return what does not resolve in a built site, and what a page would load from a network.

    Zensical's strict mode checks links between pages. It does not check images, links to other files
    or the navigation, so every link of the built pages is followed here.
    """
    parsed: dict[Path, _Links] = {}
    for page in sorted(site.rglob("*.html")):
        parsed[page] = _Links()
        parsed[page].feed(page.read_text(encoding="utf-8"))
    faults = []
    for page, found in parsed.items():
        # The page for unknown addresses is served at any depth, so its links start at the root.
        folder = site if page.name == "404.html" else page.parent
        for link, loaded in found.links:
            name = f"{page.relative_to(site).as_posix()}: {link}"
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if loaded and parts.scheme != "data":
                    faults.append(f"{name} is loaded from a network")
                continue
            path = unquote(parts.path)
            target = page
            if path:
                start = site if path.startswith("/") else folder
                target = (start / path.lstrip("/")).resolve()
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                faults.append(f"{name} does not exist")
            elif parts.fragment and target.suffix == ".html":
                anchors = parsed[site / target.relative_to(site.resolve())].anchors
                if unquote(parts.fragment) not in anchors:
                    faults.append(f"{name} has no such anchor")
    return faults


def build_site(root: Path, out: Path) -> list[str]:
    """Build the site of a repository into a folder and return its faults."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        stage_pages(root, stage)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        done = subprocess.run(command, cwd=stage, capture_output=True, text=True, check=False)
        report = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        sys.stdout.write(report)
        if done.returncode or "Warning" in report:
            return ["zensical build --strict found the faults above"]
        # llms.txt leads to the Markdown of each page, so that is published beside the page.
        shutil.copytree(stage / "pages", stage / "site", dirs_exist_ok=True)
        faults = find_broken_links(stage / "site")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(stage / "site", out)
    return faults


def check_navigation(root: Path) -> list[str]:
    """Return pages without a place in the navigation, and places without a page."""
    config = tomllib.loads((root / "docs" / "zensical.toml").read_text(encoding="utf-8"))
    named, pages = list_navigation(config), list_pages(root)
    return [
        *(
            f"{page} is not in the navigation of docs/zensical.toml"
            for page in pages
            if page not in named
        ),
        *(
            f"docs/zensical.toml names {page}, which does not exist"
            for page in named
            if page not in pages
        ),
        *(
            f"docs/zensical.toml names {page} twice"
            for page in sorted(set(named))
            if named.count(page) > 1
        ),
    ]


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    problems = check_navigation(ROOT) or build_site(ROOT, output)
    sys.exit("\n".join(problems) or 0)
