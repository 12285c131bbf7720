"""From the offer to its answer (R1 to R27)."""

import hmac
from collections.abc import Callable

from contracts.base import to_milliseconds
from contracts.commands.internal import EndForSwitch
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    DeclineInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
)
from contracts.events.binding import SwitchStarted
from contracts.events.invitation import (
    Identity,
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationAccepted,
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationOpened,
    InvitationSent,
    OfferDetails,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.notice import TokenRequest
from contracts.events.partnership import Why
from contracts.events.termination import TerminationDetails
from contracts.message import SYSTEM, CommandMessage
from contracts.rejections import RejectionCode
from handlers.blocks import blocked, blocks, limit_reached
from handlers.decision import Accepted, Context, Decision, Internal, Rejected
from handlers.documents import Customer, Documents, Invited, Live, Partner
from handlers.policy import Policy
from handlers.scene import Ids, Scene, in_days, no_reason, not_allowed, partner_may_bind, quota_updated
from handlers.switching import bound

REQUIRED = ("legal_name", "contact_person", "email", "phone", "requirements", "estimated_volume")
"""R9 to R14."""


# ------------------------------------------------------------------------------------------------------------ the offer


def invite(documents: Documents, message: CommandMessage, command: InviteCustomer, context: Context) -> Decision:
    """R1 to R19: an active partner with room in its quota offers a partnership to a company that may have one."""
    partner, policy = documents.partner, context.policy
    if partner is None:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.partner_id})
    if documents.partnership is not None:
        if documents.partnership.partner_id != partner.id:
            return Rejected(RejectionCode.NOT_FOUND, {"partnership_id": message.subject})
        return not_allowed(documents.partnership)
    if refusal := (
        partner_may_bind(partner)
        or _incomplete(command)
        or _unofficial(command, policy)
        or _duplicate(documents.open_offers, message.subject)
        or (_may_not_be_invited(documents.customer, partner, policy) if documents.customer else None)
        or _no_room(partner)
    ):
        return refusal
    sent = InvitationSent(
        partner_id=partner.id,
        customer_id=command.customer_id,
        purpose=command.purpose,
        model=command.model,
        standards_version=policy.standards_version,
        expires_at=in_days(context.now, policy.invitation_days),
        private=_details(command),
    )
    return Accepted((sent, quota_updated(partner, "invitation_sent", reserved=+1)))


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
    malformed = [] if "email" in missing or _is_email(command.email or "") else ["email"]
    if missing or malformed:
        return Rejected(RejectionCode.INVITATION_INCOMPLETE, {"missing": missing, "malformed": malformed})
    return None


def _is_email(text: str) -> bool:
    name, at, domain = text.strip().rpartition("@")
    return bool(name and at and domain) and not any(character.isspace() for character in name + domain)


def _unofficial(command: InviteCustomer, policy: Policy) -> Rejected | None:
    """R8, R19."""
    if command.channel not in policy.official_channels:
        return Rejected(RejectionCode.CHANNEL_NOT_OFFICIAL, {"official": list(policy.official_channels)})
    if command.standards_version != policy.standards_version:
        return Rejected(RejectionCode.STANDARDS_VERSION_STALE, {"current": policy.standards_version})
    return None


def _duplicate(open_offers: tuple[str, ...], own_id: str) -> Rejected | None:
    """One open invitation for each pair."""
    others = sorted(set(open_offers) - {own_id})
    return Rejected(RejectionCode.DUPLICATE_OPEN_INVITATION, {"partnership_id": others[0]}) if others else None


def _may_not_be_invited(customer: Customer, partner: Partner, policy: Policy) -> Rejected | None:
    """R5 to R7 as far as the customer is known (C1)."""
    if customer.live is not None:
        if customer.live.partner_id == partner.id and not policy.own_customers_may_be_invited:
            return Rejected(RejectionCode.ALREADY_BOUND_TO_YOU, {"partnership_id": customer.live.partnership_id})
        if customer.live.partner_id != partner.id and not policy.bound_customers_may_be_invited:
            return Rejected(RejectionCode.CUSTOMER_ALREADY_BOUND)
    return _unfit(customer, must_be_known=False)


