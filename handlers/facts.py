"""What other systems report (R3, R4, R6, R7, R44, R63 to R69). An older fact never replaces a newer one."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast, get_args

from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding, UpdateAgreement
from contracts.commands.internal import ApplyAgreement, RecheckTermination, SpreadAgreement
from contracts.commands.termination import GrantExtraRequest
from contracts.events.facts import (
    AgreementContacts,
    AgreementUpdated,
    CustomerStandingRecorded,
    ExtraRequestGranted,
    PartnerContact,
    PartnerFactName,
    PartnerRegistered,
    PartnerStandingRecorded,
    QuotaUpdated,
    RecordedFacts,
)
from contracts.events.partnership import Why
from contracts.message import SYSTEM, Command, CommandMessage
from contracts.rejections import RejectionCode
from contracts.standing import BillingCycle, Dealings, Fact, FactName
from handlers.decision import Accepted, Decision, Internal, Rejected
from handlers.documents import LIVE_AT_ONCE, Customer, Documents
from handlers.ending import agreement_updated, is_renewed, renewed
from handlers.guards import incomplete, is_email, no_reason, quota_updated
from handlers.scene import Scene
from handlers.states import Active, Ending, Suspended

REPORTED: tuple[PartnerFactName, ...] = tuple(
    name for name in get_args(PartnerFactName) if name in ReportPartnerStanding.model_fields
)
"""What a report about a partner can say."""


def not_ahead(command: Command, now: datetime) -> Command:
    """A report as of the future is one as of now: else nothing could ever replace it."""
    if isinstance(command, ReportPartnerStanding | ReportCustomerStanding | UpdateAgreement):
        return command.but(as_of=min(command.as_of, now))
    return command


def register_partner(documents: Documents, message: CommandMessage, command: RegisterPartner) -> Decision:
    """A partner is registered once."""
    if message.subject != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.subject})
    if documents.partner is not None:
        return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": documents.partner.status})
    if refusal := _unreachable(command):
        return refusal
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


def _unreachable(command: RegisterPartner | ReportPartnerStanding) -> Rejected | None:
    """What is given is a name, and an address to which notices can go (R29, R60)."""
    missing = ["name"] if command.name is not None and not command.name.strip() else []
    malformed = ["contact_email"] if command.contact_email is not None and not is_email(command.contact_email) else []
    return incomplete(missing, malformed)


def report_partner_standing(documents: Documents, message: CommandMessage, command: ReportPartnerStanding) -> Decision:
    """R3, R4: status, negative records, quota limit, and how to write to it, each as of its own time."""
    partner = documents.partner
    if partner is None or message.subject != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.subject})
    if refusal := _unreachable(command):
        return refusal
    given: dict[PartnerFactName, Any] = {
        name: value for name in REPORTED if (value := getattr(command, name)) is not None
    }
    news = {name: value for name, value in given.items() if _is_news(partner.reported.get(name), command.as_of)}
    contact = PartnerContact(
        name=news.get("name", partner.contact.name),
        contact_email=news.get("contact_email", partner.contact.contact_email),
    )
    standing = PartnerStandingRecorded(
        partner_id=partner.id,
        as_of=command.as_of,
        status=news.get("status", partner.status),
        negative_records=news.get("negative_records", partner.negative_records),
        language=news.get("language"),
        recorded=tuple(news),
        superseded=tuple(name for name in given if name not in news),
        private=contact if contact != partner.contact else None,
    )
    limit = news.get("quota_limit", partner.quota.limit)
    if limit == partner.quota.limit:
        return Accepted((standing,))
    return Accepted((standing, quota_updated(partner, "limit_changed").but(limit=limit)))


def update_agreement(documents: Documents, message: CommandMessage, command: UpdateAgreement) -> Decision:
    """R41, C1 to C12: what was agreed holds for what begins from now on; when it ends, for what lives already too."""
    partner = documents.partner
    if partner is None or message.subject != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.subject})
    news = _is_news(partner.reported.get("agreement"), command.as_of)
    updated = AgreementUpdated(
        partner_id=partner.id,
        as_of=command.as_of,
        superseded=not news,
        ends_at=command.ends_at,
        overrides=command.overrides,
        private=AgreementContacts(management_team=command.management_team, support_contact=command.support_contact),
    )
    if not news or command.ends_at == partner.agreement.ends_at:
        return Accepted((updated,))
    spread = SpreadAgreement(actor=SYSTEM, agreement_ends_at=command.ends_at)
    return Accepted((updated,), (Internal(spread, partner.id, partner.id),))


def spread_agreement(documents: Documents, message: CommandMessage, command: SpreadAgreement) -> Decision:
    """R41: the next of the partnerships that live hear of it, and then those after them."""
    del message
    partner, live = documents.partner, documents.live_partnerships
    if partner is None or partner.agreement.ends_at != command.agreement_ends_at:
        return Accepted()  # a later agreement is being told, from the first partnership on
    apply = ApplyAgreement(actor=SYSTEM, agreement_ends_at=command.agreement_ends_at)
    told = tuple(Internal(apply, partnership_id, partner.id) for partnership_id in live)
    if len(live) < LIVE_AT_ONCE:
        return Accepted((), told)
    return Accepted((), (*told, Internal(command.but(after_partnership_id=live[-1]), partner.id, partner.id)))


def apply_agreement(scene: Scene, command: ApplyAgreement) -> Decision:
    """R41: in each partnership that lives, the agreement's end is a deadline; one that was to end with it lives on."""
    partnership, state = scene.partnership, scene.partnership.state
    if isinstance(state, Ending) and is_renewed(scene, state):
        return Accepted(renewed(scene, state))
    ended = not isinstance(state, Active | Suspended | Ending)
    if command.agreement_ends_at != scene.partner.agreement.ends_at:
        return Accepted()  # a late one: there is another agreement by now, which is told by another
    if ended or partnership.agreement_ends_at == command.agreement_ends_at:
        return Accepted()
    return Accepted((agreement_updated(scene, command.agreement_ends_at),))


