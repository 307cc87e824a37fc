"""`init`: write the first settings, try them, and preview the user's own export."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from vippsrecon.cli.errors import FAILURE_EXIT_CODE
from vippsrecon.errors import VippsReconError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vippsrecon.config.new_files import NewSettings

_ENVIRONMENT_QUESTION = """\
1. Which environment, and which market? `test` is Vipps MobilePay's test environment, `production`
   your real payments, `simulator` an invented month on this computer. The market is NO, SE, DK or
   FI. Example: production NO
   > """
_KEYS_QUESTION = """
2. Paste the keys of the sales unit as the business portal shows them: client ID, client secret,
   subscription key and merchant serial number (MSN), each with its name. What you paste is not
   shown. End with an empty line.
   > """
_EXPORT_QUESTION = """
3. Where is an order export of your shop? It is read, never changed. Enter: none yet.
   > """
_AFTER_A_PROBLEM = (
    "the settings are in vippsrecon.toml and .env: correct them there and run vippsrecon check, or "
    "delete both files and run vippsrecon init again"
)


def init(
    environment: Annotated[
        str | None, typer.Option(metavar="NAME", help="test, production or simulator.")
    ] = None,
    msn: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The sales unit's merchant serial number.")
    ] = None,
    market: Annotated[
        str | None,
        typer.Option(help="NO, SE, DK or FI; without it, that of the export's only currency."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An order export to preview.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The simulator's address.")
    ] = None,
) -> None:
    """Write the first settings here, try the keys, and preview an order export of yours.

    Asks at most three questions; options and VIPPS_… variables answer them beforehand. Keys are
    read from the terminal, unseen, from standard input or from variables, never from an argument.
    Writes vippsrecon.toml and .env, never over existing ones. Secrets go to the keyring where
    there is one (pip install 'vippsrecon[keyring]'), else to .env, which only you can open.

    \b
    Example:
      vippsrecon init
      vippsrecon init --environment production --market NO --export orders.csv < keys.txt
    """
    from vippsrecon.config.new_files import (
        extend_gitignore,
        make_new_settings,
        refuse_existing_settings,
        write_new_settings,
    )

    folder = Path.cwd()
    refuse_existing_settings(folder)
    answers = _Answers()
    options = {"environment": environment, "msn": msn, "market": market, "base_url": base_url}
    for name, value in options.items():
        answers.add({name: value}, f"--{name.replace('_', '-')}")
    answers.add_variables()
    _complete(answers)
    make_new_settings(answers.values)  # refused before the last question, not after it
    export = _choose_export(export)
    if export and "market" not in answers.values:
        answers.add({"market": _find_market(export, answers.values["msn"])}, "the export")
    new = make_new_settings(answers.values)
    in_keyring = write_new_settings(folder, new)
    _print_written(new, in_keyring=in_keyring)
    try:
        ignored = extend_gitignore(folder)
    except OSError:
        ignored = "warning: .gitignore could not be changed. Make sure that git ignores .env."
    if ignored:
        print(ignored)
    _try(export)


class _Answers:
    """Settings from options, variables and the pasted text. Two that differ are refused."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._places: dict[str, str] = {}

    def add(self, values: Mapping[str, str | None], place: str) -> None:
        """Add the values that are given, and remember where they come from.

        Raises:
            ConfigurationError: A value differs from the one given elsewhere. No key is quoted.
        """
        from vippsrecon.errors import ConfigurationError

        given = {name: _normalize(name, value) for name, value in values.items() if value}
        for name, value in given.items():
            if self.values.get(name, value) != value:
                raise ConfigurationError(
                    f"The {_get_title(name)} is given twice, and the two differ: by "
                    f"{self._places[name]} and by {place}. Nothing was written. Remove one of them."
                )
        for name in given:
            self._places.setdefault(name, place)
        self.values |= given

    def add_variables(self) -> None:
        """Add what environment variables set: they count before any file, also later."""
        from vippsrecon.config.load import ENVIRONMENT_VARIABLES
        from vippsrecon.config.pasted_keys import KEY_TITLES

        for name in ("environment", "base_url", *KEY_TITLES):
            variable = ENVIRONMENT_VARIABLES[name]
            self.add({name: os.environ.get(variable)}, f"the variable {variable}")

    def add_pasted(self, text: str) -> None:
        """Add the keys of a copied text.

        Raises:
            ConfigurationError: Keys are missing, or differ from those given elsewhere.
        """
        from vippsrecon.config.pasted_keys import parse_pasted_keys
        from vippsrecon.errors import ConfigurationError

        pasted = parse_pasted_keys(text)
        missing = " and no ".join(_get_title(name) for name in self.find_missing(pasted))
        if missing:
            raise ConfigurationError(
                f"The keys are not complete: no {missing}. Nothing was written. Give all four, each "
                "after its name, as in: MSN 123456"
            )
        self.add(pasted, "the keys that were read")

    def find_missing(self, pasted: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """Return the names of the keys that are neither known nor pasted."""
        from vippsrecon.config.pasted_keys import KEY_TITLES

        return [name for name in KEY_TITLES if name not in {**self.values, **pasted}]

    def is_complete_with(self, text: str) -> bool:
        """Return whether nothing is missing after this text, or it cannot be used anyway."""
        from vippsrecon.config.pasted_keys import parse_pasted_keys

        try:
            return not self.find_missing(parse_pasted_keys(text))
        except VippsReconError:
            return True


def _normalize(name: str, value: str) -> str:
    value = value.strip()
    if name == "base_url":
        return value.rstrip("/")
    changes = {"environment": str.lower, "market": str.upper}
    return changes.get(name, str)(value)


def _get_title(name: str) -> str:
    from vippsrecon.config.pasted_keys import KEY_TITLES

    titles = {"environment": "environment", "base_url": "simulator's address", "market": "market"}
    return {**titles, **KEY_TITLES}[name]


def _complete(answers: _Answers) -> None:
    """Ask for what is missing, or read it from standard input if that is not a terminal.

    Raises:
        ConfigurationError: Something is still missing or not valid.
    """
    from vippsrecon.cli import questions
    from vippsrecon.errors import ConfigurationError

    if questions.is_interactive():
        if "environment" not in answers.values:
            questions.ask(
                lambda: questions.read_line(_ENVIRONMENT_QUESTION),
                lambda line: answers.add(_parse_environment(line), "the first answer"),
            )
        if answers.find_missing():
            questions.ask(
                lambda: questions.read_hidden_lines(_KEYS_QUESTION, answers.is_complete_with),
                answers.add_pasted,
            )
    elif answers.find_missing():
        answers.add_pasted(questions.read_piped_text())
    if "environment" not in answers.values:
        raise ConfigurationError(
            "The environment is not known; nothing was written. Add --environment with test, "
            "production or simulator."
        )


def _parse_environment(line: str) -> dict[str, str]:
    """Return environment, and market where given, from an answer such as "production NO"."""
    from vippsrecon.config.settings import ENVIRONMENTS
    from vippsrecon.errors import ConfigurationError
    from vippsrecon.vipps_rules import ZONE_OF_MARKET

    values: dict[str, str] = {}
    for word in line.replace(",", " ").split():
        if word.lower() in ENVIRONMENTS:
            values["environment"] = word
        elif word.upper() in ZONE_OF_MARKET:
            values["market"] = word
        else:
            raise ConfigurationError(
                f"{word[:20]!r} is neither an environment (test, production, simulator) nor a "
                "market (NO, SE, DK, FI)."
            )
    if "environment" not in values:
        raise ConfigurationError("Name the environment: test, production or simulator.")
    return values


def _choose_export(given: Path | None) -> Path | None:
    """Return the export that was given or answered, None where there is none.

    Raises:
        SourceError: It cannot be opened.
    """
    from vippsrecon.cli import questions
    from vippsrecon.input_files import check_input_file

    def parse(line: str) -> Path | None:
        # A file that is dragged into a terminal often comes in quotes.
        text = line.strip().strip("'\"")
        if not text:
            return None
        path = Path(text).expanduser()
        check_input_file(path)
        return path

    if given is not None:
        check_input_file(given)
        return given
    if not questions.is_interactive():
        return None
    return questions.ask(lambda: questions.read_line(_EXPORT_QUESTION), parse)


def _find_market(export: Path, msn: str) -> str | None:
    """Return the market of the export's only currency; None where it has none or several."""
    from vippsrecon.config.settings import SalesUnit
    from vippsrecon.sources.orders.read import read_order_files
    from vippsrecon.vipps_rules import MARKET_OF_CURRENCY

    try:
        (file,) = read_order_files([export], None, (SalesUnit(msn),)).files
    except (VippsReconError, OSError):
        return None  # the preview will say what is wrong with it
    return MARKET_OF_CURRENCY.get(next(iter(file.totals))) if len(file.totals) == 1 else None


def _print_written(new: NewSettings, *, in_keyring: bool) -> None:
    print(
        f"wrote vippsrecon.toml: {new.environment}, sales unit {new.unit.msn}, "
        + (f"market {new.unit.market}" if new.unit.market else "without a market: add it there")
    )
    if in_keyring:
        print("wrote .env: the client ID; the two secrets are in the keyring")
    else:
        print("wrote .env: the keys; only your account can open it")


def _try(export: Path | None) -> None:
    """Run `check`, then `preview`; a problem of the first does not prevent the second."""
    from vippsrecon.cli.check import check
    from vippsrecon.cli.errors import format_error, print_error
    from vippsrecon.cli.preview import preview

    problem: VippsReconError | None = None
    print("\nThe same as vippsrecon check:", flush=True)
    try:
        check()
    except VippsReconError as error:
        error.add_note(_AFTER_A_PROBLEM)
        problem = error
    if export is None:
        if problem:
            raise problem
        print("\nNext: vippsrecon preview orders.csv, with an order export of your shop")
        return
    print(f"\nThe same as vippsrecon preview {printable(shlex.quote(str(export)))}:", flush=True)
    if problem:
        print_error(format_error(problem))
    preview([export])
    if problem:
        raise typer.Exit(FAILURE_EXIT_CODE)
    name = printable(shlex.quote(str(export)))
    print(f"\nNext: vippsrecon reconcile --orders {name} --out report.xlsx")