def _unfit(customer: Customer, *, must_be_known: bool) -> Rejected | None:
    """R6, R7."""
    qualified, compliant = customer.fact("qualified"), customer.fact("compliant")
    if qualified.value is not True if qualified else must_be_known:
        return Rejected(RejectionCode.CUSTOMER_NOT_QUALIFIED, {"known": qualified is not None})
    if compliant.value is not True if compliant else must_be_known:
        return Rejected(RejectionCode.CUSTOMER_NOT_COMPLIANT, {"known": compliant is not None})
    return None


def _no_room(partner: Partner) -> Rejected | None:
    quota = partner.quota
    if quota.bound + quota.reserved < quota.limit:
        return None
    return Rejected(
        RejectionCode.QUOTA_EXCEEDED, {"limit": quota.limit, "bound": quota.bound, "reserved": quota.reserved}
    )


# -------------------------------------------------------------------------------------------- until somebody is known


def link(partnership_id: str) -> TokenRequest:
    """The secret in the invitation's link (R17)."""
    return TokenRequest(purpose="invitation", subject=partnership_id, number=1)


def open_invitation(scene: Scene, command: OpenInvitation) -> Decision:
    """R20: whoever has the link comes in. The link may be used again while the offer is open."""
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    secret = link(scene.id)
    right = scene.token(secret.purpose, secret.subject, secret.number)
    if not hmac.compare_digest(command.token.encode(), right.encode()):
        return Rejected(RejectionCode.TOKEN_INVALID)
    if expired := _expired(scene, state):
        return expired
    stage = "opened" if state.stage == "sent" else state.stage
    return Accepted((InvitationOpened(**scene.ids, stage=stage),))


def record_identity_verification(scene: Scene, command: RecordIdentityVerification) -> Decision:
    """R21 to R24: the invited company is shown to be this customer, which may have a partner already."""
    state = scene.partnership.state
    if not isinstance(state, Invited) or state.stage != "opened":
        return not_allowed(scene.partnership)
    if expired := _expired(scene, state):
        return expired
    if not command.passed:
        return _verification_failed(scene, state)
    if refusal := _mismatch(scene, command) or _duplicate(scene.open_offers, scene.id):
        return refusal
    customer_id, live = command.customer_id, scene.customer.live if scene.customer else None
    ids = Ids(partner_id=scene.partner.id, customer_id=customer_id)
    elsewhere = live if live is not None and live.partner_id != scene.partner.id else None
    verified = IdentityVerified(
        **ids, private=Identity(legal_name=command.legal_name, registered_email=command.registered_email)
    )
    checked = PartnershipStatusChecked(**ids, bound_elsewhere=elsewhere is not None)
    if elsewhere is None:
        return Accepted((verified, checked))
    prompted = SwitchPrompted(**ids, from_partnership_id=elsewhere.partnership_id, from_partner_id=elsewhere.partner_id)
    return Accepted((verified, checked, prompted))


def _verification_failed(scene: Scene, state: Invited) -> Decision:
    """Too many failures expire the invitation, and its place in the quota is free again."""
    failures = state.failed_attempts + 1
    left = max(0, scene.policy.identity_attempts - failures)
    failed = IdentityVerificationFailed(**scene.ids, failed_attempts=failures, attempts_left=left)
    if left:
        return Accepted((failed,))
    expired = InvitationExpired(**scene.ids, cause="verification_exhausted")
    return Accepted((failed, expired, quota_updated(scene.partner, "invitation_closed", reserved=-1)))