def grant_extra_request(documents: Documents, message: CommandMessage, command: GrantExtraRequest) -> Decision:
    """R62, C4: more through a ticket."""
    customer = documents.customer
    if customer is None or message.subject != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"customer_id": message.subject})
    if refusal := no_reason(command.reason):
        return refusal
    granted = ExtraRequestGranted(
        customer_id=customer.id,
        extra_requests=customer.extra_requests + 1,
        private=Why(reason=command.reason or ""),
    )
    return Accepted((granted,))


def report_customer_standing(
    documents: Documents, message: CommandMessage, command: ReportCustomerStanding
) -> Decision:
    """R6, R7, R44, R63 to R69: each fact as of its own time, those about dealings for each partner."""
    if message.subject != message.partner_id:  # in another lane its events would come out of order
        return Rejected(RejectionCode.NOT_FOUND, {"customer_id": message.partner_id})
    wrong = command.registered_email is not None and not is_email(command.registered_email)
    if refusal := incomplete([], ["registered_email"] if wrong else []):
        return refusal
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
    standing = CustomerStandingRecorded(
        customer_id=message.subject,
        as_of=command.as_of,
        recorded=tuple(fact.name for fact in recorded),
        superseded=tuple(superseded),
        private=RecordedFacts(
            facts=tuple(recorded),
            billing_cycle=_cycle(documents.customer, command),
            **_registered(documents.customer, command),
        ),
    )
    return Accepted((standing,), _recheck(documents.customer))


def _cycle(customer: Customer | None, command: ReportCustomerStanding) -> BillingCycle | None:
    """R101."""
    known_as_of = customer.billing_cycle_as_of if customer else None
    return command.billing_cycle if _is_news(known_as_of, command.as_of) else None


def _registered(customer: Customer | None, command: ReportCustomerStanding) -> dict[str, str]:
    """Of who was verified (R21), and what is not older than that, or than what was reported since."""
    if customer is None or not customer.registered_email or not _is_news(customer.registered_as_of, command.as_of):
        return {}
    given = {"registered_email": command.registered_email, "registered_phone": command.registered_phone}
    return {name: value.strip() for name, value in given.items() if value is not None}


def _recheck(customer: Customer | None) -> tuple[Internal, ...]:
    """A stalled termination may have waited for these facts; it is decided in its partner's lane."""
    if customer is None or customer.live is None or not customer.waits_on_facts:
        return ()
    return (Internal(RecheckTermination(actor=SYSTEM), customer.live.partnership_id, customer.live.partner_id),)


def _facts_in(command: ReportCustomerStanding) -> Iterator[Fact]:
    """The facts that are given; a fact's field has the fact's name."""
    for part in (command.facts, *command.dealings):
        partner_id = part.partner_id if isinstance(part, Dealings) else None
        for name, value in part:
            if value is not None and name != "partner_id":
                yield Fact(name=cast("FactName", name), partner_id=partner_id, value=value, as_of=command.as_of)


def _is_news(known_as_of: datetime | None, as_of: datetime) -> bool:
    return known_as_of is None or as_of >= known_as_of
