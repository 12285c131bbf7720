"""Disks that are full: the servers' data on file systems of memory, so small that a fault can fill them. As root.

Both servers end by themselves where they cannot write: MongoDB at its next journal write, Kafka with its only log
directory.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MEGABYTES = 900
FILLERS = {"filler": 1 << 20, "last-filler": 4096}
"""A file of large blocks, and one for what is left then."""


class NoDisks(Exception):
    """This machine cannot do it. The message says what is missing."""


@contextmanager
def small_disks(directories: Sequence[Path]) -> Iterator[None]:
    """One at each of these places, for as long as the block lasts."""
    if os.geteuid() != 0:
        raise NoDisks("full disks need root, to mount small ones")
    mounted: list[Path] = []
    try:
        for directory in directories:
            directory.mkdir(parents=True, exist_ok=True)
            subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", directory], check=True)
            mounted.append(directory)
        yield
    finally:
        for directory in mounted:
            subprocess.run(["/bin/umount", "--lazy", directory], check=False)


@contextmanager
def full(directory: Path) -> Iterator[None]:
    """Its disk is full for as long as the block lasts."""
    try:
        for name, size in FILLERS.items():
            with contextlib.suppress(OSError), (directory / name).open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(size))
        yield
    finally:
        for name in FILLERS:
            (directory / name).unlink(missing_ok=True)
