"""The workers: started, killed, suspended, given orders, and started again when they end. Who ends unasked is noted."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.deployment import ROOT, Deployment
from tests.support.worker_process import WorkerProcess
from worker.servers.process import Guard

POLL_SECONDS = 0.05
CLEAN = 0
KILLED = -signal.SIGKILL
UNREADY = -signal.SIGTERM
"""It was asked to end before it could listen."""


@dataclass
class Slot:
    """A place for a worker. `wanted`: it is started again when it ends."""

    number: int
    orders: Path
    worker: WorkerProcess | None = None
    wanted: bool = True
    patches: list[str] = field(default_factory=list)
    """What makes the next worker here another one (tests/chaos/worker.py)."""
    home: Path = ROOT
    """The checkout of which it is."""
    may_end_with: set[int] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def running(self) -> bool:
        return self.worker is not None and self.worker.process.poll() is None


class Fleet:
    """Some workers of one deployment."""

    def __init__(self, deployment: Deployment, size: int, broken: str = "") -> None:
        self.unasked: list[str] = []
        self.starts = 0
        self.settings: dict[str, str] = {}
        self._broken = broken
        self._deployment = deployment
        self.slots = [Slot(number, deployment.directory / f"orders-{number}") for number in range(size)]
        self._stop = threading.Event()
        for slot in self.slots:
            self._start(slot)
        self._thread = threading.Thread(target=self._watch, name="fleet")
        self._thread.start()

    # What faults do ---------------------------------------------------------------------------------------------

    def kill(self, slot: Slot) -> None:
        """SIGKILL; it is started again at once."""
        self._signal(slot, signal.SIGKILL, KILLED)

    def terminate(self, slot: Slot) -> None:
        """SIGTERM; it is started again when it has ended."""
        self._signal(slot, signal.SIGTERM, CLEAN, UNREADY)

    @contextmanager
    def asleep(self, slot: Slot) -> Iterator[None]:
        """SIGSTOP, and SIGCONT to whoever was stopped; nobody where another fault has just ended it."""
        worker = slot.worker
        if worker is not None:
            self._quietly(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            if worker is not None:
                self._quietly(worker, signal.SIGCONT)

    def order(self, slot: Slot, step: str, what: str, seconds: float) -> None:
        """Obeyed at the next time that the worker of this slot is at this step."""
        slot.may_end_with |= {KILLED, CLEAN, UNREADY}
        slot.orders.write_text(f"{step} {what} {seconds}")

    def wait_obeyed(self, slot: Slot, seconds: float) -> bool:
        """Whether it was; an order that was not is taken back."""
        end = time.monotonic() + seconds
        while slot.orders.exists() and time.monotonic() < end:
            time.sleep(0.02)
        obeyed = not slot.orders.exists()
        slot.orders.unlink(missing_ok=True)
        return obeyed

    def wake(self, slot: Slot) -> None:
        """For one that an order put to sleep."""
        if slot.worker is not None:
            self._quietly(slot.worker, signal.SIGCONT)

    # All of them ------------------------------------------------------------------------------------------------

    def ready(self) -> bool:
        return all(slot.running and self._is_ready(slot) for slot in self.slots if slot.wanted)

    def hold(self) -> None:
        """Kill all, and start none until `go_on`."""
        for slot in self.slots:
            with slot.lock:
                slot.wanted = False
                self.kill(slot)

    def go_on(self) -> None:
        for slot in self.slots:
            with slot.lock:
                slot.wanted = True

    def close(self, seconds: float = 30) -> None:
        """SIGTERM to all; one that does not end, or not well, is noted."""
        self._stop.set()
        self._thread.join()
        for slot in self.slots:
            if slot.running and slot.worker:
                self._quietly(slot.worker, signal.SIGCONT)
                self._quietly(slot.worker, signal.SIGTERM)
        for slot in self.slots:
            if slot.worker is None:
                continue
            try:
                code = slot.worker.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.unasked.append(f"worker {slot.number} did not end within {seconds} s after SIGTERM")
                slot.worker.kill()
                continue
            if code not in {CLEAN, UNREADY, *slot.may_end_with}:
                self._note(slot, code)

    def memory_mb(self) -> list[float]:
        """Resident memory of each worker that runs, at its peak."""
        return [slot.worker.peak_mb() for slot in self.slots if slot.running and slot.worker]

    # ------------------------------------------------------------------------------------------------------------

    def _is_ready(self, slot: Slot) -> bool:
        try:
            return slot.worker is not None and slot.worker.is_ready()
        except (AssertionError, OSError, ValueError):
            return False

    def _signal(self, slot: Slot, number: signal.Signals, *ends_with: int) -> None:
        with slot.lock:
            if slot.running and slot.worker:
                slot.may_end_with |= set(ends_with)
                self._quietly(slot.worker, number)

    @staticmethod
    def _quietly(worker: WorkerProcess, number: signal.Signals) -> None:
        if worker.process.poll() is None:
            worker.process.send_signal(number)

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            for slot in self.slots:
                with slot.lock:
                    if slot.running:
                        continue
                    if slot.worker is not None:
                        code = slot.worker.process.returncode
                        if code not in slot.may_end_with:
                            self._note(slot, code)
                        slot.worker = None
                    if slot.wanted:
                        self._start(slot)

    def _start(self, slot: Slot) -> None:
        slot.may_end_with = set()
        slot.orders.unlink(missing_ok=True)
        arguments = ["tests.chaos.worker", *([self._broken] if self._broken else []), *slot.patches]
        overrides = {**self.settings}
        slot.worker = self._deployment.start_worker(
            *arguments, home=str(slot.home), orders=str(slot.orders), **overrides
        )
        Guard.order("watch", slot.worker.process.pid, "tests.chaos.worker")  # it must not outlive us
        self.starts += 1

    def _note(self, slot: Slot, code: int | None) -> None:
        log = slot.worker.log.splitlines()[-4:] if slot.worker else []
        self.unasked.append(f"worker {slot.number} ended with {code}: " + " | ".join(line[:1500] for line in log))
