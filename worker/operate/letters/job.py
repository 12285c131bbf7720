"""What an operator wants done, and with which dead letters, in the order in which it is to be done."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import ValidationError

from contracts.commands.operating import (
    DiscardDeadLetter,
    EditDeadLetter,
    LetterOrder,
    ReleaseDeadLetter,
    ReopenDeadLetter,
    ReplayDeadLetter,
)
from contracts.message import Actor
from worker.mongo.collections import DEAD_LETTERS
from worker.operate.access import Access
from worker.operate.commands import explain
from worker.operate.errors import WrongRequest
from worker.operate.letters.find import Filter

PLAN_CHARACTERS_MAX = 500


class Action(StrEnum):
    """The orders that there are about one letter."""

    REPLAY = "replay"
    EDIT = "edit"
    DISCARD = "discard"
    REOPEN = "reopen"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do with every chosen letter. `force` overrides the loop guard; `body` is an edited one's."""

    action: Action
    why: str = ""
    force: bool = False
    body: Mapping[str, Any] | None = None

    def order(self, actor: Actor, letter_id: str, plan: str = "") -> LetterOrder:
        """The order about one letter. `plan`: what the operator was told that it would do.

        Raises:
            WrongRequest: it is more than an order can hold.
        """
        try:
            return self._order(actor, letter_id, plan)
        except ValidationError as error:
            raise WrongRequest(f"No order can hold this: {explain(error)}") from None

    def _order(self, actor: Actor, letter_id: str, plan: str) -> LetterOrder:
        common: dict[str, Any] = {
            "actor": actor,
            "reason": self.why,
            "letter_id": letter_id,
            "plan": plan[:PLAN_CHARACTERS_MAX],
        }
        match self.action:
            case Action.REPLAY:
                return ReplayDeadLetter(**common, force=self.force)
            case Action.EDIT:
                return EditDeadLetter(**common, body=dict(self.body or {}))
            case Action.DISCARD:
                return DiscardDeadLetter(**common)
            case Action.REOPEN:
                return ReopenDeadLetter(**common)
            case Action.RELEASE:
                return ReleaseDeadLetter(**common)


class Chosen(NamedTuple):
    """A letter that something is to be done with: as little of it as a hundred thousand can be held of."""

    id: str
    lane: int
    partner: str | None
    offset: int
    was_parked: bool


async def command_ids(access: Access, letter_ids: Collection[str]) -> dict[str, str]:
    """What people know these letters by: the ids of their commands, of those that have one."""
    found = access.db[DEAD_LETTERS].find({"_id": {"$in": list(letter_ids)}}, {"command_id": 1})
    return {letter["_id"]: letter["command_id"] async for letter in found if letter["command_id"]}


async def choose(access: Access, wanted: Filter, action: Action) -> list[Chosen]:
    """The letters that fit, as they are now, in the order for this action.

    By lane and partner, each partner's in log order: partners do not wait for each other, so this is the log's order
    for each partnership, and a plan needs to hold what one partner's letters do, and no more. Those that name no
    partner come last. Discards go backwards: what is to be discarded must not be let go by the discard of what is
    before it.
    """
    # All of them at once, to be sorted: `find.letters`, which hands out whole letters, looks again for each fifty.
    fields = {"lane": 1, "partner": 1, "offset": 1, "state": 1, "blocks": 1}
    found = [
        Chosen(
            letter["_id"],
            letter["lane"],
            letter["partner"] and sys.intern(letter["partner"]),
            letter["offset"],
            letter["state"] == "parked",
        )
        async for letter in access.db[DEAD_LETTERS].find(await wanted.query(access), fields).batch_size(1000)
        # Without ids a release is about those that somebody waits for.
        if action is not Action.RELEASE or wanted.ids or "blocks" in letter
    ]
    found.sort(
        key=lambda one: (one.lane, one.partner is None, one.partner or "", one.offset, one.id),
        reverse=action is Action.DISCARD,
    )
    return found
