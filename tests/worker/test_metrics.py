"""What /metrics has from the first moment on."""

import re

from prometheus_client import generate_latest

from worker.metrics import OUTCOMES, Metrics


def page() -> str:
    return generate_latest(Metrics().registry).decode()


def test_every_way_to_end_is_there_from_0_on() -> None:
    """Of a series that begins with 1 Prometheus sees no increase: the first dead letter would raise no alarm."""
    found = re.findall(r'^lane_outcomes_total\{outcome="(\w+)"\} 0.0$', page(), re.MULTILINE)
    assert set(found) == {"accepted", "refused", "answered", "dead_letter", "repeated", "without_effect"}
    assert len(OUTCOMES) == len(found)
    fates = re.findall(r'^lane_reopened_total\{fate="(\w+)"\} 0.0$', page(), re.MULTILINE)
    assert set(fates) == {"REOPEN", "YIELD", "HALVE"}


def test_it_says_which_release_it_is_and_what_the_process_has() -> None:
    assert re.search(r'^release_info\{version="\d+\.\d+\.\d+"\} 1.0$', page(), re.MULTILINE)
    assert "process_resident_memory_bytes " in page()
