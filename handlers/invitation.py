"""From the link to the verified identity (R17, R20 to R24)."""

from contracts.base import to_milliseconds
from contracts.commands.invitation import OpenInvitation, RecordIdentityVerification
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import (
    Identity,
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationExpired,
    InvitationOpened,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.rejections import RejectionCode
from handlers.decision import Accepted, Decision, Rejected
from handlers.guards import not_allowed, quota_updated
from handlers.scene import Ids, Scene
from handlers.states import Invited
from handlers.switching import can_leave, consequences
from handlers.tokens import INVITATION


def open_invitation(scene: Scene, command: OpenInvitation) -> Decision:
    """R20: whoever has the link comes in. The link may be used again while the offer is open."""
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    if not scene.was_sent(command.token, INVITATION, state.links):
        return Rejected(RejectionCode.TOKEN_INVALID, {"latest_link": state.links})
    if expired := expired_by(scene, state):
        return expired
    stage = "opened" if state.stage == "sent" else state.stage
    return Accepted((InvitationOpened(**scene.ids, stage=stage),))


def record_identity_verification(scene: Scene, command: RecordIdentityVerification) -> Decision:
    """R21 to R24: the invited company is shown to be this customer, which may have a partner already."""
    state = scene.partnership.state
    if not isinstance(state, Invited) or state.stage != "opened":
        return not_allowed(scene.partnership)
    if expired := expired_by(scene, state):
        return expired
    if not command.passed:
        return _verification_failed(scene, state)
    if refusal := _mismatch(scene, command) or _nameless(scene, command) or duplicate(scene.open_offers, scene.id):
        return refusal
    customer_id, live = command.customer_id, scene.customer.live if scene.customer else None
    ids = Ids(partner_id=scene.partner.id, customer_id=customer_id)
    elsewhere = live is not None and live.partner_id != scene.partner.id
    verified = IdentityVerified(**ids, private=_identity(command))
    checked = PartnershipStatusChecked(**ids, bound_elsewhere=elsewhere)
    if live is None or not can_leave(scene.policy, live, scene.partner.id):
        return Accepted((verified, checked))
    prompted = SwitchPrompted(
        **ids,
        from_partnership_id=live.partnership_id,
        from_partner_id=live.partner_id,
        consequences=consequences(scene, live),
    )
    return Accepted((verified, checked, prompted))


def _identity(command: RecordIdentityVerification) -> Identity:
    return Identity(
        legal_name=command.legal_name,
        registered_email=command.registered_email,
        registered_phone=command.registered_phone,
        admin_contact=command.admin_contact,
        kind=command.kind,
    )


def _verification_failed(scene: Scene, state: Invited) -> Decision:
    """Too many failures expire the invitation, and its place in the quota is free again."""
    failures = state.failed_attempts + 1
    left = max(0, (state.rules.identity_attempts or scene.policy.identity_attempts) - failures)
    failed = IdentityVerificationFailed(**scene.ids, failed_attempts=failures, attempts_left=left)
    if left:
        return Accepted((failed,))
    expired = InvitationExpired(**scene.ids, cause="verification_exhausted")
    return Accepted((failed, expired, *place_given_back(scene, state)))


def _nameless(scene: Scene, command: RecordIdentityVerification) -> Rejected | None:
    """R77: what concerns the customer alone goes to its registered address, so there must be one."""
    if command.registered_email.strip() or (scene.customer and scene.customer.registered_email):
        return None
    return Rejected(RejectionCode.INVITATION_INCOMPLETE, {"missing": ["registered_email"]})


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


def duplicate(open_offers: tuple[str, ...], own_id: str) -> Rejected | None:
    """One open invitation for each pair."""
    others = sorted(set(open_offers) - {own_id})
    return Rejected(RejectionCode.DUPLICATE_OPEN_INVITATION, {"partnership_id": others[0]}) if others else None


def expired_by(scene: Scene, state: Invited) -> Rejected | None:
    """The offer's time is over, whether or not its deadline has been heard of."""
    if scene.now < state.expires_at:
        return None
    return Rejected(RejectionCode.INVITATION_EXPIRED, {"expired_at": to_milliseconds(state.expires_at)})


def place_given_back(scene: Scene, state: Invited) -> tuple[QuotaUpdated, ...]:
    """The place that the offer had in the quota, if it had one."""
    return (quota_updated(scene.partner, "invitation_closed", reserved=-1),) if state.reserved else ()
