"""Who may give which command (R2, R83, R84), and whether the sender has seen the latest version. Nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.commands import binding, closing, facts, internal, invitation, termination
from contracts.message import Command, CommandMessage, Party, Role
from contracts.rejections import RejectionCode
from handlers.decision import Rejected
from handlers.documents import Document, Documents, Partnership
from handlers.policy import Policy
from handlers.states import Invited

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
    customers_roles: Roles | None = None
    """Where they are others than a partner's."""

    def roles_of(self, party: Party, policy: Policy) -> tuple[Role, ...]:
        """Those that may give the command."""
        return (self.customers_roles if party is CUSTOMER and self.customers_roles else self.roles)(policy)


def _rule(*parties: Party, roles: Roles = _anyone, customers_roles: Roles | None = None) -> Rule:
    return Rule(frozenset(parties), roles, customers_roles)


PARTNER, CUSTOMER, PLATFORM, SUPPORT, SYSTEM = (
    Party.PARTNER,
    Party.CUSTOMER,
    Party.PLATFORM,
    Party.SUPPORT,
    Party.SYSTEM,
)

RULES: dict[type[Command], Rule] = {
    facts.RegisterPartner: _rule(SYSTEM, PLATFORM),
    facts.ReportPartnerStanding: _rule(SYSTEM, PLATFORM),
    facts.UpdateAgreement: _rule(SYSTEM, PLATFORM),
    facts.ReportCustomerStanding: _rule(SYSTEM, PLATFORM),
    invitation.InviteCustomer: _rule(PARTNER, CUSTOMER, roles=_inviters, customers_roles=_admins),
    invitation.ResendInvitation: _rule(PARTNER, roles=_editors),
    invitation.OpenInvitation: _rule(CUSTOMER),
    invitation.RecordIdentityVerification: _rule(SYSTEM),
    invitation.AcceptInvitation: _rule(CUSTOMER, PARTNER, roles=_admins),
    invitation.DeclineInvitation: _rule(CUSTOMER, PARTNER, roles=_editors),
    invitation.CancelInvitation: _rule(PARTNER, CUSTOMER, roles=_editors),
    binding.RecordActivation: _rule(SYSTEM),
    binding.ConfigurePermissions: _rule(PARTNER, CUSTOMER, roles=_admins),
    binding.ChooseBilling: _rule(CUSTOMER, roles=_admins),
    binding.UpdateCustomerInfo: _rule(PARTNER, CUSTOMER, roles=_editors),
    binding.AssignContacts: _rule(PARTNER, roles=_editors),
    binding.ProposeModification: _rule(PARTNER, CUSTOMER, roles=_editors),
    binding.AnswerModification: _rule(PARTNER, CUSTOMER, PLATFORM, roles=_admins),
    binding.RecordBusinessData: _rule(SYSTEM),
    binding.RecordNotificationOutcome: _rule(SYSTEM),
    binding.SuspendPartnership: _rule(PLATFORM),
    binding.ResumePartnership: _rule(PLATFORM),
    binding.HidePartnership: _rule(PARTNER, CUSTOMER),
    binding.ShowPartnership: _rule(PARTNER, CUSTOMER),
    termination.CheckTermination: _rule(PARTNER, CUSTOMER, SUPPORT, roles=_editors),
    termination.RequestTermination: _rule(PARTNER, CUSTOMER, SUPPORT, PLATFORM, roles=_enders),
    termination.ConfirmTermination: _rule(PARTNER, CUSTOMER, SUPPORT, roles=_enders),
    termination.SendVerificationCode: _rule(PARTNER, CUSTOMER, SUPPORT, roles=_enders),
    termination.SubmitVerificationCode: _rule(PARTNER, CUSTOMER, SUPPORT, roles=_enders),
    termination.DecideTermination: _rule(PARTNER, CUSTOMER, PLATFORM, roles=_enders),
    termination.WithdrawTermination: _rule(PARTNER, CUSTOMER, SUPPORT, PLATFORM, roles=_enders),
    termination.WaiveBlock: _rule(PLATFORM),
    termination.GrantExtraRequest: _rule(PLATFORM),
    closing.RecordClosingStep: _rule(SYSTEM, PLATFORM),
    closing.RecordFinalBill: _rule(SYSTEM),
    closing.ConfirmFinalBill: _rule(CUSTOMER, roles=_admins),
    closing.DisputeFinalBill: _rule(CUSTOMER, roles=_admins),
    closing.ResolveDispute: _rule(SUPPORT),
    closing.RequestDataExport: _rule(CUSTOMER, roles=_admins),
    closing.RecordDataExport: _rule(SYSTEM, PLATFORM),
    closing.PlaceLegalHold: _rule(PLATFORM),
    closing.ReleaseLegalHold: _rule(PLATFORM),
    closing.RequestReactivation: _rule(PARTNER, CUSTOMER, roles=_enders),
    closing.AnswerReactivation: _rule(PARTNER, CUSTOMER, PLATFORM, roles=_enders),
    internal.EndForSwitch: _rule(SYSTEM),
    internal.CompleteSwitch: _rule(SYSTEM),
    internal.AbortSwitch: _rule(SYSTEM),
    internal.RecheckTermination: _rule(SYSTEM),
    internal.SpreadAgreement: _rule(SYSTEM),
    internal.ApplyAgreement: _rule(SYSTEM),
    internal.DeadlineReached: _rule(SYSTEM),
}


