"""Operate the refund desk of notebook 04 in JupyterLab and Chromium, and take pictures of it.

    python -m tests.notebooks.desk_in_browser docs/images

writes the pictures that the documentation shows. `test_desk_in_jupyterlab.py` does the same and
checks what is seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

import nbformat
from PIL import Image

from tests.chromium import open_browser
from tests.display.browser import MEASURE
from tests.notebooks.jupyterlab import (
    EXECUTED,
    IS_IDLE,
    PANEL,
    RUN_ALL,
    change_theme,
    serve_lab,
)
from tests.notebooks.notebook_files import SMALL, set_parameters

NOTEBOOK = "04_refund_and_cancel.ipynb"
THEMES = {
    "light": "JupyterLab Light",
    "dark": "JupyterLab Dark",
    "contrast": "JupyterLab Dark High Contrast",
}
PICTURED = ("choose", "outcomes")
DESK = "document.querySelector('.vippsrecon-desk')"
SHOWN = f"{DESK}.innerText"
SCROLL_TO_THE_DESK = f"""
const notebook = {PANEL}.content;
const place = notebook.widgets.findIndex(cell => cell.model.sharedModel.source.includes("refund_desk("));
await notebook.scrollToItem(place);
"""
ROWS = f"""[...{DESK}.querySelectorAll(".vr-desk-row")].map(row => ({{
  name: row.querySelector(".widget-checkbox .widget-label-basic").textContent.trim(),
  amount: row.querySelector("input[type=text]").value,
}}))"""

MEASURE_FIELDS = f"""
const fields = [...{DESK}.querySelectorAll("input[type=text], select")].map(field => {{
  const below = paper(field);
  return {{text: field.value || field.placeholder, contrast: contrast(field, below)}};
}});
"""
NAMED_ROLES = {"button", "checkbox", "combobox", "textbox"}


def button(text):
    """Return the expression that finds a button by its text."""
    return f"[...{DESK}.querySelectorAll('button')].find(one => one.textContent === {json.dumps(text)})"


def press(page, text):
    """Click on a button as soon as it can be clicked."""
    page.wait_for(f"{button(text)}?.disabled === false")
    page.click(button(text))


def field(label):
    """Return the expression that finds a control by the text of its label."""
    return (
        f"[...{DESK}.querySelectorAll('label')].find(one => "
        f"one.textContent.includes({json.dumps(label)}))?.control"
    )


class DeskPage:
    """The desk in a page of JupyterLab.

    Args:
        page: The browser.
        pictures: Folder for pictures; None: none are taken.

    Attributes:
        faint: Texts with too little contrast, by step and theme.
        unnamed: Controls without a name, by step.
    """

    def __init__(self, page, pictures):
        self.page = page
        self.measured = {}
        self.unnamed = {}
        self._pictures = pictures

    def look(self, step):
        """Measure the step in each theme, and take pictures of it."""
        self.unnamed[step] = self._find_unnamed()
        for name, theme in THEMES.items():
            change_theme(self.page, theme)
            self.page.run_script(SCROLL_TO_THE_DESK)
            self.page.wait_for(f"{DESK} !== null")
            script = f"const PRINTED = false; {MEASURE.replace('return {texts', MEASURE_FIELDS + 'return {fields, texts')}"
            seen = self.page.run_script(script)
            self.measured[step, name] = [*seen["texts"], *seen["fields"]]
            if self._pictures and step in PICTURED and name != "contrast":
                picture = self._pictures / f"refund-desk-{step}-{name}.png"
                self.page.take_screenshot(picture, of=DESK)
                reduce_colours(picture)
        change_theme(self.page, THEMES["light"])
        self.page.run_script(SCROLL_TO_THE_DESK)

    def _find_unnamed(self):
        """Return the controls of the desk without a name in the accessibility tree."""
        self.page.send("Accessibility.enable")
        root = self.page.send("Runtime.evaluate", expression=DESK)["result"]["objectId"]
        nodes = []
        for role in sorted(NAMED_ROLES):
            found = self.page.send("Accessibility.queryAXTree", objectId=root, role=role)["nodes"]
            nodes += [(role, node.get("name", {}).get("value", "")) for node in found]
        assert nodes
        return [node for node in nodes if not node[1].strip()]

    def find(self, words):
        """Type into the search field and return the rows that are shown then."""
        self.page.fill(field("Search"), words)
        expected = f"{DESK}.querySelectorAll('.vr-desk-row').length"
        self.page.wait_for(f"{expected} === 1" if words else f"{expected} > 1")
        return self.page.run(ROWS)

    def choose(self, row, amount=None):
        """Find a row by its name, choose it, and change its amount."""
        verb, _, name = row["name"].partition(" ")
        order, kind = name.split(": ")
        self.find(f"{order} {kind}")
        self.page.click(f"{DESK}.querySelector('.vr-desk-row input[type=checkbox]')")
        self.page.wait_for(
            f"{DESK}.querySelector('.vr-desk-row input[type=checkbox]').checked === true"
        )
        if amount is not None:
            self.page.fill(field(f"Amount to {verb.lower()} for {order}"), amount)
        self.find("")

    def choose_operation(self, name):
        """Choose what to do with payments: Refund, Capture or Cancel."""
        self.page.wait_for(f"{field('Operation')} !== undefined")
        self.page.run_script(f"""const list = {field("Operation")};
            list.value = [...list.options].find(one => one.text === {json.dumps(name)}).value;
            list.dispatchEvent(new Event("change", {{bubbles: true}}));""")
        self.page.wait_for(f"{SHOWN}.includes({json.dumps(f'{name} desk')})")
        self.page.wait_for(f"({ROWS}).every(row => row.name.startsWith({json.dumps(name)}))")


def reduce_colours(picture):
    """Write a picture again with 64 colours, which is a third of the bytes."""
    with Image.open(picture) as taken:
        taken.convert("RGB").quantize(64).save(picture, optimize=True)


def read_requests(folder, verb="refund"):
    """Return reference to (number, sum) of one operation in the simulator of a month."""
    lines = (Path(folder) / ".env").read_text().splitlines()
    url = next(line.partition("=")[2] for line in lines if line.startswith("VIPPS_BASE_URL="))
    with urlopen(f"{url}/_simulator/requests") as answer:
        payments = json.load(answer)["payments"]
    return {
        reference: (operations[verb]["count"], operations[verb]["sum"])
        for unit in payments.values()
        for reference, operations in unit.items()
        if verb in operations
    }


def approve_in_a_shell(command, name):
    """Run the lines that the desk shows in a shell of its own, as another person."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-ec", command.replace("NAME OF THE OTHER PERSON", name)],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def operate(address, folder, pictures=None):
    """Refund three payments at the desk, then capture two and cancel two; return what was seen."""
    seen = {}
    with open_browser(folder) as page:
        page.open(address.replace("/lab?", f"/lab/tree/{NOTEBOOK}?"), width=1280, height=2400)
        page.wait_for(IS_IDLE)
        page.run_script(RUN_ALL)
        page.wait_for(EXECUTED)
        page.run_script(SCROLL_TO_THE_DESK)
        page.wait_for(f"{DESK}?.querySelectorAll('.vr-desk-row').length > 3")
        desk = DeskPage(page, pictures)
        rows = page.run(ROWS)
        first, second, third = seen["chosen"] = _pick(rows)
        desk.choose(first)
        desk.choose(second)
        desk.choose(third, "1,50")
        seen["choice"] = page.run(SHOWN)
        desk.look("choose")

        press(page, "Make the plan and check it")
        page.wait_for(f"{SHOWN}.includes('Waiting for the approval')")
        seen["checked"] = page.run(SHOWN)
        seen["bars"] = page.run(
            f"[...{DESK}.querySelectorAll('.jp-OutputArea')].map(one => one.textContent).join(' ')"
        )
        seen["early"] = page.run(f"{button('Carry out: move the money')} === undefined")
        desk.look("approval")
        command = page.run(f"{DESK}.querySelector('.vr-desk-command').innerText")
        month = command.splitlines()[0].removeprefix("cd ")
        seen["before"] = read_requests(month)
        seen["approved"] = approve_in_a_shell(command, "Ola Hansen")
        # The desk finds the approval by itself.
        page.wait_for(f"{button('Carry out: move the money')} !== undefined")
        page.wait_for(f"{SHOWN}.includes('Approved by')")
        seen["approval"] = page.run(SHOWN)
        sums = page.run(f"{field('Sum in NOK')}.labels[0].textContent")
        seen["sum"] = sums.partition(" is ")[2]
        desk.look("send")
        page.fill(field("Sum in NOK"), "1.00 NOK")
        press(page, "Carry out: move the money")
        page.wait_for(f"{SHOWN}.includes('is not the plan')")
        seen["still"] = read_requests(month)
        page.fill(field("Sum in NOK"), seen["sum"])
        press(page, "Carry out: move the money")
        page.wait_for(f"{SHOWN}.includes('Done: 3 refunds')")
        seen["outcomes"] = page.run(SHOWN)
        desk.look("outcomes")
        seen["after"] = read_requests(month)
        for verb in ("capture", "cancel"):
            press(page, "Choose again")
            seen[verb] = _carry_out_two(desk, verb, month)
            desk.look(verb)
    return seen | {"measured": desk.measured, "unnamed": desk.unnamed}


