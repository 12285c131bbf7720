"""The real worker, as a process of its own."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from worker.servers import Servers
from worker.servers.process import Guard

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 45
STOP_SECONDS_MAX = 30
LOG_LINES_SHOWN = 8
LOG_CHARACTERS_SHOWN = 400

OPERATOR_COLUMNS = 78
OPERATOR_SECONDS_MAX = 40

LANES = 3
SESSION_SECONDS = 6
"""As short as a broker allows by default: after a kill its lanes stand still for so long."""


class DemoError(Exception):
    """The demo cannot go on, or did not see what it promised. The text is for the person who runs it."""


class WorkerProcess:
    """One worker. However this process ends, the worker ends with it."""

    def __init__(self, servers: Servers, name: str, directory: Path, secret: str) -> None:
        self._log = directory / f"worker-{time.monotonic_ns()}.log"
        self._stopped_by_us = False
        self._problems = "nothing"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own worker
                # `-X` says whose worker it is: for `ps`, and for the guard, which kills by this mark alone.
                [sys.executable, "-X", name, "-m", "worker", "run"],
                env=_environment(servers, name, secret),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the worker in order.
            )
        Guard.order("watch", self._process.pid, name)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def until_ready(self) -> float:
        """Seconds until its page /ready said yes."""
        began = time.monotonic()
        while time.monotonic() - began < READY_SECONDS_MAX:
            self.check()
            if port := self._health_port():
                self._problems = await asyncio.to_thread(_problems, port)
                if not self._problems:
                    return time.monotonic() - began
            await asyncio.sleep(0.05)
        raise DemoError(f"The worker was not ready within {READY_SECONDS_MAX} s; its last word was: {self._problems}")

    def check(self) -> None:
        """Complain if it ended by itself."""
        code = self._process.poll()
        if code is not None and not self._stopped_by_us:
            raise DemoError(f"The worker ended by itself, exit code {code}.")

    async def kill(self) -> None:
        """SIGKILL: no goodbye, no cleaning up."""
        self._stopped_by_us = True
        self._process.kill()
        await asyncio.to_thread(self._wait)

    async def stop(self) -> int:
        """SIGTERM, and its exit code; a worker that hangs is killed."""
        self._stopped_by_us = True
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._wait)

    def _wait(self) -> int:
        try:
            code = self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        Guard.order("forget", self._process.pid)
        return code

    def log_end(self) -> str:
        """The last lines of its log."""
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(line[:LOG_CHARACTERS_SHOWN] for line in lines)

    def _health_port(self) -> int | None:
        """Told in its log, because it took a free one."""
        for line in self._log.read_text(errors="replace").splitlines():
            if '"health pages"' in line:
                port: int = json.loads(line)["port"]
                return port
        return None


async def operate(servers: Servers, name: str, secret: str, *arguments: str, coloured: bool) -> str:
    """What `partnership-worker ARGUMENTS` says on this deployment, as it does to any operator."""
    colours = {"FORCE_COLOR": "1"} if coloured else {"NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker", *arguments),
        env={**_environment(servers, name, secret), **colours, "COLUMNS": str(OPERATOR_COLUMNS), "TERM": "xterm"},
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), OPERATOR_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        raise
    text = said.decode(errors="replace").rstrip()
    if process.returncode:
        raise DemoError(f"`partnership-worker {arguments[0]}` ended with {process.returncode}: {text}")
    return text


def _environment(servers: Servers, name: str, secret: str) -> dict[str, str]:
    settings = {
        "SECRET": secret,
        "MONGO_DATABASE": name,
        "GROUP": name,
        "TOPIC_PREFIX": f"{name}.",
        "LANES": str(LANES),
        "TOPIC_PARTITIONS": str(LANES),
        "SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
        "HEALTH_PORT": "0",
    }
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PARTNERSHIP_")}
    own = {f"PARTNERSHIP_{key}": value for key, value in settings.items()}
    return {**kept, **own, "KAFKA_BOOTSTRAP": servers.kafka_bootstrap, "MONGO_URL": servers.mongo_url}


def _problems(port: int) -> str:
    """Why it is not ready; empty when it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return "; ".join(json.loads(connection.getresponse().read())["problems"])
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()
