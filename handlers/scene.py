"""What a decision about one partnership sees."""

import hmac
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypedDict

from contracts.agreement import CaseRules
from contracts.blocks import BlockItem
from contracts.events.termination import TerminationDetails
from contracts.message import CommandMessage
from contracts.rejections import RejectionCode
from contracts.terms import Stage, Status
from handlers.blocks import blocks
from handlers.decision import Context, Rejected
from handlers.documents import Customer, Documents, Live, Partner, Partnership
from handlers.policy import Policy
from handlers.tokens import shown


class Ids(TypedDict):
    """What every lifecycle event of a partnership names."""

    partner_id: str
    customer_id: str | None


class Standing(Ids):
    """And what one names that leaves the status alone."""

    status: Status
    stage: Stage | None


class Scene(NamedTuple):
    """A partnership with its partner and, once it is known, its customer; and the context of the decision."""

    message: CommandMessage
    partner: Partner
    partnership: Partnership
    customer: Customer | None
    open_offers: tuple[str, ...]
    now: datetime
    policy: Policy
    """With what the partner's agreement says otherwise."""
    platform_policy: Policy
    """Without: for what is no partner's to say."""
    tokens: Callable[[str, str, int], tuple[str, ...]]

    @property
    def id(self) -> str:
        """The partnership's."""
        return self.partnership.id

    @property
    def ids(self) -> Ids:
        """For the events of this partnership."""
        return {"partner_id": self.partner.id, "customer_id": self.partnership.customer_id}

    @property
    def standing(self) -> Standing:
        """For those that leave its status alone."""
        state = self.partnership.state
        return {**self.ids, "status": state.status, "stage": getattr(state, "stage", None)}

    def was_sent(self, given: str, purpose: str, number: int) -> bool:
        """Whether this is what a person was sent for this purpose under this number."""
        right = (shown(purpose, token) for token in self.tokens(purpose, self.id, number))
        return any(hmac.compare_digest(given.encode(), one.encode()) for one in right)

    def blocks(
        self, customer: Customer, rules: CaseRules, details: TerminationDetails, *waived_too: BlockItem
    ) -> tuple[BlockItem, ...]:
        """What stands in the way of ending this partnership. What was waived is not even looked at."""
        bond = Live(partnership_id=self.id, partner_id=self.partner.id, model=self.partnership.model)
        waived = (*self.partnership.waived, *waived_too)
        checks = tuple(item for item in rules.items if item not in waived)
        found = blocks(
            customer,
            bond,
            checks,
            details,
            facts_hours_max=rules.facts_hours_max,
            now=self.now,
            bill=self.partnership.bill,
        )
        return tuple(item for item in found if item not in waived)


def scene_of(
    documents: Documents, message: CommandMessage, context: Context, platform_policy: Policy
) -> Scene | Rejected:
    """The scene; or NOT_FOUND where the partnership does not exist in this lane."""
    partner, partnership = documents.partner, documents.partnership
    if partner is None:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.partner_id})
    if partnership is None or partnership.partner_id != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partnership_id": message.subject})
    return Scene(
        message,
        partner,
        partnership,
        documents.customer,
        documents.open_offers,
        context.now,
        context.policy,
        platform_policy,
        context.tokens,
    )
