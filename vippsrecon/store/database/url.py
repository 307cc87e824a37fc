"""Read the database URL, and refuse places where a database is not safe.

A SQLite file's locks and its write-ahead log's shared memory hold on one machine's own disk.
On a network drive two machines may both believe that they hold the lock, and a synchronised folder
is copied in the middle of a write. Such places are refused where they can be recognised
(by the folder's name anywhere, by the mounted file system on Linux, by the drive on Windows).
Source: https://www.sqlite.org/wal.html and https://www.sqlite.org/howtocorrupt.html
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from vippsrecon.errors import StoreError

SYNCED_FOLDERS = {
    "onedrive": "OneDrive",
    "dropbox": "Dropbox",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "icloud": "iCloud",
    "mobile documents": "iCloud",
    "cloudstorage": "a cloud storage",
    "nextcloud": "Nextcloud",
    "owncloud": "ownCloud",
    "pcloud": "pCloud",
    "box sync": "Box",
    "synologydrive": "Synology Drive",
}
"""Start of a synchronised folder's name in lower case, to the service."""

NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|lustre|gfs2?|ocfs2|vboxsf|davfs\d?|ncpfs|"
    r"fuse\.(sshfs|rclone|s3fs|glusterfs|gvfsd-fuse|vmhgfs-fuse|davfs2?|gcsfuse|cephfs|nfs\w*)"
)
"""File system types of network drives. Source: mount(8), filesystems(5)."""

OTHER_PLACE_ADVICE = (
    "put it in a folder on this computer's own disk and name it in VIPPSRECON_DATABASE_URL, "
    "or use PostgreSQL for a team"
)

MOUNTS_FILE = Path("/proc/self/mounts")


def parse_database_url(url: str) -> URL:
    """Parse a database URL.

    Raises:
        StoreError: It cannot be read, or is neither SQLite nor PostgreSQL. The URL is not quoted,
            because a mistake in it may have moved the password.
    """
    try:
        address = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise StoreError(
            "VIPPSRECON_DATABASE_URL cannot be read: write sqlite:///file.db, or "
            "postgresql://user:password@host:5432/database with every special character of "
            "the password as %XX (an @ is %40)"
        ) from None
    if "@" in (address.host or "") or "@" in (address.database or ""):
        raise StoreError(
            "VIPPSRECON_DATABASE_URL has more than one @: write each @ of the password as %40"
        )
    backend = address.get_backend_name()
    if backend == "sqlite":
        return address.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    raise StoreError(
        "VIPPSRECON_DATABASE_URL names another kind of database: it begins with sqlite:/// or "
        "postgresql://"
    )


def mask_database_url(address: URL) -> str:
    """Return a database URL without password and options.

    >>> mask_database_url(make_url("postgresql+psycopg://ola:secret@db.example:5432/vipps?password=x"))
    'postgresql://ola:***@db.example:5432/vipps'
    """
    shown = address.set(drivername=address.get_backend_name(), query={})
    return shown.render_as_string(hide_password=True)


def resolve_sqlite_path(address: URL) -> Path:
    """Return the file of a SQLite URL.

    Raises:
        StoreError: It does not name a file, or the file is in an unsafe place.
    """
    name = address.database or ""
    if name in ("", ":memory:") or name.startswith("file:") or address.query:
        raise StoreError(
            "VIPPSRECON_DATABASE_URL has to name a file, such as sqlite:///vippsrecon.db: a "
            "journal in memory, or one opened with options, would not survive"
        )
    path = Path(os.path.abspath(name))  # noqa: PTH100 (resolve() would follow a link)
    refuse_shared_folder(path)
    if path.is_dir():
        raise StoreError(f"the workspace database {path} is a folder: name a file in it")
    if os.path.lexists(path) and not path.is_file():
        raise StoreError(
            f"the workspace database {path} is not an ordinary file (a pipe, a device, or a link "
            "to a file that does not exist): name another in VIPPSRECON_DATABASE_URL"
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"the folder of the workspace database does not exist: create {path.parent}, or name "
            "another in VIPPSRECON_DATABASE_URL"
        )
    return path


def refuse_shared_folder(path: Path, mounts: Path = MOUNTS_FILE) -> None:
    """Refuse a file in a synchronised folder or on a network drive, where recognised.

    Raises:
        StoreError: The file is in such a place.
    """
    # Not Path.resolve, which fails at a link that names itself.
    for candidate in (path, Path(os.path.realpath(path))):
        for part in candidate.parent.parts:
            for start, service in SYNCED_FOLDERS.items():
                if part.lower().startswith(start):
                    raise StoreError(
                        f"the workspace database {path} is in a folder of {service}, which copies "
                        f"files while they are written: {OTHER_PLACE_ADVICE}"
                    )
        if _is_on_network(candidate, mounts):
            raise StoreError(
                f"the workspace database {path} is on a network drive, where locks do not hold: "
                f"{OTHER_PLACE_ADVICE}"
            )


def _is_on_network(path: Path, mounts: Path) -> bool:
    if sys.platform == "win32":
        import ctypes

        remote = 4  # DRIVE_REMOTE
        drive = path.drive
        return drive.startswith("\\\\") or (
            ctypes.windll.kernel32.GetDriveTypeW(drive + "\\") == remote
        )
    try:
        text = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    nearest, kind = Path(), ""
    for place, mounted in _parse_mounts(text):
        # A later mount on the same place hides the earlier one.
        if path.is_relative_to(place) and len(place.parts) >= len(nearest.parts):
            nearest, kind = place, mounted
    return NETWORK_FILE_SYSTEMS.fullmatch(kind) is not None


@lru_cache(maxsize=1)
def _parse_mounts(text: str) -> tuple[tuple[Path, str], ...]:
    """Return place and type of each mounted file system, as /proc/self/mounts lists them."""
    mounts = []
    for line in text.splitlines():
        _, point, kind = line.split()[:3]
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point)
        mounts.append((Path(place), kind))
    return tuple(mounts)
