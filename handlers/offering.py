"""The offer (R1 to R19, C1, C12): made, sent again, taken back."""

from contracts.commands.invitation import CancelInvitation, InviteCustomer, ResendInvitation
from contracts.events.invitation import (
    InvitationCancelled,
    InvitationResent,
    InvitationSent,
    NewChannel,
    OfferDetails,
)
from contracts.events.partnership import Why
from contracts.message import CommandMessage
from contracts.rejections import RejectionCode
from contracts.terms import Side
from handlers.decision import Accepted, Context, Decision, Rejected
from handlers.documents import Customer, Documents, Partner
from handlers.guards import (
    in_days,
    incomplete,
    is_email,
    no_reason,
    no_room,
    not_allowed,
    not_the_turn_of,
    own_side,
    partner_may_bind,
    quota_updated,
    unfit,
)
from handlers.invitation import duplicate, expired_by, place_given_back
from handlers.letters import CONSOLE
from handlers.policy import Policy
from handlers.scene import Scene
from handlers.states import Invited

REQUIRED = ("legal_name", "contact_person", "email", "phone", "requirements", "estimated_volume")
"""R9 to R14."""


def invite(documents: Documents, message: CommandMessage, command: InviteCustomer, context: Context) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R1 to R19: an active partner with room in its quota, and a company that may have it."""
    partner, policy = documents.partner, context.policy
    if partner is None:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.partner_id})
    if message.subject == partner.id:  # its events would be counted among the partner's own
        return Rejected(RejectionCode.INVITATION_INCOMPLETE, {"malformed": ["subject"]})
    if documents.partnership is not None:
        if documents.partnership.partner_id != partner.id:
            return Rejected(RejectionCode.NOT_FOUND, {"partnership_id": message.subject})
        return not_allowed(documents.partnership)
    by = own_side(command.actor)
    if by not in policy.who_may_offer:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"who_may_offer": list(policy.who_may_offer)})
    if refusal := (
        partner_may_bind(partner, context.now, command.actor)
        or _incomplete(command)
        or _unofficial(command, policy, by)
        or duplicate(documents.open_offers, message.subject)
    ):
        return refusal
    if by == "customer":
        return _by_customer(partner, documents.customer, command, context)
    return _by_partner(partner, documents.customer, command, context)


def _by_partner(partner: Partner, customer: Customer | None, command: InviteCustomer, context: Context) -> Decision:
    """The usual way; where the policy reserves, the offer takes a place in the quota."""
    policy = context.policy
    if customer is not None and (refusal := _may_not_be_invited(customer, partner, policy)):
        return refusal
    # One's own customer has its place already (C1).
    own = customer is not None and customer.is_with(partner.id)
    if not own and (refusal := no_room(partner)):
        return refusal
    reserves = policy.reserve_on_invite and not own
    sent = _sent(partner, command, context, "partner", reserves=reserves)
    if not reserves:
        return Accepted((sent,))
    return Accepted((sent, quota_updated(partner, "invitation_sent", reserved=+1)))


def _by_customer(  # noqa: PLR0911 - a line for each rule
    partner: Partner, customer: Customer | None, command: InviteCustomer, context: Context
) -> Decision:
    """C12: a known customer offers itself. Who it is, is known; it consents, and confirms its switch, by offering."""
    if customer is None:
        return Rejected(RejectionCode.NOT_FOUND, {"customer_id": command.customer_id})
    if not customer.registered_email:  # known by what was reported, and never verified (R21)
        return Rejected(RejectionCode.IDENTITY_NOT_VERIFIED, {"customer_id": customer.id})
    if command.consent_version != context.policy.consent_version:
        return Rejected(RejectionCode.CONSENT_VERSION_STALE, {"current": context.policy.consent_version})
    if refusal := _may_not_be_invited(customer, partner, context.policy) or unfit(customer, must_be_known=True):
        return refusal
    if customer.live is not None and not command.switch_confirmed:
        return Rejected(RejectionCode.SWITCH_CONFIRMATION_REQUIRED, {"from_partner_id": customer.live.partner_id})
    sent = _sent(partner, command, context, "customer", reserves=False)
    sent = sent.but(consent_version=command.consent_version)
    if customer.live is None:
        return Accepted((sent.but(stage="verified"),))
    left = customer.live.partner_id
    return Accepted((sent.but(stage="switch_prompted", switch_confirmed=True, switch_from_partner_id=left),))


def _sent(partner: Partner, command: InviteCustomer, context: Context, by: Side, *, reserves: bool) -> InvitationSent:
    policy = context.policy
    return InvitationSent(
        partner_id=partner.id,
        customer_id=command.customer_id,
        by=by,
        purpose=command.purpose,
        model=command.model,
        standards_version=policy.standards_version,
        expires_at=in_days(context.now, policy.invitation_days),
        rules=policy.offer_rules(reserves=reserves),
        private=_details(command),
    )


def _details(command: InviteCustomer) -> OfferDetails:
    """What `_incomplete` found to be there."""
    return OfferDetails(
        legal_name=command.legal_name or "",
        contact_person=command.contact_person or "",
        email=command.email or "",
        phone=command.phone or "",
        requirements=command.requirements or "",
        estimated_volume=command.estimated_volume or "",
        terms=command.terms or "",
        channel=command.channel,
        language=command.language,
    )


def _incomplete(command: InviteCustomer) -> Rejected | None:
    """R15: everything is gathered before the invitation is submitted."""
    missing = [name for name in REQUIRED if not (getattr(command, name) or "").strip()]
    malformed = [] if "email" in missing or is_email(command.email or "") else ["email"]
    return incomplete(missing, malformed)


def _unofficial(command: InviteCustomer, policy: Policy, by: Side) -> Rejected | None:
    """R8, R19. The standards are the partner's."""
    if refusal := _not_official(command.channel, policy) or _nobodys(command.channel, command.customer_id):
        return refusal
    if by == "partner" and command.standards_version != policy.standards_version:
        return Rejected(RejectionCode.STANDARDS_VERSION_STALE, {"current": policy.standards_version})
    return None


