"""Write the first `vippsrecon.toml` and `.env` of a working folder. Never changes existing ones.

Secrets go to the system's keyring where there is one, else to `.env`, which only this account can
open. In the keyring their names end in the sales unit's number, so that the keys of several sales
units do not replace each other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from vippsrecon.config.load import (
    ENVIRONMENT_VARIABLES,
    KEYRING_SERVICE,
    parse_key,
    read_keyring,
)
from vippsrecon.config.settings import Keys, SalesUnit, resolve_base_url
from vippsrecon.config.toml_file import SETTINGS_FILE_NAME, parse_msn
from vippsrecon.errors import ConfigurationError, OutputError
from vippsrecon.input_files import is_present

DOTENV_FILE_NAME = ".env"

_PRIVATE_FILE_MODE, _FILE_MODE = 0o600, 0o666
_MAX_IGNORE_FILE_BYTES = 1024 * 1024
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9._~+/=:-]+")
_COVERS_DOTENV = {b".env", b"/.env", b"**/.env", b"*.env", b".env*"}


@dataclass(frozen=True)
class NewSettings:
    """What the first settings contain, checked.

    Attributes:
        environment: "test", "production" or "simulator".
        base_url: The simulator's address; None in the other environments.
        unit: The sales unit, with its market where known.
        keys: Its keys. Their repr shows no secret.
    """

    environment: str
    base_url: str | None
    unit: SalesUnit
    keys: Keys = field(repr=False)


def make_new_settings(values: Mapping[str, str]) -> NewSettings:
    """Check the given values and return the settings to write.

    Args:
        values: environment, base_url, msn, market, client_id, client_secret, subscription_key.

    Raises:
        ConfigurationError: A value is not allowed. No key is quoted.
    """
    environment = values["environment"]
    base_url = resolve_base_url(environment, values.get("base_url"))
    try:
        msn = parse_msn(values["msn"])
    except ValueError as error:
        raise ConfigurationError(f"The merchant serial number {error}") from None
    market = values.get("market")
    unit = SalesUnit(msn, market=market.upper() if market else None)
    client_id, secret, subscription_key = (
        parse_key(values[name], ENVIRONMENT_VARIABLES[name])
        for name in ("client_id", "client_secret", "subscription_key")
    )
    keys = Keys(client_id, SecretStr(secret), SecretStr(subscription_key))
    return NewSettings(environment, base_url if environment == "simulator" else None, unit, keys)


def refuse_existing_settings(folder: Path) -> None:
    """Raise if the folder has a settings file already.

    Raises:
        OutputError: It has `vippsrecon.toml` or `.env`.
    """
    for name in (SETTINGS_FILE_NAME, DOTENV_FILE_NAME):
        if is_present(folder / name):
            raise OutputError(
                f"{name} exists in this folder and is never overwritten; nothing was written. To "
                "test its settings, run: vippsrecon check. To start again, rename it or use an "
                "empty folder."
            )


def write_new_settings(folder: Path, new: NewSettings) -> bool:
    """Write both files; store the secrets in the keyring where there is one.

    Returns:
        Whether the keyring has the secrets; else `.env` has them.

    Raises:
        ConfigurationError: The keyring has other secrets for this sales unit.
        OutputError: A file exists or cannot be written. Then neither is left behind.
    """
    refuse_existing_settings(folder)
    in_keyring = _store_in_keyring(_list_keyring_entries(new))
    written: list[Path] = []
    try:
        for name, text, mode in (
            (DOTENV_FILE_NAME, format_dotenv(new, in_keyring=in_keyring), _PRIVATE_FILE_MODE),
            (SETTINGS_FILE_NAME, format_settings(new, in_keyring=in_keyring), _FILE_MODE),
        ):
            _create_file(folder / name, text, mode, written)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise OutputError(
            f"{name} could not be written ({reason}), so no settings were written. Choose a folder "
            "that you may write to, with free space."
        ) from None
    return in_keyring


def format_settings(new: NewSettings, *, in_keyring: bool) -> str:
    """Return the text of `vippsrecon.toml`. It contains no secret."""
    lines = [
        "# Written by vippsrecon init; change it as you like. It contains no key.",
        f'environment = "{new.environment}"',
        *([f'base_url = "{new.base_url}"'] if new.base_url else []),
        "",
        "[[sales_unit]]",
        f'msn = "{new.unit.msn}"',
        f'market = "{new.unit.market}"    # decides time zone and deadlines'
        if new.unit.market
        else '# market = "NO"    # NO, SE, DK or FI: decides time zone and deadlines',
    ]
    if in_keyring:
        lines += [
            f'{part}_from = "{variable}"    # in the keyring'
            for part, (variable, _) in _list_keyring_entries(new).items()
        ]
    return "\n".join(lines) + "\n"


def format_dotenv(new: NewSettings, *, in_keyring: bool) -> str:
    """Return the text of `.env`: the client ID, and the secrets if the keyring has none."""
    values = {"client_id": new.keys.client_id}
    if not in_keyring:
        entries = _list_keyring_entries(new).items()
        values |= {part: secret.get_secret_value() for part, (_, secret) in entries}
    lines = [f"{ENVIRONMENT_VARIABLES[part]}={_quote(value)}" for part, value in values.items()]
    head = "# Written by vippsrecon init. These are keys: do not share, mail or commit this file."
    return "\n".join([head, *lines]) + "\n"


def extend_gitignore(folder: Path) -> str | None:
    """Add `.env` to `.gitignore` where the folder is in a git repository that does not ignore it.

    Returns:
        A sentence for the user; None where there is no repository.

    Raises:
        OSError: `.gitignore` cannot be read or written.
    """
    folder = folder.resolve()
    inside = [folder, *folder.parents]
    root = next((index for index, path in enumerate(inside) if is_present(path / ".git")), None)
    if root is None:
        return None
    path = folder / ".gitignore"
    if is_present(path) and (path.is_symlink() or not path.is_file()):
        return "warning: .gitignore is not an ordinary file. Make sure that git ignores .env."
    rules = [
        line.strip()
        for place in inside[: root + 1]
        for line in _read_start(place / ".gitignore").splitlines()
    ]
    if _COVERS_DOTENV & set(rules) and not any(line.startswith(b"!") for line in rules):
        return "git already ignores .env"
    content = _read_start(path)
    with path.open("ab") as file:
        file.write((b"" if content.endswith(b"\n") or not content else b"\n") + b".env\n")
    return "added .env to .gitignore, so that git does not keep the keys"


def _read_start(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_MAX_IGNORE_FILE_BYTES)


def _list_keyring_entries(new: NewSettings) -> dict[str, tuple[str, SecretStr]]:
    """Return each secret's name in the keyring and its value, by setting."""
    secrets = {
        "client_secret": new.keys.client_secret,
        "subscription_key": new.keys.subscription_key,
    }
    return {
        part: (f"{ENVIRONMENT_VARIABLES[part]}_{new.unit.msn}", secret)
        for part, secret in secrets.items()
        if secret is not None
    }


def _store_in_keyring(entries: Mapping[str, tuple[str, SecretStr]]) -> bool:
    """Store the secrets in the keyring; return False where there is none that keeps them."""
    try:
        import keyring
    except ImportError:
        return False
    for variable, secret in entries.values():
        value = secret.get_secret_value()
        stored = read_keyring(variable)
        if stored == value:
            continue
        if stored is not None:
            raise ConfigurationError(
                f"The keyring has another {variable}, which is never overwritten; nothing was "
                f"written. Remove it with: keyring del {KEYRING_SERVICE} {variable}"
            )
        try:
            keyring.set_password(KEYRING_SERVICE, variable, value)
        except Exception:
            # Each backend raises its own errors, and many machines have no backend at all.
            return False
        if read_keyring(variable) != value:
            return False
    return True


def _create_file(path: Path, text: str, mode: int, written: list[Path]) -> None:
    # O_EXCL: a file that another program made meanwhile is not overwritten either.
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    written.append(path)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _quote(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
