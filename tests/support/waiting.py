"""Waiting for what will come true, instead of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(true: Callable[[], Any], seconds: float = 30, what: str = "it") -> Any:
    """Poll until it is true, and answer with what it said."""
    end = time.monotonic() + seconds
    while True:
        if found := true():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.05)
