"""What the platform, a partner or a customer sees of partnerships (handlers/views.py), read from MongoDB."""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from contracts.message import SYSTEM, Actor, Event
from contracts.registry import EVENTS
from contracts.terms import Status, other_side
from handlers.documents import SEQUENCE_NAMES, Customer, Partner, Partnership
from handlers.policy import Policy
from handlers.views import (
    Dashboard,
    HistoryEntry,
    PartnershipView,
    Recorded,
    Viewer,
    dashboard,
    history,
    view,
)
from worker.clock import utc_now
from worker.journal import Outcome
from worker.mongo.collections import A_TEXT, CUSTOMERS, JOURNAL, PARTNERS, PARTNERSHIPS
from worker.mongo.store import document_of
from worker.operate.access import Access
from worker.operate.errors import WrongRequest
from worker.policy_file import load_policy

ENTRIES_AT_ONCE = 200
COUNTED_MAX = 10_000
"""More are not counted: nobody waits for that number, and a partner may have a million."""


def read_viewer(text: str) -> Viewer:
    """`platform`, `partner:ID` or `customer:ID`. Raises WrongRequest."""
    kind, _, party_id = text.partition(":")
    if kind == "platform" and not party_id:
        return Viewer("platform")
    if kind == "partner" and party_id:
        return Viewer("partner", party_id)
    if kind == "customer" and party_id:
        return Viewer("customer", party_id)
    raise WrongRequest(f"{text!r} is nobody who looks: say platform, partner:ID or customer:ID.")


class Desk:
    """A viewer in front of a deployment, with the policy that is in force there."""

    def __init__(self, access: Access, viewer: Viewer) -> None:
        self.db = access.db
        self.viewer = viewer
        self.policy = load_policy(access.settings.policy_file)

    async def find(self, partnership_id: str) -> tuple[Partnership, Partner, Customer | None]:
        """A partnership with its parties. Raises WrongRequest where this viewer has none of that id."""
        found = await self.db[PARTNERSHIPS].find_one({"_id": partnership_id})
        partnership = document_of(Partnership, found) if found else None
        if partnership is None or not self.viewer.may_see(partnership):
            seen_by = "" if self.viewer.kind == "platform" else f" that {self.viewer.kind} {self.viewer.party_id} sees"
            raise WrongRequest(f"There is no partnership {partnership_id}{seen_by}; `list` shows those that are there.")
        return await self._with_parties(partnership)

    async def show(self, partnership_id: str) -> PartnershipView:
        """One card, and what lies behind it."""
        return self.card(*await self.find(partnership_id))

    async def cards(
        self, *, status: Status | None = None, hidden: bool = False, after: str = "", limit: int = 20
    ) -> Dashboard:
        """A page of the viewer's list, by id; the counters are those of the whole list (R36, R71, R127)."""
        mine, viewer = self._mine(), self.viewer.kind
        # Of what is purged nothing is left to be seen, and nobody could hide it.
        there = mine if viewer == "platform" else {**mine, "state.status": {"$ne": "purged"}}
        wanted: dict[str, Any] = {**there, "_id": {"$gt": after}}
        if status is not None:
            wanted["state.status"] = status
        if not hidden:
            wanted["hidden_by"] = {"$ne": viewer}
        page = await self.db[PARTNERSHIPS].find(wanted).sort("_id", 1).limit(limit).to_list(None)
        views = [self.card(*await self._with_parties(document_of(Partnership, found))) for found in page]
        return Dashboard(
            cards=tuple(views) if hidden else dashboard(views, (), self.viewer).cards,
            open_offers=await self._count({**mine, "state.status": "invited", **self._received()}),
            hidden=0 if viewer == "platform" else await self._count({**there, "hidden_by": viewer}),
        )

    async def history(self, partnership_id: str) -> AsyncIterator[HistoryEntry]:
        """What happened, the oldest first (R73, R117)."""
        await self.find(partnership_id)
        query = {"subject": partnership_id, "outcome": Outcome.ACCEPTED.value}
        async for entry in self.db[JOURNAL].find(query).sort("at", 1).batch_size(ENTRIES_AT_ONCE):
            for line in history([_recorded(entry)], self.viewer):
                yield line

    def card(self, partnership: Partnership, partner: Partner, customer: Customer | None) -> PartnershipView:
        """What this viewer sees of it."""
        seen = view(partnership, partner, customer, self.viewer, self.policy_of(partner), utc_now())
        if seen is None:
            raise WrongRequest(f"{partnership.id} is none of this viewer's business")
        return seen

    def policy_of(self, partner: Partner) -> Policy:
        """The policy as this partner's agreement has it."""
        return self.policy.with_agreement(partner.agreement.overrides)

    async def _with_parties(self, partnership: Partnership) -> tuple[Partnership, Partner, Customer | None]:
        partner = await self.db[PARTNERS].find_one({"_id": partnership.partner_id})
        customer = await self.db[CUSTOMERS].find_one({"_id": partnership.customer_id})
        if partner is None:
            raise WrongRequest(f"{partnership.id} has no partner document; `verify` says what is missing.")
        return partnership, document_of(Partner, partner), document_of(Customer, customer) if customer else None

    def _mine(self) -> dict[str, Any]:
        match self.viewer.kind:
            case "platform":
                return {}
            case "partner":
                return {"partner_id": self.viewer.party_id}
            case "customer":
                me = self.viewer.party_id
                return {"$or": [{"customer_id": me}, {"state.opened_by": {**A_TEXT, "$eq": me}}]}

    def _received(self) -> dict[str, Any]:
        """Offers that the viewer got, and may still answer."""
        if self.viewer.kind == "platform":
            return {"open_keys": {"$gt": ""}}  # as every open offer has them: an index knows those
        return {"state.by": other_side(self.viewer.kind)}

    async def _count(self, query: dict[str, Any]) -> int:
        found: int = await self.db[PARTNERSHIPS].count_documents(query, limit=COUNTED_MAX)
        return found


def _recorded(entry: dict[str, Any]) -> Recorded:
    events: list[Event] = []
    for record in entry["records"]:
        if record["topic"] in SEQUENCE_NAMES:
            said = orjson.loads(record["value"])
            if said["type"] in EVENTS:  # whom a later release's is for, is not for this one to say
                events.append(EVENTS[said["type"]].model_validate(said["data"]))
    actor = events[0].actor if events else SYSTEM
    return Recorded(entry["at"], Actor.model_validate({**actor.model_dump(), **entry["actor"]}), tuple(events))
