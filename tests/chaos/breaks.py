"""Workers that are broken on purpose, one for each check of the judge: a check that cannot fail proves nothing."""

import asyncio
import itertools
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import handlers.due
import handlers.evolve
import worker.batch
import worker.dead_letters
import worker.deadlines
import worker.lane
from tests.support.older_release import know_less
from worker.commits import Commits
from worker.deadlines import Scheduler
from worker.intake import Intake
from worker.lane import Lane
from worker.mongo.letters import Letters
from worker.mongo.store import Store
from worker.publisher import Publisher

OLDER = "older-release"
NEW_COMMAND = "ConfigurePermissions"
"""What the release before this one does not know. Nothing that the load must see accepted comes behind it."""

EVERY = 40
"""Of so many things one goes wrong."""


def _wrap(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, make(getattr(owner, name)))


def lose_records() -> None:
    """Intake leaves one out and commits its offset."""
    count = itertools.count(1)

    def make(append: Callable[..., Any]) -> Callable[..., Any]:
        async def lossy(self: Any, records: list[Any], owned: Any) -> Any:
            return await append(self, [record for record in records if next(count) % EVERY], owned)

        return lossy

    _wrap(Intake, "_append", make)


def shuffle_records() -> None:
    """Intake keeps no order."""

    def make(append: Callable[..., Any]) -> Callable[..., Any]:
        async def shuffled(self: Any, records: list[Any], owned: Any) -> Any:
            return await append(self, random.sample(records, len(records)), owned)

        return shuffled

    _wrap(Intake, "_append", make)


def decide_again() -> None:
    """No command takes its own id in the journal, so that a repeat is not known."""
    worker.batch.takes_its_command_id = lambda item: False


def publish_twice() -> None:
    """A batch now and then goes out two times."""
    count = itertools.count(1)

    def make(publish: Callable[..., Any]) -> Callable[..., Any]:
        async def doubled(self: Any, records: Any) -> Any:
            if next(count) % 5 == 0:
                await publish(self, records)
            return await publish(self, records)

        return doubled

    _wrap(Publisher, "publish", make)


def publish_less() -> None:
    """A record is left out of a transaction, as aiokafka does when a send in it fails."""
    count = itertools.count(1)

    def make(publish: Callable[..., Any]) -> Callable[..., Any]:
        async def lossy(self: Any, records: Any) -> Any:
            return await publish(self, [record for record in records if next(count) % EVERY])

        return lossy

    _wrap(Publisher, "publish", make)


def publish_backwards() -> None:
    """The last event first."""

    def make(publish: Callable[..., Any]) -> Callable[..., Any]:
        async def backwards(self: Any, records: Any) -> Any:
            return await publish(self, list(reversed(records)))

        return backwards

    _wrap(Publisher, "publish", make)