def _carry_out_two(desk, verb, month):
    """Capture or cancel two payments at the desk, from the operation to the outcomes; return what was seen."""
    page = desk.page
    seen = {"before": read_requests(month, verb)}
    desk.choose_operation(verb.capitalize())
    seen["chosen"] = _pick(page.run(ROWS))[:2]
    for row in seen["chosen"]:
        desk.choose(row)
    seen["choice"] = page.run(SHOWN)
    press(page, "Make the plan and check it")
    page.wait_for(f"{SHOWN}.includes('Waiting for the approval')")
    seen["checked"] = page.run(SHOWN)
    command = page.run(f"{DESK}.querySelector('.vr-desk-command').innerText")
    seen["approved"] = approve_in_a_shell(command, "Ola Hansen")
    page.wait_for(f"{button('Carry out: move the money')} !== undefined")
    sums = page.run(f"{field('Sum in NOK')}.labels[0].textContent")
    seen["unsent"] = read_requests(month, verb)
    page.fill(field("Sum in NOK"), sums.partition(" is ")[2])
    press(page, "Carry out: move the money")
    page.wait_for(f"{SHOWN}.includes('Done: 2 {verb}s')")
    seen["outcomes"] = page.run(SHOWN)
    return seen | {"after": read_requests(month, verb)}


def _pick(rows):
    """Return three rows of different orders."""
    by_order = {}
    for row in rows:
        by_order.setdefault(row["name"].split(":")[0], []).append(row)
    return [same[0] for same in by_order.values() if len(same) == 1][:3]


def run_desk(notebooks, folder, pictures=None):
    """Copy the notebook, serve JupyterLab, and operate the desk."""
    work, settings = folder / "notebooks", folder / "settings"
    work.mkdir()
    settings.mkdir()
    nbformat.write(set_parameters(notebooks / NOTEBOOK, PAYMENTS=SMALL), work / NOTEBOOK)
    with serve_lab(work, settings) as address:
        return operate(address, folder, pictures)


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as temporary:
        run_desk(root / "notebooks", Path(temporary), Path(sys.argv[1]).resolve())
