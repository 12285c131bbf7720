"""How fast orders are given: no more than so many letters a second, on average and from the first one on."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """`now` is a monotonic clock's, in seconds."""

    letters_per_second: float
    _free_at: float = 0.0

    def at_once(self, most: int) -> int:
        """How many may be given together: what half a second allows, and at least one."""
        return max(1, min(most, int(self.letters_per_second / 2)))

    def wait_seconds(self, now: float, letters: int) -> float:
        """How long to wait before these are given; they count as given then."""
        at = max(now, self._free_at)
        self._free_at = at + letters / self.letters_per_second
        return at - now
