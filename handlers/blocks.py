"""What stands in the way of an ending (R44, R47, R49, R63 to R70, R74, R76), and how often one may ask (R62)."""

import calendar
from datetime import datetime, timedelta

from contracts.agreement import CaseRules
from contracts.base import to_milliseconds
from contracts.blocks import REMEDIES, BlockItem
from contracts.events.termination import Obstacle, TerminationDetails
from contracts.rejections import RejectionCode
from contracts.standing import FactName
from contracts.terms import Side
from handlers.decision import Rejected
from handlers.documents import Customer, FinalBill, Live
from handlers.policy import Policy

BLOCKING: dict[BlockItem, tuple[FactName, bool | str, bool]] = {
    "ORDERS_AWAITING_PARTNER_PAYMENT": ("orders_awaiting_partner_payment", True, True),  # R63
    "INDEPENDENT_MEMBERS_ATTACHED": ("independent_members_attached", True, False),  # R64
    "ACCOUNT_IN_ARREARS": ("account_in_arrears", True, False),  # R65
    "RESERVED_INSTANCES_ACTIVE": ("reserved_instances_active", True, False),  # R66
    "PARTNER_SUPPORT_PLAN_ACTIVE": ("partner_support_plan_active", True, True),  # R67
    "CURRENCY_NOT_SET": ("currency_set", False, False),  # R68
    "SPECIAL_COMMERCE_CONTRACT": ("special_commerce_contract", True, True),  # R69
    "SETTLEMENTS_OUTSTANDING": ("settlements_outstanding", True, True),  # R44
    "ACCOUNT_FROZEN": ("account_status", "frozen", False),
}
"""Each item: the fact that it is read from, the value that blocks, and whether it is about one partner's dealings."""


def blocks(
    customer: Customer,
    bond: Live,
    checks: tuple[BlockItem, ...],
    details: TerminationDetails,
    *,
    facts_hours_max: int,
    now: datetime,
    bill: FinalBill | None = None,
) -> tuple[BlockItem, ...]:
    """Everything that stands in the way at once. FACTS_UNKNOWN: a fact was never reported, or too long ago.

    After a reactivation the `bill` of the former end may be open still, and is an outstanding settlement too (R44).
    """
    items: list[BlockItem] = []
    unknown = False
    oldest = now - timedelta(hours=facts_hours_max)
    known = {(fact.name, fact.partner_id): fact for fact in customer.facts}
    for item in checks:
        if item == "MIGRATION_PLAN_MISSING":
            blocked = not details.migration_plan.strip()
        elif item == "ALTERNATIVE_SERVICE_MISSING":
            blocked = not details.alternative_service.strip()
        else:
            name, value, of_one_partner = BLOCKING[item]
            fact = known.get((name, bond.partner_id if of_one_partner else None))
            blocked = fact is not None and fact.value == value
            if item == "SETTLEMENTS_OUTSTANDING":
                blocked = blocked or (bill is not None and not bill.is_settled)
            unknown = unknown or fact is None or fact.as_of < oldest
        if blocked:
            items.append(item)
    return (*items, "FACTS_UNKNOWN") if unknown else tuple(items)


def is_checked(item: BlockItem, rules: CaseRules) -> bool:
    """Whether these rules' checks can find it; that facts are unknown, wherever one is read from them."""
    return item in rules.items or (item == "FACTS_UNKNOWN" and not BLOCKING.keys().isdisjoint(rules.items))


def obstacles(items: tuple[BlockItem, ...]) -> tuple[Obstacle, ...]:
    """Each item with its remedy and who can bring it about (R76)."""
    return tuple(Obstacle(item=item, remedy=REMEDIES[item].remedy, who=REMEDIES[item].who) for item in items)


def blocked(items: tuple[BlockItem, ...]) -> Rejected:
    """The refusal that names them."""
    return Rejected(
        RejectionCode.TERMINATION_BLOCKED, {"items": [obstacle.model_dump() for obstacle in obstacles(items)]}
    )


# ------------------------------------------------------------------------------------------------------------ the limit


def next_request_at(customer: Customer, side: Side, partner_id: str, policy: Policy, now: datetime) -> datetime | None:
    """R62: when the side may ask again; a customer over all its partners. None where it may now (C4, C8)."""
    submissions = customer.submissions_of(side, partner_id)
    if len(submissions) < policy.requests_max:
        return None
    allowed_at = months_later(submissions[-policy.requests_max], policy.requests_window_months)
    return allowed_at if now < allowed_at else None


def uses_extra(customer: Customer, side: Side, partner_id: str, policy: Policy, now: datetime) -> bool:
    """Whether only a request that the platform has granted to the customer lets it ask now."""
    if side != "customer" or not customer.extra_requests:
        return False
    return next_request_at(customer, side, partner_id, policy, now) is not None


def limit_reached(customer: Customer, side: Side, partner_id: str, policy: Policy, now: datetime) -> Rejected | None:
    """R62: so many requests in so many calendar months, and those that were granted."""
    allowed_at = next_request_at(customer, side, partner_id, policy, now)
    if allowed_at is None or uses_extra(customer, side, partner_id, policy, now):
        return None
    return Rejected(RejectionCode.REQUEST_LIMIT_REACHED, {"next_allowed_at": to_milliseconds(allowed_at)})


def months_later(moment: datetime, months: int) -> datetime:
    """The same day and time so many calendar months later, in UTC; the month's last day where it is shorter."""
    index = moment.month - 1 + months
    year, month = moment.year + index // 12, index % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