def _mismatch(scene: Scene, command: RecordIdentityVerification) -> Rejected | None:
    """The verified company must be the one that was invited (R9)."""
    fields = []
    if _normal(command.legal_name) != _normal(scene.partnership.offer.legal_name):
        fields.append("legal_name")
    if scene.partnership.customer_id not in (None, command.customer_id):
        fields.append("customer_id")
    return Rejected(RejectionCode.IDENTITY_MISMATCH, {"fields": fields}) if fields else None


def _normal(name: str) -> str:
    return " ".join(name.casefold().split())


# ----------------------------------------------------------------------------------------------------------- the answer


def accept(scene: Scene, command: AcceptInvitation) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R5 to R7, R25 to R30: the customer is bound, or its switch begins. What the new side can refuse, it does now."""
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    if expired := _expired(scene, state):
        return expired
    if customer is None or state.stage not in ("verified", "switch_prompted"):
        return Rejected(RejectionCode.IDENTITY_NOT_VERIFIED, {"stage": state.stage})
    if command.consent_version != scene.policy.consent_version:
        return Rejected(RejectionCode.CONSENT_VERSION_STALE, {"current": scene.policy.consent_version})
    if customer.switch is not None:
        return Rejected(RejectionCode.SWITCH_IN_PROGRESS, {"switch_id": customer.switch.id})
    if refusal := partner_may_bind(scene.partner) or _unfit(customer, must_be_known=True):
        return refusal
    accepted = InvitationAccepted(**scene.ids, stage=state.stage, consent_version=scene.policy.consent_version)
    if customer.live is None:
        return Accepted((accepted, *bound(scene, customer, from_partner_id=None)))
    return _switch(scene, command, customer, customer.live, accepted)


def _switch(
    scene: Scene, command: AcceptInvitation, customer: Customer, live: Live, accepted: InvitationAccepted
) -> Decision:
    """R27, C3: the old partnership has to end first; what would block that is refused now, with the request limit."""
    if live.partner_id == scene.partner.id:
        return Rejected(RejectionCode.ALREADY_BOUND_TO_YOU, {"partnership_id": live.partnership_id})
    if not command.switch_confirmed:
        return Rejected(RejectionCode.SWITCH_CONFIRMATION_REQUIRED, {"from_partner_id": live.partner_id})
    if refusal := limit_reached(customer, scene.policy, scene.now):
        return refusal
    if items := blocks(customer, live, "customer", TerminationDetails(), policy=scene.policy, now=scene.now):
        return blocked(items)
    switch_id = scene.message.id
    started = SwitchStarted(
        **scene.ids,
        switch_id=switch_id,
        from_partnership_id=live.partnership_id,
        from_partner_id=live.partner_id,
    )
    end = EndForSwitch(
        actor=SYSTEM,
        switch_id=switch_id,
        customer_id=customer.id,
        to_partnership_id=scene.id,
        to_partner_id=scene.partner.id,
        to_model=scene.partnership.model,
    )
    return Accepted((accepted, started), (Internal(end, live.partnership_id, live.partner_id),))


def decline(scene: Scene, command: DeclineInvitation) -> Decision:
    """The customer says no; the reserved place is given back."""
    return _close(scene, command.reason, InvitationDeclined)


def cancel(scene: Scene, command: CancelInvitation) -> Decision:
    """The partner takes the offer back; the reserved place is given back."""
    return _close(scene, command.reason, InvitationCancelled)


def _close(
    scene: Scene, reason: str | None, event: Callable[..., InvitationDeclined | InvitationCancelled]
) -> Decision:
    if not isinstance(scene.partnership.state, Invited):
        return not_allowed(scene.partnership)
    if refusal := no_reason(reason):
        return refusal
    closed = event(**scene.ids, private=Why(reason=reason or ""))
    return Accepted((closed, quota_updated(scene.partner, "invitation_closed", reserved=-1)))


def _expired(scene: Scene, state: Invited) -> Rejected | None:
    if scene.now < state.expires_at:
        return None
    return Rejected(RejectionCode.INVITATION_EXPIRED, {"expired_at": to_milliseconds(state.expires_at)})
