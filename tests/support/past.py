"""A clock that tests can move: commands that were appended long ago, for a worker that was down all the while.

A decision's time is the append time of its record on the public topic, which intake writes into the lane record's
header (decision 0004). So a test writes lane records as intake would have written them then. Nothing is patched, and
no document is touched: the deadlines that follow from such commands lie in the past by themselves.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from handlers.tokens import shown
from tests.support.deployment import Deployment
from worker.clock import to_milliseconds
from worker.partitioning import lane_of
from worker.records import Source


@dataclass
class Past:
    """Says commands as of some time ago. In each lane time goes forward only, so the oldest come first."""

    deployment: Deployment
    begun: datetime = field(default_factory=lambda: datetime.now(tz=UTC))
    _offsets: Iterator[int] = field(default_factory=count)

    def at(self, **ago: float) -> datetime:
        return self.begun - timedelta(**ago)

    def say(self, moment: datetime, *values: bytes) -> list[str]:
        """Append them; returns their ids. Whether they are decided, the journal will say."""
        for value in values:
            body = json.loads(value)
            source = Source("the-past", 0, next(self._offsets), to_milliseconds(moment))
            lane = lane_of(body["partitionkey"], self.deployment.lanes)
            self.deployment.enqueue("partnership.lanes", value, headers=[source.to_header()], partition=lane)
        self.deployment.flush()
        return [json.loads(value)["id"] for value in values]

    def token(self, partnership: str, number: int = 1) -> str:
        """The invitation's token. Whoever is to get it could read it from its notice."""
        return shown("invitation", self.deployment.secrets.token("invitation", partnership, number))
