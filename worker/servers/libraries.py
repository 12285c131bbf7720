"""Shared libraries for mongod where the machine has none: Python's own small images lack libcurl, others OpenSSL 3."""

import ctypes
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

WHEEL = "pycurl"
NEEDED = ("libcurl.so.4", "libssl.so.3", "libcrypto.so.3")
"""What mongod asks for beyond the C library; the wheel has each under a longer name (libcurl-330bcbb6.so.4.8.0)."""


def borrowed(directory: Path) -> list[Path]:
    """Where mongod is to look for its libraries: nowhere else if the machine has them all.

    Otherwise in `directory`, which then has the names that it asks for, and in the wheel, where they and what they need
    lie. All of them or none: two libraries of OpenSSL in one process would be one too many.
    """
    if all(map(_is_there, NEEDED)):
        return []
    bundle = _bundle()
    if bundle is None:
        return []  # mongod says in its log what it misses.
    directory.mkdir(exist_ok=True)
    for name in NEEDED:
        for found in bundle.glob(f"{name.partition('.')[0]}-*.so.*"):
            link = directory / name
            link.unlink(missing_ok=True)
            link.symlink_to(found)
    return [directory, bundle]


def _is_there(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _bundle() -> Path | None:
    """The directory in which the wheel keeps the libraries that it brings."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name.startswith("libcurl-")), None)