def refusal(documents: Documents, message: CommandMessage, policy: Policy) -> Rejected | None:
    """Why the command is not even looked at, if so."""
    command = message.data
    rule = RULES[type(command)]
    actor = command.actor
    if actor.kind not in rule.parties:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"parties": sorted(rule.parties)})
    if actor.kind in _SIDES:
        if actor.role not in (roles := rule.roles_of(actor.kind, policy)):
            return Rejected(RejectionCode.NOT_AUTHORIZED, {"roles": [role.value for role in roles]})
        if not _is_on_own_side(documents, message):
            return Rejected(RejectionCode.NOT_AUTHORIZED, {"side": actor.kind.value})
    if command.expected_version is not None:
        current = version(_subject_of(documents, message))
        if command.expected_version != current:
            return Rejected(RejectionCode.VERSION_CONFLICT, {"current_version": current})
    return None


_SIDES = (Party.PARTNER, Party.CUSTOMER)


def _is_on_own_side(documents: Documents, message: CommandMessage) -> bool:
    """A partner acts in its own lane, a customer on a partnership of its own."""
    actor, partnership = message.data.actor, documents.partnership
    if actor.kind is Party.PARTNER:
        return actor.party_id == message.partner_id
    if partnership is None:
        return isinstance(message.data, invitation.InviteCustomer) and message.data.customer_id == actor.party_id
    if partnership.customer_id is not None:
        return actor.party_id == partnership.customer_id
    return _came_in(partnership, message.data)


def _came_in(partnership: Partnership, command: Command) -> bool:
    """Before an invited company is known as a customer, it is whoever came in through the link.

    OpenInvitation shows that by its token, and nobody else can go on.
    """
    if isinstance(command, invitation.OpenInvitation):
        return True
    if isinstance(partnership.state, Invited):
        return partnership.state.opened_by == actor_of(command)
    # A closed offer allows nothing to anybody, and its status is the better answer; but its card is nobody's yet.
    return not isinstance(command, binding.HidePartnership | binding.ShowPartnership)


def actor_of(command: Command) -> str:
    """Whose user gave it."""
    return command.actor.party_id


def _subject_of(documents: Documents, message: CommandMessage) -> Document | None:
    match message.data:
        case (
            facts.RegisterPartner()
            | facts.ReportPartnerStanding()
            | facts.UpdateAgreement()
            | internal.SpreadAgreement()
        ):
            return documents.partner
        case facts.ReportCustomerStanding() | termination.GrantExtraRequest():
            return documents.customer
        case _:
            partnership = documents.partnership
            return partnership if partnership and partnership.partner_id == message.partner_id else None


def version(document: Document | None) -> int:
    """The number of its latest lifecycle event."""
    return document.sequences.get("lifecycle", 0) if document else 0
