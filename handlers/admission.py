"""Who may give which command (R2, R83, R84), and whether the sender has seen the latest version. Nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding
from contracts.commands.internal import AbortSwitch, CompleteSwitch, EndForSwitch
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    DeclineInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
)
from contracts.commands.termination import DecideTermination, RequestTermination
from contracts.message import Command, CommandMessage, Party, Role
from contracts.rejections import RejectionCode
from handlers.decision import Rejected
from handlers.documents import Document, Documents, Invited
from handlers.policy import Policy

Roles = Callable[[Policy], tuple[Role, ...]]


def _anyone(_: Policy) -> tuple[Role, ...]:
    return (Role.ADMIN, Role.OPERATOR, Role.VIEWER)


def _editors(_: Policy) -> tuple[Role, ...]:
    return (Role.ADMIN, Role.OPERATOR)


def _admins(_: Policy) -> tuple[Role, ...]:
    return (Role.ADMIN,)


def _inviters(policy: Policy) -> tuple[Role, ...]:
    return policy.roles_that_may_invite


def _enders(policy: Policy) -> tuple[Role, ...]:
    return policy.roles_that_may_end


@dataclass(frozen=True, slots=True)
class Rule:
    """Which parties may give a command, and which roles where it is a partner or a customer."""

    parties: frozenset[Party]
    roles: Roles = _anyone


def _rule(*parties: Party, roles: Roles = _anyone) -> Rule:
    return Rule(frozenset(parties), roles)


RULES: dict[type[Command], Rule] = {
    RegisterPartner: _rule(Party.SYSTEM, Party.PLATFORM),
    ReportPartnerStanding: _rule(Party.SYSTEM, Party.PLATFORM),
    ReportCustomerStanding: _rule(Party.SYSTEM, Party.PLATFORM),
    InviteCustomer: _rule(Party.PARTNER, roles=_inviters),
    OpenInvitation: _rule(Party.CUSTOMER),
    RecordIdentityVerification: _rule(Party.SYSTEM),
    AcceptInvitation: _rule(Party.CUSTOMER, roles=_admins),
    DeclineInvitation: _rule(Party.CUSTOMER, roles=_editors),
    CancelInvitation: _rule(Party.PARTNER, roles=_editors),
    RequestTermination: _rule(Party.PARTNER, Party.CUSTOMER, Party.PLATFORM, roles=_enders),
    DecideTermination: _rule(Party.PARTNER, Party.CUSTOMER, Party.PLATFORM, roles=_enders),
    EndForSwitch: _rule(Party.SYSTEM),
    CompleteSwitch: _rule(Party.SYSTEM),
    AbortSwitch: _rule(Party.SYSTEM),
}


def refusal(documents: Documents, message: CommandMessage, policy: Policy) -> Rejected | None:
    """Why the command is not even looked at, if so."""
    command = message.data
    rule = RULES[type(command)]
    actor = command.actor
    if actor.kind not in rule.parties:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"parties": sorted(rule.parties)})
    if actor.kind in _SIDES:
        if actor.role not in rule.roles(policy):
            return Rejected(RejectionCode.NOT_AUTHORIZED, {"roles": [role.value for role in rule.roles(policy)]})
        if not _is_on_own_side(documents, message):
            return Rejected(RejectionCode.NOT_AUTHORIZED, {"side": actor.kind.value})
    if command.expected_version is not None:
        current = version(_subject_of(documents, command))
        if command.expected_version != current:
            return Rejected(RejectionCode.VERSION_CONFLICT, {"current_version": current})
    return None


_SIDES = (Party.PARTNER, Party.CUSTOMER)


def _is_on_own_side(documents: Documents, message: CommandMessage) -> bool:
    """A partner acts in its own lane, a customer on a partnership of its own.

    Before an invited company is known as a customer, it is whoever came in through the link: OpenInvitation shows
    that by its token, and nobody else can go on.
    """
    actor, partnership = message.data.actor, documents.partnership
    if actor.kind is Party.PARTNER:
        return actor.party_id == message.partner_id
    if partnership is None:
        return False
    if partnership.customer_id is not None:
        return actor.party_id == partnership.customer_id
    if isinstance(message.data, OpenInvitation):
        return True
    # A closed offer allows nothing to anybody; its status is the better answer.
    return not isinstance(partnership.state, Invited) or partnership.state.opened_by == actor.party_id


def _subject_of(documents: Documents, command: Command) -> Document | None:
    match command:
        case RegisterPartner() | ReportPartnerStanding():
            return documents.partner
        case ReportCustomerStanding():
            return documents.customer
        case _:
            return documents.partnership


def version(document: Document | None) -> int:
    """The number of its latest lifecycle event."""
    return document.sequences.get("lifecycle", 0) if document else 0
