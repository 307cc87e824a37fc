"""Record the SHA-256 of the files that a run writes, and check it when a later run reads them.

A bit that changed on the disk can leave a Parquet file readable, with another amount in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from vippsrecon.errors import SourceError
from vippsrecon.input_files import check_input_file
from vippsrecon.sources.files.detect import compute_file_sha256

_log = logging.getLogger("vippsrecon.fetch")


class RecordedHashes(NamedTuple):
    """The hashes that a run recorded of its files, and what to do where one differs.

    Attributes:
        file: The file that holds them, for the messages.
        by_name: File name to SHA-256, as read from `file`; None where a version of vippsrecon wrote the
            folder that did not record any.
        advice: What to do if a file has another hash, as a sentence.
    """

    file: str
    by_name: object
    advice: str = "Fetch again."

    def check(self, path: Path) -> None:
        """Check a file before it is read.

        Raises:
            SourceError: It cannot be opened, or is not the file that the run wrote.
        """
        check_input_file(path)
        if self.by_name is None:
            return
        recorded = self.by_name.get(path.name) if isinstance(self.by_name, dict) else None
        if not isinstance(recorded, str):
            raise SourceError(
                f"{self.file} does not state its SHA-256. {self.advice}", file=path.name
            )
        try:
            sha256 = compute_file_sha256(path)
        except OSError as error:
            raise SourceError(
                f"cannot be read ({error.strerror}). {self.advice}", file=path.name
            ) from None
        if sha256 != recorded:
            raise SourceError(
                "it is damaged, or was changed after it was written: its SHA-256 is not the one in "
                f"{self.file}. {self.advice}",
                file=path.name,
            )

    def list_names(self) -> list[str]:
        """Return the names of the files whose hashes are recorded."""
        return list(self.by_name) if isinstance(self.by_name, dict) else []

    def warn_if_missing(self, folder: Path) -> None:
        """Log a warning where the folder states no hashes."""
        if self.by_name is None:
            _log.warning(
                "%s was written by an earlier version of vippsrecon: %s states no SHA-256 of its files, "
                "so damage to them may not be noticed.",
                folder,
                self.file,
            )


def hash_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files that were just written."""
    return {name: compute_file_sha256(folder / name) for name in names}