def store_something_else() -> None:
    """A document is not what its events made of it."""
    count = itertools.count(1)

    def make(encode: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(document: Any) -> Any:
            if hasattr(document, "codes") and next(count) % EVERY == 0:
                document = document.but(codes=document.codes + 1)
            return encode(document)

        return wrong

    _wrap(worker.batch, "document_to_bson", make)


def lose_places() -> None:
    """A partner's places are counted wrong."""
    count = itertools.count(1)

    def make(encode: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(document: Any) -> Any:
            if hasattr(document, "quota") and next(count) % 5 == 0:
                document = document.but(quota=document.quota.but(bound=document.quota.bound + 1))
            return encode(document)

        return wrong

    _wrap(worker.batch, "document_to_bson", make)


def fire_early() -> None:
    """A scheduler whose clock is ahead, and a lane that believes it."""

    def make(deadlines: Callable[..., Any]) -> Callable[..., Any]:
        def early(partnership: Any) -> Any:
            return tuple(d._replace(due_at=d.due_at - timedelta(seconds=8)) for d in deadlines(partnership))

        return early

    _wrap(worker.deadlines, "deadlines", make)
    _wrap(handlers.due, "deadlines", make)

    def sooner(next_due_at: Callable[..., Any]) -> Callable[..., Any]:
        def early(partnership: Any) -> Any:
            due_at = next_due_at(partnership)
            return due_at and due_at - timedelta(seconds=8)

        return early

    _wrap(handlers.evolve, "next_due_at", sooner)


def fire_never() -> None:
    """A scheduler that sleeps."""

    async def idle(self: Any) -> int:
        await asyncio.sleep(0)
        return 0

    _wrap(Scheduler, "_look", lambda _: idle)


def cut_letters() -> None:
    """A dead letter keeps less than was sent."""

    def make(bury: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*args: Any) -> Any:
            record, letter = bury(*args)
            return record, {**letter, "value": (letter["value"] or b"x")[:-1]}

        return cut

    _wrap(worker.batch, "dead_letter", make)


def commit_ahead() -> None:
    """The offset of a batch is committed before the batch is stored."""
    count = itertools.count(1)

    def make(note: Callable[..., Any]) -> Callable[..., Any]:
        def ahead(self: Any, offsets: Any) -> Any:
            far = 10_000 if self._where == "lanes" and next(count) % 3 == 0 else 0
            return note(self, {partition: offset + far for partition, offset in offsets.items()})

        return ahead

    _wrap(Commits, "note", make)


def stand_still() -> None:
    """A lane that does not get on, and a watchdog that does not see it."""
    count = itertools.count(1)

    def make(store: Callable[..., Any]) -> Callable[..., Any]:
        async def still(self: Any) -> Any:
            if next(count) == 5:
                await asyncio.sleep(10_000)
            return await store(self)

        return still

    _wrap(Lane, "_store_or_halve", make)


def leave_children() -> None:
    """A process that outlives the worker."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)


def leave_transactions() -> None:
    """A transaction of MongoDB that is begun and forgotten."""
    count = itertools.count(1)

    def make(note: Callable[..., Any]) -> Callable[..., Any]:
        async def forgetful(self: Any, *args: Any) -> Any:
            if next(count) == 3:
                session = self._client.start_session()
                await session.start_transaction()
                await self._db["lanes"].find_one({}, session=session)
            return await note(self, *args)

        return forgetful

    _wrap(Store, "note_published", make)


def end_by_itself() -> None:
    """A worker that ends although nobody asked it to."""
    count = itertools.count(1)

    def make(store: Callable[..., Any]) -> Callable[..., Any]:
        async def ends(self: Any) -> Any:
            if next(count) == 3:
                os._exit(7)
            return await store(self)

        return ends

    _wrap(Lane, "_store_or_halve", make)


def let_go_backwards() -> None:
    """What waits behind a dead letter goes through from its end."""

    def make(waiting: Callable[..., Any]) -> Callable[..., Any]:
        async def backwards(*args: Any) -> Any:
            found = await waiting(*args)
            return found._replace(letters=found.letters[::-1])

        return backwards

    _wrap(Letters, "waiting", make)


def know_one_command_less() -> None:
    """Not broken, but of the release before."""
    know_less(NEW_COMMAND)


BREAKS: dict[str, Callable[[], None]] = {
    OLDER: know_one_command_less,
    "let-go-backwards": let_go_backwards,
    "lose-records": lose_records,
    "shuffle-records": shuffle_records,
    "decide-again": decide_again,
    "publish-twice": publish_twice,
    "publish-less": publish_less,
    "publish-backwards": publish_backwards,
    "store-something-else": store_something_else,
    "lose-places": lose_places,
    "fire-early": fire_early,
    "fire-never": fire_never,
    "cut-letters": cut_letters,
    "commit-ahead": commit_ahead,
    "stand-still": stand_still,
    "leave-children": leave_children,
    "leave-transactions": leave_transactions,
    "end-by-itself": end_by_itself,
}

SEEN_BY: dict[str, str] = {
    "let-go-backwards": "order",
    "lose-records": "accounted",
    "shuffle-records": "order",
    "decide-again": "once",
    "publish-twice": "published",
    "publish-less": "published",
    "publish-backwards": "sequence",
    "store-something-else": "fold",
    "lose-places": "quota",
    "fire-early": "deadlines",
    "fire-never": "deadlines",
    "cut-letters": "letters",
    "commit-ahead": "offsets",
    "stand-still": "recovery",
    "leave-children": "leaks",
    "leave-transactions": "leaks",
    "end-by-itself": "leaks",
}
"""Broken worker → the check that must notice it."""