def _not_official(channel: str, policy: Policy) -> Rejected | None:
    if channel in policy.official_channels:
        return None
    return Rejected(RejectionCode.CHANNEL_NOT_OFFICIAL, {"official": list(policy.official_channels)})


def _nobodys(channel: str, customer_id: str | None) -> Rejected | None:
    """Who is no known customer has no console to be told in."""
    if channel != CONSOLE or customer_id is not None:
        return None
    return Rejected(RejectionCode.INVITATION_INCOMPLETE, {"missing": ["customer_id"]})


def _may_not_be_invited(customer: Customer, partner: Partner, policy: Policy) -> Rejected | None:
    """R5 to R7 as far as the customer is known (C1)."""
    if customer.live is not None:
        if customer.live.partner_id == partner.id and not policy.own_customers_may_be_invited:
            return Rejected(RejectionCode.ALREADY_BOUND_TO_YOU, {"partnership_id": customer.live.partnership_id})
        if customer.live.partner_id != partner.id and not policy.bound_customers_may_be_invited:
            return Rejected(RejectionCode.CUSTOMER_ALREADY_BOUND, {"by_policy": policy.version})
    return unfit(customer, must_be_known=False)


# ---------------------------------------------------------------------------------------------------------- afterwards


def resend(scene: Scene, command: ResendInvitation) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R3, R4, R17: again, with a new link. Whoever came in by the old one and was not verified is outside again."""
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    if state.by == "customer":
        return not_the_turn_of("partner")
    if expired := expired_by(scene, state):
        return expired
    if refusal := partner_may_bind(scene.partner, scene.now):
        return refusal
    if state.links > state.rules.resends_max:
        return Rejected(RejectionCode.RESEND_LIMIT, {"resends_max": state.rules.resends_max})
    channel = command.channel or scene.partnership.offer.channel  # which may be official no more
    if refusal := _not_official(channel, scene.policy) or _nobodys(channel, scene.partnership.customer_id):
        return refusal
    stage = "sent" if state.stage == "opened" else state.stage
    resent = InvitationResent(
        **scene.ids, stage=stage, number=state.links + 1, private=NewChannel(channel=command.channel or "")
    )
    return Accepted((resent,))


def cancel(scene: Scene, command: CancelInvitation) -> Decision:
    """Who made the offer takes it back; a reserved place is given back."""
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    if (by := own_side(command.actor)) != state.by:
        return not_the_turn_of(by)
    if refusal := no_reason(command.reason):
        return refusal
    cancelled = InvitationCancelled(**scene.ids, private=Why(reason=command.reason or ""))
    return Accepted((cancelled, *place_given_back(scene, state)))
