"""Networks that come apart: Linux drops what the servers of a trio send each other, and the clients see all of them.

By iptables and the control group (v2) of the process whose socket sends, so as root. Connections do not break: their
packets are lost, which neither end is told.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

IPTABLES = shutil.which("iptables")
ENTER = 'echo $$ > "$0" && exec "$@"'


class NoPartitions(Exception):
    """This machine cannot do it. The message says what is missing."""


class Host(NamedTuple):
    """A server as its network sees it: the group of its processes, and where it listens."""

    group: str
    ports: tuple[int, ...]


class Network:
    """The rules of one run, in a chain of their own. All of it goes once the servers are gone."""

    def __init__(self) -> None:
        if os.geteuid() != 0 or IPTABLES is None:
            raise NoPartitions("partitions of the network need root, and iptables")
        self.name = f"chaos-{os.getpid()}"
        self._groups = _cgroups() / self.name

    def __enter__(self) -> Self:
        self._groups.mkdir()
        _iptables("-N", self.name)
        _iptables("-I", "OUTPUT", "-j", self.name)
        return self

    def __exit__(self, *_: object) -> None:
        _iptables("-D", "OUTPUT", "-j", self.name)
        _iptables("-F", self.name)
        _iptables("-X", self.name)
        for group in self._groups.iterdir():
            if group.is_dir():
                group.rmdir()
        self._groups.rmdir()

    def enter(self, group: str, command: Sequence[str]) -> list[str]:
        """The command, run in a group: sockets belong to the one in which they were made."""
        (self._groups / group).mkdir(exist_ok=True)
        return ["sh", "-c", ENTER, str(self._groups / group / "cgroup.procs"), *command]

    @contextmanager
    def apart(self, one: Host, others: Collection[Host], dice: random.Random) -> Iterator[None]:
        """Between one and the others nothing comes through, or only one way; now and then from clients neither."""
        outwards = [("-m", "cgroup", "--path", self._path(one), *_to(other)) for other in others]
        inwards = [("-m", "cgroup", "--path", self._path(other), *_to(one)) for other in others]
        ways = dice.choice([outwards + inwards, outwards + inwards, outwards, inwards])
        if dice.random() < 0.3:
            ways = [*outwards, _to(one)]
        try:
            for way in ways:
                _iptables("-A", self.name, "-p", "tcp", *way, "-j", "DROP")
            yield
        finally:
            for way in ways:
                _iptables("-D", self.name, "-p", "tcp", *way, "-j", "DROP")

    def _path(self, host: Host) -> str:
        return f"{self.name}/{host.group}"


def _to(host: Host) -> tuple[str, ...]:
    return ("-m", "multiport", "--dports", ",".join(map(str, host.ports)))


def _cgroups() -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise NoPartitions("partitions of the network need control groups of version 2, which are mounted nowhere")


def _iptables(*arguments: str) -> None:
    done = subprocess.run([IPTABLES or "", "-w", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoPartitions(f"iptables {' '.join(arguments)}: {done.stderr.strip()}")
