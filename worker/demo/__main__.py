"""`python -m worker.demo [--fast]`. Exit codes: 0 all is well, 1 it is not, 130 interrupted."""

import argparse
import asyncio
import logging
import signal
import sys
import time

from worker.demo.audit import documents, verdict
from worker.demo.process import DemoError
from worker.demo.screen import Screen
from worker.demo.stage import open_stage
from worker.demo.story import SCENES
from worker.servers import Servers, ServersUnavailableError, start_servers

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
BETWEEN_SCENES_SECONDS = 0.35


def main() -> int:
    """Find or start the servers, play the story, leave nothing behind."""
    parser = argparse.ArgumentParser(prog="python -m worker.demo", description="The life of a few partnerships.")
    parser.add_argument("--fast", action="store_true", help="without the pauses that let a person read along")
    screen = Screen(fast=parser.parse_args().fast)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # What fails is told by the exception.
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A script's `make demo &` has it ignored.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))  # As Ctrl-C: clean up, then end.
    try:
        with start_servers(progress=screen.progress, brief=True) as servers:
            return asyncio.run(play(servers, screen))
    except (DemoError, ServersUnavailableError) as error:
        screen.line(f"error: {error}", "red")
        return EXIT_FAILED
    except KeyboardInterrupt:
        screen.line("interrupted")
        return EXIT_INTERRUPTED


async def play(servers: Servers, screen: Screen) -> int:
    """The scenes, the documents, and the sum."""
    async with open_stage(servers, screen) as stage:
        screen.line()
        screen.legend()
        began = time.monotonic()
        for scene in SCENES:
            await scene(stage)
            await screen.pause(BETWEEN_SCENES_SECONDS)
        code = await stage.worker.stop() if stage.worker else 0
        seconds = time.monotonic() - began
        screen.scene("The end", f"After {seconds:.0f} s: SIGTERM; the worker drained and ended with exit code {code}.")
        await documents(stage)
        found = await verdict(stage)
    screen.line()
    for problem in found.problems:
        screen.line(f"✗ {problem}", "red")
    screen.line(found.line, "bold")
    return EXIT_FAILED if found.problems or code else 0


if __name__ == "__main__":
    sys.exit(main())
