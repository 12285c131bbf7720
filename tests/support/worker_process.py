"""A worker of its own process: asked, told, suspended, killed."""

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_until


@dataclass
class WorkerProcess:
    """A worker of its own process, which can be killed."""

    process: subprocess.Popen[bytes]
    log_file: Path
    health_port: int = 0

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines with this event."""
        return [
            line
            for text in self.log.splitlines()
            if text.startswith("{") and (line := json.loads(text))["event"] == event
        ]

    def wait_ready(self, seconds: float = 30) -> "WorkerProcess":
        try:
            wait_until(self.is_ready, seconds, "readiness")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.readiness()}\n{self.log[-4000:]}") from error
        return self

    def is_ready(self) -> bool:
        return bool(self.readiness().get("ready"))

    def readiness(self) -> dict[str, Any]:
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.log[-4000:]}"
        if not self.health_port:
            pages = self.logged("health pages")
            if not pages:
                return {}
            self.health_port = pages[0]["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/ready", timeout=5) as page:
                return dict(json.loads(page.read()))
        except urllib.error.HTTPError as page:  # 503: it says what is missing
            with page:
                return dict(json.loads(page.read()))
        except OSError:
            return {}

    def metrics(self) -> str:
        """Its page for Prometheus."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as page:
            return str(page.read().decode())

    def peak_mb(self) -> float:
        """Its resident memory at the most, so far; 0 of one that has ended."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 30) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)
