"""Ends what its parent left behind, even where the parent was killed with SIGKILL.

It runs as a process of its own and reads orders from a pipe that only the parent holds. However the parent ends, the
pipe closes; then every process still on the list is killed and every directory still on it is removed. (Linux's
PR_SET_PDEATHSIG would be shorter, but fires when the *thread* that started the server ends.)
"""

import shutil
import signal
import sys
from pathlib import Path

import psutil


def main() -> None:
    """Follow the orders until the parent is gone, then clean up."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # Only the end of the parent counts.
    processes: dict[int, str] = {}
    directories: set[str] = set()
    for line in sys.stdin:
        order, value, *rest = line.rstrip("\n").split("\t")
        match order:
            case "watch":
                processes[int(value)] = rest[0]
            case "forget":
                processes.pop(int(value), None)
            case "remove":
                directories.add(value)
            case _:
                directories.discard(value)
    for pid, mark in processes.items():
        _kill(pid, mark)
    for directory in directories:
        shutil.rmtree(Path(directory), ignore_errors=True)


def _kill(pid: int, mark: str) -> None:
    """Kill the process if it still is the one whose command line bears the mark: process ids are used again."""
    try:
        process = psutil.Process(pid)
        if any(mark in part for part in process.cmdline()):
            process.kill()
            process.wait(10)
    except (psutil.Error, OSError):
        return


if __name__ == "__main__":
    main()
