"""What other systems report (R3, R4, R6, R7, R44, R63 to R69). An older fact never replaces a newer one."""

from collections.abc import Iterator
from datetime import datetime
from typing import cast

from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding
from contracts.events.facts import (
    CustomerStandingRecorded,
    PartnerContact,
    PartnerFactName,
    PartnerRegistered,
    PartnerStandingRecorded,
    QuotaUpdated,
    RecordedFacts,
)
from contracts.message import CommandMessage
from contracts.rejections import RejectionCode
from contracts.standing import Dealings, Fact, FactName
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Documents


def register_partner(documents: Documents, message: CommandMessage, command: RegisterPartner) -> Decision:
    """A partner is registered once."""
    if message.subject != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.subject})
    if documents.partner is not None:
        return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": documents.partner.status})
    registered = PartnerRegistered(
        partner_id=message.partner_id,
        language=command.language,
        notice_days=command.notice_days,
        private=PartnerContact(name=command.name, contact_email=command.contact_email),
    )
    quota = QuotaUpdated(
        partner_id=message.partner_id, limit=command.quota_limit, bound=0, reserved=0, cause="partner_registered"
    )
    return Accepted((registered, quota))


def report_partner_standing(documents: Documents, message: CommandMessage, command: ReportPartnerStanding) -> Decision:
    """R3, R4: status, negative records and quota limit, each as of its own time."""
    partner = documents.partner
    if partner is None or message.subject != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.subject})
    given: dict[PartnerFactName, str | int | None] = {
        "status": command.status,
        "negative_records": command.negative_records,
        "quota_limit": command.quota_limit,
    }
    reported = tuple(name for name, value in given.items() if value is not None)
    recorded = tuple(name for name in reported if _is_news(partner.reported.get(name), command.as_of))
    standing = PartnerStandingRecorded(
        partner_id=partner.id,
        as_of=command.as_of,
        status=command.status if command.status and "status" in recorded else partner.status,
        negative_records=(command.negative_records or 0)
        if "negative_records" in recorded
        else partner.negative_records,
        recorded=recorded,
        superseded=tuple(name for name in reported if name not in recorded),
    )
    if command.quota_limit is None or "quota_limit" not in recorded or command.quota_limit == partner.quota.limit:
        return Accepted((standing,))
    quota = QuotaUpdated(
        partner_id=partner.id,
        limit=command.quota_limit,
        bound=partner.quota.bound,
        reserved=partner.quota.reserved,
        cause="limit_changed",
    )
    return Accepted((standing, quota))


def report_customer_standing(
    documents: Documents, message: CommandMessage, command: ReportCustomerStanding
) -> Decision:
    """R6, R7, R44, R63 to R69: each fact as of its own time, those about dealings for each partner."""
    known = (
        {(fact.name, fact.partner_id): fact.as_of for fact in documents.customer.facts} if documents.customer else {}
    )
    recorded: list[Fact] = []
    superseded: list[FactName] = []
    for fact in _facts_in(command):
        if _is_news(known.get((fact.name, fact.partner_id)), fact.as_of):
            recorded.append(fact)
        else:
            superseded.append(fact.name)
    return Accepted(
        (
            CustomerStandingRecorded(
                customer_id=message.subject,
                as_of=command.as_of,
                recorded=tuple(fact.name for fact in recorded),
                superseded=tuple(superseded),
                private=RecordedFacts(facts=tuple(recorded)),
            ),
        )
    )


def _facts_in(command: ReportCustomerStanding) -> Iterator[Fact]:
    """The facts that are given; a fact's field has the fact's name."""
    for part in (command.facts, *command.dealings):
        partner_id = part.partner_id if isinstance(part, Dealings) else None
        for name, value in part:
            if value is not None and name != "partner_id":
                yield Fact(name=cast("FactName", name), partner_id=partner_id, value=value, as_of=command.as_of)


def _is_news(known_as_of: datetime | None, as_of: datetime) -> bool:
    return known_as_of is None or as_of >= known_as_of
