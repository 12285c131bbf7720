"""One server as a process of this machine: start, stop, kill, suspend, resume, start again."""

import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import psutil

from worker.servers import guard
from worker.servers.ports import free_port, is_free

START_SECONDS_MAX = 90  # Both took 4 to 11 on two cores, by load; more than this is a server that will never come.
STOP_SECONDS_MAX = 30  # Both stopped within 1 when idle; one that hangs is killed.
POLL_SECONDS = 0.02
LOG_LINES_SHOWN = 15


class ServersUnavailableError(RuntimeError):
    """No servers here. The message is one line and says what to do."""


def silent(_line: str) -> None:
    """Progress for those who want none."""


class Guard:
    """The pipe to the process that cleans up after us (see guard.py). One for each process, started when needed."""

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _process: ClassVar[subprocess.Popen[str] | None] = None

    @classmethod
    def order(cls, *words: str | int | Path) -> None:
        """Tell the guard: watch PID MARK, forget PID, remove DIRECTORY, keep DIRECTORY."""
        with cls._lock:
            if cls._process is None or cls._process.poll() is not None:
                cls._process = subprocess.Popen(
                    [sys.executable, guard.__file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for us; we then stop the servers in order.
                )
            pipe = cls._process.stdin
            if pipe is not None:
                pipe.write("\t".join(map(str, words)) + "\n")
                pipe.flush()


class LocalServer(ABC):
    """What Kafka and MongoDB have in common. All files are in `directory`; a start after a kill finds its data.

    `outlives` is for `make up`: the server stays when this process ends. Otherwise it ends with it, whatever happens.
    """

    name: ClassVar[str]

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        outlives: bool = False,
        progress: Callable[[str], None] = silent,
    ) -> None:
        self.directory = directory.resolve()
        self._outlives = outlives
        self._progress = progress
        self._child: subprocess.Popen[bytes] | None = None
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = self._lasting_port("port", port)

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Write the configuration; return the command. Some argument names `directory`: by that we know our own."""

    def _environment(self) -> dict[str, str]:
        """The variables that the server is started with: ours."""
        return dict(os.environ)

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether a client would be served now. Must not raise, must not take longer than about a second."""

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        process = self._find()
        return None if process is None else process.pid

    def start(self) -> Self:
        """Start it, or start it again after a kill, and return when it serves. A running one is left alone."""
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> None:
        """Start it without waiting, so that several can start side by side."""
        if self._find() is not None:
            return
        if not is_free(self.port):
            raise ServersUnavailableError(f"{self.name}: port {self.port} is taken by another program; end that first.")
        command = self._prepare()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.directory,
                env=self._environment(),
            )
        self._pid_file.write_text(str(self._child.pid))
        if not self._outlives:
            Guard.order("watch", self._child.pid, self.directory)

    def wait_until_ready(self) -> None:
        """Ask until it serves, or say why it never will."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if self._find() is None:
                raise ServersUnavailableError(f"{self.name} ended at its start; the end of its log:\n{self._log_end()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServersUnavailableError(
                    f"{self.name} did not serve within {START_SECONDS_MAX} s; the end of its log:\n{self._log_end()}"
                )
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it in good order, or kill it where it will not end."""
        self._end("terminate")

    def kill(self) -> None:
        """SIGKILL: what a power cut looks like to everybody else."""
        self._end("kill")

    def suspend(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        process = self._find()
        if process is not None:
            process.suspend()

    def resume(self) -> None:
        """SIGCONT."""
        process = self._find()
        if process is not None:
            process.resume()

    def _end(self, verb: str) -> None:
        process = self._find()
        if process is not None:
            getattr(process, verb)()
            process.resume()  # A suspended process keeps a SIGTERM for later.
            try:
                process.wait(STOP_SECONDS_MAX)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS_MAX)
            if not self._outlives:
                Guard.order("forget", process.pid)
        if self._child is not None:
            self._child.wait()
            self._child = None
        self._pid_file.unlink(missing_ok=True)

    def _find(self) -> psutil.Process | None:
        """Our running process, also one that an earlier `make up` started; never a stranger with the same number."""
        if self._child is not None:
            if self._child.poll() is None:
                return psutil.Process(self._child.pid)  # Ours for sure, and its command line is empty for a moment.
            self._child = None
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            ours = any(str(self.directory) in part for part in process.cmdline())
        except (OSError, ValueError, psutil.Error):
            return None
        return process if ours and process.status() != psutil.STATUS_ZOMBIE else None

    @property
    def _pid_file(self) -> Path:
        return self.directory / "pid"

    def _lasting_port(self, name: str, wanted: int | None = None) -> int:
        """The same port at each start: it stands in MongoDB's replica set and in what clients were told."""
        file = self.directory / name
        if wanted is None:
            wanted = int(file.read_text()) if file.exists() else free_port()
        file.write_text(str(wanted))
        return wanted

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
