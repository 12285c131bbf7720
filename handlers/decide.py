"""One command, one function: the table of contents of the rule book."""

from collections.abc import Callable

from contracts.commands import binding, closing, facts, internal, invitation, termination
from contracts.message import Command, CommandMessage
from handlers import (
    acceptance,
    admission,
    consent,
    drafting,
    due,
    ending,
    final_bill,
    keeping,
    modification,
    offering,
    reactivation,
    submission,
    switching,
    telling,
    upkeep,
    verification,
)
from handlers import closing as closing_steps
from handlers import facts as reports
from handlers import invitation as entering
from handlers.decision import Context, Decision, Rejected
from handlers.documents import Documents
from handlers.scene import scene_of

ABOUT_PARTIES: dict[type[Command], Callable[..., Decision]] = {
    facts.RegisterPartner: reports.register_partner,
    facts.ReportPartnerStanding: reports.report_partner_standing,
    facts.UpdateAgreement: reports.update_agreement,
    internal.SpreadAgreement: reports.spread_agreement,
    facts.ReportCustomerStanding: reports.report_customer_standing,
    termination.GrantExtraRequest: reports.grant_extra_request,
}
"""Commands about a partner or a customer: (documents, message, command)."""

ON_PARTNERSHIP: dict[type[Command], Callable[..., Decision]] = {
    invitation.ResendInvitation: offering.resend,
    invitation.OpenInvitation: entering.open_invitation,
    invitation.RecordIdentityVerification: entering.record_identity_verification,
    invitation.AcceptInvitation: acceptance.accept,
    invitation.DeclineInvitation: acceptance.decline,
    invitation.CancelInvitation: offering.cancel,
    binding.RecordActivation: upkeep.record_activation,
    binding.ConfigurePermissions: upkeep.configure_permissions,
    binding.ChooseBilling: upkeep.choose_billing,
    binding.UpdateCustomerInfo: modification.update_customer_info,
    binding.AssignContacts: upkeep.assign_contacts,
    binding.ProposeModification: modification.propose,
    binding.AnswerModification: modification.answer,
    binding.RecordBusinessData: upkeep.record_business_data,
    binding.RecordNotificationOutcome: telling.record_outcome,
    binding.SuspendPartnership: upkeep.suspend,
    binding.ResumePartnership: upkeep.resume,
    binding.HidePartnership: upkeep.hide,
    binding.ShowPartnership: upkeep.show,
    termination.CheckTermination: drafting.check,
    termination.RequestTermination: drafting.request,
    termination.ConfirmTermination: submission.confirm,
    termination.SendVerificationCode: verification.send_code,
    termination.SubmitVerificationCode: verification.submit_code,
    termination.DecideTermination: consent.decide,
    termination.WithdrawTermination: drafting.withdraw,
    termination.WaiveBlock: ending.waive,
    closing.RecordClosingStep: closing_steps.record_step,
    closing.RecordFinalBill: final_bill.record_bill,
    closing.ConfirmFinalBill: final_bill.confirm_bill,
    closing.DisputeFinalBill: final_bill.dispute_bill,
    closing.ResolveDispute: final_bill.resolve_dispute,
    closing.RequestDataExport: keeping.request_export,
    closing.RecordDataExport: keeping.record_export,
    closing.PlaceLegalHold: keeping.place_hold,
    closing.ReleaseLegalHold: keeping.release_hold,
    closing.RequestReactivation: reactivation.request,
    closing.AnswerReactivation: reactivation.answer,
    internal.EndForSwitch: switching.end_for_switch,
    internal.CompleteSwitch: switching.complete_switch,
    internal.AbortSwitch: switching.abort_switch,
    internal.RecheckTermination: ending.recheck_for_facts,
    internal.ApplyAgreement: reports.apply_agreement,
    internal.DeadlineReached: due.reach,
}
"""Commands about a partnership that exists in this lane: (scene, command)."""


def decide(documents: Documents, message: CommandMessage, context: Context) -> Decision:
    """What follows from a command: facts, or a refusal."""
    command, platform_policy = message.data, context.policy
    if documents.partner is not None:
        context = context._replace(policy=context.policy.with_agreement(documents.partner.agreement.overrides))
    decider = ON_PARTNERSHIP.get(type(command))
    if decider is None:
        return admission.refusal(documents, message, context.policy) or _decide_first(documents, message, context)
    scene = scene_of(documents, message, context, platform_policy)
    if isinstance(scene, Rejected):
        return scene
    return admission.refusal(documents, message, context.policy) or decider(scene, command)


def _decide_first(documents: Documents, message: CommandMessage, context: Context) -> Decision:
    """Commands that need no partnership yet."""
    if isinstance(message.data, invitation.InviteCustomer):
        return offering.invite(documents, message, message.data, context)
    return ABOUT_PARTIES[type(message.data)](documents, message, reports.not_ahead(message.data, context.now))
